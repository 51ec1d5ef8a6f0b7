"""Launch the candidate at the first step's capacity: one call with absolute values."""

from dataclasses import dataclass

from slipway.bounding import bound_candidate, open_candidate
from slipway.carrying import require_idle
from slipway.domain.capacity import tasks_for
from slipway.domain.receipt import LAUNCHED
from slipway.fence import writing
from slipway.stage import StageRequest, note, revision_of, stage
from slipway.telling import tell_primary
from slipway.wiring import App


@dataclass(frozen=True, slots=True)
class Launched:
    """How many tasks of the release were asked for, in which ECS service."""

    ecs_service: str
    tasks: int
    reason: str


def run(request: StageRequest, app: App) -> Launched:
    """Give the idle slot its revision and count together."""
    rollout = app.journal.rollout(request.service, request.rollout_id)
    sides = rollout.known_sides
    revision = revision_of(rollout, app)
    ecs_service = rollout.service.slots[sides.candidate]
    weight = rollout.steps[0].weight_percent
    tasks = tasks_for(weight, sides.base_tasks)
    require_idle(rollout, revision, tasks, app)
    with writing(rollout, request.held_fence, app):
        tell_primary(rollout, sides.primary, app)
        open_candidate(rollout, tasks, app)
        app.ecs.launch(ecs_service, rollout.release, revision, tasks)
        bound_candidate(rollout, 0, tasks, app)
    reason = f"{weight} % of {sides.base_tasks} tasks, rounded up: {tasks}"
    note(app, rollout, LAUNCHED, reason)
    return Launched(ecs_service, tasks, reason)


handler = stage(run)
