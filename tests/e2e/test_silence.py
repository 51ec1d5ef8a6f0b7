"""Silence never passes: without evidence a step holds, pages and is rolled back."""

from dataclasses import replace

import pytest
from localcloud.metrics import Outage
from slipway.domain.rollout import Outcome
from slipway.domain.service import Slot

from tests.e2e.road import QUICK, road
from tests.e2e.stories import Story


def test_a_release_that_nobody_uses_is_never_promoted(silent: Story) -> None:
    """Invariant 7 (argo-rollouts#4479: every measurement failed, so Successful)."""
    assert silent.outcome is Outcome.ROLLED_BACK
    assert silent.highest[Slot.B] == 10
    assert silent.weights == {Slot.A: 100, Slot.B: 0}
    assert "0 requests are too few" in (silent.reason or "")


def test_silence_is_held_for_as_long_as_the_policy_says(silent: Story) -> None:
    held = silent.seconds("held-0", "judged-0")
    assert QUICK.hold_seconds < held <= QUICK.hold_seconds + 2 * QUICK.look_seconds


def test_silence_pages_exactly_once(silent: Story) -> None:
    assert silent.pages == 1


@pytest.mark.parametrize("outage", Outage)
async def test_a_release_without_metrics_is_never_promoted(outage: Outage) -> None:
    """Invariants 7 and 8: neither errors nor missing data pass or hinder."""
    async with road() as world:
        flow = await world.first_release()
        world.cloud.metrics.outage = outage
        entry = await world.ended(world.push("v2"))
        assert entry.outcome is Outcome.ROLLED_BACK
        assert world.highest[Slot.B] == 10
        assert len(world.pages()) == 1
        assert flow.totals.failed == 0


async def test_metrics_that_come_back_while_a_step_holds_let_it_pass() -> None:
    """A hold is a wait for evidence, not a verdict."""
    async with road() as world:
        await world.first_release()
        world.cloud.metrics.outage = Outage.ERROR
        digest = world.push("v2")
        await world.reached(digest, "held-0")
        await world.pause(120)
        world.cloud.metrics.outage = None
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.PROMOTED
        assert len(world.pages()) == 1


async def test_too_few_requests_never_pass() -> None:
    """Invariant 7: 12 good answers are no proof where 30 are asked for."""
    async with road() as world:
        await world.first_release(per_second=0.2)
        entry = await world.ended(world.push("v2"))
        assert entry.outcome is Outcome.ROLLED_BACK
        assert "too few to judge; 30 are needed" in (entry.reason or "")
        assert world.highest[Slot.B] == 10


async def test_few_requests_pass_once_there_are_enough_of_them() -> None:
    """Invariant 7: every step that passed had its minimum of samples."""
    patient = replace(QUICK, hold_seconds=3600)
    async with road(patient) as world:
        await world.first_release(per_second=1)
        entry = await world.ended(world.push("v2"))
        assert entry.outcome is Outcome.PROMOTED
        assert entry.receipt is not None
        counts = [
            mark.facts["candidate_requests"]
            for mark in entry.receipt.marks
            if mark.name.startswith("judged-")
        ]
        assert len(counts) == 3
        assert min(counts) >= patient.judge.min_requests
