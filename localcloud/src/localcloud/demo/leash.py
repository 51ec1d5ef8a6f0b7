"""Starts programs that cannot outlive this one.

A child gets SIGKILL from the kernel when its parent ends, however it ends (prctl(2),
PR_SET_PDEATHSIG). It leads a process group of its own, so that a Ctrl-C in the terminal
reaches the demonstration alone, which then ends its children in order.
"""

import asyncio
import ctypes
import os
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping, Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1
"""From linux/prctl.h."""

_libc = ctypes.CDLL(None, use_errno=True)


async def spawn(
    arguments: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    stdout: int | None = None,
) -> Process:
    """Start a program; what it writes is added to the file `log`.

    The environment is exactly `environment`, or this process's own without it.
    """
    parent = os.getpid()

    def tie_to_parent() -> None:
        if _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL) or os.getppid() != parent:
            os._exit(1)

    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *arguments,
            stdin=DEVNULL,
            stdout=output if stdout is None else stdout,
            stderr=output,
            env=environment,
            process_group=0,
            preexec_fn=tie_to_parent,  # there are no threads here that it could upset
        )


async def end(process: Process, grace_seconds: float) -> int:
    """Send SIGTERM, after the grace SIGKILL; return the exit code."""
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(grace_seconds):
                await process.wait()
        except TimeoutError:
            # It may have ended at that very moment: this loop has more to do.
            if process.returncode is None:
                process.kill()
    return await process.wait()
