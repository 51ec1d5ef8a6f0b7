"""Alarms and approval keep pushes back; what people ask for goes at once."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from localcloud.api import AwsError
from slipway.domain.control import Answer, Verb
from slipway.domain.opening import WEEKDAYS, OpenHours
from slipway.domain.rollout import Outcome
from slipway.domain.service import Gates, RolloutPolicy, Slot

from tests.e2e.road import SHORT, Road, client, road

ERRORS, ALL = "errors", "everything"
RINGS, QUIET = "ALARM", "OK"
WATCHED = replace(SHORT, gates=Gates(alarms=(ERRORS, ALL)), hold_seconds=600)
ASKED = replace(SHORT, gates=Gates(approval=True))
MINUTE_SHUT = 25
AWAITS_ALARMS, AWAITS_APPROVAL = "awaits-alarms", "awaits-approval"


def alarm(name: str, state: str) -> None:
    """Let an alarm change by hand."""
    client("cloudwatch").set_alarm_state(
        AlarmName=name, StateValue=state, StateReason="a test wants it"
    )


def with_alarms(world: Road) -> None:
    """Make the alarms of WATCHED: the second one is composite."""
    world.cloud.alarms.put(ERRORS)
    world.cloud.alarms.put(ALL, composite=True)


async def approved(world: Road, digest: str) -> None:
    """Approve the rollout of an image that waits for it."""
    await world.reached(digest, AWAITS_APPROVAL)
    rollout = world.entry(digest).rollout
    answer = await world.answered(world.say(Verb.APPROVE, rollout_id=rollout.id))
    assert answer.accepted, answer.reason


async def approved_first(world: Road) -> None:
    """See a first release approved and promoted; then begin live traffic."""
    first = world.push()
    await approved(world, first)
    assert (await world.ended(first)).outcome is Outcome.PROMOTED
    world.send()
    await world.pause(60)


async def returned(world: Road, answer: Answer) -> None:
    """Wait until the rollout that a command started is promoted and has ended."""
    known = world.journal.open_rollouts

    def serves() -> bool:
        state = world.journal.state("orders")
        return state is not None and state.rollout_id == answer.rollout_id

    await world.until(serves)
    await world.until(
        lambda: answer.rollout_id not in {one.rollout_id for one in known("orders")}
    )
    await world.pause(60)


def did(world: Road, answer: Answer) -> set[str]:
    """Return what the rollout that a command started has done."""
    assert answer.rollout_id is not None
    return set(world.marked.get(answer.rollout_id, ()))


def reasons(world: Road, digest: str) -> Mapping[str, str]:
    """Return why the rollout of an image made its marks."""
    marks = world.journal.marks(world.entry(digest).rollout)
    return {mark.name: mark.reason for mark in marks}


# ------------------------------------------------------------------------ alarms


@pytest.mark.parametrize("name", [ERRORS, ALL])
async def test_a_push_waits_while_an_alarm_rings(name: str) -> None:
    async with road(WATCHED) as world:
        with_alarms(world)
        await world.first_release()
        alarm(name, RINGS)
        digest = world.push("v2")
        await world.reached(digest, AWAITS_ALARMS)
        assert reasons(world, digest) == {AWAITS_ALARMS: f"in alarm: {name}"}
        await world.pause(300)
        assert world.marks(digest) == [AWAITS_ALARMS]
        assert world.desired() == {Slot.A: 4, Slot.B: 0}
        alarm(name, QUIET)
        assert (await world.ended(digest)).outcome is Outcome.PROMOTED


async def test_an_alarm_that_rings_on_rejects_the_push() -> None:
    async with road(WATCHED) as world:
        with_alarms(world)
        await world.first_release()
        alarm(ERRORS, RINGS)
        digest = world.push("v2")
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.REJECTED
        assert entry.reason == (
            "in alarm: errors, 600 s after alarms first kept it back"
        )
        assert world.marks(digest) == [AWAITS_ALARMS]
        assert world.desired() == {Slot.A: 4, Slot.B: 0}


async def test_an_alarm_that_is_not_there_rejects_the_push() -> None:
    async with road(WATCHED) as world:
        world.cloud.alarms.put(ALL)
        entry = await world.ended(world.push())
        assert entry.outcome is Outcome.REJECTED
        assert entry.reason == (
            "there is no alarm errors: make it, or correct rollout.gates.alarms, and "
            "push or retry"
        )


async def test_the_push_that_mends_what_rings_ends_the_release_under_way() -> None:
    async with road(WATCHED) as world:
        with_alarms(world)
        await world.first_release()
        bad = world.push("v2")
        await world.reached(bad, "shifted-0")
        alarm(ERRORS, RINGS)
        good = world.push("v3")
        assert (await world.ended(bad)).outcome is Outcome.SUPERSEDED
        assert world.marks(good) == [AWAITS_ALARMS]
        alarm(ERRORS, QUIET)
        assert (await world.ended(good)).outcome is Outcome.PROMOTED


async def test_a_person_goes_back_while_alarms_ring() -> None:
    async with road(WATCHED) as world:
        with_alarms(world)
        await world.first_release()
        assert (await world.ended(world.push("v2"))).outcome is Outcome.PROMOTED
        alarm(ALL, RINGS)
        answer = await world.answered(world.say(Verb.UNDO))
        assert answer.accepted, answer.reason
        await returned(world, answer)
        assert world.weights() == {Slot.A: 100, Slot.B: 0}


async def test_a_push_that_alarms_keep_back_lets_a_person_go_back() -> None:
    async with road(WATCHED) as world:
        with_alarms(world)
        await world.first_release()
        assert (await world.ended(world.push("v2"))).outcome is Outcome.PROMOTED
        alarm(ALL, RINGS)
        answer = await world.answered(world.say(Verb.UNDO))
        await world.until(lambda: "launched" in did(world, answer))
        later = world.push("v3")
        await world.reached(later, AWAITS_ALARMS)
        await returned(world, answer)
        assert world.weights() == {Slot.A: 100, Slot.B: 0}
        assert (await world.ended(later)).outcome is Outcome.REJECTED


async def test_who_promotes_overrules_alarms() -> None:
    async with road(WATCHED) as world:
        with_alarms(world)
        await world.first_release()
        alarm(ERRORS, RINGS)
        digest = world.push("v2")
        await world.reached(digest, AWAITS_ALARMS)
        assert (await world.answered(world.say(Verb.PROMOTE))).accepted
        assert (await world.ended(digest)).outcome is Outcome.PROMOTED


async def test_alarms_that_cannot_be_read_keep_the_push_back() -> None:
    async with road(WATCHED) as world:
        with_alarms(world)
        await world.first_release()
        silent = True

        def refuse(service: str, operation: str, *_: object) -> None:
            if silent and (service, operation) == ("cloudwatch", "DescribeAlarms"):
                raise AwsError("Throttling", "Rate exceeded")

        world.cloud.router.before(refuse)
        digest = world.push("v2")
        await world.pause(300)
        assert world.marks(digest) == []
        silent = False
        assert (await world.ended(digest)).outcome is Outcome.PROMOTED


# ---------------------------------------------------------------------- approval


async def test_a_push_begins_once_a_person_approves_it() -> None:
    async with road(ASKED) as world:
        await approved_first(world)
        digest = world.push("v2")
        await world.reached(digest, AWAITS_APPROVAL)
        await world.pause(5 * 3600)
        assert world.marks(digest) == [AWAITS_APPROVAL]
        rollout = world.entry(digest).rollout
        asked = [e["detail"] for e in awaited(world) if e["detail"]["tag"] == "v2"]
        assert asked == [
            {
                "environment": "test",
                "service": "orders",
                "rollout_id": rollout.id,
                "release": rollout.release.id,
                "tag": "v2",
                "digest": digest,
                "reason": f"v2 waits for somebody to approve rollout {rollout.id}",
            }
        ]
        (topic,) = world.cloud.topics.values()
        assert sum(rollout.id in page for page in topic.messages) == 1
        await approved(world, digest)
        assert (await world.ended(digest)).outcome is Outcome.PROMOTED


def awaited(world: Road) -> list[dict[str, object]]:
    """Return the events that ask for approval."""
    log = world.cloud.events.log
    return [e for e in log if e["detail-type"] == "Rollout Awaits Approval"]


async def test_nobody_approves_what_he_did_not_see() -> None:
    async with road(ASKED) as world:
        old = world.push()
        await world.reached(old, AWAITS_APPROVAL)
        seen = world.entry(old).rollout.id
        new = world.push("v2")
        assert (await world.ended(old)).outcome is Outcome.SUPERSEDED
        unnamed = await world.answered(world.say(Verb.APPROVE))
        assert not unnamed.accepted
        assert unnamed.reason == (
            "say by its id which rollout of orders may begin; there is "
            f"{world.entry(new).rollout.id} (v2)"
        )
        late = await world.answered(world.say(Verb.APPROVE, rollout_id=seen))
        assert not late.accepted
        assert world.marks(new) == [AWAITS_APPROVAL]
        world.say(Verb.ABORT)
        assert (await world.ended(new)).outcome is Outcome.ABORTED


async def test_approval_comes_too_late_for_what_has_begun() -> None:
    async with road(ASKED) as world:
        digest = world.push()
        await approved(world, digest)
        await world.reached(digest, "launched")
        rollout_id = world.entry(digest).rollout.id
        again = await world.answered(world.say(Verb.APPROVE, rollout_id=rollout_id))
        assert not again.accepted
        assert again.reason == f"too late: rollout {rollout_id} has begun"
        assert (await world.ended(digest)).outcome is Outcome.PROMOTED


async def test_a_push_that_nobody_approves_is_rejected_after_a_week() -> None:
    async with road(ASKED) as world:
        digest = world.push()
        await world.reached(digest, AWAITS_APPROVAL)
        await world.pause(timedelta(days=7).total_seconds())
        entry = await world.closed(digest)
        assert entry.outcome is Outcome.REJECTED
        assert entry.reason == "nobody approved it within 7 days"


async def test_what_people_ask_for_needs_no_approval() -> None:
    async with road(ASKED) as world:
        await approved_first(world)
        digest = world.push("v2")
        await approved(world, digest)
        assert (await world.ended(digest)).outcome is Outcome.PROMOTED
        later = world.push("v3")
        await world.reached(later, AWAITS_APPROVAL)
        answer = await world.answered(world.say(Verb.UNDO))
        assert answer.accepted, answer.reason
        # The undo is newer than what waits: that may not overtake it any more.
        assert (await world.closed(later)).outcome is Outcome.SUPERSEDED
        await returned(world, answer)


async def test_a_push_that_waits_ends_nothing_that_people_asked_for() -> None:
    async with road(ASKED) as world:
        await approved_first(world)
        digest = world.push("v2")
        await approved(world, digest)
        await world.reached(digest, "promoted")
        # The lease is held until the old slot is retired: both of these wait.
        answer = await world.answered(world.say(Verb.UNDO))
        later = world.push("v3")
        await world.reached(later, AWAITS_APPROVAL)
        await returned(world, answer)
        assert world.weights() == {Slot.A: 100, Slot.B: 0}
        world.say(Verb.ABORT)
        assert (await world.ended(later)).outcome is Outcome.ABORTED


async def test_a_push_that_waits_ends_none_that_somebody_approved() -> None:
    shut = OpenHours(WEEKDAYS, "10:00", "09:20")
    async with road(replace(ASKED, window=shut)) as world:
        await approved_first(world)
        await world.until(lambda: world.cloud.clock.now().minute == MINUTE_SHUT)
        digest = world.push("v2")
        await approved(world, digest)
        await world.reached(digest, "awaits-window")
        later = world.push("v3")
        await world.reached(later, AWAITS_APPROVAL)
        assert (await world.ended(digest)).outcome is Outcome.PROMOTED
        world.say(Verb.ABORT)
        assert (await world.ended(later)).outcome is Outcome.ABORTED


async def test_nobody_promotes_what_awaits_approval_without_its_id() -> None:
    async with road(ASKED) as world:
        digest = world.push()
        await world.reached(digest, AWAITS_APPROVAL)
        unnamed = await world.answered(world.say(Verb.PROMOTE))
        assert not unnamed.accepted
        rollout_id = world.entry(digest).rollout.id
        assert rollout_id in unnamed.reason
        named = await world.answered(world.say(Verb.PROMOTE, rollout_id=rollout_id))
        assert named.accepted
        assert (await world.ended(digest)).outcome is Outcome.PROMOTED


async def test_a_service_may_ask_for_all_of_it() -> None:
    policy: RolloutPolicy = replace(WATCHED, gates=Gates((ERRORS,), approval=True))
    async with road(policy) as world:
        world.cloud.alarms.put(ERRORS)
        alarm(ERRORS, RINGS)
        digest = world.push()
        await approved(world, digest)
        await world.reached(digest, AWAITS_ALARMS)
        alarm(ERRORS, QUIET)
        assert (await world.ended(digest)).outcome is Outcome.PROMOTED
