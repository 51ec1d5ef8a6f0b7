"""Tasks as real processes: they start, answer, behave as their image says, and end."""

import asyncio
import json
import os
import signal
import sys
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from localcloud.clock import Clock
from localcloud.demo.processes import ProcessTaskRuntime
from localcloud.seams import TaskSpec, TaskStartError

PROGRAM = Path(__file__).parents[3] / "examples/boutique/app.py"
FACTOR = 100.0


def task(address: str = "127.0.9.1", **image: Any) -> TaskSpec:
    return TaskSpec(
        task_arn=f"arn:aws:ecs:eu-west-1:111122223333:task/demo/{address}",
        ecs_service="cart-a",
        task_definition_arn="arn:aws:ecs:eu-west-1:111122223333:task-definition/c:1",
        image_digest="sha256:1",
        image={"app": "cartservice", "version": "v1", **image},
        address=address,
        port=7070,
    )


def with_runtime(
    folder: Path, play: Callable[[ProcessTaskRuntime], Awaitable[None]]
) -> None:
    async def run() -> None:
        runtime = ProcessTaskRuntime(Clock(factor=FACTOR), PROGRAM, folder, {})
        try:
            await play(runtime)
        finally:
            await runtime.close()

    asyncio.run(run())


async def get(spec: TaskSpec) -> tuple[int, dict[str, Any]]:
    reader, writer = await asyncio.open_connection(spec.address, spec.port)
    try:
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nx-amzn-trace-id: Root=1\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        body = json.loads(await reader.readexactly(length))
    finally:
        writer.close()
    return int(head.split(b" ")[1]), body


def test_a_started_task_is_healthy_and_says_what_it_is(tmp_path: Path) -> None:
    async def play(runtime: ProcessTaskRuntime) -> None:
        spec = task()
        await runtime.start(spec)

        assert await runtime.probe(spec, "/healthz", 5)
        assert await get(spec) == (
            200,
            {
                "service": "cartservice",
                "version": "v1",
                "digest": "sha256:1",
                "heard": {},
            },
        )

    with_runtime(tmp_path, play)


def test_every_fifth_request_fails_and_no_health_check_does(tmp_path: Path) -> None:
    async def play(runtime: ProcessTaskRuntime) -> None:
        spec = task(fail_every=5)
        await runtime.start(spec)
        statuses = []
        for _ in range(10):
            assert await runtime.probe(spec, "/healthz", 5)
            statuses.append((await get(spec))[0])

        assert statuses == [200, 200, 200, 200, 500] * 2

    with_runtime(tmp_path, play)


def test_a_hanging_release_answers_health_checks_only(tmp_path: Path) -> None:
    async def play(runtime: ProcessTaskRuntime) -> None:
        spec = task(hang=True)
        await runtime.start(spec)

        assert await runtime.probe(spec, "/healthz", 5)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(get(spec), 0.3)
        assert await runtime.stop(spec, 30) == 128 + signal.SIGKILL

    with_runtime(tmp_path, play)


def test_a_release_that_crashes_at_start_does_not_start(tmp_path: Path) -> None:
    async def play(runtime: ProcessTaskRuntime) -> None:
        spec = task(crash_at_start=True)
        with pytest.raises(TaskStartError) as error:
            await runtime.start(spec)

        assert error.value.stop_code == "EssentialContainerExited"
        assert not await runtime.probe(spec, "/healthz", 5)
        assert runtime.tenancies == []

    with_runtime(tmp_path, play)


def test_a_release_that_crashes_later_ends_by_itself(tmp_path: Path) -> None:
    async def play(runtime: ProcessTaskRuntime) -> None:
        spec = task(crash_after_seconds=10)
        await runtime.start(spec)

        assert await asyncio.wait_for(runtime.exited(spec), 5) == 1
        assert runtime.tenancies[0].until is not None

    with_runtime(tmp_path, play)


def test_an_image_that_cannot_be_pulled_starts_no_process(tmp_path: Path) -> None:
    async def play(runtime: ProcessTaskRuntime) -> None:
        spec = task(unpullable=True)
        with pytest.raises(TaskStartError, match="CannotPullContainerError") as error:
            await runtime.start(spec)

        assert error.value.stop_code == "TaskFailedToStart"
        assert runtime.tenancies == []

    with_runtime(tmp_path, play)


def test_a_stopped_task_ends_orderly_and_frees_its_address(tmp_path: Path) -> None:
    async def play(runtime: ProcessTaskRuntime) -> None:
        spec = task()
        await runtime.start(spec)
        assert await runtime.stop(spec, 30) == 0

        await runtime.start(spec)
        assert await runtime.probe(spec, "/healthz", 5)

    with_runtime(tmp_path, play)


def test_start_takes_the_time_its_image_asks_for(tmp_path: Path) -> None:
    async def play(runtime: ProcessTaskRuntime) -> None:
        clock = Clock(factor=FACTOR)
        await runtime.start(task(start_seconds=60))

        assert clock.time() >= 60

    with_runtime(tmp_path, play)


def test_no_task_outlives_a_killed_parent(tmp_path: Path) -> None:
    parent = textwrap.dedent(f"""
        import asyncio
        from pathlib import Path
        from localcloud.demo import leash

        async def main():
            child = await leash.spawn(["sleep", "60"], log=Path({str(tmp_path)!r}, "l"))
            print(child.pid, flush=True)
            await asyncio.Event().wait()

        asyncio.run(main())
    """)

    async def play() -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", parent, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        child = int(await process.stdout.readline())
        process.kill()
        await process.wait()
        async with asyncio.timeout(5):
            while _alive(child):  # noqa: ASYNC110  another process's end has no event
                await asyncio.sleep(0.01)

    asyncio.run(play())


def _alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state[0] != "Z"
