"""Executions through the API: names, nesting, stopping, and their events."""

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from localcloud.asl import load
from localcloud.cloud import LocalCloud
from localcloud.states import Execution

from tests.integration.localcloud.small_cloud import play


def workflows() -> Any:
    return boto3.client("stepfunctions", region_name="eu-west-1")


def begin(cloud: LocalCloud, output: str = "GreetingArn", **given: Any) -> str:
    answer = workflows().start_execution(
        stateMachineArn=cloud.stack.outputs[output], **given
    )
    return str(answer["executionArn"])


def named(cloud: LocalCloud, name: str) -> Execution:
    return next(e for e in cloud.states.executions.values() if e.name == name)


def test_an_execution_is_described_while_it_runs_and_after_it() -> None:
    async def scene(cloud: LocalCloud) -> None:
        arn = begin(cloud, name="one", input='{"name": "ann"}')
        running = workflows().describe_execution(executionArn=arn)
        assert (running["status"], running["name"]) == ("RUNNING", "one")
        assert running["startDate"] == cloud.clock.epoch
        assert "stopDate" not in running
        await cloud.states.finished(arn)
        ended = workflows().describe_execution(executionArn=arn)
        assert ended["status"] == "SUCCEEDED"
        assert json.loads(ended["output"]) == {"text": "hello ann from test"}
        assert (ended["stopDate"] - ended["startDate"]).total_seconds() > 60
        assert cloud.states.executions[arn].progress.visited == [
            "Greet",
            "Pause",
            "Done",
        ]

    play(scene)


def test_a_name_starts_once_while_it_runs_and_never_again() -> None:
    async def scene(cloud: LocalCloud) -> None:
        arn = begin(cloud, name="one", input='{"name": "ann"}')
        assert begin(cloud, name="one", input='{"name": "ann"}') == arn
        with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
            begin(cloud, name="one", input='{"name": "bob"}')
        await cloud.states.finished(arn)
        with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
            begin(cloud, name="one", input='{"name": "ann"}')
        assert len(cloud.states.executions) == 1
        assert begin(cloud, input="{}") != begin(cloud, input="{}")
        await cloud.clock.sleep(200)

    play(scene)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"name": "a b"}, "InvalidName"),
        ({"name": "a:b"}, "InvalidName"),
        ({"input": "{"}, "InvalidExecutionInput"),
        ({"input": json.dumps("x" * 262_144)}, "ValidationException"),
    ],
)
def test_names_and_inputs_have_their_limits(given: dict[str, str], code: str) -> None:
    async def scene(cloud: LocalCloud) -> None:
        with pytest.raises(ClientError) as caught:
            begin(cloud, **given)
        assert caught.value.response["Error"]["Code"] == code

    play(scene)


def test_unknown_machines_and_executions_are_errors() -> None:
    async def scene(cloud: LocalCloud) -> None:
        client = workflows()
        arn = cloud.stack.outputs["GreetingArn"]
        with pytest.raises(client.exceptions.StateMachineDoesNotExist):
            client.start_execution(stateMachineArn=arn + "x")
        with pytest.raises(client.exceptions.ExecutionDoesNotExist):
            client.describe_execution(executionArn=arn)

    play(scene)


def test_executions_are_listed_newest_first_by_status_and_page() -> None:
    async def scene(cloud: LocalCloud) -> None:
        arn = cloud.stack.outputs["GreetingArn"]
        for name in ("a", "b", "rude"):
            begin(cloud, name=name, input=json.dumps({"name": name}))
            await cloud.clock.sleep(1)
        client = workflows()

        def listed(**more: Any) -> list[str]:
            pages = client.get_paginator("list_executions").paginate(
                stateMachineArn=arn, **more
            )
            return [e["name"] for page in pages for e in page["executions"]]

        assert listed() == ["rude", "b", "a"]
        assert listed(statusFilter="RUNNING") == ["b", "a"]
        assert listed(statusFilter="FAILED") == ["rude"]
        assert listed(maxResults=1) == ["rude", "b", "a"]
        await cloud.clock.sleep(100)
        assert listed(statusFilter="SUCCEEDED") == ["b", "a"]

    play(scene)


def test_a_nested_execution_gives_its_output_as_json() -> None:
    async def scene(cloud: LocalCloud) -> None:
        payload = json.dumps({"guest": "ann", "name": "child"})
        party = await cloud.states.finished(begin(cloud, "PartyArn", input=payload))
        assert party.output is not None
        output = json.loads(party.output)
        assert output["said"] == "hello ann from test"
        assert output["status"] == "SUCCEEDED"
        child = named(cloud, "child")
        assert output["result"]["ExecutionArn"] == child.arn
        assert output["result"]["Input"] == {"name": "ann"}
        assert output["result"]["StateMachineArn"] == child.machine.arn

    play(scene)


