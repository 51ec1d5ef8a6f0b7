"""The demonstration's tests share this machine's loopback addresses."""

import fcntl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

LOCK = Path(tempfile.gettempdir()) / "slipway-loopback.lock"


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    """Let one run at a time, whichever worker it is in."""
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
