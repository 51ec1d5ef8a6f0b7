"""Receipts: the road of a rollout in seconds since its push."""

from slipway.domain.receipt import receipt

from tests.builders import START, a_mark, a_rollout, after

ROAD = {
    "launched": 12,
    "healthy-0": 60,
    "shifted-0": 61,
    "judged-0": 400,
    "shifted-1": 460,
    "promoted": 1500,
    "retired": 2100,
}


def test_a_promoted_rollout_is_timed_from_its_push() -> None:
    marks = [a_mark(name, at=after(seconds)) for name, seconds in ROAD.items()]
    written = receipt(a_rollout(created_at=after(3)), marks)
    assert written.pushed_at == START
    assert written.begun_seconds == 3
    assert written.launched_seconds == 12
    assert written.first_healthy_seconds == 60
    assert written.first_traffic_seconds == 61
    assert written.promoted_seconds == 1500
    assert written.restored_seconds is None
    assert written.marks == tuple(marks)


def test_what_a_rollout_never_did_has_no_time() -> None:
    marks = [a_mark("launched", at=after(12)), a_mark("restored", at=after(300))]
    written = receipt(a_rollout(), marks)
    assert written.restored_seconds == 300
    assert written.first_healthy_seconds is None
    assert written.first_traffic_seconds is None
    assert written.promoted_seconds is None


def test_a_rollout_that_was_refused_has_a_receipt_too() -> None:
    written = receipt(a_rollout(created_at=after(2)), [])
    assert (written.begun_seconds, written.launched_seconds) == (2, None)
    assert written.marks == ()
