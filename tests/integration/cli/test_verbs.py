"""What people say to rollouts: sent as events, answered in the journal."""

import asyncio
import json
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from localcloud.api import AwsError
from localcloud.clock import run_virtual
from slipway.domain.control import Verb
from slipway.domain.rollout import Outcome
from slipway_cli.exits import Exit

from tests.builders import OTHER_DIGEST
from tests.integration.cli.world import World, world

CALLER = "arn:aws:sts::111122223333:user/moto"
WHY = ("--why", "the numbers look odd")


def play(scene: Coroutine[Any, Any, None]) -> None:
    run_virtual(scene)


def deny(made: World, service: str, operation: str, *, code: str) -> None:
    """Let an API operation fail from now on."""

    def before(called: str, name: str, *_: object) -> None:
        if (called, name) == (service, operation):
            raise AwsError(code, "so it was", 500 if "Internal" in code else 400)

    made.cloud.router.before(before)


# ----------------------------------------------------- a rollout under way


@pytest.mark.parametrize("verb", ["pause", "resume", "promote", "abort"])
def test_a_command_is_accepted_and_heeded_by_the_rollout_under_way(verb: str) -> None:
    async def scene() -> None:
        async with world() as made:
            rollout = made.begin()
            result = await made.run(verb, "orders", *WHY)
            assert result.exit_code == Exit.DONE, result.output
            assert f"{verb} orders: accepted: rollout {rollout.id}" in result.stdout
            assert "the numbers look odd" in result.stdout
            assert result.stderr == ""
            (control,) = made.journal.controls(rollout)
            assert (control.verb, control.by) == (Verb(verb), CALLER)
            (heard,) = made.on_command.heard
            assert UUID(heard["id"]).version == 4
            assert control.id == heard["id"]

    play(scene())


def test_a_push_is_approved_by_its_rollout_s_id_alone() -> None:
    async def scene() -> None:
        async with world() as made:
            rollout = made.begin()
            unnamed = await made.run("approve", "orders", *WHY)
            assert unnamed.exit_code == Exit.REFUSED
            assert f"{rollout.id} ({rollout.version})" in unnamed.output
            assert made.journal.controls(rollout) == []
            named = ("--rollout", rollout.id, *WHY)
            result = await made.run("approve", "orders", *named)
            assert result.exit_code == Exit.DONE, result.output
            (control,) = made.journal.controls(rollout)
            assert control.verb is Verb.APPROVE

    play(scene())


def test_a_rollout_and_a_person_can_be_named() -> None:
    async def scene() -> None:
        async with world() as made:
            first, second = made.begin("v1"), made.begin("v2")
            said = ("--rollout", first.id, "--by", "alice", *WHY)
            code, document = await made.document("pause", "orders", *said)
            assert code == document["exit_code"] == Exit.DONE
            assert document["answer"]["rollout_id"] == first.id
            assert document["command"]["by"] == "alice"
            assert made.journal.controls(second) == []
            calls = {call.service for call in made.cloud.router.calls}
            assert "sts" not in calls

    play(scene())


@pytest.mark.parametrize(("said", "step"), [(("--step", "2"), 2), ((), 0)])
def test_a_step_is_skipped_the_named_one_or_the_present_one(
    said: tuple[str, ...], step: int
) -> None:
    async def scene() -> None:
        async with world() as made:
            rollout = made.begin()
            result = await made.run("skip", "orders", *said, *WHY)
            assert result.exit_code == Exit.DONE, result.output
            (control,) = made.journal.controls(rollout)
            assert (control.verb, control.step) == (Verb.SKIP, step)

    play(scene())


def test_a_refused_command_says_why_and_has_a_code_of_its_own() -> None:
    async def scene() -> None:
        async with world() as made:
            made.end(made.begin())
            result = await made.run("abort", "orders", *WHY)
            assert result.exit_code == Exit.REFUSED
            assert "refused: orders has no rollout under way" in result.stderr
            assert "`slipway status orders --environment test`" in result.stderr
            code, document = await made.document("abort", "orders", *WHY)
            assert code == document["exit_code"] == Exit.REFUSED
            assert document["answer"]["accepted"] is False
            assert "no rollout under way" in document["answer"]["reason"]

    play(scene())


