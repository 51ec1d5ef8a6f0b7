"""Restoring: capacity, health, weight, removal; and what is done where that fails."""

from datetime import datetime
from typing import Any

from localcloud.api import Call
from localcloud.delays import Delays
from slipway.domain.rollout import Outcome
from slipway.domain.service import Slot

from tests.e2e.road import ATTENTIVE, REQUESTS_PER_SECOND, Road, client, road


async def test_an_old_slot_that_was_scaled_in_is_scaled_up_before_it_gets_weight() -> (
    None
):
    """Invariants 1 and 2: capacity first.

    flagger#869 (primary autoscaled in, then overwhelmed by the rollback),
    argo-rollouts#3372 (all traffic to an unscaled stable side).
    """
    async with road(ATTENTIVE) as world:
        flow = await world.first_release()
        digest = world.push("v2")
        await world.reached(digest, "shifted-1")
        world.scale(Slot.A, 2)
        await world.pause(45)
        await world.make_sick(Slot.B)
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.ROLLED_BACK
        [scaled_up] = [c for c in _restoring(world) if _scales(c, "orders-a", 4)]
        [shifted] = [c for c in _restoring(world) if c.operation == "ModifyRule"]
        assert scaled_up.at < _healthy_since(world, digest) < shifted.at
        assert world.weights() == {Slot.A: 100, Slot.B: 0}
        assert flow.totals.failed == 0


async def test_an_old_slot_at_zero_is_filled_before_it_gets_weight() -> None:
    """Invariant 2 (argo-rollouts#2235: a side at zero got the traffic)."""
    async with road(ATTENTIVE) as world:
        flow = await world.first_release()
        digest = world.push("v2")
        await world.reached(digest, "shifted-2")
        await world.pause(10)
        world.scale(Slot.A, 0)
        await world.pause(60)
        await world.make_sick(Slot.B)
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.ROLLED_BACK
        assert world.weights() == {Slot.A: 100, Slot.B: 0}
        assert world.desired() == {Slot.A: 4, Slot.B: 0}
        assert flow.totals.failed == 0


async def test_a_restore_that_cannot_regain_capacity_leaves_traffic_as_it_is() -> None:
    """Invariant 2: both sides serve, a person is needed (flagger#1898).

    There a failed promotion sent everything to a broken primary.
    """
    async with road(ATTENTIVE, at_rest=False) as world:
        flow = await world.first_release()
        digest = world.push("v2")
        await world.reached(digest, "shifted-1")
        world.delete_image(_first(world))
        world.scale(Slot.A, 2)
        await world.pause(45)
        await world.make_sick(Slot.B)
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.FAILED
        assert world.weights() == {Slot.A: 50, Slot.B: 50}
        assert world.desired()[Slot.B] == 2
        [page] = world.pages()
        assert page["detail"]["outcome"] == Outcome.FAILED
        assert flow.totals.failed == 0


async def test_where_the_old_slot_is_gone_for_good_the_candidate_takes_all() -> None:
    """Invariant 2: the healthier side keeps the traffic."""
    async with road(ATTENTIVE, at_rest=False) as world:
        flow = await world.first_release()
        digest = world.push("v2")
        await world.reached(digest, "shifted-1")
        world.delete_image(_first(world))
        await world.make_sick(Slot.B)
        for task in world.tasks(Slot.A):
            world.runtime.crash(task.arn)
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.FAILED
        assert len(world.pages()) == 1
        assert world.weights() == {Slot.A: 0, Slot.B: 100}
        failed = flow.totals.failed
        await world.pause(120)
        assert flow.totals.failed == failed


async def test_where_the_candidate_is_gone_the_old_slot_takes_all_it_can() -> None:
    """Invariant 2's last resort: too little capacity is better than none."""
    async with road(ATTENTIVE, at_rest=False) as world:
        await world.first_release()
        digest = world.push("v2")
        await world.reached(digest, "shifted-1")
        world.delete_image(_first(world))
        world.delete_image(digest)
        world.scale(Slot.A, 2)
        await world.pause(45)
        for task in world.tasks(Slot.B):
            world.runtime.crash(task.arn)
        entry = await world.ended(digest)
        assert world.weights() == {Slot.A: 100, Slot.B: 0}
        assert entry.outcome is Outcome.FAILED
        assert "serves alone" in (entry.reason or "")
        assert len(world.pages()) == 1


