"""Network listeners: weights in a default action, read, written and read back."""

from typing import Any

import pytest
from slipway.domain.service import Binding, Slot
from slipway.domain.traffic import Weights, weights
from slipway.errors import NotFound, Unavailable
from slipway.gateways.elbv2 import LoadBalancing, shares_in

from tests.unit.localcloud.compute import Cloud, client, compute_cloud, virtual

A, B = Slot.A, Slot.B


def elb() -> Any:
    return client("elbv2")


def bound(cloud: Cloud) -> Binding:
    """Make a network listener as provisioning does; return its binding."""
    network = cloud.compute.network
    balancer = elb().create_load_balancer(
        Name="wire",
        Type="network",
        Scheme="internal",
        Subnets=[one.subnet_id for one in network.subnets],
        SecurityGroups=["sg-0a1b2c3d4e5f60718"],
    )["LoadBalancers"][0]["LoadBalancerArn"]
    groups = [
        elb().create_target_group(
            Name=f"wire-{name}",
            Protocol="TCP",
            Port=5000,
            VpcId=network.vpc_id,
            TargetType="ip",
        )["TargetGroups"][0]["TargetGroupArn"]
        for name in "ab0"
    ]
    weighted = [
        {"TargetGroupArn": arn, "Weight": weight}
        for arn, weight in zip(groups, (0, 0, 1), strict=True)
    ]
    arn = elb().create_listener(
        LoadBalancerArn=balancer,
        Port=5000,
        Protocol="TCP",
        DefaultActions=[
            {"Type": "forward", "ForwardConfig": {"TargetGroups": weighted}}
        ],
    )["Listeners"][0]["ListenerArn"]
    return Binding(arn, None, None, {A: groups[0], B: groups[1]}, groups[2])


def shares(binding: Binding) -> list[Weights]:
    """Return the slots' shares as the gateway reads them."""
    return shares_in(LoadBalancing(elb()).rules(binding))


def written(binding: Binding) -> dict[str, int]:
    """Return what stands in the listener, by group."""
    found = elb().describe_listeners(ListenerArns=[binding.listener_arn])
    (action,) = found["Listeners"][0]["DefaultActions"]
    groups = action["ForwardConfig"]["TargetGroups"]
    return {one["TargetGroupArn"]: one["Weight"] for one in groups}


@virtual
async def test_a_listener_is_open_once_a_slot_has_weight_and_closed_by_the_vacant() -> (
    None
):
    async with compute_cloud() as cloud:
        binding, gateway = bound(cloud), LoadBalancing(elb())
        a, b = (binding.target_group_arns[slot] for slot in Slot)
        assert not gateway.is_open(binding)
        assert shares(binding) == []
        assert gateway.route(binding, weights(A, 100))
        assert gateway.is_open(binding)
        assert written(binding) == {a: 100, b: 0}
        assert gateway.route(binding, weights(B, 10))
        assert shares(binding) == [{A: 90, B: 10}]
        assert gateway.route(binding, None)
        assert not gateway.is_open(binding)
        assert written(binding) == {a: 0, b: 0, binding.vacant_group_arn: 1}


@virtual
async def test_what_is_so_already_is_not_written_again() -> None:
    async with compute_cloud() as cloud:
        binding, gateway = bound(cloud), LoadBalancing(elb())

        def writes() -> int:
            calls = [call.operation for call in cloud.router.calls]
            return calls.count("ModifyListener")

        assert not gateway.route(binding, None)
        gateway.route(binding, weights(A, 100))
        assert not gateway.route(binding, weights(A, 100))
        assert writes() == 1


@virtual
async def test_a_listener_that_keeps_clients_with_their_group_is_written_anew() -> None:
    async with compute_cloud() as cloud:
        binding, gateway = bound(cloud), LoadBalancing(elb())
        gateway.route(binding, weights(A, 100))
        (action,) = elb().describe_listeners(ListenerArns=[binding.listener_arn])[
            "Listeners"
        ][0]["DefaultActions"]
        action["ForwardConfig"]["TargetGroupStickinessConfig"] = {"Enabled": True}
        elb().modify_listener(ListenerArn=binding.listener_arn, DefaultActions=[action])
        assert gateway.route(binding, weights(A, 100))
        (rule,) = gateway.rules(binding)
        assert not rule.sticky_seconds


@virtual
async def test_weights_that_do_not_read_back_are_not_taken_for_written() -> None:
    async with compute_cloud() as cloud:
        binding, gateway = bound(cloud), LoadBalancing(elb())

        def lost(_: dict[str, Any]) -> dict[str, Any]:
            return {"Listeners": []}

        cloud.router.serve("elbv2", {"ModifyListener": lost})
        with pytest.raises(Unavailable, match="does not read back as it was written"):
            gateway.route(binding, weights(A, 100))


@virtual
async def test_a_listener_that_is_gone_is_named() -> None:
    async with compute_cloud() as cloud:
        binding = bound(cloud)
        elb().delete_listener(ListenerArn=binding.listener_arn)
        with pytest.raises(NotFound, match="listener"):
            shares(binding)


@virtual
async def test_one_that_forwards_elsewhere_carries_nothing_of_the_service() -> None:
    async with compute_cloud() as cloud:
        binding, gateway = bound(cloud), LoadBalancing(elb())
        other = elb().create_target_group(
            Name="other",
            Protocol="TCP",
            Port=1,
            VpcId=cloud.compute.network.vpc_id,
            TargetType="ip",
        )["TargetGroups"][0]["TargetGroupArn"]
        elb().modify_listener(
            ListenerArn=binding.listener_arn,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": other}],
        )
        assert not gateway.is_open(binding)
        assert gateway.route(binding, weights(A, 100))
        assert shares(binding) == [{A: 100, B: 0}]