# ----------------------------------------------------- answers that do not come


def test_no_answer_in_time_says_that_it_may_still_be_taken_and_how_to_look() -> None:
    async def scene() -> None:
        async with world() as made:
            rollout = made.begin()
            made.on_command.is_deaf = True
            before = made.cloud.clock.now()
            result = await made.run("abort", "orders", "--id", "stop-1", *WHY)
            waited = made.cloud.clock.now() - before
            assert result.exit_code == Exit.TIMED_OUT
            assert timedelta(seconds=30) <= waited < timedelta(seconds=35)
            assert "it may still be taken" in result.stderr
            assert "--id stop-1" in result.stderr
            assert "slipway status orders" in result.stderr
            # It is taken after all, and the advice holds.
            made.on_command.is_deaf = False
            again = await made.run("abort", "orders", "--id", "stop-1", *WHY)
            assert again.exit_code == Exit.DONE, again.output
            assert [c.id for c in made.journal.controls(rollout)] == ["stop-1"]

    play(scene())


def test_one_waits_for_an_answer_as_long_as_one_likes() -> None:
    async def scene() -> None:
        async with world() as made:
            made.begin()
            made.on_command.is_deaf = True
            before = made.cloud.clock.now()
            code, document = await made.document(
                "pause", "orders", "--answer-timeout", "5", *WHY
            )
            assert made.cloud.clock.now() - before < timedelta(seconds=8)
            assert code == document["exit_code"] == Exit.TIMED_OUT
            assert document["answer"] is None

    play(scene())


def test_without_waiting_a_command_is_only_sent() -> None:
    async def scene() -> None:
        async with world() as made:
            rollout = made.begin()
            result = await made.run("pause", "orders", "--no-wait", "--id", "p", *WHY)
            assert result.exit_code == Exit.DONE
            assert "sent as command p" in result.stdout
            assert made.journal.controls(rollout) == []
            await made.pass_seconds(10)
            assert [c.id for c in made.journal.controls(rollout)] == ["p"]

    play(scene())


def test_an_answer_that_cannot_be_read_leaves_no_doubt_that_the_command_was_sent() -> (
    None
):
    async def scene() -> None:
        async with world() as made:
            rollout = made.begin()

            def before(service: str, name: str, *more: Any) -> None:
                asked = more[0].get("Key", {}).get("sk", {}).get("S", "")
                by_cli = more[1] is None and asked.startswith("COMMAND#")
                if made.on_command.heard and by_cli and service == "dynamodb":
                    raise AwsError("AccessDeniedException", f"not allowed: {name}")

            made.cloud.router.before(before)
            result = await made.run("pause", "orders", *WHY)
            assert result.exit_code == Exit.TIMED_OUT
            assert "not allowed" in result.stderr
            assert "it may still be taken" in result.stderr
            assert len(made.journal.controls(rollout)) == 1

    play(scene())


# ----------------------------------------------------- the same command again


def test_the_same_id_counts_once() -> None:
    async def scene() -> None:
        async with world() as made:
            rollout = made.begin()
            first = await made.document("pause", "orders", "--id", "p", *WHY)
            again = await made.document("pause", "orders", "--id", "p", *WHY)
            assert first == again
            assert len(made.on_command.heard) == 1
            assert len(made.journal.controls(rollout)) == 1

    play(scene())


def test_an_id_of_another_command_is_refused_before_anything_is_sent() -> None:
    async def scene() -> None:
        async with world() as made:
            made.begin()
            await made.run("pause", "orders", "--id", "p", *WHY)
            result = await made.run("abort", "orders", "--id", "p", *WHY)
            assert result.exit_code == Exit.ERROR
            assert "id p was given to another command (pause" in result.stderr
            assert "leave --id out" in result.stderr
            assert len(made.on_command.heard) == 1

    play(scene())


# ----------------------------------------------------- a release once more


def test_a_retry_prints_the_id_of_the_rollout_that_it_starts() -> None:
    async def scene() -> None:
        async with world() as made:
            made.end(made.begin(), Outcome.ROLLED_BACK, "it fails")
            result = await made.run("retry", "orders", *WHY)
            assert result.exit_code == Exit.DONE, result.output
            (started,) = made.started
            assert f"rollout: {started}" in result.stdout.splitlines()

    play(scene())


