"""The life of one task, from PROVISIONING to STOPPED.

States and their order: ECS guide, task-lifecycle-explanation. Stopping: the load
balancer drains first, then SIGTERM, after the stop timeout SIGKILL (ECS guide,
update-service-parameters).

Sidecars are recorded with their definition and not run: a task is its main container.
So nothing waits for another container, and nothing lingers. Not modelled either: health
checks of containers, secrets, volumes, Spot.
A task that is stopped while it starts finishes starting first.
"""

import asyncio
from asyncio import FIRST_COMPLETED
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from localcloud.clock import Clock
from localcloud.cloudmap import CloudMap
from localcloud.delays import Delays
from localcloud.ecs.notices import Notices
from localcloud.ecs.records import StopIntent, Task, TaskStatus
from localcloud.elb import Elb
from localcloud.images import ImageMissing, Images
from localcloud.network import AddressesExhausted, Network
from localcloud.seams import TaskRuntime, TaskSpec, TaskStartError


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """Carries tasks through their states."""

    clock: Clock
    runtime: TaskRuntime
    images: Images
    elb: Elb
    cloud_map: CloudMap
    network: Network
    delays: Delays
    notices: Notices
    changed: Callable[[Task], None]
    """Called after each change of a task's status or intent."""

    async def live(self, task: Task) -> None:
        """Carry a task from its creation to its end."""
        running = await self._start(task)
        if running is not None:
            await self._serve(task, running)
        await self._leave(task)

    def stop(self, task: Task, code: str, reason: str) -> None:
        """Want a task stopped; the first reason given stays."""
        if not task.wanted:
            return
        self._intend(task, code, reason)
        task.version += 1
        task.stop_wanted.set()
        self._tell(task)

    async def _start(self, task: Task) -> TaskSpec | None:
        """Start its containers; return None where they do not run."""
        self._tell(task)
        await self.clock.sleep(self.delays.network_interface_seconds)
        if not task.wanted:
            return None
        try:
            task.address = self.network.take(task.subnet)
            task.connected_at = task.pull_started_at = self.clock.now()
            self._enter(task, TaskStatus.PENDING)
            spec = self._spec(task, task.address)
            await self.runtime.start(spec)
        except AddressesExhausted as full:
            self._intend(
                task,
                "TaskFailedToStart",
                f"ResourceInitializationError: insufficient free addresses in {full}",
            )
            return None
        except ImageMissing as missing:
            self._intend(task, "TaskFailedToStart", str(missing))
            return None
        except TaskStartError as error:
            task.exit_code = (
                1 if error.stop_code == "EssentialContainerExited" else None
            )
            self._intend(task, error.stop_code, error.reason)
            return None
        task.pull_stopped_at = self.clock.now()
        self.network.move_in(spec)
        return spec

    def _spec(self, task: Task, address: str) -> TaskSpec:
        container = task.definition.container
        digest, manifest = self.images.pull(container["image"])
        task.image_digest = digest
        ports = [m["containerPort"] for m in container.get("portMappings", ())]
        return TaskSpec(
            task_arn=task.arn,
            ecs_service=task.service.name,
            task_definition_arn=task.definition.arn,
            image_digest=digest,
            image=manifest,
            address=address,
            port=ports[0] if ports else 0,
            environment={
                e["name"]: e["value"] for e in container.get("environment", [])
            },
        )

    async def _serve(self, task: Task, spec: TaskSpec) -> None:
        """Let it run until it ends or is stopped; leave no container behind."""
        ended = asyncio.ensure_future(self.runtime.exited(spec))
        stopped = asyncio.ensure_future(task.stop_wanted.wait())
        try:
            await self._activate(task, ended, stopped)
            await _first(ended, stopped)
            if ended.done():
                self._record_exit(task, ended.result())
            await self._drain(task, ended)
            if not ended.done():
                self._enter(task, TaskStatus.STOPPING)
                timeout = task.definition.stop_timeout_seconds
                self._record_exit(task, await self.runtime.stop(spec, timeout))
        finally:
            ended.cancel()
            stopped.cancel()

    async def _activate(
        self, task: Task, ended: asyncio.Future[int], stopped: asyncio.Future[Any]
    ) -> None:
        """Register with target groups and registry: a task is RUNNING thereafter.

        ECS guide, task-lifecycle-explanation.
        """
        if not task.wanted:
            return
        self._enter(task, TaskStatus.ACTIVATING)
        for group_arn, target in task.targets:
            self.elb.register(group_arn, target)
        for registry, attributes in task.registrations():
            self.cloud_map.enroll(registry, task.task_id, attributes)
        pause = asyncio.ensure_future(self.clock.sleep(self.delays.activation_seconds))
        await _first(pause, ended, stopped)
        pause.cancel()
        if ended.done() or stopped.done():
            return
        task.started_at, task.started_clock = self.clock.now(), self.clock.time()
        self._enter(task, TaskStatus.RUNNING)

    def _record_exit(self, task: Task, exit_code: int) -> None:
        task.exit_code = exit_code
        if task.address is not None:
            self.network.move_out(task.address)
        if task.wanted:
            self._intend(
                task, "EssentialContainerExited", "Essential container in task exited"
            )

    async def _drain(self, task: Task, ended: asyncio.Future[int]) -> None:
        """Leave registry and target groups; wait until drained, unless it has ended.

        ECS guide, task-lifecycle-explanation.
        """
        self._enter(task, TaskStatus.DEACTIVATING)
        for registry, _ in task.registrations():
            self.cloud_map.withdraw(registry, task.task_id)
        draining = [
            self.elb.deregister(group, target) for group, target in task.targets
        ]
        for gone in draining:
            waiting = asyncio.ensure_future(gone.wait())
            await _first(waiting, ended)
            waiting.cancel()
        if ended.done() and task.exit_code is None:
            self._record_exit(task, ended.result())

    async def _leave(self, task: Task) -> None:
        self._enter(task, TaskStatus.DEPROVISIONING)
        await self.clock.sleep(self.delays.deprovisioning_seconds)
        if task.address is not None:
            self.network.give_back(task.address)
        task.stopped_at = self.clock.now()
        self._enter(task, TaskStatus.STOPPED)

    def _intend(self, task: Task, code: str, reason: str) -> None:
        if task.wanted:
            task.intent = StopIntent(code, reason)
            task.stopping_at = self.clock.now()

    def _enter(self, task: Task, status: TaskStatus) -> None:
        task.status = status
        task.version += 1
        self._tell(task)

    def _tell(self, task: Task) -> None:
        self.notices.task_changed(task)
        self.changed(task)


async def _first(*futures: asyncio.Future[Any]) -> None:
    """Wait until any of these is done."""
    await asyncio.wait(futures, return_when=FIRST_COMPLETED)
