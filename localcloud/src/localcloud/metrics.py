"""CloudWatch: sums a minute, which can be read some time after the minute's end.

Series are told apart by namespace, name and all dimensions: one that is asked for with
others is another, and finds nothing (User Guide, cloudwatch_concepts).

Not modelled: statistics other than Sum, expressions, resolutions below a minute,
values in sets. A minute becomes visible all at once; AWS may show a part of it before.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from localcloud.api import AwsError, NotModelled, Router, only
from localcloud.clock import Clock
from localcloud.delays import Delays

MOST_DIMENSIONS, MOST_METRICS = 30, 1000
"""Of one metric, and of one PutMetricData (API_MetricDatum, API_PutMetricData)."""

type Series = tuple[str, str, frozenset[tuple[str, str]]]


class Outage(StrEnum):
    """How CloudWatch can fail its readers."""

    MISSING = "missing"
    """Queries succeed and find nothing."""
    ERROR = "error"
    """Queries are answered with an internal error."""


class Metrics:
    """Everything that was measured; `outage` takes it from its readers."""

    def __init__(self, clock: Clock, router: Router, delays: Delays) -> None:
        self._clock = clock
        self._period = timedelta(seconds=delays.metric_period_seconds)
        self.lateness_seconds = delays.metric_lateness_seconds
        """How long after its end a period can be read."""
        self._sums: dict[Series, dict[datetime, float]] = defaultdict(dict)
        self.outage: Outage | None = None
        router.serve(
            "cloudwatch",
            {
                "GetMetricData": self._get_metric_data,
                "PutMetricData": self._put_metric_data,
            },
        )

    def put(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        value: float,
        at: datetime,
    ) -> None:
        """Add a value to the sum of the period in which `at` lies."""
        sums = self._sums[namespace, name, frozenset(dimensions.items())]
        began = _floor(at, self._period)
        sums[began] = sums.get(began, 0.0) + value

    def forget(self) -> None:
        """Lose everything that was measured until now."""
        self._sums.clear()

    def settled(self, began: datetime) -> bool:
        """Whether the period that began then can be read by now."""
        lateness = timedelta(seconds=self.lateness_seconds)
        return self._clock.now() >= began + self._period + lateness

    def _put_metric_data(self, params: dict[str, Any]) -> dict[str, Any]:
        """Add an application's values to its own series.

        Namespaces of AWS/ are AWS's own. Messages of refusals are not documented.
        """
        only(params, "Namespace", "MetricData")
        if params["Namespace"].startswith(("AWS/", ":")):
            raise _invalid(f"The namespace {params['Namespace']} is reserved.")
        if len(params["MetricData"]) > MOST_METRICS:
            raise _invalid(f"At most {MOST_METRICS} metrics at once.")
        for datum in params["MetricData"]:
            only(datum, "MetricName", "Dimensions", "Value", "Unit", "Timestamp")
            dimensions = {d["Name"]: d["Value"] for d in datum.get("Dimensions", ())}
            if len(dimensions) > MOST_DIMENSIONS:
                raise _invalid(f"At most {MOST_DIMENSIONS} dimensions of a metric.")
            at = _moment(datum.get("Timestamp", self._clock.now()))
            self.put(
                params["Namespace"], datum["MetricName"], dimensions, datum["Value"], at
            )
        return {}

    def _get_metric_data(self, params: dict[str, Any]) -> dict[str, Any]:
        """Read several sums (API reference, GetMetricData).

        StartTime is inclusive, EndTime exclusive, both rounded down to the period.
        Periods without data are left out, series without data give empty lists.
        """
        only(params, "MetricDataQueries", "StartTime", "EndTime", "ScanBy")
        if self.outage is Outage.ERROR:
            raise AwsError(
                "InternalServiceFault",
                "Request processing has failed because of an unknown error.",
                HTTPStatus.INTERNAL_SERVER_ERROR,
            )
        begin, end = _moment(params["StartTime"]), _moment(params["EndTime"])
        if begin >= end:
            raise AwsError(
                "ValidationError", "The parameter StartTime must be before EndTime."
            )
        ascending = params.get("ScanBy", "TimestampDescending") == "TimestampAscending"
        results = []
        for query in params["MetricDataQueries"]:
            only(query, "Id", "MetricStat", "Label", "ReturnData")
            if not query.get("ReturnData", True):
                continue
            data = sorted(self._read(query, begin, end).items(), reverse=not ascending)
            name = query["MetricStat"]["Metric"]["MetricName"]
            results.append(
                {
                    "Id": query["Id"],
                    "Label": query.get("Label", name),
                    "Timestamps": [at for at, _ in data],
                    "Values": [value for _, value in data],
                    "StatusCode": "Complete",
                }
            )
        return {"MetricDataResults": results, "Messages": []}

    def _read(
        self, query: Mapping[str, Any], begin: datetime, end: datetime
    ) -> dict[datetime, float]:
        stat = query["MetricStat"]
        only(stat, "Metric", "Period", "Stat", "Unit")
        if stat["Stat"] != "Sum":
            raise NotModelled(f"statistic {stat['Stat']}")
        period = timedelta(seconds=stat["Period"])
        if period % self._period:
            raise NotModelled(f"metric period of {stat['Period']} s")
        if self.outage is Outage.MISSING:
            return {}
        metric = stat["Metric"]
        dimensions = {d["Name"]: d["Value"] for d in metric.get("Dimensions", ())}
        key = metric["Namespace"], metric["MetricName"], frozenset(dimensions.items())
        data: dict[datetime, float] = {}
        for began, value in self._sums.get(key, {}).items():
            at = _floor(began, period)
            if _floor(begin, period) <= at < _floor(end, period) and self.settled(
                began
            ):
                data[at] = data.get(at, 0.0) + value
        return data


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValue", message)


def _floor(at: datetime, period: timedelta) -> datetime:
    """Return the beginning of the period, counted from midnight UTC, of a moment."""
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (at - midnight) // period * period


def _moment(value: datetime | str | float) -> datetime:
    """Return a moment in any of the forms that boto3 takes, in UTC."""
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value, UTC)
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
