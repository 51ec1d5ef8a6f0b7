"""Alarms as CloudWatch has them: named, of two types, in one of three states."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from localcloud.alarms import Alarms
from localcloud.api import NotModelled

from tests.unit.localcloud.compute import Cloud, client, compute_cloud, virtual


def made(cloud: Cloud) -> Any:
    """Make one alarm of each type; return a client."""
    alarms = Alarms(cloud.router)
    alarms.put("errors")
    alarms.put("all", composite=True)
    return client("cloudwatch")


@virtual
async def test_only_metric_alarms_are_told_unless_others_are_asked_for() -> None:
    async with compute_cloud() as cloud:
        cloudwatch = made(cloud)
        usual = cloudwatch.describe_alarms()
        assert [a["AlarmName"] for a in usual["MetricAlarms"]] == ["errors"]
        assert usual["CompositeAlarms"] == []
        other = cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"])
        assert other["MetricAlarms"] == []
        assert [a["AlarmName"] for a in other["CompositeAlarms"]] == ["all"]


@virtual
async def test_an_alarm_is_unsure_until_something_is_known() -> None:
    async with compute_cloud() as cloud:
        cloudwatch = made(cloud)
        for state in ("ALARM", "OK", "INSUFFICIENT_DATA"):
            cloudwatch.set_alarm_state(
                AlarmName="errors", StateValue=state, StateReason="a test wants it"
            )
            (alarm,) = cloudwatch.describe_alarms()["MetricAlarms"]
            assert alarm["StateValue"] == state


@virtual
async def test_what_cloudwatch_refuses_is_refused() -> None:
    async with compute_cloud() as cloud:
        cloudwatch = made(cloud)
        for name, state in (("none", "OK"), ("errors", "LOUD")):
            with pytest.raises(ClientError):
                cloudwatch.set_alarm_state(
                    AlarmName=name, StateValue=state, StateReason="a test wants it"
                )
        with pytest.raises(ClientError):
            cloudwatch.describe_alarms(AlarmNames=[f"a{n}" for n in range(101)])
        with pytest.raises(NotModelled):
            cloudwatch.describe_alarms(StateValue="ALARM")
