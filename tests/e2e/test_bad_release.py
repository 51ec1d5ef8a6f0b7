"""Bad releases: each is caught, restored, and fails no request but its own."""

from collections.abc import Iterable
from typing import Any

import pytest
from localcloud.delays import Delays, OpenQuestions
from localcloud.demo.bound import bound
from localcloud.events import Delivery
from slipway.domain.rollout import Outcome
from slipway.domain.service import Slot

from tests.e2e.road import ATTENTIVE, QUICK, REQUESTS_PER_SECOND, Road, road
from tests.e2e.stories import MOST_WAITING_SECONDS, Story

FIRST_WEIGHT = 0.1


def test_a_release_that_fails_every_fifth_request_is_rolled_back(
    failing: Story,
) -> None:
    """Invariants 2 and 13.

    pipecd#5280: where the canary's group was new, a rollback left weights at 80 and 20.
    """
    assert failing.outcome is Outcome.ROLLED_BACK
    assert failing.weights == {Slot.A: 100, Slot.B: 0}
    assert failing.desired == {Slot.A: 4, Slot.B: 0}
    assert failing.highest[Slot.B] == 10


def test_its_failures_stay_within_the_bound(failing: Story) -> None:
    """The bound: weight x failure rate x request rate x the time it takes to know."""
    limit = bound(
        QUICK,
        Delays(),
        failure_rate=1 / 5,
        requests_per_second=REQUESTS_PER_SECOND,
        restore_seconds=failing.seconds("judged-0", "restore-give-traffic"),
    )
    assert 0 < failing.totals.failed <= limit.requests


def test_only_the_failing_release_fails_requests(failing: Story) -> None:
    assert failing.totals.failed_unrouted == 0
    assert set(failing.totals.failed_by_digest) == {failing.digest}


def test_a_restore_moves_weight_before_it_removes_the_candidate(
    failing: Story,
) -> None:
    """Invariant 2: the candidate goes when nothing reaches it any more.

    pipecd#4710: the canary was deleted first, 503s; pipecd#4329: a cancelled rollout
    left its canary serving.
    """
    assert failing.done("restore-")[1:] == [
        "restore-give-traffic",
        "restore-await-weights",
        "restore-remove-candidate",
        "restore-done",
    ]
    assert failing.seconds("restore-give-traffic", "restore-remove-candidate") >= 30


@pytest.mark.parametrize("on_arrival", [False, True])
async def test_a_release_that_hangs_is_rolled_back(*, on_arrival: bool) -> None:
    """Invariant 13: load balancers' own 504s carry no target group."""
    questions = OpenQuestions(requests_stamped_on_arrival=on_arrival)
    async with road(open_questions=questions) as world:
        flow = await world.first_release()
        digest = world.push("v2", hang=True)
        entry = await world.ended(digest)
        await world.pause(MOST_WAITING_SECONDS)
        assert entry.outcome is Outcome.ROLLED_BACK
        assert set(flow.totals.failed_by_digest) == {digest}
        assert flow.totals.failed_unrouted == 0
        assert world.highest[Slot.B] == 10


async def test_a_release_that_does_not_come_up_never_gets_traffic() -> None:
    """Invariant 1: word of its tasks' ends says why (flagger#874)."""
    flaws = {
        "crash_at_start": "Essential container in task exited",
        "unpullable": "CannotPullContainerError",
        "unhealthy": "health checks",
    }
    async with road() as world:
        flow = await world.first_release()
        for number, (flaw, reason) in enumerate(flaws.items(), 2):
            behaviour: dict[str, Any] = {flaw: True}
            entry = await world.ended(world.push(f"v{number}", **behaviour))
            assert entry.outcome is Outcome.ROLLED_BACK
            assert reason in (entry.reason or "")
        _never_had_traffic(world)
        assert flow.totals.failed == 0


