"""Waiting: how often, how long, and through which failures."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from slipway import clock
from slipway.errors import AccessDenied, Throttled, Unavailable
from slipway_cli import patience
from slipway_cli.patience import LONGEST_BLINDNESS, until

from tests.builders import START


@pytest.fixture
def pauses() -> Iterator[list[float]]:
    """Let time go by with each pause only; return how long each was."""
    made: list[float] = []
    patience.use(made.append)
    clock.use(lambda: START + timedelta(seconds=sum(made)))
    yield made
    patience.use(time.sleep)
    clock.use(lambda: datetime.now(UTC))


def nothing() -> None:
    return None


def test_what_is_there_at_once_is_not_waited_for(pauses: list[float]) -> None:
    assert until(lambda: "found", timeout_seconds=30, every_seconds=1) == "found"
    assert pauses == []


def test_what_comes_later_is_found_at_the_next_look(pauses: list[float]) -> None:
    looks = count()
    found = until(
        lambda: "found" if next(looks) == 3 else None,
        timeout_seconds=30,
        every_seconds=5,
    )
    assert found == "found"
    assert pauses == [5, 5, 5]


def test_time_is_up_to_the_second_with_a_last_look(pauses: list[float]) -> None:
    looks = count(1)
    assert (
        until(lambda: next(looks) < 0 or None, timeout_seconds=12, every_seconds=5)
        is None
    )
    assert pauses == [5, 5, 2]
    assert next(looks) == 5


def test_without_time_there_is_one_look(pauses: list[float]) -> None:
    assert until(lambda: "found", timeout_seconds=0, every_seconds=1) == "found"
    assert until(nothing, timeout_seconds=0, every_seconds=1) is None
    assert pauses == []


def test_looks_that_fail_for_now_are_passed_over(pauses: list[float]) -> None:
    looks = iter([Throttled("slow down"), None, Unavailable("gone"), "found"])

    def look() -> str | None:
        found = next(looks)
        if isinstance(found, Exception):
            raise found
        return found

    assert until(look, timeout_seconds=60, every_seconds=5) == "found"
    assert pauses == [5, 5, 5]


def test_looks_that_fail_for_too_long_end_the_wait(pauses: list[float]) -> None:
    def look() -> None:
        raise Unavailable("gone")

    with pytest.raises(Unavailable):
        until(look, timeout_seconds=3600, every_seconds=5)
    assert sum(pauses) == LONGEST_BLINDNESS.total_seconds()


def test_a_look_that_is_denied_is_not_tried_again(pauses: list[float]) -> None:
    def look() -> None:
        raise AccessDenied("no")

    with pytest.raises(AccessDenied):
        until(look, timeout_seconds=60, every_seconds=5)
    assert pauses == []
