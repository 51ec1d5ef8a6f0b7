"""Load balancers, listeners, rules, groups: made twice, in use, tagged, reordered."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.unit.localcloud.compute import Cloud, client, compute_cloud, virtual

TAGS = [{"Key": "slipway:environment", "Value": "shop"}]


def elb() -> Any:
    return client("elbv2")


def refusal(call: Callable[[], object]) -> str:
    """Return the code with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"]


def group(cloud: Cloud, **more: Any) -> dict[str, Any]:
    settings = {
        "Name": "shop-cart-a",
        "Protocol": "HTTP",
        "Port": 7070,
        "VpcId": cloud.compute.network.vpc_id,
        "TargetType": "ip",
        "HealthCheckPath": "/healthz",
        "Tags": TAGS,
    }
    [made] = elb().create_target_group(**settings | more)["TargetGroups"]
    found: dict[str, Any] = made
    return found


def balancer(cloud: Cloud, **more: Any) -> dict[str, Any]:
    settings = {
        "Name": "shop-public",
        "Scheme": "internal",
        "Subnets": [s.subnet_id for s in cloud.compute.network.subnets],
    }
    [made] = elb().create_load_balancer(**settings | more)["LoadBalancers"]
    found: dict[str, Any] = made
    return found


def answer(status: int) -> list[dict[str, Any]]:
    fixed = {"StatusCode": str(status)}
    return [{"Type": "fixed-response", "FixedResponseConfig": fixed}]


def listener(balancer_arn: str, **more: Any) -> dict[str, Any]:
    settings = {
        "LoadBalancerArn": balancer_arn,
        "Protocol": "HTTP",
        "Port": 80,
        "DefaultActions": answer(404),
    }
    [made] = elb().create_listener(**settings | more)["Listeners"]
    found: dict[str, Any] = made
    return found


def rule(listener_arn: str, priority: int, group_arn: str | None = None) -> str:
    forward = [{"Type": "forward", "TargetGroupArn": group_arn}]
    [made] = elb().create_rule(
        ListenerArn=listener_arn,
        Priority=priority,
        Conditions=[
            {"Field": "path-pattern", "PathPatternConfig": {"Values": [f"/{priority}"]}}
        ],
        Actions=forward if group_arn else answer(503),
    )["Rules"]
    return str(made["RuleArn"])


@virtual
async def test_a_group_made_again_is_the_same_and_with_other_settings_refused() -> None:
    async with compute_cloud() as cloud:
        first = group(cloud)
        again = group(cloud, Tags=[{"Key": "x", "Value": "y"}])
        described = elb().describe_target_groups(Names=["shop-cart-a"])["TargetGroups"]
        assert [again] == described
        assert again["TargetGroupArn"] == first["TargetGroupArn"]
        for other in ({"Port": 1}, {"HealthCheckPath": "/"}, {"Matcher": {}}):
            code = refusal(lambda other=other: group(cloud, **other))  # type: ignore[misc]
            assert code == "DuplicateTargetGroupName"
        elb().delete_target_group(TargetGroupArn=first["TargetGroupArn"])
        renewed = group(cloud, Port=1)
        assert renewed["TargetGroupArn"] != first["TargetGroupArn"]


@virtual
async def test_a_balancer_made_again_is_the_same_and_with_others_refused() -> None:
    async with compute_cloud() as cloud:
        first = balancer(cloud)
        subnets = [s.subnet_id for s in cloud.compute.network.subnets]
        [described] = elb().describe_load_balancers()["LoadBalancers"]
        again = balancer(cloud, Subnets=subnets[::-1])
        assert again["LoadBalancerArn"] == first["LoadBalancerArn"]
        assert again == described
        code = refusal(lambda: balancer(cloud, Scheme="internet-facing"))
        assert code == "DuplicateLoadBalancerName"


@virtual
async def test_a_taken_port_is_refused_unless_the_listener_is_the_same() -> None:
    async with compute_cloud() as cloud:
        arn = balancer(cloud)["LoadBalancerArn"]
        first = listener(arn)
        again = listener(arn)
        [described] = elb().describe_listeners(LoadBalancerArn=arn)["Listeners"]
        assert again == described
        assert again["ListenerArn"] == first["ListenerArn"]
        code = refusal(lambda: listener(arn, DefaultActions=answer(405)))
        assert code == "DuplicateListener"
        assert listener(arn, Port=81)["ListenerArn"] != first["ListenerArn"]


@virtual
async def test_what_is_in_use_is_not_taken_or_removed() -> None:
    async with compute_cloud() as cloud:
        made = group(cloud)["TargetGroupArn"]
        where = listener(balancer(cloud)["LoadBalancerArn"])["ListenerArn"]
        first = rule(where, 1, made)
        assert refusal(lambda: rule(where, 1)) == "PriorityInUse"
        delete = lambda: elb().delete_target_group(TargetGroupArn=made)  # noqa: E731
        assert refusal(delete) == "ResourceInUse"
        elb().delete_rule(RuleArn=first)
        delete()


