"""One service as a caller sees it: who serves it, and who gets the next request."""

import logging
import math
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from slipway_client.aside import Aside
from slipway_client.choice import choose
from slipway_client.errors import (
    DiscoveryError,
    NoInstance,
    RegistryAway,
    UnknownService,
)
from slipway_client.instance import Instance
from slipway_client.pace import Pace, backoff, jittered
from slipway_client.registry import Listing, Registry
from slipway_client.sending import Request, Response, send
from slipway_client.weights import PROTOCOL_KEY, WEIGHTS_KEY, Weights, read_weights

log = logging.getLogger(__name__)

FIRST_WAIT_SECONDS = 1.0
"""The wait after the first failure while nothing is known, when each request fails."""

type Verify = Callable[[Instance], bool]
"""Asks an instance whether it belongs to its service. An OSError is a failure to
connect. Called within `pick`, by the thread that picks."""

type OnStale = Callable[[str, float, DiscoveryError], None]
"""Told of a service whose list became stale: its name, its age in seconds, and why."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What all services of a Discovery share."""

    registry: Registry
    pace: Pace
    zone: Callable[[], str]
    clock: Callable[[], float]
    chance: Random
    on_stale: OnStale | None
    on_pick: Callable[["Service"], None]


class Service:
    """A service of the registry, its instances kept and refreshed. Safe for threads.

    Made by `Discovery.service`. The list is read at the first `pick`, by who picks;
    later it is refreshed elsewhere, and `pick` does not wait for the registry.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        service_id: str | None = None,
        port: int | None = None,
        verify: Verify | None = None,
    ) -> None:
        self.name = name
        self.verify = verify
        self._port = port
        self._settings = settings
        self._given_id = service_id
        self._found_id: str | None = None
        # Guards everything below; never held during a call or a check.
        self._lock = threading.RLock()
        # Held by who refreshes: one at a time.
        self._refreshing = threading.Lock()
        self._listing: Listing | None = None
        # Set once there is a list and weights were asked for: not before may anybody
        # pick, or a candidate would get more than its share.
        self._ready = False
        self._listed_at = -math.inf
        self._confirmed_at = -math.inf
        self._due_at = -math.inf
        self._failures = 0
        self._last_error: DiscoveryError | None = None
        self._stale_told = False
        self._weights: Weights | None = None
        self._protocol: str | None = None
        self._weights_due_at = -math.inf
        self._weights_failures = 0
        self._aside = Aside()
        self._misdirected: set[Instance] = set()
        self._verified_at: dict[Instance, float] = {}

    @property
    def age_seconds(self) -> float:
        """Since when the registry has not confirmed the list; infinite without one."""
        return self._settings.clock() - self._confirmed_at

    @property
    def instances(self) -> tuple[Instance, ...]:
        """The instances of the last list, whatever became of them here."""
        return self._listing.instances if self._listing else ()

    @property
    def weights(self) -> Weights | None:
        """The slots' weights as last read, None where there are none or none yet."""
        return self._weights

    @property
    def protocol(self) -> str | None:
        """What the service's tasks speak, as last read; None where nobody wrote it."""
        return self._protocol

    @property
    def due_at(self) -> float:
        """When the registry is to be asked next, on the clock of the Discovery."""
        return self._due_at

    def pick(self, exclude: Collection[Instance] = ()) -> Instance:
        """Return the instance for the next request, but none of `exclude`.

        Raises NoInstance where none may be used, RegistryAway or UnknownService where
        no list was ever had. Asks the instance itself where the list is older than
        `trust_seconds`, the service has a check and the instance has not passed it
        since.
        """
        self._settings.on_pick(self)
        self._await_first_list()
        tried = set(exclude)
        while True:
            instance = self._next(tried)
            if instance is None:
                raise NoInstance(self._why_none())
            if not self._needs_check(instance) or self._check(instance):
                return instance
            tried.add(instance)

    def failed(self, instance: Instance) -> None:
        """Put an instance aside that could not be connected to, longer each time."""
        with self._lock:
            self._aside.failed(instance, self._settings.clock())
        log.info("%s is put aside: it failed to connect", instance)

    def succeeded(self, instance: Instance) -> None:
        """Forget an instance's failures: it answered."""
        with self._lock:
            self._aside.succeeded(instance)

    def misdirected(self, instance: Instance) -> None:
        """Drop an instance whose address answers for another service.

        It is not used again, whatever else is left, as long as the registry lists it
        so: a task has one address for life.
        """
        with self._lock:
            if self._listing and instance in self._listing.instances:
                self._misdirected.add(instance)
            self._verified_at.pop(instance, None)
        log.warning("%s is dropped: its address answers for another service", instance)

    def verified(self, instance: Instance) -> None:
        """Note that an instance has just shown that it belongs to the service."""
        with self._lock:
            if self._listing and instance in self._listing.instances:
                self._verified_at[instance] = self._settings.clock()

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10,
        *,
        attempts: int = 3,
    ) -> Response:
        """Send an HTTP request to an instance, and to another where that is safe.

        This is `sending.send`, which says what is safe.
        """
        request = Request(method, path, body, headers or {})
        return send(self, request, timeout, attempts)

    def refresh_if_due(self) -> None:
        """Ask the registry if it is time to and nobody else is asking right now."""
        if not self._refreshing.acquire(blocking=False):
            return
        try:
            if self._settings.clock() >= self._due_at:
                self._refresh()
        finally:
            self._refreshing.release()

    def _await_first_list(self) -> None:
        if self._ready:
            return
        with self._refreshing:
            if not self._ready and self._settings.clock() >= self._due_at:
                self._refresh()
        if not self._ready:
            error = self._last_error
            kind = type(error) if error else RegistryAway
            raise kind(f"nothing is known of {self.name}: {error}") from error

    def _refresh(self) -> None:
        """Ask the registry for the list, then for the weights if these are due.

        Each has its own pace and failures: without the right to read weights, or with
        a registry that throttles that call, lists are as fresh as ever.
        """
        now = self._settings.clock()
        # What surprises must not be tried again at once, by each pick.
        self._due_at = now + self._settings.pace.most_wait_seconds
        try:
            self._refresh_listing(now)
        except DiscoveryError as error:
            self._listing_failed(error, now)
        else:
            self._listing_came(now)
        if self._listing is not None and now >= self._weights_due_at:
            self._refresh_weights(now)
        self._ready = self._listing is not None

    def _refresh_listing(self, now: float) -> None:
        settings = self._settings
        known = self._listing
        if known is not None and now - self._listed_at < settings.pace.full_seconds:
            revision = settings.registry.revision(self.name)
            # Not "greater": a service that was deleted and made anew begins below.
            if revision == known.revision:
                return
        listing = settings.registry.instances(self.name, self._port)
        with self._lock:
            self._listing = listing
            self._listed_at = now
            self._aside.keep(listing.instances)
            self._misdirected &= set(listing.instances)
            self._verified_at = {
                instance: at
                for instance, at in self._verified_at.items()
                if instance in listing.instances
            }

    def _listing_came(self, now: float) -> None:
        pace, chance = self._settings.pace, self._settings.chance
        self._confirmed_at = now
        self._due_at = now + jittered(pace.interval_seconds, chance)
        self._failures = 0
        if self._stale_told:
            self._stale_told = False
            log.info("%s: the list is fresh again", self.name)

    def _listing_failed(self, error: DiscoveryError, now: float) -> None:
        pace, chance = self._settings.pace, self._settings.chance
        self._last_error = error
        self._failures += 1
        first = pace.interval_seconds if self._listing else FIRST_WAIT_SECONDS
        wait = backoff(first, self._failures, pace.most_wait_seconds, chance)
        self._due_at = now + wait
        log.warning("%s: %s; asked again in %.0f s", self.name, error, wait)
        age = now - self._confirmed_at
        if self._listing is None or self._stale_told or age < pace.stale_seconds:
            return
        self._stale_told = True
        log.warning("%s: the list is stale, %.0f s old, and used on", self.name, age)
        if self._settings.on_stale is not None:
            try:
                self._settings.on_stale(self.name, age, error)
            except Exception:
                # The caller's code must not end the refreshing that it is told of.
                log.exception("%s: on_stale failed", self.name)

    def _refresh_weights(self, now: float) -> None:
        pace, chance = self._settings.pace, self._settings.chance
        try:
            self._read_attributes()
        except DiscoveryError as error:
            if isinstance(error, UnknownService):
                # Perhaps the service was made anew, under another id.
                self._found_id = None
            self._weights_failures += 1
            wait = backoff(
                pace.interval_seconds,
                self._weights_failures,
                pace.most_wait_seconds,
                chance,
            )
            self._weights_due_at = now + wait
            log.warning("%s: weights stay as they were: %s", self.name, error)
        else:
            self._weights_failures = 0
            self._weights_due_at = now + jittered(pace.weights_seconds, chance)

    def _read_attributes(self) -> None:
        registry = self._settings.registry
        service_id = self._given_id or self._found_id
        if service_id is None:
            service_id = self._found_id = registry.service_id(self.name)
        attributes = registry.attributes(service_id)
        self._protocol = attributes.get(PROTOCOL_KEY)
        text = attributes.get(WEIGHTS_KEY)
        if text is None:
            self._weights = None
            return
        try:
            self._weights = read_weights(text)
        except ValueError as error:
            log.warning("%s: weights stay as they were: %s", self.name, error)

    def _next(self, tried: Collection[Instance]) -> Instance | None:
        now = self._settings.clock()
        with self._lock:
            return choose(
                self._usable(tried),
                self._weights,
                self._settings.zone(),
                away_since=lambda instance: self._aside.since(instance, now),
                chance=self._settings.chance,
            )

    def _usable(self, tried: Collection[Instance]) -> Sequence[Instance]:
        return [
            instance
            for instance in self.instances
            if instance not in tried and instance not in self._misdirected
        ]

    def _needs_check(self, instance: Instance) -> bool:
        trust = self._settings.pace.trust_seconds
        if self.verify is None or self.age_seconds <= trust:
            return False
        last = self._verified_at.get(instance, -math.inf)
        return self._settings.clock() - last > trust

    def _check(self, instance: Instance) -> bool:
        assert self.verify is not None
        try:
            ours = self.verify(instance)
        except OSError as error:
            log.info("%s did not answer its check: %r", instance, error)
            ours = False
        if ours:
            self.verified(instance)
        else:
            self.failed(instance)
        return ours

    def _why_none(self) -> str:
        listed, dropped = len(self.instances), len(self._misdirected)
        return (
            f"{self.name}: the registry lists {listed} instances, of a list "
            f"{self.age_seconds:.0f} s old; {dropped} answer for another service, the "
            "others were tried or did not pass their check"
        )
