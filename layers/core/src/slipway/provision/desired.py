"""What manifests want: every resource, by what it is called and what it is like.

Names follow from manifests alone, so that a resource that was lost is found wanting and
a second run finds the first one's. Where a value is another resource's id, it is a
`Ref`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from slipway.domain.release import Release
from slipway.domain.resources import Kind, Ref, Scope, Wanted
from slipway.domain.rollout import ServiceState
from slipway.domain.scaling import IDLE, resting
from slipway.domain.service import ALL_TRAFFIC, Scaling, Slot
from slipway.manifests.bindings import HttpRule, NlbListener, TargetHealth
from slipway.manifests.environment import Environment, LoadBalancer
from slipway.manifests.environment_checks import BALANCER
from slipway.manifests.records import (
    EnvironmentRecord,
    Flow,
    Ingress,
    ServiceRecord,
    vacant_group_name,
)
from slipway.manifests.shaping import role_arn

ANYWHERE = "0.0.0.0/0"
DNS_TTL_SECONDS = 10
"""How long a resolver may remember where a service's tasks are."""
PARKED = "park.slipway.internal"
"""No request has a host below it: rules there only keep target groups attached."""
PARKING = " parked"
"""What the names of those rules end with."""
TASKS_DURING_DEPLOYMENT = {"min_percent": 100, "max_percent": 200}

