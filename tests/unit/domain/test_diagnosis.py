"""Diagnosis: which ends of tasks speak against their release."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.domain.diagnosis import Trouble, diagnose, summary

from tests.builders import TASK, a_finding

EXITED = "Essential container in task exited"


@pytest.mark.parametrize(
    ("stop_code", "reasons", "trouble"),
    [
        ("EssentialContainerExited", (EXITED, ""), Trouble.CRASHED),
        (
            "EssentialContainerExited",
            (EXITED, "OutOfMemoryError: Container killed due to memory usage"),
            Trouble.OUT_OF_MEMORY,
        ),
        (
            "TaskFailedToStart",
            ("CannotPullContainerError: failed to resolve ref x: not found",),
            Trouble.IMAGE,
        ),
        (
            "TaskFailedToStart",
            ("ResourceInitializationError: unable to pull secrets",),
            Trouble.CONFIGURATION,
        ),
        (
            "TaskFailedToStart",
            ("Task failed to start", "CannotStartContainerError: no such file"),
            Trouble.CONFIGURATION,
        ),
        ("EssentialContainerExited", ("ContainerRuntimeError: x",), Trouble.CRASHED),
        ("TaskFailedToStart", ("Task failed to start",), Trouble.CONFIGURATION),
        (
            "ServiceSchedulerInitiated",
            ("Task failed ELB health checks in (target-group x)",),
            Trouble.UNHEALTHY,
        ),
        (
            "ServiceSchedulerInitiated",
            ("Task failed container health checks",),
            Trouble.UNHEALTHY,
        ),
    ],
)
def test_a_bad_end_says_what_was_wrong(
    stop_code: str, reasons: tuple[str, ...], trouble: Trouble
) -> None:
    finding = diagnose(TASK, stop_code, reasons)
    assert finding is not None
    assert (finding.task_arn, finding.trouble) == (TASK, trouble)
    assert finding.reason == "; ".join(reason for reason in reasons if reason)


@pytest.mark.parametrize(
    "reason",
    [
        "Capacity is unavailable at this time. Please try again later",
        "Timeout waiting for network interface provisioning to complete.",
        "InternalError: failed to normalize image reference",
    ],
)
def test_what_aws_itself_could_not_do_says_nothing_of_the_release(reason: str) -> None:
    assert diagnose(TASK, "TaskFailedToStart", (reason,)) is None


@pytest.mark.parametrize("stop_code", ["EssentialContainerExited", "TaskFailedToStart"])
def test_an_end_without_a_reason_is_told_by_its_code(stop_code: str) -> None:
    finding = diagnose(TASK, stop_code, ("", ""))
    assert finding is not None
    assert finding.reason == stop_code


@pytest.mark.parametrize(
    ("stop_code", "reason"),
    [
        ("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment x)"),
        ("ServiceSchedulerInitiated", ""),
        ("SpotInterruption", "Your Spot Task was interrupted."),
        ("TerminationNotice", ""),
        ("InfrastructureHealth", "the host was impaired"),
        ("UserInitiated", "Task stopped by user"),
        ("UserInitiated", "stopped: it failed a health check of mine"),
        ("", ""),
    ],
)
def test_stops_that_somebody_wanted_say_nothing_of_the_release(
    stop_code: str, reason: str
) -> None:
    assert diagnose(TASK, stop_code, (reason,)) is None


@given(st.text(), st.lists(st.text(), max_size=4))
def test_a_finding_always_carries_a_reason(stop_code: str, reasons: list[str]) -> None:
    finding = diagnose(TASK, stop_code, tuple(reasons))
    assert finding is None or finding.reason


def test_a_summary_counts_tasks_and_shows_one() -> None:
    words = summary([a_finding(reason="exit 1"), a_finding(f"{TASK}0")])
    assert words.startswith("2 task(s)")
    assert "0123456789abcdef0123456789abcdef, crashed: exit 1" in words
