"""Manifests go on while a push waits; it goes by them when it begins."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from localcloud.clock import run_virtual
from slipway import clock
from slipway.domain.control import Command, Verb
from slipway.domain.provision_run import Result
from slipway.domain.rollout import Outcome, Rollout
from slipway.domain.service import Slot
from slipway.gateways.events import Events
from slipway.gateways.journal import Entry, Journal
from slipway.provisioning import undisturbed

from tests.e2e.grounds import ROLLOUT, Grounds, front, orders, shop
from tests.e2e.road import client

ASKED = ROLLOUT | {"gates": {"approval": True}}


def say(verb: Verb, rollout_id: str | None = None) -> None:
    """Send a person's command to front."""
    command = Command(
        id=f"{verb}-{rollout_id}",
        verb=verb,
        by="a person",
        why="a test wants it",
        service="front",
        rollout_id=rollout_id,
    )
    Events(client("events"), "test").command(command)


async def approved(made: Grounds, tag: str, **flaws: Any) -> Entry:
    """Push an image of front, approve its rollout, and see that end."""
    digest = made.push("front", tag, **flaws)
    await made.until(lambda: made.journal.open_rollouts("front"))
    (kept_back,) = made.journal.open_rollouts("front")
    await made.pause(60)
    say(Verb.APPROVE, kept_back.rollout_id)
    return await made.ended("front", digest)


async def repeated(made: Grounds, verb: Verb) -> str:
    """Ask for an earlier release once more; return which version that brings."""
    known = len(made.journal.rollouts("front"))
    say(verb)
    await made.until(lambda: len(made.journal.rollouts("front")) > known)
    await made.until(lambda: not made.journal.open_rollouts("front"))
    await made.pause(5)
    return made.journal.rollouts("front")[-1].rollout.version


def serving(made: Grounds) -> tuple[str, str]:
    """Return the version of front that serves, and its motto."""
    state = made.journal.state("front")
    assert state is not None
    rollout = made.journal.rollout("front", state.rollout_id)
    return rollout.version, rollout.release.task.environment["MOTTO"]


async def waiting(made: Grounds, **flaws: Any) -> str:
    """Let v1 of front serve, and v2 wait for approval; return v2's digest."""
    await made.released("front")
    made.send("front")
    made.upload(front(rollout=ASKED))
    assert (await made.provisioned()).result is Result.DONE
    digest = made.push("front", "v2", **flaws)
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
            assert report.result is Result.WAITING, report
            (why,) = report.waits
            assert why == (
                f"front: rollout {kept_back.rollout_id} waits, and may end the release "
                "of manifests when it begins"
            )
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
            say(Verb.APPROVE, kept_back.rollout_id)
            entry = await made.ended("front", digest)
            assert entry.outcome is Outcome.PROMOTED, entry.reason
            assert entry.rollout.release.task.environment["MOTTO"] == "aye"
            assert entry.rollout.service == made.service("front")
            assert made.desired("front") == {Slot.A: 3, Slot.B: 0}
            made.sweep()
            assert (await made.provisioned()).result is Result.DONE
            # Who goes back goes to what served before, though v2 was made before that.
            assert (await approved(made, "v3")).outcome is Outcome.PROMOTED
            assert await repeated(made, Verb.UNDO) == "v2"

    run_virtual(scene())


def test_the_shape_of_manifests_outlives_a_push_that_ended_it_and_failed() -> None:
    async def scene() -> None:
        async with shop() as made:
            digest = await waiting(made, fail_every=2)
            (kept_back,) = made.journal.open_rollouts("front")
            made.upload(front(rollout=ASKED, variables={"MOTTO": "aye"}))
            assert (await made.provisioned()).result is Result.WAITING
            say(Verb.APPROVE, kept_back.rollout_id)
            entry = await made.ended("front", digest)
            assert entry.outcome is Outcome.ROLLED_BACK
            anew = made.journal.rollouts("front")[-1]
            assert anew.outcome is Outcome.SUPERSEDED
            assert serving(made) == ("v1", "ahoy")
            made.sweep()
            assert (await made.provisioned()).result is Result.DONE
            await made.until(lambda: not made.journal.open_rollouts("front"))
            assert serving(made) == ("v1", "aye")
            assert await repeated(made, Verb.RETRY) == "v2"

    run_virtual(scene())


@pytest.mark.parametrize("changes", [False, True], ids=["as it was", "changed"])
def test_an_approved_push_outlives_a_newer_one_under_its_tag(*, changes: bool) -> None:
    hours = {"days": ["mon"], "opens": "09:00", "closes": "09:01"}
    policy = ASKED | {"window": hours}

    async def scene() -> None:
        async with shop() as made:
            await waiting(made)
            (kept_back,) = made.journal.open_rollouts("front")
            made.upload(front(rollout=policy))
            assert (await made.provisioned()).result is Result.DONE
            say(Verb.APPROVE, kept_back.rollout_id)
            await made.pause(60)
            made.push("front", "v2", start_seconds=9)
            if changes:
                made.upload(
                    front(rollout=policy, count={"range": "2-9", "cpu_percentage": 60})
                )
                assert (await made.provisioned()).result is Result.DONE
            await made.pause(4000)
            assert kept_back in made.journal.open_rollouts("front")

    run_virtual(scene())


def test_a_push_that_begins_meanwhile_is_newer_than_what_manifests_ask_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It gets the lease after the run looked, and before that asks for a release."""

    async def scene() -> None:
        async with shop() as made:
            digest = await waiting(made)
            (kept_back,) = made.journal.open_rollouts("front")
            push = made.journal.rollout("front", kept_back.rollout_id)
            begun: list[object] = []

            def begin_first(name: str, known: Any, app: Any) -> Any:
                if not begun:
                    begun.append(made.journal.acquire(push, clock.now()))
                return undisturbed(name, known, app)

            monkeypatch.setattr("slipway.reshaping.undisturbed", begin_first)
            made.upload(front(rollout=ROLLOUT, variables={"MOTTO": "aye"}))
            entry = await made.ended("front", digest)
            assert begun
            assert entry.outcome is Outcome.PROMOTED, entry.reason
            await made.until(lambda: not made.journal.open_rollouts("front"))
            assert serving(made) == ("v2", "aye")

    run_virtual(scene())


def test_a_push_that_is_refused_as_it_begins_has_not_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Invariant 10: were its sides stored, its stage run twice would let it go on."""
    acquire, changed = Journal.acquire, []

    def late(journal: Journal, rollout: Rollout, now: datetime) -> Any:
        if rollout.version == "v2" and not changed:
            was = journal.service("front")
            journal.put_service(replace(was, tag_pattern="release-*"), was)
            changed.append(was)
        return acquire(journal, rollout, now)

    async def scene() -> None:
        async with shop() as made:
            await made.released("front")
            monkeypatch.setattr(Journal, "acquire", late)
            entry = await made.released("front", "v2")
            assert changed
            assert entry.outcome is Outcome.REJECTED
            assert entry.rollout.sides is None
            assert made.journal.lease("front") is None
            assert serving(made)[0] == "v1"

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