def test_a_retry_takes_the_rollout_that_is_named() -> None:
    async def scene() -> None:
        async with world() as made:
            first = made.begin("v1")
            made.end(first, Outcome.ABORTED)
            made.end(made.begin("v2", digest=OTHER_DIGEST), Outcome.ABORTED)
            said = ("--rollout", first.id, *WHY)
            _, document = await made.document("retry", "orders", *said)
            assert first.release.id in document["answer"]["reason"]

    play(scene())


def test_an_undo_goes_to_the_release_that_is_named_or_is_refused() -> None:
    async def scene() -> None:
        async with world() as made:
            rollout = made.begin()
            made.end(rollout)
            good = ("--to", rollout.release.id, *WHY)
            code, document = await made.document("undo", "orders", *good)
            assert code == Exit.DONE, document
            assert document["answer"]["rollout_id"] == made.started[0]
            bad = ("--to", "0123456789ab", *WHY)
            code, document = await made.document("undo", "orders", *bad)
            assert code == Exit.REFUSED
            assert "was never promoted" in document["answer"]["reason"]

    play(scene())


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (Outcome.PROMOTED, Exit.DONE),
        (Outcome.ROLLED_BACK, Exit.ROLLED_BACK),
        (None, Exit.TIMED_OUT),
    ],
)
def test_a_retry_can_wait_for_the_end_of_its_rollout(
    outcome: Outcome | None, code: Exit
) -> None:
    async def scene() -> None:
        async with world() as made:
            made.end(made.begin(), Outcome.ROLLED_BACK, "it fails")
            said = ("--wait", "--timeout", "300", *WHY)
            waiting = asyncio.create_task(made.document("retry", "orders", *said))
            await made.pass_seconds(90)  # longer than a rollout takes to begin
            rollout = made.begin_as(made.started[0])
            await made.pass_seconds(60)
            made.mark(rollout, "launched")
            if outcome is not None:
                made.end(rollout, outcome, "so it ended")
            found, document = await waiting
            assert found == document["exit_code"] == code
            assert document["answer"]["rollout_id"] == rollout.id
            assert document["waited"]["outcome"] == outcome
            assert [m["name"] for m in document["waited"]["marks"]] == ["launched"]

    play(scene())


def test_waiting_for_a_retry_shows_what_it_does() -> None:
    async def scene() -> None:
        async with world() as made:
            made.end(made.begin(), Outcome.ROLLED_BACK, "it fails")
            waiting = asyncio.create_task(made.run("retry", "orders", "--wait", *WHY))
            await made.pass_seconds(10)
            rollout = made.begin_as(made.started[0])
            made.mark(rollout, "launched")
            await made.pass_seconds(10)
            made.end(rollout)
            result = await waiting
            assert result.exit_code == Exit.DONE, result.output
            assert "launched: as planned" in result.stdout
            assert f"rollout {rollout.id} was promoted" in result.stdout

    play(scene())


def test_a_refused_retry_is_not_waited_for() -> None:
    async def scene() -> None:
        async with world() as made:
            result = await made.run("retry", "orders", "--wait", *WHY)
            assert result.exit_code == Exit.REFUSED

    play(scene())


# ----------------------------------------------------- freezing


def test_a_service_is_frozen_and_unfrozen() -> None:
    async def scene() -> None:
        async with world() as made:
            result = await made.run("freeze", "orders", "--by", "alice", *WHY)
            assert result.exit_code == Exit.DONE, result.output
            (freeze,) = made.journal.freezes("orders")
            assert (freeze.by, freeze.why) == ("alice", WHY[1])
            assert made.journal.freezes("carts") == []
            result = await made.run("unfreeze", "orders", *WHY)
            assert result.exit_code == Exit.DONE, result.output
            assert made.journal.freezes("orders") == []

    play(scene())


