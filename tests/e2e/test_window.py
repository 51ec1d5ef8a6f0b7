"""A push outside its service's hours waits; what people ask for does not.

Worlds begin on a Monday at nine.
"""

from dataclasses import replace

from slipway.domain.control import Verb
from slipway.domain.opening import WEEKDAYS, OpenHours
from slipway.domain.rollout import Outcome
from slipway.domain.service import Slot

from tests.e2e.road import SHORT, Road, road

HOURS = OpenHours(WEEKDAYS, "10:00", "09:20")
OPEN = replace(SHORT, window=HOURS)
WAITS = "awaits-window"
MINUTE = 60


async def shut(world: Road) -> None:
    """See a first release, then wait until its service's hours are over."""
    await world.first_release()
    await world.until(lambda: world.cloud.clock.now().minute == 25)


async def test_a_push_outside_the_hours_waits_for_them_and_says_so() -> None:
    async with road(OPEN) as world:
        await shut(world)
        digest = world.push("v2")
        await world.reached(digest, WAITS)
        rollout = world.entry(digest).rollout
        (mark,) = world.journal.marks(rollout)
        assert mark.reason == (
            "rollouts of pushes begin from 10:00 to 09:20 UTC, every day; "
            "it waits until 2026-01-05 10:00Z"
        )
        await world.pause(30 * MINUTE)
        assert set(world.marks(digest)) == {WAITS}
        assert world.desired() == {Slot.A: 4, Slot.B: 0}
        await world.pause(6 * MINUTE)
        assert "launched" in world.marks(digest)
        assert (await world.ended(digest)).outcome is Outcome.PROMOTED


async def test_a_newer_push_ends_one_that_waits_at_once() -> None:
    async with road(OPEN) as world:
        await shut(world)
        old = world.push("v2")
        await world.reached(old, WAITS)
        new = world.push("v3")
        assert (await world.ended(old)).outcome is Outcome.SUPERSEDED
        assert set(world.marks(new)) == {WAITS}
        await world.pause(36 * MINUTE)
        assert (await world.ended(new)).outcome is Outcome.PROMOTED


async def test_a_rollout_under_way_at_closing_time_goes_on_whatever_is_pushed() -> None:
    async with road(OPEN) as world:
        await world.first_release()
        await world.until(lambda: world.cloud.clock.now().minute == 18)
        old = world.push("v2")
        await world.reached(old, "launched")
        await world.until(lambda: world.cloud.clock.now().minute == 20)
        assert world.entry(old).outcome is None
        new = world.push("v3")
        assert (await world.ended(old)).outcome is Outcome.PROMOTED
        assert set(world.marks(new)) == {WAITS}
        world.say(Verb.ABORT)
        assert (await world.ended(new)).outcome is Outcome.ABORTED


async def test_a_person_may_promote_one_that_waits_and_return_at_any_hour() -> None:
    async with road(OPEN) as world:
        await shut(world)
        digest = world.push("v2")
        await world.reached(digest, WAITS)
        assert (await world.answered(world.say(Verb.PROMOTE))).accepted
        assert (await world.ended(digest)).outcome is Outcome.PROMOTED
        answer = await world.answered(world.say(Verb.UNDO))
        assert answer.accepted, answer.reason
        await world.until(lambda: world.weights() == {Slot.A: 100, Slot.B: 0})
        await world.pause(600)
        assert world.cloud.clock.now().hour == 9


async def test_a_bad_release_is_taken_back_outside_the_hours() -> None:
    async with road(OPEN) as world:
        await world.first_release()
        await world.until(lambda: world.cloud.clock.now().minute == 18)
        digest = world.push("v2", fail_every=2)
        assert (await world.ended(digest)).outcome is Outcome.ROLLED_BACK
        assert world.cloud.clock.now().minute > 20
        assert world.desired() == {Slot.A: 4, Slot.B: 0}
