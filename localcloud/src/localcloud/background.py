"""Work that goes on by itself on the event loop, and must not fail unseen."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Background:
    """Asyncio tasks that outlive the call that began them.

    A failure of one is handed to the loop's exception handler when it happens and
    raised by `close`.
    """

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        self._failures: list[Exception] = []

    def begin(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Start the work; `name` shows in error messages."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    async def close(self) -> None:
        """Cancel what still runs; raise what failed, as one ExceptionGroup."""
        running = tuple(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if self._failures:
            raise ExceptionGroup("failed in the background", self._failures)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if task.cancelled():
            return
        failure = task.exception()
        if isinstance(failure, Exception):
            self._failures.append(failure)
            task.get_loop().call_exception_handler(
                {"message": f"{task.get_name()} failed", "exception": failure}
            )
