"""Releases that are judged by what their application counts of itself."""

from dataclasses import replace
from typing import Any

import pytest
from localcloud.simulated import Flow
from slipway.domain.provision_run import Result
from slipway.domain.rollout import Outcome
from slipway.domain.service import (
    NETWORK_SETTLE_SECONDS,
    ApplicationMetric,
    Mode,
    RolloutPolicy,
    Slot,
)
from slipway.gateways.journal import Entry

from tests.e2e.grounds import ROLLOUT, Grounds, environment, grounds, orders
from tests.e2e.road import JUDGE, QUICK, Road, client, road
from tests.e2e.test_network_balancers import (
    LASTING,
    broker,
    network,
    weights,
)

METRIC = ApplicationMetric("shop", "Requests", "Failures")
COUNTED = replace(QUICK, judge=replace(JUDGE, metric=METRIC))
COUNTS: dict[str, Any] = {
    "namespace": "shop",
    "requests": "Requests",
    "failures": "Failures",
    "slot": "ServiceName",
}
"""How tasks count what that metric names."""
INSIDE: dict[str, Any] = {"fail_inside_every": 5, "counts": COUNTS}
"""A release whose failures are answers with HTTP 200, as gRPC's are."""
MANIFEST = {"namespace": "shop", "requests": "Requests", "failures": "Failures"}
JUDGED = {"judge": {"min_requests": 30, "metric": MANIFEST}}


async def counting(world: Road, **more: Any) -> Flow:
    """See a good release promoted that counts; then begin live traffic."""
    entry = await world.ended(world.push(counts=COUNTS | more))
    assert entry.outcome is Outcome.PROMOTED, entry.reason
    flow = world.send()
    await world.pause(60)
    return flow


def facts(entry: Entry, mark: str) -> dict[str, float]:
    """Return the counts of one mark."""
    assert entry.receipt is not None
    return next(
        dict(one.facts) for one in entry.receipt.marks if one.name.startswith(mark)
    )


# ----------------------------------------------------- behind a load balancer


@pytest.mark.parametrize(
    ("policy", "outcome"), [(QUICK, Outcome.PROMOTED), (COUNTED, Outcome.ROLLED_BACK)]
)
async def test_failures_in_good_answers_are_seen_where_the_application_counts(
    policy: RolloutPolicy, outcome: Outcome
) -> None:
    """Invariant 13: gRPC errors are HTTP 200."""
    async with road(policy) as world:
        flow = await counting(world)
        digest = world.push("v2", **INSIDE)
        entry = await world.ended(digest)
        assert entry.outcome is outcome, entry.reason
        assert set(flow.totals.failed_by_digest) == {digest}
        if outcome is Outcome.ROLLED_BACK:
            assert world.highest[Slot.B] == 10
            assert world.weights() == {Slot.A: 100, Slot.B: 0}
            assert "more failures than allowed" in (entry.reason or "")
            assert "judged by Requests and Failures of shop" in (entry.reason or "")
            assert facts(entry, "judged-0")["candidate_failures"] > 0


async def test_a_good_release_is_promoted_by_what_it_counts() -> None:
    async with road(COUNTED) as world:
        await counting(world)
        entry = await world.ended(world.push("v2", counts=COUNTS))
        assert entry.outcome is Outcome.PROMOTED, entry.reason
        assert entry.receipt is not None
        judged = [m for m in entry.receipt.marks if m.name.startswith("judged-")]
        assert len(judged) == 3
        for mark in judged:
            assert mark.reason.endswith("judged by Requests and Failures of shop")
            assert mark.facts["candidate_requests"] >= JUDGE.min_requests
            assert mark.facts["candidate_failures"] == 0


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        (None, "0 requests are too few to judge"),
        (
            COUNTS | {"failures": "Failers"},
            "Failures of shop has no data where ServiceName is orders-b",
        ),
        (COUNTS | {"requests": "Request"}, "0 requests are too few to judge"),
        (COUNTS | {"slot": "Service"}, "0 requests are too few to judge"),
        (COUNTS | {"dimensions": {"Zone": "1"}}, "0 requests are too few to judge"),
    ],
    ids=["silent", "failures", "requests", "slot", "dimensions"],
)
async def test_what_the_application_does_not_say_never_passes(
    counts: Any, reason: str
) -> None:
    """Invariant 7: the load balancer sees plenty of good answers meanwhile."""
    async with road(COUNTED) as world:
        flow = await counting(world)
        digest = world.push("v2", fail_inside_every=2, counts=counts)
        await world.reached(digest, "held-0")
        await world.until(world.pages)
        assert reason in world.pages()[0]["detail"]["reason"]
        held = world.cloud.clock.time()
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.ROLLED_BACK
        assert reason in (entry.reason or "")
        assert world.cloud.clock.time() - held > COUNTED.hold_seconds
        assert len(world.pages()) == 1
        assert world.highest[Slot.B] == 10
        assert flow.totals.reached[digest] > JUDGE.min_requests


# ----------------------------------------------------- from manifests


def pages(made: Grounds) -> int:
    """Return how often a person was called."""
    return len(made.cloud.topics[made.cloud.stack.resource("PagesTopic").name].messages)


