"""Hours in which rollouts of pushes may begin."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = timedelta(days=1)
_DAYS_SEEN = range(-1, 9)
"""From yesterday, whose hours may reach into today, to the same weekday a week on."""


@dataclass(frozen=True, slots=True)
class OpenHours:
    """From when until when, on which days, by whose clock."""

    days: tuple[str, ...]
    """Those on which it opens: mon to sun."""
    opens: str
    closes: str
    """HH:MM; on the next day where it is not after `opens`."""
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        """Refuse hours that never come."""
        if not self.days or not set(self.days) <= set(WEEKDAYS):
            raise ValueError(f"days must be some of {', '.join(WEEKDAYS)}")
        if time.fromisoformat(self.opens) == time.fromisoformat(self.closes):
            raise ValueError(f"closes must be another time than opens, {self.opens}")

    def __str__(self) -> str:
        """Say them as people do."""
        days = ", ".join(self.days) if len(self.days) < len(WEEKDAYS) else "every day"
        return f"from {self.opens} to {self.closes} {self.timezone}, {days}"

    def next_open(self, now: datetime) -> datetime:
        """Return when it is open next: `now` where it is."""
        return min(max(begin, now) for begin, end in self._spans(now) if end > now)

    def _spans(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        zone = ZoneInfo(self.timezone)
        today = now.astimezone(zone).date()
        opens, closes = map(time.fromisoformat, (self.opens, self.closes))
        for ahead in _DAYS_SEEN:
            day = today + ahead * _DAY
            if WEEKDAYS[day.weekday()] in self.days:
                last = day if closes > opens else day + _DAY
                yield _moment(day, opens, zone), _moment(last, closes, zone)


def _moment(day: date, shown: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, shown, zone).astimezone(UTC)
