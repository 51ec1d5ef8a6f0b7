"""What is adopted and what is not: each refusal says what to do."""

from dataclasses import replace
from typing import Any

import pytest
from slipway_cli.adoption.judging import refusals
from slipway_cli.adoption.live import Live
from slipway_cli.adoption.writing import CannotSay, bindings

from tests.unit.cli.adoption_builders import (
    GROUP,
    a_definition,
    a_group,
    a_live,
    a_manifest,
    a_policy,
    a_rule,
    a_service,
)

TWO_PORTS = [{"containerPort": 80}, {"containerPort": 81}]
FOREIGN = {"aws:cloudformation:stack-name": "shop"}


def test_a_plain_service_is_refused_for_nothing() -> None:
    assert refusals(a_live(), "test", forced=False) == []


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ({"deploymentController": {"type": "CODE_DEPLOY"}}, "CODE_DEPLOY"),
        ({"deploymentController": {"type": "EXTERNAL"}}, "EXTERNAL"),
        (
            {"deploymentConfiguration": {"strategy": "BLUE_GREEN"}},
            "set it to ROLLING",
        ),
        ({"schedulingStrategy": "DAEMON"}, "daemon"),
        ({"launchType": "EC2"}, "it runs on EC2"),
        (
            {
                "launchType": None,
                "capacityProviderStrategy": [{"capacityProvider": "own-hosts"}],
            },
            "it runs on own-hosts",
        ),
        (
            {
                "deployments": [
                    {
                        "rolloutState": "COMPLETED",
                        "serviceConnectConfiguration": {"enabled": True},
                    }
                ]
            },
            "Service Connect",
        ),
        ({"vpcLatticeConfigurations": [{"roleArn": "x"}]}, "VPC Lattice"),
        ({"loadBalancers": [{"loadBalancerName": "old"}]}, "Classic Load Balancer"),
        (
            {
                "networkConfiguration": {
                    "awsvpcConfiguration": {"assignPublicIp": "ENABLED"}
                }
            },
            "public addresses",
        ),
        (
            {
                "networkConfiguration": {
                    "awsvpcConfiguration": {
                        "securityGroups": ["sg-1", "sg-2", "sg-3", "sg-4", "sg-5"]
                    }
                }
            },
            "5 security groups",
        ),
    ],
)
def test_a_service_is_refused_for_what_it_is(
    service: dict[str, Any], said: str
) -> None:
    live = a_live(service=a_service(**service))
    assert any(said in why for why in refusals(live, "test", forced=True))


@pytest.mark.parametrize(
    ("group", "said"),
    [
        ({"TargetType": "instance"}, "Fargate's tasks need type ip"),
        ({"TargetType": "lambda"}, "Fargate's tasks need type ip"),
        ({"Protocol": "TCP"}, "speaks TCP"),
        ({"HealthCheckProtocol": "HTTPS"}, "let it check by HTTP"),
        ({"LoadBalancerArns": []}, "has no load balancer"),
    ],
)
def test_a_service_is_refused_for_its_target_group(
    group: dict[str, Any], said: str
) -> None:
    live = a_live(groups=(a_group(**group),))
    (why,) = refusals(live, "test", forced=False)
    assert said in why


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("stickiness.enabled", "true"),
        ("slow_start.duration_seconds", "60"),
        ("load_balancing.algorithm.type", "least_outstanding_requests"),
    ],
)
def test_what_the_other_slot_would_not_have_is_refused(key: str, value: str) -> None:
    live = a_live(groups=(replace(a_group(), attributes={key: value}),))
    (why,) = refusals(live, "test", forced=False)
    assert f"{key} {value}" in why


def test_a_rule_with_more_than_one_group_is_refused() -> None:
    shares = [{"TargetGroupArn": a_group().arn, "Weight": 1}]
    shares += [{"TargetGroupArn": "arn:targetgroup/other/1", "Weight": 1}]
    actions = [{"Type": "forward", "ForwardConfig": {"TargetGroups": shares}}]
    live = a_live(rules=(a_rule(Actions=actions),))
    (why,) = refusals(live, "test", forced=False)
    assert "shares its requests among" in why


def test_conditions_without_words_in_manifests_are_refused() -> None:
    live = a_live(rules=(a_rule(Conditions=[{"Field": "query-string"}]),))
    (why,) = refusals(live, "test", forced=False)
    assert "query-string" in why


def test_a_service_that_is_not_steady_is_refused() -> None:
    live = a_live()
    running = replace(live.running, is_steady=False)
    (why,) = refusals(replace(live, running=running), "test", forced=False)
    assert "it is not steady" in why


def test_what_a_stack_owns_is_refused_unless_forced() -> None:
    live = a_live(
        tags=FOREIGN,
        groups=(replace(a_group(), tags=FOREIGN),),
        rules=(replace(a_rule(), tags=FOREIGN),),
    )
    assert len(refusals(live, "test", forced=False)) == 3
    assert refusals(live, "test", forced=True) == []


def test_another_environments_service_is_refused() -> None:
    live = a_live(tags={"slipway:environment": "prod"})
    (why,) = refusals(live, "test", forced=False)
    assert "environment prod" in why


@pytest.mark.parametrize(
    ("policies", "said"),
    [
        ((a_policy(PolicyType="StepScaling"),), "none of CPU, memory or requests"),
        ((a_policy("a"), a_policy("b")), "scaling policies a and b go by one metric"),
    ],
)
def test_scaling_that_manifests_cannot_say_is_refused(
    policies: tuple[Any, ...], said: str
) -> None:
    (why,) = refusals(replace(a_live(), policies=policies), "test", forced=False)
    assert said in why


