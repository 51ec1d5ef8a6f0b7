"""Deaths: what the end of an execution says, and how it is to be recorded."""

import json
from typing import Any

import pytest
from slipway.domain.deaths import Death, read_death
from slipway.domain.rollout import Outcome
from slipway.errors import InvalidRecord

from tests.builders import an_event, without


def ended(status: str, **detail: Any) -> dict[str, Any]:
    return an_event("execution-aborted", status=status, **detail)


def test_who_stops_an_execution_aborts_its_rollout() -> None:
    assert read_death(an_event("execution-aborted")) == Death(
        service="orders",
        rollout_id="orders-3e5f0a1b2c4d",
        outcome=Outcome.ABORTED,
        reason="its execution ended ABORTED: stopped by hand",
    )


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT"])
def test_an_execution_that_ends_by_itself_is_rolled_back(status: str) -> None:
    death = read_death(ended(status))
    assert death.outcome is Outcome.ROLLED_BACK
    assert death.reason == f"its execution ended {status}: stopped by hand"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"error": "States.Runtime", "cause": "bad path"}, "bad path"),
        ({"error": "States.Runtime", "cause": None}, "States.Runtime"),
        ({"error": None, "cause": ""}, "no reason was given"),
    ],
)
def test_the_reason_is_the_cause_or_the_error_or_that_there_is_none(
    said: dict[str, Any], reason: str
) -> None:
    assert read_death(ended("FAILED", **said)).reason == (
        f"its execution ended FAILED: {reason}"
    )


def test_an_event_that_says_neither_cause_nor_error_is_one_too() -> None:
    event = without(without(an_event("execution-aborted"), "cause"), "error")
    assert (
        read_death(event).reason == "its execution ended ABORTED: no reason was given"
    )


@pytest.mark.parametrize("field", ["input", "status"])
def test_an_event_without_what_it_must_say_is_refused_by_that(field: str) -> None:
    with pytest.raises(InvalidRecord, match=f"not the end of a rollout.*{field}"):
        read_death(without(an_event("execution-aborted"), field))


@pytest.mark.parametrize("field", ["service", "rollout_id"])
def test_an_input_of_another_workflow_is_refused_by_what_is_missing(field: str) -> None:
    given = json.loads(an_event("execution-aborted")["detail"]["input"])
    del given[field]
    with pytest.raises(InvalidRecord, match=field):
        read_death(ended("FAILED", input=json.dumps(given)))


@pytest.mark.parametrize("given", [None, "{", "[]", '"orders"', "7"])
def test_an_input_that_is_none_or_was_left_out_is_refused(given: str | None) -> None:
    with pytest.raises(InvalidRecord, match="not the end of a rollout"):
        read_death(ended("FAILED", input=given))


@pytest.mark.parametrize("event", [{}, {"detail": None}, {"detail": "gone"}], ids=str)
def test_an_event_without_detail_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecord, match="not the end of a rollout"):
        read_death(event)
