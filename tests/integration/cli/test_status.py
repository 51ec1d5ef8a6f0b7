"""`slipway status` against services that roll out on the local cloud."""

import json
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import boto3
import pytest
from localcloud.api import AwsError
from localcloud.clock import run_virtual
from slipway.domain.provision_run import Report
from slipway.domain.provision_run import Result as ProvisionResult
from slipway.domain.rollout import Outcome
from slipway.domain.service import Gates, Mode
from slipway.gateways.journal import CLAIM_TERM
from slipway_cli.main import Exit, app
from slipway_cli.status import Role
from typer.testing import CliRunner, Result

from tests.e2e.road import QUICK, Road, road

STACK = {
    "StackName": "slipway-test",
    "CreationTime": "2026-01-05T09:00:00Z",
    "StackStatus": "CREATE_COMPLETE",
}


def play(scene: Coroutine[Any, Any, None]) -> None:
    run_virtual(scene)


def call(*arguments: str, env: dict[str, str] | None = None) -> Result:
    wide = {"COLUMNS": "200", "SLIPWAY_ENVIRONMENT": "test"} | (env or {})
    return CliRunner().invoke(app, ["status", *arguments], env=wide)


def located(world: Road) -> dict[str, str]:
    table = world.cloud.stack.outputs["JournalTableName"]
    return {"SLIPWAY_JOURNAL_TABLE": table, "SLIPWAY_CLUSTER": world.system.cluster}


def show(world: Road, *arguments: str) -> str:
    result = call(*arguments, env=located(world))
    assert result.exit_code == Exit.DONE, result.output
    return result.output


def document(world: Road) -> Any:
    return json.loads(show(world, "--json"))["services"][0]


def slots(found: Any) -> dict[str, Any]:
    return {slot["slot"]: slot for slot in found["slots"]}


def test_a_service_without_a_release_has_closed_rules_and_idle_slots() -> None:
    async def scene() -> None:
        async with road() as world:
            found = document(world)
            assert [slot["role"] for slot in found["slots"]] == [Role.IDLE, Role.IDLE]
            assert [slot["weight_percents"] for slot in found["slots"]] == [[], []]
            assert found["last"] is None
            assert "closed" in show(world)

    play(scene())


def provision(world: Road) -> Any:
    return json.loads(show(world, "--json"))["provision"]


def test_provisioning_is_shown_while_it_runs_and_when_it_has_ended() -> None:
    async def scene() -> None:
        async with road() as world:
            assert provision(world) == {
                "under_way": None,
                "is_silent": False,
                "last": None,
                "problem": None,
            }
            assert "provisioning" not in show(world)

            began = world.cloud.clock.now()
            world.journal.claim_provision("run-1", began)
            await world.pause(7)
            found = provision(world)
            assert found["under_way"]["run"] == "run-1"
            assert found["under_way"]["seen_at"] == began.isoformat()
            assert "provisioning run run-1 is under way, last seen 7 s ago" in show(
                world
            )

            await world.pause(CLAIM_TERM.total_seconds())
            assert provision(world)["is_silent"] is True
            assert "run-1 fell silent at 2026-01-05 09:0" in show(world)

    play(scene())


@pytest.mark.parametrize("result", ProvisionResult)
def test_the_last_run_is_shown_with_when_problems_and_waits(
    result: ProvisionResult,
) -> None:
    async def scene() -> None:
        async with road() as world:
            now = world.cloud.clock.now()
            world.journal.claim_provision("run-1", now)
            report = Report("run-1", result, now, ("no [room]",), ("orders: busy",))
            world.journal.finish_provision(report)
            found = provision(world)
            assert found["under_way"] is None
            assert found["last"] == {
                "run": "run-1",
                "result": result,
                "at": now.isoformat(),
                "problems": ["no [room]"],
                "waits": ["orders: busy"],
            }
            text = show(world)
            assert f"provisioning was {result} at 2026-01-05 09:00:0" in text
            assert ": run run-1" in text
            assert "\n  no [room]" in text
            assert "\n  orders: busy" in text

    play(scene())


