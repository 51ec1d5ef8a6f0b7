"""The monitor: each write that breaks an invariant is noted, and no other."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from localcloud.fixture import ServiceSpec, System
from slipway.domain.service import Mode, Slot

from tests.unit.localcloud.compute import Cloud, client, compute_cloud, virtual

V1 = {"app": "cart", "version": "v1"}
V2 = {"app": "cart", "version": "v2"}


async def _primary_a(cloud: Cloud, count: int = 4) -> System:
    """Run a release in slot a with all the weight."""
    system = cloud.system()
    cloud.launch("cart", "a", V1, count)
    await cloud.settled("cart-a", count)
    cloud.route(system, "cart", 100, 0)
    return system


def _noted(cloud: Cloud) -> list[tuple[int, str]]:
    return [(v.invariant, v.text) for v in cloud.compute.monitor.violations]


@virtual
async def test_a_rollout_that_raises_capacity_first_breaks_nothing() -> None:
    async with compute_cloud() as cloud:
        system = await _primary_a(cloud)
        cloud.launch("cart", "b", V2, 1, "v2")
        await cloud.settled("cart-b", 1)
        cloud.route(system, "cart", 75, 25)
        cloud.scale("cart-b", 4)
        await cloud.settled("cart-b", 4)
        cloud.route(system, "cart", 0, 100)
        cloud.scale("cart-a", 0)
        await cloud.clock.sleep(60)
        assert cloud.compute.monitor.at_rest() == []
        assert _noted(cloud) == []


@virtual
async def test_weight_without_the_healthy_targets_for_it_is_noted() -> None:
    async with compute_cloud() as cloud:
        system = await _primary_a(cloud)
        cloud.launch("cart", "b", V2, 1, "v2")
        await cloud.settled("cart-b", 1)
        cloud.route(system, "cart", 74, 26)
        [(invariant, text)] = _noted(cloud)
        assert invariant == 1
        assert "cart-b to 26% with 1 healthy targets of 2 needed" in text


@virtual
async def test_weight_on_targets_that_run_but_are_not_healthy_yet_is_noted() -> None:
    async with compute_cloud() as cloud:
        system = await _primary_a(cloud, 2)
        cloud.launch("cart", "b", V2, 2, "v2")
        while cloud.describe("cart-b")["runningCount"] < 2:
            await cloud.clock.sleep(0.5)
        cloud.route(system, "cart", 50, 50)
        assert [invariant for invariant, _ in _noted(cloud)] == [1]


@virtual
async def test_the_measure_stays_the_old_primary_while_weight_is_shared() -> None:
    async with compute_cloud() as cloud:
        system = await _primary_a(cloud)
        cloud.launch("cart", "b", V2, 3, "v2")
        await cloud.settled("cart-b", 3)
        cloud.route(system, "cart", 25, 75)
        assert _noted(cloud) == []
        cloud.route(system, "cart", 0, 100)
        [(_, text)] = _noted(cloud)
        assert "3 healthy targets of 4 needed" in text


@virtual
async def test_a_first_release_needs_the_least_number_of_tasks() -> None:
    async with compute_cloud() as cloud:
        system = cloud.system()
        cloud.launch("cart", "a", V1, 1)
        await cloud.settled("cart-a", 1)
        cloud.route(system, "cart", 100, 0)
        assert "1 healthy targets of 2 needed" in _noted(cloud)[0][1]


@virtual
async def test_the_last_resort_leaves_a_side_that_has_nothing() -> None:
    async with compute_cloud() as cloud:
        system = await _primary_a(cloud)
        cloud.launch("cart", "b", V2, 1, "v2")
        await cloud.settled("cart-b", 1)
        for task in cloud.tasks("cart-a"):
            cloud.runtime.crash(task["taskArn"])
        await cloud.clock.sleep(1)
        cloud.route(system, "cart", 0, 100)
        assert _noted(cloud) == []


@virtual
async def test_weight_moved_between_two_sides_that_have_nothing_is_noted() -> None:
    async with compute_cloud() as cloud:
        system = await _primary_a(cloud)
        for task in cloud.tasks("cart-a"):
            cloud.runtime.crash(task["taskArn"])
        await cloud.clock.sleep(1)
        cloud.route(system, "cart", 0, 100)
        assert [invariant for invariant, _ in _noted(cloud)] == [1]


@pytest.mark.parametrize(
    ("write", "noted"),
    [
        (lambda cloud: cloud.scale("cart-a", 0), True),
        (lambda cloud: cloud.scale("cart-a", 1), True),
        (lambda cloud: cloud.scale("cart-a", 3), False),
        (lambda cloud: cloud.scale("cart-a", 6), False),
        (lambda cloud: cloud.scale("cart-b", 0), False),
    ],
)
@virtual
async def test_capacity_under_weight_is_not_taken_away(
    write: Callable[[Cloud], None], *, noted: bool
) -> None:
    async with compute_cloud() as cloud:
        await _primary_a(cloud)
        write(cloud)
        assert bool(_noted(cloud)) is noted


@virtual
async def test_at_rest_an_idle_slot_has_neither_tasks_nor_weight() -> None:
    async with compute_cloud() as cloud:
        system = await _primary_a(cloud)
        assert cloud.compute.monitor.at_rest() == []
        cloud.launch("cart", "b", V2, 1, "v2")
        await cloud.settled("cart-b", 1)
        [capacity] = cloud.compute.monitor.at_rest()
        assert capacity.invariant == 6
        assert "cart-b is idle with desired count 1 and weight 0" in capacity.text
        cloud.route(system, "cart", 90, 10)
        [both] = cloud.compute.monitor.at_rest()
        assert "desired count 1 and weight 10" in both.text


@virtual
async def test_the_parking_rule_is_nobodys_weight() -> None:
    async with compute_cloud() as cloud:
        system = cloud.system()
        binding = system.service("cart").bindings[0]
        rules = {
            r.rule_arn for v in cloud.compute.elb.view().listeners for r in v.rules
        }
        assert binding.parking_rule_arn in rules
        assert cloud.compute.monitor.at_rest() == []


@virtual
async def test_a_primary_that_grew_a_moment_ago_counts_as_it_was() -> None:
    """Nobody can read and write at once."""
    async with compute_cloud() as cloud:
        system = await _primary_a(cloud)
        cloud.launch("cart", "b", V2, 4, "v2")
        await cloud.settled("cart-b", 4)
        ecs = cloud.compute.ecs
        ecs.scale(ecs.service("cart-a"), 6)
        cloud.route(system, "cart", 0, 100)
        assert not _noted(cloud)
        cloud.route(system, "cart", 100, 0)
        cloud.compute.monitor.violations.clear()
        await cloud.clock.sleep(1)
        cloud.route(system, "cart", 0, 100)
        assert "4 healthy targets of 6 needed" in str(_noted(cloud))


async def _by_name(cloud: Cloud, a: int, b: int) -> None:
    """Run both slots of a service without rules; slot a is its primary."""
    spec = ServiceSpec("cart", 8080, balanced=False, mode=Mode.BATCHES)
    cloud.system([spec])
    cloud.compute.monitor.promoted = lambda _: Slot.A
    for slot, version, count in (("a", V1, a), ("b", V2, b)):
        if count:
            cloud.launch("cart", slot, version, count, version["version"])
            await cloud.settled(f"cart-{slot}", count)


@pytest.mark.parametrize(
    ("write", "noted"),
    [
        (lambda cloud: cloud.scale("cart-b", 0), None),
        (lambda cloud: cloud.scale("cart-a", 3), None),
        (lambda cloud: cloud.scale("cart-a", 5), None),
        (lambda cloud: cloud.scale("cart-a", 1), "cart-a has 1 tasks of 2 needed"),
    ],
)
@virtual
async def test_without_rules_the_primary_is_not_made_too_small(
    write: Callable[[Cloud], None], *, noted: str | None
) -> None:
    async with compute_cloud() as cloud:
        await _by_name(cloud, 4, 1)
        write(cloud)
        found = [text for _, text in _noted(cloud)]
        assert [noted in text for text in found] == [True] if noted else not found


@virtual
async def test_without_rules_tasks_beside_a_primary_that_lacks_some_stay() -> None:
    async with compute_cloud() as cloud:
        await _by_name(cloud, 4, 2)
        cloud.runtime.crash(cloud.tasks("cart-a")[0]["taskArn"])
        await cloud.clock.sleep(1)
        cloud.scale("cart-b", 0)
        [(invariant, text)] = _noted(cloud)
        assert invariant == 1
        assert "lowered cart-b to 0: cart-a has 3 tasks of 4 needed" in text


@virtual
async def test_without_rules_whoever_is_not_the_primary_is_idle_at_rest() -> None:
    async with compute_cloud() as cloud:
        await _by_name(cloud, 2, 0)
        assert cloud.compute.monitor.at_rest() == []
        cloud.scale("cart-b", 1)
        [found] = cloud.compute.monitor.at_rest()
        assert found.invariant == 6
        assert "cart-b is idle with desired count 1" in found.text


# ------------------------------------------------------------------------ the registry


async def _told(cloud: Cloud, *told: tuple[int, int]) -> list[tuple[int, str]]:
    """Tell the registry weights of a and b one after another; return what is noted."""
    system = await _primary_a(cloud)
    api = client("servicediscovery")
    api.create_http_namespace(Name="shop")
    await cloud.clock.sleep(31)
    (namespace,) = api.list_namespaces()["Namespaces"]
    made = api.create_service(Name="cart", NamespaceId=namespace["Id"])["Service"]
    cart = replace(system.service("cart"), registry_service_id=made["Id"])
    cloud.compute.monitor.watch(cart)
    for a, b in told:
        weights = json.dumps({"cart-a": a, "cart-b": b})
        api.update_service_attributes(
            ServiceId=made["Id"], Attributes={"slipway:weights": weights}
        )
    return _noted(cloud)


@virtual
async def test_what_a_rule_has_may_be_told_the_registry() -> None:
    async with compute_cloud() as cloud:
        assert await _told(cloud, (0, 0), (100, 0), (100, 0)) == []


@virtual
async def test_more_in_the_registry_than_in_the_rule_is_noted() -> None:
    async with compute_cloud() as cloud:
        [(invariant, text)] = await _told(cloud, (100, 0), (90, 10), (95, 5))
        assert invariant == 1
        assert "told the registry 10% of cart-b, whose rule gives it 0%" in text
