"""Scalable targets, against the local cloud."""

import pytest
from localcloud.fixture import ServiceSpec
from slipway.domain.scaling import EVERYTHING, IDLE, ONLY_OUT, Target
from slipway.domain.service import Scaling
from slipway.errors import LeaseLost, NotFound, Refused, Throttled
from slipway.fence import guard
from slipway.gateways.autoscaling import Autoscaling

from tests.integration.gateways.world import World, a_world
from tests.unit.localcloud.compute import client, virtual

SCALED = ServiceSpec(
    "cart", 7070, public=True, path="/*", min_tasks=1, scaling=Scaling(1, 8)
)


def scaled(world: World) -> Autoscaling:
    """Make a cluster with a service that scales; return the gateway to its targets."""
    world.cloud.system([SCALED])
    return Autoscaling(client("application-autoscaling"), "demo")


@virtual
async def test_both_targets_are_seen_in_one_call() -> None:
    async with a_world() as world:
        gateway = scaled(world)
        assert gateway.observe("cart-a", "cart-b") == {"cart-a": IDLE, "cart-b": IDLE}
        assert world.count("application-autoscaling", "DescribeScalableTargets") == 1


@virtual
async def test_what_is_registered_is_seen_as_it_was_wanted() -> None:
    async with a_world() as world:
        gateway, wanted = scaled(world), Target(2, 5, ONLY_OUT)
        gateway.register("cart-b", wanted)
        assert gateway.require("cart-a", "cart-b") == {"cart-a": IDLE, "cart-b": wanted}
        assert world.cloud.describe("cart-b")["desiredCount"] == 2


@virtual
async def test_a_target_that_is_missing_is_named() -> None:
    async with a_world() as world:
        gateway = scaled(world)
        assert gateway.observe("orders-a") == {}
        with pytest.raises(NotFound, match="no scalable target for orders-a"):
            gateway.require("orders-a", "cart-a")


@virtual
async def test_errors_are_translated() -> None:
    async with a_world() as world:
        gateway = scaled(world)
        with pytest.raises(Refused, match="RegisterScalableTarget cart-a"):
            gateway.register("cart-a", Target(3, 2, EVERYTHING))
        world.refuse("DescribeScalableTargets", "LimitExceededException")
        with pytest.raises(Throttled):
            gateway.observe("cart-a")


@virtual
async def test_a_write_without_the_lease_is_refused() -> None:
    """Invariant 3: the wiring guards this call as it guards those to ECS."""
    async with a_world() as world:
        world.cloud.system([SCALED])
        fenced = client("application-autoscaling")
        event = "request-created.application-auto-scaling.RegisterScalableTarget"
        fenced.meta.events.register(event, guard)
        try:
            with pytest.raises(LeaseLost, match="without the lease"):
                Autoscaling(fenced, "demo").register("cart-a", IDLE)
        finally:
            fenced.meta.events.unregister(event, guard)
