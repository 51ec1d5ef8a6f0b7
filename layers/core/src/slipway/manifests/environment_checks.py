"""What must hold across an environment: pure, each check gives its problems."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from slipway.manifests.bindings import HttpRule, NlbListener
from slipway.manifests.environment import Environment
from slipway.manifests.problems import Path, Problem, meant
from slipway.manifests.records import Flow, Ingress
from slipway.manifests.service import Service
from slipway.manifests.shape import Written

GROUPS_EACH = 2
"""Target groups of a binding: one for each slot."""

RULES_EACH = 2
"""Rules of a binding on an Application Load Balancer: its own, and the parking rule."""

MOST_GROUPS = 100
MOST_RULES = 100
"""Of an Application Load Balancer (load-balancer-limits); groups cannot be raised."""

MOST_LISTENERS = 50
"""Of a Network Load Balancer (its own load-balancer-limits)."""

MOST_PAIRS = 60
"""Rules of a security group in each direction (Amazon VPC quotas)."""

BALANCER = "load balancer "


@dataclass(frozen=True, slots=True)
class Member:
    """A service as the environment sees it."""

    written: Written[Service]
    ingress: Sequence[Ingress]


def check_environment(written: Written[Environment]) -> list[Problem]:
    """Return what is wrong with an environment alone."""
    environment = written.model
    problems: list[Problem] = []
    arns: dict[str, str] = {}
    for name, balancer in environment.load_balancers.items():
        at: Path = ("load_balancers", name)
        arn = balancer.arn
        if arn is not None and arn.split(":")[3] != environment.region:
            allowed = (
                f"a load balancer in the environment's region {environment.region}"
            )
            problems += written.problem((*at, "arn"), allowed)
        if arn is not None and arn in arns:
            allowed = "each load balancer has one name"
            found = f"the load balancer of {arns[arn]}"
            problems += written.problem((*at, "arn"), allowed, found)
        elif arn is not None:
            arns[arn] = name
        for number, listener in enumerate(balancer.listeners):
            for place, certificate in enumerate(listener.certificates):
                path = (*at, "listeners", number, "certificates", place)
                problems += _certificate(written, environment, path, certificate)
    for name, one in environment.certificates.items():
        if one.arn is not None and one.arn.split(":")[3] != environment.region:
            allowed = f"a certificate in the environment's region {environment.region}"
            problems += written.problem(("certificates", name, "arn"), allowed)
        elif one.arn is not None and one.arn.split(":")[4] != environment.account:
            allowed = (
                f"a certificate in the environment's account {environment.account}"
            )
            problems += written.problem(("certificates", name, "arn"), allowed)
    return problems


def _certificate(
    written: Written[Environment] | Written[Service],
    environment: Environment,
    path: Path,
    name: str,
) -> list[Problem]:
    known = environment.certificates
    if name in known:
        return []
    listed = ", ".join(known) or "none"
    return written.problem(
        path, f"{meant(name, known)}a name in the environment's certificates: {listed}"
    )


def check_together(
    environment: Written[Environment],
    members: Mapping[str, Member],
    names: Sequence[str],
) -> list[Problem]:
    """Return what is wrong between services.

    `names` are those of all services, also of those that could not be read.
    """
    return [
        *_calls(environment.model, members, names),
        *_listeners(environment, members),
        *_rules(environment, members),
        *_pairs(environment, members),
    ]


def _calls(
    environment: Environment, members: Mapping[str, Member], names: Sequence[str]
) -> Iterator[Problem]:
    for name, member in members.items():
        written = member.written
        for number, callee in enumerate(written.model.calls):
            path = ("calls", number)
            if callee == name:
                allowed = "other services: one that calls itself needs no leave for it"
                yield from written.problem(
                    path, allowed, f"{callee}, the service itself"
                )
            elif callee not in names:
                others = sorted(set(names) - {name})
                known = ", ".join(others) or "none"
                allowed = f"{meant(callee, others)}services of this folder: {known}"
                yield from written.problem(
                    path, allowed, f"{callee}, which there is not"
                )
            elif callee in members:
                yield from _reach(environment, written, path, members[callee])


def _reach(
    environment: Environment, written: Written[Service], path: Path, callee: Member
) -> Iterator[Problem]:
    service = callee.written.model
    if service.image.port is None:
        allowed = f"a service with image.port: {service.name} listens nowhere"
        yield from written.problem(path, allowed)
    elif environment.namespace is None and not callee.ingress:
        allowed = (
            f"a service that can be found: {service.name} has neither http nor nlb, "
            "and the environment no namespace"
        )
        yield from written.problem(path, allowed)


def _bound(members: Mapping[str, Member]) -> Iterator[tuple[str, Member, Ingress]]:
    for name, member in members.items():
        for ingress in member.ingress:
            yield name, member, ingress


def _listeners(
    environment: Written[Environment], members: Mapping[str, Member]
) -> Iterator[Problem]:
    """See that a listener fits what a service speaks, and is not another's."""
    owners: dict[tuple[str, int], str] = {}
    for name, member, ingress in _bound(members):
        written, rule = member.written, ingress.rule
        if isinstance(rule, HttpRule):
            yield from _speaks(environment.model, written, ingress)
            continue
        listener = (ingress.load_balancer, ingress.listener_port)
        path = (*ingress.path, "port")
        if listener in owners:
            allowed = "each port of a Network Load Balancer is one service's"
            where = f"{ingress.load_balancer} has for {owners[listener]}"
            found = f"{ingress.listener_port}, which {where}"
            yield from written.problem(path, allowed, found)
        owners.setdefault(listener, name)
        busy = [one for one in owners if one[0] == ingress.load_balancer]
        if len(busy) == MOST_LISTENERS + 1:
            allowed = f"at most {MOST_LISTENERS} listeners; add another load balancer"
            at = ("load_balancers", ingress.load_balancer)
            yield from environment.problem(at, allowed, f"{len(busy)} and more ports")
        if rule.certificate is not None:
            yield from _certificate(
                written,
                environment.model,
                (*ingress.path, "certificate"),
                rule.certificate,
            )


