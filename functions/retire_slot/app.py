"""Take the old slot's tasks away once nothing reaches them: an absolute 0."""

from dataclasses import dataclass

from slipway.bounding import idle, rest_primary
from slipway.domain.receipt import RETIRED
from slipway.domain.traffic import most_carried
from slipway.errors import Refused
from slipway.fence import writing
from slipway.stage import StageRequest, note, stage
from slipway.surroundings import weights_now
from slipway.wiring import App


@dataclass(frozen=True, slots=True)
class Retired:
    """Which ECS service is idle now, None where there was no old slot."""

    ecs_service: str | None
    reason: str


def run(request: StageRequest, app: App) -> Retired:
    """Check that no rule sends the old slot anything; then scale it to 0."""
    rollout = app.journal.rollout(request.service, request.rollout_id)
    service, old = rollout.service, rollout.known_sides.primary
    if old is None:
        return Retired(None, "a first release replaces nothing")
    share = most_carried(weights_now(service, app), old)
    if share > 0:
        raise Refused(f"slot {old} still carries {share} % in some rule")
    with writing(rollout, request.held_fence, app):
        rest_primary(service, old.other, app)
        idle(service, old, app)
        app.ecs.scale(service.slots[old], 0)
    reason = f"slot {old} carries no traffic and its delay is over"
    note(app, rollout, RETIRED, reason)
    return Retired(service.slots[old], reason)


handler = stage(run)
