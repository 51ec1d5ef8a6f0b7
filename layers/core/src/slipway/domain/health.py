"""Whether a candidate has come up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from slipway.domain.diagnosis import Finding, summary

STALE = timedelta(seconds=60)
"""How long after a write ECS's answers may be from before it. AWS gives no figure:
describe calls are eventually consistent, in practice by seconds."""


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


def look(
    slot: SlotView,
    *,
    revision: str,
    needed: int,
    healthy_per_group: Sequence[int],
    findings: Sequence[Finding],
    max_task_failures: int,
    since: datetime,
    timeout_seconds: int,
    now: datetime,
) -> HealthLook:
    """Say whether `slot` runs `needed` healthy tasks of `revision`.

    A group without targets has no verdict, so it counts as none healthy.
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
    healthy = min(healthy_per_group, default=slot.running)
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
