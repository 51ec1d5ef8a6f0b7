"""Why a task stopped, and whether its release is to blame."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Trouble(StrEnum):
    """What went wrong with a task of a release."""

    CRASHED = "crashed"
    OUT_OF_MEMORY = "out-of-memory"
    IMAGE = "image"
    CONFIGURATION = "configuration"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Finding:
    """One task's end that speaks against its release."""

    task_arn: str
    trouble: Trouble
    reason: str


_BY_TEXT = (
    ("CannotPullContainer", Trouble.IMAGE),
    ("OutOfMemory", Trouble.OUT_OF_MEMORY),
    ("ResourceInitializationError", Trouble.CONFIGURATION),
    ("CannotStartContainer", Trouble.CONFIGURATION),
    ("ContainerRuntimeError", Trouble.CRASHED),
)
"""Prefixes of stoppedReason and of container reasons (stopped-task-error-codes)."""


_NOT_THE_RELEASE = (
    "Capacity is unavailable",
    "Timeout waiting for network interface",
    "Timeout waiting for EphemeralStorage",
    "InternalError",
)
"""Reasons that name AWS itself (stopped-task-error-codes); a launch that they keep
from coming up still ends at its timeout."""


def diagnose(task_arn: str, stop_code: str, reasons: tuple[str, ...]) -> Finding | None:
    """Return what a stopped task says against its release, None where nothing.

    `reasons` are the task's stoppedReason and its containers' reasons. Stops that the
    scheduler, a person, Spot or AWS itself wanted say nothing of the release, but for
    the scheduler's stops of tasks that fail their health checks.
    """
    text = "; ".join(reason for reason in reasons if reason)
    if any(marker in text for marker in _NOT_THE_RELEASE):
        return None
    for marker, trouble in _BY_TEXT:
        if marker in text:
            return Finding(task_arn, trouble, text)
    if stop_code == "EssentialContainerExited":
        return Finding(task_arn, Trouble.CRASHED, text or stop_code)
    if stop_code == "TaskFailedToStart":
        return Finding(task_arn, Trouble.CONFIGURATION, text or stop_code)
    if stop_code == "ServiceSchedulerInitiated" and "health check" in text:
        return Finding(task_arn, Trouble.UNHEALTHY, text)
    return None


def summary(findings: Sequence[Finding]) -> str:
    """Say how many tasks ended badly, and how one of them did."""
    one = findings[0]
    return (
        f"{len(findings)} task(s) of the candidate ended badly, such as "
        f"{one.task_arn.rsplit('/', 1)[-1]}, {one.trouble}: {one.reason}"
    )
