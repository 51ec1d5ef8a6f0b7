"""Instances that failed to connect are away for a while that grows."""

import pytest
from slipway_client.aside import FIRST_SECONDS, MOST_SECONDS, Aside
from slipway_client.instance import Instance

TASK = Instance("cart", "task-1", "10.0.0.1", 8080)


def away_seconds(aside: Aside, now: float) -> float:
    """Return how long the task stays away from now on, in whole seconds."""
    return next(s for s in range(1000) if aside.since(TASK, now + s) is None)


def test_a_failure_puts_aside_for_longer_each_time_up_to_a_most() -> None:
    aside, now, waits = Aside(), 0.0, []
    for _ in range(9):
        aside.failed(TASK, now)
        waits.append(away_seconds(aside, now))
        now += waits[-1]
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300, 300]


def test_failures_of_one_moment_count_once() -> None:
    aside = Aside()
    for _ in range(10):
        aside.failed(TASK, 1.0)
    assert away_seconds(aside, 1.0) == FIRST_SECONDS


def test_it_tells_when_the_last_failure_was() -> None:
    aside = Aside()
    aside.failed(TASK, 1.0)
    aside.failed(TASK, 3.0)
    assert aside.since(TASK, 4.0) == 3.0


def test_a_success_forgets_all_failures() -> None:
    aside = Aside()
    aside.failed(TASK, 0)
    aside.failed(TASK, 6)
    aside.succeeded(TASK)
    assert aside.since(TASK, 7) is None
    aside.failed(TASK, 7)
    assert away_seconds(aside, 7) == FIRST_SECONDS


@pytest.mark.parametrize(("later", "lasts"), [(600.0, 10), (601.0, 5)])
def test_old_failures_are_forgotten(later: float, lasts: int) -> None:
    assert later >= 2 * MOST_SECONDS
    aside = Aside()
    aside.failed(TASK, 0)
    aside.failed(TASK, later)
    assert away_seconds(aside, later) == lasts


def test_what_is_no_longer_listed_is_forgotten() -> None:
    aside = Aside()
    aside.failed(TASK, 0)
    aside.keep([])
    assert aside.since(TASK, 1) is None
