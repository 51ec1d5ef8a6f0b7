"""Bounds by the clock: which hold at a moment, read off the schedule alone.

Expressions are those of Application Auto Scaling's scheduled actions
(scheduled-scaling-using-cron-expressions). A time that the clock leaves out in spring
is taken as an hour later, one that it shows twice in autumn as its first.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
LONGEST_PAUSE_DAYS = 8 * 366
"""A cron that names 29 February comes once in eight years around 2100."""
MONTHS = (
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
)
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")

_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_CRON = re.compile(r"cron\((.*)\)")
_PART = re.compile(r"(\*|[A-Z0-9]+)(?:-([A-Z0-9]+))?(?:/(\d+))?")


@dataclass(frozen=True, slots=True)
class ScheduledBounds:
    """Bounds that hold from each time of a schedule on, until another's time comes."""

    at: str
    """at(YYYY-MM-DDThh:mm:ss), or cron(minutes hours days months weekdays years)."""
    timezone: str
    min_tasks: int
    max_tasks: int

    def __post_init__(self) -> None:
        """Refuse bounds and times that make no sense."""
        if not 1 <= self.min_tasks <= self.max_tasks:
            raise ValueError(
                f"schedule: 1 <= min_tasks <= max_tasks must hold, "
                f"not {self.min_tasks} and {self.max_tasks}"
            )
        read_expression(self.at)

    def began(self, now: datetime) -> datetime | None:
        """Return when it last came, None where it has not come yet."""
        zone, read = ZoneInfo(self.timezone), read_expression(self.at)
        if isinstance(read, datetime):
            moment = _in_utc(read, zone)
            return moment if moment <= now else None
        return read.last(now, zone)

    def is_over(self, now: datetime) -> bool:
        """Whether it has come and will not come again."""
        return self.began(now) is not None and self.at.startswith("at(")


@dataclass(frozen=True, slots=True)
class Cron:
    """The minutes that a cron expression names."""

    minutes: Sequence[int]
    hours: Sequence[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """1 is Sunday."""
    years: frozenset[int]

    def last(self, now: datetime, zone: ZoneInfo) -> datetime | None:
        """Return the last of them at or before `now`, None where there is none."""
        today = now.astimezone(zone).date()
        for back in range(LONGEST_PAUSE_DAYS):
            day = today - back * DAY
            if not self._has(day):
                continue
            moments = (
                _in_utc(datetime.combine(day, time(hour, minute)), zone)
                for hour in self.hours
                for minute in self.minutes
            )
            past = [moment for moment in moments if moment <= now]
            if past:
                return max(past)
        return None

    def _has(self, day: date) -> bool:
        return (
            day.year in self.years
            and day.month in self.months
            and day.day in self.days
            and day.isoweekday() % 7 + 1 in self.weekdays
        )


def read_expression(text: str) -> datetime | Cron:
    """Read an expression; raise ValueError, saying what is allowed."""
    if once := _AT.fullmatch(text):
        return datetime.fromisoformat(once[1])
    cron = _CRON.fullmatch(text)
    fields = cron[1].split() if cron else []
    if len(fields) != 6:  # noqa: PLR2004  minutes to years
        raise ValueError(
            "at(YYYY-MM-DDThh:mm:ss), or cron(...) with six fields: minutes, hours, "
            "days of the month, months, days of the week, years"
        )
    minutes, hours, days, months, weekdays, years = fields
    if [days, weekdays].count("?") != 1:
        raise ValueError(
            "cron(...) with ? for either the days of the month or those of the week"
        )
    return Cron(
        sorted(_values(minutes, 0, 59)),
        sorted(_values(hours, 0, 23)),
        _values(days, 1, 31),
        _values(months, 1, 12, MONTHS),
        _values(weekdays, 1, 7, WEEKDAYS),
        _values(years, 1970, 2199),
    )


def holding(
    schedule: Iterable[ScheduledBounds], now: datetime
) -> ScheduledBounds | None:
    """Return whose time came last, None where none has come; of two the later one."""
    begun = [
        (began, place, one)
        for place, one in enumerate(schedule)
        if (began := one.began(now)) is not None
    ]
    return max(begun, key=lambda entry: entry[:2])[2] if begun else None


def _values(
    text: str, least: int, most: int, names: Sequence[str] = ()
) -> frozenset[int]:
    """Return the numbers that a field of a cron expression names."""
    if text == "?":
        text = "*"
    numbers = {name: number for number, name in enumerate(names, start=least)}
    found: set[int] = set()
    for part in text.upper().split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(
                f"cron(...) of numbers, names, and * , - / only, not {part!r}"
            )
        first, last, step = match.groups()
        begin = least if first == "*" else _number(first, numbers)
        end = _number(last, numbers) if last else begin
        if first == "*" or (step and not last):
            end = most
        if not least <= begin <= end <= most or step == "0":
            raise ValueError(f"cron(...) with {least} to {most} there, not {part!r}")
        found |= set(range(begin, end + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, names: dict[str, int]) -> int:
    if text in names:
        return names[text]
    if not text.isdigit():
        raise ValueError(f"cron(...) of numbers, names, and * , - / only, not {text!r}")
    return int(text)


def _in_utc(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone).astimezone(UTC)
