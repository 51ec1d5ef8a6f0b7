"""The plan: desired against actual."""

from typing import Any

import pytest
from slipway.domain.planning import Change, Plan, Refusal, Verb, decide, plan
from slipway.domain.resources import (
    ENVIRONMENT_TAG,
    NAME_TAG,
    SERVICE_TAG,
    Found,
    Ids,
    Kind,
    Ref,
    Scope,
    Unknown,
    Wanted,
    flat,
)

GROUP = Ref(Kind.SECURITY_GROUP, "dev/cart")


def wanted(name: str = "dev/cart", **more: Any) -> Wanted:
    usual: dict[str, Any] = {
        "kind": Kind.SECURITY_GROUP,
        "reason": "it says who reaches cart",
        "facts": {"vpc": "vpc-1"},
        "service": "cart",
    }
    return Wanted(name=name, **(usual | more))


def found(name: str = "dev/cart", **more: Any) -> Found:
    usual: dict[str, Any] = {
        "kind": Kind.SECURITY_GROUP,
        "id": f"sg-of-{name}",
        "facts": {"vpc": "vpc-1"},
        "service": "cart",
    }
    return Found(name=name, **(usual | more))


# ----------------------------------------------------- one resource


def test_what_is_missing_is_made_for_the_reason_that_it_is_wanted() -> None:
    (change,) = plan([wanted()], []).changes
    assert (change.verb, change.name, change.service) == (Verb.MAKE, "dev/cart", "cart")
    assert change.reason == "it says who reaches cart"


def test_what_is_as_it_should_be_is_let_be() -> None:
    assert plan([wanted()], [found()]) == Plan((), ())


def test_a_fact_that_differs_is_changed_and_named_with_both_values() -> None:
    (change,) = plan([wanted()], [found(facts={"vpc": "vpc-2"})]).changes
    assert change.verb is Verb.CHANGE
    assert change.reason == "vpc vpc-2 -> vpc-1"


def test_a_fact_that_nobody_wants_is_not_compared() -> None:
    there = found(facts={"vpc": "vpc-1", "size": 3})
    assert plan([wanted()], [there]).changes == ()
    (change,) = plan([wanted(whole=True)], [there]).changes
    assert change.reason == "size 3 -> None"


SCOPE = Scope(
    "dev",
    "vpc-1",
    "dev",
    {"team": "red"},
    {"cart": {"tier": "web"}, "till": {"a": "b"}},
)
MARKS = {ENVIRONMENT_TAG: "dev", NAME_TAG: "dev/cart", SERVICE_TAG: "cart"}


def test_tags_that_lack_or_differ_are_a_change_and_others_are_let_be() -> None:
    whole = {**MARKS, "team": "red", "tier": "web", "somebody's": "own"}
    assert plan([wanted()], [found(tags=whole)], scope=SCOPE) == Plan()
    there = found(tags=whole | {"team": "blue", SERVICE_TAG: "till"})
    (change,) = plan([wanted()], [there], scope=SCOPE).changes
    (difference,) = change.differences.values()
    assert difference.was == {"team": "blue", SERVICE_TAG: "till"}
    assert difference.becomes == {"team": "red", SERVICE_TAG: "cart"}


@pytest.mark.parametrize(
    ("asked", "there"),
    [
        (wanted(), found(tags=None)),
        (wanted(), found(tags={}, adopted=True)),
        (wanted(owned=False), found(tags={}, owned=False)),
    ],
)
def test_tags_of_what_has_none_or_is_not_slipway_s_own_are_not_compared(
    asked: Wanted, there: Found
) -> None:
    assert plan([asked], [there], scope=SCOPE) == Plan()


def test_what_it_is_made_with_is_never_compared() -> None:
    assert plan([wanted(once={"weight": 1})], [found()]).changes == ()


