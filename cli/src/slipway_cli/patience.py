"""The one place that waits."""

import time
from collections.abc import Callable
from datetime import timedelta

from slipway import clock
from slipway.errors import RetryableError

LONGEST_BLINDNESS = timedelta(minutes=5)
"""How long looks may fail one after the other before waiting is given up."""

_pause: Callable[[float], object] = time.sleep


def use(pause: Callable[[float], object]) -> None:
    """Wait by calling `pause` from now on: a simulation brings its own."""
    global _pause  # noqa: PLW0603  one process has one way to wait
    _pause = pause


def until[T](
    look: Callable[[], T | None], *, timeout_seconds: float, every_seconds: float
) -> T | None:
    """Return what a look finds, None where none finds anything in time.

    There is one look at least. One that AWS does not answer for now finds nothing; the
    error is raised only where that goes on for LONGEST_BLINDNESS.
    """
    seen = clock.now()
    end = seen + timedelta(seconds=timeout_seconds)
    while True:
        found = None
        try:
            found = look()
        except RetryableError:
            if clock.now() - seen >= LONGEST_BLINDNESS:
                raise
        else:
            seen = clock.now()
        left = (end - clock.now()).total_seconds()
        if found is not None or left <= 0:
            return found
        _pause(min(every_seconds, left))
