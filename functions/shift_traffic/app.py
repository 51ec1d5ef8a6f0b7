"""Write a step's weights, if it has rules and health permits: absolute weights."""

from dataclasses import dataclass
from enum import StrEnum

from slipway import clock
from slipway.bounding import needed
from slipway.domain.traffic import least_weights, may_carry, rising, step_shares
from slipway.fence import writing
from slipway.stage import StageRequest, marked_at, note, stage
from slipway.surroundings import healthy_now, rules_now, shares_of, slots_now
from slipway.telling import lead
from slipway.wiring import App


class Shift(StrEnum):
    """Whether weights were written; where not, whether to try again."""

    SHIFTED = "shifted"
    WAITING = "waiting"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Shifted:
    """What became of a step's weights, and why."""

    verdict: Shift
    weight_percent: int
    reason: str


def run(request: StageRequest, app: App) -> Shifted:
    """Read the health of this moment, then write each binding's weights."""
    rollout = app.journal.rollout(request.service, request.rollout_id)
    service, sides = rollout.service, rollout.known_sides
    weight = rollout.steps[request.step].weight_percent
    wanted = step_shares(service, sides.candidate, weight)
    with writing(rollout, request.held_fence, app):
        rules = rules_now(service, app)
        current = least_weights(shares_of(rules))
        permission = may_carry(
            wanted,
            healthy_now(service, app, rising(wanted, current)),
            current=current,
            base=needed(rollout, slots_now(service, app), app.journal.marks(rollout)),
        )
        if permission.allowed:
            lead(rollout, wanted, app, rules)
    if not permission.allowed:
        waited = clock.now() - marked_at(rollout, f"capacity-{request.step}", app)
        overdue = waited.total_seconds() > service.rollout.launch_timeout_seconds
        verdict = Shift.REFUSED if overdue else Shift.WAITING
        return Shifted(verdict, weight, permission.reason)
    note(app, rollout, f"shifted-{request.step}", permission.reason)
    return Shifted(Shift.SHIFTED, weight, permission.reason)


handler = stage(run)
