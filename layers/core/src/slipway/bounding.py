"""Bounds of autoscaling, joined: what the domain wants of them, written to AWS.

For a service that is not autoscaled nothing here calls AWS. What writes is called
inside `writing`, writes only what is not so already, and makes no target.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway import clock
from slipway.domain.capacity import tasks_for
from slipway.domain.restore import Move, NextMove
from slipway.domain.scaling import (
    IDLE,
    frozen,
    grown_base,
    left,
    opened,
    resting,
    stepping,
)
from slipway.errors import Refused
from slipway.fence import writing
from slipway.surroundings import base_now, slots_now

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from slipway.domain.health import SlotView
    from slipway.domain.rollout import Mark, Rollout
    from slipway.domain.scaling import Target
    from slipway.domain.service import Scaling, Service, Slot
    from slipway.wiring import App

ENDS = frozenset({Move.DONE, Move.GIVE_UP, Move.GIVE_BOUNDS})
"""Moves of a restore that leave slots and rules as they are."""
GIVEN = "tasks"
BASE = "base"
"""Facts of a step's mark `capacity-N`: what the candidate was given, of what."""


def surveyed(
    rollout: Rollout,
    slots: Mapping[Slot, SlotView],
    marks: Sequence[Mark],
) -> int:
    """Return how many tasks all of the traffic needs, scale-out taken into account.

    What an earlier look found stays: by then the candidate was given as much, so that
    it does not look grown any more.
    """
    service, sides = rollout.service, rollout.known_sides
    base = base_now(service, sides, slots)
    if service.scaling is None or sides.primary is None:
        return base
    given = [int(mark.facts.get(GIVEN, 0)) for mark in _capacities(marks)]
    first = tasks_for(rollout.steps[0].weight_percent, sides.base_tasks)
    scaling = _scaling_now(service.scaling)
    found = grown_base(
        scaling,
        base,
        primary=(
            max(sides.base_tasks, scaling.min_tasks),
            slots[sides.primary].desired,
        ),
        candidate=(
            max(given, default=first),
            slots[sides.candidate].desired,
        ),
        carries=any(m.name.startswith("shifted-") for m in marks),
    )
    return max(found, _known_base(marks))


def noted(service: Service, base: int, tasks: int) -> dict[str, float]:
    """Return the facts of a step's mark that `surveyed` reads again."""
    return {} if service.scaling is None else {BASE: base, GIVEN: tasks}


def needed(
    rollout: Rollout, slots: Mapping[Slot, SlotView], marks: Sequence[Mark]
) -> int:
    """Return what all of the traffic needs, as capacity was last given for it."""
    base = base_now(rollout.service, rollout.known_sides, slots)
    return max(base, _known_base(marks))


def returning(rollout: Rollout, marks: Sequence[Mark]) -> int:
    """Return how many tasks the primary needs to carry everything again.

    A candidate that grew since the last step counts for nothing: it may be its own
    fault, and waiting for the primary to grow as much would keep it serving.
    """
    return max(rollout.known_sides.base_tasks, _known_base(marks))


def open_candidate(rollout: Rollout, tasks: int, app: App) -> None:
    """Freeze the primary, then raise the candidate's maximum: before its launch."""
    service, sides = rollout.service, rollout.known_sides
    if service.scaling is None:
        return
    known = app.autoscaling.require(*service.slots.values())
    _freeze_primary(rollout, known, app)
    scaling = _scaling_now(service.scaling)
    wanted = opened(scaling, rollout.steps[0].weight_percent, tasks)
    if known[service.slots[sides.candidate]].max_tasks < wanted.max_tasks:
        _hold(service, sides.candidate, wanted, known, app)


def bound_candidate(rollout: Rollout, step: int, tasks: int, app: App) -> None:
    """Freeze the primary, then give the candidate the bounds of a step's tasks.

    Bounds that somebody else wrote meanwhile are overwritten.
    """
    service, sides = rollout.service, rollout.known_sides
    if service.scaling is None:
        return
    known = app.autoscaling.require(*service.slots.values())
    _freeze_primary(rollout, known, app)
    scaling = _scaling_now(service.scaling)
    wanted = stepping(scaling, rollout.steps[step].weight_percent, tasks)
    _hold(service, sides.candidate, wanted, known, app)


