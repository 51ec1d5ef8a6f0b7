"""Scheduled actions of Application Auto Scaling: kept, shown, and run at their times.

Pages are of the Application Auto Scaling API reference unless the user guide is named.
Not modelled, and refused: L, W and # in cron expressions.
"""

import re
from asyncio import TimerHandle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from localcloud.api import AwsError, NotModelled
from localcloud.clock import Clock
from localcloud.identity import Ids, arn

_SCHEDULE = re.compile(
    r"at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)"
    r"|rate\([1-9]\d* (minute|hour|day)s?\)"
    r"|cron\(\S+( \S+){5}\)"
)
_PER_PAGE = 50
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_DAYS_AHEAD = 800
"""A cron that does not come for longer than this comes never, here."""


@dataclass(slots=True)
class ScheduledActions:
    """All of them, by target and name."""

    clock: Clock
    act: Callable[[str, Mapping[str, int]], None] = lambda *_: None
    """Gives a target the bounds of an action whose time has come."""
    _actions: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    _timers: dict[tuple[str, str], TimerHandle] = field(default_factory=dict)
    _ids: Ids = field(default_factory=lambda: Ids("scheduled"))

    def put(self, params: Mapping[str, Any]) -> None:
        """Make an action, or change what is given of one (PutScheduledAction).

        Start and end times that are left out are removed.
        """
        resource, name = params["ResourceId"], params["ScheduledActionName"]
        known = self._actions.get((resource, name), {})
        action = {k: v for k, v in known.items() if k not in {"StartTime", "EndTime"}}
        action |= params
        if "Schedule" not in action or "ScalableTargetAction" not in action:
            raise _invalid("A new action needs a Schedule and a ScalableTargetAction.")
        if not _SCHEDULE.fullmatch(action["Schedule"]):
            raise _invalid(f"Invalid schedule expression: {action['Schedule']}")
        bounds = action["ScalableTargetAction"]
        if not bounds:
            raise _invalid("Give a minimum or a maximum capacity.")
        if bounds.get("MinCapacity", 0) > bounds.get("MaxCapacity", float("inf")):
            raise _invalid("Maximum capacity cannot be less than minimum capacity")
        if not known:
            unique = self._ids.uuid("action")
            where = f"scheduledAction:{unique}:resource/ecs/{resource}"
            action["ScheduledActionARN"] = arn(
                "autoscaling", f"{where}:scheduledActionName/{name}"
            )
            action["CreationTime"] = self.clock.now()
        self._actions[resource, name] = action
        self._set_timer((resource, name))

    def find(self, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return those of a target, of some names or all (DescribeScheduledActions)."""
        resource, names = params.get("ResourceId"), params.get("ScheduledActionNames")
        return [
            dict(action)
            for (target, name), action in self._actions.items()
            if resource in (None, target) and (not names or name in names)
        ]

    def delete(self, resource: str, name: str) -> None:
        """Remove one; that it is not there is an error (DeleteScheduledAction)."""
        self._stop((resource, name))
        if self._actions.pop((resource, name), None) is None:
            raise AwsError(
                "ObjectNotFoundException",
                f"No scheduled action found for name: {name}, resource: {resource}",
            )

    def forget(self, resource: str) -> None:
        """Remove those of a target that is deregistered (DeregisterScalableTarget)."""
        for key in [key for key in self._actions if key[0] == resource]:
            self._stop(key)
            del self._actions[key]

    def close(self) -> None:
        """Run nothing any more."""
        for key in list(self._timers):
            self._stop(key)

    def _stop(self, key: tuple[str, str]) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    def _set_timer(self, key: tuple[str, str]) -> None:
        """Wait for an action's next time, if there is any (PutScheduledAction)."""
        self._stop(key)
        action, now = self._actions[key], self.clock.now()
        after = max(now, action.get("StartTime", now))
        moment = next_time(action, after)
        if moment is None or moment > action.get("EndTime", moment):
            return
        wait = (moment - now).total_seconds()
        self._timers[key] = self.clock.call_later(wait, lambda: self._run(key))

    def _run(self, key: tuple[str, str]) -> None:
        self.act(key[0], self._actions[key]["ScalableTargetAction"])
        self._set_timer(key)


def next_time(action: Mapping[str, Any], after: datetime) -> datetime | None:
    """Return when a scheduled action comes next, None where it does not.

    Zones move with the seasons (user guide, scheduled-scaling-using-cron-expressions).
    """
    kind, _, rest = action["Schedule"].rstrip(")").partition("(")
    zone = ZoneInfo(action.get("Timezone", "UTC"))
    if kind == "at":
        moment = datetime.fromisoformat(rest).replace(tzinfo=zone).astimezone(UTC)
        return moment if moment > after else None
    if kind == "rate":
        number, unit = rest.split()
        every = timedelta(**{f"{unit.rstrip('s')}s": int(number)})
        begin: datetime = action.get("StartTime", action["CreationTime"])
        return begin + ((after - begin) // every + 1) * every
    return _next_of(rest.split(), zone, after)


def _next_of(fields: Sequence[str], zone: ZoneInfo, after: datetime) -> datetime | None:
    """Return the next minute whose every part its field names.

    User guide, scheduled-scaling-using-cron-expressions: Sunday is the first weekday.
    """
    minute, hour, day, month, weekday, year = fields
    local = after.astimezone(zone)
    for ahead in range(_DAYS_AHEAD):
        date = local.date() + ahead * _DAY
        if not (
            _names(day, date.day)
            and _names(month, date.month, _MONTHS)
            and _names(weekday, date.isoweekday() % 7 + 1, _WEEKDAYS)
            and _names(year, date.year)
        ):
            continue
        for moment in range(24 * 60):
            if _names(hour, moment // 60) and _names(minute, moment % 60):
                shown = time(moment // 60, moment % 60, tzinfo=zone)
                at = datetime.combine(date, shown).astimezone(UTC)
                if at > after:
                    return at
    return None


_MONTHS = {
    name: number
    for number, name in enumerate(
        (
            "JAN",
            "FEB",
            "MAR",
            "APR",
            "MAY",
            "JUN",
            "JUL",
            "AUG",
            "SEP",
            "OCT",
            "NOV",
            "DEC",
        ),
        start=1,
    )
}
_WEEKDAYS = {
    name: number
    for number, name in enumerate(
        ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), start=1
    )
}


def _names(field: str, value: int, words: Mapping[str, int] | None = None) -> bool:
    """Whether a field of a cron expression names a value."""
    if field in {"*", "?"}:
        return True
    for part in field.split(","):
        span, _, step = part.partition("/")
        begin, _, end = span.partition("-")
        first = 0 if begin == "*" else _number(begin, words)
        last = _number(end, words) if end else (2199 if step else first)
        if first <= value <= last and (value - first) % int(step or 1) == 0:
            return True
    return False


def _number(text: str, words: Mapping[str, int] | None) -> int:
    if not text.isdigit() and text not in (words or {}):
        raise NotModelled(f"{text} in a cron expression")
    return int(text) if text.isdigit() else (words or {})[text]


def page(name: str, found: Sequence[Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return one page of a list, of 50 unless asked for 1 to 50.

    DescribeScheduledActions, DescribeScalingPolicies, DescribeScalableTargets.
    """
    most = params.get("MaxResults", _PER_PAGE)
    if not 1 <= most <= _PER_PAGE:
        raise _invalid("MaxResults must be between 1 and 50.")
    begin = int(params.get("NextToken", 0))
    answer: dict[str, Any] = {name: [*found[begin : begin + most]]}
    if len(found) > begin + most:
        answer["NextToken"] = str(begin + most)
    return answer


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)
