"""Who carries what: by the weights of rules or, where a service has none, by tasks.

Without rules whoever has tasks gets requests, by how many they are. So there the old
slot carries its part until it is retired, and retiring it is what gives the new primary
everything.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from slipway import clock
from slipway.bounding import needed, returning
from slipway.domain.health import healthy_tasks
from slipway.domain.receipt import PROMOTED
from slipway.domain.service import ALL_TRAFFIC
from slipway.domain.traffic import least_weights, most_carried
from slipway.errors import Refused, Unavailable
from slipway.fence import writing
from slipway.stage import marked_at
from slipway.surroundings import (
    rules_now,
    shares_of,
    slots_now,
    sticky_in,
    weights_now,
)

if TYPE_CHECKING:
    from slipway.domain.health import SlotView
    from slipway.domain.rollout import Rollout
    from slipway.domain.service import Slot
    from slipway.wiring import App


def require_idle(rollout: Rollout, revision: str, tasks: int, app: App) -> None:
    """Refuse to launch a candidate in a slot that gets requests already.

    Without rules: one where the launch of `tasks` would replace any or take some away.
    """
    service, slot = rollout.service, rollout.known_sides.candidate
    rules = rules_now(service, app)
    share = most_carried(shares_of(rules), slot)
    if share > 0:
        raise Refused(f"slot {slot} is not idle: it carries {share} %")
    if service.sticky and sticky_in(rules):
        # At rest it is off, by each write of Slipway's.
        raise Refused(
            f"clients may stay with slot {slot}: somebody turned stickiness on in some "
            "rule; turn it off, or let a provision run do so, and retry"
        )
    if service.bindings:
        return
    view = slots_now(service, app)[slot]
    kept = view.task_definition_arn == revision and view.desired <= tasks
    if view.desired > 0 and not kept:
        raise Refused(f"slot {slot} is not idle: it has {view.desired} tasks already")


def require_all(rollout: Rollout, view: SlotView, app: App) -> None:
    """Refuse to promote a candidate that does not carry everything it is to carry."""
    service, slot = rollout.service, rollout.known_sides.candidate
    if service.bindings:
        share = least_weights(weights_now(service, app)).get(slot, 0)
        if share != ALL_TRAFFIC:
            raise Refused(
                f"slot {slot} carries {share} % in some rule: somebody shifted it"
            )
        return
    base = returning(rollout, app.journal.marks(rollout))
    if view.desired < base:
        raise Refused(
            f"slot {slot} has {view.desired} of {base} tasks: somebody scaled it"
        )


def require_nothing(rollout: Rollout, old: Slot, fence: int, app: App) -> None:
    """Refuse to retire a slot that requests need.

    Raises Unavailable for as long as the new primary may still come to what it needs.
    """
    service = rollout.service
    rules = rules_now(service, app)
    share = most_carried(shares_of(rules), old)
    if share > 0:
        raise Refused(f"slot {old} still carries {share} % in some rule")
    if sticky_in(rules):
        raise Refused(
            f"clients may stay with slot {old}: somebody turned stickiness on in "
            "some rule"
        )
    lack = None if service.bindings else _lack(rollout, old, fence, app)
    if lack is None:
        return
    policy = service.rollout
    patience = policy.retire_delay_seconds + policy.launch_timeout_seconds
    waited = clock.now() - marked_at(rollout, PROMOTED, app)
    overdue = waited > timedelta(seconds=patience)
    raise (Refused if overdue else Unavailable)(f"{lack}: slot {old} keeps its tasks")


def _lack(rollout: Rollout, old: Slot, fence: int, app: App) -> str | None:
    """Give the new primary the tasks for everything; say what it lacks.

    Nothing where the old slot has no tasks any more: then there is none to wait for.
    """
    service, heir, slots = rollout.service, old.other, slots_now(rollout.service, app)
    if slots[old].desired == 0:
        return None
    tasks = needed(rollout, slots, app.journal.marks(rollout))
    if slots[heir].desired < tasks:
        with writing(rollout, fence, app):
            app.ecs.scale(service.slots[heir], tasks)
    healthy = healthy_tasks(app.ecs.tasks(service.slots[heir]), clock.now())
    if healthy >= tasks:
        return None
    return f"slot {heir} has {healthy} healthy of {tasks} needed"
