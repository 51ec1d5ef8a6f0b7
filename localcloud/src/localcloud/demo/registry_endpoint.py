"""Cloud Map by HTTP, for tasks: they are processes of their own.

Requests and answers are those of AWS's JSON protocol 1.1. A task's SDK is led here by
AWS_ENDPOINT_URL_SERVICEDISCOVERY (AWS SDKs and Tools guide, service-specific
endpoints).
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from localcloud.api import AwsError

ANSWERED = 200
REFUSED = 400
REASONS = {ANSWERED: "OK", REFUSED: "Bad Request"}

type Answer = Callable[[str, dict[str, Any]], Mapping[str, Any]]


class RegistryEndpoint:
    """Listens on a port of 127.0.0.1 and lets `answer` say what is asked."""

    def __init__(self) -> None:
        self.answer: Answer = _nobody
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()
        return f"http://{host}:{port}"

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self._server.close_clients()
            await self._server.wait_closed()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer the requests of one connection until the peer closes it."""
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    headers = _headers(head.decode("latin-1"))
                    body = await reader.readexactly(int(headers["content-length"]))
                    writer.write(self._response(headers, body))
                    await writer.drain()
        finally:
            writer.close()

    def _response(self, headers: Mapping[str, str], body: bytes) -> bytes:
        operation = headers["x-amz-target"].partition(".")[2]
        try:
            status, answer = ANSWERED, self.answer(operation, json.loads(body))
        except AwsError as error:
            status = REFUSED
            answer = {"__type": error.code, "message": str(error)}
        content = json.dumps(answer, default=_time).encode()
        head = (
            f"HTTP/1.1 {status} {REASONS[status]}\r\n"
            "content-type: application/x-amz-json-1.1\r\n"
            f"content-length: {len(content)}\r\n\r\n"
        )
        return head.encode("latin-1") + content


def _headers(head: str) -> dict[str, str]:
    lines = [line.partition(":") for line in head.split("\r\n")[1:] if line]
    return {name.strip().lower(): value.strip() for name, _, value in lines}


def _time(value: object) -> float:
    """Write a time as the protocol has it: seconds of the Unix epoch."""
    assert isinstance(value, datetime)
    return value.timestamp()


def _nobody(operation: str, _: dict[str, Any]) -> Mapping[str, Any]:
    raise AwsError("ServiceUnavailable", f"{operation}: there is no cloud yet")
