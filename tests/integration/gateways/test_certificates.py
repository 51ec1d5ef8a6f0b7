"""Certificates: requested once, proved in their zone, and waited for."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from localcloud.api import AwsError
from localcloud.certificates import Certificate
from localcloud.delays import Delays, OpenQuestions
from slipway.domain.planning import Plan, plan
from slipway.domain.resources import Found, Ids, Kind, Ref, Scope, Wanted
from slipway.errors import Refused, Unavailable
from slipway.gateways.acm import Certificates
from slipway.gateways.elbv2_listeners import Listeners, LoadBalancers
from slipway.gateways.route53 import HostedZones

from tests.unit.localcloud.compute import Cloud, client, compute_cloud, virtual

SCOPE = Scope("shop", "vpc-0a1b2c3d", "shop")
STRANGER = Scope("other", "vpc-0a1b2c3d", "other")
LAG = Delays().certificate_seconds
ISSUING = Delays().certificate_issue_seconds


@dataclass
class World:
    """A cloud with one zone, and the gateways to certificates."""

    cloud: Cloud
    zone: str
    zones: HostedZones
    certificates: Certificates

    def wanted(self, name: str = "public", *others: str, **more: Any) -> Wanted:
        """Return a certificate for shop.example and others."""
        facts = {
            "domain": "shop.example",
            "alternatives": sorted(others),
            "status": "ISSUED",
            "proof": f"in {self.zone}",
        }
        return Wanted(
            Kind.CERTIFICATE,
            name,
            "a test wants it",
            facts | more,
            frozenset({"domain", "alternatives"}),
            {"zone": self.zone},
        )

    async def made(self, wanted: Wanted, scope: Scope = SCOPE) -> Found:
        """Make one, trying again as the workflow does."""
        async with self.cloud.clock.timeout(3600):
            while True:
                try:
                    return self.certificates.make(scope, wanted, Ids())
                except Unavailable:
                    await self.cloud.clock.sleep(15)

    def found(self, *wanted: Wanted) -> list[Found]:
        """Return what the environment has."""
        return self.certificates.found(SCOPE, wanted, Ids())

    def records(self) -> list[Any]:
        """Return the zone's CNAME records."""
        answer = client("route53").list_resource_record_sets(HostedZoneId=self.zone)
        return [r for r in answer["ResourceRecordSets"] if r["Type"] == "CNAME"]

    def erase(self) -> None:
        """Delete all proofs by hand."""
        changes = [{"Action": "DELETE", "ResourceRecordSet": r} for r in self.records()]
        client("route53").change_resource_record_sets(
            HostedZoneId=self.zone, ChangeBatch={"Changes": changes}
        )

    def count(self, operation: str) -> int:
        """Count the calls of an operation so far."""
        return sum(c.operation == operation for c in self.cloud.router.calls)

    def known(self) -> Sequence[Certificate]:
        """Return ACM's own records."""
        return self.cloud.compute.certificates.all()


@asynccontextmanager
async def a_world(questions: OpenQuestions | None = None) -> AsyncIterator[World]:
    """Start a cloud in which only a zone is."""
    async with compute_cloud(questions=questions) as cloud:
        made = client("route53").create_hosted_zone(
            Name="shop.example", CallerReference="test"
        )
        zones = HostedZones(client("route53"))
        yield World(
            cloud,
            made["HostedZone"]["Id"].removeprefix("/hostedzone/"),
            zones,
            Certificates(client("acm"), zones),
        )


@virtual
async def test_a_certificate_is_proved_and_then_as_wanted() -> None:
    for unknown in (False, True):
        async with a_world(OpenQuestions(new_certificate_is_unknown=unknown)) as world:
            wanted = world.wanted("public", "*.shop.example", "www.shop.example")
            with pytest.raises(Unavailable, match="how public is proved"):
                world.certificates.make(SCOPE, wanted, Ids())
            await world.cloud.clock.sleep(LAG)
            with pytest.raises(Unavailable, match="not issued yet"):
                world.certificates.make(SCOPE, wanted, Ids())
            # The domain and all names below it have one record.
            assert len(world.records()) == 2
            made = await world.made(wanted)
            assert len(world.known()) == 1
            (found,) = world.found(wanted)
            assert found.id == made.id
            assert plan([wanted], [found]) == Plan()


@virtual
async def test_one_that_no_list_shows_yet_is_not_requested_twice() -> None:
    async with a_world() as world:
        wanted = world.wanted()
        for _ in range(2):
            assert world.found(wanted) == []
            with pytest.raises(Unavailable):
                world.certificates.make(SCOPE, wanted, Ids())
        assert len(world.known()) == 1
        with pytest.raises(Unavailable):
            world.certificates.make(STRANGER, wanted, Ids())
        assert len(world.known()) == 2


@virtual
async def test_a_proof_that_was_deleted_is_seen_and_written_again() -> None:
    async with a_world() as world:
        wanted = world.wanted("public", "www.shop.example")
        await world.made(wanted)
        world.erase()
        (found,) = world.found(wanted)
        assert found.facts["proof"].startswith(f"not in {world.zone}: _")
        world.certificates.change(found, wanted, Ids())
        assert len(world.records()) == 2
        writes = world.count("ChangeResourceRecordSets")
        world.certificates.change(found, wanted, Ids())
        assert world.count("ChangeResourceRecordSets") == writes