@virtual
async def test_rules_change_places_and_the_data_plane_hears_of_it() -> None:
    async with compute_cloud() as cloud:
        where = listener(balancer(cloud)["LoadBalancerArn"])["ListenerArn"]
        first, second, third = (rule(where, number) for number in (1, 2, 3))
        swap = [
            {"RuleArn": first, "Priority": 2},
            {"RuleArn": second, "Priority": 1},
        ]
        moved = elb().set_rule_priorities(RulePriorities=swap)["Rules"]
        assert [(r["RuleArn"], r["Priority"]) for r in moved] == [
            (first, "2"),
            (second, "1"),
        ]
        [view] = cloud.compute.elb.view().listeners
        assert [r.rule_arn for r in view.rules[:3]] == [second, first, third]
        for wrong, code in (
            ([{"RuleArn": first, "Priority": 3}], "PriorityInUse"),
            ([{"RuleArn": first + "0", "Priority": 9}], "RuleNotFound"),
        ):
            call = lambda: elb().set_rule_priorities(RulePriorities=wrong)  # noqa: B023, E731
            assert refusal(call) == code
        [view] = cloud.compute.elb.view().listeners
        assert [r.rule_arn for r in view.rules[:3]] == [second, first, third]


@virtual
async def test_tags_are_read_of_twenty_resources_at_a_time() -> None:
    async with compute_cloud() as cloud:
        made = group(cloud)["TargetGroupArn"]
        where = listener(balancer(cloud)["LoadBalancerArn"])["ListenerArn"]
        first = rule(where, 1)
        elb().add_tags(ResourceArns=[made, first], Tags=[{"Key": "x", "Value": "y"}])
        elb().remove_tags(ResourceArns=[made], TagKeys=["slipway:environment", "none"])
        shown = elb().describe_tags(ResourceArns=[made, first])["TagDescriptions"]
        assert [d["Tags"] for d in shown] == [[{"Key": "x", "Value": "y"}]] * 2
        many = [rule(where, number) for number in range(2, 22)]
        assert len(elb().describe_tags(ResourceArns=many)["TagDescriptions"]) == 20
        code = refusal(lambda: elb().describe_tags(ResourceArns=[*many, first]))
        assert code == "ValidationError"


@virtual
async def test_tags_of_what_is_not_there_are_an_error() -> None:
    async with compute_cloud() as cloud:
        load_balancer = balancer(cloud)["LoadBalancerArn"]
        where = listener(load_balancer)["ListenerArn"]
        names = {
            group(cloud)["TargetGroupArn"]: "TargetGroupNotFound",
            load_balancer: "LoadBalancerNotFound",
            where: "ListenerNotFound",
            rule(where, 1): "RuleNotFound",
        }
        for name, code in names.items():
            call = lambda: elb().describe_tags(ResourceArns=[name + "0"])  # noqa: B023, E731
            assert refusal(call) == code


@virtual
async def test_settings_change_in_place() -> None:
    async with compute_cloud() as cloud:
        arn = group(cloud)["TargetGroupArn"]
        [changed] = elb().modify_target_group(
            TargetGroupArn=arn, HealthCheckPath="/ready", HealthCheckIntervalSeconds=7
        )["TargetGroups"]
        assert changed["HealthCheckPath"] == "/ready"
        [read] = elb().describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
        assert read["HealthCheckIntervalSeconds"] == 7
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "5"}
        elb().modify_target_group_attributes(TargetGroupArn=arn, Attributes=[delay])
        shown = elb().describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
        assert delay in shown


@virtual
async def test_security_groups_of_a_balancer_are_replaced_as_a_whole() -> None:
    async with compute_cloud() as cloud:
        arn = balancer(cloud)["LoadBalancerArn"]
        [first, second] = [
            client("ec2").create_security_group(
                GroupName=name, Description=name, VpcId=cloud.compute.network.vpc_id
            )["GroupId"]
            for name in ("first", "second")
        ]
        for groups in ([first, second], [second]):
            elb().set_security_groups(LoadBalancerArn=arn, SecurityGroups=groups)
            [shown] = elb().describe_load_balancers()["LoadBalancers"]
            assert shown["SecurityGroups"] == groups
        code = refusal(
            lambda: elb().set_security_groups(
                LoadBalancerArn=arn, SecurityGroups=["sg-0123456789abcdef0"]
            )
        )
        assert code == "InvalidSecurityGroup"


@pytest.mark.parametrize("seconds", [0, 604801])
@virtual
async def test_clients_stay_with_a_group_for_1_second_to_7_days(seconds: int) -> None:
    async with compute_cloud() as cloud:
        binding = cloud.system().service("cart").bindings[0]
        (group_arn, *_) = binding.target_group_arns.values()
        stay = {"Enabled": True, "DurationSeconds": seconds}
        config = {
            "TargetGroups": [{"TargetGroupArn": group_arn}],
            "TargetGroupStickinessConfig": stay,
        }
        action = {"Type": "forward", "ForwardConfig": config}
        code = refusal(
            lambda: elb().modify_rule(RuleArn=binding.rule_arn, Actions=[action])
        )
        assert code == "ValidationError"
