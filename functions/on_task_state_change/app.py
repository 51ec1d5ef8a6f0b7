"""Tell a running rollout of its candidate's tasks that ended badly.

Stores one finding per task under the task's ARN, so duplicates change nothing.
"""

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from slipway.domain.task_events import StoppedTask, read_task_event
from slipway.reaction import reaction
from slipway.telemetry import logger, metrics
from slipway.wiring import App


def run(event: dict[str, Any], app: App) -> None:
    """Find whose task it was; note its end where a rollout launched it."""
    task = read_task_event(event)
    if task is None or task.finding is None:
        return
    name = app.journal.service_of_slot(task.ecs_service)
    if name is None:
        return
    rollout_id = _rollout_of(task, name, app)
    if rollout_id is not None:
        app.journal.put_finding(name, rollout_id, task.finding)
    metrics.add_metric("TasksEndedBadly", MetricUnit.Count, 1)
    logger.info(
        "task ended badly",
        extra={
            "task_arn": task.task_arn,
            "event_version": task.version,
            "service_name": name,
            "rollout_id": rollout_id,
            "trouble": task.finding.trouble,
            "reason": task.finding.reason,
        },
    )


def _rollout_of(task: StoppedTask, name: str, app: App) -> str | None:
    """Return the rollout whose candidate the task was of, None where there is none."""
    lease = app.journal.lease(name)
    if lease is None:
        return None
    rollout = app.journal.rollout(name, lease.rollout_id)
    if rollout.sides is None:
        return None
    candidate = rollout.service.slots[rollout.sides.candidate]
    revision = app.journal.revision(name, rollout.release.id)
    ours = (task.ecs_service, task.revision) == (candidate, revision)
    return rollout.id if ours and task.created_at >= rollout.created_at else None


handler = reaction(run)
