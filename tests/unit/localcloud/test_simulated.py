"""Traffic in virtual time: shares, failures, and the metrics of them."""

from datetime import timedelta
from typing import Any

import pytest
from localcloud.delays import OpenQuestions
from localcloud.fixture import System
from localcloud.simulated import Flow
from slipway.domain.service import Slot

from tests.unit.localcloud.compute import Cloud, client, compute_cloud, virtual

V1 = {"app": "cart", "version": "v1"}


async def _two_slots(cloud: Cloud, **flaw: Any) -> System:
    """Run a good release in slot a, another in b, and send everything to a."""
    system = cloud.system()
    cloud.launch("cart", "a", V1, 3)
    cloud.launch("cart", "b", V1 | {"version": "v2"} | flaw, 2, "v2")
    await cloud.settled("cart-a", 3)
    await cloud.settled("cart-b", 2)
    cloud.route(system, "cart", 100, 0)
    await cloud.clock.sleep(5)
    return system


def _sum(cloud: Cloud, system: System, name: str, slot: Slot | None) -> float:
    """Return what CloudWatch says of a slot, or of the load balancer, by now."""
    binding = system.service("cart").bindings[0]
    dimensions = {"LoadBalancer": "/".join(binding.listener_arn.split("/")[1:4])}
    if slot is not None:
        group = binding.target_group_arns[slot].rsplit(":", 1)[1]
        dimensions["TargetGroup"] = group
    return sum(_values(cloud, "AWS/ApplicationELB", name, dimensions))


def _own(cloud: Cloud, name: str, **dimensions: str) -> float | None:
    """Return what the application says, None where it says nothing."""
    values = _values(cloud, "shop", name, dimensions)
    return sum(values) if values else None


def _values(
    cloud: Cloud, namespace: str, name: str, dimensions: dict[str, str]
) -> list[float]:
    named: list[Any] = [{"Name": n, "Value": value} for n, value in dimensions.items()]
    [result] = client("cloudwatch").get_metric_data(
        MetricDataQueries=[
            {
                "Id": "m",
                "MetricStat": {
                    "Metric": {
                        "Namespace": namespace,
                        "MetricName": name,
                        "Dimensions": named,
                    },
                    "Period": 60,
                    "Stat": "Sum",
                },
            }
        ],
        StartTime=cloud.clock.epoch,
        EndTime=cloud.clock.now() + timedelta(minutes=1),
    )["MetricDataResults"]
    return list(result["Values"])


@virtual
async def test_requests_are_shared_out_by_weight_exactly() -> None:
    async with compute_cloud() as cloud:
        system = await _two_slots(cloud)
        cloud.route(system, "cart", 90, 10)
        await cloud.clock.sleep(5)
        flow = cloud.traffic.send(system.public_listener_arn, 7.0)
        await cloud.clock.sleep(100)
        cloud.traffic.stop(flow)
        await cloud.clock.sleep(300)
        assert flow.totals.sent == flow.totals.answered == 700
        assert _sum(cloud, system, "RequestCount", Slot.A) == 630
        assert _sum(cloud, system, "RequestCount", Slot.B) == 70
        assert _sum(cloud, system, "RequestCount", None) == 700
        assert _sum(cloud, system, "HTTPCode_Target_2XX_Count", Slot.B) == 70


@virtual
async def test_a_failure_inside_a_good_answer_is_seen_by_the_application_alone() -> (
    None
):
    counts = {
        "namespace": "shop",
        "requests": "Asked",
        "failures": "Failed",
        "slot": "Slot",
        "dimensions": {"Zone": "all"},
    }
    async with compute_cloud() as cloud:
        system = await _two_slots(cloud, fail_inside_every=5, counts=counts)
        cloud.route(system, "cart", 50, 50)
        await cloud.clock.sleep(5)
        flow = cloud.traffic.send(system.public_listener_arn, 10.0)
        await cloud.clock.sleep(40)
        cloud.traffic.stop(flow)
        await cloud.clock.sleep(300)
        assert (flow.totals.answered, flow.totals.failed) == (360, 40)
        assert _sum(cloud, system, "HTTPCode_Target_2XX_Count", Slot.B) == 200
        assert _sum(cloud, system, "HTTPCode_Target_5XX_Count", Slot.B) == 0
        assert _own(cloud, "Asked", Slot="cart-b", Zone="all") == 200
        assert _own(cloud, "Failed", Slot="cart-b", Zone="all") == 40
        assert _own(cloud, "Asked", Slot="cart-a", Zone="all") is None


@pytest.mark.parametrize(("sparse", "said"), [(False, 0), (True, None)])
@virtual
async def test_an_application_says_zero_failures_unless_it_is_sparse(
    *, sparse: bool, said: float | None
) -> None:
    counts = {
        "namespace": "shop",
        "requests": "Asked",
        "failures": "Failed",
        "slot": "Slot",
        "sparse": sparse,
    }
    async with compute_cloud() as cloud:
        system = await _two_slots(cloud, counts=counts)
        cloud.route(system, "cart", 0, 100)
        await cloud.clock.sleep(5)
        cloud.traffic.send(system.public_listener_arn, 10.0)
        await cloud.clock.sleep(400)
        assert (_own(cloud, "Asked", Slot="cart-b") or 0) > 0
        assert _own(cloud, "Failed", Slot="cart-b") == said


