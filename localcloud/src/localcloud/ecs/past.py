"""How services and tasks looked a while ago: what reads answer while they lag.

ECS's reads are eventually consistent (API reference, Amazon ECS eventual consistency).
"""

from collections import deque
from collections.abc import Mapping
from math import inf
from typing import Any

from localcloud.clock import Clock
from localcloud.ecs.notices import service_shape, task_shape
from localcloud.ecs.records import Service, Task

type _Look = tuple[float, dict[str, Any]]
"""Since when something looked like that, in the clock's modelled seconds."""


class Past:
    """Keeps as many looks at services and tasks as the lag needs: none at 0."""

    def __init__(
        self,
        clock: Clock,
        services: Mapping[str, Service],
        tasks: Mapping[str, Task],
        lag_seconds: float,
    ) -> None:
        self._clock = clock
        self._services = services
        self._tasks = tasks
        self._looks: dict[str, deque[_Look]] = {}
        self._lag_seconds = lag_seconds

    @property
    def lag_seconds(self) -> float:
        """How long ago reads look; a longer lag reaches back to when it was set."""
        return self._lag_seconds

    @lag_seconds.setter
    def lag_seconds(self, seconds: float) -> None:
        before, self._lag_seconds = self._lag_seconds, seconds
        if not seconds:
            self._looks.clear()
        elif not before:
            everything: list[Service | Task] = [
                *self._services.values(),
                *self._tasks.values(),
            ]
            for known in everything:
                self._looks[known.arn] = deque([(-inf, _shape(known))])

    def note(self, changed: Service | Task) -> None:
        """Remember what something looks like from now on."""
        if self._lag_seconds:
            looks = self._looks.setdefault(changed.arn, deque())
            looks.append((self._clock.time(), _shape(changed)))
            self._prune(looks)

    def forget(self, task: Task) -> None:
        """Drop a task that nobody can read any more."""
        self._looks.pop(task.arn, None)

    def look(self, at: Service | Task) -> dict[str, Any] | None:
        """Return the shape that a read gives; None where it was not there yet."""
        if not self._lag_seconds:
            return _shape(at)
        looks = self._looks[at.arn]
        self._prune(looks)
        since, shape = looks[0]
        return dict(shape) if since <= self._then() else None

    def _then(self) -> float:
        return self._clock.time() - self._lag_seconds

    def _prune(self, looks: deque[_Look]) -> None:
        """Let the first look be the one that reads give now."""
        while len(looks) > 1 and looks[1][0] <= self._then():
            looks.popleft()
            looks[0] = (-inf, looks[0][1])


def _shape(of: Service | Task) -> dict[str, Any]:
    return service_shape(of) if isinstance(of, Service) else task_shape(of)