def test_a_failed_child_is_a_failed_task_with_its_story() -> None:
    async def scene(cloud: LocalCloud) -> None:
        payload = json.dumps({"guest": "rude", "name": "child"})
        party = await cloud.states.finished(begin(cloud, "PartyArn", input=payload))
        assert party.output is not None
        caught = json.loads(party.output)
        assert caught["Error"] == "States.TaskFailed"
        cause = json.loads(caught["Cause"])
        assert cause["Status"] == "FAILED"
        assert (cause["Error"], cause["Cause"]) == ("Greeting.Refused", "Rude")

    play(scene)


def test_a_childs_name_that_is_taken_is_an_error_of_its_own() -> None:
    async def scene(cloud: LocalCloud) -> None:
        await cloud.states.finished(begin(cloud, name="child", input='{"name": "a"}'))
        payload = json.dumps({"guest": "ann", "name": "child"})
        party = await cloud.states.finished(begin(cloud, "PartyArn", input=payload))
        assert party.output is not None
        assert json.loads(party.output)["Error"] == (
            "StepFunctions.ExecutionAlreadyExistsException"
        )

    play(scene)


def test_stopping_an_execution_runs_no_catch_and_stops_its_child() -> None:
    async def scene(cloud: LocalCloud) -> None:
        payload = json.dumps({"guest": "ann", "name": "child"})
        arn = begin(cloud, "PartyArn", input=payload)
        await cloud.clock.sleep(30)
        workflows().stop_execution(executionArn=arn, error="Mine", cause="enough")
        await cloud.clock.sleep(30)
        party = cloud.states.executions[arn]
        assert (party.status, party.error, party.cause) == ("ABORTED", "Mine", "enough")
        assert party.progress.visited == ["Greet"]
        assert named(cloud, "child").status == "ABORTED"
        assert named(cloud, "child").progress.visited == ["Greet", "Pause"]

    play(scene)


def test_a_branch_that_fails_stops_the_executions_that_others_wait_for() -> None:
    async def scene(cloud: LocalCloud) -> None:
        def child(name: str) -> dict[str, Any]:
            arguments = {
                "StateMachineArn": cloud.stack.outputs["GreetingArn"],
                "Name": name,
                "Input": {"name": "ann"},
            }
            return {
                "Type": "Task",
                "Resource": "arn:aws:states:::states:startExecution.sync:2",
                "Arguments": arguments,
                "End": True,
            }

        names = [f"child-{number}" for number in range(5)]
        branches = [{"StartAt": name, "States": {name: child(name)}} for name in names]
        states = {
            "Pause": {"Type": "Wait", "Seconds": 10, "Next": "Fail"},
            "Fail": {"Type": "Fail", "Error": "Mine"},
        }
        branches.append({"StartAt": "Pause", "States": states})
        all_at_once = {"Type": "Parallel", "Branches": branches, "End": True}
        definition = {
            "QueryLanguage": "JSONata",
            "StartAt": "S",
            "States": {"S": all_at_once},
        }
        machine = cloud.states.create("all", load(json.dumps(definition)))
        execution = cloud.states.start(machine.arn, "{}", "all")
        await cloud.states.finished(execution.arn)
        await cloud.clock.sleep(100)
        assert (execution.status, execution.error) == ("FAILED", "Mine")
        aborted = [
            event["detail"]["name"]
            for event in cloud.events.log
            if event["detail"]["status"] == "ABORTED"
        ]
        assert aborted == names

    play(scene)


def test_each_change_of_status_is_an_event() -> None:
    async def scene(cloud: LocalCloud) -> list[tuple[str, str]]:
        begin(cloud, name="a", input='{"name": "ann"}')
        stopped = begin(cloud, name="b", input='{"name": "bob"}')
        await cloud.clock.sleep(10)
        workflows().stop_execution(executionArn=stopped)
        await cloud.clock.sleep(100)
        for event in cloud.events.log:
            assert event["source"] == "aws.states"
            assert event["resources"] == [event["detail"]["executionArn"]]
        return [
            (event["detail"]["name"], event["detail"]["status"])
            for event in cloud.events.log
        ]

    assert play(scene) == [
        ("a", "RUNNING"),
        ("b", "RUNNING"),
        ("b", "ABORTED"),
        ("a", "SUCCEEDED"),
    ]


# ------------------------------------------------------------------------ task tokens

