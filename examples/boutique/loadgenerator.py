"""Asks the entry service at a fixed rate, whatever the answers, until SIGTERM.

    python -S loadgenerator.py LOAD_BALANCER HOST REQUESTS_PER_SECOND FILE

Each request carries an X-Amzn-Trace-Id of its own. FILE gets one JSON line per request
when it ends: trace, start (seconds of the Unix epoch), seconds, and status or error.
After SIGTERM it sends no more, waits for what is open, and ends.
"""

# ruff: noqa: INP001  programs that lie side by side, not a package

import asyncio
import json
import signal
import sys
import time
from itertools import count
from pathlib import Path
from typing import Any, TextIO

from http1 import LoadBalancer

PATIENCE_SECONDS = 15.0
"""Longer than any load balancer waits, so that each request gets its answer."""


class LoadGenerator:
    """An open loop: a slow answer does not hold back the next request."""

    def __init__(self, load_balancer: LoadBalancer, host: str, file: TextIO) -> None:
        self._load_balancer = load_balancer
        self._host = host
        self._file = file
        self._open: set[asyncio.Task[None]] = set()
        self._run = int(time.time())

    async def run(self, requests_per_second: float) -> None:
        """Send until SIGTERM, then wait for the open requests."""
        loop = asyncio.get_running_loop()
        stopping = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, stopping.set)
        begin = loop.time()
        for number in count():
            delay = begin + number / requests_per_second - loop.time()
            if delay > 0:
                await asyncio.sleep(delay)
            if stopping.is_set():
                break
            task = asyncio.create_task(self._ask(number))
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        await asyncio.gather(*self._open)
        self._load_balancer.close()

    async def _ask(self, number: int) -> None:
        # The shape of a trace id: version, time in hex, 24 hex digits.
        trace = f"Root=1-{self._run:08x}-{number:024x}"
        start = time.time()
        row: dict[str, Any] = {"trace": trace, "start": start}
        try:
            status, _ = await self._load_balancer.get(self._host, trace)
            row["status"] = status
        except (OSError, asyncio.IncompleteReadError) as error:
            row["error"] = type(error).__name__
        row["seconds"] = time.time() - start
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()


async def main() -> None:
    """Do what the arguments say."""
    address, host, rate, path = sys.argv[1:]
    with Path(path).open("a") as file:  # noqa: ASYNC230  opened before anything runs
        load_balancer = LoadBalancer(address, PATIENCE_SECONDS)
        await LoadGenerator(load_balancer, host, file).run(float(rate))


if __name__ == "__main__":
    asyncio.run(main())
