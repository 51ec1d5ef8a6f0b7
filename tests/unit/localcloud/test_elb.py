"""Load balancing: target health, draining, and when the data plane hears of what."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from localcloud.elb import Health
from localcloud.seams import RoutingView, Target
from slipway.domain.service import Slot

from tests.unit.localcloud.compute import Cloud, client, compute_cloud, virtual

V1 = {"app": "cart", "version": "v1", "start_seconds": 8}


def _groups(cloud: Cloud) -> dict[Slot, str]:
    return dict(cloud.system().service("cart").bindings[0].target_group_arns)


def _states(group_arn: str) -> list[str]:
    answer = client("elbv2").describe_target_health(TargetGroupArn=group_arn)
    return [d["TargetHealth"]["State"] for d in answer["TargetHealthDescriptions"]]


def _reasons(group_arn: str) -> list[str | None]:
    answer = client("elbv2").describe_target_health(TargetGroupArn=group_arn)
    described = answer["TargetHealthDescriptions"]
    return [d["TargetHealth"].get("Reason") for d in described]


def _allow_failures() -> None:
    """Keep ECS from replacing what fails its checks."""
    client("ecs").update_service(
        cluster="demo", service="cart-a", healthCheckGracePeriodSeconds=600
    )


async def _running(cloud: Cloud, count: int = 1, **image: Any) -> list[str]:
    """Launch slot a and return its addresses, in order, at RUNNING."""
    cloud.launch("cart", "a", V1 | image, count)
    while cloud.describe("cart-a")["runningCount"] < count:
        await cloud.clock.sleep(0.5)
    return [t.address or "" for t in cloud.compute.ecs.tasks()]


def _receivers(view: RoutingView, group_arn: str) -> tuple[str, ...]:
    return tuple(target.address for target in view.targets[group_arn])


class Heard:
    """A data plane that keeps what it is told and when."""

    def __init__(self, cloud: Cloud, group_arn: str) -> None:
        self.log: list[tuple[float, tuple[str, ...]]] = []
        inner = cloud.traffic.apply

        def apply(view: RoutingView) -> None:
            self.log.append((cloud.clock.time(), _receivers(view, group_arn)))
            inner(view)

        cloud.traffic.apply = apply  # type: ignore[method-assign]


@virtual
async def test_a_new_target_is_initial_and_healthy_after_one_passed_check() -> None:
    async with compute_cloud() as cloud:
        group = _groups(cloud)[Slot.A]
        await _running(cloud)
        assert _states(group) == ["initial"]
        assert _reasons(group) == ["Elb.InitialHealthChecking"]
        await cloud.clock.sleep(10)
        assert _states(group) == ["healthy"]
        assert _reasons(group) == [None]


@virtual
async def test_a_target_turns_unhealthy_at_the_threshold_and_not_before() -> None:
    async with compute_cloud() as cloud:
        group = _groups(cloud)[Slot.A]
        _allow_failures()
        [address] = await _running(cloud)
        await cloud.clock.sleep(30)
        cloud.runtime.sick.add(address)
        await cloud.clock.sleep(10)
        assert _states(group) == ["healthy"]
        await cloud.clock.sleep(10)
        assert _states(group)[0] == "unhealthy"
        assert _reasons(group)[0] == "Target.FailedHealthChecks"


@virtual
async def test_an_unhealthy_target_needs_the_whole_threshold_to_come_back() -> None:
    async with compute_cloud() as cloud:
        system = cloud.system()
        group = system.service("cart").bindings[0].target_group_arns[Slot.A]
        _allow_failures()
        [address] = await _running(cloud)
        cloud.runtime.sick.add(address)
        await cloud.clock.sleep(40)
        assert _states(group) == ["unhealthy"]
        cloud.runtime.sick.clear()
        await cloud.clock.sleep(10)
        assert _states(group) == ["unhealthy"]
        await cloud.clock.sleep(10)
        assert _states(group) == ["healthy"]


@virtual
async def test_without_a_rule_a_group_has_no_verdict() -> None:
    async with compute_cloud() as cloud:
        system = cloud.system()
        binding = system.service("cart").bindings[0]
        group = binding.target_group_arns[Slot.A]
        await _running(cloud)
        await cloud.clock.sleep(10)
        assert cloud.compute.elb.healthy(group) == 1
        parked = client("elbv2").describe_rules(RuleArns=[binding.parking_rule_arn])
        client("elbv2").delete_rule(RuleArn=binding.parking_rule_arn)
        assert _states(group) == ["unused"]
        assert _reasons(group) == ["Target.NotInUse"]
        assert cloud.compute.elb.healthy(group) == 0
        client("elbv2").create_rule(
            ListenerArn=binding.listener_arn,
            Priority=99,
            Conditions=[
                {
                    "Field": "host-header",
                    "HostHeaderConfig": {"Values": ["cart.park.internal"]},
                }
            ],
            Actions=parked["Rules"][0]["Actions"],
        )
        assert _states(group) == ["initial"]
        await cloud.clock.sleep(10)
        assert _states(group) == ["healthy"]


@virtual
async def test_draining_lasts_the_whole_delay_of_the_group() -> None:
    async with compute_cloud() as cloud:
        group = _groups(cloud)[Slot.A]
        [address] = await _running(cloud)
        await cloud.clock.sleep(10)
        target = [{"Id": address, "Port": 7070}]
        client("elbv2").deregister_targets(TargetGroupArn=group, Targets=target)
        await cloud.clock.sleep(29.9)
        assert _states(group) == ["draining"]
        assert _reasons(group) == ["Target.DeregistrationInProgress"]
        await cloud.clock.sleep(0.2)
        assert _states(group) == []
        answer = client("elbv2").describe_target_health(
            TargetGroupArn=group, Targets=target
        )
        [described] = answer["TargetHealthDescriptions"]
        assert described["TargetHealth"]["State"] == "unused"
        assert described["TargetHealth"]["Reason"] == "Target.NotRegistered"


@virtual
async def test_a_target_registered_by_hand_is_checked_where_it_answers() -> None:
    async with compute_cloud() as cloud:
        groups = _groups(cloud)
        [address] = await _running(cloud)
        for port, state in ((7070, Health.HEALTHY), (7071, Health.UNHEALTHY)):
            client("elbv2").register_targets(
                TargetGroupArn=groups[Slot.B], Targets=[{"Id": address, "Port": port}]
            )
            await cloud.clock.sleep(25)
            health = cloud.compute.elb.health(groups[Slot.B], Target(address, port))
            assert health is state


@virtual
async def test_the_data_plane_hears_of_health_after_the_propagation_delay() -> None:
    async with compute_cloud() as cloud:
        group = _groups(cloud)[Slot.A]
        heard = Heard(cloud, group)
        first, second = await _running(cloud, 2)
        await cloud.clock.sleep(20)
        assert set(heard.log[-1][1]) == {first, second}
        cloud.runtime.sick.add(first)
        while "unhealthy" not in _states(group):
            await cloud.clock.sleep(0.1)
        noticed = cloud.clock.time()
        assert set(heard.log[-1][1]) == {first, second}
        await cloud.clock.sleep(3.1)
        at, receivers = heard.log[-1]
        assert receivers == (second,)
        assert at == pytest.approx(noticed + 3.0, abs=0.11)


@virtual
async def test_the_data_plane_hears_of_weights_after_the_propagation_delay() -> None:
    async with compute_cloud() as cloud:
        system = cloud.system()
        await cloud.clock.sleep(10)
        views: list[RoutingView] = []
        cloud.traffic.apply = views.append  # type: ignore[method-assign]
        cloud.route(system, "cart", 90, 10)
        await cloud.clock.sleep(2.9)
        assert views == []
        await cloud.clock.sleep(0.2)
        binding = system.service("cart").bindings[0]
        rules = {r.rule_arn: r for v in views[0].listeners for r in v.rules}
        assert list(rules[binding.rule_arn].weights.values()) == [90, 10]


@virtual
async def test_a_group_without_a_healthy_target_fails_open() -> None:
    async with compute_cloud() as cloud:
        system = cloud.system()
        group = system.service("cart").bindings[0].target_group_arns[Slot.A]
        _allow_failures()
        addresses = await _running(cloud, 2, unhealthy=True)
        await cloud.clock.sleep(40)
        assert _states(group) == ["unhealthy", "unhealthy"]
        view = cloud.compute.elb.view()
        assert set(_receivers(view, group)) == set(addresses)


@virtual
async def test_rules_are_told_in_order_of_priority_with_the_default_last() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        public = cloud.compute.elb.view().listeners[0]
        own, parking, default = public.rules
        assert (own.paths, own.fixed_status) == (("/*",), 503)
        assert parking.hosts == ("cart.park.internal",)
        assert (default.hosts, default.paths, default.fixed_status) == ((), (), 404)


@virtual
async def test_an_unknown_target_group_has_its_own_error() -> None:
    async with compute_cloud() as cloud:
        group = _groups(cloud)[Slot.A]
        with pytest.raises(ClientError) as caught:
            client("elbv2").describe_target_health(TargetGroupArn=group + "0")
        assert caught.value.response["Error"]["Code"] == "TargetGroupNotFound"
