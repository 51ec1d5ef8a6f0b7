"""Load balancers, and the listeners that are not services' own."""

from collections.abc import Iterator
from typing import Any

from slipway.domain.resources import Kind, Ref, Wanted
from slipway.manifests.environment import Environment, LoadBalancer
from slipway.manifests.environment_checks import BALANCER
from slipway.provision.security_groups import group_name


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