WAITING = {
    "QueryLanguage": "JSONata",
    "StartAt": "S",
    "States": {
        "S": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Arguments": {
                "FunctionName": "greet-test",
                "Payload": {"name": "{% $states.context.Task.Token %}"},
            },
            "TimeoutSeconds": 60,
            "End": True,
        }
    },
}


async def waiting(cloud: LocalCloud, name: str) -> tuple[Execution, str]:
    """Start an execution that waits for its token; return both."""
    machine = cloud.states.create("waiting", load(json.dumps(WAITING)))
    execution = cloud.states.start(machine.arn, "{}", name)
    await cloud.clock.sleep(10)
    assert execution.callback is not None
    return execution, execution.callback.token


def answer(token: str, output: str = "{}") -> str | None:
    """Send a success; return the error's code."""
    try:
        workflows().send_task_success(taskToken=token, output=output)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None


def test_a_word_by_token_becomes_the_states_result() -> None:
    async def scene(cloud: LocalCloud) -> None:
        execution, token = await waiting(cloud, "a")
        assert answer(token, '{"go": [1]}') is None
        await cloud.clock.sleep(1)
        assert (execution.status, execution.output) == ("SUCCEEDED", '{"go": [1]}')
        assert answer(token) == "TaskTimedOut"

    play(scene)


def test_a_failure_by_token_fails_the_task() -> None:
    async def scene(cloud: LocalCloud) -> None:
        execution, token = await waiting(cloud, "a")
        workflows().send_task_failure(taskToken=token, error="Mine", cause="why")
        assert answer(token) == "TaskTimedOut"
        await cloud.clock.sleep(1)
        assert (execution.status, execution.error) == ("FAILED", "Mine")
        assert execution.cause == "why"

    play(scene)


def test_a_token_is_void_once_its_task_is_over_however_it_ended() -> None:
    async def scene(cloud: LocalCloud) -> None:
        late, token = await waiting(cloud, "late")
        await cloud.clock.sleep(51)
        assert (late.status, late.error) == ("FAILED", "States.Timeout")
        assert answer(token) == "TaskTimedOut"
        stopped, token = await waiting(cloud, "stopped")
        cloud.states.stop(stopped.arn)
        assert answer(token) == "TaskTimedOut"
        await cloud.clock.sleep(100)
        assert stopped.status == "ABORTED"

    play(scene)


def test_all_tokens_of_an_execution_are_void_as_soon_as_it_is_stopped() -> None:
    async def scene(cloud: LocalCloud) -> None:
        state = WAITING["States"]["S"]
        branches = [{"StartAt": n, "States": {n: state}} for n in ("A", "B")]
        both = {"Type": "Parallel", "Branches": branches, "End": True}
        definition = WAITING | {"States": {"S": both}}
        machine = cloud.states.create("both", load(json.dumps(definition)))
        execution = cloud.states.start(machine.arn, "{}", "a")
        await cloud.clock.sleep(10)
        tokens = [callback.token for callback in execution.callbacks]
        assert len(tokens) == 2
        cloud.states.stop(execution.arn)
        assert [answer(token) for token in tokens] == ["TaskTimedOut"] * 2

    play(scene)


def test_a_word_that_overtakes_the_function_counts_and_the_function_runs_on() -> None:
    async def scene(cloud: LocalCloud) -> None:
        answers: list[str | None] = []

        def overtake(service: str, *_: object) -> None:
            if service == "dynamodb" and not answers:
                callback = next(iter(cloud.states.executions.values())).callback
                assert callback is not None
                answers.append(answer(callback.token, '"early"'))

        cloud.router.before(overtake)
        execution, token = await waiting(cloud, "a")
        assert answers == [None]
        assert (execution.status, execution.output) == ("SUCCEEDED", '"early"')
        # Started; entered, scheduled, started, succeeded, exited; succeeded.
        assert execution.progress.events == 7
        stored = boto3.client("dynamodb", region_name="eu-west-1").get_item(
            TableName=cloud.stack.outputs["JournalName"], Key={"pk": {"S": token}}
        )
        assert "Item" in stored

    play(scene)


def test_what_is_no_token_or_no_json_is_refused_and_ends_nothing() -> None:
    async def scene(cloud: LocalCloud) -> None:
        execution, token = await waiting(cloud, "a")
        assert answer("x" + token) == "InvalidToken"
        assert answer(token, "{") == "InvalidOutput"
        assert answer(token, json.dumps("x" * 262_144)) == "ValidationException"
        assert execution.status == "RUNNING"
        assert answer(token) is None
        await cloud.clock.sleep(1)
        assert execution.status == "SUCCEEDED"

    play(scene)
