"""However and whenever the demonstration is ended, no process of it stays."""

import asyncio
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PATIENCE_SECONDS = 180
ENVOY, SOME_TASKS = 1, 6


@pytest.mark.parametrize(
    ("name", "processes", "code"),
    [
        (signal.SIGINT, ENVOY, 130),
        (signal.SIGINT, SOME_TASKS, 130),
        (signal.SIGKILL, SOME_TASKS, -signal.SIGKILL),
    ],
)
def test_nothing_stays_after(
    name: signal.Signals, processes: int, code: int, tmp_path: Path
) -> None:
    async def play() -> tuple[int, list[int]]:
        demo = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "localcloud.demo", "--plain"),
            *("--build", tmp_path),
            stdout=asyncio.subprocess.DEVNULL,
            process_group=0,
        )
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while len(children := list(_children(demo.pid))) < processes:
                    assert demo.returncode is None, "it ended by itself"
                    await asyncio.sleep(0.02)
                demo.send_signal(name)
                await demo.wait()
                while any(map(_alive, children)):  # noqa: ASYNC110  no event
                    await asyncio.sleep(0.02)
        finally:
            if demo.returncode is None:
                demo.kill()
        return await demo.wait(), children

    exit_code, children = asyncio.run(play())

    assert len(children) >= processes
    assert exit_code == code
    assert not [each for each in _all() if str(tmp_path) in _command(each)]


def _all() -> Iterator[int]:
    return (int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit())


def _children(parent: int) -> Iterator[int]:
    return (each for each in _all() if _stat(each)[1:2] == [str(parent)])


def _alive(process_id: int) -> bool:
    return _stat(process_id)[:1] not in ([], ["Z"])


def _stat(process_id: int) -> list[str]:
    """Return state, parent and so on (proc_pid_stat(5)); nothing where it is gone."""
    try:
        stat = Path(f"/proc/{process_id}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return stat.rpartition(")")[2].split()


def _command(process_id: int) -> str:
    try:
        return Path(f"/proc/{process_id}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
