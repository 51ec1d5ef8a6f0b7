"""How a mass push becomes a queue."""

from datetime import UTC, datetime, timedelta

from slipway.domain.pace import look_seconds, turn
from slipway.domain.service import LONGEST_LOOK_SECONDS

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


def test_a_rollout_whose_turn_has_come_waits_for_nothing() -> None:
    assert turn(NOW, NOW).wait_seconds == 0
    assert turn(NOW - timedelta(hours=1), NOW).wait_seconds == 0


def test_a_rollout_waits_until_its_turn_and_never_a_moment_less() -> None:
    place = turn(NOW + timedelta(seconds=2.5), NOW)
    assert place.wait_seconds == 3
    assert datetime.fromisoformat(place.starts_at) == NOW + timedelta(seconds=2.5)
    assert "3 s" in place.reason


def test_a_rollout_far_back_in_the_queue_looks_up_once_a_minute() -> None:
    assert turn(NOW + timedelta(minutes=5), NOW).wait_seconds == 60


def test_few_rollouts_look_as_often_as_their_records_say() -> None:
    assert look_seconds(15, 1) == 15
    assert look_seconds(15, 45) == 15


def test_many_rollouts_look_three_times_a_second_together() -> None:
    assert look_seconds(15, 100) == 34
    assert look_seconds(60, 100) == 60


def test_no_rollout_looks_less_often_than_a_workflow_can_bear() -> None:
    assert look_seconds(15, 10_000) == LONGEST_LOOK_SECONDS