@virtual
async def test_a_record_that_says_something_else_is_no_proof() -> None:
    async with a_world() as world:
        wanted = world.wanted()
        await world.made(wanted)
        (record,) = world.records()
        changed = {**record, "ResourceRecords": [{"Value": "elsewhere.example."}]}
        client("route53").change_resource_record_sets(
            HostedZoneId=world.zone,
            ChangeBatch={
                "Changes": [{"Action": "UPSERT", "ResourceRecordSet": changed}]
            },
        )
        (found,) = world.found(wanted)
        assert found.facts["proof"].startswith("not in")
        world.certificates.change(found, wanted, Ids())
        assert world.records() == [record]


@virtual
async def test_what_acm_gave_up_is_refused_with_its_reason() -> None:
    async with a_world() as world:
        wanted = world.wanted()
        made = await world.made(wanted)
        for status, why in (("FAILED", "CAA_ERROR"), ("VALIDATION_TIMED_OUT", "")):
            world.cloud.compute.certificates.end(made.id, status, why)
            (found,) = world.found(wanted)
            (refusal,) = plan([wanted], [found]).refusals
            with pytest.raises(Refused) as caught:
                world.certificates.change(found, wanted, Ids())
            for told in (refusal.reason, str(caught.value)):
                assert status in told
                assert why in told
                assert made.id in told


@virtual
async def test_too_many_domains_are_a_refusal_and_not_tried_again() -> None:
    async with a_world() as world:
        many = [f"a{number}.shop.example" for number in range(10)]
        with pytest.raises(Refused, match="quota"):
            world.certificates.make(SCOPE, world.wanted("public", *many), Ids())


@virtual
async def test_a_stage_that_dies_before_it_proves_goes_on_from_there() -> None:
    async with a_world() as world:

        def hook(_: str, called: str, *__: Any) -> None:
            if called == "ChangeResourceRecordSets" and world.count(called) == 1:
                raise AwsError("ServiceUnavailable", "the test says so", 503)

        world.cloud.router.before(hook)
        await world.made(world.wanted())
        assert len(world.known()) == 1
        assert len(world.records()) == 1


@virtual
async def test_certificates_of_others_are_let_be() -> None:
    async with a_world() as world:
        await world.made(world.wanted(), STRANGER)
        assert world.found(world.wanted()) == []
        assert world.count("ListTagsForCertificate") == 1


@virtual
async def test_one_that_is_told_of_is_found_by_its_arn_whosever_it_is() -> None:
    async with a_world() as world:
        theirs = await world.made(world.wanted(), STRANGER)
        mine = await world.made(world.wanted("mine"))
        told = [
            Wanted(Kind.CERTIFICATE, name, "", {"arn": arn}, owned=False)
            for name, arn in (
                ("theirs", theirs.id),
                ("known", mine.id),
                ("none", f"{theirs.id[:-1]}x"),
            )
        ]
        found = world.found(*told)
        assert [(one.name, one.owned, one.fault) for one in found] == [
            ("theirs", False, ""),
            ("known", False, ""),
        ]
        world.cloud.compute.certificates.end(theirs.id, "EXPIRED")
        assert "EXPIRED" in world.found(*told)[0].fault


@virtual
async def test_a_certificate_goes_once_nothing_uses_it() -> None:
    async with a_world() as world:
        made = await world.made(world.wanted())
        world.certificates.remove(made)
        assert world.known() == []
        assert world.records(), "another certificate may be proved by it"


@virtual
async def test_a_zone_says_which_domains_it_holds() -> None:
    async with a_world() as world:
        domains = ["*.shop.example", "a.shop.example", "notshop.example"]
        facts = {"private": False, "holds": domains}
        wanted = Wanted(Kind.HOSTED_ZONE, world.zone, "", facts, owned=False)
        lost = replace(wanted, name="Z000000000")
        (found,) = world.zones.found(SCOPE, [wanted, lost], Ids())
        assert found.name == world.zone
        assert found.facts == {"private": False, "holds": domains[:2]}


# ------------------------------------------------------------------ listeners


def https(*certificates: str) -> Wanted:
    refs = [Ref(Kind.CERTIFICATE, name) for name in certificates]
    return Wanted(
        Kind.LISTENER,
        "public:443",
        "",
        {"protocol": "HTTPS", "certificates": refs},
        once={"of": Ref(Kind.LOAD_BALANCER, "public"), "port": 443},
    )


@virtual
async def test_a_listener_gets_exactly_the_certificates_it_is_to_have() -> None:
    async with a_world() as world:
        elb = client("elbv2")
        balancers, listeners = LoadBalancers(elb), Listeners(elb)
        subnets = sorted(s.subnet_id for s in world.cloud.compute.network.subnets)
        balancer = Wanted(
            Kind.LOAD_BALANCER,
            "public",
            "",
            {"type": "application", "scheme": "internal", "subnets": subnets},
            once={"name": "shop-public"},
        )
        ids = Ids([balancers.make(SCOPE, balancer, Ids())])
        names = ("a", "b", "c", "d")
        for name in names:
            ids.learn(await world.made(world.wanted(name, f"{name}.shop.example")))
        first = https("a", "d", "c")
        ids.learn(listeners.make(SCOPE, first, ids))
        # "d" and "a" change places, "c" goes and "b" comes.
        for wanted in (first, https("d", "b", "a"), https("b"), https("a", "c", "d")):
            (found,) = listeners.found(SCOPE, [wanted], ids)
            if plan([wanted], [found], ids).changes:
                listeners.change(found, wanted, ids)
            (found,) = listeners.found(SCOPE, [wanted], ids)
            assert plan([wanted], [found], ids) == Plan()
