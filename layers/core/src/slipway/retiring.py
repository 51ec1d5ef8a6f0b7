"""Retiring services that no manifest describes any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from slipway.domain.planning import Change, removal
from slipway.domain.resources import Found, Ids, Kind, Wanted
from slipway.fence import borrowed
from slipway.giving_back import give_back
from slipway.provision.desired import scope_of
from slipway.provisioning import surplus_services, under_way_now

if TYPE_CHECKING:
    from slipway.estate import Estate
    from slipway.manifests.records import EnvironmentRecord


@dataclass(frozen=True, slots=True)
class Retired:
    """What was removed, what is on its way, and what has to wait for a rollout."""

    changes: tuple[Change, ...]
    left: tuple[str, ...]
    waits: tuple[str, ...]


def retire_services(record: EnvironmentRecord, app: Estate) -> Retired:
    """Forget their records, so that no push is heard; drain their slots, remove them.

    A slot that was adopted is given back instead.

    The rules that lead to them come after: until its last task has drained, a slot's
    requests are answered.
    """
    changes: list[Change] = []
    left: list[str] = []
    waits: list[str] = []
    # The record first.
    surplus = sorted(
        surplus_services(record, app), key=lambda one: one.kind is not Kind.RECORD
    )
    for found in surplus:
        name = found.service or found.name
        under_way = next(under_way_now(app, name), None)
        if under_way is not None:
            waits.append(f"{name}: rollout {under_way.rollout_id} is under way")
        elif found.kind is Kind.RECORD:
            with borrowed(name, app):
                app.journal.remove_service(name)
            changes.append(removal(found))
        elif found.adopted:
            give_back(record, found, app)
            changes.append(removal(found))
        else:
            on_its_way = _retire(record, found, name, app)
            left += [on_its_way] if on_its_way else []
            changes += [] if on_its_way else [removal(found)]
    return Retired(tuple(changes), tuple(left), tuple(waits))


def _retire(
    record: EnvironmentRecord, slot: Found, service: str, app: Estate
) -> str | None:
    """Make one move towards a slot's end; say what it waits for, else None."""
    scope = scope_of(record)
    as_wanted = Wanted(Kind.SCALABLE_TARGET, slot.name, "", {}, service=service)
    with borrowed(service, app):
        for target in app.scalable_targets.found(scope, [as_wanted], Ids()):
            # A target would give the slot its tasks back.
            app.scalable_targets.remove(target)
        if slot.facts["tasks"]:
            app.ecs_services.empty(slot)
            return f"{slot.name} drains"
        if slot.parts["running"]:
            return f"{slot.name} has {slot.parts['running']} tasks left"
        app.ecs_services.remove(slot)
    return None
