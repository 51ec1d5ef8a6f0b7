"""Which pushes become rollouts, whatever becomes of the events that tell of them."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from localcloud.events import Delivery
from slipway.domain.rollout import Outcome
from slipway.domain.service import Slot
from slipway.gateways.journal import Entry

from tests.e2e.road import SHORT, Road, road


async def test_the_same_push_reported_three_times_is_one_rollout() -> None:
    """Invariants 4 and 10."""

    def three_times(delivery: Delivery) -> Iterable[Delivery]:
        for delay in (0.5, 0.5, 45.0):
            yield replace(delivery, delay_seconds=delay)

    async with road(SHORT) as world:
        await world.first_release()
        world.cloud.events.disturb = three_times
        digest = world.push("v2")
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.PROMOTED
        assert len(world.entries(digest)) == 1
        assert _launches(world) == 2


async def test_a_push_reported_after_its_successor_never_gets_weight() -> None:
    """Invariants 4 and 12: causes are ordered by when their images were pushed."""
    async with road(SHORT) as world:
        await world.first_release()
        late: list[Delivery] = []

        def hold_back(delivery: Delivery) -> Iterable[Delivery]:
            if delivery.event["source"] != "aws.ecr" or late:
                yield delivery
            else:
                late.append(delivery)
                yield replace(delivery, delay_seconds=60)

        world.cloud.events.disturb = hold_back
        first = world.push("v-live", version="a")
        await world.pause(10)
        second = world.push("v-live", version="b")
        entry = await world.ended(second)
        await world.pause(300)
        assert len(late) == 1
        assert entry.outcome is Outcome.PROMOTED
        assert world.execution(first) is None
        assert world.weights() == {Slot.A: 0, Slot.B: 100}


async def test_a_push_that_is_overtaken_before_it_is_resolved_is_superseded() -> None:
    """Invariant 12: its tag names another image by then."""
    async with road(SHORT) as world:
        await world.first_release()
        successor: list[str] = []

        def overtake(_: object) -> None:
            if not successor:
                successor.append(world.push("v-live", version="b"))

        world.cloud.router.after("stepfunctions", "StartExecution", overtake)
        overtaken = await world.ended(world.push("v-live", version="a"))
        entry = await world.ended(successor[0])
        assert overtaken.outcome is Outcome.SUPERSEDED
        assert entry.outcome is Outcome.PROMOTED
        assert _launches(world) == 2


async def test_a_push_during_a_rollout_waits_its_turn_where_it_is_told_to() -> None:
    """Invariant 3, and ecspresso#929: two deployments at once."""
    async with road(replace(SHORT, supersede=False)) as world:
        flow = await world.first_release()
        first = world.push("v2")
        await world.reached(first, "shifted-0")
        second = world.push("v3")
        before, after = await world.ended(first), await world.ended(second)
        assert before.outcome is after.outcome is Outcome.PROMOTED
        assert _span(before)[1] <= _span(after)[0]
        assert flow.totals.failed == 0


async def test_a_push_that_waits_until_its_successor_had_its_turn_is_superseded() -> (
    None
):
    """Invariant 12: the watermark rises together with the lease."""
    async with road(SHORT) as world:
        await world.first_release()
        invoke = world.cloud.functions.invoke
        held_back: set[str] = set()
        digests: list[str] = []

        async def let_the_second_go_first(name: str, payload: Any) -> Any:
            if "AcquireLease" in name and not digests[1:]:
                held_back.add(payload["rollout_id"])
            if payload.get("rollout_id") in held_back:
                if "AcquireLease" in name:
                    waits = {"held": False, "outcome": None, "fence": None}
                    return waits | {"reason": "", "heard": ""}
                if "AwaitWord" in name:
                    return {}
            return await invoke(name, payload)

        world.cloud.functions.invoke = let_the_second_go_first  # type: ignore[method-assign]
        digests.append(world.push("v-live", version="a"))
        await world.pause(30)
        digests.append(world.push("v-live", version="b"))
        await world.reached(digests[1], "promoted")
        held_back.clear()
        second = await world.ended(digests[1])
        first = await world.ended(digests[0])
        assert second.outcome is Outcome.PROMOTED
        assert first.outcome is Outcome.SUPERSEDED
        assert _launches(world) == 2


async def test_an_old_cause_reported_again_after_its_rollback_launches_nothing() -> (
    None
):
    """Invariant 12."""
    async with road() as world:
        await world.first_release()
        digest = world.push("v2", crash_at_start=True)
        event = world.pushes()[-1]
        await world.ended(digest)
        writes = world.writes()
        await world.pause(3600)
        world.cloud.events.put(event)
        await world.pause(300)
        assert world.writes() == writes


async def test_an_old_cause_stays_out_when_step_functions_has_forgotten_it() -> None:
    """Invariant 12: names of executions are free again after 90 days."""
    async with road() as world:
        await world.first_release()
        digest = world.push("v2", crash_at_start=True)
        event = world.pushes()[-1]
        before = await world.ended(digest)
        writes = world.writes()
        world.cloud.states.executions.clear()
        world.cloud.events.put(event)
        await world.pause(300)
        assert len(world.rollouts()) == 1
        assert world.writes() == writes
        assert world.entry(digest) == before


async def test_an_old_cause_stays_out_after_its_successor_was_promoted() -> None:
    """Invariant 12: not even where Step Functions has forgotten both of them."""
    async with road(SHORT) as world:
        await world.first_release()
        first = world.push("v-live", version="a")
        event = world.pushes()[-1]
        await world.ended(first)
        await world.ended(world.push("v-live", version="b"))
        writes = world.writes()
        world.cloud.states.executions.clear()
        world.cloud.events.put(event)
        await world.pause(300)
        assert world.writes() == writes


def _span(entry: Entry) -> tuple[datetime, datetime]:
    """Return when a rollout did its first and its last thing."""
    assert entry.receipt is not None
    return entry.receipt.marks[0].at, entry.receipt.marks[-1].at


def _launches(world: Road) -> int:
    return sum("launched" in marks for marks in world.marked.values())
