"""An ECS service as people make one in the console: no manifest, no slot, no tag."""

from collections.abc import Mapping
from typing import Any

import boto3

from localcloud.api import ACCOUNT, REGION
from localcloud.cloud import LocalCloud

NAME = "ads-by-hand"
SERVICE = "adservice"
"""What it is called once it is adopted."""
HOST = "ads.boutique.example"
PORT = 9555
TASKS = 2
REPOSITORY = f"boutique/{SERVICE}"


def make(cloud: LocalCloud, environment: str, image: Mapping[str, Any]) -> str:
    """Make it, with a rule for HOST on the public listener; return its target group."""
    elb = _client("elbv2")
    _client("ecr").create_repository(repositoryName=REPOSITORY)
    cloud.images.push(REPOSITORY, "v1", image)
    (group,) = elb.create_target_group(
        Name=NAME,
        Protocol="HTTP",
        Port=PORT,
        VpcId=cloud.network.vpc_id,
        TargetType="ip",
        HealthCheckPath="/healthz",
        HealthCheckIntervalSeconds=10,
        HealthyThresholdCount=2,
    )["TargetGroups"]
    arn: str = group["TargetGroupArn"]
    (balancer,) = elb.describe_load_balancers(Names=[f"{environment}-public"])[
        "LoadBalancers"
    ]
    (listener,) = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])[
        "Listeners"
    ]
    elb.create_rule(
        ListenerArn=listener["ListenerArn"],
        Priority=500,
        Conditions=[{"Field": "host-header", "Values": [HOST]}],
        Actions=[{"Type": "forward", "TargetGroupArn": arn}],
    )
    _client("ecs").create_service(
        cluster=environment,
        serviceName=NAME,
        taskDefinition=_definition(environment),
        desiredCount=TASKS,
        launchType="FARGATE",
        loadBalancers=[
            {"targetGroupArn": arn, "containerName": "ads", "containerPort": PORT}
        ],
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": [subnet.subnet_id for subnet in cloud.network.subnets],
                "securityGroups": [_group(cloud)],
                "assignPublicIp": "DISABLED",
            }
        },
        deploymentConfiguration={
            "deploymentCircuitBreaker": {"enable": True, "rollback": True}
        },
    )
    return arn


def tasks(environment: str) -> frozenset[str]:
    """Return the tasks that it runs now, by ARN."""
    answer = _client("ecs").list_tasks(cluster=environment, serviceName=NAME)
    return frozenset(answer["taskArns"])


def _definition(environment: str) -> str:
    answer = _client("ecs").register_task_definition(
        family=NAME,
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        executionRoleArn=(
            f"arn:aws:iam::{ACCOUNT}:role/slipway/{environment}/boutique-execution"
        ),
        containerDefinitions=[
            {
                "name": "ads",
                "image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{REPOSITORY}:v1",
                "portMappings": [{"containerPort": PORT}],
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {
                        "awslogs-group": f"/boutique/{environment}",
                        "awslogs-region": REGION,
                        "awslogs-stream-prefix": "ads",
                    },
                },
            }
        ],
    )
    return str(answer["taskDefinition"]["taskDefinitionArn"])


def _group(cloud: LocalCloud) -> str:
    answer = _client("ec2").create_security_group(
        GroupName=NAME, Description="by hand", VpcId=cloud.network.vpc_id
    )
    return str(answer["GroupId"])


def _client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]
