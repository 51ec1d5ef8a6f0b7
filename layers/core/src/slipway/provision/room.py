"""How much room resources take that are to be made, beside what is there."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from slipway.domain.quotas import GROUPS, INSTANCES, PAIRS, RULES, Demand, Taken
from slipway.domain.resources import (
    Found,
    Ids,
    Kind,
    Unknown,
    Wanted,
    of_kind,
    references,
)
from slipway.manifests.records import EnvironmentRecord

ANOTHER = "put services behind another load balancer, or take out what others have here"
FEWER = "let fewer services connect there, or take out what others have added"
SMALLER = "lower the services' counts, or use a namespace of this environment's own"


def pairs(made: Iterable[Wanted], found: Iterable[Found]) -> Iterator[Demand]:
    """Give how many inbound rules security groups are to have.

    What nobody wants any more counts too: it is removed after the rest is made.
    """
    counts: Counter[str] = Counter()
    names = {one.id: one.name for one in found if one.kind is Kind.SECURITY_GROUP}
    for one in found:
        if one.kind is Kind.SECURITY_GROUP_RULE:
            group = one.parts["group"]
            counts[names.get(group, group)] += 1
    grown = set()
    for rule in of_kind(Kind.SECURITY_GROUP_RULE, made):
        counts[rule.facts["of"].name] += 1
        grown.add(rule.facts["of"].name)
    for group in sorted(grown):
        yield Demand(PAIRS, Kind.SECURITY_GROUP, group, counts[group], FEWER)


def instances(record: EnvironmentRecord, found: Iterable[Found]) -> Iterator[Demand]:
    """Give how many instances the namespace is to have: one for each task.

    That is with all services at the most tasks that they have at rest, and others'
    instances as there are now.
    """
    namespace = record.environment.namespace
    if namespace is None:
        return
    manifests = [s.manifest for s in record.services if s.manifest.image.port]
    own = {manifest.name for manifest in manifests}
    others = sum(
        one.parts["instances"]
        for one in found
        if one.kind is Kind.REGISTRY_SERVICE and one.name not in own
    )
    most = others + sum(manifest.count.range.max for manifest in manifests)
    yield Demand(INSTANCES, Kind.NAMESPACE, namespace.name, most, SMALLER)


def balancers(made: Iterable[Wanted], ids: Ids) -> Iterator[tuple[str, str]]:
    """Give the name and ARN of each load balancer that is there and gets rules."""
    named = {balancer_of(rule) for rule in of_kind(Kind.LISTENER_RULE, made)}
    there = {one.name: one.id for one in ids.of_kind(Kind.LOAD_BALANCER)}
    for name in sorted(named & there.keys()):
        yield name, there[name]


def balancer_of(rule: Wanted) -> str:
    """Return the name of a rule's load balancer: listeners are NAME:PORT."""
    name: str = rule.facts["listener"].name
    return name.rpartition(":")[0]


def of_balancer(
    name: str, wanted: Iterable[Wanted], made: Iterable[Wanted], taken: Taken, ids: Ids
) -> Sequence[Demand]:
    """Return how many rules and target groups a load balancer is to have."""
    rules = [r for r in of_kind(Kind.LISTENER_RULE, wanted) if balancer_of(r) == name]
    new = [r for r in of_kind(Kind.LISTENER_RULE, made) if balancer_of(r) == name]
    groups = set(taken.groups)
    for ref in references([rule.facts for rule in rules]):
        if ref.kind is Kind.TARGET_GROUP:
            try:
                groups.add(ids.value(ref))
            except Unknown:
                groups.add(ref.name)
    count = len(taken.rules) + len(new)
    return (
        Demand(RULES, Kind.LOAD_BALANCER, name, count, ANOTHER),
        Demand(GROUPS, Kind.LOAD_BALANCER, name, len(groups), ANOTHER),
    )
