"""Ending a program that ends by itself meanwhile."""

import asyncio
from typing import Any, cast

from localcloud.demo import leash


class Ending:
    """A process that ends in the moment when its grace does."""

    def __init__(self) -> None:
        self.returncode: int | None = None

    def terminate(self) -> None:
        """Take the signal, and go on for a while."""

    def kill(self) -> None:
        """Nobody is there to be killed, as asyncio has it."""
        raise ProcessLookupError

    async def wait(self) -> int:
        """Return the code; who stops waiting stops at the very end."""
        if self.returncode is None:
            try:
                await asyncio.Event().wait()
            finally:
                self.returncode = 3
        return self.returncode


def test_a_program_that_ends_with_its_grace_keeps_its_code() -> None:
    process = cast("Any", Ending())

    assert asyncio.run(leash.end(process, grace_seconds=0)) == 3
