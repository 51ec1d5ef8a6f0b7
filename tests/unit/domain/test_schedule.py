"""Bounds by the clock: what a schedule says of a moment."""

from datetime import UTC, datetime

import pytest
from slipway.domain.schedule import ScheduledBounds, holding, read_expression
from slipway.domain.service import Scaling


def at(text: str) -> datetime:
    """Return a moment of UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def bounds(
    when: str, zone: str = "UTC", least: int = 1, most: int = 9
) -> ScheduledBounds:
    return ScheduledBounds(when, zone, least, most)


@pytest.mark.parametrize(
    ("when", "zone", "now", "began"),
    [
        ("cron(0 8 * * ? *)", "UTC", "2026-01-05T08:00", "2026-01-05T08:00"),
        ("cron(0 8 * * ? *)", "UTC", "2026-01-05T07:59:59", "2026-01-04T08:00"),
        ("cron(0 8 ? * MON-FRI *)", "UTC", "2026-01-05T07:00", "2026-01-02T08:00"),
        ("cron(0 8 ? * 2 *)", "UTC", "2026-01-10T07:00", "2026-01-05T08:00"),
        ("cron(0/20 8,9 * * ? *)", "UTC", "2026-01-05T09:39", "2026-01-05T09:20"),
        ("cron(30 6 1 JAN,JUL ? *)", "UTC", "2026-06-30T00:00", "2026-01-01T06:30"),
        ("cron(0 0 29 2 ? *)", "UTC", "2026-01-05T09:00", "2024-02-29T00:00"),
        ("cron(0 8 * * ? 2027)", "UTC", "2026-01-05T09:00", None),
        ("cron(0 8 31 2 ? *)", "UTC", "2026-01-05T09:00", None),
        # Berlin is an hour before UTC in winter, two in summer.
        ("cron(0 8 * * ? *)", "Europe/Berlin", "2026-01-05T07:00", "2026-01-05T07:00"),
        ("cron(0 8 * * ? *)", "Europe/Berlin", "2026-07-06T06:30", "2026-07-06T06:00"),
        # The clock goes from 02:00 to 03:00, and shows 02:30 twice.
        ("cron(30 2 * * ? *)", "Europe/Berlin", "2026-03-29T02:00", "2026-03-29T01:30"),
        ("cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-25T00:40", "2026-10-25T00:30"),
        ("at(2026-01-05T08:30:00)", "UTC", "2026-01-05T08:30", "2026-01-05T08:30"),
        ("at(2026-01-05T08:30:00)", "UTC", "2026-01-05T08:29", None),
        (
            "at(2026-01-05T08:30:00)",
            "Asia/Tokyo",
            "2026-01-05T00:00",
            "2026-01-04T23:30",
        ),
    ],
)
def test_a_time_came_last_when_its_zone_s_clock_showed_it(
    when: str, zone: str, now: str, began: str | None
) -> None:
    assert bounds(when, zone).began(at(now)) == (at(began) if began else None)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("rate(5 minutes)", "six fields"),
        ("cron(0 8 * * ?)", "six fields"),
        ("cron(0 8 * * * *)", "\\? for either"),
        ("cron(0 8 ? * ? *)", "\\? for either"),
        ("cron(60 8 * * ? *)", "0 to 59 there, not '60'"),
        ("cron(0 8 L * ? *)", "numbers, names"),
        ("cron(0 8 ? * 2#1 *)", "numbers, names"),
        ("cron(0 9-8 * * ? *)", "0 to 23 there, not '9-8'"),
        ("cron(0/0 8 * * ? *)", "0 to 59 there, not '0/0'"),
        ("cron(0 8 * FOO ? *)", "numbers, names"),
        ("at(2026-13-05T08:30:00)", "month must be in 1..12"),
    ],
)
def test_a_time_that_makes_no_sense_is_refused(wrong: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_expression(wrong)


def test_bounds_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="not 3 and 2"):
        bounds("cron(0 8 * * ? *)", least=3, most=2)


def test_the_time_that_came_last_holds_and_of_two_at_once_the_later_one() -> None:
    day = bounds("cron(0 8 * * ? *)", least=4)
    night = bounds("cron(0 20 * * ? *)", least=2)
    monday = bounds("cron(0 8 ? * MON *)", least=6)
    times = (day, night, monday)
    assert holding(times, at("2026-01-04T12:00")) == day
    assert holding(times, at("2026-01-04T21:00")) == night
    assert holding(times, at("2026-01-05T08:00")) == monday
    assert holding((monday, day), at("2026-01-05T08:00")) == day


def test_the_range_itself_holds_until_the_first_time_comes() -> None:
    scaling = Scaling(2, 6, (bounds("at(2026-01-05T08:30:00)", least=5, most=5),))
    assert scaling.at(at("2026-01-05T08:00")) == Scaling(2, 6)
    assert scaling.at(at("2026-01-05T09:00")) == Scaling(5, 5)
    assert (scaling.least, scaling.most) == (2, 6)
