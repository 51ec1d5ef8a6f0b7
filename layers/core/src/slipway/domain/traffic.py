"""Which weights may be written, given the health of this moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from slipway.domain.capacity import tasks_for
from slipway.domain.receipt import PROMOTED
from slipway.domain.rollout import Mark, Outcome, Rollout
from slipway.domain.service import ALL_TRAFFIC, Binding, Service, Slot

STICKY_SECONDS = 600
"""How long a client that sends nothing is still known to its slot. Each request begins
it anew (Application Load Balancers user guide, edit-target-group-attributes: the
cookies' expiry is reset after every request)."""

LONGEST_STAY = timedelta(days=7)
"""How long others may have let clients stay: the longest that AWS takes (ELB API
reference, TargetGroupStickinessConfig)."""

Weights = Mapping[Slot, int]
"""Each slot's share in percent; the two add up to 100."""


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether weights may be written, and why or why not."""

    allowed: bool
    reason: str


def weights(slot: Slot, weight_percent: int) -> Weights:
    """Return the weights that give `slot` its share and the other slot the rest."""
    return {slot: weight_percent, slot.other: ALL_TRAFFIC - weight_percent}


def step_shares(service: Service, slot: Slot, weight_percent: int) -> Weights:
    """Return what a step gives: weights or, without rules, the candidate's part alone.

    Nothing is taken from the other slot then: it keeps its tasks, and its requests.
    """
    if service.bindings:
        return weights(slot, weight_percent)
    return {slot: weight_percent}


def least_weights(rules: Sequence[Weights]) -> dict[Slot, int]:
    """Return each slot's lowest share in any of `rules`; empty where there is none."""
    if not rules:
        return {}
    return {slot: min(shares.get(slot, 0) for shares in rules) for slot in Slot}


def most_carried(rules: Sequence[Weights], slot: Slot) -> int:
    """Return the highest share of `slot` in any of `rules`, in percent."""
    return max((shares.get(slot, 0) for shares in rules), default=0)


def splits(shares: Weights | None) -> bool:
    """Whether both slots have a share: only then is there a slot to stay with."""
    return shares is not None and all(shares.get(slot, 0) for slot in Slot)


def stays(service: Service, binding: Binding) -> bool:
    """Whether clients stay with a slot by a binding's rules.

    Rules of one listener that lead to the same groups are written together: where one
    of them lets clients stay, all do.
    """
    return any(
        one.sticky
        for one in service.bindings
        if one.listener_arn == binding.listener_arn
        and one.target_group_arns == binding.target_group_arns
    )


def known_until(
    rollout: Rollout, marks: Sequence[Mark], outcome: Outcome
) -> datetime | None:
    """Return until when clients may be known to a slot, by a rollout that has ended.

    A promotion, and else its end, came after the write that let nobody stay any longer;
    where a person has to mend things, nobody knows when that comes. None where it never
    let anybody stay.
    """
    sides = rollout.sides
    if not rollout.service.sticky or sides is None or sides.primary is None:
        return None
    at = {mark.name: mark.at for mark in marks}
    since = at.get(PROMOTED, max(at.values(), default=rollout.created_at))
    if outcome is Outcome.FAILED:
        return max(at.values(), default=since) + LONGEST_STAY
    lasting = rollout.service.settle_seconds + STICKY_SECONDS
    return since + timedelta(seconds=lasting)


def rising(wanted: Weights, current: Weights) -> list[Slot]:
    """Return the slots whose share rises: those whose health counts."""
    return [slot for slot, share in wanted.items() if share > current.get(slot, 0)]


def may_carry(
    wanted: Weights,
    healthy: Mapping[Slot, Sequence[int]],
    *,
    current: Weights,
    base: int,
) -> Permission:
    """Hold invariant 1: no weight rises without the healthy targets to carry it.

    `healthy` has, per slot that rises, the healthy targets of its group in each
    binding, read at this moment; `current` its lowest share in any rule before the
    write, nothing where rules answer by themselves. Where a service has no rules,
    `wanted` has the candidate's share alone and `healthy` counts tasks.
    """
    for slot in rising(wanted, current):
        share = wanted[slot]
        needed = tasks_for(share, base)
        least = min(healthy[slot], default=0)
        if least < needed:
            return Permission(
                allowed=False,
                reason=f"slot {slot} has {least} healthy tasks; "
                f"{share} % of the traffic needs {needed}",
            )
    shares = ", ".join(f"{slot} {share} %" for slot, share in sorted(wanted.items()))
    return Permission(allowed=True, reason=f"enough healthy tasks for {shares}")
