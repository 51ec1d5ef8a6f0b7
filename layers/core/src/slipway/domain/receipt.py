"""What a rollout did, timed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from slipway.domain.judge import Traffic
from slipway.domain.rollout import Mark, Rollout

LAUNCHED = "launched"
FIRST_HEALTHY = "healthy-0"
FIRST_TRAFFIC = "shifted-0"
PROMOTED = "promoted"
RETIRED = "retired"
RESTORE_BEGAN = "restore-began"
RESTORED = "restored"
"""Names of marks that a receipt reads. Steps number theirs from 0."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The road of a rollout in seconds since its image was pushed, None where not."""

    pushed_at: datetime
    begun_seconds: float
    launched_seconds: float | None
    first_healthy_seconds: float | None
    first_traffic_seconds: float | None
    promoted_seconds: float | None
    restored_seconds: float | None
    marks: tuple[Mark, ...]
    """Everything, in order, each with its reason: requests and errors per step too."""


def receipt(rollout: Rollout, marks: Sequence[Mark]) -> Receipt:
    """Return the receipt of a rollout that did what `marks` say."""
    at = {mark.name: mark.at for mark in marks}

    def since_push(name: str) -> float | None:
        if name not in at:
            return None
        return (at[name] - rollout.cause.pushed_at).total_seconds()

    return Receipt(
        pushed_at=rollout.cause.pushed_at,
        begun_seconds=(rollout.created_at - rollout.cause.pushed_at).total_seconds(),
        launched_seconds=since_push(LAUNCHED),
        first_healthy_seconds=since_push(FIRST_HEALTHY),
        first_traffic_seconds=since_push(FIRST_TRAFFIC),
        promoted_seconds=since_push(PROMOTED),
        restored_seconds=since_push(RESTORED),
        marks=tuple(marks),
    )


def earlier_primary(marks: Sequence[Mark]) -> Traffic | None:
    """Return what the primary answered in the last step that was judged with it."""
    for mark in reversed(marks):
        if requests := mark.facts.get("primary_requests", 0.0):
            failures = mark.facts.get("primary_failures", 0.0)
            return Traffic(requests, requests - failures)
    return None
