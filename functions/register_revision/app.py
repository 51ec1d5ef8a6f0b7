"""Register the release's task definition, unless its family's newest already is it."""

from dataclasses import dataclass

from slipway.domain.release import task_definition
from slipway.fence import writing
from slipway.gateways.ecs import RELEASE_TAG
from slipway.stage import StageRequest, stage
from slipway.wiring import App


@dataclass(frozen=True, slots=True)
class Registered:
    """The revision that the candidate will run."""

    revision: str
    reason: str


def run(request: StageRequest, app: App) -> Registered:
    """Look in the journal, then at ECS; register only what neither knows."""
    rollout = app.journal.rollout(request.service, request.rollout_id)
    release = rollout.release
    known = app.journal.revision(request.service, release.id)
    if known is not None:
        return Registered(known, f"release {release.id} was registered before")
    settings = app.settings
    family = f"{settings.environment}_{request.service}"
    revision = app.ecs.find_revision(family, release.id)
    if revision is None:
        tags = {
            RELEASE_TAG: release.id,
            "slipway:environment": settings.environment,
            "slipway:service": request.service,
        }
        definition = task_definition(release, family=family, region=settings.region)
        with writing(rollout, request.held_fence, app):
            revision = app.ecs.register(definition, tags)
    app.journal.put_revision(request.service, release.id, revision)
    return Registered(revision, f"release {release.id} is {revision}")


handler = stage(run)
