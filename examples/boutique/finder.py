"""Asks services that it finds in the registry, by the client package.

It stands apart from app.py: only a service that finds others pays for its imports.

Environment, beside that of app.py:
    FINDS          NAME.NAMESPACE:PORT of each service asked, with spaces between
    FINDS_EVERY    every nth request asks them; each does unless it is given
    CALL_LOG       a file that takes a row for each call
    AWS_ENDPOINT_URL_SERVICEDISCOVERY  where Cloud Map is, unless on AWS
"""

# ruff: noqa: INP001  programs that lie side by side, not a package

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from slipway_client import Discovery, DiscoveryError, Pace, Service

TRACE_HEADER = "x-amzn-trace-id"
PATH = "/found"
OK = 200


class Finder:
    """The services that one service finds and asks."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._timeout = float(environment.get("CALL_TIMEOUT_SECONDS", "2"))
        self._requests, self._every = count(), int(environment.get("FINDS_EVERY", "1"))
        self._log = Path(environment.get("CALL_LOG", "/dev/null"))
        pace = _pace(float(environment.get("TIME_FACTOR", "1")))
        client = boto3.client(
            "servicediscovery",
            config=Config(
                connect_timeout=2,
                read_timeout=5,
                retries={"total_max_attempts": 1},
                # Here Cloud Map is an address, and an address has no host before it.
                inject_host_prefix=False,
            ),
        )
        namespaces: dict[str, Discovery] = {}
        self._services: dict[str, Service] = {}
        for place in environment["FINDS"].split():
            host, _, port = place.partition(":")
            name, _, namespace = host.partition(".")
            if namespace not in namespaces:
                namespaces[namespace] = Discovery(
                    namespace, zone="", pace=pace, client=client
                )
            found = namespaces[namespace].service(name, port=int(port))
            self._services[name] = found

    def warm(self) -> None:
        """Read the first lists, so that no request waits for them."""
        for name, service in self._services.items():
            try:
                service.pick()
            except DiscoveryError as error:
                sys.stderr.write(f"{name} is not found yet: {error}\n")

    def names(self) -> list[str]:
        """Return the services that the next request asks."""
        return [] if next(self._requests) % self._every else [*self._services]

    async def ask(self, name: str, trace: str) -> tuple[bool, Any]:
        """Ask a task of a service; say whether it answered well, and what."""
        return await asyncio.to_thread(self._ask, self._services[name], trace)

    def _ask(self, service: Service, trace: str) -> tuple[bool, Any]:
        row: dict[str, Any] = {"trace": trace, "service": service.name}
        row["start"] = begin = time.time()
        try:
            answer = service.request(
                "GET", PATH, headers={TRACE_HEADER: trace}, timeout=self._timeout
            )
        except (DiscoveryError, OSError) as error:
            row |= {"status": 0, "upstream": None, "error": repr(error)}
            heard: tuple[bool, Any] = False, {"error": type(error).__name__}
        else:
            task = answer.instance
            row |= {
                "status": answer.status,
                "upstream": f"{task.address}:{task.port}",
            }
            heard = False, {"status": answer.status}
            if answer.status == OK:
                heard = True, json.loads(answer.body)
        row["seconds"] = time.time() - begin
        with self._log.open("a") as log:
            # One short line at once: others write there too.
            log.write(json.dumps(row) + "\n")
        return heard


def _pace(factor: float) -> Pace:
    """Return the client's usual pace in modelled time."""
    usual = Pace()
    return Pace(
        interval_seconds=usual.interval_seconds / factor,
        full_seconds=usual.full_seconds / factor,
        weights_seconds=usual.weights_seconds / factor,
        most_wait_seconds=usual.most_wait_seconds / factor,
        stale_seconds=usual.stale_seconds / factor,
        trust_seconds=usual.trust_seconds / factor,
    )
