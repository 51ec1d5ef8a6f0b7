"""What people can say to rollouts, at any moment, and what becomes of it."""

import pytest
from slipway.domain.control import Verb
from slipway.domain.rollout import Outcome
from slipway.domain.service import Slot

from tests.e2e.road import QUICK, SHORT, road

SECONDS = 10
"""Within so many of modelled time a command must act."""


@pytest.mark.parametrize(
    "mark", ["launched", "healthy-0", "shifted-0", "shifted-1", "judged-1"]
)
async def test_an_abort_brings_the_old_release_back_wherever_the_rollout_is(
    mark: str,
) -> None:
    """Invariant 2, and Argo Rollouts #4461: an abort was ignored."""
    async with road(QUICK) as world:
        flow = await world.first_release()
        digest = world.push("v2")
        world.when[mark] = lambda: world.say(Verb.ABORT)
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.ABORTED
        assert entry.reason == "abort by a person: a test wants it"
        assert world.weights() == {Slot.A: 100, Slot.B: 0}
        assert flow.totals.failed == 0


@pytest.mark.parametrize("seconds", [0, 1, 25, 59])
async def test_an_abort_acts_within_seconds_in_the_middle_of_a_bake(
    seconds: int,
) -> None:
    async with road(QUICK) as world:
        await world.first_release()
        digest = world.push("v2")
        await world.reached(digest, "shifted-0")
        await world.pause(seconds)
        said = world.cloud.clock.time()
        world.say(Verb.ABORT)
        await world.reached(digest, "restore-began")
        assert world.cloud.clock.time() - said < SECONDS
        await world.ended(digest)


async def test_an_abort_after_the_promotion_is_refused_and_says_what_to_do() -> None:
    async with road(SHORT) as world:
        await world.first_release()
        digest = world.push("v2")
        await world.reached(digest, "promoted")
        answer = await world.answered(world.say(Verb.ABORT))
        assert not answer.accepted
        assert "undo" in answer.reason
        assert (await world.ended(digest)).outcome is Outcome.PROMOTED


async def test_an_abort_ends_a_rollout_that_waits_its_turn() -> None:
    async with road(SHORT) as world:
        await world.first_release()
        world.say(Verb.FREEZE)
        await world.pause(5)
        digest = world.push("v2")
        await world.pause(30)
        world.say(Verb.ABORT)
        assert (await world.ended(digest)).outcome is Outcome.ABORTED
        world.say(Verb.UNFREEZE)
        await world.pause(5)


async def test_a_paused_rollout_stays_where_it_is_until_it_is_resumed() -> None:
    async with road(SHORT) as world:
        flow = await world.first_release()
        digest = world.push("v2")
        await world.reached(digest, "shifted-0")
        world.say(Verb.PAUSE)
        await world.pause(3600)
        assert world.weights() == {Slot.A: 90, Slot.B: 10}
        said = world.cloud.clock.time()
        world.say(Verb.RESUME)
        await world.reached(digest, "judged-0")
        assert world.cloud.clock.time() - said < SECONDS
        assert (await world.ended(digest)).outcome is Outcome.PROMOTED
        assert flow.totals.failed == 0


async def test_a_pause_before_the_shift_keeps_the_candidate_without_weight() -> None:
    async with road(SHORT) as world:
        await world.first_release()
        digest = world.push("v2")
        world.when["launched"] = lambda: world.say(Verb.PAUSE)
        await world.reached(digest, "healthy-0")
        await world.pause(1200)
        assert world.weights() == {Slot.A: 100, Slot.B: 0}
        world.say(Verb.RESUME)
        assert (await world.ended(digest)).outcome is Outcome.PROMOTED


async def test_a_paused_rollout_that_turns_bad_is_rolled_back_all_the_same() -> None:
    async with road(SHORT) as world:
        await world.first_release()
        digest = world.push("v2", fail_every=5)
        world.when["shifted-0"] = lambda: world.say(Verb.PAUSE)
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.ROLLED_BACK
        assert "failures" in (entry.reason or "")


async def test_a_skipped_step_passes_at_once_and_the_next_one_bakes() -> None:
    async with road(QUICK) as world:
        await world.first_release()
        digest = world.push("v2")
        await world.reached(digest, "shifted-0")
        said = world.cloud.clock.time()
        answer = await world.answered(world.say(Verb.SKIP))
        await world.reached(digest, "judged-0")
        assert world.cloud.clock.time() - said < SECONDS
        assert "skip of step 0" in answer.reason
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.PROMOTED
        assert entry.receipt is not None
        at = {mark.name: mark.at for mark in entry.receipt.marks}
        assert (at["judged-1"] - at["shifted-1"]).total_seconds() > 60


async def test_promote_goes_straight_to_all_of_the_traffic_through_health() -> None:
    async with road(QUICK) as world:
        flow = await world.first_release()
        digest = world.push("v2")
        await world.reached(digest, "shifted-0")
        said = world.cloud.clock.time()
        world.say(Verb.PROMOTE)
        await world.reached(digest, "promoted")
        assert world.cloud.clock.time() - said < 120
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.PROMOTED
        assert "shifted-1" not in world.marks(digest)
        assert flow.totals.failed == 0


