"""What a service looks like at this moment, as every stage that writes must know it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from slipway import clock
from slipway.domain.capacity import base_tasks
from slipway.domain.health import healthy_tasks
from slipway.domain.restore import Situation
from slipway.domain.rollout import Sides
from slipway.domain.service import Service, Slot
from slipway.domain.traffic import Weights, least_weights
from slipway.gateways.elbv2 import shares_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from slipway.domain.health import SlotView
    from slipway.domain.rollout import ServiceState
    from slipway.domain.service import Binding
    from slipway.gateways.ecs import Ecs
    from slipway.gateways.elbv2 import LoadBalancing, Rule


class Sight(Protocol):
    """What it takes to look: an app has it, and so has whoever only reads."""

    @property
    def ecs(self) -> Ecs:
        """The cluster's services."""

    @property
    def load_balancing(self) -> LoadBalancing:
        """Rules and target groups."""


def healthy_now(
    service: Service, app: Sight, slots: Iterable[Slot] = Slot
) -> dict[Slot, list[int]]:
    """Count the healthy targets of `slots` in each binding, or else healthy tasks."""
    if not service.bindings:
        return {
            slot: [healthy_tasks(app.ecs.tasks(service.slots[slot]), clock.now())]
            for slot in slots
        }
    return {
        slot: [
            app.load_balancing.healthy(binding.target_group_arns[slot])
            for binding in service.bindings
        ]
        for slot in slots
    }


def least(healthy: Mapping[Slot, Sequence[int]]) -> dict[Slot, int]:
    """Return each slot's healthy targets in the binding where it has fewest."""
    return {slot: min(counts, default=0) for slot, counts in healthy.items()}


def rules_now(service: Service, app: Sight) -> list[tuple[Binding, list[Rule]]]:
    """Return each binding with its rules."""
    return [(b, app.load_balancing.rules(b)) for b in service.bindings]


def shares_of(rules: Sequence[tuple[Binding, Sequence[Rule]]]) -> list[Weights]:
    """Return the slots' shares in every rule of every binding that forwards to them."""
    return [shares for _, seen in rules for shares in shares_in(seen)]


def sticky_in(rules: Sequence[tuple[Binding, Sequence[Rule]]]) -> bool:
    """Whether clients may stay with a slot, whatever its weight, by any rule."""
    return any(rule.sticky_seconds for _, seen in rules for rule in seen)


def weights_now(service: Service, app: Sight) -> list[Weights]:
    """Return the slots' shares in every rule of every binding."""
    return shares_of(rules_now(service, app))


def open_now(service: Service, app: Sight) -> bool:
    """Whether any of the service's own rules forwards."""
    return any(map(app.load_balancing.is_open, service.bindings))


def serving_now(service: Service, app: Sight) -> bool:
    """Whether requests reach the service: by a rule, else by its tasks alone."""
    if service.bindings:
        return open_now(service, app)
    return any(view.desired for view in slots_now(service, app).values())


def sides_now(service: Service, state: ServiceState | None, app: Sight) -> Sides:
    """Return which slot serves and which is free, and what all the traffic needs."""
    least = service.least_tasks(clock.now())
    if state is None:
        return Sides(None, Slot.A, base_tasks(0, least))
    desired = slots_now(service, app)[state.primary].desired
    base = base_tasks(desired, least)
    return Sides(state.primary, state.primary.other, base)


def slots_now(service: Service, app: Sight) -> dict[Slot, SlotView]:
    """Read both slots in one call; raise NotFound where one is gone."""
    views = app.ecs.require(*service.slots.values())
    return {slot: views[name] for slot, name in service.slots.items()}


def base_now(service: Service, sides: Sides, slots: Mapping[Slot, SlotView]) -> int:
    """Return how many tasks all of the traffic needs, by the primary of this moment.

    Never fewer than when the rollout began: a primary that gave weight away may have
    been scaled in since, and the traffic is no less for that.
    """
    if sides.primary is None:
        return sides.base_tasks
    least = service.least_tasks(clock.now())
    return max(sides.base_tasks, base_tasks(slots[sides.primary].desired, least))


def situation(service: Service, app: Sight) -> Situation:
    """Look at both slots and all rules; a slot that is gone has no tasks."""
    views = app.ecs.observe(*service.slots.values())
    rules = rules_now(service, app)
    return Situation(
        desired={
            slot: views[name].desired if name in views else 0
            for slot, name in service.slots.items()
        },
        healthy=least(healthy_now(service, app)),
        weights=least_weights(shares_of(rules)),
        sticky=sticky_in(rules),
        weighted=bool(service.bindings),
        settle_seconds=service.settle_seconds,
    )
