"""Manifests go on while a push waits; it goes by them when it begins."""

from typing import Any

from localcloud.clock import run_virtual
from slipway.domain.control import Command, Verb
from slipway.domain.provision_run import Result
from slipway.domain.rollout import Outcome
from slipway.domain.service import Slot
from slipway.gateways.events import Events

from tests.e2e.grounds import ROLLOUT, Grounds, front, orders, shop
from tests.e2e.road import client

ASKED = ROLLOUT | {"gates": {"approval": True}}


def approve(rollout_id: str) -> None:
    """Approve a rollout of front."""
    command = Command(
        id=f"approve-{rollout_id}",
        verb=Verb.APPROVE,
        by="a person",
        why="a test wants it",
        service="front",
        rollout_id=rollout_id,
    )
    Events(client("events"), "test").command(command)


async def waiting(made: Grounds, **manifest: Any) -> str:
    """Let v1 of front serve, and v2 wait for approval; return v2's digest."""
    await made.released("front")
    made.send("front")
    made.upload(front(rollout=ASKED, **manifest))
    assert (await made.provisioned()).result is Result.DONE
    digest = made.push("front", "v2")
    await made.until(lambda: made.journal.open_rollouts("front"))
    await made.pause(60)
    assert made.journal.lease("front") is None
    return digest


def test_what_manifests_change_meanwhile_reaches_what_serves_and_what_waits() -> None:
    async def scene() -> None:
        async with shop() as made:
            digest = await waiting(made)
            (kept_back,) = made.journal.open_rollouts("front")
            made.upload(
                front(
                    rollout=ASKED,
                    count={"range": "3-9", "cpu_percentage": 50},
                    variables={"MOTTO": "aye"},
                )
            )
            report = await made.provisioned()
            assert report.result is Result.DONE, report
            assert made.service("front").max_tasks == 9
            assert made.desired("front")[Slot.A] == 3
            # What serves gets the shape that manifests ask for, though v2 waits.
            await made.until(
                lambda: made.journal.rollouts("front")[-1].outcome is not None
            )
            anew = made.journal.rollouts("front")[-1]
            assert anew.outcome is Outcome.PROMOTED, anew.reason
            assert anew.rollout.version == "v1"
            assert anew.rollout.release.task.environment["MOTTO"] == "aye"
            assert made.journal.open_rollouts("front") == [kept_back]
            # So does v2, when somebody approves it.
            approve(kept_back.rollout_id)
            entry = await made.ended("front", digest)
            assert entry.outcome is Outcome.PROMOTED, entry.reason
            assert entry.rollout.release.task.environment["MOTTO"] == "aye"
            assert entry.rollout.service == made.service("front")
            assert made.desired("front") == {Slot.A: 3, Slot.B: 0}

    run_virtual(scene())


def test_a_push_whose_gates_are_lifted_begins() -> None:
    async def scene() -> None:
        async with shop() as made:
            digest = await waiting(made)
            made.upload(front())
            assert (await made.provisioned()).result is Result.DONE
            entry = await made.ended("front", digest)
            assert entry.outcome is Outcome.PROMOTED, entry.reason

    run_virtual(scene())


def test_a_push_that_manifests_want_no_more_is_rejected() -> None:
    async def scene() -> None:
        async with shop() as made:
            digest = await waiting(made)
            image = {"location": "test/front", "tag": "release-*", "port": 8080}
            made.upload(front(rollout=ASKED, image=image))
            assert (await made.provisioned()).result is Result.DONE
            entry = await made.ended("front", digest)
            assert entry.outcome is Outcome.REJECTED
            assert entry.reason == "tag v2 does not match front's release-*"
            assert made.desired("front") == {Slot.A: 2, Slot.B: 0}

    run_virtual(scene())


def test_a_service_goes_though_a_push_to_it_waits() -> None:
    async def scene() -> None:
        async with shop(orders(name="carts")) as made:
            digest = await waiting(made)
            made.withdraw("front")
            report = await made.provisioned()
            assert report.result is Result.DONE, report
            assert "front" not in made.journal.services()
            entry = await made.ended("front", digest)
            assert entry.outcome is Outcome.REJECTED
            assert entry.reason == "there is no service front any more"

    run_virtual(scene())
