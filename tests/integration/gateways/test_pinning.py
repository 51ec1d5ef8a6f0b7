"""Sidecars' images: what a release holds of them, as the registry knows them."""

from dataclasses import replace

import pytest
from slipway.domain.release import Release
from slipway.errors import AccessDenied
from slipway.pinning import pinned

from tests.builders import DIGEST, a_release, a_service, a_sidecar, a_task_shape
from tests.integration.gateways.world import World, a_world
from tests.unit.localcloud.compute import client, virtual

PROXY = "demo/proxy"
ELSEWHERE = "public.ecr.aws/shop/metrics:v3"


def push(world: World, tag: str = "v1", version: str = "1") -> str:
    """Push an image of the proxy; return its digest."""
    client("ecr").create_repository(repositoryName=PROXY)
    image = {"app": "proxy", "version": version}
    return world.cloud.compute.images.push(PROXY, tag, image)


def release_with(world: World, *images: str) -> Release:
    """Return a release with a sidecar for each image."""
    sidecars = tuple(
        a_sidecar(name=f"s{number}", image=image) for number, image in enumerate(images)
    )
    task = a_task_shape(sidecars=sidecars)
    service = a_service(task=task)
    return a_release(service=replace(service, registry=world.service.registry))


def images_of(release: Release) -> list[str]:
    return [sidecar.image for sidecar in release.task.sidecars]


@virtual
async def test_tags_of_the_registry_are_pinned_and_other_images_stay_as_written() -> (
    None
):
    async with a_world() as world:
        host, digest = world.service.registry, push(world)
        release = release_with(world, f"{host}/{PROXY}:v1", ELSEWHERE)
        found = pinned(release, host, world.registry)
        assert found.gone == ()
        assert images_of(found.release) == [f"{host}/{PROXY}@{digest}", ELSEWHERE]
        assert replace(found.release, task=release.task) == release


@virtual
async def test_a_tag_that_moves_makes_another_release() -> None:
    async with a_world() as world:
        host, _ = world.service.registry, push(world)
        release = release_with(world, f"{host}/{PROXY}:v1")
        before = pinned(release, host, world.registry).release
        image = {"app": "proxy", "version": "2"}
        moved = world.cloud.compute.images.push(PROXY, "v1", image)
        after = pinned(release, host, world.registry).release
        assert images_of(after) == [f"{host}/{PROXY}@{moved}"]
        assert before.id != after.id
        # What is pinned stays what it is.
        assert pinned(before, host, world.registry).release == before


@virtual
async def test_images_that_are_gone_are_named_and_left_as_they_are() -> None:
    async with a_world() as world:
        host, digest = world.service.registry, push(world)
        names = (
            f"{host}/{PROXY}:v9",
            f"{host}/demo/none:v1",
            f"{host}/{PROXY}@{DIGEST}",
        )
        release = release_with(world, *names, f"{host}/{PROXY}:v1@{digest}")
        found = pinned(release, host, world.registry)
        assert found.gone == names
        assert images_of(found.release) == [*names, f"{host}/{PROXY}@{digest}"]


@virtual
async def test_a_registry_that_may_not_be_read_takes_no_sidecar_away() -> None:
    async with a_world() as world:
        world.refuse("DescribeImages", "AccessDeniedException")
        release = release_with(world, f"{world.service.registry}/{PROXY}:v1")
        with pytest.raises(AccessDenied, match=f"DescribeImages {PROXY}:v1"):
            pinned(release, world.service.registry, world.registry)


@virtual
async def test_a_release_without_sidecars_asks_nobody() -> None:
    async with a_world() as world:
        release = release_with(world, ELSEWHERE)
        assert pinned(release, world.service.registry, world.registry).release == (
            release
        )
        assert world.count("ecr", "DescribeImages") == 0
