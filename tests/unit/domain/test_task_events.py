"""Task events: whose end they tell, and whether it speaks against a release."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.domain.diagnosis import Trouble
from slipway.domain.task_events import read_task_event
from slipway.errors import InvalidRecord

from tests.builders import REVISION, TASK, an_event, sample_events, without

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
READ = (
    "containers",
    "createdAt",
    "desiredStatus",
    "group",
    "stopCode",
    "stoppedReason",
    "taskArn",
    "taskDefinitionArn",
    "version",
)
ENDS = [*sample_events(of="task-stopped"), *sample_events(of="task-stopping")]


def test_a_stopped_task_is_read_with_all_that_tells_whose_it_was() -> None:
    task = read_task_event(an_event("task-stopped-crash"))
    assert task is not None
    assert task.task_arn == TASK
    assert task.ecs_service == "orders-b"
    assert task.revision == REVISION
    assert task.version == 6
    assert task.created_at == datetime(2026, 11, 23, 9, 1, 8, 731000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "trouble"),
    [
        ("task-stopped-cannot-pull", Trouble.IMAGE),
        ("task-stopped-crash", Trouble.CRASHED),
        ("task-stopped-health-check", Trouble.UNHEALTHY),
        ("task-stopped-out-of-memory", Trouble.OUT_OF_MEMORY),
        ("task-stopped-scale-in", None),
        ("task-stopping-spot", None),
    ],
)
def test_each_kind_of_end_has_its_finding(name: str, trouble: Trouble | None) -> None:
    task = read_task_event(an_event(name))
    assert task is not None
    assert (task.finding.trouble if task.finding else None) is trouble


def test_the_test_above_knows_every_sample_of_an_end() -> None:
    assert len(ENDS) == 6


def test_a_containers_own_reason_is_part_of_the_finding() -> None:
    task = read_task_event(an_event("task-stopped-out-of-memory"))
    assert task is not None
    assert task.finding is not None
    assert task.finding.reason == (
        "Essential container in task exited; "
        "OutOfMemoryError: Container killed due to memory usage"
    )


def test_a_running_task_has_not_ended() -> None:
    assert read_task_event(an_event("task-running")) is None


@pytest.mark.parametrize("group", ["family:migration", "", "orders-b"])
def test_a_task_of_no_service_is_nobodys(group: str) -> None:
    assert read_task_event(an_event("task-stopped-crash", group=group)) is None


def test_a_task_without_a_group_is_nobodys() -> None:
    assert read_task_event(without(an_event("task-stopped-crash"), "group")) is None


def test_a_task_that_is_stopping_counts_before_it_has_stopped() -> None:
    crash = an_event("task-stopped-crash", lastStatus="DEPROVISIONING")
    task = read_task_event(crash)
    assert task is not None
    assert task.finding is not None


@pytest.mark.parametrize(
    "field",
    ["containers", "createdAt", "desiredStatus", "taskArn", "taskDefinitionArn"],
)
def test_an_event_without_a_field_is_refused_by_its_name(field: str) -> None:
    with pytest.raises(InvalidRecord, match=field):
        read_task_event(without(an_event("task-stopped-crash"), field))


def test_a_time_without_a_zone_is_refused() -> None:
    event = an_event("task-stopped-crash")
    event["detail"]["createdAt"] = "2026-01-05T09:00:00"
    with pytest.raises(InvalidRecord, match="time zone"):
        read_task_event(event)


@pytest.mark.parametrize("event", [{}, {"detail": None}, {"detail": "x"}], ids=str)
def test_what_is_no_event_of_a_task_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecord, match="not a task's state change"):
        read_task_event(event)


@given(st.sampled_from(READ), ANYTHING)
def test_any_value_in_any_field_is_read_or_refused_and_breaks_nothing(
    field: str, value: Any
) -> None:
    event = an_event("task-stopped-crash", **{field: value})
    try:
        task = read_task_event(event)
    except InvalidRecord:
        return
    assert task is None or task.ecs_service