async def test_a_manifest_of_grpc_is_provisioned_and_judged_by_its_metric() -> None:
    """Invariant 13, from a manifest to the end of a rollout."""
    async with grounds() as made:
        zone = client("route53").create_hosted_zone(
            Name="shop.example", CallerReference="test"
        )["HostedZone"]["Id"]
        named = {"domain": "shop.example", "hosted_zone": zone.rpartition("/")[2]}
        secure = {"port": 443, "protocol": "https", "certificates": ["shop"]}
        public = {"scheme": "internet-facing", "create": True, "listeners": [secure]}
        image = orders()["image"] | {"protocol": "grpc"}
        http = {"load_balancer": "public", "listener": 443, "path": "/"}
        made.upload(
            environment(
                made.cloud.network,
                load_balancers={"public": public},
                certificates={"shop": {"create": named}},
            ),
            orders(image=image, http=http, rollout=ROLLOUT | JUDGED),
        )
        report = await made.provisioned()
        assert report.result is Result.DONE, report
        assert made.service("orders").mode is Mode.CANARY
        assert made.service("orders").rollout.judge.metric == METRIC
        made.cloud.monitor.watch(made.service("orders"))
        before = made.calls
        assert (await made.run()).result is Result.DONE
        assert made.writes(before) == []
        entry = await made.released("orders", counts=COUNTS)
        assert entry.outcome is Outcome.PROMOTED, entry.reason
        made.send("orders")
        await made.pause(60)
        entry = await made.released("orders", "v2", **INSIDE)
        assert entry.outcome is Outcome.ROLLED_BACK
        assert "more failures than allowed" in (entry.reason or "")
        entry = await made.released("orders", "v3", counts=COUNTS)
        assert entry.outcome is Outcome.PROMOTED, entry.reason
        assert pages(made) == 0


# ----------------------------------------------------- behind a network load balancer


async def test_a_canary_behind_a_network_listener_alone_is_promoted_step_by_step() -> (
    None
):
    """Its bakes are judged, though weights take longer than they to be acted on."""
    async with network(broker(rollout=LASTING | JUDGED)) as made:
        assert made.service("broker").mode is Mode.CANARY
        await made.released("broker", counts=COUNTS)
        flow = made.send("broker")
        await made.pause(600)
        failed = flow.totals.failed
        digest = made.push("broker", "v2", counts=COUNTS)
        seen = []

        def noted() -> bool:
            now = weights(made)
            if not seen or seen[-1] != now:
                seen.append(now)
            return now == {"a": 0, "b": 100}

        await made.until(noted)
        assert seen == [{"a": 100, "b": 0}, {"a": 50, "b": 50}, {"a": 0, "b": 100}]
        entry = await made.ended("broker", digest)
        assert entry.outcome is Outcome.PROMOTED, entry.reason
        assert entry.receipt is not None
        at = {mark.name: mark.at for mark in entry.receipt.marks}
        for number in (0, 1):
            took = at[f"judged-{number}"] - at[f"shifted-{number}"]
            assert took.total_seconds() > NETWORK_SETTLE_SECONDS + 60
            counts = facts(entry, f"judged-{number}")
            assert counts["candidate_requests"] >= JUDGE.min_requests
        assert pages(made) == 0
        assert flow.totals.failed == failed
        assert flow.totals.reached[digest] > 0


async def test_a_bad_one_goes_back_before_all_nodes_have_to_act_on_its_weights() -> (
    None
):
    """Invariants 2 and 13: what it failed counts, whichever weights it came by."""
    async with network(broker(rollout=LASTING | JUDGED)) as made:
        await made.released("broker", counts=COUNTS)
        flow = made.send("broker")
        await made.pause(600)
        digest = made.push("broker", "v2", **INSIDE)
        await made.until(lambda: weights(made) == {"a": 50, "b": 50})
        await made.until(lambda: weights(made) == {"a": 100, "b": 0})
        entry = await made.ended("broker", digest)
        assert entry.outcome is Outcome.ROLLED_BACK
        assert "judged by Requests and Failures of shop" in (entry.reason or "")
        assert entry.receipt is not None
        at = {mark.name: mark.at for mark in entry.receipt.marks}
        exposed = at["restore-give-traffic"] - at["shifted-0"]
        assert exposed.total_seconds() < NETWORK_SETTLE_SECONDS
        assert made.desired("broker") == {Slot.A: 2, Slot.B: 0}
        assert set(flow.totals.failed_by_digest) == {digest}
        assert pages(made) == 0


async def test_silence_behind_a_network_listener_never_passes() -> None:
    """Invariant 7: connections come about all the time."""
    async with network(broker(rollout=LASTING | JUDGED | {"hold": "240s"})) as made:
        await made.released("broker", counts=COUNTS)
        flow = made.send("broker")
        await made.pause(600)
        digest = made.push("broker", "v2")
        entry = await made.ended("broker", digest)
        assert entry.outcome is Outcome.ROLLED_BACK
        assert "0 requests are too few to judge" in (entry.reason or "")
        assert flow.totals.reached[digest] > JUDGE.min_requests
        assert pages(made) == 1
        assert weights(made) == {"a": 100, "b": 0}
