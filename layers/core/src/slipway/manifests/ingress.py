"""Which listener each binding of a service means."""

from collections.abc import Iterator

from slipway.manifests.bindings import HttpRule, NlbListener
from slipway.manifests.environment import Environment, LoadBalancer
from slipway.manifests.problems import Path, Problem, meant
from slipway.manifests.records import Ingress
from slipway.manifests.service import Service
from slipway.manifests.shape import MISSING, Written

_KINDS = {
    "application": ("an Application Load Balancer", "http"),
    "network": ("a Network Load Balancer", "nlb"),
}


def bindings(service: Service) -> Iterator[tuple[Path, HttpRule | NlbListener]]:
    """Give each binding of a service, and where its manifest says so."""
    if service.http is not None:
        yield ("http",), service.http
        for number, rule in enumerate(service.http.additional_rules):
            yield ("http", "additional_rules", number), rule
    if service.nlb is not None:
        yield ("nlb",), service.nlb
        for number, listener in enumerate(service.nlb.additional_listeners):
            yield ("nlb", "additional_listeners", number), listener


def resolve(
    written: Written[Service], environment: Environment
) -> tuple[list[Ingress], list[Problem]]:
    """Find the load balancer and listener of each binding."""
    found: list[Ingress] = []
    problems: list[Problem] = []
    for path, rule in bindings(written.model):
        ingress = _ingress(written, environment, path, rule)
        if isinstance(ingress, Ingress):
            found.append(ingress)
        else:
            problems += ingress
    return found, problems


def _ingress(
    written: Written[Service],
    environment: Environment,
    path: Path,
    rule: HttpRule | NlbListener,
) -> Ingress | list[Problem]:
    kind = "network" if isinstance(rule, NlbListener) else "application"
    name = _balancer(written, environment, path, kind)
    if not isinstance(name, str):
        return name
    balancer = environment.load_balancers[name]
    if isinstance(rule, NlbListener):
        return Ingress(path, rule, name, rule.number)
    port = _listener(written, balancer, name, path, rule)
    if not isinstance(port, int):
        return port
    bare = not (rule.path or rule.alias or rule.headers)
    if bare and balancer.scheme != "internal":
        allowed = (
            "path, alias or headers: without them it would get every request of "
            f"{name}; path: / says so, where it is meant"
        )
        return written.problem(path, allowed, "no condition")
    own = (f"{written.model.name}.internal",) if bare else ()
    return Ingress(path, rule, name, port, rule.alias or own)


def _balancer(
    written: Written[Service], environment: Environment, path: Path, kind: str
) -> str | list[Problem]:
    balancers = environment.load_balancers
    fitting = sorted(name for name, b in balancers.items() if b.type == kind)
    what, _ = _KINDS[kind]
    at = (*path, "load_balancer")
    service = written.model
    main = service.http if kind == "application" else service.nlb
    assert main is not None
    rule = next(rule for where, rule in bindings(service) if where == path)
    name = rule.load_balancer or main.load_balancer
    if name is None and len(fitting) == 1:
        return fitting[0]
    known = ", ".join(fitting) or "none"
    if name is None:
        return written.problem(at, f"{what} of the environment: {known}", MISSING)
    if name in fitting:
        return name
    if name in balancers:
        there, key = _KINDS[balancers[name].type]
        allowed = f"{what} of the environment: {known}; {key} is for one like {name}"
        return written.problem(at, allowed, f"{name}, {there}")
    near = meant(name, fitting)
    allowed = f"{near}{what} of the environment: {known}"
    return written.problem(at, allowed, f"{name}, which there is not")


def _listener(
    written: Written[Service],
    balancer: LoadBalancer,
    name: str,
    path: Path,
    rule: HttpRule,
) -> int | list[Problem]:
    ports = [listener.port for listener in balancer.listeners]
    if rule.listener in ports:
        return rule.listener
    if rule.listener is None and len(ports) == 1:
        return ports[0]
    known = ", ".join(map(str, ports))
    found = MISSING if rule.listener is None else f"{rule.listener}"
    return written.problem(
        (*path, "listener"), f"a port on which {name} listens: {known}", found
    )