@virtual
async def test_before_a_first_release_the_rule_itself_answers() -> None:
    async with compute_cloud() as cloud:
        system = cloud.system()
        flow = cloud.traffic.send(system.public_listener_arn, 10.0)
        await cloud.clock.sleep(60)
        assert flow.totals.sent == flow.totals.failed == flow.totals.fixed_responses
        assert flow.totals.failed_unrouted == 0
        await cloud.clock.sleep(300)
        assert _sum(cloud, system, "HTTP_Fixed_Response_Count", None) > 0
        assert _sum(cloud, system, "RequestCount", Slot.A) == 0


@pytest.mark.parametrize(("per_second", "seconds"), [(20.0, 100), (2.0, 1000)])
@virtual
async def test_a_release_that_fails_every_fifth_request_is_blamed_for_those(
    per_second: float, seconds: int
) -> None:
    async with compute_cloud() as cloud:
        system = await _two_slots(cloud, fail_every=5)
        cloud.route(system, "cart", 50, 50)
        await cloud.clock.sleep(5)
        flow = cloud.traffic.send(system.public_listener_arn, per_second)
        await cloud.clock.sleep(seconds)
        cloud.traffic.stop(flow)
        await cloud.clock.sleep(300)
        [bad] = {
            t.image_digest
            for t in cloud.compute.ecs.tasks()
            if t.service.name == "cart-b"
        }
        assert flow.totals.sent == 2000
        assert flow.totals.failed_by_digest == {bad: 200}
        assert flow.totals.failed_unrouted == 0
        assert _sum(cloud, system, "HTTPCode_Target_5XX_Count", Slot.B) == 200
        assert _sum(cloud, system, "HTTPCode_Target_5XX_Count", Slot.A) == 0


@pytest.mark.parametrize(("on_arrival", "counted"), [(True, 100), (False, 0)])
@virtual
async def test_hanging_requests_fail_at_the_idle_timeout_with_no_word_of_the_target(
    *, on_arrival: bool, counted: int
) -> None:
    questions = OpenQuestions(requests_stamped_on_arrival=on_arrival)
    async with compute_cloud(questions=questions) as cloud:
        system = await _two_slots(cloud, hang=True)
        cloud.route(system, "cart", 0, 100)
        await cloud.clock.sleep(60 - cloud.clock.time() % 60)
        flow = cloud.traffic.send(system.public_listener_arn, 10.0)
        await cloud.clock.sleep(10.5)
        cloud.traffic.stop(flow)
        assert (flow.totals.waiting, flow.totals.failed) == (100, 0)
        await cloud.clock.sleep(170)
        assert (flow.totals.waiting, flow.totals.failed) == (0, 100)
        assert _sum(cloud, system, "RequestCount", Slot.B) == counted
        await cloud.clock.sleep(60)
        assert _sum(cloud, system, "RequestCount", Slot.B) == 100
        assert _sum(cloud, system, "HTTPCode_Target_5XX_Count", Slot.B) == 0
        assert _sum(cloud, system, "HTTPCode_ELB_504_Count", None) == 100


@virtual
async def test_an_empty_group_with_weight_loses_requests_and_no_release_is_blamed() -> (
    None
):
    async with compute_cloud() as cloud:
        system = await _two_slots(cloud)
        cloud.scale("cart-b", 0)
        await cloud.clock.sleep(60)
        cloud.route(system, "cart", 50, 50)
        await cloud.clock.sleep(5)
        flow = cloud.traffic.send(system.public_listener_arn, 10.0)
        await cloud.clock.sleep(20)
        assert flow.totals.failed == flow.totals.failed_unrouted == 100
        assert not flow.totals.failed_by_digest


@virtual
async def test_a_weight_of_0_on_both_sides_answers_503() -> None:
    async with compute_cloud() as cloud:
        system = await _two_slots(cloud)
        cloud.route(system, "cart", 0, 0)
        await cloud.clock.sleep(5)
        flow = cloud.traffic.send(system.public_listener_arn, 10.0)
        await cloud.clock.sleep(10)
        assert flow.totals.sent == flow.totals.failed_unrouted == 100


@virtual
async def test_a_target_that_is_gone_loses_requests_until_nodes_hear_of_it() -> None:
    async with compute_cloud() as cloud:
        system = await _two_slots(cloud)
        flow = cloud.traffic.send(system.public_listener_arn, 9.0)
        await cloud.clock.sleep(10.5)
        cloud.runtime.crash(cloud.tasks("cart-a")[0]["taskArn"])
        await cloud.clock.sleep(60)
        assert flow.totals.failed == flow.totals.failed_unrouted == 9
        assert cloud.traffic.totals.failed == flow.totals.failed