_VERSIONS = {"http": "HTTP1", "http2": "HTTP2", "grpc": "GRPC"}
_METRICS = {
    "cpu": "ECSServiceAverageCPUUtilization",
    "memory": "ECSServiceAverageMemoryUtilization",
    "requests": "ALBRequestCountPerTarget",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What the journal knows of a service; nothing of a new one."""

    state: ServiceState | None = None
    revision: str | None = None
    """The task definition of the release that serves."""
    release: Release | None = None
    """The release that serves."""
    rollout_id: str | None = None
    """A rollout under way."""
    as_adopted: bool = False
    """Whether what serves is what was there before Slipway."""
    version: str = ""
    """What people call the release that serves."""

    @property
    def in_rollout(self) -> bool:
        """Whether a rollout is under way."""
        return self.rollout_id is not None


NEW = Standing()


def scope_of(record: EnvironmentRecord) -> Scope:
    """Return where an environment's resources are, and which tags they get."""
    environment = record.environment
    return Scope(
        environment.name,
        environment.vpc,
        environment.cluster.name,
        environment.tags,
        {s.manifest.name: s.manifest.tags for s in record.services},
    )


def desired(
    record: EnvironmentRecord, standings: Mapping[str, Standing], now: datetime
) -> list[Wanted]:
    """Return every resource but the services' records, which need the others' ids.

    Bounds are those that hold at `now`.
    """
    environment = record.environment
    return [
        *cluster(record),
        *certificates(environment),
        *security_groups(record),
        *load_balancers(environment),
        *(
            one
            for service in record.services
            for one in of_service(
                service, environment, standings.get(service.manifest.name, NEW), now
            )
        ),
    ]


def grounds(record: EnvironmentRecord) -> list[Wanted]:
    """Return what is found by its name alone, for stages that ask for ids only."""
    return [
        *cluster(record),
        *load_balancers(record.environment),
        *_adopted_groups(record),
    ]


def _adopted_groups(record: EnvironmentRecord) -> Iterator[Wanted]:
    """Give the target groups whose names do not begin with the environment's."""
    for service in record.services:
        adopted = service.manifest.adopted
        for number, ingress in enumerate(service.ingress if adopted else (), start=1):
            for one in _binding(service, record.environment, NEW, number, ingress):
                if adopted and one.name in adopted.target_groups:
                    yield one


# ----------------------------------------------------- what services share


def cluster(record: EnvironmentRecord) -> Iterator[Wanted]:
    """Give the cluster, the log groups and the namespace."""
    environment = record.environment
    yield Wanted(
        Kind.CLUSTER,
        environment.cluster.name,
        "services run in it",
        {"capacity_providers": sorted(environment.capacity_providers)},
        owned=environment.cluster.create,
    )
    group = environment.log_group
    if group is not None:
        yield _log_group(group.name, group.retention, owned=group.create)
    for service in record.services:
        logging = service.manifest.logging
        if logging.group is not None and logging.create:
            yield _log_group(
                logging.group,
                logging.retention,
                owned=True,
                service=service.manifest.name,
            )
    namespace = environment.namespace
    if namespace is not None:
        yield Wanted(
            Kind.NAMESPACE,
            namespace.name,
            "services find each other in it",
            {"type": namespace.type},
            frozenset({"type"}),
            {"vpc": environment.vpc},
            owned=namespace.create,
        )


def _log_group(
    name: str, days: int, *, owned: bool, service: str | None = None
) -> Wanted:
    facts = {"retention_days": days} if owned else {}
    reason = "output is written to it"
    return Wanted(Kind.LOG_GROUP, name, reason, facts, service=service, owned=owned)


def certificates(environment: Environment) -> Iterator[Wanted]:
    """Give the certificates, and the zones in which those that are made are proved."""
    zones: dict[str, set[str]] = {}
    for name, one in environment.certificates.items():
        if one.create is None:
            yield Wanted(
                Kind.CERTIFICATE,
                name,
                "listeners use it",
                {"arn": one.arn},
                owned=False,
            )
            continue
        made, zone = one.create, one.create.hosted_zone
        others = {*(made.alternatives or ())} - {made.domain}
        zones.setdefault(zone, set()).update({made.domain, *others})
        yield Wanted(
            Kind.CERTIFICATE,
            name,
            f"{made.domain} is proved in {zone}",
            {
                "domain": made.domain,
                "alternatives": sorted(others),
                "status": "ISSUED",
                "proof": f"in {zone}",
            },
            frozenset({"domain", "alternatives"}),
            {"zone": zone},
            remedy="give it another name, or undo that",
        )
    for zone, domains in sorted(zones.items()):
        yield Wanted(
            Kind.HOSTED_ZONE,
            zone,
            "certificates are proved in it",
            {"private": False, "holds": sorted(domains)},
            owned=False,
        )


def security_groups(record: EnvironmentRecord) -> Iterator[Wanted]:
    """Give a group for each service and each load balancer that is made; exact pairs.

    Only who opens a connection is let in, on that port. What leaves is not bounded:
    tasks pull images, write logs and call what is outside.
    """
    environment = record.environment
    for service in record.services:
        name = service.manifest.name
        yield _group(environment, name, f"tasks of {name}", service=name)
    for name, balancer in environment.load_balancers.items():
        if balancer.create:
            what = f"load balancer {name}"
            yield _group(environment, f"{BALANCER}{name}", what)
            if balancer.scheme == "internet-facing":
                for port in _ports(record, name, balancer):
                    flow = Flow("anywhere", f"{BALANCER}{name}", port)
                    yield _pair(environment, flow, {"cidr": ANYWHERE})
    services = {service.manifest.name for service in record.services}
    for flow in record.flows:
        target = environment.load_balancers.get(flow.target.removeprefix(BALANCER))
        if flow.target not in services and (target is None or not target.create):
            # Whoever made the load balancer says who reaches it.
            continue
        source = {"group": _source(environment, flow.source)}
        owner = flow.target if flow.target in services else None
        yield _pair(environment, flow, source, owner)


def _ports(record: EnvironmentRecord, name: str, balancer: LoadBalancer) -> list[int]:
    """Return where a load balancer listens: a network one where services say so."""
    if balancer.type == "application":
        return [listener.port for listener in balancer.listeners]
    bound = [ingress for service in record.services for ingress in service.ingress]
    return sorted(one.listener_port for one in bound if one.load_balancer == name)


def group_name(environment: Environment, of: str) -> str:
    """Return the name of the group of a service, or of `load balancer NAME`."""
    return f"{environment.name}/{of.replace(' ', '-', 1).replace(' ', '/')}"


def _group(
    environment: Environment, of: str, what: str, service: str | None = None
) -> Wanted:
    return Wanted(
        Kind.SECURITY_GROUP,
        group_name(environment, of),
        f"it says who reaches {what}",
        {"vpc": environment.vpc},
        frozenset({"vpc"}),
        {"description": f"{what} in {environment.name}, kept by Slipway"},
        service=service,
    )


def _source(environment: Environment, of: str) -> Ref:
    balancer = environment.load_balancers.get(of.removeprefix(BALANCER))
    if of.startswith(BALANCER) and balancer is not None and not balancer.create:
        name = of.removeprefix(BALANCER)
        return Ref(Kind.LOAD_BALANCER, name, "security_group")
    return Ref(Kind.SECURITY_GROUP, group_name(environment, of))


def _pair(
    environment: Environment,
    flow: Flow,
    source: Mapping[str, Any],
    service: str | None = None,
) -> Wanted:
    of = Ref(Kind.SECURITY_GROUP, group_name(environment, flow.target))
    return Wanted(
        Kind.SECURITY_GROUP_RULE,
        f"{flow.source} to {flow.target}:{flow.port}",
        f"{flow.source} connects to {flow.target}",
        {"of": of, "source": source, "port": flow.port},
        frozenset({"of"}),
        service=service,
    )


def load_balancers(environment: Environment) -> Iterator[Wanted]:
    """Give the load balancers, and the listeners that are not services' own.

    A Network Load Balancer takes its first security group when it is made only.
    """
    for name, balancer in environment.load_balancers.items():
        facts: dict[str, Any] = {"type": balancer.type, "scheme": balancer.scheme}
        if balancer.create:
            facts["subnets"] = sorted(balancer.subnets or environment.subnets)
            group = group_name(environment, f"{BALANCER}{name}")
            facts["security_groups"] = [Ref(Kind.SECURITY_GROUP, group)]
        yield Wanted(
            Kind.LOAD_BALANCER,
            name,
            f"it is {balancer.scheme}",
            facts if balancer.create else {**facts, "arn": balancer.arn},
            frozenset({"type", "scheme"}),
            {"name": f"{environment.name}-{name}"},
            owned=balancer.create,
        )
        yield from _listeners(name, balancer)


def _listeners(name: str, balancer: LoadBalancer) -> Iterator[Wanted]:
    for listener in balancer.listeners:
        facts: dict[str, Any] = {"protocol": listener.protocol.upper()}
        if balancer.create and listener.certificates:
            facts["certificates"] = [
                Ref(Kind.CERTIFICATE, one) for one in listener.certificates
            ]
        yield Wanted(
            Kind.LISTENER,
            f"{name}:{listener.port}",
            f"{name} listens there",
            facts,
            once={"of": Ref(Kind.LOAD_BALANCER, name), "port": listener.port},
            owned=balancer.create,
        )


# ----------------------------------------------------- one service


def of_service(
    service: ServiceRecord, environment: Environment, standing: Standing, now: datetime
) -> Iterator[Wanted]:
    """Give what is one service's own, but its record and its security group."""
    manifest = service.manifest
    if environment.namespace is not None and manifest.image.port is not None:
        yield registry_service(service, environment)
        if not standing.in_rollout:
            yield registry_attributes(service, standing)
    for number, ingress in enumerate(service.ingress, start=1):
        is_network = isinstance(ingress.rule, NlbListener)
        binding = _network_binding if is_network else _binding
        yield from binding(service, environment, standing, number, ingress)
    yield from slots(service, environment, standing, now)
    yield from scaling(service, standing, now)


def registry_service(service: ServiceRecord, environment: Environment) -> Wanted:
    """Return the service's name in the registry; both slots' tasks answer by it."""
    namespace = environment.namespace
    assert namespace is not None
    return Wanted(
        Kind.REGISTRY_SERVICE,
        service.manifest.name,
        f"it is found as {service.manifest.name}.{namespace.name}",
        {"ttl_seconds": DNS_TTL_SECONDS if namespace.type == "dns" else None},
        once={"namespace": Ref(Kind.NAMESPACE, namespace.name)},
        service=service.manifest.name,
    )


def registry_attributes(service: ServiceRecord, standing: Standing) -> Wanted:
    """Return what the registry says of a service at rest: what its first rule has.

    A rollout tells the registry itself. A service without rules has no weights.
    """
    manifest, state = service.manifest, standing.state
    weights = None
    if service.ingress:
        first = service.ingress[0]
        groups = service.target_groups[first.path]
        is_network = isinstance(first.rule, NlbListener)
        kind = Kind.NETWORK_LISTENER if is_network else Kind.LISTENER_RULE
        rule = rule_name(manifest.name, 1)
        weights = {
            service.slots[slot]: Ref(kind, rule, f"share of {group}")
            for slot, group in groups.items()
        }
    versions = {}
    if state is not None:
        versions[service.slots[state.primary]] = standing.version
    return Wanted(
        Kind.REGISTRY_ATTRIBUTES,
        manifest.name,
        "callers choose tasks by it",
        {
            "weights": weights,
            "protocol": manifest.image.protocol,
            "versions": versions,
        },
        service=manifest.name,
    )


def rule_name(service: str, number: int) -> str:
    """Name a binding's rule or listener; `number` counts bindings from 1."""
    return service if number == 1 else f"{service} {number}"


def parking_name(service: str, number: int) -> str:
    """Name the rule that keeps a binding's groups attached."""
    return f"{rule_name(service, number)}{PARKING}"


def _binding(
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
        yield Wanted(
            Kind.TARGET_GROUP,
            group,
            f"tasks of {manifest.name} are its targets",
            {
                "protocol": "HTTP",
                "version": _VERSIONS[manifest.image.protocol],
                "vpc": environment.vpc,
                "target_type": "ip",
                "health": _health(rule.healthcheck, manifest.image.protocol),
                "deregistration_delay_seconds": rule.deregistration_delay,
            },
            frozenset({"protocol", "version", "vpc", "target_type"}),
            {"port": manifest.image.port},
            service=manifest.name,
        )
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
        yield Wanted(
            Kind.TARGET_GROUP,
            name,
            "nobody is its target: connections go there while no release is healthy"
            if name == vacant
            else f"tasks of {manifest.name} are its targets",
            facts,
            frozenset({"protocol", "version", "vpc", "target_type"}),
            {"port": manifest.image.port},
            service=manifest.name,
        )
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


def family_of(environment: Environment, service: str) -> str:
    """Return the family of a service's task definitions."""
    return f"{environment.name}_{service}"


def slots(
    service: ServiceRecord, environment: Environment, standing: Standing, now: datetime
) -> Iterator[Wanted]:
    """Give both slots, and a task definition that names them before any release."""
    manifest = service.manifest
    family = family_of(environment, manifest.name)
    container = {"container": manifest.container, "port": manifest.image.port}
    yield Wanted(
        Kind.TASK_DEFINITION,
        family,
        "a slot names one before its first release; it is never started",
        {},
        once={
            **container,
            "execution_role": role_arn(manifest.execution_role or "", environment),
        },
        service=manifest.name,
    )
    state, bounds = standing.state, manifest.count.bounds().at(now)
    found_by = []
    if environment.namespace is not None and manifest.image.port is not None:
        found_by = [Ref(Kind.REGISTRY_SERVICE, manifest.name)]
    for slot in Slot:
        serves = _serves(service, standing, slot)
        groups = {groups[slot] for groups in service.target_groups.values()}
        redeploying = {
            "capacity": _capacity(service),
            "target_groups": [
                {"group": Ref(Kind.TARGET_GROUP, group), **container}
                for group in sorted(groups)
            ],
            "registries": found_by,
        }
        as_it_is = serves and _as_adopted(service, standing)
        yield Wanted(
            Kind.ECS_SERVICE,
            service.slots[slot],
            f"slot {slot} of {manifest.name}",
            {
                **({} if as_it_is else redeploying),
                "deployment": TASKS_DURING_DEPLOYMENT,
                "breaker": {"enabled": True, "rollback": False},
                "rebalancing": "ENABLED",
                **_grace(service),
                **_tasks(service, standing, serves=serves),
            },
            once={
                **redeploying,
                "task_definition": (standing.revision if serves else None)
                or Ref(Kind.TASK_DEFINITION, family),
                "tasks": bounds.min_tasks if serves and state is not None else 0,
                "subnets": list(environment.subnets),
                "security_groups": [
                    own_group(service, environment),
                    *manifest.network.vpc.security_groups,
                ],
            },
            service=manifest.name,
        )


def _serves(service: ServiceRecord, standing: Standing, slot: Slot) -> bool:
    """Whether a slot serves; an adopted one did so before the journal knew of it."""
    if standing.state is not None:
        return slot is standing.state.primary
    return service.manifest.adopted is not None and slot is Slot.A


def _as_adopted(service: ServiceRecord, standing: Standing) -> bool:
    """Whether the tasks that serve are those that were there before Slipway.

    Nothing that would replace them is compared then.
    """
    is_new = standing.state is None and service.manifest.adopted is not None
    return is_new or standing.as_adopted


def own_group(service: ServiceRecord, environment: Environment) -> Ref:
    """Return the security group that is the service's own."""
    return Ref(Kind.SECURITY_GROUP, group_name(environment, service.manifest.name))


def _tasks(
    service: ServiceRecord, standing: Standing, *, serves: bool
) -> dict[str, int]:
    """Return a slot's desired count, where neither a rollout nor scaling sets it."""
    if standing.in_rollout or (serves and service.scaling is not None):
        return {}
    if serves and standing.state is None:
        return {}
    return {"tasks": service.manifest.count.range.min if serves else 0}


def _grace(service: ServiceRecord) -> dict[str, int]:
    """Return how long ECS overlooks failed checks; a service without any has none."""
    rules = [i.rule.healthcheck.grace_period for i in service.ingress]
    return {"grace_seconds": max(rules)} if rules else {}


def _capacity(service: ServiceRecord) -> list[Any]:
    """Return shares of capacity providers: name, base, weight."""
    count = service.manifest.count
    if not count.spot:
        return [["FARGATE", 0, 1]]
    base = (count.range.spot_from or 1) - 1
    shares = [["FARGATE", base, 100 - count.spot], ["FARGATE_SPOT", 0, count.spot]]
    return [share for share in shares if share[1] or share[2]]


# ----------------------------------------------------- scaling


def scaling(
    service: ServiceRecord, standing: Standing, now: datetime
) -> Iterator[Wanted]:
    """Give both slots' scalable targets, policies and scheduled bounds.

    An idle slot has the same, for it may serve next; its target suspends them.

    A rollout has bounds of its own: those of a service in rollout are not compared.
    """
    if service.scaling is None:
        return
    name = service.manifest.name
    for slot in Slot:
        serves = _serves(service, standing, slot)
        bounds = asdict(resting(service.scaling.at(now)) if serves else IDLE)
        ecs_service = service.slots[slot]
        yield Wanted(
            Kind.SCALABLE_TARGET,
            ecs_service,
            f"autoscaling sizes {name}" if serves else "an idle slot has no tasks",
            {} if standing.in_rollout else bounds,
            once=bounds,
            service=name,
        )
        yield from _policies(service, slot, ecs_service)
        yield from _scheduled(service.scaling, name, ecs_service, now)


def _policies(service: ServiceRecord, slot: Slot, ecs_service: str) -> Iterator[Wanted]:
    count = service.manifest.count
    targets = {
        "cpu": count.cpu_percentage,
        "memory": count.memory_percentage,
        "requests": count.requests,
    }
    for metric, target in targets.items():
        if target is None:
            continue
        yield Wanted(
            Kind.SCALING_POLICY,
            f"{ecs_service}-{metric}",
            f"{metric} per task is kept at {target:g}",
            {
                "of": ecs_service,
                "metric": _METRICS[metric],
                "target": float(target),
                "label": _label(service, slot) if metric == "requests" else None,
                "scale_out_seconds": count.cooldown.out,
                "scale_in_seconds": count.cooldown.in_,
            },
            frozenset({"of"}),
            service=service.manifest.name,
        )


def _scheduled(
    scaling: Scaling, service: str, ecs_service: str, now: datetime
) -> Iterator[Wanted]:
    """Give the times at which a slot that serves gets other bounds.

    What has come and will not come again is not wanted any more.
    """
    for number, one in enumerate(scaling.schedule, start=1):
        if one.is_over(now):
            continue
        yield Wanted(
            Kind.SCHEDULED_ACTION,
            f"{ecs_service}-{number}",
            f"{one.min_tasks} to {one.max_tasks} tasks from then on",
            {
                "of": ecs_service,
                "at": one.at,
                "timezone": one.timezone,
                "min_tasks": one.min_tasks,
                "max_tasks": one.max_tasks,
            },
            frozenset({"of"}),
            service=service,
            whole=True,
        )


def _label(service: ServiceRecord, slot: Slot) -> list[Ref]:
    """Return whose requests are counted: those of the first rule's target group."""
    first = next(i for i in service.ingress if isinstance(i.rule, HttpRule))
    group = service.target_groups[first.path][slot]
    return [
        Ref(Kind.LOAD_BALANCER, first.load_balancer, "label"),
        Ref(Kind.TARGET_GROUP, group, "label"),
    ]
