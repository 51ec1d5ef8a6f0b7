"""A rollout whose execution dies: its service comes back, by event or by sweep."""

from collections.abc import Iterable

import pytest
from localcloud.events import Delivery
from slipway.domain.rollout import Outcome
from slipway.domain.service import Slot

from tests.e2e.road import DEATHS, PUSHES, SHORT, Road, losing, road

MARKS = ["launched", "healthy-0", "shifted-0", "judged-0", "shifted-1"]


@pytest.mark.parametrize("mark", MARKS)
async def test_a_stopped_rollout_is_restored_by_the_word_of_its_end(mark: str) -> None:
    """Invariant 2, and PipeCD #4329: a cancelled deployment left its canary serving."""
    async with road(SHORT, at_rest=False) as world:
        flow = await world.first_release()
        digest = world.push("v2")
        await world.reached(digest, mark)
        world.kill(digest)
        entry = await world.closed(digest)
        assert entry.outcome is Outcome.ABORTED
        assert "a test stopped it" in (entry.reason or "")
        assert flow.totals.failed == 0
        _assert_back(world)


@pytest.mark.parametrize("mark", MARKS)
async def test_a_stopped_rollout_is_restored_by_the_sweep_where_no_word_came(
    mark: str,
) -> None:
    async with road(SHORT, at_rest=False, sweeps=True) as world:
        flow = await world.first_release()
        world.cloud.events.disturb = losing(DEATHS)
        digest = world.push("v2")
        await world.reached(digest, mark)
        world.kill(digest)
        entry = await world.closed(digest)
        assert entry.outcome is Outcome.ROLLED_BACK
        assert flow.totals.failed == 0
        _assert_back(world)


async def test_a_rollout_stopped_after_its_promotion_keeps_the_new_release() -> None:
    async with road(SHORT, at_rest=False) as world:
        flow = await world.first_release()
        digest = world.push("v2")
        await world.reached(digest, "promoted")
        world.kill(digest)
        entry = await world.closed(digest)
        assert entry.outcome is Outcome.PROMOTED
        assert world.weights() == {Slot.A: 0, Slot.B: 100}
        assert world.desired() == {Slot.A: 0, Slot.B: 4}
        assert flow.totals.failed == 0


async def test_a_rollout_stopped_in_its_turn_had_changed_nothing() -> None:
    async with road(SHORT, at_rest=False) as world:
        await world.first_release()
        first = world.push("v2")
        await world.reached(first, "promoted")
        second = world.push("v3")
        await world.pause(20)
        world.kill(second)
        assert (await world.closed(second)).outcome is Outcome.ABORTED
        assert (await world.ended(first)).outcome is Outcome.PROMOTED


async def test_a_death_told_three_times_is_one_restore() -> None:
    """Invariants 4 and 10."""
    async with road(SHORT, at_rest=False, sweeps=True) as world:
        await world.first_release()
        world.cloud.events.disturb = _three_times
        digest = world.push("v2")
        await world.reached(digest, "shifted-0")
        world.kill(digest)
        await world.closed(digest)
        machine = world.cloud.stack.state_machines["RestoreStateMachine"]
        restores = world.cloud.states.executions.values()
        assert len([e for e in restores if e.machine.arn == machine]) == 1


async def test_a_restore_that_dies_too_is_taken_up_by_the_sweep() -> None:
    async with road(SHORT, at_rest=False, sweeps=True) as world:
        flow = await world.first_release()
        digest = world.push("v2")
        await world.reached(digest, "shifted-1")
        world.kill(digest)
        machine = world.cloud.stack.state_machines["RestoreStateMachine"]

        def running() -> list[str]:
            known = world.cloud.states.executions.values()
            ours = [e for e in known if e.machine.arn == machine]
            return [e.arn for e in ours if e.status == "RUNNING"]

        await world.until(running)
        world.cloud.states.stop(running()[0])
        await world.closed(digest)
        assert flow.totals.failed == 0
        _assert_back(world)


async def test_the_next_push_rolls_out_after_a_death() -> None:
    """Invariant 2 (pipecd#934: a deployment waited in the queue for ever)."""
    async with road(SHORT, at_rest=False) as world:
        flow = await world.first_release()
        digest = world.push("v2")
        await world.reached(digest, "shifted-0")
        world.kill(digest)
        await world.pause(1)
        entry = await world.ended(world.push("v3"))
        assert entry.outcome is Outcome.PROMOTED
        assert flow.totals.failed == 0


async def test_a_push_nobody_heard_of_is_found_by_the_sweep() -> None:
    async with road(SHORT, sweeps=True) as world:
        await world.first_release()
        world.cloud.events.disturb = losing(PUSHES)
        entry = await world.closed(world.push("v2"))
        assert entry.outcome is Outcome.PROMOTED


async def test_after_a_rollback_three_sweeps_launch_nothing() -> None:
    """Invariant 12: not even where every record of executions has expired."""
    async with road(SHORT, sweeps=True) as world:
        await world.first_release()
        await world.ended(world.push("v2", crash_at_start=True))
        world.cloud.events.disturb = losing(PUSHES)
        world.cloud.states.executions.clear()
        writes = world.writes()
        await world.pause(3 * 15 * 60)
        assert world.writes() == writes


def _assert_back(world: Road) -> None:
    """Assert that the old release serves alone, and nobody has the lease."""
    assert world.weights() == {Slot.A: 100, Slot.B: 0}
    assert world.desired() == {Slot.A: 4, Slot.B: 0}
    assert world.journal.lease("orders") is None
    assert world.journal.open_rollouts() == []
    assert not world.cloud.monitor.at_rest()


def _three_times(delivery: Delivery) -> Iterable[Delivery]:
    return (delivery, delivery, delivery)
