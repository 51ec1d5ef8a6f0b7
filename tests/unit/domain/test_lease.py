"""The lease: when another rollout may take it over (invariant 3)."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.domain.lease import TERM, WRITE_TERM, Lease

from tests.builders import START, after

SECONDS = st.integers(min_value=-3600, max_value=3600)
FUNCTION_TIMEOUT = timedelta(seconds=60)


def a_lease(*, expires: float, writes: float) -> Lease:
    return Lease("orders", "orders-1", 1, after(expires), after(writes))


@pytest.mark.parametrize(
    ("expires", "writes", "free"),
    [(-1, -1, True), (0, -1, False), (1, -1, False), (-1, 0, False), (-1, 1, False)],
)
def test_it_is_free_only_past_its_term_and_past_the_time_to_write(
    expires: float, writes: float, *, free: bool
) -> None:
    assert a_lease(expires=expires, writes=writes).free(START) is free


@given(SECONDS, SECONDS, SECONDS)
def test_nobody_takes_over_while_the_holder_may_write(
    expires: int, writes: int, now: int
) -> None:
    if a_lease(expires=expires, writes=writes).free(after(now)):
        assert now > writes
        assert now > expires


def test_a_holder_may_write_for_longer_than_any_function_runs() -> None:
    assert FUNCTION_TIMEOUT < WRITE_TERM < TERM
