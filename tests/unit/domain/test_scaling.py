"""Bounds of autoscaling, phase by phase."""

import pytest
from slipway.domain.capacity import tasks_for
from slipway.domain.scaling import (
    EVERYTHING,
    IDLE,
    NOTHING,
    ONLY_OUT,
    falls_short,
    frozen,
    grown_base,
    left,
    opened,
    resting,
    stepping,
    surge,
)
from slipway.domain.service import Scaling
from slipway.gateways.journal import _SERVICE

from tests.builders import a_service

BOUNDS = Scaling(min_tasks=2, max_tasks=10)


def test_an_idle_slot_is_bounded_at_nothing_and_scales_by_nothing() -> None:
    assert (IDLE.min_tasks, IDLE.max_tasks, IDLE.suspended) == (0, 0, EVERYTHING)


def test_a_slot_that_serves_alone_has_the_bounds_of_the_record_and_all_scaling() -> (
    None
):
    rest = resting(BOUNDS)
    assert (rest.min_tasks, rest.max_tasks, rest.suspended) == (2, 10, NOTHING)


def test_before_a_launch_only_the_maximum_rises() -> None:
    """A minimum above 0 would start tasks of what the slot ran before."""
    assert opened(BOUNDS, 10, 1).min_tasks == 0
    assert opened(BOUNDS, 50, 2).max_tasks == 5


@pytest.mark.parametrize("weight", [1, 10, 33, 50, 99, 100])
@pytest.mark.parametrize("base", [2, 5, 10, 14])
def test_no_bounds_of_a_rollout_clamp_a_count_below_what_a_share_needs(
    weight: int, base: int
) -> None:
    tasks = tasks_for(weight, base)
    for target in (opened(BOUNDS, weight, tasks), stepping(BOUNDS, weight, tasks)):
        assert target.max_tasks >= tasks
        assert target.min_tasks <= tasks
        assert target.suspended == ONLY_OUT
    primary = frozen(BOUNDS, base, desired=base)
    assert primary.min_tasks == base
    assert primary.max_tasks >= base
    assert primary.suspended == ONLY_OUT


def test_a_primary_that_a_person_made_larger_than_its_maximum_stays_so() -> None:
    assert frozen(BOUNDS, 4, desired=14).max_tasks == 14


def test_a_primary_keeps_its_own_minimum_where_the_traffic_needed_less() -> None:
    assert frozen(BOUNDS, 1, desired=1).min_tasks == 2


def test_a_candidate_cannot_grow_beyond_its_share_of_the_maximum() -> None:
    """The declared surge: a tenth of the traffic never makes a second whole."""
    assert [surge(BOUNDS, weight) for weight in (10, 50, 100)] == [1, 5, 10]
    assert stepping(BOUNDS, 10, 1).max_tasks == 1


def test_what_a_person_has_to_look_at_scales_and_keeps_its_count() -> None:
    few, many = left(BOUNDS, 1), left(BOUNDS, 12)
    assert (few.min_tasks, few.max_tasks, few.suspended) == (1, 10, NOTHING)
    assert (many.min_tasks, many.max_tasks) == (2, 12)


def test_only_a_candidate_that_scales_keeps_more_than_its_step_needs() -> None:
    assert falls_short(BOUNDS, 1, 2)
    assert not falls_short(BOUNDS, 3, 2)
    assert falls_short(None, 3, 2)
    assert not falls_short(None, 2, 2)


@pytest.mark.parametrize(
    ("primary", "candidate", "carries", "needed"),
    [
        ((4, 4), (2, 2), True, 4),  # nothing grew
        ((4, 4), (2, 4), True, 8),  # the candidate grew for its half
        ((4, 6), (2, 2), True, 8),  # the primary did
        ((4, 8), (2, 9), True, 10),  # the maximum is all there may ever be
        ((4, 6), (1, 1), False, 6),  # the candidate carries nothing yet
        ((4, 12), (2, 2), True, 12),  # a person made the primary that large
    ],
)
def test_what_has_grown_for_its_share_counts_for_all_of_the_traffic(
    *,
    primary: tuple[int, int],
    candidate: tuple[int, int],
    carries: bool,
    needed: int,
) -> None:
    base = max(primary)
    grown = grown_base(
        BOUNDS, base, primary=primary, candidate=candidate, carries=carries
    )
    assert grown == needed


@pytest.mark.parametrize(("least", "most"), [(0, 4), (5, 4)])
def test_bounds_that_make_no_sense_are_refused(least: int, most: int) -> None:
    with pytest.raises(ValueError, match="1 <= min_tasks <= max_tasks"):
        Scaling(least, most)


def test_scaling_may_not_go_below_the_services_own_minimum() -> None:
    with pytest.raises(ValueError, match=r"scaling\.min_tasks must be 4"):
        a_service(min_tasks=4, scaling=Scaling(3, 10))


def test_a_record_from_before_scaling_is_still_read() -> None:
    stored = _SERVICE.dump_python(a_service(), mode="json")
    del stored["scaling"]
    assert _SERVICE.validate_python(stored, strict=False).scaling is None


def test_a_record_with_scaling_comes_back_as_it_was() -> None:
    service = a_service(scaling=BOUNDS, min_tasks=2)
    assert _SERVICE.validate_json(_SERVICE.dump_json(service)) == service
