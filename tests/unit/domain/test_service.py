"""Services: what a record may say."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter
from slipway.domain.service import (
    LONGEST_DELAY_SECONDS,
    MOST_DIMENSIONS,
    NETWORK_SETTLE_SECONDS,
    WEIGHTS_SETTLE_SECONDS,
    Binding,
    JudgePolicy,
    Mode,
    Slot,
    Step,
)

from tests.builders import (
    a_binding,
    a_judge_policy,
    a_metric,
    a_network_binding,
    a_policy,
    a_service,
)


def test_the_other_of_the_other_slot_is_the_slot_itself() -> None:
    assert (Slot.A.other, Slot.B.other) == (Slot.B, Slot.A)


@pytest.mark.parametrize(
    ("pattern", "tag", "heard"),
    [
        ("v*", "v1", True),
        ("v*", "V1", False),
        ("*", "latest", True),
        ("v1.?", "v1.2", True),
        ("v1.?", "v1.22", False),
        ("v[0-9]*", "v2", True),
        ("v[0-9]*", "vnext", False),
        ("main", "main-2", False),
    ],
)
def test_a_service_hears_the_tags_that_match_its_pattern_case_and_all(
    pattern: str, tag: str, *, heard: bool
) -> None:
    assert a_service(tag_pattern=pattern).hears(tag) is heard


def test_a_slot_is_found_by_the_name_of_its_ecs_service() -> None:
    adopted = a_service(slots={Slot.A: "legacy-orders", Slot.B: "orders-b"})
    assert adopted.slot_of("legacy-orders") is Slot.A
    assert adopted.slot_of("orders-b") is Slot.B
    assert adopted.slot_of("orders-a") is None


@pytest.mark.parametrize(("low", "high"), [(0, 3), (4, 3), (-1, 0)])
def test_bounds_that_make_no_sense_are_refused(low: int, high: int) -> None:
    with pytest.raises(ValueError, match="1 <= min_tasks <= max_tasks"):
        a_service(min_tasks=low, max_tasks=high)


def test_equal_bounds_are_a_fixed_size() -> None:
    service = a_service(min_tasks=3, max_tasks=3)
    assert (service.min_tasks, service.max_tasks) == (3, 3)


def test_a_service_without_both_slots_is_refused() -> None:
    with pytest.raises(ValueError, match="slots must name a and b"):
        a_service(slots={Slot.A: "orders-a"})


def test_a_canary_without_a_binding_is_refused_for_nobody_counts_its_requests() -> None:
    with pytest.raises(ValueError, match="bindings must name a rule"):
        a_service(bindings=())


def test_batches_do_without_a_binding_and_with_one() -> None:
    assert a_service(bindings=(), mode=Mode.BATCHES).bindings == ()
    assert len(a_service(mode=Mode.BATCHES).bindings) == 1


@pytest.mark.parametrize(
    "shares", [(50, 10), (10, 10), (0, 100), (10, 101), (-5,)], ids=str
)
def test_steps_that_do_not_rise_from_1_to_100_are_refused(
    shares: tuple[int, ...],
) -> None:
    with pytest.raises(ValueError, match="steps must rise from 1 to 100"):
        a_policy(steps=tuple(Step(share, 60) for share in shares))


def test_a_delay_before_retirement_that_is_too_short_or_too_long_is_refused() -> None:
    for seconds in (29, LONGEST_DELAY_SECONDS + 1):
        with pytest.raises(ValueError, match="retire_delay_seconds must be 30 to 3600"):
            a_policy(retire_delay_seconds=seconds)
    for seconds in (30, LONGEST_DELAY_SECONDS):
        policy = a_policy(retire_delay_seconds=seconds)
        assert policy.retire_delay_seconds == seconds


def test_a_step_without_a_bake_is_refused_for_silence_would_pass() -> None:
    with pytest.raises(ValueError, match="bake_seconds must be 1 or more"):
        a_policy(steps=(Step(100, 0),))


def test_looking_without_a_pause_is_refused() -> None:
    for seconds in (0, 301):
        with pytest.raises(ValueError, match="look_seconds must be 1 to 300"):
            a_policy(look_seconds=seconds)
    assert a_policy(look_seconds=1).look_seconds == 1


def test_a_judge_that_needs_no_requests_is_refused_for_silence_would_pass() -> None:
    with pytest.raises(ValueError, match="min_requests must be 1 or more"):
        a_judge_policy(min_requests=0)
    assert a_judge_policy(min_requests=1).min_requests == 1


def test_a_changed_record_is_checked_as_a_new_one() -> None:
    with pytest.raises(ValueError, match="min_tasks"):
        replace(a_service(), min_tasks=11)


def test_a_canary_on_a_network_load_balancer_alone_is_refused_for_it_counts_none() -> (
    None
):
    wire = a_network_binding()
    with pytest.raises(ValueError, match="without an Application Load Balancer"):
        a_service(bindings=(wire,), rollout=a_policy(retire_delay_seconds=600))
    both = (a_binding(), wire)
    canary = a_service(bindings=both, rollout=a_policy(retire_delay_seconds=600))
    assert canary.mode is Mode.CANARY


def test_a_canary_on_a_network_load_balancer_alone_is_judged_by_its_own_metric() -> (
    None
):
    counting = a_policy(judge=a_judge_policy(metric=a_metric()))
    canary = a_service(bindings=(a_network_binding(),), rollout=counting)
    assert canary.mode is Mode.CANARY
    with pytest.raises(ValueError, match="bindings must name a rule"):
        a_service(bindings=(), rollout=counting)


def test_only_what_applications_count_of_network_traffic_goes_by_weights_late() -> None:
    wire = a_network_binding()
    counting = a_policy(judge=a_judge_policy(metric=a_metric()))
    assert a_service(bindings=(a_binding(), wire)).spread_seconds == 0
    assert a_service(rollout=counting).spread_seconds == 0
    both = a_service(bindings=(a_binding(), wire), rollout=counting)
    assert both.spread_seconds == NETWORK_SETTLE_SECONDS


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({"namespace": "AWS/ECS"}, "metric.namespace must be the application's own"),
        ({"namespace": ":shop"}, "metric.namespace must be the application's own"),
        ({"failures": "Asked"}, "metric.failures must be another metric than requests"),
        ({"requests": ""}, "names have 1 to 255 characters, not ''"),
        ({"slot_dimension": "x" * 256}, "names have 1 to 255 characters"),
        ({"dimensions": {"": "x"}}, "names have 1 to 255 characters, not ''"),
        ({"dimensions": {"Zone": ""}}, "values have 1 to 1024 characters"),
        ({"dimensions": {"Zone": "x" * 1025}}, "values have 1 to 1024 characters"),
        ({"dimensions": {"ServiceName": "orders"}}, "ServiceName is each slot's own"),
        (
            {"dimensions": {f"D{n}": "x" for n in range(MOST_DIMENSIONS)}},
            "metric.dimensions must be at most 29, not 30",
        ),
    ],
)
def test_a_metric_that_cannot_be_or_cannot_be_judged_by_is_refused(
    more: dict[str, Any], wrong: str
) -> None:
    with pytest.raises(ValueError, match=wrong):
        a_metric(**more)


def test_a_metric_may_have_as_many_dimensions_as_cloudwatch_takes() -> None:
    most = {f"D{n}": "x" * 1024 for n in range(MOST_DIMENSIONS - 1)}
    assert a_metric(dimensions=most).dimensions == most


def test_a_judges_record_keeps_its_metric_and_one_from_before_has_none() -> None:
    adapter = TypeAdapter(JudgePolicy)
    metric = a_metric(slot_dimension="Slot", dimensions={"Zone": "a"})
    own = a_judge_policy(metric=metric)
    assert adapter.validate_json(adapter.dump_json(own)) == own
    stored = adapter.dump_python(a_judge_policy(), mode="json")
    del stored["metric"]
    assert adapter.validate_python(stored) == a_judge_policy()


def test_a_network_load_balancer_acts_on_weights_late_so_old_slots_stay_longer() -> (
    None
):
    wire = (a_network_binding(),)
    late = a_policy(retire_delay_seconds=NETWORK_SETTLE_SECONDS)
    early = a_policy(retire_delay_seconds=NETWORK_SETTLE_SECONDS - 1)
    service = a_service(bindings=wire, mode=Mode.BATCHES, rollout=late)
    assert service.settle_seconds == NETWORK_SETTLE_SECONDS
    assert a_service(rollout=early).settle_seconds == WEIGHTS_SETTLE_SECONDS
    with pytest.raises(ValueError, match="retire_delay_seconds must be 600 or more"):
        a_service(bindings=wire, mode=Mode.BATCHES, rollout=early)


def test_a_binding_has_rules_or_a_vacant_group() -> None:
    rule, wire = a_binding(), a_network_binding()
    assert (rule.is_network, rule.carrier_arn) == (False, rule.rule_arn)
    assert (wire.is_network, wire.carrier_arn) == (True, wire.listener_arn)
    for half in (
        {"vacant_group_arn": wire.vacant_group_arn},
        {"rule_arn": None},
        {"parking_rule_arn": None},
        {"rule_arn": None, "parking_rule_arn": None},
    ):
        with pytest.raises(ValueError, match="a binding has rule_arn and parking"):
            replace(rule, **half)


def test_a_record_from_before_is_one_of_rules() -> None:
    adapter = TypeAdapter(Binding)
    stored = adapter.dump_python(a_binding(), mode="json")
    del stored["vacant_group_arn"]
    assert adapter.validate_python(stored) == a_binding()
