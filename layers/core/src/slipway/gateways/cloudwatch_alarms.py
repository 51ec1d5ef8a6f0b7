"""CloudWatch alarms, of whoever made them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.domain.admission import Alarm
from slipway.gateways.failures import translated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_cloudwatch.client import CloudWatchClient


class Alarms:
    """The states of alarms by their names. Nothing is written."""

    def __init__(self, client: CloudWatchClient) -> None:
        self._client = client

    def states(self, names: Sequence[str]) -> Mapping[str, Alarm]:
        """Return the states of those of up to 100 alarms that there are.

        Where no type is asked for, composite alarms are left out.
        """
        found: dict[str, Alarm] = {}
        with translated("DescribeAlarms"):
            pages = self._client.get_paginator("describe_alarms")
            for page in pages.paginate(
                AlarmNames=list(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"]
            ):
                for alarm in (
                    *page.get("MetricAlarms", ()),
                    *page.get("CompositeAlarms", ()),
                ):
                    found[alarm["AlarmName"]] = Alarm(alarm["StateValue"])
        return found
