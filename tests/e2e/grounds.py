"""An environment from manifests alone: what is uploaded is provisioned, and runs.

`grounds()` starts a local cloud with Slipway in it and nothing else; at its end it
asserts that no dead letter was left and that the monitor saw no violation.
"""

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import yaml
from localcloud.api import ACCOUNT, REGION, Call
from localcloud.clock import Clock
from localcloud.cloud import LocalCloud
from localcloud.delays import Delays, OpenQuestions
from localcloud.network import Network
from localcloud.simulated import Flow, SimulatedRuntime, SimulatedTraffic
from localcloud.states import Execution
from slipway.domain.provision_run import Report
from slipway.domain.service import Service, Slot
from slipway.gateways.journal import Entry, Journal
from slipway.provisioning import validated

from tests.e2e.road import GOOD, TEMPLATE, client
from tests.fake_table import FakeClient, FakeTable

READS = ("Describe", "Discover", "Get", "List", "Query", "Scan", "Select")
BOOKKEEPING = {"dynamodb", "events", "s3", "stepfunctions", "logs:CreateLogStream"}
"""What runs write of themselves: whose turn it is, reports, word of their end."""
ROLLOUT: dict[str, Any] = {
    "steps": [{"weight": 50, "bake": "60s"}, {"weight": 100, "bake": "60s"}],
    "judge": {"min_requests": 30},
    "look": "60s",
    "launch_timeout": "180s",
    "retire_delay": "60s",
}

type Manifest = dict[str, Any]


def environment(network: Network, **more: Any) -> Manifest:
    """Describe an environment in which everything is made."""
    usual: Manifest = {
        "name": "test",
        "account": ACCOUNT,
        "region": REGION,
        "vpc": network.vpc_id,
        "subnets": [subnet.subnet_id for subnet in network.subnets],
        "cluster": {"name": "test", "create": True},
        "namespace": {"name": "shop.internal", "create": True},
        "log_group": {"name": "/shop/test", "create": True, "retention": 14},
        "load_balancers": {
            "public": {
                "scheme": "internet-facing",
                "create": True,
                "listeners": [{"port": 80}],
            },
            "inside": {
                "scheme": "internal",
                "create": True,
                "listeners": [{"port": 80}],
            },
        },
        "defaults": {"execution_role": "role/slipway/test/execution"},
    }
    return usual | more


def front(**more: Any) -> Manifest:
    """Describe a public service that scales and calls orders."""
    usual: Manifest = {
        "name": "front",
        "image": {"location": "test/front", "tag": "v*", "port": 8080},
        "calls": ["orders"],
        "http": {"load_balancer": "public", "path": "/", "healthcheck": "/healthz"},
        "count": {"range": "2-6", "cpu_percentage": 60},
        "variables": {"MOTTO": "ahoy"},
        "rollout": ROLLOUT,
    }
    return usual | more


def orders(**more: Any) -> Manifest:
    """Describe a service behind the internal load balancer."""
    usual: Manifest = {
        "name": "orders",
        "image": {"location": "test/orders", "tag": "v*", "port": 8081},
        "http": {"load_balancer": "inside", "healthcheck": "/healthz"},
        "count": 2,
        "rollout": ROLLOUT,
    }
    return usual | more


