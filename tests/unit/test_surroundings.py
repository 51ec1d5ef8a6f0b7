"""Surroundings: what stages make of what they see."""

import pytest
from slipway.domain.service import Slot
from slipway.surroundings import base_now, least

from tests.builders import a_service, a_slot_view, some_sides


@pytest.mark.parametrize(
    ("begun", "desired", "base"),
    [
        (4, 4, 4),
        (4, 9, 9),  # scaled out since
        (8, 3, 8),  # scaled in since: the candidate took a part of its traffic
        (4, 0, 4),
    ],
)
def test_the_base_follows_the_primary_up_and_never_below_where_it_began(
    begun: int, desired: int, base: int
) -> None:
    slots = {Slot.A: a_slot_view(desired=desired), Slot.B: a_slot_view(desired=99)}
    sides = some_sides(base_tasks=begun)
    assert base_now(a_service(min_tasks=2), sides, slots) == base


def test_a_first_release_is_as_large_as_it_was_decided() -> None:
    slots = {slot: a_slot_view(desired=99) for slot in Slot}
    assert base_now(a_service(), some_sides(primary=None, base_tasks=4), slots) == 4


def test_a_slot_is_as_healthy_as_in_the_binding_where_it_has_fewest() -> None:
    assert least({Slot.A: [4, 2], Slot.B: []}) == {Slot.A: 2, Slot.B: 0}
