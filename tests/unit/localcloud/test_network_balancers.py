"""Network Load Balancers in the local cloud: what they refuse, how late they act."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from localcloud.api import NotModelled

from tests.unit.localcloud.compute import Cloud, client, compute_cloud, virtual

GROUP = "sg-0a1b2c3d4e5f60718"


def elb() -> Any:
    return client("elbv2")


def refusal(call: Callable[[], object]) -> str:
    """Return the code with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


def balancer(cloud: Cloud, name: str = "wire", **more: Any) -> str:
    settings = {
        "Name": name,
        "Type": "network",
        "Scheme": "internal",
        "Subnets": [s.subnet_id for s in cloud.compute.network.subnets],
        "SecurityGroups": [GROUP],
    }
    [made] = elb().create_load_balancer(**settings | more)["LoadBalancers"]
    return str(made["LoadBalancerArn"])


def group(cloud: Cloud, name: str, protocol: str = "TCP", **more: Any) -> str:
    settings = {
        "Name": name,
        "Protocol": protocol,
        "Port": 5000,
        "VpcId": cloud.compute.network.vpc_id,
        "TargetType": "ip",
    }
    [made] = elb().create_target_group(**settings | more)["TargetGroups"]
    return str(made["TargetGroupArn"])


def forward(**weights: int) -> list[dict[str, Any]]:
    groups = [{"TargetGroupArn": arn, "Weight": n} for arn, n in weights.items()]
    return [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]


def listen(balancer_arn: str, actions: Any, port: int = 5000, **more: Any) -> str:
    settings = {
        "LoadBalancerArn": balancer_arn,
        "Port": port,
        "Protocol": "TCP",
        "DefaultActions": actions,
    }
    [made] = elb().create_listener(**settings | more)["Listeners"]
    return str(made["ListenerArn"])


@virtual
async def test_its_arn_says_what_it_is_and_made_twice_it_is_one() -> None:
    async with compute_cloud() as cloud:
        arn = balancer(cloud, Tags=[{"Key": "a", "Value": "b"}])
        assert ":loadbalancer/net/wire/" in arn
        assert balancer(cloud) == arn
        (described,) = elb().describe_load_balancers()["LoadBalancers"]
        assert (described["Type"], described["LoadBalancerArn"]) == ("network", arn)
        tags = elb().describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]
        assert tags == [{"Key": "a", "Value": "b"}]


@virtual
async def test_a_listener_forwards_and_does_nothing_else() -> None:
    async with compute_cloud() as cloud:
        arn, a, b = balancer(cloud), group(cloud, "a"), group(cloud, "b")
        fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}
        refused = "InvalidConfigurationRequest"
        assert refusal(lambda: listen(arn, [fixed])) == refused
        made = listen(arn, forward(**{a: 9, b: 0}))
        change = elb().modify_listener
        assert refusal(lambda: change(ListenerArn=made, DefaultActions=[fixed])) == (
            refused
        )
        (shown,) = change(ListenerArn=made, DefaultActions=forward(**{a: 1, b: 2}))[
            "Listeners"
        ]
        (read,) = elb().describe_listeners(ListenerArns=[made])["Listeners"]
        assert shown["DefaultActions"] == read["DefaultActions"]
        assert cloud.compute.elb.attached(a)
        assert cloud.compute.elb.attached(b)


@virtual
async def test_weights_that_are_all_0_are_left_open_by_aws_and_so_not_modelled() -> (
    None
):
    async with compute_cloud() as cloud:
        arn, a = balancer(cloud), group(cloud, "a")
        with pytest.raises(NotModelled, match="whose weights are all 0"):
            listen(arn, forward(**{a: 0}))
        cloud.router.not_modelled.clear()


