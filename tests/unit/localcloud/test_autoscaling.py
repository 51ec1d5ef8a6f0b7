"""Application Auto Scaling: bounds that clamp, suspensions, policies that track."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from localcloud.api import NotModelled
from localcloud.fixture import ServiceSpec
from slipway.domain.service import Scaling

from tests.unit.localcloud.compute import Cloud, client, compute_cloud, virtual

SHOP = ServiceSpec(
    "cart", 7070, public=True, path="/*", min_tasks=1, scaling=Scaling(1, 8)
)
GOOD = {"start_seconds": 8}
WHICH: dict[str, Any] = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/demo/cart-a",
    "ScalableDimension": "ecs:service:DesiredCount",
}
NOT_IN = {
    "DynamicScalingInSuspended": True,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": True,
}
NEITHER = NOT_IN | {"DynamicScalingOutSuspended": True}
ALL = dict.fromkeys(NOT_IN, False)
MINUTE = 60


def register(**settings: Any) -> None:
    """Register the slot's target, or update it."""
    client("application-autoscaling").register_scalable_target(**WHICH, **settings)


def desired(cloud: Cloud) -> int:
    """Return the slot's desired count."""
    count: int = cloud.describe("cart-a")["desiredCount"]
    return count


async def running(cloud: Cloud, count: int, **bounds: Any) -> None:
    """Run so many tasks within bounds, all scaling on unless told otherwise."""
    cloud.system([SHOP])
    usual = {"MinCapacity": 0, "MaxCapacity": 8, "SuspendedState": ALL}
    register(**(usual | bounds))
    cloud.launch("cart", "a", GOOD, count)
    await cloud.clock.sleep(120)


@virtual
async def test_the_fixture_makes_idle_targets_and_policies_on_both_slots() -> None:
    async with compute_cloud() as cloud:
        cloud.system([SHOP])
        scaling = client("application-autoscaling")
        found = scaling.describe_scalable_targets(ServiceNamespace="ecs")
        for target in found["ScalableTargets"]:
            assert (target["MinCapacity"], target["MaxCapacity"]) == (0, 0)
            assert all(target["SuspendedState"].values())
        policies = scaling.describe_scaling_policies(ServiceNamespace="ecs")
        resources = {p["ResourceId"] for p in policies["ScalingPolicies"]}
        assert resources == {"service/demo/cart-a", "service/demo/cart-b"}
        assert len(found["ScalableTargets"]) == 2


@virtual
@pytest.mark.parametrize(("bounds", "left"), [((0, 2), 2), ((6, 8), 6), ((1, 8), 4)])
async def test_registering_pulls_the_count_inside_the_bounds_at_once(
    bounds: tuple[int, int], left: int
) -> None:
    async with compute_cloud() as cloud:
        await running(cloud, 4)
        register(MinCapacity=bounds[0], MaxCapacity=bounds[1])
        assert desired(cloud) == left


@virtual
async def test_an_update_that_only_suspends_clamps_too() -> None:
    """The count was set beyond the maximum from outside, which ECS permits."""
    async with compute_cloud() as cloud:
        await running(cloud, 4)
        cloud.scale("cart-a", 12)
        assert desired(cloud) == 12
        register(SuspendedState=NEITHER)
        assert desired(cloud) == 8


@virtual
async def test_a_target_cannot_be_made_without_bounds_or_for_no_service() -> None:
    async with compute_cloud() as cloud:
        cloud.system([ServiceSpec("cart", 7070, public=True, path="/*")])
        with pytest.raises(ClientError, match="MinCapacity and MaxCapacity"):
            register(SuspendedState=ALL)
        with pytest.raises(ClientError, match="cannot be less"):
            register(MinCapacity=3, MaxCapacity=2)
        with pytest.raises(ClientError, match="doesn't exist"):
            client("application-autoscaling").register_scalable_target(
                **WHICH | {"ResourceId": "service/demo/gone"},
                MinCapacity=0,
                MaxCapacity=1,
            )


@virtual
async def test_a_policy_scales_out_within_minutes_and_stops_at_the_maximum() -> None:
    async with compute_cloud() as cloud:
        await running(cloud, 4)
        cloud.compute.autoscaling.load = lambda _: 90.0
        await cloud.clock.sleep(2 * MINUTE)
        assert desired(cloud) == 4
        await cloud.clock.sleep(1 * MINUTE)
        assert desired(cloud) == 6
        await cloud.clock.sleep(10 * MINUTE)
        assert desired(cloud) == 8


