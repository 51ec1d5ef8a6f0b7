"""What the load balancers measured."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from slipway.domain.judge import Evidence, Traffic, Window
from slipway.domain.service import Binding, Slot
from slipway.errors import SlipwayError
from slipway.gateways.failures import translated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_cloudwatch.client import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

REQUESTS = "RequestCount"
SUCCESSES = (
    "HTTPCode_Target_2XX_Count",
    "HTTPCode_Target_3XX_Count",
    "HTTPCode_Target_4XX_Count",
)
"""Metrics of AWS/ApplicationELB per target group (elb-cloudwatch-metrics)."""
PERIOD_SECONDS = 60


class Measurements:
    """Sums of load balancer metrics over settled minutes."""

    def __init__(self, client: CloudWatchClient) -> None:
        self._client = client

    def evidence(
        self, bindings: Sequence[Binding], candidate: Slot, window: Window
    ) -> Evidence | None:
        """Return what both sides answered over `window`, all rules together.

        A Network Load Balancer counts connections and no answers: its are left out.
        None where CloudWatch failed or answered in part: silence is not a zero.
        """
        if window.empty:
            return Evidence(Traffic(0, 0), Traffic(0, 0))
        # Two listeners of one load balancer may share the groups: that is one metric.
        sources = dict.fromkeys(
            (slot, group, load_balancer_of(binding.listener_arn))
            for binding in bindings
            if not binding.is_network
            for slot, group in binding.target_group_arns.items()
        )
        keys = list(product(sources, (REQUESTS, *SUCCESSES)))
        sums = self._sums(
            [_query(n, source, metric) for n, (source, metric) in enumerate(keys)],
            window,
        )
        if sums is None:
            return None
        requests = dict.fromkeys(Slot, 0.0)
        successful = dict.fromkeys(Slot, 0.0)
        for number, ((slot, _, _), metric) in enumerate(keys):
            side = requests if metric == REQUESTS else successful
            side[slot] += sums.get(f"m{number}", 0.0)
        traffic = {slot: Traffic(requests[slot], successful[slot]) for slot in Slot}
        return Evidence(traffic[candidate], traffic[candidate.other])

    def _sums(
        self, queries: list[MetricDataQueryTypeDef], window: Window
    ) -> dict[str, float] | None:
        sums: dict[str, float] = {}
        status: dict[str, str] = {}
        try:
            with translated("GetMetricData"):
                pages = self._client.get_paginator("get_metric_data")
                for page in pages.paginate(
                    MetricDataQueries=queries,
                    StartTime=window.start,
                    EndTime=window.end,
                ):
                    for result in page["MetricDataResults"]:
                        name = result["Id"]
                        status[name] = result["StatusCode"]
                        sums[name] = sums.get(name, 0.0) + sum(result["Values"])
        except SlipwayError:
            return None
        complete = all(status.get(query["Id"]) == "Complete" for query in queries)
        return sums if complete else None


def _query(
    number: int, source: tuple[Slot, str, str], metric: str
) -> MetricDataQueryTypeDef:
    _, group_arn, load_balancer = source
    return {
        "Id": f"m{number}",
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/ApplicationELB",
                "MetricName": metric,
                "Dimensions": [
                    {"Name": "TargetGroup", "Value": group_arn.rsplit(":", 1)[-1]},
                    {"Name": "LoadBalancer", "Value": load_balancer},
                ],
            },
            "Period": PERIOD_SECONDS,
            "Stat": "Sum",
        },
        "ReturnData": True,
    }


def load_balancer_of(listener_arn: str) -> str:
    """Return app/NAME/ID from an ARN that ends in listener/app/NAME/ID/LISTENER."""
    return listener_arn.split("/", 1)[1].rsplit("/", 1)[0]
