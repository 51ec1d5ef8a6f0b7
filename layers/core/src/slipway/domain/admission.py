"""What keeps a push back before it may begin: approval, hours, alarms.

What people ask for is never kept back, and neither is a push that a person promotes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil

from slipway.domain.control import Word
from slipway.domain.rollout import Outcome, Rollout

APPROVAL_TIME = timedelta(days=7)
"""How long a push waits for approval before it is rejected."""
LONGEST_WAIT_SECONDS = 3600
"""Between two looks of a push that is kept back; what people say wakes it."""
ALARM_WAIT_SECONDS = 60
"""Between two looks at alarms: what CloudWatch takes at most to judge most of them
anew, for their shortest usual period is a minute."""


class Alarm(StrEnum):
    """The state of a CloudWatch alarm (API reference, DescribeAlarms)."""

    OK = "OK"
    RINGING = "ALARM"
    UNSURE = "INSUFFICIENT_DATA"
    """As an alarm on errors is where there are none."""


@dataclass(frozen=True, slots=True)
class KeptBack:
    """A push that may not begin yet or, with an outcome, never."""

    mark: str
    """What the rollout notes."""
    reason: str
    wait_seconds: int = 0
    outcome: Outcome | None = None


AWAITS_APPROVAL = "awaits-approval"
AWAITS_HOURS = "awaits-window"
AWAITS_ALARMS = "awaits-alarms"


def is_gated(rollout: Rollout, word: Word) -> bool:
    """Whether anything may keep a rollout back."""
    return rollout.cause.ask is None and word.promote is None


def before_its_turn(rollout: Rollout, word: Word, now: datetime) -> KeptBack | None:
    """Return what keeps a push back that has no place in the queue of starts yet."""
    if not is_gated(rollout, word):
        return None
    policy = rollout.service.rollout
    if policy.gates.approval and word.approval is None:
        return _unapproved(rollout, now)
    hours = policy.window
    opens = hours.next_open(now) if hours else now
    if opens <= now:
        return None
    reason = f"rollouts of pushes begin {hours}; it waits until {opens:%Y-%m-%d %H:%MZ}"
    return KeptBack(AWAITS_HOURS, reason, _wait_seconds(opens - now))


def _unapproved(rollout: Rollout, now: datetime) -> KeptBack:
    left = rollout.created_at + APPROVAL_TIME - now
    if left <= timedelta(0):
        reason = f"nobody approved it within {APPROVAL_TIME.days} days"
        return KeptBack(AWAITS_APPROVAL, reason, outcome=Outcome.REJECTED)
    reason = f"{rollout.version} waits for somebody to approve rollout {rollout.id}"
    return KeptBack(AWAITS_APPROVAL, reason, _wait_seconds(left))


def _wait_seconds(left: timedelta) -> int:
    """Return the time until the next look, no later than the end of what is left."""
    return min(ceil(left.total_seconds()), LONGEST_WAIT_SECONDS)


def at_its_turn(
    rollout: Rollout,
    alarms: Mapping[str, Alarm],
    since: datetime | None,
    now: datetime,
) -> KeptBack | None:
    """Return what keeps a push back whose turn has come.

    `alarms` are those of its gates that there are, `since` when they first kept it
    back. One that is not there cannot say that all is well: the push is rejected.
    """
    policy = rollout.service.rollout
    missing = [name for name in policy.gates.alarms if name not in alarms]
    if missing:
        reason = (
            f"there is no alarm {', '.join(missing)}: make it, or correct "
            "rollout.gates.alarms, and push or retry"
        )
        return KeptBack(AWAITS_ALARMS, reason, outcome=Outcome.REJECTED)
    ringing = [n for n in policy.gates.alarms if alarms[n] is Alarm.RINGING]
    if not ringing:
        return None
    reason = f"in alarm: {', '.join(ringing)}"
    if since is not None and now - since >= timedelta(seconds=policy.hold_seconds):
        reason = f"{reason}, {policy.hold_seconds} s after alarms first kept it back"
        return KeptBack(AWAITS_ALARMS, reason, outcome=Outcome.REJECTED)
    return KeptBack(AWAITS_ALARMS, reason, ALARM_WAIT_SECONDS)
