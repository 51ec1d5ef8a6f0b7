"""Follows a file of lines while another process writes it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

TAIL_SECONDS = 0.1
"""Real time between two looks at the file."""


class Tail[Row]:
    """Reads each complete line once, keeps every row, and tells who listens."""

    def __init__(self, path: Path, read: Callable[[str], Row]) -> None:
        self.path = path
        self._read = read
        self._offset = 0
        self._partial = b""
        self._listeners: list[Callable[[list[Row]], object]] = []
        self.rows: list[Row] = []

    def subscribe(self, listener: Callable[[list[Row]], object]) -> None:
        """Call `listener` with each batch of new rows."""
        self._listeners.append(listener)

    def read_new(self) -> None:
        """Take in what was written since the last time."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._offset)
            content = file.read()
        self._offset += len(content)
        *lines, self._partial = (self._partial + content).split(b"\n")
        new = [self._read(line.decode()) for line in lines]
        if new:
            self.rows += new
            for listener in self._listeners:
                listener(new)

    async def follow(self) -> None:
        """Take in new rows as they come, until cancelled."""
        while True:
            self.read_new()
            await asyncio.sleep(TAIL_SECONDS)
