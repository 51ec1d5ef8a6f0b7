"""The local cloud: all its parts, put together for one run.

```
async def scene() -> None:
    clock = Clock()
    runtime = SimulatedRuntime(clock)
    async with await LocalCloud.start(
        clock,
        runtime,
        lambda metrics: SimulatedTraffic(clock, runtime, metrics, delays, questions),
        template=Path("template.yaml"),
        parameters=lambda network: {"EnvironmentName": "test"},
    ) as cloud:
        ...

run_virtual(scene())
```
"""

import os
import random as chance
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

import slipway.clock
from moto.core.base_backend import BackendDict
from moto.moto_api._internal import mock_random

from localcloud.account import Account
from localcloud.alarms import Alarms
from localcloud.api import ACCOUNT, REGION, Router
from localcloud.autoscaling import Autoscaling
from localcloud.background import Background
from localcloud.buckets import Buckets
from localcloud.clock import Clock
from localcloud.cloudmap import CloudMap
from localcloud.compute import Compute
from localcloud.delays import Delays, OpenQuestions
from localcloud.deploy import Services, Stack, deploy
from localcloud.ecs import Ecs
from localcloud.elb import Elb
from localcloud.events import EventBus
from localcloud.functions import Functions
from localcloud.images import Images
from localcloud.metrics import Metrics
from localcloud.monitor import Monitor
from localcloud.network import Network
from localcloud.queues import Mappings
from localcloud.seams import DataPlane, TaskRuntime
from localcloud.states import States
from localcloud.topics import Topics

_PROCESS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_SESSION_TOKEN": "local",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "MOTO_ACCOUNT_ID": ACCOUNT,
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    "POWERTOOLS_TRACE_DISABLED": "true",
}


_IDENTIFIERS_SEED = 1


@dataclass(slots=True)
class _Process:
    """What a cloud changes in its process, and puts back: there is one at a time."""

    router: Router
    environment: dict[str, str | None] = field(default_factory=dict)
    chance: Any = None

    def take(self, clock: Clock, seed: int) -> None:
        """Make this process's AWS calls, time and chance those of the cloud."""
        self.router.activate()
        self.environment = {key: os.environ.get(key) for key in _PROCESS}
        os.environ.update(_PROCESS)
        # The SDK's jitter: one seed, one run. moto's identifiers are always the same,
        # so that functions find what they know of their environment.
        self.chance = chance.getstate()
        chance.seed(seed)
        mock_random.seed(_IDENTIFIERS_SEED)
        BackendDict.reset()
        slipway.clock.use(clock.now)

    def give_back(self) -> None:
        """Undo `take`."""
        self.router.deactivate()
        BackendDict.reset()
        for key, value in self.environment.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
        chance.setstate(self.chance)
        slipway.clock.use(lambda: datetime.now(UTC))


@dataclass(slots=True)
class LocalCloud:
    """One local cloud. `close` raises what failed in it unseen."""

    clock: Clock
    router: Router
    events: EventBus
    functions: Functions
    states: States
    topics: Topics
    metrics: Metrics
    alarms: Alarms
    data_plane: DataPlane
    stack: Stack
    compute: Compute
    seed: int
    _services: Services
    _parameters: Mapping[str, str]
    _background: Background
    _process: _Process

    @classmethod
    async def start(
        cls,
        clock: Clock,
        runtime: TaskRuntime,
        data_plane: Callable[[Metrics], DataPlane],
        *,
        template: Path | None = None,
        parameters: Callable[[Network], Mapping[str, str]] = lambda _: {},
        delays: Delays | None = None,
        open_questions: OpenQuestions | None = None,
        seed: int = 1,
        schedules: bool = True,
    ) -> Self:
        """Start a cloud and deploy the template into it.

        `data_plane` makes what carries requests, and writes their metrics.
        `parameters` gives the template's parameters, once the network is known.
        Without `schedules` no rule makes events of its own.
        """
        router = Router(clock)
        process = _Process(router)
        process.take(clock, seed)
        delays = delays or Delays()
        random = Random(seed)  # noqa: S311  chance that can be repeated
        background = Background()
        try:
            events = EventBus(clock, background, schedules=schedules)
            functions = Functions(clock, background, random)
            states = States(clock, background, random, functions, events)
            topics = Topics()
            router.serve("events", events.operations)
            router.serve("stepfunctions", states.operations)
            router.serve("sns", {"Publish": topics.publish})
            buckets = Buckets(clock, router, events)
            metrics = Metrics(clock, router, delays)
            alarms = Alarms(router)
            plane = data_plane(metrics)
            compute = Compute.start(
                clock,
                router,
                events,
                runtime,
                plane,
                delays,
                open_questions or OpenQuestions(),
            )
            mappings = Mappings(clock, background, functions)
            services = Services(
                clock, functions, states, events, mappings, topics, buckets
            )
            stack, given = Stack("slipway"), parameters(compute.network)
            if template is not None:
                stack = deploy(template, services, given)
        except BaseException:
            process.give_back()
            raise
        return cls(
            clock,
            router,
            events,
            functions,
            states,
            topics,
            metrics,
            alarms,
            plane,
            stack,
            compute,
            seed,
            services,
            given,
            background,
            process,
        )

    def update(self, template: Path, **parameters: str) -> None:
        """Deploy another template, of this or another folder, over the present stack.

        Parameters keep their values, but for those that are given.
        """
        given = {**self._parameters, **parameters}
        self.stack = deploy(template, self._services, given, update=self.stack)
        self._parameters = given

    @property
    def account(self) -> Account:
        """Roles and quotas."""
        return self.compute.account

    @property
    def images(self) -> Images:
        """The registry."""
        return self.compute.images

    @property
    def network(self) -> Network:
        """Subnets and addresses."""
        return self.compute.network

    @property
    def elb(self) -> Elb:
        """The load balancers."""
        return self.compute.elb

    @property
    def ecs(self) -> Ecs:
        """Clusters, services and tasks."""
        return self.compute.ecs

    @property
    def cloud_map(self) -> CloudMap:
        """Namespaces and instances."""
        return self.compute.cloud_map

    @property
    def autoscaling(self) -> Autoscaling:
        """Scalable targets and policies."""
        return self.compute.autoscaling

    @property
    def monitor(self) -> Monitor:
        """The watch over the invariants."""
        return self.compute.monitor

    async def close(self) -> None:
        """Stop everything; raise what failed in the background or was not modelled."""
        failures: list[Exception] = list(self.router.not_modelled)
        try:
            for part in (self._background, self.compute):
                try:
                    await part.close()
                except ExceptionGroup as group:
                    failures += group.exceptions
        finally:
            self._process.give_back()
        if failures:
            raise ExceptionGroup("unseen failures in the local cloud", failures)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self.close()
        except ExceptionGroup as unseen:
            if error is None:
                raise
            error.add_note(f"also failed: {unseen.exceptions!r}")