def test_a_report_that_is_broken_is_named_and_services_are_shown() -> None:
    async def scene() -> None:
        async with road() as world:
            now = world.cloud.clock.now()
            world.journal.claim_provision("run-1", now)
            world.journal.finish_provision(Report("run-1", ProvisionResult.DONE, now))
            world.put_item("ENVIRONMENT", "PROVISION#run-1", body="{}")
            result = call("--json", env=located(world))
            assert result.exit_code == Exit.ERROR
            shown = json.loads(result.output)
            assert "run-1" in shown["provision"]["problem"]
            assert shown["services"][0]["problem"] is None
            assert "provisioning cannot be read" in call(env=located(world)).output

    play(scene())


def test_a_service_without_rules_is_shown_with_its_healthy_tasks() -> None:
    async def scene() -> None:
        async with road(balanced=False, mode=Mode.BATCHES) as world:
            await world.ended(world.push())
            primary = slots(document(world))["a"]
            assert primary["weight_percents"] is None
            assert primary["healthy"] == 4
            assert "by tasks" in show(world)
            assert "closed" not in show(world)

    play(scene())


def test_a_promoted_release_is_shown_with_weight_health_and_outcome() -> None:
    async def scene() -> None:
        async with road() as world:
            await world.first_release()
            found = document(world)
            primary = slots(found)["a"]
            assert primary["role"] == Role.PRIMARY
            assert primary["weight_percents"] == [100]
            assert primary["desired"] == primary["running"] == primary["healthy"] == 4
            assert found["last"]["outcome"] == Outcome.PROMOTED
            assert found["last"]["release_id"] == primary["release_id"]
            assert found["rollouts"] == []
            text = show(world, "orders")
            assert "100 %" in text
            assert "v1" in text
            assert "was promoted" in text

    play(scene())


def test_a_running_rollout_is_shown_with_its_last_mark_and_the_reason() -> None:
    async def scene() -> None:
        async with road(at_rest=False) as world:
            await world.first_release()
            world.push("v2")
            while slots(document(world))["b"]["weight_percents"] != [10]:
                await world.cloud.clock.sleep(5)
            found = document(world)
            assert slots(found)["b"]["role"] == Role.CANDIDATE
            assert slots(found)["a"]["weight_percents"] == [90]
            (running,) = found["rollouts"]
            assert running["holds_lease"]
            assert running["last_mark"] == "shifted-0"
            assert "enough healthy tasks" in running["reason"]
            assert "v2" in show(world)
            assert "shifted-0" in show(world)

    play(scene())


def test_a_second_push_is_shown_waiting_for_its_turn() -> None:
    async def scene() -> None:
        patient = replace(QUICK, supersede=False)
        async with road(patient, at_rest=False) as world:
            await world.first_release()
            world.push("v2")
            await world.cloud.clock.sleep(60)
            world.push("v3")
            await world.cloud.clock.sleep(60)
            first, second = document(world)["rollouts"]
            assert (first["tag"], first["holds_lease"]) == ("v2", True)
            assert (second["tag"], second["holds_lease"]) == ("v3", False)
            assert "waits its turn" in show(world)

    play(scene())


def test_a_push_that_is_kept_back_is_shown_with_what_it_waits_for() -> None:
    async def scene() -> None:
        policy = replace(QUICK, gates=Gates(approval=True))
        async with road(policy, at_rest=False) as world:
            digest = world.push()
            await world.reached(digest, "awaits-approval")
            (waiting,) = document(world)["rollouts"]
            assert not waiting["holds_lease"]
            assert waiting["last_mark"] == "awaits-approval"
            text = " ".join(show(world).split())
            assert "waits: awaits-approval" in text
            assert f"approve rollout {waiting['rollout_id']}" in text

    play(scene())


def test_a_release_that_was_rolled_back_leaves_its_reason() -> None:
    async def scene() -> None:
        async with road() as world:
            await world.first_release()
            await world.ended(world.push("v2", crash_at_start=True))
            found = document(world)
            assert found["last"]["outcome"] == Outcome.ROLLED_BACK
            assert "ended badly" in found["last"]["reason"]
            assert slots(found)["a"]["weight_percents"] == [100]
            assert slots(found)["b"]["desired"] == 0
            assert "was rolled-back" in show(world)

    play(scene())


