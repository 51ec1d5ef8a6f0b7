"""Give the candidate the capacity that a step needs: an absolute count."""

from dataclasses import dataclass

from slipway import clock
from slipway.domain.capacity import tasks_for
from slipway.stage import StageRequest, note, stage
from slipway.wiring import App


@dataclass(frozen=True, slots=True)
class CapacitySet:
    """How many tasks the candidate has for this step."""

    tasks: int
    reason: str


def run(request: StageRequest, app: App) -> CapacitySet:
    """Scale the candidate, before its weight rises."""
    rollout = app.journal.rollout(request.service, request.rollout_id)
    sides = rollout.known_sides
    weight = rollout.steps[request.step].weight_percent
    tasks = tasks_for(weight, sides.base_tasks)
    app.journal.hold(rollout, request.held_fence, clock.now())
    app.ecs.scale(rollout.service.slots[sides.candidate], tasks)
    reason = f"{weight} % of {sides.base_tasks} tasks, rounded up: {tasks}"
    note(app, rollout, f"capacity-{request.step}", reason)
    return CapacitySet(tasks, reason)


handler = stage(run)
