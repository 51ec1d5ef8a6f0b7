"""A namespace of the registry, and the thread that keeps its services fresh."""

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Mapping
from random import Random
from types import TracebackType
from typing import Any, Self

from slipway_client.pace import Pace
from slipway_client.registry import Registry, cloud_map
from slipway_client.service import OnStale, Service, Settings, Verify
from slipway_client.zone import own_zone

log = logging.getLogger(__name__)

ZONE_AGAIN_SECONDS = 30.0
"""How long a zone that nobody told is not asked for again."""


class Discovery:
    """Finds services in one namespace of AWS Cloud Map. Safe for threads.

    `zone` is the caller's availability zone; where it is None, the task's metadata is
    asked, and "" is for no preference. `client` is boto3's for `servicediscovery`.
    With `background` False there is no thread: a list that is due is refreshed by who
    picks next, while others go on with the old one. That is for AWS Lambda, where
    threads rest between invocations.

    The thread is started by the first pick, so make a Discovery before a fork if you
    like, but pick after it.
    """

    def __init__(
        self,
        namespace: str,
        *,
        zone: str | None = None,
        pace: Pace | None = None,
        on_stale: OnStale | None = None,
        background: bool = True,
        client: Any = None,
        clock: Callable[[], float] = time.monotonic,
        chance: Random | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.namespace = namespace
        self._zone = zone
        self._zone_due_at = -math.inf
        self._environ = environ
        self._clock = clock
        self._background = background
        self._services: dict[str, Service] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._settings = Settings(
            registry=Registry(client or cloud_map(), namespace),
            pace=pace or Pace(),
            zone=lambda: self._zone or "",
            clock=clock,
            # Not for secrets: it spreads requests.
            chance=chance or Random(),  # noqa: S311
            on_stale=on_stale,
            on_pick=self._keep_fresh,
        )

    def service(
        self,
        name: str,
        *,
        service_id: str | None = None,
        port: int | None = None,
        verify: Verify | None = None,
    ) -> Service:
        """Return a service of the namespace, always the same one for the same name.

        What is said beside the name counts the first time. With `service_id`, the
        service's id in Cloud Map, two reads of the registry's lists are saved. `port`
        is for instances registered without one. `verify` checks instances of old lists.
        """
        with self._lock:
            if name not in self._services:
                self._services[name] = Service(
                    name,
                    self._settings,
                    service_id=service_id,
                    port=port,
                    verify=verify,
                )
                self._wake.set()
            return self._services[name]

    def refresh_due(self) -> float:
        """Refresh every service that is due; return seconds until the next one is."""
        self._find_zone()
        with self._lock:
            services = list(self._services.values())
        for service in services:
            service.refresh_if_due()
        next_at = min((service.due_at for service in services), default=math.inf)
        return max(0.0, next_at - self._clock())

    def close(self) -> None:
        """End the thread. Services go on with the lists that they have."""
        with self._lock:
            self._closed = True
            thread = self._thread
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _keep_fresh(self, service: Service) -> None:
        """Start the thread if there is none, or do its work where there is to be none.

        Called by each pick, so also a thread that a fork or a fault took is replaced.
        """
        if not self._background:
            self._find_zone()
            service.refresh_if_due()
            return
        if self._closed or (self._thread is not None and self._thread.is_alive()):
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name=f"discovery {self.namespace}", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        while not self._closed:
            # Never longer than an interval: who picks first refreshes as well, and what
            # is due after that was not known when this thread began to wait.
            most = self._settings.pace.interval_seconds
            self._wake.wait(min(self.refresh_due(), most))
            self._wake.clear()

    def _find_zone(self) -> None:
        now = self._clock()
        if self._zone is None and now >= self._zone_due_at:
            self._zone_due_at = now + ZONE_AGAIN_SECONDS
            self._zone = own_zone(self._environ)
