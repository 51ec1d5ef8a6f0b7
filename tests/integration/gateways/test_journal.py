"""The journal: what is stored once, and who may change what, on moto's DynamoDB."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from slipway.domain.control import STEERING, STOPS, Verb
from slipway.domain.gates import Watermark
from slipway.domain.lease import WRITE_TERM, Lease, Term
from slipway.domain.provision_run import Report, Result, Turn
from slipway.domain.receipt import receipt
from slipway.domain.rollout import Outcome, Rollout, Sides
from slipway.domain.service import WEIGHTS_SETTLE_SECONDS, Slot
from slipway.domain.traffic import STICKY_SECONDS
from slipway.errors import InvalidRecord, LeaseLost, NotFound, Refused, Throttled
from slipway.gateways.journal import (
    CLAIM_TERM,
    NOBODY,
    Busy,
    Entry,
    Held,
    Journal,
    Open,
    Stale,
)

from tests.builders import (
    OTHER_DIGEST,
    START,
    TASK,
    a_binding,
    a_cause,
    a_command,
    a_control,
    a_finding,
    a_freeze,
    a_full_task_shape,
    a_mark,
    a_rollout,
    a_service,
    after,
    an_answer,
    an_ask,
    some_sides,
)
from tests.fake_table import FakeClient, FakeTable
from tests.integration.gateways.world import TABLE, dynamodb, make_table

FIRST = a_rollout(sides=some_sides())
NEWER = a_rollout(
    cause=a_cause(digest=OTHER_DIGEST, pushed_at=after(60)), sides=some_sides()
)
OTHER_TAG = a_rollout(cause=a_cause(tag="v2", pushed_at=after(30)), sides=some_sides())
AGAIN = a_rollout(cause=a_cause(ask=an_ask(at=after(90))), sides=some_sides())
MOMENT = timedelta(microseconds=1)
FIRST_FIELDS = (
    *("cpu", "memory_mib", "port", "execution_role_arn", "task_role_arn"),
    *("security_group_ids", "environment", "command", "stop_timeout_seconds"),
    "log_group",
)
"""What the first version's records say of a task."""