def _speaks(
    environment: Environment, written: Written[Service], ingress: Ingress
) -> Iterator[Problem]:
    """HTTP/2 and gRPC go from https listeners only (load-balancer-target-groups)."""
    protocol = written.model.image.protocol
    balancer = environment.load_balancers[ingress.load_balancer]
    listener = next(x for x in balancer.listeners if x.port == ingress.listener_port)
    if protocol in {"http2", "grpc"} and listener.protocol != "https":
        allowed = (
            f"an https listener for {protocol}: port {listener.port} of "
            f"{ingress.load_balancer} is {listener.protocol}"
        )
        yield from written.problem(ingress.path, allowed, f"protocol {protocol}")


def _rules(
    environment: Written[Environment], members: Mapping[str, Member]
) -> Iterator[Problem]:
    """No two rules of a listener ask for the same, and there is room for all."""
    asked: dict[tuple[str, int, frozenset[tuple[str, str]]], str] = {}
    places: dict[tuple[str, int, int], str] = {}
    counts: dict[str, int] = defaultdict(int)
    for name, member, ingress in _bound(members):
        written, rule = member.written, ingress.rule
        if isinstance(rule, NlbListener):
            continue
        counts[ingress.load_balancer] += 1
        listener = (ingress.load_balancer, ingress.listener_port)
        where = f"port {ingress.listener_port} of {ingress.load_balancer}"
        same = asked.setdefault((*listener, ingress.conditions), name)
        if (*listener, ingress.conditions) in asked and same != name:
            allowed = f"other hosts, paths or headers: these are {same}'s at {where}"
            found = f"conditions that {same} has"
            yield from written.problem(ingress.path, allowed, found)
        elif _repeats(member, ingress):
            allowed = f"each rule at {where} has conditions of its own"
            found = "conditions of another rule of this service"
            yield from written.problem(ingress.path, allowed, found)
        if rule.priority is None:
            continue
        place = (*listener, rule.priority)
        if place in places:
            allowed = f"a priority that no other rule at {where} has"
            found = f"{rule.priority}, which {places[place]} has"
            yield from written.problem((*ingress.path, "priority"), allowed, found)
        places.setdefault(place, name)
    most = min(MOST_GROUPS // GROUPS_EACH, MOST_RULES // RULES_EACH)
    for balancer, count in counts.items():
        if count > most:
            allowed = (
                f"at most {most}: each takes {GROUPS_EACH} of its {MOST_GROUPS} target "
                f"groups and {RULES_EACH} of its {MOST_RULES} rules; add another one"
            )
            path = ("load_balancers", balancer)
            yield from environment.problem(path, allowed, f"{count} bindings")


def _repeats(member: Member, ingress: Ingress) -> bool:
    """Whether an earlier rule of the same service asks for the same."""
    for earlier in member.ingress:
        if earlier is ingress:
            return False
        same = (earlier.load_balancer, earlier.listener_port, earlier.conditions)
        if same == (ingress.load_balancer, ingress.listener_port, ingress.conditions):
            return True
    return False


def flows(environment: Environment, members: Mapping[str, Member]) -> tuple[Flow, ...]:
    """Return who opens connections to whom, sorted.

    A caller reaches a service directly where that is in the registry, and through its
    internal load balancers.
    """
    found: set[Flow] = set()
    for name, member, ingress in _bound(members):
        asked = ingress.rule.healthcheck.port
        for port in {member.written.model.image.port, asked}:
            if port is not None:
                found.add(Flow(f"{BALANCER}{ingress.load_balancer}", name, port))
    for name, member in members.items():
        for callee in member.written.model.calls:
            if callee not in members or callee == name:
                continue
            other = members[callee]
            port = other.written.model.image.port
            if port is not None and environment.namespace is not None:
                found.add(Flow(name, callee, port))
            for ingress in other.ingress:
                balancer = environment.load_balancers[ingress.load_balancer]
                if balancer.scheme == "internal":
                    target = f"{BALANCER}{ingress.load_balancer}"
                    found.add(Flow(name, target, ingress.listener_port))
    return tuple(sorted(found))


def _pairs(
    environment: Written[Environment], members: Mapping[str, Member]
) -> Iterator[Problem]:
    """Every security group has room for its pairs, in each direction."""
    into: dict[str, set[Flow]] = defaultdict(set)
    out: dict[str, set[Flow]] = defaultdict(set)
    for flow in flows(environment.model, members):
        into[flow.target].add(flow)
        out[flow.source].add(flow)
    for pairs, which, key in ((into, "inbound", "name"), (out, "outbound", "calls")):
        for who, some in sorted(pairs.items()):
            if len(some) <= MOST_PAIRS:
                continue
            allowed = (
                f"at most {MOST_PAIRS} rules of a security group in each direction"
            )
            found = f"{len(some)} {which} rules of {who}"
            if who.startswith(BALANCER):
                path = ("load_balancers", who.removeprefix(BALANCER))
                yield from environment.problem(path, allowed, found)
            else:
                yield from members[who].written.problem((key,), allowed, found)
