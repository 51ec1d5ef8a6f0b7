"""Alarms: their states by name, of both kinds, and nothing of those that are gone."""

import pytest
from localcloud.alarms import Alarms as LocalAlarms
from localcloud.api import AwsError
from slipway.domain.admission import Alarm
from slipway.errors import Throttled
from slipway.gateways.cloudwatch_alarms import Alarms

from tests.unit.localcloud.compute import client, compute_cloud, virtual


def ring(name: str, state: str = "ALARM") -> None:
    """Let an alarm change by hand."""
    client("cloudwatch").set_alarm_state(
        AlarmName=name, StateValue=state, StateReason="a test wants it"
    )


@virtual
async def test_metric_and_composite_alarms_have_states() -> None:
    async with compute_cloud() as cloud:
        made, alarms = LocalAlarms(cloud.router), Alarms(client("cloudwatch"))
        made.put("errors")
        made.put("slow")
        made.put("all", composite=True)
        ring("slow", "OK")
        ring("all")
        assert alarms.states(["slow", "errors", "all", "gone"]) == {
            "slow": Alarm.OK,
            "errors": Alarm.UNSURE,
            "all": Alarm.RINGING,
        }
        made.delete("slow")
        assert alarms.states(["slow"]) == {}


@virtual
async def test_a_hundred_names_come_in_pages() -> None:
    async with compute_cloud() as cloud:
        made, alarms = LocalAlarms(cloud.router), Alarms(client("cloudwatch"))
        names = [f"alarm-{n}" for n in range(100)]
        for name in names:
            made.put(name)
        ring("alarm-99")
        found = alarms.states(names)
        assert set(found) == set(names)
        assert found["alarm-99"] is Alarm.RINGING


@virtual
async def test_what_cloudwatch_does_not_say_is_no_state() -> None:
    async with compute_cloud() as cloud:
        LocalAlarms(cloud.router)

        def refuse(*_: object) -> None:
            raise AwsError("Throttling", "Rate exceeded")

        cloud.router.before(refuse)
        with pytest.raises(Throttled):
            Alarms(client("cloudwatch")).states(["errors"])
