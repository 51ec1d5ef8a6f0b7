"""Walks through workflows: one for a machine, one for each branch and iteration.

https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html and
https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from localcloud.asl.definition import State, Workflow
from localcloud.asl.errors import StatesError

_ABORTED = frozenset({"Task", "Wait", "Map", "Parallel"})
"""States whose being stopped is an event of its own (API_HistoryEvent: TaskStateAborted
and so on; there is none for others)."""


type Work = Callable[[], Awaitable[Any]]
"""A branch or an iteration, to be run."""


@dataclass(slots=True, eq=False)
class Walk:
    """One walk through a workflow, with the variables of its scope.

    It sees the variables around it as they are when it begins: the state that holds it
    is left only after it. Its own end with it (workflow-variables.html).
    """

    workflow: Workflow
    variables: dict[str, Any]
    state: State | None = None
    """The state that it is in."""
    within: list["Walk"] = field(default_factory=list)
    """The branches or iterations of that state that are under way, or failed."""

    def begin(self, workflow: Workflow) -> "Walk":
        """Begin a walk within the present state."""
        inner = Walk(workflow, dict(self.variables))
        self.within.append(inner)
        return inner

    def abandon(self) -> int:
        """Give up what is within the present state; return the events that tell it.

        As AWS writes them: for each iteration that it is aborted or has failed, and
        for each Task, Wait, Map and Parallel in which a walk was, also one that failed
        itself, that it is aborted.
        """
        iterations = self.state is not None and self.state.type == "Map"
        events = sum(iterations + inner.left_undone() for inner in self.within)
        self.within.clear()
        return events

    def left_undone(self) -> int:
        """Return the events that tell that it goes no further."""
        if self.state is None:
            return 0
        return (self.state.type in _ABORTED) + self.abandon()


async def side_by_side(works: Sequence[Work], at_most: int) -> list[Any]:
    """Do works at the same time, begun in their order; return results in their order.

    The first that fails stops the others, begins no more, and is raised.
    """
    results: dict[int, Any] = {}
    waiting = iter(enumerate(works))

    async def work_off() -> None:
        for index, work in waiting:
            results[index] = await work()

    running = [
        asyncio.ensure_future(work_off()) for _ in range(min(at_most, len(works)))
    ]
    try:
        await asyncio.gather(*running)
    except BaseException:
        # In order, so that one seed gives one run: a TaskGroup has none.
        for worker in running:
            worker.cancel()
        for end in await asyncio.gather(*running, return_exceptions=True):
            if isinstance(end, Exception) and not isinstance(end, StatesError):
                raise end from None  # a fault of the cloud itself
        raise
    return [results[index] for index in range(len(works))]