async def test_a_release_that_does_not_come_up_is_caught_without_events() -> None:
    """Invariant 4: ECS's own breaker and the launch's time limit say enough.

    containers-roadmap#1488: a breaker fired and nothing was rolled back.
    """
    flaws: dict[str, Any] = {
        "crash_at_start": True,
        "unpullable": True,
        "unhealthy": True,
        "start_seconds": 3000,
    }
    async with road() as world:
        flow = await world.first_release()
        world.cloud.events.disturb = _lose_task_events
        for number, (flaw, value) in enumerate(flaws.items(), 2):
            entry = await world.ended(world.push(f"v{number}", **{flaw: value}))
            slow = flaw == "start_seconds"
            reason = "only 0 running" if slow else "ECS gave the launch up"
            assert entry.outcome is Outcome.ROLLED_BACK
            assert reason in (entry.reason or "")
        _never_had_traffic(world)
        assert flow.totals.failed == 0


async def test_a_launch_that_failed_once_is_forced_the_next_time() -> None:
    """A revision whose deployment is FAILED would not be tried again by itself.

    The same image under another tag is the same release, so the same revision.
    """
    async with road() as world:
        await world.first_release()
        world.cloud.events.disturb = _lose_task_events
        digest = world.push("v2")
        await world.reached(digest, "launched")
        world.delete_image(digest)
        failed = await world.ended(digest)
        assert failed.outcome is Outcome.ROLLED_BACK
        world.push("v3", version="v2")
        await world.until(lambda: len(world.rollouts()) == 3)
        entry = await world.ended(digest)
        assert entry.rollout.release.id == failed.rollout.release.id
        assert entry.outcome is Outcome.PROMOTED


async def test_a_crash_in_mid_bake_is_rolled_back_at_the_next_look() -> None:
    """Invariant 2."""
    async with road(ATTENTIVE) as world:
        flow = await world.first_release()
        digest = world.push("v2")
        await world.reached(digest, "shifted-0")
        await world.pause(20)
        crashed = world.cloud.clock.time()
        world.runtime.crash(world.tasks(Slot.B)[0].arn)
        await world.reached(digest, "restore-give-traffic")
        restored = world.cloud.clock.time()
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.ROLLED_BACK
        assert "crashed" in (entry.reason or "")
        assert restored - crashed <= ATTENTIVE.look_seconds + 5
        seconds = restored - crashed + Delays().propagation_seconds + 1
        limit = FIRST_WEIGHT * REQUESTS_PER_SECOND * seconds
        assert 0 < flow.totals.failed <= limit


async def test_health_lost_in_mid_bake_is_rolled_back_without_events() -> None:
    """Invariants 2 and 4: the targets' own health says enough."""
    async with road(ATTENTIVE) as world:
        flow = await world.first_release()
        digest = world.push("v2")
        await world.reached(digest, "shifted-1")
        world.cloud.events.disturb = _lose_task_events
        # One of two: the other one carries its share of the requests meanwhile.
        await world.make_sick(Slot.B)
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.ROLLED_BACK
        assert world.weights() == {Slot.A: 100, Slot.B: 0}
        assert flow.totals.failed == 0


def test_health_lost_between_look_and_write_leaves_weights_alone(
    sickly: Story,
) -> None:
    """Invariant 1: health is read at the moment of the write.

    containers-roadmap#2853: validate first; argo-rollouts#4390: traffic on what was
    going away.
    """
    assert sickly.outcome is Outcome.ROLLED_BACK
    assert sickly.done("healthy-", "shifted-") == [
        "healthy-0",
        "shifted-0",
        "healthy-1",
    ]
    assert sickly.highest[Slot.B] == 10
    assert sickly.totals.failed == 0


def _never_had_traffic(world: Road) -> None:
    assert world.highest[Slot.B] == 0
    assert world.weights() == {Slot.A: 100, Slot.B: 0}


def _lose_task_events(delivery: Delivery) -> Iterable[Delivery]:
    if delivery.event["source"] != "aws.ecs":
        yield delivery
