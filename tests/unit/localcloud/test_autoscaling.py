"""Application Auto Scaling: bounds that clamp, suspensions, policies that track."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from localcloud.api import NotModelled
from localcloud.clock import SIMULATION_EPOCH
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
HIGH_RESOLUTION = "ECSServiceAverageCPUUtilizationHighResolution"
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
        ({"metric": HIGH_RESOLUTION}, HIGH_RESOLUTION),
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


# ------------------------------------------------------------------ further policies


def scaling() -> Any:
    return client("application-autoscaling")


def put_policy(name: str, metric: str, goal: float, **more: Any) -> None:
    specification: dict[str, Any] = {"PredefinedMetricType": metric}
    if "label" in more:
        specification["ResourceLabel"] = more.pop("label")
    scaling().put_scaling_policy(
        **WHICH,
        PolicyName=name,
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": goal,
            "PredefinedMetricSpecification": specification,
            **more,
        },
    )


def label(cloud: Cloud) -> str:
    """Return the label of the slot's group on the public load balancer."""
    group = cloud.describe("cart-a")["loadBalancers"][0]["targetGroupArn"]
    balancer = cloud.compute.elb.view().listeners[0].load_balancer
    return f"{balancer}/{group.rsplit(':', 1)[1]}"


MEMORY = "ECSServiceAverageMemoryUtilization"
REQUESTS = "ALBRequestCountPerTarget"


@virtual
async def test_memory_and_requests_scale_out_as_cpu_does() -> None:
    async with compute_cloud() as cloud:
        await running(cloud, 2)
        put_policy("cart-a-memory", MEMORY, 50)
        cloud.compute.autoscaling.memory = lambda _: 75.0
        await cloud.clock.sleep(4 * MINUTE)
        assert desired(cloud) == 3
        asked: set[str] = set()

        def requests(which: str) -> float:
            asked.add(which)
            return 400.0

        put_policy("cart-a-requests", REQUESTS, 200, label=label(cloud))
        cloud.compute.autoscaling.memory = lambda _: 50.0
        cloud.compute.autoscaling.requests = requests
        await cloud.clock.sleep(4 * MINUTE)
        assert desired(cloud) == 6
        assert asked == {label(cloud)}


@pytest.mark.parametrize("other", [60.0, None])
@virtual
async def test_policies_of_a_target_scale_in_together_only(other: float | None) -> None:
    async with compute_cloud() as cloud:
        await running(cloud, 4, MinCapacity=1)
        put_policy("cart-a-memory", MEMORY, 60)
        cloud.compute.autoscaling.load = lambda _: 30.0
        cloud.compute.autoscaling.memory = lambda _: other
        await cloud.clock.sleep(30 * MINUTE)
        assert desired(cloud) == 4
        cloud.compute.autoscaling.memory = lambda _: 45.0
        await cloud.clock.sleep(16 * MINUTE)
        assert desired(cloud) == 3


@virtual
async def test_a_policy_that_never_scales_in_does_not_hinder_those_that_do() -> None:
    async with compute_cloud() as cloud:
        await running(cloud, 4, MinCapacity=1)
        put_policy("cart-a-memory", MEMORY, 60, DisableScaleIn=True)
        cloud.compute.autoscaling.load = lambda _: 0.0
        await cloud.clock.sleep(16 * MINUTE)
        assert desired(cloud) == 1


@virtual
async def test_a_label_names_a_load_balancer_and_a_group_of_the_service() -> None:
    async with compute_cloud() as cloud:
        await running(cloud, 1)
        other = cloud.describe("cart-b")["loadBalancers"][0]["targetGroupArn"]
        balancer = cloud.compute.elb.view().listeners[0].load_balancer
        foreign = f"{balancer}/{other.rsplit(':', 1)[1]}"
        for wrong in (foreign, label(cloud).replace("public", "none"), "cart"):
            with pytest.raises(ClientError, match="names no target group"):
                put_policy("requests", REQUESTS, 200, label=wrong)
        with pytest.raises(ClientError, match="names no target group"):
            put_policy("requests", REQUESTS, 200)
        with pytest.raises(ClientError, match="does not take a resource label"):
            put_policy("memory", MEMORY, 200, label=label(cloud))


@virtual
async def test_a_deleted_policy_tracks_nothing_any_more() -> None:
    async with compute_cloud() as cloud:
        await running(cloud, 4)
        cloud.compute.autoscaling.load = lambda _: 90.0
        scaling().delete_scaling_policy(**WHICH, PolicyName="cart-a-cpu")
        await cloud.clock.sleep(10 * MINUTE)
        assert desired(cloud) == 4
        left = scaling().describe_scaling_policies(
            ServiceNamespace="ecs", PolicyNames=["cart-a-cpu", "cart-b-cpu"]
        )["ScalingPolicies"]
        assert [p["PolicyName"] for p in left] == ["cart-b-cpu"]
        with pytest.raises(ClientError, match="No scaling policy found"):
            scaling().delete_scaling_policy(**WHICH, PolicyName="cart-a-cpu")


