"""Instances that failed to connect, put aside for a while that grows."""

from collections.abc import Collection

from slipway_client.instance import Instance

FIRST_SECONDS = 5.0
"""How long an instance is put aside when it fails first; doubles each time."""

MOST_SECONDS = 300.0
"""How long it is put aside at most, and how long after that it counts as new."""


class Aside:
    """What failed, how often in a row, and when last. Times are seconds of one clock.

    A failure while an instance is away, of a request that was under way, counts as the
    same failure.
    """

    def __init__(self) -> None:
        self._failures: dict[Instance, tuple[int, float]] = {}

    def failed(self, instance: Instance, now: float) -> None:
        """Put an instance aside: 5 s, then 10 s, and so on up to 300 s."""
        times, last = self._failures.get(instance, (0, now))
        if now - last > 2 * MOST_SECONDS:
            times = 0
        if self.since(instance, now) is None:
            times += 1
        self._failures[instance] = (times, now)

    def succeeded(self, instance: Instance) -> None:
        """Forget an instance's failures."""
        self._failures.pop(instance, None)

    def since(self, instance: Instance, now: float) -> float | None:
        """Return when an instance failed last, None unless it is put aside."""
        if instance not in self._failures:
            return None
        times, last = self._failures[instance]
        # 2 ** 6 is beyond the most already; more would only grow the number.
        lasts = min(MOST_SECONDS, FIRST_SECONDS * 2 ** min(times - 1, 6))
        return last if now < last + lasts else None

    def keep(self, listed: Collection[Instance]) -> None:
        """Forget all instances but these."""
        self._failures = {i: f for i, f in self._failures.items() if i in listed}
