"""A mass push becomes a queue: how fast rollouts start, and how often they look.

AWS takes so many calls a second from all of an account together, so what one rollout
may ask for depends on how many there are.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from slipway.domain.rollout import Outcome
from slipway.domain.service import LONGEST_LOOK_SECONDS

START_INTERVAL = timedelta(seconds=1.5)
"""Between the starts of two rollouts. Each registers a task definition, of which ECS
takes 1 a second (request-throttling), and makes seven calls to load balancers around
its first shift, and around each later one; those take 10 a second, of whatever kind
(elb-api-throttling). A third of both is left to looks and to others."""

LOOKS_PER_SECOND = 3
"""By all rollouts together. A look asks for the health of each of the candidate's
target groups."""

WAIT_SECONDS = 60
"""The longest that a rollout waits for its turn without looking."""


def look_seconds(wanted: int, under_way: int) -> int:
    """Return the time between two looks of a rollout when so many are under way."""
    shared = ceil(under_way / LOOKS_PER_SECOND)
    return min(max(wanted, shared), LONGEST_LOOK_SECONDS)


@dataclass(frozen=True, slots=True)
class Turn:
    """A rollout's place in the queue of starts."""

    starts_at: str | None
    """As ISO 8601, to be handed on; None where it has no place yet."""
    wait_seconds: int
    """Until it looks again whether it may start; 0 where it may."""
    reason: str
    outcome: Outcome | None = None
    """How the rollout ends, where it may never start."""


def turn(starts_at: datetime, now: datetime) -> Turn:
    """Return how long a rollout waits that may start at `starts_at`."""
    left = max(0, ceil((starts_at - now).total_seconds()))
    reason = f"its turn to start comes in {left} s: others start before it"
    return Turn(starts_at.isoformat(), min(left, WAIT_SECONDS), reason)