def test_scheduled_actions_are_refused() -> None:
    live = replace(a_live(), scheduled=("night",))
    (why,) = refusals(live, "test", forced=False)
    assert "night" in why


# ----------------------------------------------------- what is written


def test_a_manifest_says_what_runs() -> None:
    manifest = a_manifest(a_live())
    assert manifest == {
        "name": "shop",
        "image": {
            "location": "shop/app",
            "tag": "v7",
            "port": 8080,
            "protocol": "http",
        },
        "cpu": 512,
        "memory": 1024,
        "variables": {"MOTTO": "as ever"},
        "network": {"vpc": {"security_groups": ["sg-0123456789abcdef0"]}},
        "execution_role": "role/slipway/test/execution",
        "count": {"range": {"min": 3, "max": 3}},
        "http": {
            "load_balancer": "public",
            "listener": 443,
            "path": "/shop/*",
            "priority": 77,
            "healthcheck": {
                "path": "/healthz",
                "success_codes": "200",
                "interval": 10,
                "timeout": 5,
                "healthy_threshold": 5,
                "unhealthy_threshold": 2,
                "grace_period": 45,
            },
            "deregistration_delay": 300,
        },
        "adopted": {
            "service": "legacy",
            "container": "app",
            "target_groups": ["legacy-tg"],
        },
    }


@pytest.mark.parametrize("on", [True, False])
def test_a_rule_with_which_clients_stay_is_said_to_keep_them(*, on: bool) -> None:
    groups = [{"TargetGroupArn": GROUP, "Weight": 1}]
    stay = {"Enabled": on, "DurationSeconds": 3600}
    config = {"TargetGroups": groups, "TargetGroupStickinessConfig": stay}
    rule = a_rule(Actions=[{"Type": "forward", "ForwardConfig": config}])
    rules = a_live(rules=(rule, replace(a_rule(Priority="78"), arn="arn:rule/2")))
    http = a_manifest(rules)["http"]
    assert http.get("stickiness", False) is on
    assert "stickiness" not in http["additional_rules"][0]


def test_scaling_spot_and_sidecars_are_said() -> None:
    live = a_live(
        service=a_service(
            launchType=None,
            capacityProviderStrategy=[
                {"capacityProvider": "FARGATE", "weight": 1},
                {"capacityProvider": "FARGATE_SPOT", "weight": 3},
            ],
        ),
        definition=a_definition(
            sidecars=(
                {
                    "name": "proxy",
                    "image": "public.ecr.aws/envoy:v1",
                    "dependsOn": [{"containerName": "app", "condition": "START"}],
                    "mountPoints": [{"sourceVolume": "tmp", "containerPath": "/work"}],
                },
            ),
            volumes=[{"name": "tmp", "host": {}}],
            mountPoints=[{"sourceVolume": "tmp", "containerPath": "/data"}],
        ),
    )
    live = replace(
        live,
        target={"MinCapacity": 2, "MaxCapacity": 8},
        policies=(a_policy("cpu"),),
    )
    manifest = a_manifest(live)
    assert manifest["count"] == {
        "range": {"min": 2, "max": 8},
        "cpu_percentage": 60,
        "cooldown": {"out": 60, "in": 300},
        "spot_percentage": 75,
    }
    assert manifest["sidecars"]["proxy"]["depends_on"] == {"shop": "start"}
    assert manifest["storage"]["volumes"] == {
        "tmp": {"path": "/data", "read_only": False}
    }


@pytest.mark.parametrize(
    ("live", "said"),
    [
        (
            a_live(definition=a_definition(image="docker.io/library/nginx:1")),
            "in no ECR registry",
        ),
        (
            a_live(definition=a_definition(portMappings=TWO_PORTS)),
            "has the ports 80, 81",
        ),
        (
            replace(a_live(), rules=(replace(a_rule(), balancer_arn="arn:elsewhere"),)),
            "is not in environment.yaml",
        ),
        (
            replace(a_live(), rules=(replace(a_rule(), port=8443),)),
            "listener 8443",
        ),
        (
            a_live(
                rules=(
                    a_rule(
                        Conditions=[{"Field": "path-pattern", "Values": ["/a", "/b"]}]
                    ),
                )
            ),
            "takes the paths /a, /b",
        ),
        (
            a_live(
                definition={
                    **a_definition(),
                    "taskRoleArn": "arn:aws:iam::111122223333:role/Admin",
                }
            ),
            "--task-role",
        ),
    ],
)
def test_what_manifests_have_no_words_for_is_refused(live: Live, said: str) -> None:
    with pytest.raises(CannotSay, match=said.replace(".", r"\.")):
        a_manifest(live)


def test_rules_that_share_a_group_are_bindings_of_one_pair() -> None:
    first, second = a_rule(), replace(a_rule(), arn="arn:rule/2", port=80)
    live = a_live(rules=(first, second))
    assert [group.name for group, _ in bindings(live)] == ["legacy-tg", "legacy-tg"]


def test_a_default_counts_unless_a_rule_takes_all_before_it() -> None:
    default = a_rule(IsDefault=True, Conditions=[], Priority="default")
    everything = a_rule(Conditions=[{"Field": "path-pattern", "Values": ["/*"]}])
    assert bindings(a_live(rules=(default,)))[0][1] == default
    found = bindings(a_live(rules=(everything, replace(default, arn="arn:default"))))
    assert [rule for _, rule in found] == [everything]