@pytest.fixture(name="table", params=["moto", "fake"])
def _table(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Give a client of an emulator's table, and one of the tests' own quick one."""
    if request.param == "fake":
        yield FakeClient(FakeTable())
        return
    with dynamodb() as client:
        make_table(client)
        yield client


@pytest.fixture(name="journal")
def _journal(table: Any) -> Journal:
    return Journal(table, TABLE)


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


def test_a_turn_is_known_from_its_claim_to_its_end(journal: Journal) -> None:
    assert journal.provisioning() is None
    assert journal.claim_provision("run-1", START) is None
    turn = Turn("run-1", START, START + CLAIM_TERM)
    assert journal.provisioning() == turn
    assert not turn.is_silent(START + CLAIM_TERM - MOMENT)
    assert turn.is_silent(START + CLAIM_TERM)
    assert journal.claim_provision("run-2", START + CLAIM_TERM) is None
    later = journal.provisioning()
    assert later == Turn("run-2", START + CLAIM_TERM, START + 2 * CLAIM_TERM)
    journal.finish_provision(Report("run-2", Result.DONE, START + CLAIM_TERM))
    assert journal.provisioning() is None


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


def test_a_record_that_says_everything_of_its_tasks_is_read_as_it_was_written(
    journal: Journal,
) -> None:
    service = a_service(task=a_full_task_shape())
    journal.put_service(service)
    assert journal.service("orders") == service


def test_a_record_from_before_shapes_knew_more_is_read(
    journal: Journal, table: Any
) -> None:
    journal.put_service(a_service())
    key = {"pk": {"S": "SERVICE#orders"}, "sk": {"S": "RECORD"}}
    item = table.get_item(TableName=TABLE, Key=key)["Item"]
    record = json.loads(item["body"]["S"])
    record["task"] = {k: v for k, v in record["task"].items() if k in FIRST_FIELDS}
    for binding in record["bindings"]:
        del binding["sticky"]
    item["body"]["S"] = json.dumps(record)
    table.put_item(TableName=TABLE, Item=item)
    assert journal.service("orders") == a_service()


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


# ------------------------------------------------------------------ open rollouts


def test_a_rollout_is_open_from_its_beginning_to_its_end(journal: Journal) -> None:
    journal.begin(FIRST)
    journal.begin(NEWER)
    journal.begin(FIRST)
    both = [Open("orders", FIRST.id, 0), Open("orders", NEWER.id, 0)]
    assert sorted(journal.open_rollouts(), key=str) == sorted(both, key=str)
    finish(journal, FIRST, Outcome.PROMOTED, None)
    assert journal.open_rollouts() == [Open("orders", NEWER.id, 0)]


def test_a_rollout_that_ended_is_not_opened_by_a_late_beginning(
    journal: Journal,
) -> None:
    journal.begin(FIRST)
    finish(journal, FIRST, Outcome.PROMOTED, None)
    assert journal.begin(FIRST) == FIRST
    assert journal.open_rollouts() == []
    assert journal.outcome(FIRST) is Outcome.PROMOTED


def test_open_rollouts_are_found_by_the_whole_name_of_their_service(
    journal: Journal,
) -> None:
    other = a_rollout(service=a_service(name="orders-2"))
    for rollout in (FIRST, other):
        journal.begin(rollout)
    assert journal.open_rollouts("orders") == [Open("orders", FIRST.id, 0)]
    assert journal.open_rollouts("orders-2") == [Open("orders-2", other.id, 0)]
    assert journal.open_rollouts("order") == []
    assert len(journal.open_rollouts()) == 2


def test_a_recovery_is_counted_once_by_whoever_comes_first(journal: Journal) -> None:
    journal.begin(FIRST)
    [known] = journal.open_rollouts("orders")
    assert journal.next_attempt(known)
    assert not journal.next_attempt(known)
    [second] = journal.open_rollouts("orders")
    assert second == Open("orders", FIRST.id, 1)
    assert journal.next_attempt(second)
    assert journal.open_rollouts("orders") == [Open("orders", FIRST.id, 2)]


def test_a_rollout_that_ended_meanwhile_is_not_recovered(journal: Journal) -> None:
    journal.begin(FIRST)
    [known] = journal.open_rollouts()
    finish(journal, FIRST, Outcome.PROMOTED, None)
    assert not journal.next_attempt(known)
    assert journal.open_rollouts() == []


# ------------------------------------------------------------------ the queue


def test_places_in_the_queue_of_starts_are_apart_and_in_order(
    journal: Journal,
) -> None:
    apart = timedelta(seconds=1.25)
    places = [journal.reserve_start(START, apart) for _ in range(4)]
    assert places == [START + n * apart for n in range(4)]


def test_a_queue_that_ran_empty_begins_anew(journal: Journal) -> None:
    apart = timedelta(seconds=10)
    journal.reserve_start(START, apart)
    assert journal.reserve_start(after(9), apart) == after(10)
    assert journal.reserve_start(after(20), apart) == after(20)
    assert journal.reserve_start(after(3600), apart) == after(3600)


# ------------------------------------------------------------------ the lease


def test_a_free_lease_is_taken_and_the_watermark_raised(journal: Journal) -> None:
    assert held(journal, FIRST) == 1
    assert journal.lease("orders") == Lease("orders", FIRST.id, 1, START)
    assert journal.watermark("orders") == Watermark(START, FIRST.id)


def test_a_wish_raises_the_watermark_to_when_it_was_made(journal: Journal) -> None:
    held(journal, AGAIN, after(95))
    assert journal.watermark("orders") == Watermark(after(90), AGAIN.id)
    assert journal.acquire(journal.begin(NEWER), after(99)) == Stale(
        Watermark(after(90), AGAIN.id)
    )


def test_the_holder_takes_it_again_with_a_new_fence_and_the_old_one_is_void(
    journal: Journal,
) -> None:
    old = held(journal, FIRST)
    new = held(journal, FIRST, after(5))
    assert new == old + 1
    with pytest.raises(LeaseLost, match=f"{FIRST.id} does not hold .* with fence 1"):
        journal.hold(FIRST, old, after(6))
    journal.hold(FIRST, new, after(6))


@pytest.mark.parametrize("days", [0, 1, 1000])
def test_no_clock_ends_a_lease(journal: Journal, days: int) -> None:
    fence = held(journal, FIRST)
    late = after(61) + timedelta(days=days)
    assert journal.acquire(NEWER, late) == Busy(FIRST.id)
    assert journal.acquire(OTHER_TAG, late) == Busy(FIRST.id)
    assert journal.watermark("orders") == Watermark(START, FIRST.id)
    journal.hold(FIRST, fence, late)


def test_services_do_not_wait_for_each_other(journal: Journal) -> None:
    held(journal, FIRST)
    assert held(journal, a_rollout(service=a_service(name="carts"))) == 1


def test_nobody_gets_the_lease_while_its_last_holder_may_write(
    journal: Journal,
) -> None:
    fence = held(journal, FIRST)
    journal.hold(FIRST, fence, after(60))
    finish(journal, FIRST, Outcome.ROLLED_BACK, fence)
    over = after(60) + WRITE_TERM
    assert journal.lease("orders") is None
    assert journal.acquire(NEWER, over - MOMENT) == Busy(NOBODY)
    assert journal.acquire(NEWER, over) == Held(2)


def test_nor_does_the_holder_itself_with_a_new_fence(journal: Journal) -> None:
    fence = held(journal, FIRST)
    journal.hold(FIRST, fence, after(60))
    over = after(60) + WRITE_TERM
    for take in (journal.acquire, journal.retake):
        assert take(FIRST, over - MOMENT) == Busy(FIRST.id)
    journal.hold(FIRST, fence, after(61))
    assert journal.acquire(FIRST, over) == Busy(FIRST.id)
    assert journal.acquire(FIRST, after(61) + WRITE_TERM) == Held(2)


def test_a_lease_is_taken_again_for_a_restore_whatever_rolled_out_since(
    journal: Journal,
) -> None:
    old = held(journal, FIRST)
    assert journal.retake(FIRST, after(5)) == Held(old + 1)
    assert journal.watermark("orders") == Watermark(START, FIRST.id)
    with pytest.raises(LeaseLost):
        journal.hold(FIRST, old, after(6))
    with pytest.raises(LeaseLost):
        journal.promote(FIRST, old, after(6))
    journal.hold(FIRST, old + 1, after(6))


def test_only_a_rollouts_own_lease_is_taken_again(journal: Journal) -> None:
    assert journal.retake(FIRST, START) == Busy(NOBODY)
    assert journal.lease("orders") is None
    fence = held(journal, FIRST)
    assert journal.retake(NEWER, after(9)) == Busy(FIRST.id)
    finish(journal, FIRST, Outcome.PROMOTED, fence)
    assert journal.retake(FIRST, after(9)) == Busy(NOBODY)
    assert journal.lease("orders") is None


# ------------------------------------------------------------------ terms to write


def write_until(journal: Journal) -> datetime:
    """Return until when the holder may write."""
    lease = journal.lease("orders")
    assert lease is not None
    return lease.write_until


def test_a_term_says_until_when_and_what_was_stored_before(journal: Journal) -> None:
    fence = held(journal, FIRST)
    first = journal.hold(FIRST, fence, after(60))
    assert first == Term(until=after(60) + WRITE_TERM, before=START)
    assert write_until(journal) == first.until
    second = journal.hold(FIRST, fence, after(70))
    assert second == Term(until=after(70) + WRITE_TERM, before=first.until)


def test_two_terms_of_the_same_moment_are_one(journal: Journal) -> None:
    fence = held(journal, FIRST)
    first = journal.hold(FIRST, fence, after(60))
    assert journal.hold(FIRST, fence, after(60)) == Term(first.until, first.until)


def test_a_rest_ends_the_term_at_once(journal: Journal) -> None:
    fence = held(journal, FIRST)
    term = journal.hold(FIRST, fence, after(60))
    journal.rest(FIRST, fence, term, after(61))
    assert write_until(journal) == after(61)
    assert journal.retake(FIRST, after(61)) == Held(fence + 1)


def test_a_rest_leaves_the_term_of_an_earlier_run_that_may_still_write(
    journal: Journal,
) -> None:
    fence = held(journal, FIRST)
    earlier = journal.hold(FIRST, fence, after(60))
    later = journal.hold(FIRST, fence, after(70))
    journal.rest(FIRST, fence, later, after(71))
    assert write_until(journal) == earlier.until
    assert journal.retake(FIRST, earlier.until - MOMENT) == Busy(FIRST.id)
    assert journal.retake(FIRST, earlier.until) == Held(fence + 1)


def test_a_rest_leaves_the_term_of_a_later_run_that_may_still_write(
    journal: Journal,
) -> None:
    fence = held(journal, FIRST)
    earlier = journal.hold(FIRST, fence, after(60))
    later = journal.hold(FIRST, fence, after(70))
    journal.rest(FIRST, fence, earlier, after(71))
    assert write_until(journal) == later.until


def test_a_rest_after_the_lease_was_lost_changes_nothing(journal: Journal) -> None:
    old = held(journal, FIRST)
    term = journal.hold(FIRST, old, START)
    late = term.until
    new = held(journal, FIRST, late)
    mine = journal.hold(FIRST, new, late)
    journal.rest(FIRST, old, term, late)
    assert write_until(journal) == mine.until


def test_nobody_holds_a_lease_that_was_never_taken(journal: Journal) -> None:
    with pytest.raises(LeaseLost):
        journal.hold(FIRST, 1, START)
    with pytest.raises(LeaseLost):
        journal.promote(journal.begin(FIRST), 1, START)
    assert journal.lease("orders") is None


def test_another_rollout_with_the_same_fence_holds_nothing(journal: Journal) -> None:
    fence = held(journal, FIRST)
    with pytest.raises(LeaseLost):
        journal.hold(NEWER, fence, after(61))
    assert write_until(journal) == START


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


def test_an_end_with_an_older_fence_leaves_the_lease_with_the_newer(
    journal: Journal,
) -> None:
    old = held(journal, FIRST)
    new = held(journal, FIRST, after(5))
    assert finish(journal, FIRST, Outcome.FAILED, old) is Outcome.FAILED
    journal.hold(FIRST, new, after(6))


def test_an_end_without_a_fence_gives_back_whatever_lease_the_rollout_has(
    journal: Journal,
) -> None:
    held(journal, FIRST)
    held(journal, FIRST, after(5))
    finish(journal, FIRST, Outcome.FAILED, None)
    assert journal.lease("orders") is None
    assert held(journal, NEWER, after(61)) == 3


def test_an_end_forgets_what_the_rollout_was_woken_by(journal: Journal) -> None:
    for rollout in (journal.begin(FIRST), journal.begin(NEWER)):
        journal.put_token("orders", rollout.id, f"token of {rollout.id}")
    finish(journal, FIRST, Outcome.PROMOTED, None)
    assert journal.token("orders", FIRST.id) is None
    assert journal.token("orders", NEWER.id) == f"token of {NEWER.id}"


def test_an_end_that_is_reported_again_forgets_what_came_since(
    journal: Journal,
) -> None:
    finish(journal, FIRST, Outcome.PROMOTED, held(journal, FIRST))
    journal.put_token("orders", FIRST.id, "late")
    assert finish(journal, FIRST, Outcome.FAILED, None) is Outcome.PROMOTED
    assert journal.token("orders", FIRST.id) is None


def test_a_rollout_that_had_ended_gives_back_the_lease_that_it_took_again(
    journal: Journal,
) -> None:
    finish(journal, FIRST, Outcome.FAILED, held(journal, FIRST))
    fence = held(journal, FIRST, after(10))
    assert finish(journal, FIRST, Outcome.ROLLED_BACK, fence) is Outcome.FAILED
    assert journal.lease("orders") is None


# ------------------------------------------------------------------ what people say


def test_what_a_rollout_has_to_heed_is_stored_with_the_answer(
    journal: Journal,
) -> None:
    journal.begin(FIRST)
    control, answer = a_control(), an_answer(rollout_id=FIRST.id)
    assert journal.put_control("orders", FIRST.id, control, answer)
    assert journal.controls(FIRST) == [control]
    assert journal.answer("orders", "c-1") == answer


def test_controls_are_a_rollouts_own_and_all_are_kept(journal: Journal) -> None:
    for rollout in (journal.begin(FIRST), journal.begin(NEWER)):
        for number, verb in enumerate(sorted(STEERING)):
            control = a_control(
                verb, control_id=f"c-{number}", at=after(number), step=number
            )
            assert journal.put_control("orders", rollout.id, control, None)
        assert {control.verb for control in journal.controls(rollout)} == STEERING
    assert journal.answer("orders", "c-0") is None


@pytest.mark.parametrize("verb", sorted(STEERING))
def test_a_rollout_that_ended_heeds_nothing_more(journal: Journal, verb: Verb) -> None:
    journal.begin(FIRST)
    finish(journal, FIRST, Outcome.ROLLED_BACK, None)
    answer = an_answer(a_command(verb))
    assert not journal.put_control("orders", FIRST.id, a_control(verb), answer)
    assert journal.controls(FIRST) == []
    assert journal.answer("orders", "c-1") is None


def test_a_rollout_that_never_began_heeds_nothing(journal: Journal) -> None:
    for verb in (Verb.PAUSE, Verb.ABORT):
        assert not journal.put_control("orders", FIRST.id, a_control(verb), None)
    assert journal.rollouts("orders") == []


@pytest.mark.parametrize("verb", sorted(STEERING))
def test_a_rollout_that_is_promoted_heeds_nothing_more(
    journal: Journal, verb: Verb
) -> None:
    journal.promote(FIRST, held(journal, FIRST), after(300))
    assert not journal.put_control("orders", FIRST.id, a_control(verb), an_answer())
    assert journal.controls(FIRST) == []
    assert journal.answer("orders", "c-1") is None


@pytest.mark.parametrize("verb", sorted(STOPS))
def test_a_rollout_that_was_stopped_is_not_promoted(
    journal: Journal, verb: Verb
) -> None:
    fence = held(journal, FIRST)
    assert journal.put_control("orders", FIRST.id, a_control(verb), None)
    with pytest.raises(Refused, match=f"{FIRST.id} was stopped just before"):
        journal.promote(FIRST, fence, after(300))
    assert journal.state("orders") is None
    assert journal.lease("orders") == Lease("orders", FIRST.id, fence, START)


@pytest.mark.parametrize("verb", sorted(STEERING - set(STOPS)))
def test_what_does_not_stop_a_rollout_does_not_keep_it_from_promotion(
    journal: Journal, verb: Verb
) -> None:
    fence = held(journal, FIRST)
    assert journal.put_control("orders", FIRST.id, a_control(verb), None)
    journal.promote(FIRST, fence, after(300))
    assert journal.state("orders") is not None


def test_a_stop_heard_after_another_is_heeded_too(journal: Journal) -> None:
    fence = held(journal, FIRST)
    for number, verb in enumerate((Verb.SUPERSEDE, Verb.ABORT)):
        control = a_control(verb, control_id=f"c-{number}")
        assert journal.put_control("orders", FIRST.id, control, None)
    with pytest.raises(Refused):
        journal.promote(FIRST, fence, after(300))
    assert len(journal.controls(FIRST)) == 2


def test_a_promotion_made_twice_is_made_once_more(journal: Journal) -> None:
    fence = held(journal, FIRST)
    for seconds in (300, 305):
        journal.promote(FIRST, fence, after(seconds))
    state = journal.state("orders")
    assert state is not None
    assert state.rollout_id == FIRST.id


def test_what_became_of_a_command_is_found_by_its_id(journal: Journal) -> None:
    refused = an_answer(accepted=False, reason="orders has no rollout under way")
    journal.put_answer(refused)
    assert journal.answer("orders", "c-1") == refused
    assert journal.answer("orders", "c-2") is None
    assert journal.answer("carts", "c-1") is None
    assert journal.answer(None, "c-1") is None


def test_an_environments_command_is_not_a_services(journal: Journal) -> None:
    answer = an_answer(a_command(Verb.FREEZE, service=None))
    journal.put_answer(answer)
    assert journal.answer(None, "c-1") == answer
    assert journal.answer("orders", "c-1") is None


def test_what_became_of_a_command_stays_what_was_said_first(journal: Journal) -> None:
    first = an_answer()
    journal.put_answer(first)
    journal.put_answer(an_answer(accepted=False, reason="too late"))
    assert journal.answer("orders", "c-1") == first


def test_a_freeze_of_a_service_is_not_one_of_another(journal: Journal) -> None:
    journal.freeze("orders", a_freeze())
    assert journal.freezes("orders") == [a_freeze()]
    assert journal.freezes("carts") == []
    assert journal.freezes(None) == []


def test_a_freeze_of_the_environment_is_one_of_every_service(journal: Journal) -> None:
    everywhere = a_freeze(freeze_id="c-2", why="the region is ill")
    journal.freeze(None, everywhere)
    journal.freeze("orders", a_freeze())
    assert journal.freezes("orders") == [everywhere, a_freeze()]
    assert journal.freezes("carts") == [everywhere]
    assert journal.freezes(None) == [everywhere]


def test_a_freeze_is_lifted_where_it_was_laid_on(journal: Journal) -> None:
    everywhere = a_freeze(freeze_id="c-2")
    journal.freeze(None, everywhere)
    journal.freeze("orders", a_freeze())
    journal.freeze("orders", None)
    assert journal.freezes("orders") == [everywhere]
    for _ in range(2):
        journal.freeze(None, None)
    assert journal.freezes("orders") == []


def test_the_last_freeze_counts(journal: Journal) -> None:
    later = a_freeze(freeze_id="c-2", by="ben", since=after(9))
    for freeze in (a_freeze(), later):
        journal.freeze("orders", freeze)
    assert journal.freezes("orders") == [later]


def test_the_last_token_is_what_a_rollout_is_woken_by(journal: Journal) -> None:
    assert journal.token("orders", FIRST.id) is None
    for token in ("AAAA", "BBBB"):
        journal.put_token("orders", FIRST.id, token)
    assert journal.token("orders", FIRST.id) == "BBBB"
    assert journal.token("orders", NEWER.id) is None


@pytest.mark.parametrize(
    ("pk", "sk", "what"),
    [
        ("SERVICE#orders", "COMMAND#c-1", "command c-1"),
        ("SERVICE#orders", "FREEZE", "the freeze of SERVICE#orders"),
        ("SERVICE#orders", f"CONTROL#{FIRST.id}#c-1", f"a control of {FIRST.id}"),
    ],
)
def test_what_people_said_is_named_where_it_is_broken(
    journal: Journal, table: Any, pk: str, sk: str, what: str
) -> None:
    item = {"pk": {"S": pk}, "sk": {"S": sk}, "body": {"S": "{}"}}
    table.put_item(TableName=TABLE, Item=item)
    with pytest.raises(InvalidRecord, match=f"{what} is broken"):
        (
            journal.answer("orders", "c-1"),
            journal.freezes("orders"),
            journal.controls(FIRST),
        )


# ------------------------------------------------------------------ DynamoDB's moods


def test_a_conflict_of_transactions_may_be_tried_again(
    journal: Journal, table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def conflict(**_: Any) -> None:
        raise ClientError(
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


# ------------------------------------------------------------------ clients that stay


def test_a_lease_says_until_when_clients_are_known_to_whoever_takes_it_next(
    journal: Journal,
) -> None:
    binding = replace(a_binding(), sticky=True)
    rollout = replace(FIRST, service=a_service(bindings=(binding,)))
    journal.begin(rollout)
    assert journal.known_until("orders") is None
    did = receipt(rollout, [a_mark("restored", at=after(120))])
    fence = held(journal, rollout)
    journal.finish(rollout, Outcome.ROLLED_BACK, "it failed", did, fence)
    until = after(120 + WEIGHTS_SETTLE_SECONDS + STICKY_SECONDS)
    assert journal.known_until("orders") == until
    journal.begin(NEWER)
    held(journal, NEWER, after(180))
    assert journal.known_until("orders") == until


def test_a_rollout_does_not_make_shorter_how_long_clients_are_known(
    journal: Journal,
) -> None:
    service = a_service(bindings=(replace(a_binding(), sticky=True),))
    term = journal.borrow("orders", START)
    assert term is not None
    journal.adopt(a_rollout(service=service), "arn:1", START)
    journal.return_borrowed("orders", term, after(1))
    newer = replace(NEWER, service=service)
    journal.begin(newer)
    fence = held(journal, newer, after(60))
    did = receipt(newer, [a_mark("promoted", at=after(120))])
    journal.finish(newer, Outcome.PROMOTED, "it is good", did, fence)
    assert journal.known_until("orders") == START + timedelta(days=7)


def test_nobody_is_known_where_nobody_ever_stayed(journal: Journal) -> None:
    journal.begin(FIRST)
    fence = held(journal, FIRST)
    finish(journal, FIRST, Outcome.PROMOTED, fence)
    assert journal.known_until("orders") is None


@pytest.mark.parametrize("sticky", [False, True])
def test_clients_of_what_was_adopted_may_have_cookies_of_that_time(
    journal: Journal, *, sticky: bool
) -> None:
    """Slots take turns: the release after the next gets the adopted target group."""
    service = a_service(bindings=(replace(a_binding(), sticky=sticky),))
    term = journal.borrow("orders", START)
    assert term is not None
    journal.adopt(a_rollout(service=service), "arn:1", START)
    journal.return_borrowed("orders", term, after(1))
    until = START + timedelta(days=7) if sticky else None
    assert journal.known_until("orders") == until
    assert journal.state("orders") is not None
    assert isinstance(journal.acquire(NEWER, after(60)), Held)