def test_a_fact_that_aws_cannot_change_is_refused_and_nothing_else_said() -> None:
    there = found(facts={"vpc": "vpc-2", "size": 3})
    asked = wanted(facts={"vpc": "vpc-1", "size": 4}, fixed=frozenset({"vpc"}))
    decided = plan([asked], [there])
    assert decided.changes == ()
    (refusal,) = decided.refusals
    assert "vpc vpc-2 -> vpc-1" in refusal.reason
    assert "size" not in refusal.reason


def test_what_somebody_else_made_under_the_same_name_is_refused() -> None:
    (refusal,) = plan([wanted()], [found(owned=False)]).refusals
    assert "sg-of-dev/cart, that Slipway did not make" in refusal.reason


def test_what_is_only_referred_to_has_to_be_there_and_as_it_is_said_to_be() -> None:
    asked = wanted(owned=False)
    assert "it is not there" in plan([asked], []).refusals[0].reason
    assert plan([asked], [found(owned=False)]) == Plan((), ())
    other = found(owned=False, facts={"vpc": "vpc-2"})
    assert "vpc vpc-2 -> vpc-1" in plan([asked], [other]).refusals[0].reason


# ----------------------------------------------------- many


def test_nothing_that_slipway_did_not_make_is_removed() -> None:
    surplus = [found("dev/old"), found("theirs", owned=False)]
    assert [(c.verb, c.name) for c in plan([], surplus).changes] == [
        (Verb.REMOVE, "dev/old")
    ]


def test_making_follows_the_kinds_and_removing_goes_the_other_way() -> None:
    asked = [wanted("b", kind=Kind.ECS_SERVICE), wanted("a", kind=Kind.CLUSTER)]
    surplus = [found("d", kind=Kind.LISTENER_RULE), found("c", kind=Kind.ECS_SERVICE)]
    assert [c.name for c in plan(asked, surplus).changes] == ["a", "b", "c", "d"]


def test_an_id_that_changed_shows_in_what_refers_to_it() -> None:
    asked = [wanted(), wanted("slot", kind=Kind.ECS_SERVICE, facts={"group": GROUP})]
    slot = found("slot", kind=Kind.ECS_SERVICE, facts={"group": "sg-lost"})
    changes = plan(asked, [slot]).changes
    assert [c.verb for c in changes] == [Verb.MAKE, Verb.CHANGE]
    assert changes[1].reason == "group sg-lost -> (security group dev/cart)"


@pytest.mark.parametrize("there", [None, found(), found(facts={"vpc": "vpc-2"})])
def test_deciding_twice_gives_the_same(there: Found | None) -> None:
    assert decide(wanted(), there, Ids()) == decide(wanted(), there, Ids())


def test_changes_and_refusals_are_one_line_each() -> None:
    change = Change(Verb.MAKE, Kind.CLUSTER, "dev", "services run in it")
    assert str(change) == "make cluster dev: services run in it"
    assert str(Refusal(Kind.CLUSTER, "dev", "no")) == "cluster dev: no"


# ----------------------------------------------------- references


def test_references_resolve_wherever_they_stand() -> None:
    ids = Ids([found(parts={"label": "app/1"})])
    label = Ref(Kind.SECURITY_GROUP, "dev/cart", "label")
    value = {"a": [GROUP, "x"], "b": {"c": label}}
    assert ids.value(value) == {"a": ["sg-of-dev/cart", "x"], "b": {"c": "app/1"}}


def test_a_reference_to_what_is_not_there_is_unknown_and_shown_by_its_name() -> None:
    with pytest.raises(Unknown, match="security group dev/cart"):
        Ids().value([GROUP])
    assert Ids().shown([GROUP]) == ["(security group dev/cart)"]
    with pytest.raises(Unknown, match="which it has not"):
        Ids([found()]).value(Ref(Kind.SECURITY_GROUP, "dev/cart", "label"))


def test_values_of_a_record_go_by_their_paths() -> None:
    record = {"a": ({"x": 1}, {"x": 2}), "b": ("p", "q"), "c": {}, "d": ()}
    assert dict(flat(record)) == {
        "a.0.x": 1,
        "a.1.x": 2,
        "b": ["p", "q"],
        "c": {},
        "d": [],
    }
