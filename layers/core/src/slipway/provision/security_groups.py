"""Who may open a connection to whom: groups, and exact pairs."""

from collections.abc import Iterator, Mapping
from typing import Any

from slipway.domain.resources import Kind, Ref, Wanted
from slipway.manifests.environment import Environment, LoadBalancer
from slipway.manifests.environment_checks import BALANCER
from slipway.manifests.records import EnvironmentRecord, Flow, ServiceRecord

ANYWHERE = "0.0.0.0/0"


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


def own_group(service: ServiceRecord, environment: Environment) -> Ref:
    """Return the security group that is the service's own."""
    return Ref(Kind.SECURITY_GROUP, group_name(environment, service.manifest.name))
