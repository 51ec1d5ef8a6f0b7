"""CloudWatch alarms: their names and states, and nothing that evaluates them.

An alarm is made by `put`, for nothing of Slipway's makes any but the template, whose
alarms are not here. Its state changes by SetAlarmState alone. Pages are of the
CloudWatch API reference.
"""

from typing import Any

from localcloud.api import AwsError, Router, only
from localcloud.identity import arn

STATES = ("OK", "ALARM", "INSUFFICIENT_DATA")
MOST_NAMES = 100
"""AlarmNames (DescribeAlarms)."""
USUAL_RECORDS, MOST_RECORDS = 50, 100
"""MaxRecords (DescribeAlarms)."""
_LISTS = {"MetricAlarm": "MetricAlarms", "CompositeAlarm": "CompositeAlarms"}


class Alarms:
    """Everything that may ring."""

    def __init__(self, router: Router) -> None:
        self._states: dict[str, str] = {}
        self._types: dict[str, str] = {}
        router.serve(
            "cloudwatch",
            {"DescribeAlarms": self._describe, "SetAlarmState": self._set_state},
        )

    def put(self, name: str, *, composite: bool = False) -> None:
        """Make an alarm; like any new one it has seen no data yet."""
        self._states[name] = "INSUFFICIENT_DATA"
        self._types[name] = "CompositeAlarm" if composite else "MetricAlarm"

    def delete(self, name: str) -> None:
        """Take an alarm away."""
        del self._states[name], self._types[name]

    def _set_state(self, params: dict[str, Any]) -> dict[str, Any]:
        """Set a state for a while: until the alarm is evaluated (SetAlarmState)."""
        only(params, "AlarmName", "StateValue", "StateReason")
        if params["AlarmName"] not in self._states:
            raise AwsError("ResourceNotFound", "Unknown alarm")
        if params["StateValue"] not in STATES:
            raise AwsError("ValidationError", f"no state {params['StateValue']}")
        self._states[params["AlarmName"]] = params["StateValue"]
        return {}

    def _describe(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return those of the named alarms that there are (DescribeAlarms).

        Without AlarmTypes only metric alarms.
        """
        only(params, "AlarmNames", "AlarmTypes", "MaxRecords", "NextToken")
        names = params.get("AlarmNames", sorted(self._states))
        if len(names) > MOST_NAMES:
            raise AwsError("ValidationError", f"at most {MOST_NAMES} AlarmNames")
        types = params.get("AlarmTypes", ["MetricAlarm"])
        size = params.get("MaxRecords", USUAL_RECORDS)
        if not 1 <= size <= MOST_RECORDS:
            raise AwsError("ValidationError", f"MaxRecords is 1 to {MOST_RECORDS}")
        found = [n for n in sorted(names) if self._types.get(n) in types]
        begin = int(params.get("NextToken", 0))
        answer: dict[str, Any] = {listed: [] for listed in _LISTS.values()}
        for name in found[begin : begin + size]:
            answer[_LISTS[self._types[name]]].append(
                {
                    "AlarmName": name,
                    "AlarmArn": arn("cloudwatch", f"alarm:{name}"),
                    "StateValue": self._states[name],
                }
            )
        if begin + size < len(found):
            answer["NextToken"] = str(begin + size)
        return answer