async def test_weight_that_a_person_gives_back_after_promotion_stays() -> None:
    """Invariant 9 (flagger#1898, #1932: what came after a promotion went wrong)."""
    async with road(ATTENTIVE, at_rest=False) as world:
        flow = await world.first_release()
        digest = world.push("v2")
        await world.reached(digest, "promoted")
        world.set_weights({Slot.A: 20, Slot.B: 80})
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.FAILED
        assert entry.reason == "slot a still carries 20 % in some rule"
        assert len(world.pages()) == 1
        assert world.weights() == {Slot.A: 20, Slot.B: 80}
        assert world.desired() == {Slot.A: 4, Slot.B: 4}
        assert flow.totals.failed == 0


async def test_a_candidate_whose_ecs_service_is_gone_gives_its_traffic_back() -> None:
    """Invariant 8: restoring needs nothing of the candidate."""
    async with road(ATTENTIVE, at_rest=False) as world:
        await world.first_release()
        digest = world.push("v2")
        await world.reached(digest, "shifted-1")
        name = world.service.slots[Slot.B]
        shapes = client("ecs").describe_services(
            cluster=world.system.cluster, services=[world.service.slots[Slot.A]]
        )

        def without_candidate(_: dict[str, Any]) -> dict[str, Any]:
            return {"services": shapes["services"], "failures": [{"reason": name}]}

        world.cloud.router.serve("ecs", {"DescribeServices": without_candidate})
        for task in world.tasks(Slot.B):
            world.runtime.crash(task.arn)
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.ROLLED_BACK
        assert world.weights() == {Slot.A: 100, Slot.B: 0}


async def test_traffic_that_no_known_release_serves_is_left_alone() -> None:
    """Invariants 2 and 9: an empty journal is no reason to close a rule."""
    async with road(ATTENTIVE, at_rest=False) as world:
        flow = await world.first_release()
        client("dynamodb").delete_item(
            TableName=world.cloud.stack.outputs["JournalTableName"],
            Key={"pk": {"S": "SERVICE#orders"}, "sk": {"S": "STATE"}},
        )
        before = world.writes()
        entry = await world.ended(world.push("v2"))
        assert entry.outcome is Outcome.FAILED
        assert "knows no primary" in (entry.reason or "")
        assert world.writes() == before
        assert world.journal.lease("orders") is None
        assert len(world.pages()) == 1
        assert flow.totals.failed == 0


async def test_a_restore_needs_neither_registry_nor_metrics_nor_failed_image() -> None:
    """Invariant 8 (argo-rollouts#2669, ecspresso#673: what it needed was gone)."""
    async with road(ATTENTIVE) as world:
        flow = await world.first_release()
        digest = world.push("v2", fail_every=5)
        await world.reached(digest, "judged-0")
        world.delete_image(digest)
        world.delete_image(_first(world))
        calls = len(world.cloud.router.calls)
        entry = await world.ended(digest)
        made = world.cloud.router.calls[calls:]
        used = {call.service for call in made}
        assert entry.outcome is Outcome.ROLLED_BACK
        told = {c.operation for c in made if c.service == "servicediscovery"}
        assert used - {"servicediscovery"} == {"dynamodb", "ecs", "elbv2", "events"}
        assert told == {"UpdateServiceAttributes"}, "the registry is never asked"
        assert flow.totals.failed_unrouted == 0


async def test_a_crash_at_half_of_the_traffic_costs_no_more_than_its_detection() -> (
    None
):
    """Peers' capacity-first abort: 5xx only while nobody can know yet."""
    async with road(ATTENTIVE) as world:
        flow = await world.first_release()
        digest = world.push("v2")
        await world.reached(digest, "shifted-1")
        await world.pause(30)
        began = world.cloud.clock.time()
        for task in world.tasks(Slot.B):
            world.runtime.crash(task.arn)
        await world.reached(digest, "restore-give-traffic")
        seconds = world.cloud.clock.time() - began + Delays().propagation_seconds
        await world.ended(digest)
        assert seconds <= ATTENTIVE.look_seconds + 10
        assert 0 < flow.totals.failed <= 0.5 * REQUESTS_PER_SECOND * (seconds + 1)


def _restoring(world: Road) -> list[Call]:
    return [c for c in world.writes() if "RestoreFunction" in str(c.caller)]


def _scales(call: Call, ecs_service: str, count: int) -> bool:
    wanted = (call.params.get("service"), call.params.get("desiredCount"))
    return wanted == (ecs_service, count)


def _healthy_since(world: Road, digest: str) -> datetime:
    """Return when the restore saw enough healthy targets."""
    receipt = world.entry(digest).receipt
    assert receipt is not None
    return {m.name: m.at for m in receipt.marks}["restore-await-health"]


def _first(world: Road) -> str:
    """Return the digest of the first release."""
    return world.journal.rollouts("orders")[0].rollout.cause.digest
