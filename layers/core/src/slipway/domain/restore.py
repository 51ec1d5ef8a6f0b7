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

    SCALE_UP = "scale-up"
    AWAIT_HEALTH = "await-health"
    GIVE_TRAFFIC = "give-traffic"
    YIELD_TRAFFIC = "yield-traffic"
    AWAIT_WEIGHTS = "await-weights"
    CLOSE_RULE = "close-rule"
    REMOVE_CANDIDATE = "remove-candidate"
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
    """The healthy targets of each slot, in the binding where it has fewest."""
    weights: Weights
    """Each slot's lowest share in any rule; nothing where rules answer by
    themselves."""


def next_move(
    situation: Situation,
    *,
    primary: Slot | None,
    candidate: Slot,
    base: int,
    since_shift: timedelta | None,
    since_begin: timedelta,
    timeout_seconds: int,
) -> NextMove:
    """Return the next move towards the primary alone at 100 %.

    The order is fixed: capacity, health, weight, and only then the candidate's removal,
    once load balancers act on the new weights everywhere. `base` is how many tasks all
    the traffic needs; `since_shift` is None where this restore moved no weight.
    """

    def move(kind: Move, reason: str) -> NextMove:
        return NextMove(kind, primary, reason)

    if primary is None:
        if situation.weights:
            return move(Move.CLOSE_RULE, "no release was ever healthy")
    else:
        desired = situation.desired[primary]
        if desired < base:
            return move(Move.SCALE_UP, f"slot {primary} has {desired} of {base} tasks")
        if situation.weights.get(primary, 0) < ALL_TRAFFIC:
            overdue = since_begin > timedelta(seconds=timeout_seconds)
            return move(*_towards(situation, primary, base, overdue=overdue))
    if situation.desired[candidate] == 0:
        return move(Move.DONE, "the primary alone serves, at full capacity")
    settle = timedelta(seconds=WEIGHTS_SETTLE_SECONDS)
    if since_shift is not None and since_shift < settle:
        return move(Move.AWAIT_WEIGHTS, "load balancers may still act on old weights")
    return move(Move.REMOVE_CANDIDATE, f"slot {candidate} carries no traffic")


def _towards(
    situation: Situation, primary: Slot, base: int, *, overdue: bool
) -> tuple[Move, str]:
    healthy, other = situation.healthy[primary], primary.other
    carries_some = situation.weights.get(other, 0) < ALL_TRAFFIC
    facts = f"slot {primary} has {healthy} healthy of {base} needed"
    if healthy >= base:
        return Move.GIVE_TRAFFIC, facts
    if not overdue:
        return Move.AWAIT_HEALTH, facts
    if healthy > 0 and situation.healthy[other] == 0:
        return Move.GIVE_TRAFFIC, f"last resort: {facts}, slot {other} has none"
    if healthy == 0 and situation.healthy[other] > 0 and carries_some:
        return Move.YIELD_TRAFFIC, f"last resort: {facts}, slot {other} has some"
    return Move.GIVE_UP, f"{facts}, its time is up: slot {other} keeps what it carries"
