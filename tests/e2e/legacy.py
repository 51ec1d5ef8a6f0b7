"""ECS services as people made them by hand, before Slipway came."""

from typing import Any

from localcloud.api import ACCOUNT, REGION

from tests.e2e.grounds import Grounds
from tests.e2e.road import GOOD, client

ROLE = f"arn:aws:iam::{ACCOUNT}:role/slipway/test/execution"
HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"


class Legacy:
    """A service with a group of its own, behind a load balancer, that serves."""

    def __init__(self, made: Grounds, name: str = "legacy-shop") -> None:
        self.made = made
        self.name = name
        self.container = "app"
        self.settings: dict[str, Any] = {}
        """More of CreateService."""
        self.definition: dict[str, Any] = {}
        """More of the container's definition."""
        self.tags: dict[str, str] = {}
        self.group_settings: dict[str, Any] = {}

    async def serve(self, listener: str, path: str | None = "/shop*") -> None:
        """Make it, behind a rule for a path or the listener's default; wait for it."""
        self._group(listener, path)
        self._register()
        self._create()
        await self.made.until(lambda: self.described()["runningCount"] == 3)
        await self.made.pause(120)

    def _group(self, listener: str, path: str | None) -> None:
        elb, network = client("elbv2"), self.made.cloud.network
        (group,) = elb.create_target_group(
            **{
                "Name": f"{self.name}-tg",
                "Protocol": "HTTP",
                "Port": 8080,
                "VpcId": network.vpc_id,
                "TargetType": "ip",
                "HealthCheckPath": "/healthz",
                "HealthCheckIntervalSeconds": 10,
                "Tags": [{"Key": "team", "Value": "shop"}],
            }
            | self.group_settings
        )["TargetGroups"]
        self.group = group["TargetGroupArn"]
        elb.modify_target_group_attributes(
            TargetGroupArn=self.group,
            Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "30"}],
        )
        actions: list[Any] = [{"Type": "forward", "TargetGroupArn": self.group}]
        if path is None:
            elb.modify_listener(ListenerArn=listener, DefaultActions=actions)
            return
        elb.create_rule(
            ListenerArn=listener,
            Priority=77,
            Conditions=[{"Field": "path-pattern", "Values": [path]}],
            Actions=actions,
        )

    def _register(self) -> None:
        image = GOOD | {"app": self.name, "version": "old"}
        self.digest = self.made.cloud.images.push("test/legacy", "old", image)
        answer = client("ecs").register_task_definition(
            family=self.name,
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="512",
            memory="1024",
            executionRoleArn=ROLE,
            containerDefinitions=[
                {
                    "name": self.container,
                    "image": f"{HOST}/test/legacy:old",
                    "portMappings": [{"containerPort": 8080}],
                    "environment": [{"name": "MOTTO", "value": "as ever"}],
                    "logConfiguration": {
                        "logDriver": "awslogs",
                        "options": {
                            "awslogs-group": "/shop/test",
                            "awslogs-region": REGION,
                            "awslogs-stream-prefix": "legacy",
                        },
                    },
                    **self.definition,
                }
            ],
        )
        self.revision = answer["taskDefinition"]["taskDefinitionArn"]

    def _create(self) -> None:
        network = self.made.cloud.network
        self.security_group = client("ec2").create_security_group(
            GroupName=self.name, Description="by hand", VpcId=network.vpc_id
        )["GroupId"]
        client("ecs").create_service(
            **{
                "cluster": "test",
                "serviceName": self.name,
                "taskDefinition": self.revision,
                "desiredCount": 3,
                "launchType": "FARGATE",
                "loadBalancers": [
                    {
                        "targetGroupArn": self.group,
                        "containerName": self.container,
                        "containerPort": 8080,
                    }
                ],
                "networkConfiguration": {
                    "awsvpcConfiguration": {
                        "subnets": [s.subnet_id for s in network.subnets],
                        "securityGroups": [self.security_group],
                        "assignPublicIp": "DISABLED",
                    }
                },
                "deploymentConfiguration": {
                    "deploymentCircuitBreaker": {"enable": True, "rollback": True},
                    "minimumHealthyPercent": 50,
                    "maximumPercent": 200,
                },
                "healthCheckGracePeriodSeconds": 45,
                "tags": [
                    {"key": key, "value": value} for key, value in self.tags.items()
                ],
            }
            | self.settings
        )

    def tasks(self) -> set[str]:
        """Return the tasks that it runs, by ARN."""
        arns = client("ecs").list_tasks(cluster="test", serviceName=self.name)
        return set(arns["taskArns"])

    def described(self) -> Any:
        """Return the service as ECS shows it."""
        (service,) = client("ecs").describe_services(
            cluster="test", services=[self.name], include=["TAGS"]
        )["services"]
        return service


def listener_of(balancer: str, port: int = 80) -> str:
    """Return a listener of a load balancer by that one's name in manifests."""
    elb = client("elbv2")
    (found,) = elb.describe_load_balancers(Names=[f"test-{balancer}"])["LoadBalancers"]
    listeners = elb.describe_listeners(LoadBalancerArn=found["LoadBalancerArn"])
    return next(
        str(one["ListenerArn"]) for one in listeners["Listeners"] if one["Port"] == port
    )
