"""A good release: step by step to the primary, and no request notices."""

from slipway.domain.rollout import Outcome
from slipway.domain.service import Slot

from tests.e2e.road import MINUTE, road

MOST_TRANSITIONS = 250
MOST_HISTORY_EVENTS = 1000
"""Of a whole rollout of three steps, its nested executions included: a price of less
than a cent, and far from the 25,000 events of one history (Step Functions quotas)."""


async def test_a_good_release_goes_step_by_step_and_fails_no_request() -> None:
    """Invariants 1 and 6 (flagger#773, flagger#826: 503s on every deploy)."""
    async with road() as world:
        flow = await world.first_release()
        entry = await world.ended(world.push("v2"))
        assert entry.outcome is Outcome.PROMOTED
        steps = [_shares(call.params) for call in world.writes("ModifyRule")]
        assert steps == [(100, 0), (90, 10), (50, 50), (0, 100)]
        assert world.weights() == {Slot.A: 0, Slot.B: 100}
        assert world.desired() == {Slot.A: 0, Slot.B: 4}
        assert flow.totals.sent > 10_000
        assert flow.totals.failed == 0


async def test_a_launch_is_one_call_with_revision_and_count() -> None:
    """A count alone starts no deployment, and a breaker at 0 tasks guards nothing
    (kayac/ecspresso#68: a deploy that set the desired count to 0)."""
    async with road() as world:
        await world.first_release()
        entry = await world.ended(world.push("v2"))
        assert entry.receipt is not None
        calls = [
            call.params
            for call in world.writes("UpdateService")
            if call.params["service"] == "orders-b"
        ]
        assert "taskDefinition" in calls[0]
        assert [call["desiredCount"] for call in calls] == [1, 2, 4]
        assert not any("taskDefinition" in call for call in calls[1:])
        assert not any(call.get("forceNewDeployment") for call in calls)


async def test_capacity_comes_before_weight_in_every_step() -> None:
    """Invariant 1 (flagger#874: half the traffic to no pod at all)."""
    async with road() as world:
        await world.first_release()
        digest = world.push("v2")
        await world.ended(digest)
        for step in range(3):
            done = [m for m in world.marks(digest) if m.endswith(f"-{step}")]
            assert done == [f"{m}-{step}" for m in _ROAD]


_ROAD = ("capacity", "healthy", "shifted", "judged")


async def test_the_old_slot_keeps_its_tasks_until_its_delay_is_over() -> None:
    """Invariant 2: instant return. (argo-rollouts#2235: the old side was at zero
    before the traffic had moved.)"""
    async with road() as world:
        await world.first_release()
        digest = world.push("v2")
        await world.reached(digest, "shifted-2")
        assert world.desired()[Slot.A] == 4
        await world.reached(digest, "promoted")
        await world.pause(55)
        assert world.desired()[Slot.A] == 4
        entry = await world.ended(digest)
        assert entry.receipt is not None
        at = {mark.name: mark.at for mark in entry.receipt.marks}
        assert at["retired"] - at["promoted"] >= MINUTE
        assert world.desired()[Slot.A] == 0


async def test_slots_take_turns() -> None:
    async with road() as world:
        await world.first_release()
        await world.ended(world.push("v2"))
        entry = await world.ended(world.push("v3"))
        assert entry.outcome is Outcome.PROMOTED
        assert world.weights() == {Slot.A: 100, Slot.B: 0}
        assert world.desired() == {Slot.A: 4, Slot.B: 0}


async def test_a_rollout_stays_far_below_the_limits_of_step_functions() -> None:
    """Invariant 11, and the promise that no history nears 25,000 events."""
    async with road() as world:
        await world.first_release()
        known = set(world.cloud.states.executions)
        await world.ended(world.push("v2"))
        progress = [
            execution.progress
            for arn, execution in world.cloud.states.executions.items()
            if arn not in known
        ]
        assert len(progress) == 4  # the rollout and its three steps
        assert 0 < sum(p.transitions for p in progress) <= MOST_TRANSITIONS
        assert 0 < sum(p.events for p in progress) <= MOST_HISTORY_EVENTS


async def test_a_primary_scaled_out_in_mid_rollout_gets_a_candidate_as_large() -> None:
    """Invariant 1 and flagger#634: a resize restarted the analysis for ever."""
    async with road() as world:
        flow = await world.first_release()
        digest = world.push("v2")
        await world.reached(digest, "shifted-0")
        world.scale(Slot.A, 8)
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.PROMOTED
        assert world.desired() == {Slot.A: 0, Slot.B: 8}
        assert flow.totals.failed == 0


def _shares(params: dict) -> tuple[int, ...]:
    [forward] = params["Actions"]
    return tuple(g["Weight"] for g in forward["ForwardConfig"]["TargetGroups"])
