"""ECS: launch, scale and observe, against the local cloud's scheduler."""

from typing import Any

import pytest
from slipway.domain.health import Checks, Launch
from slipway.domain.release import Release, release_of, task_definition
from slipway.errors import NotFound, Unavailable
from slipway.gateways.ecs import RELEASE_TAG

from tests.builders import REGION
from tests.integration.gateways.world import GOOD, World, a_world
from tests.unit.localcloud.compute import virtual

FAMILY = "demo-orders"


def a_pushed_release(world: World, **behaviour: Any) -> Release:
    """Push an image and return the release that runs it."""
    image = GOOD | behaviour
    digest = world.cloud.compute.images.push("demo/orders", "v1", image)
    subnets = tuple(s.subnet_id for s in world.cloud.compute.network.subnets)
    return release_of(world.service, digest, subnet_ids=subnets)


def registered(world: World, release: Release) -> str:
    """Register a release; return its revision."""
    definition = task_definition(release, family=FAMILY, region=REGION)
    return world.ecs.register(definition, {RELEASE_TAG: release.id, "team": "shop"})


def updates(world: World) -> list[Any]:
    """Return the parameters of every UpdateService so far."""
    calls = world.cloud.router.calls
    return [call.params for call in calls if call.operation == "UpdateService"]


async def settled(world: World, launch: Launch, running: int) -> None:
    """Wait until slot b's launch is as told."""
    async with world.cloud.clock.timeout(3600):
        while True:
            view = world.ecs.observe("orders-b")["orders-b"]
            if (view.launch, view.running) == (launch, running):
                return
            await world.cloud.clock.sleep(1)


@virtual
async def test_both_slots_are_seen_in_one_call() -> None:
    async with a_world() as world:
        views = world.ecs.observe("orders-a", "orders-b")
        assert views.keys() == {"orders-a", "orders-b"}
        assert (views["orders-a"].desired, views["orders-a"].running) == (0, 0)
        assert world.count("ecs", "DescribeServices") == 1


@virtual
async def test_a_service_that_is_not_there_is_named() -> None:
    async with a_world() as world:
        with pytest.raises(NotFound, match="no active service orders-c; create it"):
            world.ecs.require("orders-c")
        assert set(world.ecs.observe("orders-a", "orders-c")) == {"orders-a"}


@pytest.mark.parametrize("status", ["DRAINING", "INACTIVE"])
@virtual
async def test_a_service_that_is_being_deleted_is_as_good_as_gone(status: str) -> None:
    async with a_world() as world:
        shape = world.cloud.describe("orders-a") | {"status": status}
        world.cloud.router.serve(
            "ecs", {"DescribeServices": lambda _: {"services": [shape]}}
        )
        with pytest.raises(NotFound, match="no active service orders-a"):
            world.ecs.require("orders-a")


@virtual
async def test_a_revision_is_found_again_by_its_releases_tag() -> None:
    async with a_world() as world:
        release = a_pushed_release(world)
        assert world.ecs.find_revision(FAMILY, release.id) is None
        revision = registered(world, release)
        assert world.ecs.find_revision(FAMILY, release.id) == revision
        assert world.ecs.find_revision(FAMILY, "0123456789ab") is None
        assert world.ecs.find_revision("demo-carts", release.id) is None


@virtual
async def test_a_launch_is_one_write_of_revision_count_and_network() -> None:
    async with a_world() as world:
        release = a_pushed_release(world)
        revision = registered(world, release)
        assert world.ecs.launch("orders-b", release, revision, 2)
        [write] = updates(world)
        assert write == {
            "cluster": "demo",
            "service": "orders-b",
            "taskDefinition": revision,
            "desiredCount": 2,
            "networkConfiguration": {
                "awsvpcConfiguration": {
                    "subnets": list(release.subnet_ids),
                    "securityGroups": list(release.task.security_group_ids),
                    "assignPublicIp": "DISABLED",
                }
            },
            "forceNewDeployment": False,
        }
        view = world.ecs.observe("orders-b")["orders-b"]
        assert (view.task_definition_arn, view.desired) == (revision, 2)
        assert view.launch is Launch.IN_PROGRESS
        await settled(world, Launch.COMPLETED, 2)