def test_the_whole_environment_is_frozen_and_unfrozen_by_all() -> None:
    async def scene() -> None:
        async with world() as made:
            result = await made.run("freeze", "--all", *WHY)
            assert result.exit_code == Exit.DONE, result.output
            assert "freeze environment test: accepted" in result.stdout
            assert made.on_command.heard[0]["service"] is None
            assert len(made.journal.freezes("carts")) == 1
            result = await made.run("unfreeze", "--all", *WHY)
            assert result.exit_code == Exit.DONE, result.output
            assert made.journal.freezes(None) == []

    play(scene())


@pytest.mark.parametrize("verb", ["freeze", "unfreeze"])
@pytest.mark.parametrize("said", [(), ("orders", "--all")], ids=["none", "both"])
def test_a_forgotten_name_freezes_nobody(verb: str, said: tuple[str, ...]) -> None:
    async def scene() -> None:
        async with world() as made:
            result = await made.run(verb, *said, *WHY)
            assert result.exit_code == Exit.USAGE
            assert "name one service, or say --all" in result.stderr
            result = await made.run(verb, "", *WHY)
            assert result.exit_code == Exit.ERROR
            assert made.on_command.heard == []

    play(scene())


# ----------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    "verb", [verb.value for verb in Verb if verb is not Verb.SUPERSEDE]
)
def test_an_unknown_service_is_said_and_nothing_is_sent(verb: str) -> None:
    async def scene() -> None:
        async with world() as made:
            result = await made.run(verb, "order", *WHY)
            assert result.exit_code == Exit.ERROR
            assert "no service order; it has carts, orders" in result.stderr
            code, document = await made.document(verb, "order", *WHY)
            assert code == document["exit_code"] == Exit.ERROR
            assert "no service order" in document["error"]
            assert made.on_command.heard == []

    play(scene())


def test_nobody_can_say_that_one_rollout_supersedes_another() -> None:
    async def scene() -> None:
        async with world() as made:
            result = await made.run("supersede", "orders", *WHY)
            assert result.exit_code == Exit.USAGE

    play(scene())


@pytest.mark.parametrize(
    ("service", "operation", "code", "said"),
    [
        ("events", "PutEvents", "AccessDeniedException", "permissions"),
        ("events", "PutEvents", "InternalException", "try again"),
        ("dynamodb", "Query", "AccessDeniedException", "permissions"),
        ("dynamodb", "Query", "ResourceNotFoundException", "--journal-table"),
        ("dynamodb", "Query", "InternalServerError", "try again"),
        ("sts", "GetCallerIdentity", "ExpiredToken", "sign in"),
    ],
)
def test_what_aws_refuses_is_said_with_what_to_do(
    service: str, operation: str, code: str, said: str
) -> None:
    async def scene() -> None:
        async with world() as made:
            rollout = made.begin()
            deny(made, service, operation, code=code)
            result = await made.run("pause", "orders", *WHY)
            assert result.exit_code == Exit.ERROR
            assert result.stderr.startswith("slipway: ")
            assert said in result.stderr
            assert "Traceback" not in result.output
            assert made.on_command.heard == []
            made.cloud.router._before.clear()  # noqa: SLF001  all is well again
            assert made.journal.controls(rollout) == []

    play(scene())


@pytest.mark.parametrize(
    "said",
    [
        ("pause", "orders"),
        ("pause", "orders", "--why", " "),
        ("pause", "orders", "--why", "x" * 501),
        ("pause", "orders", "--by", "", *WHY),
        ("pause", *WHY),
        ("pause", "--all", *WHY),
        ("skip", "orders", "--step", "-1", *WHY),
        ("skip", "orders", "--step", "one", *WHY),
        ("retry", "orders", "--wait", "--no-wait", *WHY),
        ("undo", "orders", "--rollout", "orders-1", *WHY),
    ],
    ids=" ".join,
)
def test_wrong_usage_sends_nothing(said: tuple[str, ...]) -> None:
    async def scene() -> None:
        async with world() as made:
            result = await made.run(*said)
            assert result.exit_code == Exit.USAGE
            result = await made.run(*said, "--json")
            assert result.exit_code == Exit.USAGE
            document = json.loads(result.stdout)
            assert document["exit_code"] == Exit.USAGE
            assert document["error"]
            assert made.on_command.heard == []

    play(scene())
