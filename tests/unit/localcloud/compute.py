"""Builds the compute half of a local cloud in virtual time, for its own tests."""

import os
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache, wraps
from typing import Any
from unittest.mock import patch

import boto3
from localcloud.api import ACCOUNT, REGION, Router
from localcloud.clock import Clock, run_virtual
from localcloud.compute import Compute
from localcloud.delays import Delays, OpenQuestions
from localcloud.fixture import ServiceSpec, System, create_system
from localcloud.metrics import Metrics
from localcloud.simulated import SimulatedRuntime, SimulatedTraffic
from moto.acm.models import acm_backends
from moto.ec2.models import ec2_backends
from moto.elbv2.models import elbv2_backends
from moto.logs.models import logs_backends
from moto.route53.models import route53_backends
from moto.servicediscovery.models import servicediscovery_backends

_ENVIRONMENT = {
    "MOTO_ACCOUNT_ID": ACCOUNT,
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
}

SHOP = ServiceSpec("cart", 7070, public=True, path="/*")


@dataclass
class Recorder:
    """Keeps every event."""

    events: list[dict[str, Any]] = field(default_factory=list)

    def put(self, event: dict[str, Any]) -> None:
        """Keep an event."""
        self.events.append(event)

    def details(self, detail_type: str) -> list[dict[str, Any]]:
        """Return the details of all events of a type, in order."""
        return [e["detail"] for e in self.events if e["detail-type"] == detail_type]


@cache
def client(service: Any) -> Any:
    """Return a boto3 client; making one is slow."""
    return boto3.client(service, region_name=REGION)


@dataclass
class Cloud:
    """The parts that tests reach for, and what they do most."""

    clock: Clock
    router: Router
    events: Recorder
    runtime: SimulatedRuntime
    metrics: Metrics
    traffic: SimulatedTraffic
    compute: Compute

    def system(self, specs: Sequence[ServiceSpec] = (SHOP,)) -> System:
        """Make a system."""
        return create_system(self.compute.network, self.compute.monitor, specs)

    def describe(self, slot: str) -> dict[str, Any]:
        """Return an ECS service as DescribeServices gives it."""
        answer = client("ecs").describe_services(cluster="demo", services=[slot])
        return answer["services"][0]

    def deployment(self, slot: str) -> dict[str, Any]:
        """Return an ECS service's primary deployment."""
        return self.describe(slot)["deployments"][0]

    def register(self, service: str, image: dict[str, Any], tag: str = "v1") -> str:
        """Push an image and register its task definition; return the latter's ARN."""
        repository = f"demo/{service}"
        digest = self.compute.images.push(repository, tag, image)
        ecs = client("ecs")
        known = ecs.describe_task_definition(taskDefinition=f"demo-{service}")
        settings = {
            k: known["taskDefinition"][k]
            for k in (
                "family",
                "requiresCompatibilities",
                "networkMode",
                "cpu",
                "memory",
                "containerDefinitions",
            )
        }
        container = settings["containerDefinitions"][0]
        registry = container["image"].split("/")[0]
        container["image"] = f"{registry}/{repository}@{digest}"
        return ecs.register_task_definition(**settings)["taskDefinition"][
            "taskDefinitionArn"
        ]

    def launch(
        self,
        service: str,
        slot: str,
        image: dict[str, Any],
        count: int,
        tag: str = "v1",
    ) -> str:
        """Push an image and run it in a slot; return its revision."""
        revision = self.register(service, image, tag)
        client("ecs").update_service(
            cluster="demo",
            service=f"{service}-{slot}",
            taskDefinition=revision,
            desiredCount=count,
        )
        return revision

    def scale(self, slot: str, count: int) -> None:
        """Set a slot's desired count and nothing else."""
        client("ecs").update_service(cluster="demo", service=slot, desiredCount=count)

    async def settled(self, slot: str, count: int) -> None:
        """Wait until the slot's deployment is complete and healthy at a count."""
        async with self.clock.timeout(600):
            while True:
                service = self.describe(slot)
                groups = [b["targetGroupArn"] for b in service["loadBalancers"]]
                if (
                    service["deployments"][0]["rolloutState"] == "COMPLETED"
                    and service["runningCount"] == service["desiredCount"] == count
                    and all(self.compute.elb.healthy(g) == count for g in groups)
                ):
                    return
                await self.clock.sleep(1)

    def tasks(self, slot: str, status: str = "RUNNING") -> list[dict[str, Any]]:
        """Return a slot's tasks by desired status."""
        ecs = client("ecs")
        arns = ecs.list_tasks(cluster="demo", serviceName=slot, desiredStatus=status)[
            "taskArns"
        ]
        if not arns:
            return []
        return ecs.describe_tasks(cluster="demo", tasks=arns)["tasks"]

    def route(self, system: System, service: str, a: int, b: int) -> None:
        """Set the weights of a service's rule."""
        binding = system.service(service).bindings[0]
        groups = [
            {"TargetGroupArn": binding.target_group_arns[slot], "Weight": weight}
            for slot, weight in zip(binding.target_group_arns, (a, b), strict=True)
        ]
        client("elbv2").modify_rule(
            RuleArn=binding.rule_arn,
            Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}],
        )


@asynccontextmanager
async def compute_cloud(
    delays: Delays | None = None, questions: OpenQuestions | None = None
) -> AsyncIterator[Cloud]:
    """Start it, and end it with whatever failed in the background."""
    delays, questions = delays or Delays(), questions or OpenQuestions()
    with patch.dict(os.environ, _ENVIRONMENT):
        acm_backends.reset()
        ec2_backends.reset()
        elbv2_backends.reset()
        logs_backends.reset()
        route53_backends.reset()
        servicediscovery_backends.reset()
        clock = Clock()
        router = Router(clock)
        with router:
            events = Recorder()
            runtime = SimulatedRuntime(clock)
            metrics = Metrics(clock, router, delays)
            traffic = SimulatedTraffic(clock, runtime, metrics, delays, questions)
            compute = Compute.start(
                clock, router, events, runtime, traffic, delays, questions
            )
            try:
                yield Cloud(clock, router, events, runtime, metrics, traffic, compute)
            finally:
                traffic.close()
                await compute.close()


def virtual(
    test: Callable[..., Coroutine[Any, Any, None]],
) -> Callable[..., None]:
    """Run an asynchronous test in virtual time."""

    @wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        run_virtual(test(*arguments, **named))

    return run
