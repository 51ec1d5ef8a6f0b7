"""A live ECS service as AWS shows it, plain unless told otherwise."""

from typing import Any

from slipway.domain.adoption import Running
from slipway.manifests.environment import Environment
from slipway_cli.adoption.live import Group, Live, Rule
from slipway_cli.adoption.writing import Names, manifest_of

ACCOUNT = "111122223333"
HOST = f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com"
BALANCER = f"arn:aws:elasticloadbalancing:eu-west-1:{ACCOUNT}:loadbalancer/app/web/1"
GROUP = f"arn:aws:elasticloadbalancing:eu-west-1:{ACCOUNT}:targetgroup/legacy-tg/1"


def a_service(**more: Any) -> dict[str, Any]:
    """Return a service as DescribeServices has it; None takes a key away."""
    usual = {
        "serviceName": "legacy",
        "serviceArn": "arn:service/legacy",
        "desiredCount": 3,
        "runningCount": 3,
        "launchType": "FARGATE",
        "deployments": [{"rolloutState": "COMPLETED"}],
        "loadBalancers": [{"targetGroupArn": GROUP}],
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "assignPublicIp": "DISABLED",
                "securityGroups": ["sg-0123456789abcdef0"],
            }
        },
        "healthCheckGracePeriodSeconds": 45,
    }
    return {k: v for k, v in (usual | more).items() if v is not None}


def a_definition(
    sidecars: tuple[Any, ...] = (), volumes: Any = (), **own: Any
) -> dict[str, Any]:
    """Return a task definition; `own` is of its first container."""
    container = {
        "name": "app",
        "image": f"{HOST}/shop/app:v7",
        "portMappings": [{"containerPort": 8080}],
        "environment": [{"name": "MOTTO", "value": "as ever"}],
    }
    return {
        "cpu": "512",
        "memory": "1024",
        "networkMode": "awsvpc",
        "executionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/slipway/test/execution",
        "containerDefinitions": [container | own, *sidecars],
        "volumes": list(volumes),
    }


def a_group(**more: Any) -> Group:
    """Return a target group; `more` is of DescribeTargetGroups."""
    facts = {
        "TargetType": "ip",
        "Protocol": "HTTP",
        "ProtocolVersion": "HTTP1",
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPath": "/healthz",
        "HealthCheckPort": "traffic-port",
        "HealthCheckIntervalSeconds": 10,
        "HealthCheckTimeoutSeconds": 5,
        "HealthyThresholdCount": 5,
        "UnhealthyThresholdCount": 2,
        "Matcher": {"HttpCode": "200"},
        "LoadBalancerArns": [BALANCER],
    }
    return Group(GROUP, "legacy-tg", facts | more, {}, {}, "app", 8080)


def a_rule(**more: Any) -> Rule:
    """Return a rule; `more` is of DescribeRules."""
    facts = {
        "IsDefault": False,
        "Priority": "77",
        "Conditions": [{"Field": "path-pattern", "Values": ["/shop/*"]}],
        "Actions": [{"Type": "forward", "TargetGroupArn": GROUP}],
    }
    return Rule("arn:rule/1", "arn:listener/1", BALANCER, 443, facts | more, {})


def a_policy(name: str = "scale", **more: Any) -> dict[str, Any]:
    """Return a policy that keeps CPU at 60 %."""
    usual = {
        "PolicyName": name,
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 60.0,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "ECSServiceAverageCPUUtilization"
            },
            "ScaleOutCooldown": 60,
            "ScaleInCooldown": 300,
        },
    }
    return usual | more


def a_live(
    *,
    service: dict[str, Any] | None = None,
    definition: dict[str, Any] | None = None,
    groups: tuple[Group, ...] | None = None,
    rules: tuple[Rule, ...] | None = None,
    tags: dict[str, str] | None = None,
) -> Live:
    """Return a service that can be adopted."""
    return Live(
        "legacy",
        service or a_service(),
        tags or {},
        Running("arn:revision", definition or a_definition(), {}, is_steady=True),
        (a_group(),) if groups is None else groups,
        (a_rule(),) if rules is None else rules,
        None,
        (),
        (),
    )


def a_manifest(live: Live) -> dict[str, Any]:
    """Return the manifest of a service in an environment that knows its balancer."""
    environment = Environment.model_validate(
        {
            "name": "test",
            "account": ACCOUNT,
            "region": "eu-west-1",
            "vpc": "vpc-0123456789abcdef0",
            "subnets": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
            "cluster": {"name": "test"},
            "load_balancers": {
                "public": {
                    "scheme": "internet-facing",
                    "arn": BALANCER,
                    "listeners": [{"port": 443, "protocol": "https"}],
                }
            },
        }
    )
    return manifest_of(live, Names("shop", {BALANCER: "public"}), environment)
