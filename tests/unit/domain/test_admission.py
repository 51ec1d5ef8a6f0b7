"""What keeps a push back before it may begin."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from slipway.domain.admission import (
    ALARM_WAIT_SECONDS,
    APPROVAL_TIME,
    LONGEST_WAIT_SECONDS,
    Alarm,
    KeptBack,
    at_its_turn,
    before_its_turn,
    is_gated,
)
from slipway.domain.control import Verb, Word, word
from slipway.domain.opening import OpenHours
from slipway.domain.rollout import Outcome, Rollout
from slipway.domain.service import Gates

from tests.builders import START, a_cause, a_control, a_rollout, a_service, an_ask

# START is a Monday at nine.
SHUT = OpenHours(("mon",), "10:00", "11:00")
SHUT_LONG = OpenHours(("fri",), "10:00", "11:00")
NOTHING = word([], [])
APPROVED = word([a_control(Verb.APPROVE)], [])
PROMOTED = word([a_control(Verb.PROMOTE)], [])
HOLD = 600


def pushed(gates: Gates | None = None, window: OpenHours | None = None) -> Rollout:
    """Return a rollout of a push to a service with such gates."""
    service = a_service()
    policy = replace(
        service.rollout, gates=gates or Gates(), window=window, hold_seconds=HOLD
    )
    return replace(
        a_rollout(), service=replace(service, rollout=policy), created_at=START
    )


def kept(rollout: Rollout, said: Word = NOTHING, now: datetime = START) -> KeptBack:
    found = before_its_turn(rollout, said, now)
    assert found is not None
    return found


def test_a_push_may_be_kept_back_and_what_people_want_may_not() -> None:
    assert is_gated(pushed(), NOTHING)
    assert is_gated(pushed(), APPROVED)
    assert not is_gated(pushed(), PROMOTED)
    asked = replace(pushed(), cause=a_cause(ask=an_ask()))
    assert not is_gated(asked, NOTHING)


def test_a_service_without_gates_keeps_nothing_back() -> None:
    assert before_its_turn(pushed(), NOTHING, START) is None
    assert at_its_turn(pushed(), {}, None, START) is None


# ---------------------------------------------------------------- approval, hours


@pytest.mark.parametrize(
    ("waited", "seconds"),
    [
        (timedelta(0), LONGEST_WAIT_SECONDS),
        (APPROVAL_TIME - timedelta(hours=1), LONGEST_WAIT_SECONDS),
        (APPROVAL_TIME - timedelta(seconds=90.5), 91),
        (APPROVAL_TIME - timedelta(seconds=0.1), 1),
    ],
)
def test_a_push_waits_for_approval_until_its_time_is_up(
    waited: timedelta, seconds: int
) -> None:
    rollout = pushed(Gates(approval=True))
    found = kept(rollout, now=START + waited)
    assert (found.mark, found.outcome) == ("awaits-approval", None)
    assert found.wait_seconds == seconds
    assert rollout.id in found.reason


def test_a_push_that_nobody_approved_in_time_is_rejected() -> None:
    found = kept(pushed(Gates(approval=True)), now=START + APPROVAL_TIME)
    assert found.outcome is Outcome.REJECTED
    assert found.reason == "nobody approved it within 7 days"


def test_an_approved_push_waits_for_its_hours_still() -> None:
    both = pushed(Gates(approval=True), SHUT)
    assert kept(both).mark == "awaits-approval"
    assert kept(both, APPROVED).mark == "awaits-window"
    assert before_its_turn(both, APPROVED, START + timedelta(hours=1)) is None


@pytest.mark.parametrize(
    ("hours", "seconds", "until"),
    [(SHUT, 3600, "2026-11-23 10:00Z"), (SHUT_LONG, 3600, "2026-11-27 10:00Z")],
)
def test_a_push_looks_each_hour_whether_its_hours_have_come(
    hours: OpenHours, seconds: int, until: str
) -> None:
    found = kept(pushed(window=hours))
    assert found.wait_seconds == seconds
    assert found.reason == f"rollouts of pushes begin {hours}; it waits until {until}"


def test_a_push_wakes_up_just_when_its_hours_come() -> None:
    now = START + timedelta(minutes=59, seconds=30.5)
    assert kept(pushed(window=SHUT), now=now).wait_seconds == 30


# ------------------------------------------------------------------------ alarms


@pytest.mark.parametrize(
    ("states", "reason"),
    [
        ({"a": Alarm.OK, "b": Alarm.OK}, None),
        ({"a": Alarm.OK, "b": Alarm.UNSURE}, None),
        ({"a": Alarm.RINGING, "b": Alarm.OK}, "in alarm: a"),
        ({"a": Alarm.RINGING, "b": Alarm.RINGING}, "in alarm: a, b"),
    ],
)
def test_only_alarms_that_ring_keep_a_push_back(
    states: Mapping[str, Alarm], reason: str | None
) -> None:
    found = at_its_turn(pushed(Gates(alarms=("a", "b"))), states, None, START)
    wanted = reason and KeptBack("awaits-alarms", reason, ALARM_WAIT_SECONDS)
    assert found == wanted


@pytest.mark.parametrize(
    ("seconds", "outcome"), [(HOLD - 1, None), (HOLD, Outcome.REJECTED)]
)
def test_alarms_that_ring_on_reject_the_push(
    seconds: int, outcome: Outcome | None
) -> None:
    since = START - timedelta(seconds=seconds)
    states = {"a": Alarm.RINGING}
    found = at_its_turn(pushed(Gates(alarms=("a",))), states, since, START)
    assert found is not None
    assert found.outcome is outcome


def test_an_alarm_that_is_not_there_says_nothing_good() -> None:
    states = {"a": Alarm.OK}
    found = at_its_turn(pushed(Gates(alarms=("a", "b", "c"))), states, None, START)
    assert found is not None
    assert found.outcome is Outcome.REJECTED
    assert found.reason.startswith("there is no alarm b, c: ")
