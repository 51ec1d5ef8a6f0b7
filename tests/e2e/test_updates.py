"""Slipway itself is updated while rollouts are under way (invariant 14)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from slipway.domain.rollout import Outcome
from slipway.domain.service import Slot, Step

from tests.e2e.road import QUICK, SHORT, Road, road
from tests.e2e.versions import THIS, ahead

HOUR = 3600
DAY = replace(QUICK, steps=(Step(10, 24 * HOUR), Step(100, 60)), look_seconds=300)
TOO_OLD = f"payload version {THIS} is too old"
BEFORE_PROMOTION = [
    "RegisterRevision",
    "LaunchCandidate",
    "SetCapacity",
    "CheckHealth",
    "ShiftTraffic",
    "JudgeCandidate",
    "Promote",
]
"""The stages whose failure leads back to the old release."""


async def test_a_rollout_finishes_though_slipway_is_updated_twice_in_its_bake() -> None:
    async with road(DAY) as world:
        digest = await _baking(world)
        for version in (1, 2):
            await world.pause(8 * HOUR)
            world.cloud.update(ahead(version))
        await world.pause(8 * HOUR)
        world.send()
        assert (await world.ended(digest)).outcome is Outcome.PROMOTED
        assert world.weights() == {Slot.A: 0, Slot.B: 100}


async def test_a_rollout_that_is_too_old_in_its_bake_is_restored_and_says_so() -> None:
    async with road(DAY) as world:
        digest = await _baking(world)
        await world.pause(8 * HOUR)
        world.cloud.update(ahead(3))
        await _assert_restored(world, digest, TOO_OLD)


async def test_a_rollout_is_restored_where_slipway_is_downgraded_under_way() -> None:
    async with road(SHORT, template=ahead(2)) as world:
        await world.first_release()
        digest = world.push("v2")
        await world.reached(digest, "shifted-0")
        world.cloud.update(ahead(0))
        await _assert_restored(
            world, digest, f"payload version {THIS + 2} is newer than {THIS}"
        )


@pytest.mark.parametrize(
    "stage", ["ResolveRelease", "AcquireLease", *BEFORE_PROMOTION, "AwaitWord",
              "RetireSlot", "RecordRollout"],
)  # fmt: skip
async def test_an_update_before_any_stage_of_a_rollout_lets_it_finish(
    stage: str,
) -> None:
    async with road(SHORT) as world:
        flow = await world.first_release()
        updated = _before(world, stage, lambda: world.cloud.update(ahead(2)))
        entry = await world.ended(world.push("v2"))
        assert updated
        assert entry.outcome is Outcome.PROMOTED, entry.reason
        assert flow.totals.failed == 0
        assert world.desired() == {Slot.A: 0, Slot.B: 4}


@pytest.mark.parametrize("stage", [*BEFORE_PROMOTION, "AwaitWord"])
async def test_a_rollout_too_old_at_any_stage_before_its_promotion_is_restored(
    stage: str,
) -> None:
    async with road(SHORT) as world:
        flow = await world.first_release()
        _before(world, stage, lambda: world.cloud.update(ahead(3)))
        digest = world.push("v2")
        await _assert_restored(world, digest, TOO_OLD)
        assert flow.totals.failed == 0


async def test_a_rollout_too_old_in_its_turn_had_changed_nothing() -> None:
    async with road(SHORT) as world:
        await world.first_release()
        _before(world, "AcquireLease", lambda: world.cloud.update(ahead(3)))
        before = world.writes()
        digest = world.push("v2")
        await _assert_restored(world, digest, TOO_OLD)
        assert world.writes() == before


@pytest.mark.parametrize("stage", ["RetireSlot", "RecordRollout"])
async def test_a_rollout_too_old_after_its_promotion_keeps_the_new_release(
    stage: str,
) -> None:
    async with road(SHORT) as world:
        await world.first_release()
        _before(world, stage, lambda: world.cloud.update(ahead(3)))
        entry = await world.ended(world.push("v2"))
        assert entry.outcome is Outcome.PROMOTED
        assert world.weights() == {Slot.A: 0, Slot.B: 100}
        assert world.desired() == {Slot.A: 0, Slot.B: 4}
        assert not world.pages()


async def test_a_restore_under_way_finishes_though_it_is_too_old() -> None:
    async with road(SHORT) as world:
        await world.first_release()
        updated = _before(world, "Restore", lambda: world.cloud.update(ahead(3)))
        digest = world.push("v2", crash_at_start=True)
        await _assert_restored(world, digest, "ended badly")
        assert updated


async def test_a_rollout_that_a_later_version_began_finishes_two_versions_later() -> (
    None
):
    async with road(SHORT, template=ahead(1)) as world:
        await world.first_release()
        _before(world, "AwaitWord", lambda: world.cloud.update(ahead(3)))
        assert (await world.ended(world.push("v2"))).outcome is Outcome.PROMOTED


async def _baking(world: Road) -> str:
    """Return the rollout of a push in its long bake, with its evidence complete."""
    flow = await world.first_release()
    digest = world.push("v2")
    await world.reached(digest, "shifted-0")
    await world.pause(15 * 60)
    world.traffic.stop(flow)
    return digest


def _before(world: Road, stage: str, then: Callable[[], object]) -> list[str]:
    """Do something just before a stage runs for the first time from now on."""
    invoke = world.cloud.functions.invoke
    done: list[str] = []

    async def first(name: str, payload: Any) -> Any:
        if f"-{stage}Function" in name and not done:
            done.append(stage)
            then()
        return await invoke(name, payload)

    world.cloud.functions.invoke = first  # type: ignore[method-assign]
    return done


async def _assert_restored(world: Road, digest: str, why: str) -> None:
    entry = await world.ended(digest)
    assert entry.outcome is Outcome.ROLLED_BACK
    assert why in (entry.reason or "")
    assert world.weights() == {Slot.A: 100, Slot.B: 0}
    assert world.desired() == {Slot.A: 4, Slot.B: 0}
    assert world.journal.lease("orders") is None
    assert not world.pages()
