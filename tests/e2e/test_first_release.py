"""The first release of a service: there is nothing yet to go back to."""

from slipway.domain.rollout import Outcome
from slipway.domain.service import Slot

from tests.e2e.road import road


async def test_a_first_release_gets_no_traffic_before_it_is_healthy() -> None:
    """Invariant 1: until then the rule answers by itself (flagger#826, #773)."""
    async with road() as world:
        flow = world.send()
        digest = world.push("v1", start_seconds=40)
        await world.reached(digest, "launched")
        assert world.weights() == {Slot.A: 0, Slot.B: 0}
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.PROMOTED
        assert entry.receipt is not None
        assert entry.receipt.first_healthy_seconds is not None
        assert entry.receipt.first_healthy_seconds > 40
        assert world.weights() == {Slot.A: 100, Slot.B: 0}
        refused = flow.totals.fixed_responses
        await world.pause(60)
        assert flow.totals.failed == flow.totals.fixed_responses == refused > 0


async def test_a_first_release_that_never_comes_up_leaves_the_rule_closed() -> None:
    """Invariants 1 and 8: no release, no weight; and the next one rolls out."""
    async with road() as world:
        bad = await world.ended(world.push("v1", crash_at_start=True))
        assert bad.outcome is Outcome.ROLLED_BACK
        assert world.highest == {Slot.A: 0, Slot.B: 0}
        assert world.desired() == {Slot.A: 0, Slot.B: 0}
        good = await world.ended(world.push("v2"))
        assert good.outcome is Outcome.PROMOTED
        assert world.weights() == {Slot.A: 100, Slot.B: 0}


async def test_an_image_that_serves_already_is_not_launched_again() -> None:
    """Invariant 10: another tag of the same image is the same release."""
    async with road() as world:
        await world.first_release()
        before = world.writes()
        digest = world.push("v1-again", version="v1")
        await world.until(lambda: len(world.rollouts()) == 2)
        entry = await world.ended(digest)
        assert entry.rollout.cause.tag == "v1-again"
        assert entry.outcome is Outcome.PROMOTED
        assert world.writes() == before
