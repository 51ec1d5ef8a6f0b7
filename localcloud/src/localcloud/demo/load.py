"""The steady load: the load generator's process and its rows."""

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcloud.demo import leash
from localcloud.demo.blame import Sent
from localcloud.demo.tail import Tail

if TYPE_CHECKING:
    from asyncio.subprocess import Process

GRACE_SECONDS = 20.0
"""Longer than the load generator waits for any answer."""


def read_sent(line: str) -> Sent:
    """Read one row of the load generator (examples/boutique/loadgenerator.py)."""
    row: dict[str, Any] = json.loads(line)
    return Sent(row["trace"], row["start"], row["seconds"], row.get("status"))


async def answer(load_balancer: str, host: str) -> Any:
    """Ask once as a user does; return the answer's content.

    `load_balancer` is named to host:port.
    """
    address, _, port = load_balancer.partition(":")
    reader, writer = await asyncio.open_connection(address, int(port))
    try:
        writer.write(f"GET / HTTP/1.1\r\nhost: {host}\r\n\r\n".encode("latin-1"))
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        _, _, length = head.partition("content-length:")
        return json.loads(await reader.readexactly(int(length.split()[0])))
    finally:
        writer.close()


class Load:
    """Requests at a fixed rate from a process of their own."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._process: Process | None = None
        self.sent: Tail[Sent] = Tail(folder / "load.jsonl", read_sent)

    async def start(self, load_balancer: str, host: str, rate: float) -> None:
        """Begin to send `rate` requests a second to `host`, named to host:port."""
        self._process = await leash.spawn(
            [
                *(sys.executable, "-S", "-E", "-s", self._program),
                *(load_balancer, host, str(rate), self.sent.path),
            ],
            log=self._folder / "load.log",
        )

    @property
    def running(self) -> bool:
        """Whether it sends."""
        return self._process is not None and self._process.returncode is None

    async def stop(self) -> None:
        """Send no more, wait for the open requests, read the rest of the rows.

        Raises RuntimeError where the load generator itself failed.
        """
        if self._process is None:
            return
        code = await leash.end(self._process, GRACE_SECONDS)
        self._process = None
        self.sent.read_new()
        if code:
            raise RuntimeError(
                f"the load generator ended with {code}: see {self._folder}/load.log"
            )

    def kill(self) -> None:
        """End it at once."""
        if self.running:
            assert self._process is not None
            self._process.kill()
