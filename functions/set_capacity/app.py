"""Give the candidate the capacity that a step needs: an absolute count.

What it is given is noted before, so that a second run does not take it for scale-out.
"""

from dataclasses import dataclass

from slipway.bounding import bound_candidate, noted, surveyed
from slipway.domain.capacity import tasks_for
from slipway.domain.scaling import falls_short
from slipway.fence import writing
from slipway.stage import StageRequest, note, stage
from slipway.surroundings import slots_now
from slipway.wiring import App


@dataclass(frozen=True, slots=True)
class CapacitySet:
    """How many tasks the candidate has for this step, at least."""

    tasks: int
    reason: str


def run(request: StageRequest, app: App) -> CapacitySet:
    """Scale the candidate before its weight rises, by the primary of this moment."""
    rollout = app.journal.rollout(request.service, request.rollout_id)
    service, sides = rollout.service, rollout.known_sides
    weight = rollout.steps[request.step].weight_percent
    slots = slots_now(service, app)
    base = surveyed(rollout, slots, app.journal.marks(rollout))
    tasks = tasks_for(weight, base)
    scaled = falls_short(service.scaling, slots[sides.candidate].desired, tasks)
    reason = f"{weight} % of {base} tasks, rounded up: {tasks}"
    facts = noted(service, base, tasks)
    note(app, rollout, f"capacity-{request.step}", reason, facts, again=scaled)
    if scaled or service.scaling is not None:
        with writing(rollout, request.held_fence, app):
            if scaled:
                app.ecs.scale(service.slots[sides.candidate], tasks)
            bound_candidate(rollout, request.step, tasks, app)
    return CapacitySet(tasks, reason)


handler = stage(run)
