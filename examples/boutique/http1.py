"""As much HTTP/1.1 as the boutique needs: heads, and GET on kept-alive connections."""

# ruff: noqa: INP001  programs that lie side by side, not a package

import asyncio
import time

TRACE_HEADER = "x-amzn-trace-id"
POOLED_IDLE_SECONDS = 1.0
"""A pooled connection idle for longer is not used again: the load balancer may be
closing it (its idle timeout is 60 modelled seconds, 3 real ones at factor 20)."""

type Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def read_head(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]]:
    """Read a request's or a response's first line and its headers, names in lower case.

    Raises asyncio.IncompleteReadError at the end of the connection.
    """
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines:
        name, separator, value = line.partition(":")
        if separator:
            headers[name.lower()] = value.strip()
    return first, headers


class LoadBalancer:
    """A load balancer, asked over as many connections as there are open requests."""

    def __init__(self, address: str, timeout_seconds: float) -> None:
        self._host, _, port = address.partition(":")
        self._port = int(port)
        self._timeout = timeout_seconds
        self._idle: list[tuple[float, Streams]] = []

    async def get(self, host: str, trace: str) -> tuple[int, bytes]:
        """GET / from the service that `host` names; return status and body.

        Raises OSError (TimeoutError among them) or asyncio.IncompleteReadError.
        """
        async with asyncio.timeout(self._timeout):
            streams = await self._connection()
            complete = False
            try:
                answer = await self._exchange(streams, host, trace)
                complete = True
            finally:
                if complete:
                    self._idle.append((time.monotonic(), streams))
                else:
                    streams[1].close()
        return answer

    async def _connection(self) -> Streams:
        fresh = time.monotonic() - POOLED_IDLE_SECONDS
        while self._idle:
            since, streams = self._idle.pop()
            if since >= fresh and not streams[0].at_eof():
                return streams
            streams[1].close()
        return await asyncio.open_connection(self._host, self._port)

    @staticmethod
    async def _exchange(streams: Streams, host: str, trace: str) -> tuple[int, bytes]:
        reader, writer = streams
        request = f"GET / HTTP/1.1\r\nhost: {host}\r\n{TRACE_HEADER}: {trace}\r\n\r\n"
        writer.write(request.encode("latin-1"))
        first, headers = await read_head(reader)
        body = await reader.readexactly(int(headers["content-length"]))
        return int(first.split(" ", 2)[1]), body

    def close(self) -> None:
        """Close the connections that are not in use."""
        for _, (_, writer) in self._idle:
            writer.close()
        self._idle.clear()
