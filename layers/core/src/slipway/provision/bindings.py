"""Where a service receives traffic: target groups, rules, listeners, routes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slipway.domain.resources import Kind, Ref, Wanted
from slipway.domain.service import ALL_TRAFFIC, Slot
from slipway.manifests.bindings import HttpRule, NlbListener, TargetHealth
from slipway.manifests.environment import Environment
from slipway.manifests.records import Ingress, ServiceRecord, vacant_group_name
from slipway.provision.standing import Standing

PARKED = "park.slipway.internal"
"""No request has a host below it: rules there only keep target groups attached."""
PARKING = " parked"
"""What the names of those rules end with."""

_VERSIONS = {"http": "HTTP1", "http2": "HTTP2", "grpc": "GRPC"}


def bindings(
    service: ServiceRecord, environment: Environment, standing: Standing
) -> Iterator[Wanted]:
    """Give the target groups of each binding, and what leads to them."""
    for number, ingress in enumerate(service.ingress, start=1):
        is_network = isinstance(ingress.rule, NlbListener)
        binding = _network_binding if is_network else _http_binding
        yield from binding(service, environment, standing, number, ingress)


def rule_name(service: str, number: int) -> str:
    """Name a binding's rule or listener; `number` counts bindings from 1."""
    return service if number == 1 else f"{service} {number}"


def parking_name(service: str, number: int) -> str:
    """Name the rule that keeps a binding's groups attached."""
    return f"{rule_name(service, number)}{PARKING}"


def _http_binding(
    service: ServiceRecord,
    environment: Environment,
    standing: Standing,
    number: int,
    ingress: Ingress,
) -> Iterator[Wanted]:
    manifest, rule = service.manifest, ingress.rule
    assert isinstance(rule, HttpRule)
    groups = service.target_groups[ingress.path]
    earlier = {
        name
        for other in service.ingress[: number - 1]
        for name in service.target_groups[other.path].values()
    }
    for group in groups.values():
        if group in earlier:
            continue
        facts = {
            "protocol": "HTTP",
            "version": _VERSIONS[manifest.image.protocol],
            "vpc": environment.vpc,
            "target_type": "ip",
            "health": _health(rule.healthcheck, manifest.image.protocol),
            "deregistration_delay_seconds": rule.deregistration_delay,
        }
        yield _group(service, group, f"tasks of {manifest.name} are its targets", facts)
    listener = Ref(Kind.LISTENER, f"{ingress.load_balancer}:{ingress.listener_port}")
    refs = {slot: Ref(Kind.TARGET_GROUP, name) for slot, name in groups.items()}
    state = standing.state
    yield Wanted(
        Kind.LISTENER_RULE,
        rule_name(manifest.name, number),
        f"requests that match are {manifest.name}'s",
        {"listener": listener, "conditions": _conditions(rule, ingress.hosts)}
        | ({} if rule.priority is None else {"priority": rule.priority}),
        frozenset({"listener"}),
        {"forward": None},
        service=manifest.name,
    )
    if state is not None and not standing.in_rollout:
        yield _route(service, number, state.primary, refs)
    host = f"{manifest.name}-{number}.{PARKED}"
    yield Wanted(
        Kind.LISTENER_RULE,
        parking_name(manifest.name, number),
        "target groups without a rule have no health verdict",
        {
            "listener": listener,
            "conditions": [["host-header", "", [host]]],
            "groups": sorted(refs.values()),
        },
        frozenset({"listener"}),
        {"forward": [[refs[s], 1] for s in Slot], "last": True},
        service=manifest.name,
    )


