"""The bound on failed requests is the product that the documentation states."""

from dataclasses import replace

import pytest
from localcloud.delays import Delays
from localcloud.demo.bound import Bound, bound
from slipway.domain.service import JudgePolicy, RolloutPolicy, Step

POLICY = RolloutPolicy(
    steps=(Step(10, 180), Step(100, 180)),
    judge=JudgePolicy(min_requests=30, warmup_seconds=15),
    look_seconds=15,
)


def of(requests_per_second: float = 4.0) -> Bound:
    return bound(
        POLICY,
        Delays(),
        failure_rate=0.2,
        requests_per_second=requests_per_second,
        restore_seconds=10,
    )


def test_the_time_is_the_sum_of_all_that_must_pass() -> None:
    # 30 samples at 0.4 a second come in 75 s, after 15 s of warm-up.
    assert of().samples_seconds == pytest.approx(15 + 75)
    assert of().seconds == pytest.approx(120 + 60 + 15 + (15 + 75) + 3 + 10)


def test_the_requests_are_the_share_that_fails_in_that_time() -> None:
    assert of().requests == pytest.approx(0.1 * 0.2 * 4.0 * 298)


def test_callers_by_the_registry_ask_once_more_and_hear_of_weights_later() -> None:
    found = replace(of(), found_delay_seconds=48)
    assert found.requests == pytest.approx(0.1 * 0.2 * 4.0 * (298 + 298 + 48))


def test_fewer_requests_take_longer_to_be_enough() -> None:
    assert of(1.0).samples_seconds == 15 + 300


def test_its_json_shows_every_factor_and_the_bound() -> None:
    shown = of().as_json()

    assert shown["weight"] == 0.1
    assert shown["seconds"] == of().seconds
    assert shown["requests"] == of().requests