async def test_promote_does_not_overrule_a_failure() -> None:
    async with road(SHORT) as world:
        await world.first_release()
        digest = world.push("v2", crash_after_seconds=20)
        world.when["launched"] = lambda: world.say(Verb.PROMOTE)
        assert (await world.ended(digest)).outcome is Outcome.ROLLED_BACK


async def test_a_frozen_service_begins_no_rollout_until_it_is_let_go() -> None:
    async with road(SHORT) as world:
        await world.first_release()
        world.say(Verb.FREEZE)
        await world.pause(10)
        digest = world.push("v2")
        await world.pause(4 * 3600)
        assert world.marks(digest) == []
        said = world.cloud.clock.time()
        world.say(Verb.UNFREEZE)
        await world.reached(digest, "launched")
        assert world.cloud.clock.time() - said < SECONDS
        assert (await world.ended(digest)).outcome is Outcome.PROMOTED


async def test_a_frozen_environment_holds_what_is_under_way() -> None:
    async with road(SHORT) as world:
        await world.first_release()
        digest = world.push("v2")
        await world.reached(digest, "shifted-0")
        await world.answered(world.say(Verb.FREEZE, service=None), service=None)
        await world.pause(3600)
        assert world.weights() == {Slot.A: 90, Slot.B: 10}
        world.say(Verb.UNFREEZE, service=None)
        assert (await world.ended(digest)).outcome is Outcome.PROMOTED


async def test_a_retry_passes_the_watermark_and_goes_the_whole_road() -> None:
    """Invariant 12: a person's wish is a new cause."""
    async with road(SHORT) as world:
        await world.first_release()
        digest = world.push("v2")
        world.when["shifted-0"] = lambda: world.say(Verb.ABORT)
        assert (await world.ended(digest)).outcome is Outcome.ABORTED
        answer = await world.answered(world.say(Verb.RETRY))
        assert answer.accepted
        again = await world.ended(digest)
        assert again.rollout.id == answer.rollout_id
        assert again.outcome is Outcome.PROMOTED
        assert again.rollout.cause.ask is not None
        assert again.rollout.cause.ask.by == "a person"


async def test_an_undo_goes_back_to_the_release_before_with_all_that_shaped_it() -> (
    None
):
    async with road(SHORT) as world:
        flow = await world.first_release()
        before = world.journal.state("orders")
        await world.ended(world.push("v2"))
        answer = await world.answered(world.say(Verb.UNDO))
        await world.until(
            lambda: any(
                e.outcome
                for e in world.journal.rollouts("orders")
                if e.rollout.id == answer.rollout_id
            )
        )
        await world.pause(5)
        after = world.journal.state("orders")
        assert before is not None
        assert after is not None
        assert after.release_id == before.release_id
        assert flow.totals.failed == 0


async def test_a_push_from_before_an_undo_stays_out() -> None:
    """Invariant 12: an undo is newer than every push before it."""
    async with road(SHORT) as world:
        await world.first_release()
        digest = world.push("v2")
        event = world.pushes()[-1]
        await world.ended(digest)
        answer = await world.answered(world.say(Verb.UNDO))
        await world.pause(1200)
        writes = world.writes()
        world.cloud.states.executions.clear()
        world.cloud.events.put(event)
        await world.pause(600)
        assert answer.accepted
        assert world.writes() == writes


async def test_the_same_command_counts_once_however_often_it_is_sent() -> None:
    async with road(SHORT) as world:
        await world.first_release()
        digest = world.push("v2")
        world.when["shifted-0"] = lambda: world.say(Verb.ABORT)
        await world.ended(digest)
        first = await world.answered(world.say(Verb.RETRY, id="once"))
        await world.pause(5)
        world.say(Verb.RETRY, id="once")
        await world.ended(digest)
        assert world.journal.answer("orders", "once") == first
        assert len(world.entries(digest)) == 2


@pytest.mark.parametrize(
    ("verb", "details", "word"),
    [
        (Verb.ABORT, {}, "no rollout under way"),
        (Verb.PAUSE, {"rollout_id": "another"}, "no rollout under way"),
        (Verb.RETRY, {}, "no rollout that ended unpromoted"),
        (Verb.UNDO, {}, "no earlier release"),
        (Verb.UNDO, {"to": "0123456789ab"}, "never promoted"),
        (Verb.ABORT, {"service": "ordres"}, "no service ordres"),
    ],
)
async def test_a_command_that_cannot_be_obeyed_is_refused_with_the_reason(
    verb: Verb, details: dict[str, str], word: str
) -> None:
    async with road(SHORT) as world:
        await world.first_release()
        service = details.get("service", "orders")
        answer = await world.answered(world.say(verb, **details), service)
        assert not answer.accepted
        assert word in answer.reason
