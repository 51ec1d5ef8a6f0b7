"""Releases judged on health alone, with rules and without: the old slot stays whole."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from localcloud.api import AwsError, Call
from slipway.domain.control import Verb
from slipway.domain.health import UNCHECKED
from slipway.domain.rollout import Outcome
from slipway.domain.scaling import IDLE, ONLY_OUT, resting
from slipway.domain.service import Mode, RolloutPolicy, Slot
from slipway.gateways.journal import Entry

from tests.e2e.road import BOUNDS, DEATHS, QUICK, SHORT, Road, client, losing, road
from tests.e2e.stories import repeat_stages

KINDS = pytest.mark.parametrize("balanced", [False, True], ids=["by-name", "by-rule"])
MARKS = ["launched", "healthy-0", "shifted-0", "judged-0", "shifted-1"]
SPOTTY = replace(SHORT, look_seconds=10)
"""For tests of what passes quickly."""


def batches(
    policy: RolloutPolicy = QUICK, *, balanced: bool = False, **settings: Any
) -> AbstractAsyncContextManager[Road]:
    """Start a world whose orders rolls in batches, by name alone unless `balanced`."""
    return road(policy, balanced=balanced, mode=Mode.BATCHES, **settings)


async def released(world: Road) -> Entry:
    """See a good first release promoted; nobody sends it anything."""
    entry = await world.ended(world.push())
    assert entry.outcome is Outcome.PROMOTED, entry.reason
    return entry


# ----------------------------------------------------------------------- good releases


@KINDS
async def test_a_first_release_is_promoted_as_soon_as_it_is_healthy(
    *, balanced: bool
) -> None:
    async with batches(balanced=balanced) as world:
        entry = await released(world)
        assert world.desired() == {Slot.A: 4, Slot.B: 0}
        assert "4 healthy of 4 needed" in reasons(entry)["judged-0"]
        assert asked(world, "cloudwatch") == []


async def test_a_task_without_health_checks_counts_once_it_has_lasted() -> None:
    async with batches() as world:
        entry = await released(world)
        latest = latest_start(world, Slot.A)
        assert at(entry, "healthy-0") - latest >= UNCHECKED


@KINDS
@pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])
async def test_a_good_release_grows_step_by_step_beside_a_whole_old_slot(
    *, balanced: bool, twice: bool
) -> None:
    """Invariants 1 and 10. Nobody sends a request: silence of metrics is no fault."""
    async with batches(balanced=balanced) as world:
        if twice:
            repeat_stages(world.cloud.functions)
        await released(world)
        entry = await world.ended(world.push("v2"))
        assert entry.outcome is Outcome.PROMOTED, entry.reason
        assert [counts(world, Slot.B)] == [[1, 2, 4]]
        done = reasons(entry)
        for step in range(3):
            assert "judged on health alone" in done[f"judged-{step}"]
        (first, *_) = stops(world, Slot.A)
        delay = timedelta(seconds=QUICK.retire_delay_seconds)
        assert first - at(entry, "promoted") >= delay
        assert world.desired() == {Slot.A: 0, Slot.B: 4}
        assert asked(world, "cloudwatch") == []
        assert world.pages() == []


async def test_a_service_without_rules_asks_no_load_balancer_anything() -> None:
    async with batches() as world:
        await released(world)
        await world.ended(world.push("v2", crash_after_seconds=60))
        await world.ended(world.push("v3"))
        assert [c for c in asked(world, "elbv2") if c.caller is not None] == []


async def test_failing_requests_count_for_nothing_where_health_alone_is_judged() -> (
    None
):
    """A canary of the same release is rolled back (test_bad_release.py)."""
    async with batches(SHORT, balanced=True) as world:
        await world.first_release()
        entry = await world.ended(world.push("v2", fail_every=2))
        assert entry.outcome is Outcome.PROMOTED
        assert world.weights() == {Slot.A: 0, Slot.B: 100}


async def test_each_bake_lasts_as_long_as_its_step_says() -> None:
    async with batches() as world:
        await released(world)
        entry = await world.ended(world.push("v2"))
        for number, step in enumerate(QUICK.steps):
            lasted = at(entry, f"judged-{number}") - at(entry, f"shifted-{number}")
            assert lasted >= timedelta(seconds=step.bake_seconds)


# ------------------------------------------------------------------------ bad releases


@KINDS
async def test_a_release_that_crashes_in_its_bake_goes_and_the_old_one_stays_whole(
    *, balanced: bool
) -> None:
    """Invariant 2."""
    async with batches(balanced=balanced) as world:
        await released(world)
        entry = await world.ended(world.push("v2", crash_after_seconds=75))
        assert entry.outcome is Outcome.ROLLED_BACK
        assert "ended badly" in (entry.reason or "")
        assert "shifted-0" in reasons(entry)
        assert_untouched(world)


async def test_a_crash_of_which_no_word_comes_is_seen_by_counting() -> None:
    async with batches(SPOTTY) as world:
        await released(world)
        world.cloud.events.disturb = losing("aws.ecs")
        digest = world.push("v2")
        world.when["shifted-0"] = lambda: world.runtime.crash(
            world.tasks(Slot.B)[0].arn
        )
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.ROLLED_BACK
        assert "the candidate has 0 healthy tasks; its share needs 1" in (
            entry.reason or ""
        )
        assert_untouched(world)


@pytest.mark.parametrize(
    ("balanced", "flaws"),
    [
        (False, {"start_seconds": 3600}),
        (True, {"start_seconds": 3600}),
        (False, {"crash_at_start": True}),
        (True, {"unhealthy": True}),
        (False, {"unpullable": True}),
    ],
)
async def test_a_release_that_never_becomes_healthy_goes(
    flaws: dict[str, Any], *, balanced: bool
) -> None:
    async with batches(balanced=balanced) as world:
        await released(world)
        entry = await world.ended(world.push("v2", **flaws))
        assert entry.outcome is Outcome.ROLLED_BACK
        assert "shifted-0" not in reasons(entry)
        assert_untouched(world)


async def test_a_first_release_that_fails_leaves_nothing_running() -> None:
    async with batches() as world:
        entry = await world.ended(world.push(crash_at_start=True))
        assert entry.outcome is Outcome.ROLLED_BACK
        assert world.desired() == {Slot.A: 0, Slot.B: 0}
        assert (await world.ended(world.push("v2"))).outcome is Outcome.PROMOTED


async def test_tasks_that_cannot_be_counted_pass_nothing() -> None:
    """Invariant 7: the step holds, a person is called, and it goes on by itself."""
    async with batches(SPOTTY) as world:
        await released(world)
        unread: list[str] = []

        def hook(_: str, called: str, *__: Any) -> None:
            if called in unread:
                raise AwsError("ServerException", "try again later", status=500)

        world.cloud.router.before(hook)
        world.when["shifted-0"] = lambda: unread.append("DescribeTasks")
        digest = world.push("v2")
        await world.reached(digest, "held-0")
        (page,) = world.pages()
        assert "could not be counted" in page["detail"]["reason"]
        unread.clear()
        assert (await world.ended(digest)).outcome is Outcome.PROMOTED


# --------------------------------------------------------- people, pushes and deaths


@KINDS
async def test_an_abort_in_mid_bake_takes_the_candidate_away(*, balanced: bool) -> None:
    async with batches(balanced=balanced) as world:
        await released(world)
        digest = world.push("v2")
        await world.reached(digest, "shifted-1")
        world.say(Verb.ABORT)
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.ABORTED
        assert_untouched(world)


@KINDS
async def test_a_newer_push_supersedes_a_batch(*, balanced: bool) -> None:
    async with batches(SHORT, balanced=balanced) as world:
        await released(world)
        first = world.push("v2")
        await world.reached(first, "shifted-0")
        second = world.push("v3")
        assert (await world.ended(first)).outcome is Outcome.SUPERSEDED
        assert (await world.ended(second)).outcome is Outcome.PROMOTED
        assert world.desired() == {Slot.A: 0, Slot.B: 4}


@KINDS
@pytest.mark.parametrize("mark", MARKS)
async def test_a_rollout_whose_execution_is_stopped_is_restored(
    mark: str, *, balanced: bool
) -> None:
    async with batches(SHORT, balanced=balanced, at_rest=False) as world:
        await released(world)
        digest = world.push("v2")
        await world.reached(digest, mark)
        world.kill(digest)
        entry = await world.closed(digest)
        assert entry.outcome is Outcome.ABORTED
        assert_untouched(world)
        assert not world.cloud.monitor.at_rest()


async def test_one_of_whose_end_no_word_comes_is_restored_by_the_sweep() -> None:
    async with batches(SHORT, at_rest=False, sweeps=True) as world:
        await released(world)
        world.cloud.events.disturb = losing(DEATHS)
        digest = world.push("v2")
        await world.reached(digest, "shifted-0")
        world.kill(digest)
        assert (await world.closed(digest)).outcome is Outcome.ROLLED_BACK
        assert_untouched(world)


async def test_one_that_dies_after_its_promotion_keeps_the_new_release() -> None:
    async with batches(SHORT, at_rest=False) as world:
        await released(world)
        digest = world.push("v2")
        await world.reached(digest, "promoted")
        world.kill(digest)
        assert (await world.closed(digest)).outcome is Outcome.PROMOTED
        assert world.desired() == {Slot.A: 0, Slot.B: 4}


# ----------------------------------------------------------- capacity before all else


async def test_a_restore_gives_capacity_back_before_the_candidate_goes() -> None:
    """Invariant 2: capacity, health, and only then the removal."""
    async with batches() as world:
        await released(world)
        digest = world.push("v2")
        await world.reached(digest, "shifted-1")
        world.scale(Slot.A, 2)
        (noted,) = world.cloud.monitor.violations
        assert "orders-a has 2 tasks of 4 needed" in noted.text
        world.cloud.monitor.violations.clear()
        world.say(Verb.ABORT)
        entry = await world.ended(digest)
        done = [mark.name for mark in entry.receipt.marks] if entry.receipt else []
        assert [name for name in done if name.startswith("restore-")] == [
            "restore-began",
            "restore-scale-up",
            "restore-await-health",
            "restore-remove-candidate",
            "restore-done",
        ]
        assert world.desired() == {Slot.A: 4, Slot.B: 0}
        assert len(world.tasks(Slot.A)) == 4


async def test_the_old_slot_stays_until_the_new_one_can_do_without_it() -> None:
    """Retiring is what gives the new release all requests: health comes first."""
    async with batches() as world:
        await released(world)
        digest = world.push("v2")
        await world.reached(digest, "promoted")
        await world.pause(QUICK.retire_delay_seconds - 10)
        crashed = world.tasks(Slot.B)[0]
        world.runtime.crash(crashed.arn)
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.PROMOTED
        latest = latest_start(world, Slot.B)
        assert at(entry, "promoted") < latest
        assert stops(world, Slot.A)[0] - latest >= UNCHECKED


async def test_an_old_slot_that_grew_meanwhile_is_made_up_for_before_it_goes() -> None:
    async with batches(SHORT) as world:
        await released(world)
        digest = world.push("v2")
        await world.reached(digest, "promoted")
        world.scale(Slot.A, 6)
        assert (await world.ended(digest)).outcome is Outcome.PROMOTED
        assert counts(world, Slot.B) == [1, 4, 6]
        assert world.desired() == {Slot.A: 0, Slot.B: 6}


async def test_where_the_new_one_never_can_the_old_slot_stays_and_a_person_comes() -> (
    None
):
    async with batches(SHORT, at_rest=False) as world:
        await released(world)
        digest = world.push("v2")
        await world.reached(digest, "promoted")
        world.delete_image(digest)
        world.runtime.crash(world.tasks(Slot.B)[0].arn)
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.FAILED
        assert entry.reason == (
            "slot b has 3 healthy of 4 needed: slot a keeps its tasks"
        )
        assert world.desired() == {Slot.A: 4, Slot.B: 4}
        assert len(world.pages()) == 1
        undone = (await world.answered(world.say(Verb.UNDO))).rollout_id or ""
        await world.until(
            lambda: any(
                e.outcome is Outcome.FAILED and e.rollout.id == undone
                for e in world.journal.rollouts("orders")
            )
        )
        assert "launched" not in world.marked[undone]
        assert stops(world, Slot.A) == []


async def test_a_slot_that_somebody_gave_tasks_is_not_launched_over() -> None:
    """Invariant 9; the restore makes it idle again."""
    async with batches(SHORT) as world:
        await released(world)
        await world.ended(world.push("v2", crash_after_seconds=60))
        world.scale(Slot.B, 1)
        entry = await world.ended(world.push("v3"))
        assert entry.outcome is Outcome.ROLLED_BACK
        assert "slot b is not idle: it has 1 tasks already" in (entry.reason or "")
        assert_untouched(world)


async def test_a_candidate_that_somebody_made_small_is_not_promoted() -> None:
    async with batches(SHORT) as world:
        await released(world)
        digest = world.push("v2")
        world.when["judged-1"] = lambda: world.scale(Slot.B, 2)
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.ROLLED_BACK
        assert "slot b has 2 of 4 tasks" in (entry.reason or "")
        assert_untouched(world)


async def test_tasks_that_no_known_release_runs_are_left_alone() -> None:
    """Invariants 2 and 9: an empty journal is no reason to take tasks away."""
    async with batches(SHORT, at_rest=False) as world:
        await released(world)
        client("dynamodb").delete_item(
            TableName=world.cloud.stack.outputs["JournalTableName"],
            Key={"pk": {"S": "SERVICE#orders"}, "sk": {"S": "STATE"}},
        )
        before = world.writes()
        entry = await world.ended(world.push("v2"))
        assert entry.outcome is Outcome.FAILED
        assert "scale both slots to 0" in (entry.reason or "")
        assert world.writes() == before


async def test_the_new_one_scales_in_only_once_the_old_slot_is_gone() -> None:
    """Half of the load is the old slot's until then: what scaled in would be missed."""
    async with batches(SHORT, scaling=BOUNDS, min_tasks=2) as world:
        await released(world)
        digest = world.push("v2")
        await world.reached(digest, "promoted")
        await world.pause(SHORT.retire_delay_seconds - 10)
        assert world.targets()[Slot.B].suspended == ONLY_OUT
        assert (await world.ended(digest)).outcome is Outcome.PROMOTED
        assert world.targets() == {Slot.A: IDLE, Slot.B: resting(BOUNDS)}