@virtual
async def test_it_takes_no_rules_and_no_groups_that_speak_http() -> None:
    async with compute_cloud() as cloud:
        arn, a = balancer(cloud), group(cloud, "a")
        http, tls = group(cloud, "http", "HTTP"), group(cloud, "tls", "TLS")
        for other in (http, tls):
            code = refusal(lambda arns=other: listen(arn, forward(**{arns: 1})))  # type: ignore[misc]
            assert code == "IncompatibleProtocols"
        made = listen(arn, forward(**{a: 1}))
        rule = {"Field": "path-pattern", "Values": ["/"]}
        assert (
            refusal(
                lambda: elb().create_rule(
                    ListenerArn=made,
                    Priority=1,
                    Conditions=[rule],
                    Actions=forward(**{a: 1}),
                )
            )
            == "ValidationError"
        )


@virtual
async def test_a_group_is_one_load_balancers_and_a_port_one_listeners() -> None:
    async with compute_cloud() as cloud:
        wire, other = balancer(cloud), balancer(cloud, "other")
        a, b = group(cloud, "a"), group(cloud, "b")
        listen(wire, forward(**{a: 1}))
        code = refusal(lambda: listen(other, forward(**{a: 1})))
        assert code == "TargetGroupAssociationLimit"
        second = listen(wire, forward(**{b: 1}), port=5001)
        move = elb().modify_listener
        assert refusal(lambda: move(ListenerArn=second, Port=5000)) == (
            "DuplicateListener"
        )
        move(ListenerArn=second, Port=5002)
        (moved,) = elb().describe_listeners(ListenerArns=[second])["Listeners"]
        assert moved["Port"] == 5002
        assert refusal(lambda: elb().delete_target_group(TargetGroupArn=b)) == (
            "ResourceInUse"
        )


@virtual
async def test_security_groups_come_when_it_is_made_or_never() -> None:
    async with compute_cloud() as cloud:
        bare = balancer(cloud, SecurityGroups=[])
        give = elb().set_security_groups
        code = refusal(lambda: give(LoadBalancerArn=bare, SecurityGroups=[GROUP]))
        assert code == "InvalidConfigurationRequest"


@virtual
async def test_a_certificate_goes_with_tls_and_a_path_with_http() -> None:
    async with compute_cloud() as cloud:
        arn, a = balancer(cloud), group(cloud, "a")
        code = refusal(lambda: listen(arn, forward(**{a: 1}), Protocol="TLS"))
        assert code == "ValidationError"
        asked = {"HealthCheckProtocol": "TCP", "HealthCheckPath": "/"}
        assert refusal(lambda: group(cloud, "b", **asked)) == "ValidationError"


@virtual
async def test_weights_act_late_and_health_does_not() -> None:
    async with compute_cloud() as cloud:
        arn, a, b = balancer(cloud), group(cloud, "a"), group(cloud, "b")
        for one in (a, b):
            elb().modify_target_group_attributes(
                TargetGroupArn=one,
                Attributes=[
                    {"Key": "load_balancing.cross_zone.enabled", "Value": "true"}
                ],
            )
        heard: list[tuple[float, dict[str, int]]] = []
        apply = cloud.traffic.apply

        def note(view: Any) -> None:
            (network,) = [one for one in view.listeners if one.is_network]
            heard.append((cloud.clock.time(), dict(network.rules[0].weights)))
            apply(view)

        cloud.traffic.apply = note  # type: ignore[method-assign]
        made = listen(arn, forward(**{a: 100, b: 0}))
        await cloud.clock.sleep(400)
        assert heard[-1][1] == {a: 100, b: 0}
        began = cloud.clock.time()
        elb().modify_listener(
            ListenerArn=made, DefaultActions=forward(**{a: 50, b: 50})
        )
        await cloud.clock.sleep(299)
        assert heard[-1][1] == {a: 100, b: 0}
        await cloud.clock.sleep(2)
        assert heard[-1][1] == {a: 50, b: 50}
        assert heard[-1][0] - began == pytest.approx(300, abs=1)


@virtual
async def test_groups_that_send_to_their_own_zone_alone_are_not_modelled() -> None:
    async with compute_cloud() as cloud:
        a = group(cloud, "a")
        with pytest.raises(NotModelled, match="without cross-zone"):
            elb().describe_target_health(TargetGroupArn=a)
        cloud.router.not_modelled.clear()
