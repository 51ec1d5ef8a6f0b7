"""What there is room for, counted with what others have taken."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from slipway.domain.quotas import (
    GROUPS,
    INSTANCES,
    PAIRS,
    RULES,
    Demand,
    Quota,
    Taken,
    refused,
)
from slipway.domain.resources import Found, Ids, Kind, Ref, Wanted
from slipway.manifests.reading import read
from slipway.provision.room import balancers, instances, of_balancer, pairs
from slipway_cli.manifests import contents

BOUTIQUE = Path(__file__).parents[3] / "examples" / "boutique"
ELSEWHERE = {"instances": 7}


def a_rule(name: str, balancer: str = "public", *groups: str) -> Wanted:
    facts: dict[str, Any] = {"listener": Ref(Kind.LISTENER, f"{balancer}:80")}
    if groups:
        facts["groups"] = [Ref(Kind.TARGET_GROUP, group) for group in groups]
    return Wanted(Kind.LISTENER_RULE, name, "it is wanted", facts)


def a_pair(source: str, group: str = "test/orders") -> Wanted:
    facts = {"of": Ref(Kind.SECURITY_GROUP, group)}
    return Wanted(Kind.SECURITY_GROUP_RULE, source, "it is wanted", facts)


def taken(rules: int, *groups: str) -> Taken:
    return Taken(frozenset(f"rule-{n}" for n in range(rules)), frozenset(groups))


def test_rules_of_others_count_and_those_there_count_once() -> None:
    there, new = a_rule("cart"), a_rule("orders")
    other = a_rule("desk", "inside")
    rules, _ = of_balancer("public", [there, new, other], [new, other], taken(8), Ids())
    assert (rules.quota, rules.name, rules.count) == (RULES, "public", 9)


def test_a_target_group_counts_once_whether_it_is_attached_or_still_to_be_made() -> (
    None
):
    ids = Ids([Found(Kind.TARGET_GROUP, "orders-a", "arn-a", {})])
    rule = a_rule("orders parked", "public", "orders-a", "orders-b")
    found = taken(0, "arn-a", "arn-of-another")
    _, groups = of_balancer("public", [rule], [rule], found, ids)
    assert (groups.quota, groups.count) == (GROUPS, 3)


def test_only_load_balancers_that_are_there_and_get_rules_are_looked_at() -> None:
    balancer = Found(Kind.LOAD_BALANCER, "public", "arn", {})
    ids = Ids([balancer, replace(balancer, name="idle", id="arn-2")])
    made = [a_rule("cart"), a_rule("desk", "inside")]
    assert list(balancers(made, ids)) == [("public", "arn")]


def test_rules_of_a_security_group_count_until_they_are_removed() -> None:
    group = Found(Kind.SECURITY_GROUP, "test/orders", "sg-1", {})
    left = Found(Kind.SECURITY_GROUP_RULE, "x", "x", {}, parts={"group": "sg-1"})
    idle = Found(Kind.SECURITY_GROUP_RULE, "y", "y", {}, parts={"group": "sg-2"})
    (demand,) = pairs([a_pair("a"), a_pair("b")], [group, left, idle])
    assert (demand.quota, demand.name, demand.count) == (PAIRS, "test/orders", 3)


def of_namespace(*names: str) -> Iterator[Demand]:
    record = read(contents(BOUTIQUE, "environment.yaml")).record
    assert record is not None
    found = [
        Found(Kind.REGISTRY_SERVICE, name, name, {}, parts=ELSEWHERE) for name in names
    ]
    most = sum(
        s.manifest.count.range.max for s in record.services if s.manifest.image.port
    )
    for demand in instances(record, found):
        yield replace(demand, count=demand.count - most)


def test_instances_of_others_count_beside_the_most_tasks_of_ones_own() -> None:
    assert [d.count for d in of_namespace("theirs", "too")] == [14]
    assert [d.quota for d in of_namespace()] == [INSTANCES]


def demand(quota: Quota, count: int) -> Demand:
    return Demand(quota, Kind.LOAD_BALANCER, "public", count, "use two")


@pytest.mark.parametrize(
    ("quota", "count", "applied", "fits"),
    [
        (RULES, 100, None, True),
        (RULES, 101, None, False),
        (RULES, 101, 150, True),
        (RULES, 151, 150, False),
        (GROUPS, 101, None, False),
    ],
)
def test_what_the_account_allows_counts(
    quota: Quota, count: int, applied: int | None, *, fits: bool
) -> None:
    assert (refused(demand(quota, count), applied) is None) == fits


def test_a_refusal_says_figure_limit_and_what_to_do() -> None:
    refusal = refused(demand(RULES, 151), 150)
    assert refusal is not None
    assert str(refusal) == (
        "load balancer public: it would have 151 rules, and may have 150 in this "
        "account: use two, or have quota L-7EED9B64 of elasticloadbalancing raised"
    )


def test_nobody_is_told_to_raise_what_cannot_be_raised() -> None:
    refusal = refused(demand(GROUPS, 101), None)
    assert refusal is not None
    assert refusal.reason.endswith("in this account: use two")
