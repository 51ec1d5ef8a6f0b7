"""Blocking code on the event loop: greenlets that turn its waits into awaits.

A Lambda handler is ordinary blocking code. Run by `spawn` it has a greenlet of its own,
and where it would block (a boto3 call, a sleep of the SDK between retries) it gives the
loop an awaitable with `wait` and goes on with the result. Other handlers, tasks and
timers run meanwhile, as they would on AWS.
"""

import sys
from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]


class Killed(BaseException):
    """The process that ran the code died: nothing of it goes on."""


class BlockingCall(greenlet):  # type: ignore[misc]
    """One run of blocking code; `owner` says on whose behalf it runs."""

    def __init__(self, function: Callable[..., Any], owner: Any) -> None:
        super().__init__(function, getcurrent())
        self.owner = owner
        self.killed = False
        """Ended from outside: it may unwind, and waits for nothing any more."""


def current() -> BlockingCall | None:
    """Return the blocking call that this code runs in, if any."""
    running = getcurrent()
    return running if isinstance(running, BlockingCall) else None


def wait[T](awaitable: Awaitable[T]) -> T:
    """Wait from inside a blocking call; the loop goes on meanwhile."""
    running = current()
    if running is None or running.parent is None:
        raise RuntimeError("wait() needs to be called from code run by spawn()")
    if running.killed:
        if isinstance(awaitable, Coroutine):
            awaitable.close()
        raise CancelledError
    result: T = running.parent.switch(awaitable)
    return result


async def spawn[T](
    function: Callable[..., T],
    *arguments: Any,
    owner: Any = None,
    around: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> T:
    """Run blocking code as a part of the running task.

    `around` wraps each stretch of it between two waits: what the code expects of its
    process (environment, output) holds while it runs and for nobody else.
    """
    call = BlockingCall(function, owner)
    call.gr_context = getcurrent().gr_context
    with around():
        step = call.switch(*arguments)
    while not call.dead:
        try:
            answer = await step
        except BaseException as error:  # noqa: BLE001  the blocking code decides
            call.killed = isinstance(error, (CancelledError, Killed))
            failure = sys.exc_info()
            with around():
                step = call.throw(*failure)
        else:
            with around():
                step = call.switch(answer)
    result: T = step
    return result
