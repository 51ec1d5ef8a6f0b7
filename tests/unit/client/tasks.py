"""Tasks that serve HTTP on loopback addresses, for the client's tests."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from slipway_client import HEADER, MISDIRECTED, accepts


@dataclass
class Received:
    """A request as a task got it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Task:
    """A server that belongs to a service, and what it got and handled."""

    name: str
    address: str = ""
    port: int = 0
    received: list[Received] = field(default_factory=list)
    handled: list[Received] = field(default_factory=list)


type Act = Callable[[BaseHTTPRequestHandler], bool]
"""Does something else than answering; returns whether to answer all the same."""


@contextmanager
def serving(
    name: str,
    address: str = "127.0.0.1",
    port: int = 0,
    *,
    checks: bool = True,
    tells: bool = True,
    act: Act = lambda _: True,
) -> Iterator[Task]:
    """Serve HTTP as a task of a service until the block ends.

    `checks` is for refusing what is meant for others, `tells` for naming the service
    in answers, as the package's documents ask of servers.
    """
    task = Task(name)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            got = Received(
                self.command, self.path, dict(self.headers), self.rfile.read(length)
            )
            task.received.append(got)
            if not act(self):
                return
            refused = checks and not accepts(got.headers, name)
            if not refused:
                task.handled.append(got)
            body = b"" if refused or self.command == "HEAD" else name.encode()
            self.send_response(MISDIRECTED if refused else 200)
            if tells:
                self.send_header(HEADER, name)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_HEAD = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((address, port), Handler)
    task.address, task.port = server.server_address[:2]  # type: ignore[assignment]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield task
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def closed(address: str = "127.0.0.9") -> Iterator[Task]:
    """Give an address that refuses connections: nobody listens on its port."""
    with socket.socket() as taken:
        taken.bind((address, 0))
        yield Task("cart", address, taken.getsockname()[1])


@contextmanager
def silent(address: str = "127.0.0.8") -> Iterator[Task]:
    """Give an address that answers no attempt to connect: its backlog is full."""
    with socket.socket() as full, socket.socket() as first:
        full.bind((address, 0))
        full.listen(0)
        first.connect(full.getsockname())
        yield Task("cart", address, full.getsockname()[1])


def break_off(handler: BaseHTTPRequestHandler) -> bool:
    """Break the connection instead of answering."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)
    return False
