"""Hours in which rollouts may begin."""

from datetime import UTC, datetime

import pytest
from slipway.domain.opening import WEEKDAYS, OpenHours

OFFICE = OpenHours(("mon", "tue", "wed", "thu", "fri"), "09:00", "17:00")
NIGHT = OpenHours(("fri",), "22:00", "02:00")
BERLIN = OpenHours(WEEKDAYS, "09:00", "17:00", "Europe/Berlin")


def at(text: str) -> datetime:
    """Return a moment of UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "now", "opens"),
    [
        # 5 January 2026 is a Monday.
        (OFFICE, "2026-01-05T09:00", "2026-01-05T09:00"),
        (OFFICE, "2026-01-05T16:59:59", "2026-01-05T16:59:59"),
        (OFFICE, "2026-01-05T17:00", "2026-01-06T09:00"),
        (OFFICE, "2026-01-05T08:59", "2026-01-05T09:00"),
        (OFFICE, "2026-01-09T17:00", "2026-01-12T09:00"),
        (NIGHT, "2026-01-10T01:59", "2026-01-10T01:59"),
        (NIGHT, "2026-01-10T02:00", "2026-01-16T22:00"),
        (NIGHT, "2026-01-09T21:00", "2026-01-09T22:00"),
        (BERLIN, "2026-01-05T07:30", "2026-01-05T08:00"),
        (BERLIN, "2026-07-06T06:30", "2026-07-06T07:00"),
        # The night in which the clock goes on an hour.
        (BERLIN, "2026-03-28T20:00", "2026-03-29T07:00"),
    ],
)
def test_it_is_open_in_its_hours_and_else_opens_at_the_next(
    hours: OpenHours, now: str, opens: str
) -> None:
    assert hours.next_open(at(now)) == at(opens)


def test_hours_say_what_they_are() -> None:
    assert str(NIGHT) == "from 22:00 to 02:00 UTC, fri"
    assert str(BERLIN) == "from 09:00 to 17:00 Europe/Berlin, every day"


@pytest.mark.parametrize(
    ("days", "closes"), [((), "17:00"), (("someday",), "17:00"), (("mon",), "09:00")]
)
def test_hours_that_never_come_are_refused(days: tuple[str, ...], closes: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        OpenHours(days, "09:00", closes)
