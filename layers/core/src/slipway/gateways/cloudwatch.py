"""What the load balancers measured, and what applications count of themselves."""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from typing import TYPE_CHECKING

from slipway.domain.judge import Evidence, Traffic, Window
from slipway.domain.service import ApplicationMetric, Binding, Slot
from slipway.errors import SlipwayError
from slipway.gateways.failures import translated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_cloudwatch.client import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

NAMESPACE = "AWS/ApplicationELB"
REQUESTS = "RequestCount"
SUCCESSES = (
    "HTTPCode_Target_2XX_Count",
    "HTTPCode_Target_3XX_Count",
    "HTTPCode_Target_4XX_Count",
)
"""Metrics of AWS/ApplicationELB per target group (elb-cloudwatch-metrics)."""
PERIOD_SECONDS = 60


class Measurements:
    """Sums over settled minutes."""

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
        found = self._values(
            [
                _query(n, NAMESPACE, metric, _dimensions(source))
                for n, (source, metric) in enumerate(keys)
            ],
            window,
        )
        if found is None:
            return None
        requests = dict.fromkeys(Slot, 0.0)
        successful = dict.fromkeys(Slot, 0.0)
        for ((slot, _, _), metric), values in zip(keys, found, strict=True):
            side = requests if metric == REQUESTS else successful
            side[slot] += sum(values)
        traffic = {slot: Traffic(requests[slot], successful[slot]) for slot in Slot}
        return Evidence(traffic[candidate], traffic[candidate.other])

    def counted(
        self,
        metric: ApplicationMetric,
        slots: Mapping[Slot, str],
        candidate: Slot,
        window: Window,
    ) -> Evidence | None:
        """Return what both sides answered over `window`, as the application counts.

        CloudWatch tells a metric that has no data from one that never was by nothing.
        So a candidate's failures are 0 only where something says so: a candidate with
        requests and no data of failures is a gap in the evidence. Of the primary such
        silence is a 0: it is then compared with the best that it can have been.
        None where CloudWatch failed or answered in part.
        """
        if window.empty:
            return Evidence(Traffic(0, 0), Traffic(0, 0))
        keys = list(product(Slot, (metric.requests, metric.failures)))
        found = self._values(
            [
                _query(
                    number,
                    metric.namespace,
                    name,
                    {**metric.dimensions, metric.slot_dimension: slots[slot]},
                )
                for number, (slot, name) in enumerate(keys)
            ],
            window,
        )
        if found is None:
            return None
        values = dict(zip(keys, found, strict=True))
        traffic = {
            slot: _counted(
                sum(values[slot, metric.requests]), sum(values[slot, metric.failures])
            )
            for slot in Slot
        }
        gap = None
        if (
            values[candidate, metric.requests]
            and not values[candidate, metric.failures]
        ):
            gap = (
                f"{metric.failures} of {metric.namespace} has no data where "
                f"{metric.slot_dimension} is {slots[candidate]}, and {metric.requests} "
                "has: the application must send zeros, too"
            )
        return Evidence(traffic[candidate], traffic[candidate.other], gap)

    def _values(
        self, queries: list[MetricDataQueryTypeDef], window: Window
    ) -> list[list[float]] | None:
        """Return each query's values in its place, None unless all are complete."""
        values: dict[str, list[float]] = defaultdict(list)
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
                        values[name] += result["Values"]
        except SlipwayError:
            return None
        complete = all(status.get(query["Id"]) == "Complete" for query in queries)
        return [values[query["Id"]] for query in queries] if complete else None


def _counted(requests: float, failures: float) -> Traffic:
    """Return what the application counted, no more failures than requests."""
    return Traffic(requests, max(0.0, requests - failures))


def _dimensions(source: tuple[Slot, str, str]) -> dict[str, str]:
    _, group_arn, load_balancer = source
    return {
        "TargetGroup": group_arn.rsplit(":", 1)[-1],
        "LoadBalancer": load_balancer,
    }


def _query(
    number: int, namespace: str, metric: str, dimensions: Mapping[str, str]
) -> MetricDataQueryTypeDef:
    return {
        "Id": f"m{number}",
        "MetricStat": {
            "Metric": {
                "Namespace": namespace,
                "MetricName": metric,
                "Dimensions": [
                    {"Name": name, "Value": value} for name, value in dimensions.items()
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
