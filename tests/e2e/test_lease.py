"""The lease: one rollout at a time writes, and who lost it writes no more."""

from datetime import datetime, timedelta

import pytest
from botocore.exceptions import ReadTimeoutError
from localcloud.api import Call, Fault
from slipway.domain.rollout import Outcome
from slipway.domain.service import Slot
from slipway.wiring import CLIENT_CONFIG

from tests.e2e.road import SHORT, Road, client, road

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
        assert "the lease of" in (entry.reason or "")
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


async def test_a_rollout_waits_while_a_write_of_the_last_holder_may_be_under_way() -> (
    None
):
    """Invariant 3: a takeover waits past the time to write of a dead holder."""
    async with road(SHORT) as world:
        await world.first_release()
        until = world.cloud.clock.now() + timedelta(minutes=5)
        _put_lease(world, "", write_until=until)
        entry = await world.ended(world.push("v2"))
        assert entry.outcome is Outcome.PROMOTED
        assert entry.receipt is not None
        assert entry.receipt.marks[0].at > until
        assert until - entry.rollout.created_at > timedelta(minutes=4)


@pytest.mark.parametrize(
    ("function", "outcome"),
    [("AcquireLease", Outcome.PROMOTED), ("Restore", Outcome.ROLLED_BACK)],
)
async def test_an_attempt_that_lands_after_its_repetition_takes_no_lease_again(
    function: str, outcome: Outcome
) -> None:
    """Invariant 10: else its fence would be newer than the one the holder knows."""
    flaws = {} if outcome is Outcome.PROMOTED else {"crash_at_start": True}
    async with road(SHORT) as world:
        await world.first_release()
        struck: list[Call] = []

        def late(call: Call) -> Fault | None:
            is_taking = call.operation == "TransactWriteItems"
            if struck or function not in (call.caller or "") or not is_taking:
                return None
            struck.append(call)
            return Fault(
                lands_seconds=CLIENT_CONFIG.read_timeout + 1,
                silence_seconds=CLIENT_CONFIG.read_timeout,
                failure=ReadTimeoutError(endpoint_url="https://aws"),
            )

        world.cloud.router.disturb = late
        entry = await world.ended(world.push("v2", **flaws))
        assert len(struck) == 1
        assert entry.outcome is outcome, entry.reason
        assert world.journal.lease("orders") is None


def _steal(world: Road) -> None:
    """Give the lease to somebody else, as no part of Slipway would."""
    _put_lease(world, THIEF, write_until=world.cloud.clock.now())


def _put_lease(world: Road, rollout_id: str, *, write_until: datetime) -> None:
    """Write the lease of orders, with a fence that is not the holder's."""
    client("dynamodb").put_item(
        TableName=world.cloud.stack.outputs["JournalTableName"],
        Item={
            "pk": {"S": "SERVICE#orders"},
            "sk": {"S": "LEASE"},
            "rollout_id": {"S": rollout_id},
            "fence": {"N": "1000"},
            "write_until": {"N": str(int(write_until.timestamp() * 1_000_000))},
        },
    )