@virtual
async def test_a_policy_scales_in_slowly_and_stops_at_the_minimum() -> None:
    async with compute_cloud() as cloud:
        await running(cloud, 4, MinCapacity=1)
        cloud.compute.autoscaling.load = lambda _: 30.0
        await cloud.clock.sleep(14 * MINUTE)
        assert desired(cloud) == 4
        await cloud.clock.sleep(2 * MINUTE)
        assert desired(cloud) == 2
        await cloud.clock.sleep(3 * MINUTE)
        assert desired(cloud) == 2
        await cloud.clock.sleep(20 * MINUTE)
        assert desired(cloud) == 1


@virtual
@pytest.mark.parametrize("load", [30.0, 90.0])
async def test_suspended_scaling_does_nothing_and_acts_once_it_resumes(
    load: float,
) -> None:
    async with compute_cloud() as cloud:
        await running(cloud, 4, SuspendedState=NEITHER)
        cloud.compute.autoscaling.load = lambda _: load
        await cloud.clock.sleep(30 * MINUTE)
        assert desired(cloud) == 4
        register(SuspendedState=ALL)
        await cloud.clock.sleep(1 * MINUTE)
        assert desired(cloud) == (2 if load < 60 else 6)


@virtual
async def test_scale_out_goes_on_where_only_scale_in_is_suspended() -> None:
    async with compute_cloud() as cloud:
        await running(cloud, 4, SuspendedState=NOT_IN)
        cloud.compute.autoscaling.load = lambda _: 30.0
        await cloud.clock.sleep(30 * MINUTE)
        assert desired(cloud) == 4
        cloud.compute.autoscaling.load = lambda _: 90.0
        await cloud.clock.sleep(3 * MINUTE)
        assert desired(cloud) == 6


@virtual
async def test_scaling_starts_from_the_tasks_that_run_not_from_those_desired() -> None:
    """ECS guide, service-auto-scaling."""
    async with compute_cloud() as cloud:
        await running(cloud, 2)
        cloud.launch("cart", "a", GOOD | {"unpullable": True}, 3, tag="v2")
        cloud.compute.autoscaling.load = lambda _: 120.0
        await cloud.clock.sleep(4 * MINUTE)
        assert desired(cloud) == 4


@virtual
async def test_a_load_that_nobody_measures_changes_nothing() -> None:
    async with compute_cloud() as cloud:
        await running(cloud, 4)
        await cloud.clock.sleep(60 * MINUTE)
        assert desired(cloud) == 4


@virtual
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"SuspendedState": {"DynamicScalingInSuspended": True}}, "given in part"),
        ({"RoleARN": "arn:aws:iam::111122223333:role/mine"}, "RoleARN"),
        ({"ServiceNamespace": "dynamodb"}, "dynamodb"),
    ],
)
async def test_what_is_not_modelled_is_said_so(
    change: dict[str, Any], named: str
) -> None:
    async with compute_cloud() as cloud:
        cloud.system([SHOP])
        with pytest.raises(NotModelled, match=named):
            client("application-autoscaling").register_scalable_target(**WHICH | change)


@virtual
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"PolicyType": "StepScaling"}, "StepScaling"),
        ({"metric": "ALBRequestCountPerTarget"}, "ALBRequestCountPerTarget"),
    ],
)
async def test_policies_that_are_not_modelled_are_said_so(
    change: dict[str, Any], named: str
) -> None:
    usual = {"PolicyType": "TargetTrackingScaling"}
    metric = change.pop("metric", "ECSServiceAverageCPUUtilization")
    async with compute_cloud() as cloud:
        cloud.system([SHOP])
        with pytest.raises(NotModelled, match=named):
            client("application-autoscaling").put_scaling_policy(
                **WHICH,
                **(usual | change),
                PolicyName="cpu",
                TargetTrackingScalingPolicyConfiguration={
                    "TargetValue": 60.0,
                    "PredefinedMetricSpecification": {"PredefinedMetricType": metric},
                },
            )