@dataclass(slots=True)
class Grounds:
    """One environment under test."""

    cloud: LocalCloud
    runtime: SimulatedRuntime
    traffic: SimulatedTraffic
    journal: Journal
    """Read aside: it makes no AWS calls."""
    table: FakeTable
    ran: list[str] = field(default_factory=list)

    # ------------------------------------------------------------------ what one does

    def upload(self, *manifests: Manifest) -> None:
        """Upload manifests: environments have a VPC, all else are services."""
        for manifest in manifests:
            path = f"services/{manifest['name']}.yaml"
            if "vpc" in manifest:
                path = "environment.yaml"
            client("s3").put_object(
                Bucket=self.bucket, Key=path, Body=yaml.safe_dump(manifest).encode()
            )

    def withdraw(self, service: str) -> None:
        """Delete a service's manifest."""
        client("s3").delete_object(Bucket=self.bucket, Key=f"services/{service}.yaml")

    async def provisioned(self) -> Report:
        """Wait for the end of all runs that began; return the last report."""
        await self.pause(30)
        await self.until(
            lambda: self.runs() and all(e.status != "RUNNING" for e in self.runs())
        )
        report = self.journal.last_provision()
        assert report is not None
        return report

    def sweep(self) -> None:
        """Let the sweep run once, whatever its schedule."""
        for rule in self.cloud.events.rules.values():
            if rule.every_seconds is not None:
                self.cloud.events.fire(rule)

    async def run(self) -> Report:
        """Run once more, whatever was uploaded; return the report."""
        self.ran.append(f"run-{len(self.ran)}")
        name = self.ran[-1]
        client("stepfunctions").start_execution(
            stateMachineArn=self.cloud.stack.state_machines["ProvisionStateMachine"],
            name=name,
            input=json.dumps({"payload_version": 1, "run": name}),
        )
        await self.until(lambda: self.journal.provision(name))
        await self.pause(1)
        report = self.journal.provision(name)
        assert report is not None
        return report

    def push(self, service: str, tag: str = "v1", **flaws: Any) -> str:
        """Push an image that behaves so; return its digest."""
        image = GOOD | {"app": service, "version": tag} | flaws
        return self.cloud.images.push(f"test/{service}", tag, image)

    async def released(self, service: str, tag: str = "v1", **flaws: Any) -> Entry:
        """Push an image and wait for the end of its rollout."""
        digest = self.push(service, tag, **flaws)
        return await self.ended(service, digest)

    async def ended(self, service: str, digest: str) -> Entry:
        """Wait for the end of the newest rollout of an image."""

        def closed() -> Entry | None:
            known = self.journal.rollouts(service)
            mine = [e for e in known if e.rollout.cause.digest == digest]
            return mine[-1] if mine and mine[-1].outcome is not None else None

        await self.until(closed)
        await self.pause(5)
        entry = closed()
        assert entry is not None
        return entry

    def send(self, service: str, host: str = "", per_second: float = 20.0) -> Flow:
        """Begin live traffic to a service's first binding."""
        (listener, *_) = [b.listener_arn for b in self.service(service).bindings]
        return self.traffic.send(listener, per_second, host=host)

    async def pause(self, seconds: float) -> None:
        """Let modelled time go by."""
        await self.cloud.clock.sleep(seconds)

    async def until(self, what: Any, *, within_seconds: float = 7200) -> None:
        """Wait until something is so."""
        for _ in range(int(within_seconds)):
            if what():
                return
            await self.pause(1)
        raise TimeoutError(f"not so within {within_seconds} s")

    # ----------------------------------------------------------------- what one sees

    @property
    def bucket(self) -> str:
        """Where manifests lie."""
        return self.cloud.stack.outputs["ManifestBucketName"]

    def runs(self) -> list[Execution]:
        """Return all executions of the provision workflow."""
        machine = self.cloud.stack.state_machines["ProvisionStateMachine"]
        known = self.cloud.states.executions.values()
        return [e for e in known if e.machine.arn == machine]

    def service(self, name: str) -> Service:
        """Return a service's record."""
        return self.journal.service(name)

    def desired(self, name: str) -> dict[Slot, int]:
        """Return the slots' desired counts."""
        slots = self.service(name).slots
        return {slot: self.cloud.ecs.service(s).desired for slot, s in slots.items()}

    def writes(self, since: int = 0) -> list[Call]:
        """Return Slipway's calls that change AWS, from the `since`th call on."""
        return [
            call
            for call in self.cloud.router.calls[since:]
            if call.caller is not None
            and not call.operation.startswith(READS)
            and call.service not in BOOKKEEPING
        ]

    def callers(self, since: int = 0) -> set[str]:
        """Return which functions called AWS, from the `since`th call on."""
        called = {call.caller for call in self.cloud.router.calls[since:]}
        return {name.rsplit("-", 1)[-1] for name in called if name is not None}

    @property
    def calls(self) -> int:
        """How many calls there were."""
        return len(self.cloud.router.calls)

    def dead_letters(self) -> list[str]:
        """Return all messages that nobody could handle."""
        return [
            message.body
            for name, queue in self.cloud.stack.queues.items()
            if name.endswith("DeadLetters")
            for message in queue.messages
        ]

    def pairs(self) -> set[tuple[str, str, int]]:
        """Return who may connect to whom on which port, by groups' names."""
        ec2 = client("ec2")
        groups = {
            group["GroupId"]: group["GroupName"]
            for group in ec2.describe_security_groups()["SecurityGroups"]
        }
        return {
            (source, groups[rule["GroupId"]], rule["FromPort"])
            for rule in ec2.describe_security_group_rules()["SecurityGroupRules"]
            if not rule["IsEgress"] and groups[rule["GroupId"]] != "default"
            for source in _sources(rule, groups)
        }


def _sources(rule: Any, groups: Mapping[str, str]) -> Iterator[str]:
    if "ReferencedGroupInfo" in rule:
        yield groups[rule["ReferencedGroupInfo"]["GroupId"]]
    else:
        yield rule["CidrIpv4"]


@asynccontextmanager
async def grounds(
    open_questions: OpenQuestions | None = None,
    delays: Delays | None = None,
    *,
    name: str = "test",
    cluster: str = "test",
    repositories: Iterable[str] = ("test/front", "test/orders"),
) -> AsyncIterator[Grounds]:
    """Start a local cloud with Slipway in it, and no environment yet."""
    # Each cloud gives the same ids of versions to other files.
    validated.cache_clear()
    clock = Clock()
    runtime = SimulatedRuntime(clock)
    delays, questions = delays or Delays(), open_questions or OpenQuestions()
    async with await LocalCloud.start(
        clock,
        runtime,
        lambda metrics: SimulatedTraffic(clock, runtime, metrics, delays, questions),
        template=TEMPLATE,
        parameters=lambda network: {
            "EnvironmentName": name,
            "ClusterName": cluster,
            "SubnetIds": ",".join(subnet.subnet_id for subnet in network.subnets),
        },
        delays=delays,
        open_questions=questions,
        schedules=False,
    ) as cloud:
        table = FakeTable()
        cloud.router.serve("dynamodb", table.operations)
        for repository in repositories:
            client("ecr").create_repository(repositoryName=repository)
        journal = Journal(cast("Any", FakeClient(table)), "journal")
        traffic = cast("SimulatedTraffic", cloud.data_plane)
        made = Grounds(cloud, runtime, traffic, journal, table)
        yield made
        traffic.close()
        assert not (letters := made.dead_letters()), letters
        texts = [found.text for found in cloud.monitor.violations]
        # What a test does by hand is its own affair.
        assert not [text for text in texts if not text.startswith("a client")]


@asynccontextmanager
async def shop(
    *more: Manifest, open_questions: OpenQuestions | None = None
) -> AsyncIterator[Grounds]:
    """Start an environment with front and orders provisioned, and `more` uploaded."""
    async with grounds(open_questions) as made:
        made.upload(environment(made.cloud.network), front(), orders(), *more)
        report = await made.provisioned()
        assert report.result == "done", report
        yield made
