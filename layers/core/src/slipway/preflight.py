"""What would fail half-way for want of room or of a role: refused before it begins.

AWS is asked only about what a plan is to make: a plan that makes nothing asks nothing,
and nobody asks for a quota while its default has room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.domain.planning import Plan, Refusal, Verb
from slipway.domain.quotas import LINKED_ROLES, refused
from slipway.domain.resources import Ids, Kind
from slipway.provision.room import balancers, instances, of_balancer, pairs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from slipway.domain.quotas import Demand
    from slipway.domain.resources import Found, Wanted
    from slipway.estate import Estate
    from slipway.manifests.records import EnvironmentRecord


def preflight(
    record: EnvironmentRecord,
    wanted: Sequence[Wanted],
    found: Sequence[Found],
    planned: Plan,
    app: Estate,
) -> Iterator[Refusal]:
    """Give what there is no room for, and the roles that are missing."""
    makes = {(c.kind, c.name) for c in planned.changes if c.verb is Verb.MAKE}
    made = [one for one in wanted if (one.kind, one.name) in makes]
    yield from _roles({one.kind for one in made}, app)
    ids = Ids(found)
    yield from _too_much(pairs(made, found), app)
    if any(one.kind is Kind.REGISTRY_SERVICE for one in made):
        yield from _too_much(instances(record, found), app)
    for balancer, arn in balancers(made, ids):
        taken = app.room.taken(arn)
        yield from _too_much(of_balancer(balancer, wanted, made, taken, ids), app)


def _roles(kinds: set[Kind], app: Estate) -> Iterator[Refusal]:
    needed = {role: kind for kind, role in LINKED_ROLES.items() if kind in kinds}
    for role, kind in needed.items():
        if not app.roles.is_there(role.name):
            yield Refusal(kind, role.name, role.refusal)


def _too_much(demands: Iterable[Demand], app: Estate) -> Iterator[Refusal]:
    for demand in demands:
        if demand.is_usual:
            continue
        quota = demand.quota
        applied = (
            app.quotas.applied(quota.service, quota.code) if quota.adjustable else None
        )
        refusal = refused(demand, applied)
        if refusal is not None:
            yield refusal
