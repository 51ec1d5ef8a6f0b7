"""Task tokens: a task's wait for its token to come back.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from localcloud.asl.errors import StatesError


@dataclass(frozen=True, slots=True)
class _End:
    """How a wait ended: with a result, or with an error."""

    result: Any = None
    error: StatesError | None = None


class Callback:
    """One wait for one token. What ends it first counts; nothing ends it again."""

    def __init__(self, token: str) -> None:
        self.token = token
        self._end: asyncio.Future[_End] = asyncio.get_running_loop().create_future()

    @property
    def over(self) -> bool:
        """Whether the token is good for nothing any more."""
        return self._end.done()

    def succeed(self, result: Any) -> None:
        """End the wait with a result."""
        self._settle(_End(result))

    def fail(self, error: StatesError) -> None:
        """End the wait with an error."""
        self._settle(_End(error=error))

    def void(self) -> None:
        """Give the wait up: its execution is over."""
        self._end.cancel()

    async def ended_before(self, work: "asyncio.Task[Any]") -> bool:
        """Wait for the work or for the end; say whether it has ended."""
        await asyncio.wait({work, self._end}, return_when=asyncio.FIRST_COMPLETED)
        return self.over

    async def result(self) -> Any:
        """Wait for the end; return its result or raise its error."""
        end = await self._end
        if end.error is not None:
            raise end.error
        return end.result

    def _settle(self, end: _End) -> None:
        if not self.over:
            self._end.set_result(end)
