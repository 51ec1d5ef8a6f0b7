"""A stage that is frozen between its check and its write, and thaws too late."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from localcloud.api import AwsError
from slipway.domain.rollout import Outcome
from slipway.domain.service import Slot

from tests.e2e.road import QUICK, SHORT, Road, road

SECONDS_LEFT = 30
"""More than that of a term is left soon after it began."""
FROZEN_SECONDS = 900
"""Longer than everything that comes after takes."""


@pytest.mark.parametrize(
    ("function", "operation", "which"),
    [
        ("ShiftTraffic", "DescribeServices", 1),
        ("ShiftTraffic", "DescribeRules", 2),
        ("SetCapacity", "DescribeServices", 2),
        ("LaunchCandidate", "DescribeServices", 1),
    ],
)
async def test_a_thawed_stage_does_not_undo_what_the_next_rollout_did(
    function: str, operation: str, which: int
) -> None:
    """Invariant 3: its time to write is over, and nobody took the lease before that.

    The function's own timeout would end it; here it does not, and nobody waits for it
    any more, as if Lambda had frozen it together with its clock.
    """
    async with road(QUICK, at_rest=False) as world:
        flow = await world.first_release()
        frozen = _freeze(world, function, operation, which)
        digest = world.push("v2")
        await world.until(lambda: frozen)
        world.kill(digest)
        second = await world.ended(world.push("v3"))
        assert second.outcome is Outcome.PROMOTED
        before = world.writes()
        await world.until(lambda: len(frozen) > 1)
        await world.pause(60)
        assert world.writes() == before
        assert world.weights() == {Slot.A: 0, Slot.B: 100}
        assert world.entry(digest).outcome is Outcome.ABORTED
        assert flow.totals.failed == 0


async def test_a_thawed_run_does_not_undo_what_its_stage_did_when_run_again() -> None:
    """Invariant 3: it holds the lease still, and what it read is of long ago."""
    async with road(QUICK, at_rest=False) as world:
        flow = await world.first_release()
        frozen = _freeze(world, "LaunchCandidate", "GetItem", 2, seconds=500)
        digest = world.push("v2")
        await world.until(lambda: len(frozen) > 1)
        assert world.weights()[Slot.B] > 0
        await world.pause(60)
        launches = [
            call
            for call in world.writes("UpdateService")
            if "LaunchCandidate" in (call.caller or "")
            and call.request["rollout_id"] == world.entry(digest).rollout.id
        ]
        assert len(launches) == 1
        assert (await world.ended(digest)).outcome is Outcome.PROMOTED
        assert flow.totals.failed == 0


@pytest.mark.parametrize("status", [None, 400, 503])
async def test_only_clear_answers_give_the_time_to_write_back(
    status: int | None,
) -> None:
    """Invariant 3: an attempt without an answer may take its effect after its retry."""
    async with road(SHORT) as world:
        await world.first_release()
        failed: list[str] = []
        left: list[float] = []

        def fail_once(_: str, called: str, __: Any, caller: str | None) -> None:
            ours = "LaunchCandidate" in (caller or "") and called == "UpdateService"
            if ours and status and not failed:
                failed.append(called)
                raise AwsError("ThrottlingException", "once", status)

        def look() -> None:
            lease = world.journal.lease("orders")
            assert lease is not None
            until = lease.write_until - world.cloud.clock.now()
            left.append(until.total_seconds())

        world.cloud.router.before(fail_once)
        world.when["launched"] = look
        await world.ended(world.push("v2"))
        assert len(failed) == (status is not None)
        assert (left[0] > SECONDS_LEFT) is (status == 503)


def _freeze(
    world: Road,
    function: str,
    operation: str,
    which: int,
    seconds: float = FROZEN_SECONDS,
) -> list[str]:
    """Freeze a function at the n-th call of an operation in its first run for v2."""
    frozen: list[str] = []
    seen: list[str] = []
    functions = world.cloud.functions
    invoke, find = functions.invoke, functions.find

    async def let_go(name: str, payload: Any) -> Any:
        work = asyncio.ensure_future(invoke(name, payload))
        return await asyncio.shield(work)

    async def hold_up(_: str, called: str, __: Any, caller: str | None) -> None:
        if function in (caller or "") and called == operation:
            seen.append(called)
            if len(seen) == which:
                frozen.append("frozen")
                await world.cloud.clock.sleep(seconds)
                frozen.append("thawed")

    functions.invoke = let_go  # type: ignore[method-assign]
    functions.find = lambda name: replace(find(name), timeout_seconds=86400)  # type: ignore[method-assign]
    world.cloud.router.before(hold_up)
    return frozen
