"""A good release: step by step to the primary, and no request notices."""

import asyncio
from typing import Any

from localcloud.api import Call
from slipway.domain.rollout import Outcome
from slipway.domain.service import Slot

from tests.e2e.road import SHORT, road
from tests.e2e.stories import Story

STEP = ("capacity", "healthy", "shifted", "judged")
MOST_TRANSITIONS = 150
MOST_HISTORY_EVENTS = 500
"""Of a whole rollout of three steps, its nested executions included. That is less than
half a cent, and far from the 25,000 events of one history (Step Functions quotas)."""


def test_a_good_release_goes_step_by_step_and_is_promoted(good: Story) -> None:
    """Invariant 1."""
    assert good.outcome is Outcome.PROMOTED
    shares = [_shares(call) for call in _named(good, "ModifyRule")]
    assert shares == [(100, 0), (90, 10), (50, 50), (0, 100)]
    assert good.weights == {Slot.A: 0, Slot.B: 100}


def test_no_request_fails_while_a_good_release_rolls_out(good: Story) -> None:
    """The promise (flagger#773 and flagger#826: seconds of 503 on every deploy)."""
    assert good.totals.sent > 10_000
    assert good.totals.failed == 0


def test_capacity_and_health_come_before_weight_in_every_step(good: Story) -> None:
    """Invariant 1 (flagger#874: half of the traffic to no pod at all)."""
    expected = [f"{kind}-{step}" for step in range(3) for kind in STEP]
    assert good.done(*STEP) == expected


def test_a_launch_is_one_call_with_revision_and_count(good: Story) -> None:
    """A count alone starts no deployment, and a breaker at 0 tasks guards nothing.

    ecspresso#68: a deploy set the desired count to 0.
    """
    calls = [
        call.params
        for call in _named(good, "UpdateService")
        if call.params["service"] == "orders-b"
    ]
    assert [call["desiredCount"] for call in calls] == [1, 2, 4]
    assert ["taskDefinition" in call for call in calls] == [True, False, False]
    assert not any(call.get("forceNewDeployment") for call in calls)


def test_the_old_slot_keeps_its_tasks_until_its_delay_is_over(good: Story) -> None:
    """Invariants 2 and 6.

    argo-rollouts#2235: the old side was at zero before the traffic had moved.
    """
    [retired] = [
        call
        for call in _named(good, "UpdateService")
        if call.params["service"] == "orders-a" and call.params["desiredCount"] == 0
    ]
    at = {mark.name: mark.at for mark in good.receipt.marks}
    assert (retired.at - at["promoted"]).total_seconds() >= 60
    assert good.desired == {Slot.A: 0, Slot.B: 4}


def test_a_rollout_stays_far_below_the_limits_of_step_functions(good: Story) -> None:
    """Invariant 11, and the promise that no history nears 25,000 events."""
    assert len(good.executions) == 5
    transitions = sum(e.progress.transitions for e in good.executions)
    events = sum(e.progress.events for e in good.executions)
    assert 0 < transitions <= MOST_TRANSITIONS
    assert 0 < events <= MOST_HISTORY_EVENTS


def test_nobody_is_paged_for_a_good_release(good: Story) -> None:
    assert good.pages == 0


async def test_slots_take_turns() -> None:
    async with road(SHORT) as world:
        await world.first_release()
        await world.ended(world.push("v2"))
        entry = await world.ended(world.push("v3"))
        assert entry.outcome is Outcome.PROMOTED
        assert world.weights() == {Slot.A: 100, Slot.B: 0}
        assert world.desired() == {Slot.A: 4, Slot.B: 0}


async def test_a_primary_that_is_ill_does_not_block_the_release_that_mends_it() -> None:
    """The promise (flagger#639: an unhealthy primary blocked its own fix)."""
    async with road() as world:
        await world.first_release()

        async def keep_ill() -> None:
            while world.weights()[Slot.A]:
                world.runtime.sick.update(t.address or "" for t in world.tasks(Slot.A))
                await world.pause(5)

        illness = asyncio.create_task(keep_ill())
        await world.until(lambda: world.healthy(Slot.A) == 0)
        entry = await world.ended(world.push("v2"))
        assert entry.outcome is Outcome.PROMOTED, entry.reason
        assert world.weights() == {Slot.A: 0, Slot.B: 100}
        await illness


async def test_a_primary_scaled_out_in_mid_rollout_gets_a_candidate_as_large() -> None:
    """Invariant 1 (flagger#634: a resize restarted the analysis for ever)."""
    async with road(SHORT) as world:
        flow = await world.first_release()
        digest = world.push("v2")
        await world.reached(digest, "shifted-0")
        world.scale(Slot.A, 8)
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.PROMOTED
        assert world.desired() == {Slot.A: 0, Slot.B: 8}
        assert flow.totals.failed == 0


async def test_a_primary_scaled_in_meanwhile_does_not_shrink_the_candidate() -> None:
    """Invariant 1: the traffic is no less for having moved (flagger#869, #1008)."""
    async with road(SHORT, min_tasks=1) as world:
        flow = await world.first_release()
        world.scale(Slot.A, 4)
        digest = world.push("v2")
        await world.reached(digest, "shifted-0")
        world.scale(Slot.A, 3)
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.PROMOTED
        assert world.desired() == {Slot.A: 0, Slot.B: 4}
        assert flow.totals.failed == 0


def _named(story: Story, operation: str) -> list[Call]:
    return [call for call in story.writes if call.operation == operation]


def _shares(call: Call) -> tuple[int, ...]:
    """Return the weights of slots a and b in a rule's new actions."""
    forward: Any = call.params["Actions"][-1]
    return tuple(group["Weight"] for group in forward["ForwardConfig"]["TargetGroups"])