@virtual
async def test_a_launch_made_twice_is_made_once() -> None:
    async with a_world() as world:
        release = a_pushed_release(world)
        revision = registered(world, release)
        assert world.ecs.launch("orders-b", release, revision, 2)
        assert not world.ecs.launch("orders-b", release, revision, 2)
        await settled(world, Launch.COMPLETED, 2)
        assert not world.ecs.launch("orders-b", release, revision, 2)
        assert len(updates(world)) == 1


@virtual
async def test_a_revision_that_ran_before_is_launched_without_force() -> None:
    async with a_world() as world:
        release = a_pushed_release(world)
        revision = registered(world, release)
        world.ecs.launch("orders-b", release, revision, 1)
        await settled(world, Launch.COMPLETED, 1)
        world.ecs.scale("orders-b", 0)
        await settled(world, Launch.COMPLETED, 0)
        assert world.ecs.launch("orders-b", release, revision, 3)
        assert updates(world)[-1]["forceNewDeployment"] is False
        await settled(world, Launch.COMPLETED, 3)


@virtual
async def test_a_revision_whose_launch_failed_is_tried_again_by_force() -> None:
    async with a_world() as world:
        release = a_pushed_release(world, crash_at_start=True)
        revision = registered(world, release)
        world.ecs.launch("orders-b", release, revision, 2)
        await settled(world, Launch.FAILED, 0)
        view = world.ecs.observe("orders-b")["orders-b"]
        assert "circuit breaker" in view.launch_reason
        assert world.ecs.launch("orders-b", release, revision, 2)
        assert updates(world)[-1]["forceNewDeployment"] is True
        again = world.ecs.observe("orders-b")["orders-b"]
        assert again.launch is Launch.IN_PROGRESS


@virtual
async def test_a_scale_is_an_absolute_count_and_nothing_else() -> None:
    async with a_world() as world:
        release = a_pushed_release(world)
        world.ecs.launch("orders-b", release, registered(world, release), 1)
        assert world.ecs.scale("orders-b", 3)
        assert not world.ecs.scale("orders-b", 3)
        assert updates(world)[1:] == [
            {"cluster": "demo", "service": "orders-b", "desiredCount": 3}
        ]
        await settled(world, Launch.COMPLETED, 3)


@virtual
async def test_the_tasks_that_a_service_wants_are_read_with_what_they_are() -> None:
    async with a_world() as world:
        release = a_pushed_release(world)
        world.ecs.launch("orders-b", release, registered(world, release), 2)
        await world.cloud.clock.sleep(1)
        assert [t.running_since for t in world.ecs.tasks("orders-b")] == [None, None]
        await settled(world, Launch.COMPLETED, 2)
        for task in world.ecs.tasks("orders-b"):
            assert task.checks is Checks.UNKNOWN
            assert task.running_since is not None
            assert task.running_since <= world.cloud.clock.now()
        world.ecs.scale("orders-b", 1)
        await world.cloud.clock.sleep(2)
        assert len(world.ecs.tasks("orders-b")) == 1
        assert world.ecs.tasks("orders-a") == []


@virtual
async def test_a_service_that_is_gone_wants_no_tasks() -> None:
    async with a_world() as world:
        assert world.ecs.tasks("orders-c") == []
        world.refuse("ListTasks", "ClusterNotFoundException")
        with pytest.raises(NotFound, match="ListTasks of orders-b"):
            world.ecs.tasks("orders-b")


@virtual
async def test_half_an_answer_counts_no_tasks() -> None:
    """Invariant 7."""
    async with a_world() as world:
        listed = {"taskArns": ["task-1", "task-2"]}
        world.cloud.router.serve("ecs", {"ListTasks": lambda _: listed})
        with pytest.raises(Unavailable, match="0 of 2 tasks were described"):
            world.ecs.tasks("orders-b")


@virtual
async def test_tasks_are_described_by_hundreds_with_their_health_checks() -> None:
    async with a_world() as world:
        arns = [f"task-{number}" for number in range(150)]
        asked: list[int] = []

        def describe(params: dict[str, Any]) -> dict[str, Any]:
            asked.append(len(params["tasks"]))
            shapes = [
                {"taskArn": arn, "lastStatus": "RUNNING", "healthStatus": "HEALTHY"}
                for arn in params["tasks"]
            ]
            return {"tasks": shapes, "failures": []}

        world.cloud.router.serve(
            "ecs",
            {"ListTasks": lambda _: {"taskArns": arns}, "DescribeTasks": describe},
        )
        tasks = world.ecs.tasks("orders-b")
        assert asked == [100, 50]
        assert {task.checks for task in tasks} == {Checks.HEALTHY}