# ------------------------------------------------------- scheduled actions and the end


def put_action(name: str = "night", **more: Any) -> None:
    scaling().put_scheduled_action(**WHICH, ScheduledActionName=name, **more)


def actions() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = scaling().describe_scheduled_actions(
        ServiceNamespace="ecs"
    )["ScheduledActions"]
    return found


NIGHT = {"Schedule": "cron(0 22 * * ? *)", "ScalableTargetAction": {"MaxCapacity": 1}}


@virtual
async def test_scheduled_actions_are_kept_changed_and_removed() -> None:
    async with compute_cloud() as cloud:
        await running(cloud, 1)
        put_action(**NIGHT, Timezone="Europe/Berlin", EndTime=cloud.clock.now())
        [made] = actions()
        assert {k: made[k] for k in NIGHT} == NIGHT
        assert made["ScheduledActionARN"].endswith(":scheduledActionName/night")
        put_action(ScalableTargetAction={"MinCapacity": 0, "MaxCapacity": 2})
        [changed] = actions()
        assert changed["Schedule"] == NIGHT["Schedule"]
        assert changed["ScalableTargetAction"]["MaxCapacity"] == 2
        assert changed["ScheduledActionARN"] == made["ScheduledActionARN"]
        assert "EndTime" not in changed
        scaling().delete_scheduled_action(**WHICH, ScheduledActionName="night")
        assert actions() == []
        with pytest.raises(ClientError, match="No scheduled action found"):
            scaling().delete_scheduled_action(**WHICH, ScheduledActionName="night")


def bounds_of(resource: str = "service/demo/cart-a") -> tuple[int, int]:
    [found] = scaling().describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[resource]
    )["ScalableTargets"]
    return int(found["MinCapacity"]), int(found["MaxCapacity"])


@pytest.mark.parametrize(
    ("when", "zone", "comes"),
    [
        ("cron(30 9 * * ? *)", "UTC", [30, 24 * 60 + 30]),
        ("cron(0/30 11 ? * 2 *)", "Europe/Berlin", [60, 90]),
        ("cron(0 10,11 5 JAN ? 2026)", "UTC", [60, 120]),
        ("cron(0 10 ? * TUE-WED *)", "UTC", [25 * 60, 49 * 60]),
        ("rate(2 hours)", "UTC", [122, 242]),
        ("at(2026-01-05T10:00:00)", "UTC", [60]),
    ],
)
@virtual
async def test_an_action_gives_its_bounds_at_its_times(
    when: str, zone: str, comes: list[int]
) -> None:
    """Time begins on a Monday at nine; the action is made two minutes later."""
    async with compute_cloud() as cloud:
        await running(cloud, 4)
        put_action(
            Schedule=when,
            Timezone=zone,
            ScalableTargetAction={"MinCapacity": 5, "MaxCapacity": 7},
        )
        for minutes in comes:
            register(MinCapacity=0, MaxCapacity=4)
            due = SIMULATION_EPOCH + timedelta(minutes=minutes, seconds=-1)
            await cloud.clock.sleep((due - cloud.clock.now()).total_seconds())
            assert (bounds_of(), desired(cloud)) == ((0, 4), 4)
            await cloud.clock.sleep(2)
            assert (bounds_of(), desired(cloud)) == ((5, 7), 5)


@virtual
async def test_what_is_suspended_at_its_time_is_not_done_later() -> None:
    async with compute_cloud() as cloud:
        await running(cloud, 4)
        put_action(Schedule="cron(0 10 * * ? *)", ScalableTargetAction=NONE)
        was = bounds_of()
        register(SuspendedState=NEITHER)
        await cloud.clock.sleep(2 * 3600)
        register(SuspendedState=ALL)
        await cloud.clock.sleep(3600)
        assert (bounds_of(), desired(cloud)) == (was, 4)


@virtual
async def test_an_action_does_nothing_before_its_start_and_after_its_end() -> None:
    async with compute_cloud() as cloud:
        await running(cloud, 4)
        hour = timedelta(hours=1)
        put_action(
            Schedule="cron(0 * * * ? *)",
            ScalableTargetAction=NONE,
            StartTime=SIMULATION_EPOCH + 1.5 * hour,
            EndTime=SIMULATION_EPOCH + 2.5 * hour,
        )
        await cloud.clock.sleep(1.4 * 3600)
        assert desired(cloud) == 4
        await cloud.clock.sleep(3600)
        assert desired(cloud) == 0
        register(MinCapacity=1, MaxCapacity=1)
        await cloud.clock.sleep(3 * 3600)
        assert desired(cloud) == 1


