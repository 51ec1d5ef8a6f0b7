"""Sidecars: each release holds the images that they were when it began."""

from dataclasses import replace
from typing import Any

from localcloud.identity import REGISTRY
from slipway.domain.control import Verb
from slipway.domain.rollout import Outcome
from slipway.domain.service import Slot
from slipway.domain.task_shape import Condition, Sidecar

from tests.e2e.road import SHORT, Road, client, road

PROXY = "test/proxy"
ELSEWHERE = "public.ecr.aws/shop/metrics:v3"


def push_proxy(world: Road, version: str) -> str:
    """Push an image of the proxy under its one tag; return its digest."""
    image = {"app": "proxy", "version": version}
    return world.cloud.images.push(PROXY, "stable", image)


def give_sidecars(world: Road) -> None:
    """Give orders a sidecar of the registry and one of another's, in its record."""
    client("ecr").create_repository(repositoryName=PROXY)
    sidecars = (
        Sidecar(
            name="proxy",
            image=f"{REGISTRY}/{PROXY}:stable",
            depends_on={"orders": Condition.START},
            stop_timeout_seconds=60,
            linger_seconds=20,
        ),
        Sidecar(name="metrics", image=ELSEWHERE, essential=False),
    )
    task = replace(world.service.task, sidecars=sidecars)
    world.journal.put_service(replace(world.service, task=task))


def definition() -> list[dict[str, Any]]:
    """Return the containers of the definition that was registered last."""
    answer = client("ecs").describe_task_definition(taskDefinition="test_orders")
    found: list[dict[str, Any]] = answer["taskDefinition"]["containerDefinitions"]
    return found


async def test_a_release_holds_its_sidecars_by_digest_where_they_are_ours() -> None:
    async with road(SHORT) as world:
        give_sidecars(world)
        digest = push_proxy(world, "1")
        await world.first_release()
        [first] = world.journal.rollouts("orders")
        own, proxy, metrics = definition()
        assert [c["name"] for c in (own, proxy, metrics)] == [
            "orders",
            "proxy",
            "metrics",
        ]
        assert proxy["image"] == f"{REGISTRY}/{PROXY}@{digest}"
        assert metrics["image"] == ELSEWHERE
        assert proxy["environment"] == [
            {"name": "SLIPWAY_LINGER_SECONDS", "value": "20"}
        ]
        # The tag moves, which rolls nothing out; the next push takes what it is then.
        moved = push_proxy(world, "2")
        second = await world.ended(world.push("v2"))
        assert second.outcome is Outcome.PROMOTED
        assert definition()[1]["image"] == f"{REGISTRY}/{PROXY}@{moved}"
        # To go back is to go back to the proxy of then, too.
        back = await world.answered(world.say(Verb.UNDO))
        await world.until(lambda: _outcome(world, back.rollout_id))
        [undone] = [
            e.rollout
            for e in world.journal.rollouts("orders")
            if e.rollout.id == back.rollout_id
        ]
        assert _outcome(world, back.rollout_id) is Outcome.PROMOTED
        assert undone.release == first.rollout.release
        await world.pause(120)


async def test_a_release_whose_sidecar_is_gone_is_rejected_until_it_is_there() -> None:
    async with road(SHORT) as world:
        await world.first_release()
        give_sidecars(world)
        digest = world.push("v2")
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.REJECTED
        assert entry.reason == (
            f"no image is left under {REGISTRY}/{PROXY}:stable, which orders's "
            "sidecars run; push it and retry, or change the record and push a new "
            "test/orders"
        )
        assert world.highest[Slot.B] == 0
        proxy = push_proxy(world, "1")
        await world.answered(world.say(Verb.RETRY))
        again = await world.ended(digest)
        assert again.outcome is Outcome.PROMOTED, again.reason
        assert definition()[1]["image"] == f"{REGISTRY}/{PROXY}@{proxy}"


def _outcome(world: Road, rollout_id: str | None) -> Outcome | None:
    """Return how a rollout ended, None while it goes on."""
    entries = world.journal.rollouts("orders")
    return next((e.outcome for e in entries if e.rollout.id == rollout_id), None)
