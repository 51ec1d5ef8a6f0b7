"""Give the candidate the capacity that a step needs: an absolute count."""

from dataclasses import dataclass

from slipway.domain.capacity import tasks_for
from slipway.fence import writing
from slipway.stage import StageRequest, note, stage
from slipway.surroundings import base_now, slots_now
from slipway.wiring import App


@dataclass(frozen=True, slots=True)
class CapacitySet:
    """How many tasks the candidate has for this step."""

    tasks: int
    reason: str


def run(request: StageRequest, app: App) -> CapacitySet:
    """Scale the candidate before its weight rises, by the primary of this moment."""
    rollout = app.journal.rollout(request.service, request.rollout_id)
    service, sides = rollout.service, rollout.known_sides
    weight = rollout.steps[request.step].weight_percent
    slots = slots_now(service, app)
    base = base_now(service, sides, slots)
    tasks = tasks_for(weight, base)
    scaled = slots[sides.candidate].desired != tasks
    if scaled:
        with writing(rollout, request.held_fence, app):
            app.ecs.scale(service.slots[sides.candidate], tasks)
    reason = f"{weight} % of {base} tasks, rounded up: {tasks}"
    note(app, rollout, f"capacity-{request.step}", reason, again=scaled)
    return CapacitySet(tasks, reason)


handler = stage(run)
