"""What an `ECS Task State Change` event says of a task's end, checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway.domain.diagnosis import Finding, diagnose
from slipway.errors import InvalidRecord

SERVICE_GROUP = "service:"


@dataclass(frozen=True, slots=True)
class StoppedTask:
    """A service's task that is stopping or has stopped."""

    task_arn: str
    ecs_service: str
    revision: str
    version: int
    created_at: datetime
    finding: Finding | None
    """None where its end says nothing against its release."""


def read_task_event(event: Mapping[str, Any]) -> StoppedTask | None:
    """Read a task's end, None for other states and for tasks of no service.

    Raises InvalidRecord, naming the field, for an event of another shape.
    """
    try:
        detail = event["detail"]
        group = detail.get("group", "")
        if detail["desiredStatus"] != "STOPPED" or not group.startswith(SERVICE_GROUP):
            return None
        created_at = datetime.fromisoformat(detail["createdAt"])
        if created_at.tzinfo is None:
            raise InvalidRecord("detail.createdAt has no time zone")
        reasons = (
            detail.get("stoppedReason", ""),
            *(container.get("reason", "") for container in detail["containers"]),
        )
        return StoppedTask(
            task_arn=detail["taskArn"],
            ecs_service=group.removeprefix(SERVICE_GROUP),
            revision=detail["taskDefinitionArn"],
            version=int(detail["version"]),
            created_at=created_at,
            finding=diagnose(detail["taskArn"], detail.get("stopCode", ""), reasons),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidRecord(f"not a task's state change: {error!r}") from error
