"""Removing what nobody wants, also where that is a whole environment."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from slipway import clock
from slipway.domain.planning import GOING, Plan, Refusal, plan
from slipway.domain.resources import Kind, Wanted
from slipway.giving_back import away
from slipway.provision.certificates import certificates
from slipway.provision.desired import desired, grounds
from slipway.provision.security_groups import security_groups
from slipway.provisioning import (
    Cleared,
    clear,
    look,
    standings,
    surplus_services,
    under_way_now,
    whole_plan,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slipway.domain.provision_run import ProvisionRequest, Removal
    from slipway.estate import Estate
    from slipway.manifests.records import EnvironmentRecord

REASON = "the environment is taken away"


def without_services(record: EnvironmentRecord) -> EnvironmentRecord:
    """Return the record of an environment in which no service is wanted."""
    return replace(record, services=(), flows=())


def named(record: EnvironmentRecord) -> list[Wanted]:
    """Return what is looked for by its name; all else is found by its tag."""
    return [
        *grounds(record),
        *certificates(record.environment),
        *security_groups(without_services(record)),
    ]


def kept(wanted: Iterable[Wanted], removal: Removal) -> list[Wanted]:
    """Return what stays of what manifests name.

    What they only refer to, and log groups unless they go too: their entries are
    evidence.
    """
    return [
        one
        for one in wanted
        if not one.owned or (one.kind is Kind.LOG_GROUP and not removal.logs)
    ]


def rollouts_under_way(app: Estate) -> list[Refusal]:
    """Say why nothing can be taken away now: a rollout moves traffic."""
    return [
        Refusal(
            Kind.RECORD,
            one.service,
            f"rollout {one.rollout_id} is under way: wait for its end, or abort it",
            one.service,
        )
        for one in under_way_now(app)
    ]


def plan_of(record: EnvironmentRecord, removal: Removal | None, app: Estate) -> Plan:
    """Say what has to be done: what manifests ask for, or to take all away."""
    if removal is None:
        not_so = tuple(away(record, app))
        return Plan((), not_so) if not_so else whole_plan(record, app)
    return removal_plan(record, removal, app)


def removal_plan(record: EnvironmentRecord, removal: Removal, app: Estate) -> Plan:
    """Look at everything, write nothing, and say what taking it away comes to."""
    refusals = [*rollouts_under_way(app), *away(without_services(record), app)]
    wanted = named(record)
    ids, found = look(
        record,
        wanted,
        app.clusters,
        app.log_groups,
        app.namespaces,
        app.security_groups,
        app.load_balancers,
        app.security_group_rules,
        app.registry_services,
        app.listeners,
        app.target_groups,
        app.network_listeners,
        app.listener_rules,
        app.certificates,
    )
    found += surplus_services(without_services(record), app)
    changes = tuple(
        replace(change, reason=REASON)
        for change in plan(kept(wanted, removal), found, ids).changes
        if change.verb in GOING
    )
    return Plan(changes, tuple(refusals))


def clear_all(
    record: EnvironmentRecord, request: ProvisionRequest, app: Estate
) -> Cleared:
    """Remove what nobody wants once services are gone; see `clear`.

    In the order of dependence. Cluster, namespace and log groups are known by name
    alone: they go with the whole environment only. A certificate may be used by others
    as well: it is left for another run, and so is what a service in rollout has, or one
    that this run left: its record still names that.
    """
    removal = request.removal
    if removal is None:
        wanted, gone = desired(record, standings(record.names, app), clock.now()), []
    else:
        wanted, gone = kept(named(record), removal), named(record)
    ids, _ = look(
        record,
        [*gone, *grounds(record)],
        app.namespaces,
        app.security_groups,
        app.load_balancers,
        app.listeners,
    )
    first = clear(
        record,
        wanted,
        ids,
        app.listener_rules,
        app.network_listeners,
        app.listeners,
        app.load_balancers,
        app.target_groups,
        app.registry_services,
        app.security_group_rules,
        app.security_groups,
        spare={text.partition(":")[0]: text for text in request.waits}
        | {
            one.service: f"{one.service}: rollout {one.rollout_id} is under way"
            for one in under_way_now(app)
        },
    )
    proofs = clear(record, wanted, ids, app.certificates)
    changes, waits = (*first.changes, *proofs.changes), (*first.waits, *proofs.left)
    if removal is None or first.left:
        return Cleared(changes, first.left, waits)
    last = clear(
        record, wanted, ids, app.log_groups, app.namespaces, app.clusters, gone=gone
    )
    return Cleared((*changes, *last.changes), last.left, waits)
