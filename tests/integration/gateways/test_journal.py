"""The journal: what is stored once, and who may change what, on moto's DynamoDB."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from slipway.domain.gates import Watermark
from slipway.domain.lease import TERM, WRITE_TERM, Lease
from slipway.domain.receipt import receipt
from slipway.domain.rollout import Outcome, Rollout, Sides
from slipway.domain.service import Slot
from slipway.errors import InvalidRecord, LeaseLost, NotFound, Throttled
from slipway.gateways.journal import Busy, Entry, Held, Journal, Stale

from tests.builders import (
    OTHER_DIGEST,
    START,
    TASK,
    a_cause,
    a_finding,
    a_mark,
    a_rollout,
    a_service,
    after,
    some_sides,
)
from tests.integration.gateways.world import TABLE, dynamodb, make_table

FIRST = a_rollout(sides=some_sides())
NEWER = a_rollout(
    cause=a_cause(digest=OTHER_DIGEST, pushed_at=after(60)), sides=some_sides()
)
OTHER_TAG = a_rollout(cause=a_cause(tag="v2", pushed_at=after(30)), sides=some_sides())
MOMENT = timedelta(microseconds=1)


@pytest.fixture(name="table")
def _table() -> Iterator[Any]:
    with dynamodb() as client:
        yield client


@pytest.fixture(name="journal")
def _journal(table: Any) -> Journal:
    return make_table(table)


def held(journal: Journal, rollout: Rollout, now: datetime = START) -> int:
    """Take the lease, which must be free; return its fence."""
    answer = journal.acquire(journal.begin(rollout), now)
    assert isinstance(answer, Held)
    return answer.fence


def finish(
    journal: Journal,
    rollout: Rollout,
    outcome: Outcome,
    fence: int | None,
    reason: str = "so it went",
) -> Outcome:
    return journal.finish(rollout, outcome, reason, receipt(rollout, []), fence)


# ------------------------------------------------------------------ records


def test_a_service_is_read_as_it_was_written(journal: Journal) -> None:
    service = a_service()
    journal.put_service(service)
    journal.put_service(service)
    assert journal.service("orders") == service
    assert journal.services() == ["orders"]


def test_services_are_found_by_repository_and_by_slot(journal: Journal) -> None:
    for name in ("orders", "refunds", "carts"):
        repository = "test/carts" if name == "carts" else "test/orders"
        journal.put_service(a_service(name=name, repository=repository))
    assert journal.services_of_repository("test/orders") == ["orders", "refunds"]
    assert journal.services_of_repository("test/none") == []
    assert journal.service_of_slot("carts-b") == "carts"
    assert journal.service_of_slot("carts-c") is None
    assert journal.services() == ["carts", "orders", "refunds"]


def test_what_is_not_there_is_named(journal: Journal) -> None:
    with pytest.raises(NotFound, match="no service orders"):
        journal.service("orders")
    with pytest.raises(NotFound, match="no rollout orders-1 of orders"):
        journal.rollout("orders", "orders-1")
    with pytest.raises(NotFound, match="no rollout"):
        finish(journal, FIRST, Outcome.FAILED, None)
    assert journal.state("orders") is None
    assert journal.lease("orders") is None
    assert journal.watermark("orders") is None
    assert journal.revision("orders", "0123456789ab") is None


@pytest.mark.parametrize("body", ["{", '{"name": "orders"}'])
def test_a_broken_record_is_refused_by_what_is_broken(
    journal: Journal, table: Any, body: str
) -> None:
    key = {"pk": {"S": "SERVICE#orders"}, "sk": {"S": "RECORD"}}
    table.put_item(TableName=TABLE, Item=key | {"body": {"S": body}})
    with pytest.raises(InvalidRecord, match="the record of service orders is broken"):
        journal.service("orders")


def test_a_record_with_values_that_make_no_sense_is_refused(
    journal: Journal, table: Any
) -> None:
    journal.put_service(a_service())
    key = {"pk": {"S": "SERVICE#orders"}, "sk": {"S": "RECORD"}}
    item = table.get_item(TableName=TABLE, Key=key)["Item"]
    item["body"]["S"] = item["body"]["S"].replace('"min_tasks":4', '"min_tasks":99')
    table.put_item(TableName=TABLE, Item=item)
    with pytest.raises(InvalidRecord, match="1 <= min_tasks <= max_tasks"):
        journal.service("orders")


def test_a_releases_revision_is_remembered(journal: Journal) -> None:
    journal.put_revision("orders", "0123456789ab", "arn:1")
    assert journal.revision("orders", "0123456789ab") == "arn:1"
    assert journal.revision("carts", "0123456789ab") is None


# ------------------------------------------------------------------ rollouts


def test_a_rollout_is_stored_once_and_read_as_it_was_written(journal: Journal) -> None:
    assert journal.begin(FIRST) == FIRST
    again = replace(FIRST, created_at=after(99))
    assert journal.begin(again) == FIRST
    assert journal.rollout("orders", FIRST.id) == FIRST
    assert journal.rollout("orders", FIRST.id).release.id == FIRST.release.id


def test_sides_are_decided_once(journal: Journal) -> None:
    rollout = journal.begin(a_rollout())
    decided = journal.set_sides(rollout, some_sides())
    assert decided.sides == some_sides()
    later = Sides(Slot.B, Slot.A, 9)
    assert journal.set_sides(rollout, later) == decided
    assert journal.rollout("orders", rollout.id) == decided


def test_a_mark_is_made_once_and_marks_are_read_in_order_of_time(
    journal: Journal,
) -> None:
    shifted = a_mark("shifted-0", at=after(60), facts={"candidate_requests": 120})
    launched = a_mark("launched", at=after(5))
    assert journal.mark(FIRST, shifted)
    assert journal.mark(FIRST, launched)
    assert not journal.mark(FIRST, a_mark("launched", at=after(99)))
    assert journal.marks(FIRST) == [launched, shifted]
    assert journal.marks(NEWER) == []


def test_a_finding_stored_twice_is_one(journal: Journal) -> None:
    for _ in range(2):
        journal.put_finding("orders", FIRST.id, a_finding())
    journal.put_finding("orders", FIRST.id, a_finding(f"{TASK}0"))
    assert journal.findings(FIRST) == [a_finding(), a_finding(f"{TASK}0")]
    assert journal.findings(NEWER) == []


def test_rollouts_are_listed_oldest_first_with_their_outcomes(journal: Journal) -> None:
    second = replace(NEWER, created_at=after(60))
    journal.begin(second)
    journal.begin(FIRST)
    finish(journal, FIRST, Outcome.ROLLED_BACK, None, "it failed")
    assert journal.rollouts("orders") == [
        Entry(FIRST, Outcome.ROLLED_BACK, "it failed", receipt(FIRST, [])),
        Entry(second, None, None, None),
    ]


# ------------------------------------------------------------------ the lease


def test_a_free_lease_is_taken_and_the_watermark_raised(journal: Journal) -> None:
    assert held(journal, FIRST) == 1
    assert journal.lease("orders") == Lease("orders", FIRST.id, 1, START + TERM, START)
    assert journal.watermark("orders") == Watermark(START, FIRST.id)


def test_the_holder_takes_it_again_with_a_new_fence_and_the_old_one_is_void(
    journal: Journal,
) -> None:
    old = held(journal, FIRST)
    new = held(journal, FIRST, after(5))
    assert new == old + 1
    with pytest.raises(LeaseLost, match=f"{FIRST.id} does not hold .* with fence 1"):
        journal.hold(FIRST, old, after(6))
    journal.hold(FIRST, new, after(6))


def test_another_rollout_waits_and_leaves_no_watermark(journal: Journal) -> None:
    held(journal, FIRST)
    assert journal.acquire(NEWER, after(61)) == Busy(FIRST.id)
    assert journal.acquire(OTHER_TAG, after(61)) == Busy(FIRST.id)
    assert journal.watermark("orders") == Watermark(START, FIRST.id)


def test_services_do_not_wait_for_each_other(journal: Journal) -> None:
    held(journal, FIRST)
    assert held(journal, a_rollout(service=a_service(name="carts"))) == 1


def test_a_takeover_waits_past_the_term(journal: Journal) -> None:
    held(journal, FIRST)
    assert journal.acquire(NEWER, START + TERM) == Busy(FIRST.id)
    assert journal.acquire(NEWER, START + TERM + MOMENT) == Held(2)


def test_a_takeover_waits_past_the_time_to_write_also_of_a_term_that_is_over(
    journal: Journal, table: Any
) -> None:
    held(journal, FIRST)
    table.update_item(
        TableName=TABLE,
        Key={"pk": {"S": "SERVICE#orders"}, "sk": {"S": "LEASE"}},
        UpdateExpression="SET write_until = :later",
        ExpressionAttributeValues={
            ":later": {"N": str(int((START + 2 * TERM).timestamp()) * 1_000_000)}
        },
    )
    assert journal.acquire(NEWER, START + 2 * TERM) == Busy(FIRST.id)
    assert journal.acquire(NEWER, START + 2 * TERM + MOMENT) == Held(2)


def test_holding_renews_the_term_and_the_time_to_write(journal: Journal) -> None:
    fence = held(journal, FIRST)
    journal.hold(FIRST, fence, after(600))
    lease = journal.lease("orders")
    assert lease is not None
    assert lease.expires_at == after(600) + TERM
    assert lease.write_until == after(600) + WRITE_TERM
    assert journal.acquire(NEWER, START + TERM + MOMENT) == Busy(FIRST.id)


def test_a_lease_that_was_taken_over_is_lost_for_good(journal: Journal) -> None:
    fence = held(journal, FIRST)
    late = START + TERM + MOMENT
    newer = held(journal, NEWER, late)
    with pytest.raises(LeaseLost):
        journal.hold(FIRST, fence, late)
    with pytest.raises(LeaseLost):
        journal.promote(FIRST, fence, late)
    assert journal.state("orders") is None
    assert journal.acquire(FIRST, late) == Stale(Watermark(after(60), NEWER.id))
    journal.hold(NEWER, newer, late)


def test_nobody_holds_a_lease_that_was_never_taken(journal: Journal) -> None:
    with pytest.raises(LeaseLost):
        journal.hold(FIRST, 1, START)
    with pytest.raises(LeaseLost):
        journal.promote(FIRST, 1, START)


def test_an_older_cause_is_stale_while_and_after_the_newer_rolls_out(
    journal: Journal,
) -> None:
    fence = held(journal, NEWER, after(61))
    stale = Stale(Watermark(after(60), NEWER.id))
    assert journal.acquire(journal.begin(FIRST), after(62)) == stale
    finish(journal, NEWER, Outcome.ROLLED_BACK, fence)
    assert journal.acquire(FIRST, after(63)) == stale
    assert journal.lease("orders") is None


def test_another_cause_of_the_same_moment_is_stale(journal: Journal) -> None:
    held(journal, FIRST)
    twin = a_rollout(cause=a_cause(digest=OTHER_DIGEST))
    assert journal.acquire(twin, after(1)) == Stale(Watermark(START, FIRST.id))


@pytest.mark.parametrize("microseconds", [1, 400, 600, 999])
def test_causes_are_ordered_to_the_microsecond(
    journal: Journal, microseconds: int
) -> None:
    fence = held(journal, FIRST)
    finish(journal, FIRST, Outcome.PROMOTED, fence)
    later = START + timedelta(microseconds=microseconds)
    newer = a_rollout(cause=a_cause(digest=OTHER_DIGEST, pushed_at=later))
    assert journal.acquire(newer, after(1)) == Held(2)
    assert journal.watermark("orders") == Watermark(later, newer.id)


def test_an_older_cause_of_another_tag_is_stale_too(journal: Journal) -> None:
    finish(journal, OTHER_TAG, Outcome.PROMOTED, held(journal, OTHER_TAG))
    stale = Stale(Watermark(OTHER_TAG.cause.pushed_at, OTHER_TAG.id))
    assert journal.acquire(FIRST, after(99)) == stale


# ------------------------------------------------------------------ promotion and end


def test_promotion_names_slot_release_and_rollout(journal: Journal) -> None:
    fence = held(journal, FIRST)
    journal.promote(FIRST, fence, after(300))
    state = journal.state("orders")
    assert state is not None
    assert state.primary is Slot.B
    assert state.release_id == FIRST.release.id
    assert (state.rollout_id, state.since) == (FIRST.id, after(300))


def test_an_older_fence_promotes_nothing(journal: Journal) -> None:
    old = held(journal, FIRST)
    held(journal, FIRST)
    with pytest.raises(LeaseLost):
        journal.promote(FIRST, old, after(300))
    assert journal.state("orders") is None


def test_the_end_gives_the_lease_back_and_the_fence_goes_on(journal: Journal) -> None:
    fence = held(journal, FIRST)
    assert finish(journal, FIRST, Outcome.PROMOTED, fence) is Outcome.PROMOTED
    assert journal.lease("orders") is None
    with pytest.raises(LeaseLost):
        journal.hold(FIRST, fence, after(1))
    assert held(journal, NEWER, after(61)) == fence + 1


def test_the_first_outcome_stays_with_its_reason(journal: Journal) -> None:
    fence = held(journal, FIRST)
    finish(journal, FIRST, Outcome.ROLLED_BACK, fence, "it failed")
    for again in (fence, None):
        answer = finish(journal, FIRST, Outcome.PROMOTED, again, "no, it passed")
        assert answer is Outcome.ROLLED_BACK
    [entry] = journal.rollouts("orders")
    assert (entry.outcome, entry.reason) == (Outcome.ROLLED_BACK, "it failed")


def test_a_rollout_without_a_lease_ends_too(journal: Journal) -> None:
    held(journal, FIRST)
    journal.begin(NEWER)
    assert finish(journal, NEWER, Outcome.REJECTED, None) is Outcome.REJECTED
    assert journal.acquire(NEWER, after(61)) == Busy(FIRST.id)


def test_an_end_after_a_takeover_leaves_the_lease_with_its_new_holder(
    journal: Journal,
) -> None:
    fence = held(journal, FIRST)
    newer = held(journal, NEWER, START + 2 * TERM)
    assert finish(journal, FIRST, Outcome.FAILED, fence) is Outcome.FAILED
    journal.hold(NEWER, newer, START + 2 * TERM)


def test_a_rollout_that_had_ended_gives_back_the_lease_that_it_took_again(
    journal: Journal,
) -> None:
    finish(journal, FIRST, Outcome.FAILED, held(journal, FIRST))
    fence = held(journal, FIRST, after(10))
    assert finish(journal, FIRST, Outcome.ROLLED_BACK, fence) is Outcome.FAILED
    assert journal.lease("orders") is None


# ------------------------------------------------------------------ DynamoDB's moods


def test_a_conflict_of_transactions_may_be_tried_again(
    journal: Journal, table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def conflict(**_: Any) -> None:
        raise table.exceptions.TransactionCanceledException(
            {
                "Error": {"Code": "TransactionCanceledException", "Message": "x"},
                "CancellationReasons": [
                    {"Code": "TransactionConflict"},
                    {"Code": "None"},
                ],
            },
            "TransactWriteItems",
        )

    monkeypatch.setattr(table, "transact_write_items", conflict)
    with pytest.raises(Throttled):
        journal.acquire(FIRST, START)


def test_more_marks_than_a_page_holds_are_all_read(journal: Journal) -> None:
    reason = "x" * 100_000  # a page of DynamoDB ends at 1 MB
    marks = [a_mark(f"m-{n:02}", at=after(n), reason=reason) for n in range(12)]
    for mark in marks:
        journal.mark(FIRST, mark)
    assert journal.marks(FIRST) == marks