def _network_binding(
    service: ServiceRecord,
    environment: Environment,
    standing: Standing,
    number: int,
    ingress: Ingress,
) -> Iterator[Wanted]:
    """Give a binding whose weights are in the default action of its listener.

    Each node sends to all zones: by default it would send to its own alone, where a
    candidate may have no task (edit-target-group-attributes, cross-zone).
    """
    manifest, listener = service.manifest, ingress.rule
    assert isinstance(listener, NlbListener)
    groups = service.target_groups[ingress.path]
    vacant = vacant_group_name(environment.name, manifest.name, number)
    facts = {
        "protocol": listener.target_protocol(manifest.image.protocol),
        "version": None,
        "vpc": environment.vpc,
        "target_type": "ip",
        "health": _network_health(listener, manifest.image.protocol),
        "deregistration_delay_seconds": listener.deregistration_delay,
        "cross_zone": True,
    }
    for name in (*groups.values(), vacant):
        reason = f"tasks of {manifest.name} are its targets"
        if name == vacant:
            reason = (
                "nobody is its target: connections go there while no release is healthy"
            )
        yield _group(service, name, reason, facts)
    certificate = listener.certificate
    refs = {slot: Ref(Kind.TARGET_GROUP, name) for slot, name in groups.items()}
    nobody = Ref(Kind.TARGET_GROUP, vacant)
    yield Wanted(
        Kind.NETWORK_LISTENER,
        rule_name(manifest.name, number),
        f"connections to port {ingress.listener_port} are {manifest.name}'s",
        {
            "of": Ref(Kind.LOAD_BALANCER, ingress.load_balancer),
            "port": ingress.listener_port,
            "protocol": "TLS" if listener.is_tls else "TCP",
            "certificate": certificate and Ref(Kind.CERTIFICATE, certificate),
        },
        frozenset({"of"}),
        {"closed": [*([refs[slot], 0] for slot in Slot), [nobody, 1]]},
        service=manifest.name,
    )
    if not standing.in_rollout:
        yield _network_route(service, number, standing, refs, nobody)


def _group(
    service: ServiceRecord, name: str, reason: str, facts: Mapping[str, Any]
) -> Wanted:
    return Wanted(
        Kind.TARGET_GROUP,
        name,
        reason,
        facts,
        frozenset({"protocol", "version", "vpc", "target_type"}),
        {"port": service.manifest.image.port},
        service=service.manifest.name,
    )


def _network_route(
    service: ServiceRecord,
    number: int,
    standing: Standing,
    groups: Mapping[Slot, Ref],
    vacant: Ref,
) -> Wanted:
    """Return what a listener leads to; before a first release it only names groups."""
    facts: dict[str, Any] = {"groups": sorted(groups.values())}
    once: dict[str, Any] = {"vacant": vacant}
    of = service.manifest.name
    name, reason = rule_name(of, number), "both slots' groups are checked"
    if standing.state is not None:
        route = _route(service, number, standing.state.primary, groups)
        facts = {**facts, "is_open": route.facts["is_open"]}
        once = {**once, **route.once}
        reason = route.reason
    return Wanted(Kind.NETWORK_ROUTE, name, reason, facts, once=once, service=of)


def _route(
    service: ServiceRecord, number: int, primary: Slot, groups: Mapping[Slot, Ref]
) -> Wanted:
    """Return where a rule leads once its primary is healthy there, if it is closed.

    Where it leads already, weights are the rollouts' and people's; a slot's group that
    it does not know is added without any. At rest no client stays with a slot: one that
    did would not come to the slot that serves.
    """
    name = service.manifest.name
    return Wanted(
        Kind.ROUTE,
        rule_name(name, number),
        f"slot {primary} serves",
        {"is_open": True, "lacks": [], "is_sticky": False},
        once={
            "healthy_in": groups[primary],
            "tasks": Ref(Kind.ECS_SERVICE, service.slots[primary], "desired"),
            "forward": [[groups[s], ALL_TRAFFIC * (s is primary)] for s in Slot],
        },
        service=name,
    )


def _network_health(listener: NlbListener, protocol: str) -> dict[str, Any]:
    """Return how a Network Load Balancer asks: by HTTP, or whether it can connect."""
    health = listener.healthcheck
    if listener.asks_by_http(protocol):
        return _health(health, "http")
    return _health(health, "tcp") | {"protocol": "TCP", "path": None, "codes": None}


def _health(health: TargetHealth, protocol: str) -> dict[str, Any]:
    return {
        "protocol": "HTTP",
        "path": health.path,
        "port": "traffic-port" if health.port is None else str(health.port),
        "codes": health.success_codes or ("12" if protocol == "grpc" else "200"),
        "interval_seconds": health.interval,
        "timeout_seconds": health.timeout,
        "healthy_threshold": health.healthy_threshold,
        "unhealthy_threshold": health.unhealthy_threshold,
    }


def _conditions(rule: HttpRule, hosts: Sequence[str]) -> list[Any]:
    """Return a rule's conditions in one form: field, header's name, sorted values."""
    conditions: list[Any] = []
    if hosts:
        conditions.append(["host-header", "", sorted(hosts)])
    for name, values in rule.headers.items():
        conditions.append(["http-header", name, sorted(values)])
    if rule.path_patterns:
        conditions.append(["path-pattern", "", sorted(rule.path_patterns)])
    return sorted(conditions)
