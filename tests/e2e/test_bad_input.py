"""Bad input: said why, counted, and harmless to everything else."""

import json
from typing import Any

import pytest
from slipway.domain.rollout import Outcome
from slipway.domain.service import Slot

from tests.e2e.road import SHORT, Road, client, road

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("changes", "message", "reason"),
    [
        ({"image-tag": None}, "ignored", "no tag"),
        ({"repository-name": "test/nobody"}, "ignored", "no service runs"),
        ({"image-digest": "sha256:xyz"}, "rejected", "detail.image-digest"),
        ({"image-digest": None}, "rejected", "detail.image-digest"),
        ({"image-tag": "v-gone"}, "rejected", "v-gone is gone"),
        ({"image-tag": ["v1"]}, "rejected", "detail.image-tag"),
    ],
    ids=[
        "no tag",
        "unknown repository",
        "malformed digest",
        "no digest",
        "image that vanished",
        "tag that is no text",
    ],
)
async def test_a_bad_event_is_explained_counted_and_harmless(
    changes: dict[str, Any], message: str, reason: str
) -> None:
    async with road(SHORT) as world:
        client("ecr").create_repository(repositoryName="test/nobody")
        world.cloud.images.push("test/nobody", "v1", {"app": "nobody"})
        ignored = world.cloud.functions.emitted["EventIgnored"]
        world.cloud.events.put(_push_event(world, **changes))
        await world.pause(60)
        assert [line["reason"] for line in world.logged(message)][-1:] != []
        assert reason in world.logged(message)[-1]["reason"]
        metric = {"ignored": "EventIgnored", "rejected": "EventRejected"}[message]
        counted = world.cloud.functions.emitted[metric]
        assert counted == (ignored + 1 if message == "ignored" else 1)
        assert (await world.ended(world.push())).outcome is Outcome.PROMOTED


@pytest.mark.parametrize("body", ["not JSON {", '"an event"', "[]", "{}"])
async def test_a_message_that_is_no_event_is_explained_counted_and_harmless(
    body: str,
) -> None:
    async with road(SHORT) as world:
        queues = world.cloud.stack.queues
        queues["OnImagePushedQueue"].send(body)
        await world.pause(60)
        [reason] = world.rejections()
        assert reason
        assert world.cloud.functions.emitted["EventRejected"] == 1
        assert not queues["OnImagePushedQueue"].messages
        assert (await world.ended(world.push())).outcome is Outcome.PROMOTED


@pytest.mark.parametrize("body", ["not JSON {", '{"detail": {}}', "{}"])
async def test_a_malformed_task_event_is_explained_counted_and_harmless(
    body: str,
) -> None:
    async with road(SHORT) as world:
        world.cloud.stack.queues["OnTaskStateChangeQueue"].send(body)
        await world.pause(60)
        [reason] = world.rejections()
        assert reason
        assert world.cloud.functions.emitted["EventRejected"] == 1
        assert (await world.ended(world.push())).outcome is Outcome.PROMOTED


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
        assert "v2; push it again" in (entry.reason or "")
        assert world.highest[Slot.B] == 0
        good = await world.ended(world.push("v3"))
        assert good.outcome is Outcome.PROMOTED


@pytest.mark.parametrize(
    "record",
    ["not JSON {", "{}", '{"name": "broken", "min_tasks": 0}', None],
    ids=["no JSON", "empty", "impossible", "missing"],
)
async def test_a_service_with_a_broken_record_does_not_stop_its_neighbour(
    record: str | None,
) -> None:
    """One repository, two services, the broken one first in order."""
    async with road(SHORT) as world:
        repository = world.service.repository
        _put_item(world, f"REPOSITORY#{repository}", "SERVICE#broken")
        if record is not None:
            _put_item(world, "SERVICE#broken", "RECORD", body=record)
        entry = await world.ended(world.push())
        assert entry.outcome is Outcome.PROMOTED
        [line] = world.logged("rejected")
        assert line["service_name"] == "broken"
        assert "broken" in line["reason"]
        assert world.cloud.functions.emitted["EventRejected"] == 1


async def test_a_record_that_breaks_while_its_push_waits_ends_that_rollout_only() -> (
    None
):
    """The workflow fails, an alarm says so, and nothing was written."""
    async with road(SHORT) as world:
        await world.first_release()
        body = {"Item": {"body": {"S": "not JSON {"}}}
        name, table = world.service.name, world.cloud.stack.outputs["JournalTableName"]
        broken: list[bool] = []

        def break_record(_: object) -> None:
            if not broken:
                broken.append(True)
                _put_item(world, f"SERVICE#{name}", "RECORD", body=body["Item"]["body"]["S"])

        world.cloud.router.after("stepfunctions", "StartExecution", break_record)
        writes = world.writes()
        digest = world.push("v2")
        await world.until(lambda: (e := world.execution(digest)) and e.status != "RUNNING")
        assert table
        execution = world.execution(digest)
        assert execution is not None
        assert (execution.status, execution.error) == ("FAILED", "NotRecorded")
        assert "record of service orders" in (execution.cause or "")
        assert world.writes() == writes


def _push_event(world: Road, **changes: Any) -> dict[str, Any]:
    """Return ECR's event of a push, with fields changed or, where None, left out."""
    detail = {
        "result": "SUCCESS",
        "repository-name": world.service.repository,
        "image-digest": DIGEST,
        "action-type": "PUSH",
        "image-tag": "v1",
        **changes,
    }
    return {
        "source": "aws.ecr",
        "detail-type": "ECR Image Action",
        "detail": {key: value for key, value in detail.items() if value is not None},
    }


def _put_item(world: Road, pk: str, sk: str, **texts: str) -> None:
    """Write to the journal what Slipway would never write."""
    item = {"pk": pk, "sk": sk, **texts}
    client("dynamodb").put_item(
        TableName=world.cloud.stack.outputs["JournalTableName"],
        Item={name: {"S": value} for name, value in item.items()},
    )
