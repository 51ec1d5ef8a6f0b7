"""The lease: one rollout at a time writes, and who lost it writes no more."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from slipway.domain.rollout import Outcome
from slipway.domain.service import Slot
from slipway.gateways.journal import Held

from tests.e2e.road import SHORT, Road, road

if TYPE_CHECKING:
    from localcloud.api import Call

THIEF = "somebody-else"


@pytest.mark.parametrize("mark", ["launched", "healthy-0", "shifted-0", "promoted"])
async def test_a_rollout_that_lost_its_lease_writes_nothing_any_more(mark: str) -> None:
    """Invariant 3: every stage holds the lease before it writes."""
    async with road(SHORT, at_rest=False) as world:
        await world.first_release()
        writes: list[Call] = []

        def steal() -> None:
            _steal(world)
            writes.extend(world.writes())

        world.when[mark] = steal
        entry = await world.ended(world.push("v2"))
        assert world.writes() == writes != []
        assert entry.outcome is Outcome.FAILED
        assert "does not hold the lease" in (entry.reason or "")
        assert len(world.pages()) == 1


async def test_a_lost_lease_stays_with_the_one_who_took_it() -> None:
    """Invariant 3: closing a rollout gives back only what it still holds."""
    async with road(SHORT, at_rest=False) as world:
        await world.first_release()
        digest = world.push("v2")
        await world.reached(digest, "shifted-0")
        _steal(world)
        await world.ended(digest)
        lease = world.journal.lease("orders")
        assert lease is not None
        assert lease.rollout_id == THIEF


async def test_a_lease_lost_at_the_last_moment_stops_the_promotion() -> None:
    """Invariant 3: the primary changes only under the fence."""
    async with road(SHORT, at_rest=False) as world:
        await world.first_release()
        world.when["judged-1"] = lambda: _steal(world)
        entry = await world.ended(world.push("v2"))
        state = world.journal.state("orders")
        assert entry.outcome is Outcome.FAILED
        assert state is not None
        assert state.primary is Slot.A


async def test_a_rollout_waits_for_a_lease_until_its_term_is_over() -> None:
    """Invariant 3: a takeover waits past the time to write of a dead holder."""
    async with road(SHORT) as world:
        await world.first_release()
        _steal(world)
        lease = world.journal.lease("orders")
        assert lease is not None
        entry = await world.ended(world.push("v2"))
        assert entry.outcome is Outcome.PROMOTED
        assert entry.receipt is not None
        end = max(lease.expires_at, lease.write_until)
        assert entry.receipt.marks[0].at > end
        assert lease.expires_at - entry.rollout.created_at > timedelta(minutes=5)


def _steal(world: Road) -> None:
    """Take the lease over, as if its holder had been silent for its whole term."""
    rollout = world.journal.rollouts("orders")[-1].rollout
    newer = rollout.cause.pushed_at + timedelta(microseconds=1)
    thief = replace(rollout, id=THIEF, cause=replace(rollout.cause, pushed_at=newer))
    held = world.journal.lease("orders")
    now = world.cloud.clock.now()
    if held is not None:
        now = max(held.expires_at, held.write_until) + timedelta(seconds=1)
    assert isinstance(world.journal.acquire(thief, now), Held)
