"""A newer push ends a rollout under way, and loses nothing by it."""

import pytest
from slipway.domain.rollout import Outcome
from slipway.domain.service import Slot

from tests.e2e.road import QUICK, SHORT, road


@pytest.mark.parametrize(
    "mark", ["launched", "healthy-0", "shifted-0", "shifted-1", "judged-1", "shifted-2"]
)
async def test_a_newer_push_supersedes_a_rollout_wherever_it_is(mark: str) -> None:
    """Argo Rollouts #3372 and #4390: traffic went to what could not carry it.

    The older release gives everything back first, capacity before weight; only then
    the newer one begins.
    """
    async with road(QUICK) as world:
        flow = await world.first_release()
        first = world.push("v2")
        await world.reached(first, mark)
        second = world.push("v3")
        before, after = await world.ended(first), await world.ended(second)
        assert before.outcome is Outcome.SUPERSEDED
        assert after.outcome is Outcome.PROMOTED
        assert before.receipt is not None
        assert after.receipt is not None
        assert before.receipt.marks[-1].at <= after.receipt.marks[0].at
        assert "v3 is newer than v2" in (before.reason or "")
        assert flow.totals.failed == 0
        assert world.weights() == {Slot.A: 0, Slot.B: 100}


async def test_superseding_takes_seconds_and_not_a_look() -> None:
    async with road(SHORT) as world:
        await world.first_release()
        first = world.push("v2")
        await world.reached(first, "shifted-0")
        await world.pause(3)
        pushed = world.cloud.clock.time()
        second = world.push("v3")
        await world.reached(first, "restore-began")
        assert world.cloud.clock.time() - pushed < 10
        await world.ended(second)


async def test_a_promoted_rollout_is_not_superseded_any_more() -> None:
    """The newer one waits for its end."""
    async with road(SHORT) as world:
        flow = await world.first_release()
        first = world.push("v2")
        await world.reached(first, "promoted")
        second = world.push("v3")
        assert (await world.ended(first)).outcome is Outcome.PROMOTED
        assert (await world.ended(second)).outcome is Outcome.PROMOTED
        assert flow.totals.failed == 0


async def test_of_three_pushes_the_newest_ends_up_serving() -> None:
    async with road(SHORT) as world:
        await world.first_release()
        digests = [world.push("v2")]
        await world.reached(digests[0], "shifted-0")
        for tag in ("v3", "v4"):
            digests.append(world.push(tag))
            await world.pause(2)
        last = await world.ended(digests[-1])
        others = [await world.ended(digest) for digest in digests[:-1]]
        assert last.outcome is Outcome.PROMOTED
        assert {entry.outcome for entry in others} == {Outcome.SUPERSEDED}
        state = world.journal.state("orders")
        assert state is not None
        assert state.rollout_id == last.rollout.id
