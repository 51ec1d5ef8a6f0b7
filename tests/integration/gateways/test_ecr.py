"""The registry: what a tag names now, whatever events said."""

from datetime import timedelta

import pytest
from slipway.domain.release import Image
from slipway.errors import AccessDenied

from tests.integration.gateways.world import GOOD, a_world
from tests.unit.localcloud.compute import virtual


@virtual
async def test_a_tag_names_the_image_that_was_pushed_last() -> None:
    async with a_world() as world:
        images, repository = world.cloud.compute.images, "demo/orders"
        pushed_at = world.cloud.clock.now()
        first = images.push(repository, "v1", GOOD)
        assert world.registry.image(repository, "v1") == Image(
            repository, "v1", first, pushed_at
        )
        await world.cloud.clock.sleep(60)
        second = images.push(repository, "v1", GOOD | {"version": "v2"})
        moved = world.registry.image(repository, "v1")
        assert moved is not None
        assert (moved.digest, moved.pushed_at - pushed_at) == (
            second,
            timedelta(seconds=60),
        )


@pytest.mark.parametrize(
    ("repository", "tag"), [("demo/orders", "v9"), ("demo/none", "v1")]
)
@virtual
async def test_a_tag_or_repository_that_is_gone_names_nothing(
    repository: str, tag: str
) -> None:
    async with a_world() as world:
        world.cloud.compute.images.push("demo/orders", "v1", GOOD)
        assert world.registry.image(repository, tag) is None


@virtual
async def test_a_registry_that_may_not_be_read_is_not_an_empty_one() -> None:
    async with a_world() as world:
        world.refuse("DescribeImages", "AccessDeniedException")
        with pytest.raises(AccessDenied, match="DescribeImages demo/orders:v1"):
            world.registry.image("demo/orders", "v1")
