"""Whether a candidate has come up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from slipway.domain.diagnosis import Finding, summary

STALE = timedelta(seconds=60)
"""How long after a write ECS's answers may be from before it. AWS gives no figure:
describe calls are eventually consistent, in practice by seconds."""


UNCHECKED = timedelta(seconds=40)
"""How long a task without health checks runs before it counts as healthy, as ECS itself
counts where there is no load balancer (API_DeploymentConfiguration,
minimumHealthyPercent)."""


class Health(StrEnum):
    """What a look at a launching candidate says."""

    HEALTHY = "healthy"
    STARTING = "starting"
    FAILED = "failed"


class Launch(StrEnum):
    """ECS's own verdict on a deployment (rolloutState)."""

    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class Checks(StrEnum):
    """What a task's essential containers say by their health checks (healthStatus)."""

    HEALTHY = "HEALTHY"
    UNHEALTHY = "UNHEALTHY"
    UNKNOWN = "UNKNOWN"
    """There is no verdict yet, or there is no health check."""


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task that an ECS service wants, as a single read saw it."""

    checks: Checks
    running_since: datetime | None
    """None where it does not run (yet)."""


@dataclass(frozen=True, slots=True)
class SlotView:
    """One ECS service as a single read saw it."""

    ecs_service: str
    task_definition_arn: str
    desired: int
    running: int
    launch: Launch
    launch_reason: str = ""


@dataclass(frozen=True, slots=True)
class HealthLook:
    """A verdict and its reason."""

    verdict: Health
    reason: str


def healthy_tasks(tasks: Sequence[TaskView], now: datetime) -> int:
    """Count the tasks of one ECS service that are healthy, where no group says so.

    By their health checks. ECS has the same word for tasks without checks as for those
    without a verdict yet: they count once they ran for `UNCHECKED`, unless a verdict on
    another task shows that there are checks.
    """
    running = [task for task in tasks if task.running_since is not None]
    checked = any(task.checks is Checks.HEALTHY for task in running)
    return sum(
        task.checks is Checks.HEALTHY
        or (task.checks is Checks.UNKNOWN and not checked and _lasted(task, now))
        for task in running
    )


def _lasted(task: TaskView, now: datetime) -> bool:
    return task.running_since is not None and now - task.running_since >= UNCHECKED


def look(
    slot: SlotView,
    *,
    revision: str,
    needed: int,
    healthy_counts: Sequence[int],
    findings: Sequence[Finding],
    max_task_failures: int,
    since: datetime,
    timeout_seconds: int,
    now: datetime,
) -> HealthLook:
    """Say whether `slot` runs `needed` healthy tasks of `revision`.

    `healthy_counts` are those of each target group, or of its tasks where there is no
    group. A group without targets has no verdict, so it counts as none healthy.
    """
    waited = now - since
    if slot.task_definition_arn != revision:
        return HealthLook(
            Health.STARTING if waited < STALE else Health.FAILED,
            f"{slot.ecs_service} runs {slot.task_definition_arn}, not {revision}: "
            "ECS does not show it yet, or somebody else changed it",
        )
    if len(findings) > max_task_failures:
        return HealthLook(Health.FAILED, summary(findings))
    if slot.launch is Launch.FAILED:
        return HealthLook(
            Health.FAILED, f"ECS gave the launch up: {slot.launch_reason}"
        )
    healthy = min(healthy_counts, default=0)
    if (
        slot.launch is Launch.COMPLETED
        and needed > 0
        and min(slot.running, healthy) >= needed
    ):
        return HealthLook(
            Health.HEALTHY, f"{healthy} healthy of {needed} needed, launch completed"
        )
    if waited > timedelta(seconds=timeout_seconds):
        return HealthLook(
            Health.FAILED,
            f"after {waited.total_seconds():.0f} s only {slot.running} running and "
            f"{healthy} healthy of {needed} needed",
        )
    return HealthLook(
        Health.STARTING,
        f"{slot.running} running, {healthy} healthy of {needed} needed, "
        f"launch {slot.launch}",
    )
