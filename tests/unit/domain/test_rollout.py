"""Rollouts: the plan, once it is known which slot is what."""

import pytest
from slipway.domain.service import Step

from tests.builders import a_policy, a_rollout, a_service, some_sides


def test_a_first_release_gets_everything_at_once() -> None:
    rollout = a_rollout(sides=some_sides(primary=None))
    assert rollout.steps == (Step(100, 0),)


def test_a_plan_that_ends_at_all_of_the_traffic_is_carried_out_as_written() -> None:
    rollout = a_rollout(sides=some_sides())
    assert rollout.steps == rollout.service.rollout.steps


@pytest.mark.parametrize("steps", [(), (Step(10, 60), Step(50, 60))], ids=len)
def test_a_plan_that_stops_short_ends_with_all_of_the_traffic(
    steps: tuple[Step, ...],
) -> None:
    service = a_service(rollout=a_policy(steps=steps))
    rollout = a_rollout(service=service, sides=some_sides())
    assert rollout.steps == (*steps, Step(100, 0))


def test_a_rollout_without_a_lease_has_no_sides_yet() -> None:
    with pytest.raises(ValueError, match="does not hold the lease of orders"):
        _ = a_rollout().known_sides
