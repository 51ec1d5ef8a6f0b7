"""How a service gets back to its primary, whatever happened before.

Nothing here needs the failed release, its image, the registry or a metric: only what
the two ECS services, the target groups and the rules say of themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from slipway.domain.service import ALL_TRAFFIC, WEIGHTS_SETTLE_SECONDS, Slot
from slipway.domain.traffic import Weights


class Move(StrEnum):
    """What to do next."""

    AWAIT_FENCE = "await-fence"
    SCALE_UP = "scale-up"
    AWAIT_HEALTH = "await-health"
    GIVE_TRAFFIC = "give-traffic"
    YIELD_TRAFFIC = "yield-traffic"
    AWAIT_WEIGHTS = "await-weights"
    CLOSE_RULE = "close-rule"
    REMOVE_CANDIDATE = "remove-candidate"
    GIVE_BOUNDS = "give-bounds"
    DONE = "done"
    GIVE_UP = "give-up"


@dataclass(frozen=True, slots=True)
class NextMove:
    """A move towards `primary`, and its reason."""

    move: Move
    primary: Slot | None
    reason: str


@dataclass(frozen=True, slots=True)
class Situation:
    """What a service looks like, as one look saw it."""

    desired: Mapping[Slot, int]
    healthy: Mapping[Slot, int]
    """The healthy targets of each slot, in the binding where it has fewest; its
    healthy tasks where it has no binding."""
    weights: Weights
    """Each slot's lowest share in any rule; nothing where rules answer by
    themselves."""
    sticky: bool = False
    """Whether any rule lets clients stay with a slot, whatever its weight."""
    weighted: bool = True
    """False where there are no rules: whoever has tasks gets requests."""
    settle_seconds: int = WEIGHTS_SETTLE_SECONDS
    """How long after a write load balancers may act on old weights."""


def next_move(
    situation: Situation,
    *,
    primary: Slot | None,
    candidate: Slot,
    is_open: bool,
    base: int,
    since_shift: timedelta | None,
    since_begin: timedelta,
    timeout_seconds: int,
) -> NextMove:
    """Return the next move towards the primary alone at 100 %.

    The order is fixed: capacity, health, weight, and only then the candidate's removal,
    once load balancers act on the new weights everywhere. `is_open` says whether the
    service's own rules forward at all; `base` is how many tasks all the traffic needs;
    `since_shift` is None where this restore moved no weight.
    """
    overdue = since_begin > timedelta(seconds=timeout_seconds)
    if primary is None:
        step = (Move.CLOSE_RULE, "no release was ever healthy") if is_open else None
    elif situation.weighted:
        step = _give_all(situation, primary, base, overdue=overdue)
    else:
        step = _stand_alone(situation, primary, base, overdue=overdue)
    step = step or _without(situation, candidate, since_shift)
    step = step or _alone(situation, primary, base, overdue=overdue)
    move, reason = step
    return NextMove(move, primary, reason)


def _give_all(
    situation: Situation, primary: Slot, base: int, *, overdue: bool
) -> tuple[Move, str] | None:
    """Return the next move towards all weight on the primary, None where it has it.

    A primary that scaled out meanwhile has to be as healthy as it is large by now.
    """
    if situation.desired[primary] < base:
        return _scale_up(situation, primary, base)
    if situation.weights.get(primary, 0) == ALL_TRAFFIC:
        if situation.sticky:
            return Move.GIVE_TRAFFIC, f"clients may stay with slot {primary.other}"
        return None
    enough, facts = _whole(situation, primary, base)
    if enough:
        return Move.GIVE_TRAFFIC, facts
    if not overdue:
        return Move.AWAIT_HEALTH, facts
    return _last_resort(situation, primary, facts) or _give_up(primary, facts)


def _stand_alone(
    situation: Situation, primary: Slot, base: int, *, overdue: bool
) -> tuple[Move, str] | None:
    """Return the next move of a primary without rules, None where it needs no other.

    The candidate's removal is what takes its requests away. So it waits for the
    primary's health, unless the candidate has none itself when time is up.
    """
    if situation.desired[primary] < base:
        return _scale_up(situation, primary, base)
    if situation.desired[primary.other] == 0:
        return None
    enough, facts = _whole(situation, primary, base)
    healthy = situation.healthy
    if enough or (overdue and healthy[primary] > 0 and healthy[primary.other] == 0):
        return None
    return _give_up(primary, facts) if overdue else (Move.AWAIT_HEALTH, facts)


def _scale_up(situation: Situation, primary: Slot, base: int) -> tuple[Move, str]:
    desired = situation.desired[primary]
    return Move.SCALE_UP, f"slot {primary} has {desired} of {base} tasks"


def _whole(situation: Situation, primary: Slot, base: int) -> tuple[bool, str]:
    """Say whether the primary is as healthy as it must be, and the facts of it."""
    healthy, needed = situation.healthy[primary], max(base, situation.desired[primary])
    return (
        healthy >= needed,
        f"slot {primary} has {healthy} healthy of {needed} needed",
    )


def _give_up(primary: Slot, facts: str) -> tuple[Move, str]:
    return (
        Move.GIVE_UP,
        f"{facts}, its time is up: slot {primary.other} keeps what it carries",
    )


def _last_resort(
    situation: Situation, primary: Slot, facts: str
) -> tuple[Move, str] | None:
    """Let the side that has any health carry all, where the other side has none."""
    healthy, other = situation.healthy, primary.other
    if healthy[primary] > 0 and healthy[other] == 0:
        return Move.GIVE_TRAFFIC, f"last resort: {facts}, slot {other} has none"
    yields = situation.weights.get(other, 0) < ALL_TRAFFIC
    if healthy[primary] == 0 and healthy[other] > 0 and yields:
        return Move.YIELD_TRAFFIC, f"last resort: {facts}, slot {other} has some"
    return None


def _without(
    situation: Situation, candidate: Slot, since_shift: timedelta | None
) -> tuple[Move, str] | None:
    """Return the next move towards no candidate, None where it has no tasks."""
    if situation.desired[candidate] == 0:
        return None
    settle = timedelta(seconds=situation.settle_seconds)
    if since_shift is not None and since_shift < settle:
        return Move.AWAIT_WEIGHTS, "load balancers may still act on old weights"
    if not situation.weighted:
        other, healthy = candidate.other, situation.healthy[candidate.other]
        return Move.REMOVE_CANDIDATE, f"slot {other} does without, {healthy} healthy"
    return Move.REMOVE_CANDIDATE, f"slot {candidate} carries no traffic"


def _alone(
    situation: Situation, primary: Slot | None, base: int, *, overdue: bool
) -> tuple[Move, str]:
    """Say whether what serves alone now is what it must be."""
    if primary is None:
        return Move.DONE, "no release serves, as before"
    healthy = situation.healthy[primary]
    if healthy >= base:
        return Move.DONE, "the primary alone serves, at full capacity"
    facts = f"slot {primary} serves alone with {healthy} healthy of {base} needed"
    return Move.GIVE_UP if overdue else Move.AWAIT_HEALTH, facts
