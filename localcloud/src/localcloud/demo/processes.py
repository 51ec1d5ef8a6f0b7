"""Tasks as operating-system processes that serve HTTP on loopback addresses."""

import asyncio
import json
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from localcloud.api import NotModelled
from localcloud.clock import Clock
from localcloud.demo import leash
from localcloud.seams import TaskSpec, TaskStartError

PROBE_FLOOR_SECONDS = 5.0
"""A health check may take so many real seconds, whatever the factor: a busy laptop is
not an unhealthy task. A function that starts cold holds everything up for one."""
STOP_FLOOR_SECONDS = 1.0
"""Before SIGKILL a task has a real second, whatever the factor, for the same reason."""


@dataclass(slots=True)
class Tenancy:
    """Who had an address, and when. Addresses are used again.

    Times are real, seconds of the Unix epoch.
    """

    upstream: str
    """address:port."""
    ecs_service: str
    digest: str
    version: str
    """What the image calls itself."""
    since: float
    until: float | None = None


class ProcessTaskRuntime:
    """A TaskRuntime (localcloud.seams) that runs one program for every task.

    `program` is a file that Python runs with the standard library only, unless the
    task's environment says whom it FINDS; the image's content and that environment tell
    it what to be (examples/boutique/app.py).
    `folder` takes one log per task. `environment` is added to every task's own.
    The process stands for the main container; sidecars are recorded, not run.
    """

    def __init__(
        self,
        clock: Clock,
        program: Path,
        folder: Path,
        environment: Mapping[str, str],
    ) -> None:
        self._clock = clock
        self._program = program
        self._folder = folder
        self._environment = environment
        self._processes: dict[str, Process] = {}
        self.tenancies: list[Tenancy] = []
        """Every task's address and release, in order of start."""

    async def start(self, task: TaskSpec) -> None:
        """Start the process; return when it listens.

        Takes at least the image's `start_seconds` of modelled time. Raises
        TaskStartError for an image that cannot be pulled and for one that crashes.
        """
        due = self._clock.time() + float(task.image.get("start_seconds") or 0)
        if task.image.get("unpullable"):
            await self._clock.sleep(max(0.0, due - self._clock.time()))
            # Text as ECS gives it (ECS guide, task_cannot_pull_image).
            raise TaskStartError(
                "TaskFailedToStart",
                "CannotPullContainerError: pull image manifest has been retried 5 "
                f"time(s): failed to resolve ref {task.image_digest}",
            )
        described = self._describe(task)
        bare = [] if "FINDS" in described else ["-S", "-E", "-s"]
        process = await leash.spawn(
            [sys.executable, *bare, self._program],
            log=self._folder / f"{task.ecs_service}-{task.task_arn[-8:]}.log",
            environment=described,
            stdout=PIPE,
        )
        self._processes[task.task_arn] = process
        try:
            assert process.stdout is not None
            listens = await process.stdout.readline()
            await self._clock.sleep(max(0.0, due - self._clock.time()))
        except asyncio.CancelledError:
            process.kill()
            raise
        if not listens:
            raise TaskStartError(
                "EssentialContainerExited", "Essential container in task exited"
            )
        self.tenancies.append(
            Tenancy(
                upstream=f"{task.address}:{task.port}",
                ecs_service=task.ecs_service,
                digest=task.image_digest,
                version=str(task.image.get("version", "")),
                since=time.time(),
            )
        )

    def _describe(self, task: TaskSpec) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", ""),
            "SERVICE": task.image.get("app", task.ecs_service),
            "TIME_FACTOR": str(self._clock.factor),
            **self._environment,
            **task.environment,
            "ADDRESS": task.address,
            "PORT": str(task.port),
            "DIGEST": task.image_digest,
            "IMAGE": json.dumps(dict(task.image)),
        }

    async def exited(self, task: TaskSpec) -> int:
        """Wait until the process ends; return its exit code (137 for SIGKILL)."""
        code = await self._processes[task.task_arn].wait()
        return self._ended(task, code)

    async def stop(self, task: TaskSpec, timeout_seconds: float) -> int:
        """Send SIGTERM, after the timeout SIGKILL; return the exit code.

        A task that never started, or was stopped before, ends with 0.
        """
        process = self._processes.get(task.task_arn)
        if process is None:
            return 0
        grace = max(timeout_seconds / self._clock.factor, STOP_FLOOR_SECONDS)
        return self._ended(task, await leash.end(process, grace))

    def _ended(self, task: TaskSpec, code: int) -> int:
        upstream = f"{task.address}:{task.port}"
        for tenancy in reversed(self.tenancies):
            if tenancy.upstream == upstream:
                tenancy.until = tenancy.until or time.time()
                break
        # A container ended by signal n reports 128 + n.
        return code if code >= 0 else 128 - code

    async def probe(
        self, task: TaskSpec, path: str | None, timeout_seconds: float
    ) -> bool:
        """Whether GET `path` gets a 2xx answer in time."""
        if path is None:
            raise NotModelled("health checks that only connect, in the demo")
        limit = max(timeout_seconds / self._clock.factor, PROBE_FLOOR_SECONDS)
        try:
            async with asyncio.timeout(limit):
                return await _status(task, path) // 100 == 2  # noqa: PLR2004  2xx
        except (OSError, asyncio.IncompleteReadError):
            return False

    async def close(self) -> None:
        """End every process that still runs, all at once."""
        running = [p for p in self._processes.values() if p.returncode is None]
        await asyncio.gather(*(leash.end(p, STOP_FLOOR_SECONDS) for p in running))


async def _status(task: TaskSpec, path: str) -> int:
    reader, writer = await asyncio.open_connection(task.address, task.port)
    try:
        request = f"GET {path} HTTP/1.1\r\nhost: {task.address}\r\n\r\n"
        writer.write(request.encode("latin-1"))
        line = await reader.readuntil(b"\r\n")
    finally:
        writer.close()
    return int(line.split(b" ", 2)[1])
