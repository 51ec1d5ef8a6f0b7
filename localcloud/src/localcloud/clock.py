"""Modelled time: one clock for everything in the local cloud.

All durations and instants that the local cloud talks about are modelled ones. In the
demo a modelled second lasts `1 / factor` real seconds; in a simulation the event loop
is a `VirtualLoop`, which jumps to its next timer instead of waiting for it.
"""

import asyncio
import heapq
import selectors
from asyncio import TimerHandle
from collections.abc import Callable, Coroutine
from contextvars import Context
from datetime import UTC, datetime, timedelta
from typing import Any, override

SIMULATION_EPOCH = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""When simulated time begins, unless a test says otherwise: a Monday morning."""


class NothingScheduled(RuntimeError):
    """Virtual time cannot go on: everybody waits and no timer will wake anyone."""


class _JumpingSelector(selectors.DefaultSelector):
    """Answers at once; says how long a real selector would have waited at most."""

    skipped: Callable[[float], None]

    @override
    def select(
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise NothingScheduled(
                "every task waits for another and no timer is set: virtual time "
                "would stand still for ever"
            )
        if timeout > 0:
            self.skipped(timeout)
        return ready


class _OrderedTimer(TimerHandle):
    """A timer that fires after those of the same time that were set before it."""

    __slots__ = ("_order",)
    _scheduled: bool

    def __init__(self, order: int, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._order = order

    @override
    def __lt__(self, other: TimerHandle) -> bool:
        if isinstance(other, _OrderedTimer):
            return (self.when(), self._order) < (other.when(), other._order)
        return super().__lt__(other)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on which waiting takes no time.

    Callbacks run in the order of their times, ties in the order in which they were
    scheduled, so one seed gives one run. Real input and output still work, but virtual
    time does not wait for them.
    """

    _scheduled: list[TimerHandle]

    def __init__(self) -> None:
        selector = _JumpingSelector()
        selector.skipped = self._skip
        self._virtual_seconds = 0.0
        self._timers_set = 0
        super().__init__(selector)

    @override
    def time(self) -> float:
        """Seconds of virtual time since the loop was made."""
        return self._virtual_seconds

    @override
    def call_at[*Arguments](
        self,
        when: float,
        callback: Callable[[*Arguments], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> TimerHandle:
        """Schedule a callback; asyncio itself leaves the order of ties to chance."""
        self._timers_set += 1
        timer = _OrderedTimer(self._timers_set, when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True  # noqa: SLF001  as the base class does
        return timer

    def _skip(self, seconds: float) -> None:
        self._virtual_seconds += seconds


class Clock:
    """Modelled time, `factor` modelled seconds to a second of the running loop."""

    def __init__(self, epoch: datetime = SIMULATION_EPOCH, factor: float = 1.0) -> None:
        if epoch.tzinfo is None:
            raise ValueError("a clock's epoch must be aware (UTC)")
        if factor <= 0:
            raise ValueError(f"a clock's factor must be above 0, not {factor}")
        self.epoch = epoch
        self.factor = factor
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()

    @classmethod
    def realtime(cls, factor: float = 1.0) -> "Clock":
        """Return a clock that begins now and runs `factor` times as fast."""
        return cls(datetime.now(UTC), factor)

    @property
    def virtual(self) -> bool:
        """Whether waiting takes no real time."""
        return isinstance(self._loop, VirtualLoop)

    def time(self) -> float:
        """Return modelled seconds since the epoch of this clock."""
        return (self._loop.time() - self._started) * self.factor

    def now(self) -> datetime:
        """Return modelled time, aware, in UTC."""
        return self.epoch + timedelta(seconds=self.time())

    async def sleep(self, seconds: float) -> None:
        """Wait for modelled seconds."""
        await asyncio.sleep(seconds / self.factor)

    def call_later(
        self, seconds: float, callback: Callable[..., object], *arguments: Any
    ) -> TimerHandle:
        """Call back after modelled seconds; the handle it returns can be cancelled."""
        return self._loop.call_later(seconds / self.factor, callback, *arguments)

    def timeout(self, seconds: float) -> asyncio.Timeout:
        """Return an asynchronous context that ends after modelled seconds."""
        return asyncio.timeout(seconds / self.factor)


def run_virtual[T](main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time.

    Raises NothingScheduled where it waits for what can never happen.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
