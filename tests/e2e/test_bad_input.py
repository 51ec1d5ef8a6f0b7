"""Bad input: said why, counted, and harmless to everything else."""

import json
from typing import Any

import pytest
from slipway.domain.rollout import Outcome
from slipway.domain.service import Slot

from tests.e2e.road import SHORT, Road, client, road

BAD: dict[str, dict[str, Any]] = {
    "detail.image-digest is 'sha256:xyz'": {"image-digest": "sha256:xyz"},
    "detail.image-digest is missing": {"image-digest": None},
    "detail.repository-name is missing": {"repository-name": None},
    "detail.image-tag is missing": {"image-tag": ["v1"]},
    "v-gone is gone": {"image-tag": "v-gone"},
}
"""What is wrong with an event, and how it differs from a good one."""

NO_EVENTS = ("not JSON {", '"an event"', "[]", "{}", '{"detail": []}')


async def test_bad_events_are_each_explained_counted_and_harmless() -> None:
    async with road(SHORT) as world:
        for changes in BAD.values():
            world.cloud.events.put(_push_event(world, **changes))
            await world.pause(30)
        assert world.cloud.functions.emitted["EventRejected"] == len(BAD)
        for reason, expected in zip(world.rejections(), BAD, strict=True):
            assert expected in reason
        entry = await world.ended(world.push())
        assert entry.outcome is Outcome.PROMOTED


async def test_events_that_speak_of_nothing_of_ours_are_ignored_and_counted() -> None:
    """A push of an image for several platforms reports its parts, without tags."""
    async with road(SHORT) as world:
        client("ecr").create_repository(repositoryName="test/nobody")
        world.cloud.images.push("test/nobody", "v1", {"app": "nobody"})
        world.cloud.events.put(_push_event(world, **{"image-tag": None}))
        await world.pause(30)
        world.cloud.events.put(_push_event(world, **{"repository-name": "test/none"}))
        await world.pause(30)
        unknown, untagged, gone = [line["reason"] for line in world.logged("ignored")]
        assert "no service runs images of test/none" in gone
        assert "no service runs images of test/nobody" in unknown
        assert "no tag" in untagged
        assert world.cloud.functions.emitted["EventIgnored"] == 3
        assert world.cloud.functions.emitted["EventRejected"] == 0
        entry = await world.ended(world.push())
        assert entry.outcome is Outcome.PROMOTED


@pytest.mark.parametrize("queue", ["OnImagePushedQueue", "OnTaskStateChangeQueue"])
async def test_messages_that_are_no_events_are_each_explained_counted_and_harmless(
    queue: str,
) -> None:
    async with road(SHORT) as world:
        for body in NO_EVENTS:
            world.cloud.stack.queues[queue].send(body)
        await world.pause(60)
        assert len(world.rejections()) == len(NO_EVENTS)
        assert all(world.rejections())
        assert world.cloud.functions.emitted["EventRejected"] == len(NO_EVENTS)
        assert not world.cloud.stack.queues[queue].messages
        entry = await world.ended(world.push())
        assert entry.outcome is Outcome.PROMOTED


async def test_a_bad_event_takes_no_good_one_of_its_batch_with_it() -> None:
    async with road(SHORT) as world:
        queue = world.cloud.stack.queues["OnImagePushedQueue"]
        world.cloud.events.disturb = lambda _: ()
        digest = world.push()
        world.cloud.events.disturb = None
        good = json.dumps(world.pushes()[-1])
        for body in ("not JSON {", good, "[]"):
            queue.send(body)
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.PROMOTED
        assert world.cloud.functions.emitted["EventRejected"] == 2


async def test_an_image_that_vanishes_once_its_rollout_has_begun_is_rejected() -> None:
    """Between the event and the first stage; and the next push rolls out."""
    async with road(SHORT) as world:
        await world.first_release()
        vanishing: list[str] = []

        def vanish(_: object) -> None:
            if vanishing:
                world.delete_image(vanishing.pop())

        world.cloud.router.after("stepfunctions", "StartExecution", vanish)
        digest = world.push("v2")
        vanishing.append(digest)
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.REJECTED
        assert "v2; push a new one" in (entry.reason or "")
        assert world.highest[Slot.B] == 0
        good = await world.ended(world.push("v3"))
        assert good.outcome is Outcome.PROMOTED


async def test_services_with_broken_records_do_not_stop_their_neighbour() -> None:
    """One repository, five services, and the sound one comes last."""
    records = {
        "broken-1": "not JSON {",
        "broken-2": "{}",
        "broken-3": '{"name": "broken-3", "min_tasks": 0}',
        "missing": None,
    }
    async with road(SHORT) as world:
        for name, record in records.items():
            world.put_item(f"REPOSITORY#{world.service.repository}", f"SERVICE#{name}")
            if record is not None:
                world.put_item(f"SERVICE#{name}", "RECORD", body=record)
        entry = await world.ended(world.push())
        assert entry.outcome is Outcome.PROMOTED
        lines = world.logged("rejected")
        assert [line["service_name"] for line in lines] == list(records)
        assert all(line["service_name"] in line["reason"] for line in lines)
        assert world.cloud.functions.emitted["EventRejected"] == len(records)


async def test_a_record_that_breaks_once_its_rollout_has_begun_says_so() -> None:
    """Not even the outcome can be recorded: the workflow fails, with the reason."""
    async with road(SHORT, at_rest=False) as world:
        await world.first_release()
        writes = world.writes()

        def break_record(_: object) -> None:
            world.put_item("SERVICE#orders", "RECORD", body="not JSON {")

        world.cloud.router.after("stepfunctions", "StartExecution", break_record)
        world.push("v2")
        await world.until(lambda: len(world.rollouts()) == 2)
        execution = world.rollouts()[1]
        await world.until(lambda: execution.status != "RUNNING")
        assert (execution.status, execution.error) == ("FAILED", "NotRecorded")
        assert "the record of service orders is broken" in (execution.cause or "")
        assert world.writes() == writes


def _push_event(world: Road, **changes: Any) -> dict[str, Any]:
    """Return ECR's event of a push, with fields changed or, where None, left out."""
    detail = {
        "result": "SUCCESS",
        "repository-name": world.service.repository,
        "image-digest": "sha256:" + "0" * 64,
        "action-type": "PUSH",
        "image-tag": "v1",
        **changes,
    }
    return {
        "source": "aws.ecr",
        "detail-type": "ECR Image Action",
        "detail": {key: value for key, value in detail.items() if value is not None},
    }
