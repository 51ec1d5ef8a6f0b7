"""Health: when a candidate has come up, when it never will."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.domain.diagnosis import Finding
from slipway.domain.health import (
    STALE,
    UNCHECKED,
    Checks,
    Health,
    HealthLook,
    Launch,
    SlotView,
    TaskView,
    healthy_tasks,
    look,
)

from tests.builders import REVISION, START, a_finding, a_slot_view, after

COUNTS = st.integers(min_value=0, max_value=3)
LAUNCHES = st.sampled_from([Launch.COMPLETED, *Launch])


def looked(
    slot: SlotView | None = None,
    *,
    needed: int = 4,
    healthy_counts: Sequence[int] = (4,),
    findings: Sequence[Finding] = (),
    max_task_failures: int = 0,
    now: datetime = START,
) -> HealthLook:
    return look(
        slot or a_slot_view(),
        revision=REVISION,
        needed=needed,
        healthy_counts=healthy_counts,
        findings=findings,
        max_task_failures=max_task_failures,
        since=START,
        timeout_seconds=900,
        now=now,
    )


def test_a_completed_launch_with_all_targets_healthy_is_healthy() -> None:
    assert looked() == HealthLook(
        Health.HEALTHY, "4 healthy of 4 needed, launch completed"
    )


def test_the_group_with_fewest_healthy_targets_counts() -> None:
    assert looked(healthy_counts=(4, 3)).verdict is Health.STARTING


def test_targets_that_are_healthy_without_running_tasks_do_not_count() -> None:
    assert looked(a_slot_view(running=3)).verdict is Health.STARTING


def test_a_launch_that_is_not_completed_is_still_starting() -> None:
    view = a_slot_view(launch=Launch.IN_PROGRESS)
    assert looked(view).verdict is Health.STARTING


def test_nothing_needed_is_not_healthy() -> None:
    assert looked(needed=0).verdict is Health.STARTING


def test_a_launch_that_ecs_gave_up_has_failed_with_its_reason() -> None:
    view = a_slot_view(launch=Launch.FAILED, launch_reason="tasks failed to start")
    answer = looked(view)
    assert answer.verdict is Health.FAILED
    assert "tasks failed to start" in answer.reason


def test_a_slot_that_somebody_else_gave_another_revision_has_failed() -> None:
    answer = looked(a_slot_view(task_definition_arn=f"{REVISION}7"), now=START + STALE)
    assert answer.verdict is Health.FAILED
    assert "somebody else changed it" in answer.reason


def test_an_answer_from_before_the_launch_is_no_verdict() -> None:
    answer = looked(a_slot_view(task_definition_arn=f"{REVISION}7"))
    assert answer.verdict is Health.STARTING


@pytest.mark.parametrize(
    ("allowed", "verdict"),
    [(0, Health.FAILED), (1, Health.FAILED), (2, Health.HEALTHY)],
)
def test_more_bad_ends_than_allowed_fail_it(allowed: int, verdict: Health) -> None:
    findings = (a_finding("one"), a_finding("two"))
    answer = looked(findings=findings, max_task_failures=allowed)
    assert answer.verdict is verdict


def test_it_has_failed_once_its_time_is_up_and_not_before() -> None:
    view = a_slot_view(running=1)
    assert looked(view, now=after(900)).verdict is Health.STARTING
    answer = looked(view, now=after(901))
    assert answer.verdict is Health.FAILED
    assert answer.reason.startswith("after 901 s only 1 running")


def test_one_that_came_up_late_is_healthy_all_the_same() -> None:
    assert looked(now=after(5000)).verdict is Health.HEALTHY


@given(
    running=COUNTS,
    healthy=st.lists(COUNTS, min_size=1, max_size=3),
    needed=COUNTS,
    launch=LAUNCHES,
    seconds=st.integers(min_value=0, max_value=2000),
)
def test_it_is_never_healthy_below_what_is_needed_in_any_group(
    running: int, healthy: list[int], needed: int, launch: Launch, seconds: int
) -> None:
    view = a_slot_view(running=running, launch=launch)
    answer = looked(view, needed=needed, healthy_counts=healthy, now=after(seconds))
    if answer.verdict is Health.HEALTHY:
        assert launch is Launch.COMPLETED
        assert min(running, *healthy) >= needed > 0


# ------------------------------------------------------------- where no group says so


LASTED = START - UNCHECKED
JUST_BEFORE = LASTED + timedelta(seconds=1)
TASKS = st.builds(
    TaskView,
    st.sampled_from(Checks),
    st.sampled_from([None, LASTED, JUST_BEFORE, START]),
)


@pytest.mark.parametrize(
    ("checks", "since", "counts"),
    [
        (Checks.HEALTHY, START, True),
        (Checks.HEALTHY, None, False),  # it does not run
        (Checks.UNHEALTHY, LASTED, False),
        (Checks.UNKNOWN, LASTED, True),
        (Checks.UNKNOWN, JUST_BEFORE, False),
        (Checks.UNKNOWN, None, False),
    ],
)
def test_a_task_counts_by_its_checks_or_else_once_it_lasted(
    checks: Checks, since: datetime | None, *, counts: bool
) -> None:
    assert healthy_tasks([TaskView(checks, since)], START) == counts


def test_where_a_task_has_a_verdict_no_verdict_is_not_taken_for_no_checks() -> None:
    checked = TaskView(Checks.HEALTHY, START)
    waiting = TaskView(Checks.UNKNOWN, LASTED)
    assert healthy_tasks([checked, waiting], START) == 1
    assert healthy_tasks([waiting, waiting], START) == 2


def test_a_verdict_on_a_task_that_stopped_running_says_nothing_of_others() -> None:
    gone = TaskView(Checks.HEALTHY, None)
    assert healthy_tasks([gone, TaskView(Checks.UNKNOWN, LASTED)], START) == 1


@given(st.lists(TASKS, max_size=6))
def test_no_more_tasks_are_healthy_than_run_and_none_that_is_unhealthy(
    tasks: list[TaskView],
) -> None:
    fit = [t for t in tasks if t.running_since and t.checks is not Checks.UNHEALTHY]
    assert 0 <= healthy_tasks(tasks, START) <= len(fit)