@virtual
async def test_scaling_in_and_moving_weight_lose_nothing() -> None:
    async with compute_cloud() as cloud:
        system = await _two_slots(cloud)
        flow = cloud.traffic.send(system.public_listener_arn, 20.0)
        for a in (90, 50, 0):
            await cloud.clock.sleep(30)
            cloud.route(system, "cart", a, 100 - a)
        cloud.scale("cart-a", 0)
        await cloud.clock.sleep(120)
        cloud.launch("cart", "b", V1 | {"version": "v3"}, 2, "v3")
        await cloud.clock.sleep(200)
        assert flow.totals.sent == 20 * 410
        assert flow.totals.failed == 0


@virtual
async def test_a_host_decides_between_services_of_one_listener() -> None:
    async with compute_cloud() as cloud:
        system = await _two_slots(cloud)
        flow = cloud.traffic.send(system.internal_listener_arn, 1.0, host="no.internal")
        await cloud.clock.sleep(10)
        assert flow.totals.fixed_responses == flow.totals.sent == 10


# ------------------------------------------------------------------ cookies

STAY = 600


def _stay(system: System, a: int, b: int) -> None:
    """Write weights to the rule, and that clients stay with a group."""
    binding = system.service("cart").bindings[0]
    groups = [
        {"TargetGroupArn": binding.target_group_arns[slot], "Weight": weight}
        for slot, weight in ((Slot.A, a), (Slot.B, b))
    ]
    stay = {"Enabled": True, "DurationSeconds": STAY}
    config = {"TargetGroups": groups, "TargetGroupStickinessConfig": stay}
    client("elbv2").modify_rule(
        RuleArn=binding.rule_arn,
        Actions=[{"Type": "forward", "ForwardConfig": config}],
    )


def _at(system: System, flow: Flow, slot: Slot) -> int:
    """Return how many clients were led to a slot by their last request."""
    group = system.service("cart").bindings[0].target_group_arns[slot]
    return [one.group for one in flow.clients].count(group)


async def _shared(cloud: Cloud) -> tuple[System, Flow]:
    """Share ten clients out evenly; then give all the weight to slot a."""
    system = await _two_slots(cloud)
    _stay(system, 1, 1)
    await cloud.clock.sleep(5)
    flow = cloud.traffic.send(system.public_listener_arn, 10.0, clients=10)
    await cloud.clock.sleep(5)
    assert _at(system, flow, Slot.B) == 5
    _stay(system, 1, 0)
    return system, flow


@virtual
async def test_a_cookie_outranks_a_weight_of_0_until_the_rule_ignores_it() -> None:
    async with compute_cloud() as cloud:
        system, flow = await _shared(cloud)
        await cloud.clock.sleep(STAY * 2)
        assert (_at(system, flow, Slot.B), flow.moves) == (5, 0)
        cloud.route(system, "cart", 1, 0)
        await cloud.clock.sleep(5)
        assert (_at(system, flow, Slot.B), flow.moves) == (0, 5)


@virtual
async def test_a_cookie_that_is_not_renewed_ends_so_long_after_it_was_given() -> None:
    questions = OpenQuestions(group_cookie_is_not_renewed=True)
    async with compute_cloud(questions=questions) as cloud:
        system, flow = await _shared(cloud)
        await cloud.clock.sleep(STAY - 20)
        assert _at(system, flow, Slot.B) == 5
        await cloud.clock.sleep(20)
        assert _at(system, flow, Slot.B) == 0


@virtual
async def test_an_unused_cookie_ends_and_counts_again_if_it_is_used_before() -> None:
    """What a rule ignored meanwhile is known again once another one heeds it."""
    async with compute_cloud() as cloud:
        system, flow = await _shared(cloud)
        cloud.route(system, "cart", 1, 0)
        await cloud.clock.sleep(STAY / 2)
        assert _at(system, flow, Slot.B) == 0
        _stay(system, 1, 0)
        await cloud.clock.sleep(10)
        assert _at(system, flow, Slot.B) == 5
        cloud.route(system, "cart", 1, 0)
        await cloud.clock.sleep(STAY + 10)
        _stay(system, 1, 0)
        await cloud.clock.sleep(10)
        assert _at(system, flow, Slot.B) == 0


@pytest.mark.parametrize("yields", [False, True])
@virtual
async def test_a_cookie_of_an_empty_group_gets_a_503_or_goes_by_weight(
    *, yields: bool
) -> None:
    questions = OpenQuestions(group_cookie_yields_where_group_is_empty=yields)
    async with compute_cloud(questions=questions) as cloud:
        system, flow = await _shared(cloud)
        cloud.scale("cart-b", 0)
        await cloud.clock.sleep(120)
        assert _at(system, flow, Slot.B) == (0 if yields else 5)
        assert (flow.totals.failed_unrouted == 0) is yields
