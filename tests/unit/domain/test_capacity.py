"""Capacity: how many tasks a share of the traffic needs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.domain.capacity import base_tasks, tasks_for

SHARES = st.integers(min_value=1, max_value=100)
BASES = st.integers(min_value=1, max_value=5000)


@pytest.mark.parametrize(
    ("desired", "minimum", "base"), [(6, 4, 6), (2, 4, 4), (0, 1, 1), (0, 0, 1)]
)
def test_the_base_is_the_primarys_count_but_never_below_the_minimum_or_one(
    desired: int, minimum: int, base: int
) -> None:
    assert base_tasks(desired, minimum) == base


@pytest.mark.parametrize(
    ("share", "base", "tasks"),
    [(1, 3, 1), (10, 4, 1), (50, 5, 3), (25, 4, 1), (26, 4, 2), (100, 7, 7), (0, 9, 0)],
)
def test_a_share_is_rounded_up_to_whole_tasks(
    share: int, base: int, tasks: int
) -> None:
    assert tasks_for(share, base) == tasks


@given(SHARES, BASES)
def test_tasks_are_the_fewest_that_cover_the_share(share: int, base: int) -> None:
    tasks = tasks_for(share, base)
    assert (tasks - 1) * 100 < share * base <= tasks * 100


@given(SHARES, SHARES, BASES)
def test_a_larger_share_never_needs_fewer_tasks(one: int, two: int, base: int) -> None:
    assert tasks_for(min(one, two), base) <= tasks_for(max(one, two), base)
