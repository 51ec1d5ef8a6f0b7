"""Services, live traffic and the whole of Slipway, in virtual time.

`road()` starts a world; at its end it asserts what holds in every test: the monitor
saw no violation (invariant 1), no dead letter was left, every workflow came to a good
end and idle slots are idle (invariant 6).
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import boto3
from localcloud.api import REGION, Call
from localcloud.clock import Clock
from localcloud.cloud import LocalCloud
from localcloud.delays import Delays, OpenQuestions
from localcloud.ecs.records import Task, TaskStatus
from localcloud.events import Delivery
from localcloud.fixture import ServiceSpec, System, SystemSettings, create_system
from localcloud.simulated import Flow, SimulatedRuntime, SimulatedTraffic
from localcloud.states import Execution
from slipway.domain.announcement import weights_told
from slipway.domain.control import Answer, Command, Verb
from slipway.domain.lease import Lease
from slipway.domain.rollout import Outcome
from slipway.domain.scaling import Target
from slipway.domain.service import (
    Binding,
    JudgePolicy,
    RolloutPolicy,
    Scaling,
    Service,
    Slot,
    Step,
)
from slipway.gateways.autoscaling import Autoscaling
from slipway.gateways.events import Events
from slipway.gateways.journal import Entry, Journal
from slipway.gateways.table import time_of

from tests.fake_table import FakeClient, FakeTable

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
REQUESTS_PER_SECOND = 20.0
CPU = 60.0
"""What the policies of services that scale track, in percent."""
POLL_SECONDS = 5
MINUTE = timedelta(minutes=1)
GOOD: dict[str, Any] = {"app": "orders", "start_seconds": 8}
JUDGE = JudgePolicy(min_requests=30)
QUICK = RolloutPolicy(
    steps=(Step(10, 60), Step(50, 60), Step(100, 60)),
    judge=JUDGE,
    look_seconds=60,
    launch_timeout_seconds=180,
    hold_seconds=240,
    retire_delay_seconds=60,
    restore_timeout_seconds=120,
)
SHORT = replace(QUICK, steps=(Step(10, 60), Step(100, 60)))
"""For tests that are about something else than the steps."""
ATTENTIVE = replace(QUICK, look_seconds=30)
"""For tests of what passes quickly: ECS replaces a sick task within a minute."""
SCALED = replace(QUICK, steps=(Step(10, 60), Step(50, 420), Step(100, 60)))
"""For a service that scales: half of the traffic for long enough to scale out."""
BOUNDS = Scaling(min_tasks=2, max_tasks=10)
PUSHES, DEATHS = "aws.ecr", "aws.states"
"""The sources of events that tell of pushes, and of the ends of executions."""
WRITES = frozenset(
    {
        ("application-autoscaling", "RegisterScalableTarget"),
        ("ecs", "RegisterTaskDefinition"),
        ("ecs", "UpdateService"),
        ("elbv2", "ModifyListener"),
        ("elbv2", "ModifyRule"),
    }
)
"""Every call with which Slipway changes what serves."""


@dataclass(slots=True)
class Road:
    """One running world. Services are called orders, and as further specs say."""

    cloud: LocalCloud
    runtime: SimulatedRuntime
    traffic: SimulatedTraffic
    system: System
    journal: Journal
    """Read aside: it makes no AWS calls."""
    table: FakeTable
    """The journal's items."""
    highest: dict[Slot, int] = field(default_factory=lambda: dict.fromkeys(Slot, 0))
    """The most weight each slot of orders ever had, in percent."""
    marked: dict[str, list[str]] = field(default_factory=dict)
    """What each rollout did, by its id."""
    when: dict[str, Callable[[], object]] = field(default_factory=dict)
    """What to do at the moment of a mark, by its name, before anything else happens."""

    # ------------------------------------------------------------------ what one does

    @property
    def service(self) -> Service:
        """The service under test, as the fixture made it."""
        return self.system.services[0]

    @property
    def binding(self) -> Binding:
        """Where the service under test receives traffic."""
        return self.service.bindings[0]

    def push(self, tag: str = "v1", *, version: str | None = None, **flaws: Any) -> str:
        """Push an image that behaves so; return its digest."""
        image = GOOD | {"version": version or tag} | flaws
        return self.cloud.images.push(self.service.repository, tag, image)

    def send(self, per_second: float = REQUESTS_PER_SECOND, clients: int = 0) -> Flow:
        """Begin live traffic to orders, from so many clients that keep cookies."""
        listener, host = self.binding.listener_arn, host_of("orders")
        return self.traffic.send(listener, per_second, host=host, clients=clients)

    async def pause(self, seconds: float) -> None:
        """Let modelled time go by."""
        await self.cloud.clock.sleep(seconds)

    async def until(
        self, what: Callable[[], object], *, within_seconds: float = 7200
    ) -> None:
        """Wait until something is so."""
        for _ in range(int(within_seconds)):
            if what():
                return
            await self.pause(1)
        raise TimeoutError(f"not so within {within_seconds} s")

    async def ended(self, digest: str, *, service: str = "orders") -> Entry:
        """Wait until the rollout of an image has ended, and word of it has spread."""
        for _ in range(7200 // POLL_SECONDS):
            execution = self.execution(digest, service)
            ended = execution is not None and execution.status != "RUNNING"
            await self.pause(POLL_SECONDS)
            if ended:
                return self.entry(digest, service)
        raise TimeoutError(f"no rollout of {digest} has ended")

    async def first_release(self, *, per_second: float = REQUESTS_PER_SECOND) -> Flow:
        """See a good release promoted; then begin live traffic."""
        entry = await self.ended(self.push())
        assert entry.outcome is Outcome.PROMOTED, entry.reason
        flow = self.send(per_second)
        await self.pause(60)
        return flow

    async def reached(self, digest: str, mark: str) -> None:
        """Wait until a rollout has done something, by the name of its mark."""
        await self.until(lambda: mark in self.marks(digest))

    def say(self, verb: Verb, **details: Any) -> str:
        """Send a person's command, for orders unless told otherwise; return its id."""
        usual = {"by": "a person", "why": "a test wants it", "service": "orders"}
        command = Command(**({"id": uuid4().hex, "verb": verb} | usual | details))
        Events(client("events"), "test").command(command)
        return command.id

    async def answered(self, command_id: str, service: str | None = "orders") -> Answer:
        """Wait for what becomes of a command."""
        await self.until(lambda: self.journal.answer(service, command_id))
        answer = self.journal.answer(service, command_id)
        assert answer is not None
        return answer

    def kill(self, digest: str) -> None:
        """Stop the rollout of an image from outside, as a person in a hurry would."""
        execution = self.execution(digest)
        assert execution is not None
        client("stepfunctions").stop_execution(
            executionArn=execution.arn, cause="a test stopped it"
        )

    async def closed(self, digest: str) -> Entry:
        """Wait until the journal says how the rollout of an image ended."""
        await self.until(
            lambda: self.entries(digest) and self.entry(digest).outcome is not None
        )
        await self.pause(POLL_SECONDS)
        return self.entry(digest)

    def scale(self, slot: Slot, count: int) -> None:
        """Change a slot's desired count from outside, as autoscaling would."""
        client("ecs").update_service(
            cluster=self.system.cluster,
            service=self.service.slots[slot],
            desiredCount=count,
        )

    def set_weights(self, weights: Mapping[Slot, int]) -> None:
        """Change the rule of orders, or its listener, from outside."""
        groups = [
            {"TargetGroupArn": arn, "Weight": weights[slot]}
            for slot, arn in self.binding.target_group_arns.items()
        ]
        actions = [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]
        arn, elb = self.binding.carrier_arn, client("elbv2")
        if self.binding.is_network:
            elb.modify_listener(ListenerArn=arn, DefaultActions=actions)
        else:
            elb.modify_rule(RuleArn=arn, Actions=actions)

    def sweep(self) -> None:
        """Let the sweep run once, whatever its schedule."""
        events = self.cloud.events
        for rule in events.rules.values():
            if rule.every_seconds is not None:
                events.fire(rule)

    def demand(self, tasks: float) -> None:
        """Let orders need so many tasks at what its policies track, from now on."""

        def cpu(ecs_service: str) -> float | None:
            slot = self.service.slot_of(ecs_service)
            if slot is None or not self.tasks(slot):
                return None
            share = self._share(slot)
            return min(100.0, CPU * tasks * share / len(self.tasks(slot)))

        self.cloud.autoscaling.load = cpu

    def _share(self, slot: Slot) -> float:
        """Return a slot's share of what comes: by its weight, or by its tasks."""
        if self.service.bindings:
            return self.weights()[slot] / 100
        return len(self.tasks(slot)) / sum(len(self.tasks(one)) for one in Slot)

    def bound(self, slot: Slot, least: int, most: int) -> None:
        """Change a slot's bounds by hand, and nothing else of its scaling."""
        client("application-autoscaling").register_scalable_target(
            ServiceNamespace="ecs",
            ResourceId=f"service/{self.system.cluster}/{self.service.slots[slot]}",
            ScalableDimension="ecs:service:DesiredCount",
            MinCapacity=least,
            MaxCapacity=most,
        )

    def delete_image(self, digest: str) -> None:
        """Take an image away from the registry."""
        client("ecr").batch_delete_image(
            repositoryName=self.service.repository, imageIds=[{"imageDigest": digest}]
        )

    async def make_sick(self, slot: Slot) -> None:
        """Let one task of a slot fail its checks until its target is unhealthy."""
        healthy = self.healthy(slot)
        self.runtime.sick.add(self.tasks(slot)[0].address or "")
        await self.until(lambda: self.healthy(slot) < healthy)

    def put_item(self, pk: str, sk: str, **texts: str) -> None:
        """Write to the journal's table what Slipway itself would never write."""
        item = {"pk": pk, "sk": sk, **texts}
        client("dynamodb").put_item(
            TableName=self.cloud.stack.outputs["JournalTableName"],
            Item={name: {"S": value} for name, value in item.items()},
        )

    # ----------------------------------------------------------------- what one sees

    @property
    def lease(self) -> Lease:
        """The lease of orders as it is stored, also where nobody has it now."""
        item = self.table.items["SERVICE#orders", "LEASE"]
        return Lease(
            "orders",
            item["rollout_id"]["S"],
            int(item["fence"]["N"]),
            time_of(item["write_until"]["N"]),
        )

    def entries(self, digest: str, service: str = "orders") -> list[Entry]:
        """Return all rollouts of an image that the journal knows."""
        known = self.journal.rollouts(service)
        return [e for e in known if e.rollout.cause.digest == digest]

    def entry(self, digest: str, service: str = "orders") -> Entry:
        """Return the newest rollout of an image."""
        return self.entries(digest, service)[-1]

    def marks(self, digest: str) -> list[str]:
        """Return what the rollout of an image did until now, in order."""
        execution = self.execution(digest)
        return self.marked.get(execution.name, []) if execution else []

    def execution(self, digest: str, service: str = "orders") -> Execution | None:
        """Return the newest execution of the rollout workflow for an image."""
        for execution in reversed(self.rollouts()):
            given = json.loads(execution.input)
            if (given["cause"]["digest"], given["service"]) == (digest, service):
                return execution
        return None

    def rollouts(self) -> list[Execution]:
        """Return all executions of the rollout workflow."""
        machine = self.cloud.stack.state_machines["RolloutStateMachine"]
        known = self.cloud.states.executions.values()
        return [e for e in known if e.machine.arn == machine]

    def pushes(self) -> list[dict[str, Any]]:
        """Return the events of all pushes so far, oldest first."""
        log = self.cloud.events.log
        return [e for e in log if e["source"] == "aws.ecr"]

    def actions(self) -> list[dict[str, Any]]:
        """Return the actions of orders' rule, or listener, as they are stored now."""
        arn, elb = self.binding.carrier_arn, client("elbv2")
        if self.binding.is_network:
            (found,) = elb.describe_listeners(ListenerArns=[arn])["Listeners"]
            return cast("list[dict[str, Any]]", found["DefaultActions"])
        (found,) = elb.describe_rules(RuleArns=[arn])["Rules"]
        return cast("list[dict[str, Any]]", found["Actions"])

    def is_sticky(self) -> bool:
        """Whether clients of orders stay with a slot now."""
        if not self.service.bindings:
            return False
        config = self.actions()[-1].get("ForwardConfig", {})
        stays = config.get("TargetGroupStickinessConfig", {})
        return bool(stays.get("Enabled"))

    def weights(self) -> dict[Slot, int]:
        """Return the slots' shares in the rule, in percent; 0 where it is closed."""
        return self._shares(self.actions())

    def told(self) -> dict[str, str]:
        """Return what the registry says of orders now: its service's attributes."""
        registered = self.service.registry_service_id
        assert registered is not None
        return self.cloud.cloud_map.attributes(registered)

    def told_weights(self) -> Any:
        """Return the weights that the registry says orders' slots have, if any."""
        return weights_told(self.told())

    def desired(self, service: Service | None = None) -> dict[Slot, int]:
        """Return the slots' desired counts."""
        slots = (service or self.service).slots
        return {slot: self.cloud.ecs.service(n).desired for slot, n in slots.items()}

    def targets(self) -> dict[Slot, Target]:
        """Return the slots' bounds and suspensions."""
        scaling = Autoscaling(client("application-autoscaling"), self.system.cluster)
        found = scaling.require(*self.service.slots.values())
        return {slot: found[name] for slot, name in self.service.slots.items()}

    def tasks(self, slot: Slot) -> list[Task]:
        """Return the slot's tasks that run now."""
        name = self.service.slots[slot]
        return [
            task
            for task in self.cloud.ecs.tasks()
            if task.service.name == name and task.status is TaskStatus.RUNNING
        ]

    def healthy(self, slot: Slot) -> int:
        """Return how many targets of a slot are healthy, or tasks run, now."""
        if not self.service.bindings:
            return len(self.tasks(slot))
        return self.cloud.elb.healthy(self.binding.target_group_arns[slot])

    def writes(self, *operations: str, by_slipway: bool = True) -> list[Call]:
        """Return the calls that changed what serves, all of them or those named."""
        return [
            call
            for call in self.cloud.router.calls
            if (call.service, call.operation) in WRITES
            and (not operations or call.operation in operations)
            and (not by_slipway or call.caller is not None)
        ]

    def pages(self) -> list[dict[str, Any]]:
        """Return what was sent to the person on call, oldest first."""
        topic = self.cloud.topics[self.cloud.stack.resource("PagesTopic").name]
        return [json.loads(message) for message in topic.messages]

    def rejections(self) -> list[str]:
        """Return why events were rejected, from the functions' logs."""
        return [line["reason"] for line in self.logged("rejected")]

    def logged(self, message: str) -> list[dict[str, Any]]:
        """Return the functions' log lines of one message."""
        logs = self.cloud.functions.logs
        return [line for line in logs if line.get("message") == message]

    def dead_letters(self) -> list[str]:
        """Return all messages that nobody could handle."""
        queues = self.cloud.stack.queues
        return [
            message.body
            for name, queue in queues.items()
            if name.endswith("DeadLetters")
            for message in queue.messages
        ]

    # ----------------------------------------------------------------------- the end

    def assert_sound(self) -> None:
        """Assert what holds at the end of every test."""
        assert not self.cloud.monitor.violations
        assert not self.dead_letters()

    def assert_at_rest(self) -> None:
        """Assert that no workflow runs or failed and that idle slots are idle."""
        known = self.cloud.states.executions.values()
        assert {execution.status for execution in known} <= {"SUCCEEDED"}
        assert not self.cloud.monitor.at_rest()

    def _shares(self, actions: Sequence[Any]) -> dict[Slot, int]:
        groups = actions[-1].get("ForwardConfig", {}).get("TargetGroups", [])
        weight = {g["TargetGroupArn"]: g["Weight"] for g in groups}
        arns = self.binding.target_group_arns
        return {slot: weight.get(arn, 0) for slot, arn in arns.items()}

    def note_weights(self, params: dict[str, Any]) -> None:
        """Remember the highest weight each slot was given."""
        bindings = self.service.bindings
        if bindings and params["RuleArn"] == bindings[0].rule_arn:
            for slot, share in self._shares(params["Actions"]).items():
                self.highest[slot] = max(self.highest[slot], share)

    def note_mark(self, params: dict[str, Any]) -> None:
        """Remember what a rollout says it did."""
        kind, *names = params["Item"]["sk"]["S"].split("#")
        if kind == "MARK":
            rollout_id, mark = names
            self.marked.setdefault(rollout_id, []).append(mark)
            self.when.pop(mark, lambda: None)()


def losing(*sources: str) -> Callable[[Delivery], Sequence[Delivery]]:
    """Return a disturbance in which no word of these sources' events comes."""

    def disturb(delivery: Delivery) -> Sequence[Delivery]:
        return () if delivery.event["source"] in sources else (delivery,)

    return disturb


@cache
def client(service: str) -> Any:
    """Return a client of somebody who is not Slipway."""
    return cast("Any", boto3).client(service, region_name=REGION)


def host_of(service: str) -> str:
    """Return the host header that a service answers to."""
    return f"{service}.example.com"


def spec(name: str, policy: RolloutPolicy = QUICK, **settings: Any) -> ServiceSpec:
    """Describe a public service with four tasks whose tags v* roll out."""
    usual: dict[str, Any] = {"min_tasks": 4, "tag_pattern": "v*", "public": True}
    return ServiceSpec(
        name=name,
        port=8080,
        host=host_of(name),
        rollout=policy,
        **(usual | settings),
    )


async def _namespace(cloud: LocalCloud) -> str:
    """Make the namespace in which services are registered; return its id."""
    cloud_map = client("servicediscovery")
    cloud_map.create_private_dns_namespace(
        Name="test.internal", CreatorRequestId="test", Vpc=cloud.network.vpc_id
    )
    await cloud.clock.sleep(0.001)
    (namespace,) = cloud_map.list_namespaces()["Namespaces"]
    return cast("str", namespace["Id"])


@asynccontextmanager
async def world(
    *specs: ServiceSpec,
    open_questions: OpenQuestions | None = None,
    sweeps: bool = False,
    seed: int = 1,
    template: Path = TEMPLATE,
) -> AsyncIterator[Road]:
    """Start a world with these services; orders is the first of them.

    `sweeps` lets the sweep run by itself, which costs time. `template` is another
    version of Slipway's.
    """
    clock = Clock()
    runtime = SimulatedRuntime(clock)
    delays = Delays(namespace_seconds=0)
    questions = open_questions or OpenQuestions()
    async with await LocalCloud.start(
        clock,
        runtime,
        lambda metrics: SimulatedTraffic(clock, runtime, metrics, delays, questions),
        template=template,
        parameters=lambda network: {
            "EnvironmentName": "test",
            "ClusterName": "test",
            "SubnetIds": ",".join(subnet.subnet_id for subnet in network.subnets),
        },
        delays=delays,
        open_questions=questions,
        seed=seed,
        schedules=sweeps,
    ) as cloud:
        table = FakeTable()
        cloud.router.serve("dynamodb", table.operations)
        system = create_system(
            cloud.network,
            cloud.monitor,
            list(specs),
            SystemSettings(environment="test", namespace_id=await _namespace(cloud)),
        )
        journal = Journal(cast("Any", FakeClient(table)), "journal")
        for service in system.services:
            journal.put_service(service)
        cloud.monitor.promoted = lambda name: (
            state.primary if (state := journal.state(name)) else None
        )
        traffic = cast("SimulatedTraffic", cloud.data_plane)
        made = Road(cloud, runtime, traffic, system, journal, table)
        cloud.router.after("elbv2", "ModifyRule", made.note_weights)
        cloud.router.after("dynamodb", "PutItem", made.note_mark)
        yield made
        traffic.close()


@asynccontextmanager
async def road(
    policy: RolloutPolicy = QUICK,
    *more: ServiceSpec,
    open_questions: OpenQuestions | None = None,
    at_rest: bool = True,
    sweeps: bool = False,
    template: Path = TEMPLATE,
    **settings: Any,
) -> AsyncIterator[Road]:
    """Start a world with orders and `more`, and check it at its end.

    `settings` are those of orders. A test whose rollout needs a person does not end
    `at_rest`.
    """
    specs = spec("orders", policy, **settings), *more
    async with world(
        *specs, open_questions=open_questions, sweeps=sweeps, template=template
    ) as made:
        yield made
        made.traffic.close()
        made.assert_sound()
        if at_rest:
            made.assert_at_rest()
