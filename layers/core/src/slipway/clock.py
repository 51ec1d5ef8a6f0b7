"""The one place that asks what time it is."""

from collections.abc import Callable
from datetime import UTC, datetime


def _system_time() -> datetime:
    return datetime.now(UTC)


_source: Callable[[], datetime] = _system_time


def now() -> datetime:
    """Return the current time, aware, in UTC."""
    return _source()


def use(source: Callable[[], datetime]) -> None:
    """Take the time from `source` from now on: a simulation brings its own."""
    global _source  # noqa: PLW0603  one process has one clock
    _source = source