def test_a_slot_that_is_gone_is_named() -> None:
    async def scene() -> None:
        async with road() as world:
            world.cloud.router.serve(
                "ecs", {"DescribeServices": lambda _: {"services": [], "failures": []}}
            )
            result = call("--json", env=located(world))
            assert result.exit_code == Exit.ERROR
            (orders,) = json.loads(result.stdout)["services"]
            assert "no active service orders-a, orders-b" in orders["problem"]

    play(scene())


def test_a_broken_record_says_so_and_hides_no_other_service() -> None:
    async def scene() -> None:
        async with road() as world:
            boto3.client("dynamodb", region_name="eu-west-1").batch_write_item(
                RequestItems={
                    located(world)["SLIPWAY_JOURNAL_TABLE"]: [
                        {"PutRequest": {"Item": item}}
                        for item in (
                            {"pk": {"S": "SERVICES"}, "sk": {"S": "SERVICE#broken"}},
                            {
                                "pk": {"S": "SERVICE#broken"},
                                "sk": {"S": "RECORD"},
                                "body": {"S": '{"name": "broken"}'},
                            },
                        )
                    ]
                }
            )
            result = call("--json", env=located(world))
            assert result.exit_code == Exit.ERROR
            broken, orders = json.loads(result.stdout)["services"]
            assert "repository" in broken["problem"]
            assert len(orders["slots"]) == 2
            table = call(env=located(world)).stdout
            assert "cannot be read" in table
            assert "orders-a" in table

    play(scene())


def test_an_unknown_service_is_named_with_those_that_are_known() -> None:
    async def scene() -> None:
        async with road() as world:
            result = call("order", env=located(world))
            assert result.exit_code == Exit.ERROR
            assert "no service order; it has orders" in result.stderr

    play(scene())


def test_the_stack_is_asked_for_what_is_not_given() -> None:
    async def scene() -> None:
        async with road() as world:
            table = located(world)["SLIPWAY_JOURNAL_TABLE"]
            stack = STACK | {
                "Outputs": [
                    {"OutputKey": "JournalTableName", "OutputValue": table},
                ],
                "Parameters": [
                    {"ParameterKey": "ClusterName", "ParameterValue": "test"},
                ],
            }
            asked: list[str] = []

            def describe(params: dict[str, Any]) -> dict[str, Any]:
                asked.append(params["StackName"])
                return {"Stacks": [stack]}

            world.cloud.router.serve("cloudformation", {"DescribeStacks": describe})
            result = call()
            assert result.exit_code == Exit.DONE, result.output
            assert "orders-a" in result.stdout
            assert asked == ["slipway-test"]

    play(scene())


@pytest.mark.parametrize(
    ("code", "message", "exit_code", "said"),
    [
        ("ValidationError", "Stack does not exist", Exit.ERROR, "no stack"),
        ("AccessDenied", "not authorized", Exit.ERROR, "not authorized"),
        ("Throttling", "Rate exceeded", Exit.ERROR, "Rate exceeded"),
    ],
)
def test_each_kind_of_failure_has_a_sentence_and_a_code(
    code: str, message: str, exit_code: Exit, said: str
) -> None:
    async def scene() -> None:
        async with road() as world:

            def refuse(_: dict[str, Any]) -> dict[str, Any]:
                raise AwsError(code, message)

            world.cloud.router.serve("cloudformation", {"DescribeStacks": refuse})
            result = call()
            assert result.exit_code == exit_code
            assert said in result.stderr
            assert "Traceback" not in result.output

    play(scene())


def test_a_stack_of_somebody_else_is_refused() -> None:
    async def scene() -> None:
        async with road() as world:
            world.cloud.router.serve(
                "cloudformation", {"DescribeStacks": lambda _: {"Stacks": [STACK]}}
            )
            result = call()
            assert result.exit_code == Exit.ERROR
            assert "JournalTableName" in result.stderr

    play(scene())


def test_without_an_environment_the_command_says_what_is_missing() -> None:
    result = CliRunner().invoke(app, ["status"], env={"SLIPWAY_ENVIRONMENT": None})
    assert result.exit_code == 2
    assert "--environment" in result.output
