"""A service, live traffic and the whole of Slipway, in virtual time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import boto3
from localcloud.clock import Clock
from localcloud.cloud import LocalCloud
from localcloud.delays import Delays, OpenQuestions
from localcloud.fixture import ServiceSpec, System, SystemSettings, create_system
from localcloud.simulated import Flow, SimulatedRuntime, SimulatedTraffic
from slipway.domain.rollout import Outcome
from slipway.domain.service import JudgePolicy, RolloutPolicy, Service, Slot, Step
from slipway.gateways.journal import Entry, Journal

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
REQUESTS_PER_SECOND = 20.0
LOOK_SECONDS = 15
GOOD: dict[str, Any] = {"app": "orders", "start_seconds": 8}
QUICK = RolloutPolicy(
    steps=(Step(10, 120), Step(50, 120), Step(100, 120)),
    judge=JudgePolicy(min_requests=30),
    launch_timeout_seconds=300,
    hold_seconds=600,
    retire_delay_seconds=60,
    restore_timeout_seconds=300,
)


@dataclass(slots=True)
class Road:
    """One running world, with one service called orders."""

    cloud: LocalCloud
    runtime: SimulatedRuntime
    traffic: SimulatedTraffic
    system: System
    journal: Journal
    flow: Flow | None = None

    @property
    def service(self) -> Service:
        """The service under test, as the fixture made it."""
        return self.system.services[0]

    def push(self, tag: str = "v1", **behaviour: Any) -> str:
        """Push an image that behaves so; return its digest."""
        image = GOOD | {"version": tag} | behaviour
        return self.cloud.images.push(self.service.repository, tag, image)

    def send(self) -> Flow:
        """Begin live traffic."""
        self.flow = self.traffic.send(
            self.system.public_listener_arn, REQUESTS_PER_SECOND, host=HOST
        )
        return self.flow

    async def ended(self, digest: str, *, within_seconds: float = 7200) -> Entry:
        """Wait until the rollout of an image has ended; return how."""
        for _ in range(int(within_seconds / LOOK_SECONDS)):
            for entry in self.journal.rollouts(self.service.name):
                if entry.rollout.cause.digest == digest and entry.outcome:
                    return entry
            await self.cloud.clock.sleep(LOOK_SECONDS)
        raise TimeoutError(f"no rollout of {digest} ended in {within_seconds} s")

    async def first_release(self) -> str:
        """Push a good release and see it promoted; then begin live traffic."""
        digest = self.push()
        entry = await self.ended(digest)
        assert entry.outcome is Outcome.PROMOTED, entry.reason
        self.send()
        await self.cloud.clock.sleep(60)
        return digest

    def weights(self) -> dict[Slot, int]:
        """The slots' shares in the rule, in percent."""
        binding = self.service.bindings[0]
        rule = self._elb().describe_rules(RuleArns=[binding.rule_arn])["Rules"][0]
        groups = rule["Actions"][-1].get("ForwardConfig", {}).get("TargetGroups", [])
        weight = {g["TargetGroupArn"]: g["Weight"] for g in groups}
        return {
            slot: weight.get(arn, 0) for slot, arn in binding.target_group_arns.items()
        }

    def desired(self) -> dict[Slot, int]:
        """The slots' desired counts."""
        return {
            slot: self.cloud.ecs.service(name, self.system.cluster).desired
            for slot, name in self.service.slots.items()
        }

    def _elb(self) -> Any:
        return cast("Any", boto3.client("elbv2", region_name="eu-west-1"))


HOST = "orders.example.com"


@asynccontextmanager
async def road(
    *,
    policy: RolloutPolicy = QUICK,
    tag_pattern: str = "v*",
    min_tasks: int = 4,
    open_questions: OpenQuestions | None = None,
) -> AsyncIterator[Road]:
    """Start the world; at the end nothing may have failed unseen."""
    clock = Clock()
    runtime = SimulatedRuntime(clock)
    delays, questions = Delays(), open_questions or OpenQuestions()
    async with await LocalCloud.start(
        clock,
        runtime,
        lambda metrics: SimulatedTraffic(clock, runtime, metrics, delays, questions),
        template=TEMPLATE,
        parameters=lambda network: {
            "EnvironmentName": "test",
            "ClusterName": "test",
            "SubnetIds": ",".join(subnet.subnet_id for subnet in network.subnets),
        },
        delays=delays,
        open_questions=questions,
    ) as cloud:
        spec = ServiceSpec(
            name="orders",
            port=8080,
            host=HOST,
            public=True,
            min_tasks=min_tasks,
            rollout=policy,
            tag_pattern=tag_pattern,
        )
        system = create_system(
            cloud.network,
            cloud.monitor,
            [spec],
            SystemSettings(environment="test"),
        )
        table = cloud.stack.outputs["JournalTableName"]
        journal = Journal(boto3.client("dynamodb", region_name="eu-west-1"), table)
        journal.put_service(system.services[0])
        traffic = cast("SimulatedTraffic", cloud.data_plane)
        yield Road(cloud, runtime, traffic, system, journal)
        traffic.close()
        assert not cloud.monitor.violations
