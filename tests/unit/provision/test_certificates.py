"""Certificates that manifests want, and what becomes of them beside what is there."""

from dataclasses import replace
from typing import Any

import pytest
from slipway.domain.planning import Change, Plan, Verb, plan
from slipway.domain.resources import Found, Ids, Kind, Ref, Wanted, of_kind
from slipway.manifests.environment import Environment
from slipway.provision.certificates import certificates
from slipway.provision.load_balancers import load_balancers

from tests.unit.manifests.folder import ENVIRONMENT, reading

TOLD = 'shop: {arn: "arn:aws:acm:eu-west-1:111122223333:certificate/0a1b"}'
MADE = (
    "shop: {create: {domain: shop.example, "
    "alternatives: [www.shop.example, shop.example, api.shop.example], "
    "hosted_zone: Z0873220N255IR3MTNR4}}"
)
ZONE = "Z0873220N255IR3MTNR4"
ARN = "arn:aws:acm:eu-west-1:111122223333:certificate/"
PROVED = {
    "domain": "shop.example",
    "alternatives": ["api.shop.example", "www.shop.example"],
    "status": "ISSUED",
    "proof": f"in {ZONE}",
}


def environment(certificate: str = MADE) -> Environment:
    read = reading({"environment.yaml": ENVIRONMENT.replace(TOLD, certificate)})
    assert read.record is not None, read.problems
    return read.record.environment


def found(**more: Any) -> Found:
    return replace(Found(Kind.CERTIFICATE, "shop", f"{ARN}1", PROVED), **more)


def planned(*there: Found, certificate: str = MADE) -> Plan:
    wanted = of_kind(Kind.CERTIFICATE, certificates(environment(certificate)))
    return plan(wanted, there)


def test_a_certificate_is_made_with_each_of_its_domains_once() -> None:
    (wanted,) = of_kind(Kind.CERTIFICATE, certificates(environment()))
    assert wanted.owned
    assert wanted.facts == PROVED
    (change,) = planned().changes
    assert change.verb is Verb.MAKE


def test_the_zone_it_is_proved_in_has_to_be_public_and_to_hold_its_domains() -> None:
    wanted = of_kind(Kind.HOSTED_ZONE, certificates(environment()))
    domains = ["api.shop.example", "shop.example", "www.shop.example"]
    right = Found(
        Kind.HOSTED_ZONE, ZONE, ZONE, {"private": False, "holds": domains}, owned=False
    )
    assert plan(wanted, [right]) == Plan()
    private = replace(right, facts={**right.facts, "private": True})
    other = replace(right, facts={**right.facts, "holds": []})
    for wrong in ([], [private], [other]):
        (refusal,) = plan(wanted, wrong).refusals
        assert refusal.name == ZONE


def test_listeners_name_a_certificate_that_is_still_to_be_made() -> None:
    (listener,) = [
        one
        for one in of_kind(Kind.LISTENER, load_balancers(environment()))
        if "certificates" in one.facts
    ]
    assert listener.facts["certificates"] == [Ref(Kind.CERTIFICATE, "shop")]


def listening(*arns: str) -> Found:
    facts = {"protocol": "HTTPS", "certificates": [*arns]}
    return Found(Kind.LISTENER, "public:443", "listener", facts)


def listener_change(there: Found, *known: Found) -> Change | None:
    wanted = [
        one
        for one in of_kind(Kind.LISTENER, load_balancers(environment()))
        if one.name == "public:443"
    ]
    changes = plan(wanted, [there], Ids(known)).changes
    return changes[0] if changes else None


def test_a_listener_is_compared_by_what_its_certificate_is_called_on_aws() -> None:
    assert listener_change(listening(f"{ARN}1"), found()) is None
    change = listener_change(listening(f"{ARN}0"), found())
    assert change is not None
    assert change.differences["certificates"].becomes == [f"{ARN}1"]
    change = listener_change(listening(f"{ARN}0"))
    assert change is not None
    assert change.differences["certificates"].becomes == ["(certificate shop)"]


def test_one_that_is_proved_and_issued_is_let_be() -> None:
    assert planned(found()) == Plan()


@pytest.mark.parametrize(
    "fact", [{"status": "PENDING_VALIDATION"}, {"proof": f"not in {ZONE}: _a"}]
)
def test_what_is_not_proved_or_not_issued_is_worked_on(fact: dict[str, str]) -> None:
    (change,) = planned(found(facts=PROVED | fact)).changes
    assert change.verb is Verb.CHANGE
    assert set(change.differences) == set(fact)


@pytest.mark.parametrize(
    "fact", [{"domain": "other.example"}, {"alternatives": ["www.shop.example"]}]
)
def test_other_domains_are_another_certificate(fact: dict[str, Any]) -> None:
    result = planned(found(facts=PROVED | fact))
    assert result.changes == ()
    (refusal,) = result.refusals
    assert "give it another name" in refusal.reason


def test_what_acm_gave_up_is_refused_in_acms_words() -> None:
    lost = found(
        facts=PROVED | {"status": "FAILED"}, fault="ACM says FAILED, CAA_ERROR"
    )
    (refusal,) = planned(lost).refusals
    assert "CAA_ERROR" in refusal.reason


def test_a_certificate_that_is_told_of_has_to_be_there_and_in_force() -> None:
    told: Wanted
    (told,) = certificates(environment(TOLD))
    assert not told.owned
    there = found(facts={"arn": f"{ARN}0a1b"}, owned=False)
    assert planned(there, certificate=TOLD) == Plan()
    (gone,) = planned(certificate=TOLD).refusals
    assert "not there" in gone.reason
    (expired,) = planned(replace(there, fault="EXPIRED"), certificate=TOLD).refusals
    assert expired.reason == "EXPIRED"


def test_one_that_nobody_asks_for_goes_and_a_strangers_is_let_be() -> None:
    (change,) = plan([], [found(fault="ACM says EXPIRED")]).changes
    assert change.verb is Verb.REMOVE
    assert plan([], [found(owned=False)]) == Plan()
