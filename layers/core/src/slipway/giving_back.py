"""Giving back what was adopted: it goes on serving, and is Slipway's no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.domain.planning import Refusal
from slipway.domain.resources import Kind
from slipway.domain.service import Slot
from slipway.errors import InvalidRecord
from slipway.fence import borrowed
from slipway.provision.bindings import PARKING
from slipway.provision.desired import grounds
from slipway.provisioning import look

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slipway.domain.resources import Found
    from slipway.estate import Estate
    from slipway.manifests.records import EnvironmentRecord


def away(record: EnvironmentRecord, app: Estate) -> Iterator[Refusal]:
    """Say which adopted services cannot be given back now: another slot serves."""
    for name in app.journal.services():
        if name in record.names:
            continue
        try:
            service = app.journal.find_service(name)
        except InvalidRecord:
            continue
        state = app.journal.state(name)
        if (
            service
            and state
            and state.primary is Slot.B
            and service.slots[Slot.A] != f"{name}-{Slot.A}"
        ):
            reason = (
                f"it was there before Slipway and is given back, but slot b serves: "
                f"say `slipway release-from {name}`, which brings traffic back first"
            )
            yield Refusal(Kind.ECS_SERVICE, service.slots[Slot.A], reason, name)


def give_back(record: EnvironmentRecord, slot: Found, app: Estate) -> None:
    """Let an adopted slot go with all that its tasks need; nothing is restarted.

    Rules lead to it alone. What its tasks use stays theirs: Slipway's security group
    and its name in the registry, if a release of Slipway's runs there. Raises Refused
    where requests go elsewhere.
    """
    service = slot.service or slot.name
    groups = {one["group"] for one in slot.facts["target_groups"]}
    ids, found = look(
        record,
        grounds(record),
        app.namespaces,
        app.security_groups,
        app.registry_services,
        app.load_balancers,
        app.listeners,
        app.listener_rules,
    )
    parked = {
        one.id for one in ids.of_kind(Kind.LISTENER_RULE) if one.name.endswith(PARKING)
    }
    with borrowed(service, app):
        for listener in ids.of_kind(Kind.LISTENER):
            app.adopted_groups.lead_alone(listener.id, groups, parked)
        for one in found:
            used = one.service == service and one.owned
            if used and one.id in slot.parts["security_groups"]:
                app.security_groups.let_go(one)
            if used and one.id in slot.facts["registries"]:
                app.registry_services.let_go(one)
            if used and one.kind is Kind.LISTENER and one.adopted:
                app.adopted_groups.let_go(one.id)
        for group in sorted(groups):
            app.adopted_groups.let_go(group)
        app.ecs_services.give_back(slot)
