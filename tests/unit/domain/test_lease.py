"""The lease: how long a stage may write, and when it begins its last (invariant 3)."""

from datetime import timedelta

from slipway.domain.lease import LAST_WRITE, WRITE_TERM
from slipway.wiring import CLIENT_CONFIG

CLOCKS_APART = timedelta(seconds=2)
"""What two machines of one region are allowed here; AWS keeps them within less."""


def one_attempt() -> timedelta:
    """Return the longest that the SDK waits for the answer to one attempt."""
    seconds = CLIENT_CONFIG.connect_timeout + CLIENT_CONFIG.read_timeout  # type: ignore[attr-defined]
    return timedelta(seconds=seconds)


def test_an_attempt_that_begins_at_the_last_moment_ends_within_the_term() -> None:
    assert one_attempt() + CLOCKS_APART < LAST_WRITE


def test_a_term_leaves_time_for_all_attempts_of_a_call() -> None:
    attempts = CLIENT_CONFIG.retries["total_max_attempts"]  # type: ignore[attr-defined]
    assert attempts * one_attempt() < WRITE_TERM - LAST_WRITE
