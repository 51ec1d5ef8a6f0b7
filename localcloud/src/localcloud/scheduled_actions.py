"""Scheduled actions of Application Auto Scaling: kept and shown, never run.

Pages are of the Application Auto Scaling API reference. At their times AWS would
change a target's bounds and its capacity with them; nothing of that is modelled.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from localcloud.api import AwsError
from localcloud.clock import Clock
from localcloud.identity import Ids, arn

_SCHEDULE = re.compile(
    r"at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)"
    r"|rate\([1-9]\d* (minute|hour|day)s?\)"
    r"|cron\(\S+( \S+){5}\)"
)
_PER_PAGE = 50


@dataclass(slots=True)
class ScheduledActions:
    """All of them, by target and name."""

    clock: Clock
    _actions: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    _ids: Ids = field(default_factory=lambda: Ids("scheduled"))

    def put(self, params: Mapping[str, Any]) -> None:
        """Make an action, or change what is given of one (PutScheduledAction).

        Start and end times that are left out are removed.
        """
        resource, name = params["ResourceId"], params["ScheduledActionName"]
        known = self._actions.get((resource, name), {})
        action = {k: v for k, v in known.items() if k not in {"StartTime", "EndTime"}}
        action |= params
        if "Schedule" not in action or "ScalableTargetAction" not in action:
            raise _invalid("A new action needs a Schedule and a ScalableTargetAction.")
        if not _SCHEDULE.fullmatch(action["Schedule"]):
            raise _invalid(f"Invalid schedule expression: {action['Schedule']}")
        bounds = action["ScalableTargetAction"]
        if not bounds:
            raise _invalid("Give a minimum or a maximum capacity.")
        if bounds.get("MinCapacity", 0) > bounds.get("MaxCapacity", float("inf")):
            raise _invalid("Maximum capacity cannot be less than minimum capacity")
        if not known:
            unique = self._ids.uuid("action")
            where = f"scheduledAction:{unique}:resource/ecs/{resource}"
            action["ScheduledActionARN"] = arn(
                "autoscaling", f"{where}:scheduledActionName/{name}"
            )
            action["CreationTime"] = self.clock.now()
        self._actions[resource, name] = action

    def find(self, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return those of a target, of some names or all (DescribeScheduledActions)."""
        resource, names = params.get("ResourceId"), params.get("ScheduledActionNames")
        return [
            dict(action)
            for (target, name), action in self._actions.items()
            if resource in (None, target) and (not names or name in names)
        ]

    def delete(self, resource: str, name: str) -> None:
        """Remove one; that it is not there is an error (DeleteScheduledAction)."""
        if self._actions.pop((resource, name), None) is None:
            raise AwsError(
                "ObjectNotFoundException",
                f"No scheduled action found for name: {name}, resource: {resource}",
            )

    def forget(self, resource: str) -> None:
        """Remove those of a target that is deregistered (DeregisterScalableTarget)."""
        for key in [key for key in self._actions if key[0] == resource]:
            del self._actions[key]


def page(name: str, found: Sequence[Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return one page of a list, of 50 unless asked for 1 to 50.

    DescribeScheduledActions, DescribeScalingPolicies, DescribeScalableTargets.
    """
    most = params.get("MaxResults", _PER_PAGE)
    if not 1 <= most <= _PER_PAGE:
        raise _invalid("MaxResults must be between 1 and 50.")
    begin = int(params.get("NextToken", 0))
    answer: dict[str, Any] = {name: [*found[begin : begin + most]]}
    if len(found) > begin + most:
        answer["NextToken"] = str(begin + most)
    return answer


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)