# ---------------------------------------------------------------------- what one sees


def reasons(entry: Entry) -> dict[str, str]:
    """Return the reason of each mark of a rollout."""
    assert entry.receipt is not None
    return {mark.name: mark.reason for mark in entry.receipt.marks}


def at(entry: Entry, name: str) -> datetime:
    """Return when a rollout did something."""
    assert entry.receipt is not None
    return {mark.name: mark.at for mark in entry.receipt.marks}[name]


def asked(world: Road, service: str) -> Sequence[Call]:
    """Return the calls of an AWS service that functions made."""
    calls = world.cloud.router.calls
    return [c for c in calls if c.service == service and c.caller is not None]


def counts(world: Road, slot: Slot) -> list[int]:
    """Return the counts that Slipway gave a slot above 0, one after the other."""
    name = world.service.slots[slot]
    given = [
        int(call.params["desiredCount"])
        for call in world.writes("UpdateService")
        if call.params["service"] == name
    ]
    return [count for count in given if count]


def stops(world: Road, slot: Slot) -> list[datetime]:
    """Return when tasks of a slot were to stop, whatever for."""
    group = f"service:{world.service.slots[slot]}"
    return sorted(
        datetime.fromisoformat(event["detail"]["stoppingAt"])
        for event in world.cloud.events.log
        if event["detail-type"] == "ECS Task State Change"
        and event["detail"]["group"] == group
        and event["detail"]["desiredStatus"] == "STOPPED"
    )


def latest_start(world: Road, slot: Slot) -> datetime:
    """Return when the youngest task of a slot that runs now began to run."""
    return max(task.started_at for task in world.tasks(slot) if task.started_at)


def assert_untouched(world: Road) -> None:
    """Assert that the old slot never lost a task and serves alone."""
    assert stops(world, Slot.A) == []
    assert world.desired() == {Slot.A: 4, Slot.B: 0}
    assert world.journal.lease("orders") is None
    if world.service.bindings:
        assert world.weights() == {Slot.A: 100, Slot.B: 0}
