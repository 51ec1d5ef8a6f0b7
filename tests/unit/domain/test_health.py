"""Health: when a candidate has come up, when it never will."""

from collections.abc import Sequence
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.domain.diagnosis import Finding
from slipway.domain.health import STALE, Health, HealthLook, Launch, SlotView, look

from tests.builders import REVISION, START, a_finding, a_slot_view, after

COUNTS = st.integers(min_value=0, max_value=3)
LAUNCHES = st.sampled_from([Launch.COMPLETED, *Launch])


def looked(
    slot: SlotView | None = None,
    *,
    needed: int = 4,
    healthy_per_group: Sequence[int] = (4,),
    findings: Sequence[Finding] = (),
    max_task_failures: int = 0,
    now: datetime = START,
) -> HealthLook:
    return look(
        slot or a_slot_view(),
        revision=REVISION,
        needed=needed,
        healthy_per_group=healthy_per_group,
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
    assert looked(healthy_per_group=(4, 3)).verdict is Health.STARTING


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
    answer = looked(view, needed=needed, healthy_per_group=healthy, now=after(seconds))
    if answer.verdict is Health.HEALTHY:
        assert launch is Launch.COMPLETED
        assert min(running, *healthy) >= needed > 0
