"""Calls between services that find each other in the registry. Pure.

A caller by the client package hears of new weights within some time. So what it sent
in a step counts from then on, until the next step's weights.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from localcloud.demo.access_log import Hop
from localcloud.demo.blame import Directory

LAG_SECONDS = 48.0
"""Modelled: how long new weights take to all callers at most (clients/python)."""
ENOUGH = 50
"""Fewer calls in a step say nothing of its share."""
SIGMAS = 4.0
ALSO = 0.01
"""How far from its weight a share may be: chance, and a little for the clocks."""


@dataclass(frozen=True, slots=True)
class Followed:
    """What callers by the registry sent to a candidate while it had a weight."""

    weight_percent: int
    calls: int
    share: float
    """Of these calls, 0 to 1."""

    @property
    def is_near(self) -> bool:
        """Whether the share is the weight, as far as so many calls can tell."""
        weight = self.weight_percent / 100
        chance = SIGMAS * sqrt(weight * (1 - weight) / self.calls)
        return abs(self.share - weight) <= chance + ALSO

    def as_json(self) -> Mapping[str, Any]:
        """Return it for build/demo.json."""
        return {
            "weight_percent": self.weight_percent,
            "calls": self.calls,
            "share_percent": round(100 * self.share, 1),
        }


def followed(
    calls: Iterable[Hop],
    directory: Directory,
    digests: Collection[str],
    steps: Sequence[tuple[int, float, float]],
) -> list[Followed]:
    """Return the candidate's share of the calls in each step that had enough.

    `digests` are the candidate's; a step is its weight, and from when until when calls
    count, in real seconds of the Unix epoch.
    """
    known = list(calls)
    found = []
    for weight, begin, end in steps:
        reached = [
            directory.digest(hop.upstream, hop.start) in digests
            for hop in known
            if hop.upstream is not None and begin <= hop.start < end
        ]
        if len(reached) >= ENOUGH:
            share = sum(reached) / len(reached)
            found.append(Followed(weight, len(reached), share))
    return found