def rest_primary(service: Service, slot: Slot, app: App) -> None:
    """Give a slot that serves alone the service's bounds, and its scaling back.

    A scheduled time that came between the clock's reading and the write found the slot
    suspended: then the bounds are another's by now, and are written once more.
    """
    if service.scaling is None:
        return
    bounds, holds = None, _scaling_now(service.scaling)
    while bounds != holds:
        bounds = holds
        known = app.autoscaling.require(*service.slots.values())
        _hold(service, slot, resting(bounds), known, app)
        holds = _scaling_now(service.scaling)


def rest_promoted(rollout: Rollout, fence: int, app: App) -> None:
    """Give a candidate that was just promoted the bounds of rest, if it may have them.

    Without rules the old slot takes its part of the requests until it is retired: a new
    primary that scaled in for that would lack what it gave away.
    """
    service, sides = rollout.service, rollout.known_sides
    if service.scaling is None:
        return
    if service.bindings or sides.primary is None:
        with writing(rollout, fence, app):
            rest_primary(service, sides.candidate, app)


def idle(service: Service, slot: Slot, app: App) -> None:
    """Suspend a slot and bound it at 0, which takes its tasks; look whether it is so.

    Raises Refused where it is not.
    """
    if service.scaling is None:
        return
    name = service.slots[slot]
    _hold(service, slot, IDLE, app.autoscaling.observe(name), app)
    now = app.autoscaling.observe(name).get(name, IDLE)
    if now != IDLE:
        raise Refused(f"{name} is bounded by {now}: somebody else registered it")


def keep_primary(service: Service, slot: Slot, base: int, app: App) -> None:
    """Freeze a primary that a restore scaled up: its bounds must not take that back."""
    if service.scaling is not None:
        known = app.autoscaling.observe(service.slots[slot])
        wanted = frozen(_scaling_now(service.scaling), base, base)
        _hold(service, slot, wanted, known, app)


def given_back(rollout: Rollout, step: NextMove, app: App) -> dict[Slot, Target]:
    """Return the bounds that a restore that is over still has to give back."""
    service = rollout.service
    if service.scaling is None or step.move not in ENDS:
        return {}
    views = app.ecs.observe(*service.slots.values())
    known = app.autoscaling.observe(*service.slots.values())
    scaling, wanted = _scaling_now(service.scaling), {}
    for slot, name in service.slots.items():
        if name not in known:
            continue
        if slot is step.primary:
            want = resting(scaling)
        elif name not in views or views[name].desired == 0:
            want = IDLE
        else:
            want = left(scaling, views[name].desired)
        if known[name] != want:
            wanted[slot] = want
    return wanted


def give_back(rollout: Rollout, wanted: Mapping[Slot, Target], app: App) -> None:
    """Write what `given_back` found."""
    for slot, target in wanted.items():
        app.autoscaling.register(rollout.service.slots[slot], target)


def _scaling_now(scaling: Scaling) -> Scaling:
    """Return the bounds that hold by the clock."""
    return scaling.at(clock.now())


def _known_base(marks: Sequence[Mark]) -> int:
    return max((int(m.facts.get(BASE, 0)) for m in _capacities(marks)), default=0)


def _capacities(marks: Sequence[Mark]) -> list[Mark]:
    return [mark for mark in marks if mark.name.startswith("capacity-")]


def _freeze_primary(rollout: Rollout, known: Mapping[str, Target], app: App) -> None:
    service, sides = rollout.service, rollout.known_sides
    if service.scaling is not None and sides.primary is not None:
        desired = slots_now(service, app)[sides.primary].desired
        scaling = _scaling_now(service.scaling)
        wanted = frozen(scaling, sides.base_tasks, desired)
        _hold(service, sides.primary, wanted, known, app)


def _hold(
    service: Service, slot: Slot, wanted: Target, known: Mapping[str, Target], app: App
) -> None:
    """Write bounds where they are not so already; a target that lacks is not made."""
    name = service.slots[slot]
    if name in known and known[name] != wanted:
        app.autoscaling.register(name, wanted)