NONE = {"MinCapacity": 0, "MaxCapacity": 0}


@pytest.mark.parametrize(
    "wrong",
    [
        {"ScalableTargetAction": {"MaxCapacity": 1}},
        {"Schedule": "rate(5 minutes)"},
        NIGHT | {"Schedule": "cron(0 22 * *)"},
        NIGHT | {"ScalableTargetAction": {}},
        NIGHT | {"ScalableTargetAction": {"MinCapacity": 2, "MaxCapacity": 1}},
    ],
)
@virtual
async def test_a_scheduled_action_that_makes_no_sense_is_refused(
    wrong: dict[str, Any],
) -> None:
    async with compute_cloud() as cloud:
        await running(cloud, 1)
        with pytest.raises(ClientError) as caught:
            put_action(**wrong)
        assert caught.value.response["Error"]["Code"] == "ValidationException"
        assert actions() == []


@virtual
async def test_a_deregistered_target_takes_its_policies_and_actions_with_it() -> None:
    async with compute_cloud() as cloud:
        await running(cloud, 4)
        put_action(**NIGHT)
        scaling().deregister_scalable_target(**WHICH)
        targets = scaling().describe_scalable_targets(ServiceNamespace="ecs")
        left = [t["ResourceId"] for t in targets["ScalableTargets"]]
        assert left == ["service/demo/cart-b"]
        policies = scaling().describe_scaling_policies(ServiceNamespace="ecs")
        assert {p["ResourceId"] for p in policies["ScalingPolicies"]} == set(left)
        assert actions() == []
        assert desired(cloud) == 4
        for call in (
            lambda: scaling().deregister_scalable_target(**WHICH),
            lambda: put_action(**NIGHT),
            lambda: put_policy("memory", MEMORY, 60),
        ):
            with pytest.raises(ClientError, match="No scalable target registered"):
                call()


@virtual
async def test_a_target_left_over_by_a_deleted_service_scales_nothing() -> None:
    async with compute_cloud() as cloud:
        await running(cloud, 2)
        cloud.compute.autoscaling.load = lambda _: 90.0
        client("ecs").delete_service(cluster="demo", service="cart-a", force=True)
        await cloud.clock.sleep(10 * MINUTE)
        assert desired(cloud) == 0
        with pytest.raises(ClientError, match="not active"):
            register(MinCapacity=0, MaxCapacity=1)
        scaling().deregister_scalable_target(**WHICH)


@virtual
async def test_targets_are_tagged_when_made_and_later() -> None:
    async with compute_cloud() as cloud:
        await running(cloud, 1)
        scaling().deregister_scalable_target(**WHICH)
        register(MinCapacity=0, MaxCapacity=1, Tags={"team": "red"})
        [target] = scaling().describe_scalable_targets(
            ServiceNamespace="ecs", ResourceIds=[WHICH["ResourceId"]]
        )["ScalableTargets"]
        arn = target["ScalableTargetARN"]
        scaling().tag_resource(ResourceARN=arn, Tags={"team": "blue", "x": "y"})
        register(MinCapacity=0, MaxCapacity=2)
        tags = scaling().list_tags_for_resource(ResourceARN=arn)["Tags"]
        assert tags == {"team": "blue", "x": "y"}
        scaling().untag_resource(ResourceARN=arn, TagKeys=["x", "none"])
        tags = scaling().list_tags_for_resource(ResourceARN=arn)["Tags"]
        assert tags == {"team": "blue"}
        with pytest.raises(NotModelled, match="Tags"):
            register(MinCapacity=0, MaxCapacity=1, Tags={})
        with pytest.raises(ClientError) as caught:
            scaling().list_tags_for_resource(ResourceARN=arn + "0")
        assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"


@virtual
async def test_targets_are_described_page_by_page() -> None:
    async with compute_cloud() as cloud:
        cloud.system([SHOP])
        first = scaling().describe_scalable_targets(
            ServiceNamespace="ecs", MaxResults=1
        )
        assert len(first["ScalableTargets"]) == 1
        last = scaling().describe_scalable_targets(
            ServiceNamespace="ecs", MaxResults=1, NextToken=first["NextToken"]
        )
        assert first["ScalableTargets"] != last["ScalableTargets"]
        assert "NextToken" not in last
