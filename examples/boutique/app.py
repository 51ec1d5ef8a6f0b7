"""One program that plays every service of the boutique.

It listens on ADDRESS:PORT, asks each service it CALLS through the internal load
balancer, and answers with what it is and what it heard. It needs the standard library
only and starts in a tenth of a second, since a demonstration starts it many times. A
service that FINDS others in the registry asks these by finder.py, which needs more.

Environment:
    SERVICE        the service's name
    ADDRESS, PORT  where to listen
    DIGEST, IMAGE  the image's digest, and its content as JSON
    CALLS          hosts of the services asked, with spaces between; the first label of
                   each is the service's name
    FINDS          services asked by the registry's weights (finder.py)
    GREETING       what every answer says, where it is given
    LOAD_BALANCER  host:port of the internal load balancer
    CALL_TIMEOUT_SECONDS   how long to wait for a service asked; below the load
                   balancer's idle timeout, so that this answer is the first to give up
    TIME_FACTOR    modelled seconds per second, for the times in IMAGE

What IMAGE says of the release's manners:
    fail_every: n          every nth request is answered with 500
    hang: true             health checks are answered, requests never
    crash_at_start: true   exits with 1 before it listens
    crash_after_seconds: n exits with 1 after so many modelled seconds
"""

# ruff: noqa: INP001  programs that lie side by side, not a package

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from itertools import count
from typing import Any

from http1 import TRACE_HEADER, LoadBalancer, read_head

HEALTH_PATH = "/healthz"
REASONS = {
    200: "OK",
    421: "Misdirected Request",
    500: "Internal Server Error",
    502: "Bad Gateway",
}
NAME_HEADER = "slipway-service"
"""Whom a caller means and who answers: slipway_client.identity, in plain Python."""

type Answer = tuple[int, dict[str, Any]]


class Boutique:
    """One running service: its manners and whom it calls."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.image: dict[str, Any] = json.loads(environment["IMAGE"])
        self.about: dict[str, Any] = {
            "service": environment["SERVICE"],
            "version": self.image.get("version"),
            "digest": environment["DIGEST"],
        }
        if "GREETING" in environment:
            self.about["greeting"] = environment["GREETING"]
        self.calls = {
            host.partition(".")[0]: host
            for host in environment.get("CALLS", "").split()
        }
        self.load_balancer = LoadBalancer(
            environment.get("LOAD_BALANCER", "127.0.0.1:80"),
            float(environment.get("CALL_TIMEOUT_SECONDS", "2")),
        )
        self.finder: Any = None
        if environment.get("FINDS"):
            from finder import Finder  # noqa: PLC0415  half a second for those who need it

            self.finder = Finder(environment)
        self._served = count(1)
        self._fail_every: int = self.image.get("fail_every") or 0
        self.stopping = asyncio.Event()
        self._busy = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._open: set[asyncio.StreamWriter] = set()

    async def serve_connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer the requests of one connection, one after the other."""
        self._open.add(writer)
        try:
            # The peer closes its connections when it likes: between two requests
            # that is their end.
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while not self.stopping.is_set():
                    first, headers = await read_head(reader)
                    self._busy += 1
                    self._quiet.clear()
                    try:
                        status, body = await self.respond(
                            first.split(" ", 2)[1], headers
                        )
                        writer.write(self._response(status, body))
                        await writer.drain()
                    finally:
                        self._busy -= 1
                        if not self._busy:
                            self._quiet.set()
        finally:
            self._open.discard(writer)
            writer.close()

    async def respond(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Answer one request, unless another service is meant: then do nothing."""
        own = self.about["service"]
        if headers.get(NAME_HEADER, own) != own:
            return 421, {"service": own}
        return await self.answer(path, headers.get(TRACE_HEADER, ""))

    async def answer(self, path: str, trace: str) -> Answer:
        """Answer one request; a health check never asks another service."""
        if path == HEALTH_PATH:
            return 200, self.about
        number = next(self._served)
        if self.image.get("hang"):
            await asyncio.Event().wait()
        if self._fail_every and number % self._fail_every == 0:
            return 500, {**self.about, "error": f"fails every {self._fail_every}th"}
        found = self.finder.names() if self.finder else []
        names = [*self.calls, *found]
        heard = await asyncio.gather(
            *(self._ask(name, trace) for name in self.calls),
            *(self.finder.ask(name, trace) for name in found),
        )
        body = {
            **self.about,
            "heard": dict(zip(names, (said for _, said in heard), strict=True)),
        }
        return (200 if all(good for good, _ in heard) else 502), body

    async def _ask(self, name: str, trace: str) -> tuple[bool, Any]:
        try:
            status, body = await self.load_balancer.get(self.calls[name], trace)
        except (OSError, asyncio.IncompleteReadError) as error:
            return False, {"error": type(error).__name__}
        if status != 200:  # noqa: PLR2004  the HTTP status
            return False, {"status": status}
        return True, json.loads(body)

    def _response(self, status: int, body: Mapping[str, Any]) -> bytes:
        content = json.dumps(body).encode()
        close = "connection: close\r\n" if self.stopping.is_set() else ""
        head = (
            f"HTTP/1.1 {status} {REASONS[status]}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(content)}\r\n"
            f"{NAME_HEADER}: {self.about['service']}\r\n{close}\r\n"
        )
        return head.encode("latin-1") + content

    async def run(self, address: str, port: int) -> None:
        """Listen until SIGTERM; then finish what was asked and return."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stopping.set)
        if self.finder:
            await asyncio.to_thread(self.finder.warm)
        server = await asyncio.start_server(
            self.serve_connection, address, port, backlog=512
        )
        sys.stdout.write("listening\n")
        sys.stdout.flush()
        await self.stopping.wait()
        server.close()
        await self._quiet.wait()
        for writer in self._open:
            writer.close()


async def main() -> None:
    """Be the service that the environment describes."""
    boutique = Boutique(os.environ)
    if boutique.image.get("crash_at_start"):
        sys.exit(1)
    crash_after = boutique.image.get("crash_after_seconds")
    if crash_after is not None:
        factor = float(os.environ.get("TIME_FACTOR", "1"))
        asyncio.get_running_loop().call_later(crash_after / factor, os._exit, 1)
    await boutique.run(os.environ["ADDRESS"], int(os.environ["PORT"]))


if __name__ == "__main__":
    asyncio.run(main())
