"""CloudWatch: sums a minute, late, and what an outage looks like."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from localcloud.api import NotModelled
from localcloud.metrics import Outage

from tests.unit.localcloud.compute import Cloud, client, compute_cloud, virtual

ALB = {"LoadBalancer": "app/demo/1"}


def _query(name: str = "RequestCount", **stat: Any) -> dict[str, Any]:
    dimensions = [{"Name": k, "Value": v} for k, v in ALB.items()]
    metric = {"Namespace": "AWS/ApplicationELB", "MetricName": name}
    return {
        "Id": name.lower(),
        "MetricStat": {
            "Metric": metric | {"Dimensions": dimensions},
            "Period": 60,
            "Stat": "Sum",
        }
        | stat,
    }


def _read(
    begin: datetime, end: datetime, *queries: dict[str, Any], **more: Any
) -> list[dict[str, Any]]:
    answer = client("cloudwatch").get_metric_data(
        MetricDataQueries=list(queries) or [_query()],
        StartTime=begin,
        EndTime=end,
        **more,
    )
    return answer["MetricDataResults"]


def _put(cloud: Cloud, value: float, name: str = "RequestCount") -> None:
    cloud.metrics.put("AWS/ApplicationELB", name, ALB, value, cloud.clock.now())


@virtual
async def test_a_minute_can_be_read_once_it_has_settled_and_not_before() -> None:
    async with compute_cloud() as cloud:
        began = cloud.clock.now()
        _put(cloud, 3)
        await cloud.clock.sleep(30)
        _put(cloud, 4)
        await cloud.clock.sleep(149)
        later = began + timedelta(minutes=10)
        assert _read(began, later)[0]["Values"] == []
        await cloud.clock.sleep(1)
        [result] = _read(began, later)
        assert (result["Timestamps"], result["Values"]) == ([began], [7.0])
        assert result["StatusCode"] == "Complete"


@virtual
async def test_several_series_are_read_at_once_newest_first_unless_asked() -> None:
    async with compute_cloud() as cloud:
        began = cloud.clock.now()
        for value in (1, 2):
            _put(cloud, value)
            _put(cloud, value * 10, "HTTPCode_Target_2XX_Count")
            await cloud.clock.sleep(60)
        await cloud.clock.sleep(300)
        later = began + timedelta(minutes=10)
        queries = _query(), _query("HTTPCode_Target_2XX_Count"), _query("Nothing")
        values = {r["Id"]: r["Values"] for r in _read(began, later, *queries)}
        assert values == {
            "requestcount": [2.0, 1.0],
            "httpcode_target_2xx_count": [20.0, 10.0],
            "nothing": [],
        }
        [result] = _read(began, later, ScanBy="TimestampAscending")
        assert result["Values"] == [1.0, 2.0]


@virtual
async def test_the_end_is_exclusive_and_the_start_is_rounded_down() -> None:
    async with compute_cloud() as cloud:
        began = cloud.clock.now()
        for value in (1, 2, 3):
            _put(cloud, value)
            await cloud.clock.sleep(60)
        await cloud.clock.sleep(300)
        start = began + timedelta(seconds=30)
        [result] = _read(start, began + timedelta(minutes=2))
        assert result["Values"] == [2.0, 1.0]
        [result] = _read(began, start + timedelta(minutes=5), _query(Period=180))
        assert result["Values"] == [6.0]


@virtual
async def test_an_outage_takes_data_or_answers_away() -> None:
    async with compute_cloud() as cloud:
        began = cloud.clock.now()
        _put(cloud, 1)
        await cloud.clock.sleep(300)
        later = began + timedelta(minutes=10)
        cloud.metrics.outage = Outage.MISSING
        [result] = _read(began, later)
        assert (result["Values"], result["StatusCode"]) == ([], "Complete")
        cloud.metrics.outage = Outage.ERROR
        with pytest.raises(ClientError, match="InternalServiceFault"):
            _read(began, later)
        cloud.metrics.outage = None
        assert _read(began, later)[0]["Values"] == [1.0]


def _put_own(value: float, namespace: str = "shop", **dimensions: str) -> None:
    named = [{"Name": name, "Value": text} for name, text in dimensions.items()]
    client("cloudwatch").put_metric_data(
        Namespace=namespace,
        MetricData=[{"MetricName": "Asked", "Dimensions": named, "Value": value}],
    )


@virtual
async def test_an_applications_values_add_up_by_all_of_their_dimensions() -> None:
    async with compute_cloud() as cloud:
        began = cloud.clock.now()
        for value in (5, 0, 2):
            _put_own(value, ServiceName="cart-a", Zone="1")
        _put_own(9, ServiceName="cart-a")
        _put_own(0, ServiceName="cart-b")
        await cloud.clock.sleep(300)

        def read(**dimensions: str) -> list[float]:
            named = [{"Name": name, "Value": text} for name, text in dimensions.items()]
            metric = {"Namespace": "shop", "MetricName": "Asked", "Dimensions": named}
            query = {
                "Id": "m",
                "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"},
            }
            [result] = _read(began, began + timedelta(minutes=1), query)
            values: list[float] = result["Values"]
            return values

        assert read(Zone="1", ServiceName="cart-a") == [7.0]
        assert read(ServiceName="cart-a") == [9.0]
        assert read(ServiceName="cart-b") == [0.0]
        assert read(Zone="1") == []


@virtual
async def test_what_cloudwatch_does_not_take_is_refused() -> None:
    async with compute_cloud():
        many = {f"D{number}": "x" for number in range(31)}
        for namespace, dimensions in (("AWS/ECS", {}), (":shop", {}), ("shop", many)):
            with pytest.raises(ClientError, match="InvalidParameterValue"):
                _put_own(1, namespace, **dimensions)
        with pytest.raises(ClientError, match="InvalidParameterValue"):
            client("cloudwatch").put_metric_data(
                Namespace="shop",
                MetricData=[{"MetricName": "Asked", "Value": 1}] * 1001,
            )


@pytest.mark.parametrize("stat", [{"Stat": "p99"}, {"Period": 30}])
@virtual
async def test_what_is_not_modelled_raises(stat: dict[str, Any]) -> None:
    async with compute_cloud() as cloud:
        began = cloud.clock.now()
        with pytest.raises(NotModelled):
            _read(began, began + timedelta(minutes=1), _query(**stat))
