"""CloudWatch: sums of settled minutes, and silence that is not a zero."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from localcloud.metrics import Outage
from slipway.domain.judge import Evidence, Traffic, Window
from slipway.domain.service import Binding, Slot

from tests.builders import a_metric
from tests.integration.gateways.world import World, a_world
from tests.unit.localcloud.compute import virtual

A, B = Slot.A, Slot.B
MINUTE = timedelta(minutes=1)
ANSWERS = {
    "2xx": "HTTPCode_Target_2XX_Count",
    "3xx": "HTTPCode_Target_3XX_Count",
    "4xx": "HTTPCode_Target_4XX_Count",
    "5xx": "HTTPCode_Target_5XX_Count",
}
SILENCE = Evidence(Traffic(0, 0), Traffic(0, 0))


def measured(
    world: World,
    slot: Slot,
    at: datetime,
    *,
    requests: float,
    binding: Binding | None = None,
    **answers: float,
) -> None:
    """Write what a load balancer measured of one slot in one minute."""
    binding = binding or world.binding
    dimensions = {
        "TargetGroup": binding.target_group_arns[slot].split(":")[-1],
        "LoadBalancer": "/".join(
            binding.listener_arn.split(":listener/")[1].split("/")[:3]
        ),
    }
    sums = {"RequestCount": requests}
    sums |= {ANSWERS[name]: count for name, count in answers.items()}
    for name, value in sums.items():
        world.cloud.metrics.put("AWS/ApplicationELB", name, dimensions, value, at)


async def settled(world: World) -> Window:
    """Let two minutes pass and settle; return them."""
    start = world.cloud.clock.now()
    await world.cloud.clock.sleep(300)
    return Window(start, start + 2 * MINUTE)


@virtual
async def test_failures_are_all_requests_that_no_good_answer_belongs_to() -> None:
    async with a_world() as world:
        minutes = await settled(world)
        at = minutes.start
        good = {"2xx": 70, "3xx": 20, "4xx": 5}
        measured(world, A, at, requests=100, **good, **{"5xx": 5})
        measured(world, B, at, requests=40, **{"2xx": 10})  # 30 were never answered
        evidence = world.measurements.evidence([world.binding], B, minutes)
        assert evidence == Evidence(candidate=Traffic(40, 10), primary=Traffic(100, 95))


@virtual
async def test_minutes_are_summed_and_shared_groups_counted_once() -> None:
    async with a_world() as world:
        minutes = await settled(world)
        far = minutes.start + 10 * MINUTE
        tls = replace(world.binding, listener_arn=f"{world.binding.listener_arn}2")
        twice = [world.binding, tls]
        for at in (minutes.start - MINUTE, minutes.start, minutes.start + MINUTE, far):
            measured(world, A, at, requests=10, **{"2xx": 9})
        evidence = world.measurements.evidence(twice, A, minutes)
        assert evidence == Evidence(Traffic(20, 18), Traffic(0, 0))


@virtual
async def test_a_window_without_a_minute_asks_nothing() -> None:
    async with a_world() as world:
        now = world.cloud.clock.now()
        window = Window(now, now)
        assert world.measurements.evidence([world.binding], B, window) == SILENCE
        assert world.count("cloudwatch", "GetMetricData") == 0


@virtual
async def test_no_data_is_no_requests() -> None:
    async with a_world() as world:
        minutes = await settled(world)
        measured(world, B, minutes.start, requests=10, **{"2xx": 10})
        world.cloud.metrics.outage = Outage.MISSING
        assert world.measurements.evidence([world.binding], B, minutes) == SILENCE


@virtual
async def test_an_error_of_cloudwatch_is_no_evidence() -> None:
    async with a_world() as world:
        minutes = await settled(world)
        world.cloud.metrics.outage = Outage.ERROR
        assert world.measurements.evidence([world.binding], B, minutes) is None


@pytest.mark.parametrize("status", ["PartialData", "InternalError", "Forbidden"])
@virtual
async def test_one_query_answered_in_part_is_no_evidence(status: str) -> None:
    async with a_world() as world:
        minutes = await settled(world)

        def answer(params: dict[str, Any]) -> dict[str, Any]:
            results = [_result(query) for query in params["MetricDataQueries"]]
            results[-1]["StatusCode"] = status
            return {"MetricDataResults": results, "Messages": []}

        world.cloud.router.serve("cloudwatch", {"GetMetricData": answer})
        assert world.measurements.evidence([world.binding], B, minutes) is None


@virtual
async def test_a_query_that_is_not_answered_at_all_is_no_evidence() -> None:
    async with a_world() as world:
        minutes = await settled(world)

        def answer(params: dict[str, Any]) -> dict[str, Any]:
            results = [_result(query) for query in params["MetricDataQueries"][1:]]
            return {"MetricDataResults": results, "Messages": []}

        world.cloud.router.serve("cloudwatch", {"GetMetricData": answer})
        assert world.measurements.evidence([world.binding], B, minutes) is None


@virtual
async def test_pages_are_summed_and_the_last_one_says_whether_all_came() -> None:
    async with a_world() as world:
        minutes = await settled(world)

        def answer(params: dict[str, Any]) -> dict[str, Any]:
            first = "NextToken" not in params
            results = [
                _result(query, value=2, status="PartialData" if first else "Complete")
                for query in params["MetricDataQueries"]
            ]
            more = {"NextToken": "2"} if first else {}
            return {"MetricDataResults": results, "Messages": [], **more}

        world.cloud.router.serve("cloudwatch", {"GetMetricData": answer})
        evidence = world.measurements.evidence([world.binding], B, minutes)
        assert evidence == Evidence(Traffic(4, 12), Traffic(4, 12))


@virtual
async def test_a_role_that_may_not_read_has_no_evidence() -> None:
    async with a_world() as world:
        minutes = await settled(world)
        world.refuse("GetMetricData", "AccessDeniedException")
        assert world.measurements.evidence([world.binding], B, minutes) is None


# ----------------------------------------------------- an application's own


METRIC = a_metric(slot_dimension="Slot", dimensions={"Zone": "all"})
BOTH = {A: "orders-a", B: "orders-b"}


def counted(
    world: World, slot: Slot, at: datetime, *, zone: str = "all", **counts: float
) -> None:
    """Write what the application counted in one slot in one minute."""
    dimensions = {"Slot": BOTH[slot], "Zone": zone}
    for name, value in counts.items():
        world.cloud.metrics.put("shop", name, dimensions, value, at)


@virtual
async def test_an_applications_counts_are_those_of_each_slots_service() -> None:
    async with a_world() as world:
        minutes = await settled(world)
        for at in (minutes.start, minutes.start + MINUTE):
            counted(world, A, at, Asked=100, Failed=3)
            counted(world, B, at, Asked=20, Failed=5)
            counted(world, B, at, zone="another", Asked=900, Failed=900)
        measured(world, B, minutes.start, requests=900, **{"2xx": 900})
        evidence = world.measurements.counted(METRIC, BOTH, B, minutes)
        assert evidence == Evidence(Traffic(40, 30), Traffic(200, 194))


@virtual
async def test_more_failures_than_requests_are_all_of_them() -> None:
    async with a_world() as world:
        minutes = await settled(world)
        counted(world, B, minutes.start, Asked=20, Failed=21)
        evidence = world.measurements.counted(METRIC, BOTH, B, minutes)
        assert evidence == Evidence(Traffic(20, 0), Traffic(0, 0))


@virtual
async def test_no_data_of_a_candidates_failures_is_a_gap_and_a_zero_is_none() -> None:
    async with a_world() as world:
        minutes = await settled(world)
        counted(world, A, minutes.start, Asked=100, Failed=0)
        counted(world, B, minutes.start, Asked=100, Failled=50)
        evidence = world.measurements.counted(METRIC, BOTH, B, minutes)
        assert evidence is not None
        assert evidence.gap == (
            "Failed of shop has no data where Slot is orders-b, and Asked has: the "
            "application must send zeros, too"
        )
        counted(world, B, minutes.start + MINUTE, Failed=0)
        evidence = world.measurements.counted(METRIC, BOTH, B, minutes)
        assert evidence == Evidence(Traffic(100, 100), Traffic(100, 100))


@virtual
async def test_a_primary_that_says_nothing_of_failures_has_had_none() -> None:
    async with a_world() as world:
        minutes = await settled(world)
        counted(world, A, minutes.start, Asked=100)
        counted(world, B, minutes.start, Asked=100, Failed=2)
        evidence = world.measurements.counted(METRIC, BOTH, B, minutes)
        assert evidence == Evidence(Traffic(100, 98), Traffic(100, 100))


@virtual
async def test_an_application_that_is_silent_has_had_no_requests() -> None:
    async with a_world() as world:
        minutes = await settled(world)
        assert world.measurements.counted(METRIC, BOTH, B, minutes) == SILENCE
        counted(world, B, minutes.start, Failed=5)
        assert world.measurements.counted(METRIC, BOTH, B, minutes) == SILENCE
        empty = Window(minutes.start, minutes.start)
        calls = world.count("cloudwatch", "GetMetricData")
        assert world.measurements.counted(METRIC, BOTH, B, empty) == SILENCE
        assert world.count("cloudwatch", "GetMetricData") == calls


@pytest.mark.parametrize("status", ["PartialData", "InternalError", None])
@virtual
async def test_an_applications_metric_answered_in_part_is_no_evidence(
    status: str | None,
) -> None:
    async with a_world() as world:
        minutes = await settled(world)

        def answer(params: dict[str, Any]) -> dict[str, Any]:
            results = [_result(query) for query in params["MetricDataQueries"]]
            if status is None:
                results.pop()
            else:
                results[-1]["StatusCode"] = status
            return {"MetricDataResults": results, "Messages": []}

        world.cloud.router.serve("cloudwatch", {"GetMetricData": answer})
        assert world.measurements.counted(METRIC, BOTH, B, minutes) is None


def _result(
    query: dict[str, Any], value: float = 1, status: str = "Complete"
) -> dict[str, Any]:
    return {"Id": query["Id"], "Values": [value], "StatusCode": status}
