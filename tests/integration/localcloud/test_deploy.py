"""The deployer makes what a template says, and refuses what would not work."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError
from localcloud.api import NotModelled
from localcloud.clock import Clock
from localcloud.cloud import LocalCloud
from localcloud.template import InvalidTemplate

from tests.integration.localcloud.small_cloud import play, start


def push(cloud: LocalCloud, **detail: Any) -> None:
    cloud.events.put(
        {"source": "test", "detail-type": "Push", "detail": {"kind": "push"} | detail}
    )


def test_an_event_travels_through_rule_queue_function_and_state_machine() -> None:
    async def scene(cloud: LocalCloud) -> None:
        push(cloud, name="ann")
        push(cloud, name="busy bee".replace(" ", "-"))
        await cloud.clock.sleep(120)
        ended = {e.name: (e.status, e.output) for e in cloud.states.executions.values()}
        assert ended == {
            "ann": ("SUCCEEDED", '{"text": "hello ann from test"}'),
            "busy-bee": ("SUCCEEDED", '{"text": "hello busy-bee from test"}'),
        }
        table = boto3.client("dynamodb", region_name="eu-west-1")
        assert table.scan(TableName=cloud.stack.outputs["JournalName"])["Count"] == 2
        callers = {c.caller for c in cloud.router.calls if c.operation == "PutItem"}
        assert callers == {"greet-test"}

    play(scene)


def test_a_bad_message_ends_in_the_dead_letters_and_harms_no_other() -> None:
    async def scene(cloud: LocalCloud) -> None:
        push(cloud)
        push(cloud, name="ann")
        await cloud.clock.sleep(600)
        assert [e.name for e in cloud.states.executions.values()] == ["ann"]
        (dead,) = cloud.stack.queues["DeadLetters"].messages
        assert json.loads(dead.body)["detail"] == {"kind": "push"}

    play(scene)


def test_a_failed_execution_is_published_by_its_status_event() -> None:
    async def scene(cloud: LocalCloud) -> None:
        push(cloud, name="rude")
        await cloud.clock.sleep(60)
        (page,) = cloud.topics[cloud.stack.resource("Pages").name].messages
        detail = json.loads(page)["detail"]
        assert detail["status"] == "FAILED"
        assert (detail["error"], detail["cause"]) == ("Greeting.Refused", "Rude")
        assert detail["startDate"] < detail["stopDate"]
        assert json.loads(page)["detail-type"] == (
            "Step Functions Execution Status Change"
        )

    play(scene)


def test_names_arns_and_outputs_are_those_of_aws() -> None:
    async def scene(cloud: LocalCloud) -> None:
        stack = cloud.stack
        assert stack.functions == {
            "OnPush": "slipway-OnPush",
            "Greet": "greet-test",
        }
        account = "eu-west-1:111122223333"
        assert stack.outputs == {
            "JournalName": "slipway-Journal",
            "GreetingArn": f"arn:aws:states:{account}:stateMachine:slipway-Greeting",
            "PartyArn": f"arn:aws:states:{account}:stateMachine:party-test",
        }
        pushes = stack.resource("Pushes")
        assert pushes.physical_id == (
            "https://sqs.eu-west-1.amazonaws.com/111122223333/pushes-test"
        )
        assert pushes.arn == f"arn:aws:sqs:{account}:pushes-test"
        alarm = stack.resource("Alarm").properties
        assert alarm["Dimensions"][0]["Value"] == "slipway-DeadLetters"

    play(scene)


def test_globals_are_merged_into_functions() -> None:
    async def scene(cloud: LocalCloud) -> None:
        greet = cloud.functions.find("greet-test")
        assert greet.memory_mb == 256
        assert greet.timeout_seconds == 10
        assert greet.allowed_actions == ("dynamodb:PutItem",)
        assert greet.environment == {
            "TABLE": "slipway-Journal",
            "SUBNETS": "subnet-1/subnet-2",
            "WHO": "test",
        }
        assert cloud.functions.find("slipway-OnPush").environment["WHO"] == "nobody"

    play(scene)


def test_tables_have_their_keys_indexes_recovery_and_expiry() -> None:
    async def scene(cloud: LocalCloud) -> None:
        client = boto3.client("dynamodb", region_name="eu-west-1")
        name = cloud.stack.resource("Journal").name
        table = client.describe_table(TableName=name)["Table"]
        assert table["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}]
        assert table["GlobalSecondaryIndexes"][0]["IndexName"] == "kinds"
        expiry = client.describe_time_to_live(TableName=name)
        assert expiry["TimeToLiveDescription"]["AttributeName"] == "expires"
        backups = client.describe_continuous_backups(TableName=name)
        recovery = backups["ContinuousBackupsDescription"][
            "PointInTimeRecoveryDescription"
        ]
        assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"

    play(scene)


def test_conditions_decide_what_is_made() -> None:
    async def scene(cloud: LocalCloud) -> set[str]:
        return {*cloud.stack.resources, *cloud.stack.outputs} & {"PageMail", "MailTo"}

    assert play(scene) == set()
    parameters = {"EnvironmentName": "test", "Email": "me@example.com"}
    assert play(scene, parameters=parameters) == {"PageMail", "MailTo"}


def test_a_cloud_leaves_nothing_to_the_next_one() -> None:
    async def first(cloud: LocalCloud) -> None:
        push(cloud, name="ann")
        await cloud.clock.sleep(120)
        assert len(cloud.states.executions) == 1

    async def second(cloud: LocalCloud) -> None:
        table = boto3.client("dynamodb", region_name="eu-west-1")
        assert table.scan(TableName=cloud.stack.outputs["JournalName"])["Count"] == 0
        assert cloud.states.executions == {}
        push(cloud, name="ann")
        await cloud.clock.sleep(120)
        (execution,) = cloud.states.executions.values()
        assert execution.status == "SUCCEEDED"

    play(first)
    play(second)


def test_one_seed_gives_one_run() -> None:
    async def scene(cloud: LocalCloud) -> Any:
        for name in ("a", "b", "c"):
            push(cloud, name=name)
        await cloud.clock.sleep(200)
        return cloud.router.calls, cloud.events.log

    assert play(scene, seed=7) == play(scene, seed=7)


def test_the_same_cloud_runs_on_a_real_clock() -> None:
    async def main() -> float:
        began = asyncio.get_running_loop().time()
        async with await start(clock=Clock.realtime(factor=200)) as cloud:
            push(cloud, name="ann")
            await cloud.clock.sleep(5)
            (execution,) = cloud.states.executions.values()
            ended = await cloud.states.finished(execution.arn)
            assert ended.status == "SUCCEEDED"
            assert ended.stopped is not None
            assert (ended.stopped - ended.started).total_seconds() > 60
        return asyncio.get_running_loop().time() - began

    assert asyncio.run(main()) < 10


def test_what_failed_unseen_is_raised_when_the_cloud_closes() -> None:
    async def scene(_cloud: LocalCloud) -> None:
        with pytest.raises(NotModelled):
            boto3.client("ecs", region_name="eu-west-1").list_container_instances()

    with pytest.raises(ExceptionGroup, match="unseen failures") as caught:
        play(scene)
    assert isinstance(caught.value.exceptions[0], NotModelled)


def test_a_closed_cloud_answers_no_calls_any_more() -> None:
    clients: list[Any] = []

    async def scene(_cloud: LocalCloud) -> None:
        clients.append(boto3.client("stepfunctions", region_name="eu-west-1"))

    play(scene)
    sent: list[str] = []

    def stop(request: Any, **_: Any) -> None:
        sent.append(request.url)
        raise ConnectionError("this would have left the process")

    clients[0].meta.events.register_last("before-send", stop)
    with pytest.raises(ConnectionError):
        clients[0].list_state_machines()
    assert sent == ["https://states.eu-west-1.amazonaws.com/"]


# ---------------------------------------------------------------------------- refusals

QUEUE = {"Type": "AWS::SQS::Queue"}
FUNCTION = {
    "Type": "AWS::Serverless::Function",
    "Properties": {"CodeUri": "f", "Handler": "app.handler"},
}


def with_properties(resource: dict[str, Any], **more: Any) -> dict[str, Any]:
    return resource | {"Properties": resource.get("Properties", {}) | more}


def rule(target: Any, **more: Any) -> dict[str, Any]:
    targets = [{"Id": "t", "Arn": target}]
    properties = {"EventPattern": {"source": ["a"]}, "Targets": targets} | more
    return {"Type": "AWS::Events::Rule", "Properties": properties}


def every(expression: str | None) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "Targets": [{"Id": "q", "Arn": {"Fn::GetAtt": ["Q", "Arn"]}}]
    }
    if expression is not None:
        properties["ScheduleExpression"] = expression
    return {"Type": "AWS::Events::Rule", "Properties": properties}


def machine(definition: Any, **more: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::Serverless::StateMachine",
        "Properties": {"Definition": definition} | more,
    }


def calling(name: str) -> dict[str, Any]:
    return {
        "QueryLanguage": "JSONata",
        "StartAt": "S",
        "States": {
            "S": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Arguments": {"FunctionName": name},
                "End": True,
            }
        },
    }


def within_each(definition: dict[str, Any]) -> dict[str, Any]:
    """Put a definition's states into a Map."""
    processor = {key: definition[key] for key in ("StartAt", "States")}
    each = {"Type": "Map", "Items": [1], "ItemProcessor": processor, "End": True}
    return definition | {"StartAt": "Each", "States": {"Each": each}}


MAY_INVOKE = [
    {"Statement": [{"Effect": "Allow", "Action": "lambda:*", "Resource": "*"}]}
]


@pytest.mark.parametrize(
    ("resources", "error", "text"),
    [
        (
            {"S": {"Type": "AWS::Kinesis::Stream"}},
            NotModelled,
            "S: resource type AWS::Kinesis::Stream",
        ),
        (
            {"Q": with_properties(QUEUE, FifoQueue=True)},
            NotModelled,
            "Q: property FifoQueue of AWS::SQS::Queue",
        ),
        ({"Q": QUEUE | {"Connectors": {}}}, NotModelled, "Q: Connectors"),
        (
            {"Q": with_properties(QUEUE, QueueName={"Fn::ImportValue": "x"})},
            NotModelled,
            "intrinsic function Fn::ImportValue",
        ),
        (
            {"Q": with_properties(QUEUE, QueueName={"Ref": "Nothing"})},
            InvalidTemplate,
            "the template has no Nothing",
        ),
        (
            {"Q": with_properties(QUEUE, QueueName={"Fn::GetAtt": ["Q", "Arn"]})},
            InvalidTemplate,
            "the name of Q depends on itself",
        ),
        (
            {"Q": QUEUE | {"DependsOn": "Nothing"}},
            InvalidTemplate,
            "DependsOn names no Nothing",
        ),
        (
            {"Q": QUEUE, "R": rule({"Fn::GetAtt": ["Q", "Arn"]})},
            InvalidTemplate,
            "rule slipway-R: no policy lets events.amazonaws.com use",
        ),
        (
            {"F": FUNCTION, "R": rule({"Fn::GetAtt": ["F", "Arn"]})},
            InvalidTemplate,
            "rule slipway-R: no policy lets events.amazonaws.com use",
        ),
        (
            {"R": rule("arn:aws:kinesis:eu-west-1:1:stream/s")},
            NotModelled,
            "rule target arn:aws:kinesis",
        ),
        (
            {"F": with_properties(FUNCTION, ReservedConcurrentExecutions=1)},
            NotModelled,
            "F: property ReservedConcurrentExecutions",
        ),
        (
            {"Q": QUEUE, "R": every("cron(0 9 * * ? *)")},
            NotModelled,
            "ScheduleExpression cron(0 9 * * ? *)",
        ),
        (
            {"Q": QUEUE, "R": every("rate(1 minutes)")},
            InvalidTemplate,
            "ScheduleExpression rate(1 minutes) is no rate",
        ),
        (
            {"Q": QUEUE, "R": every("rate(2 minute)")},
            InvalidTemplate,
            "ScheduleExpression rate(2 minute) is no rate",
        ),
        (
            {"Q": QUEUE, "R": every("rate(1 minute)")},
            InvalidTemplate,
            "rule slipway-R: no policy lets events.amazonaws.com use",
        ),
        (
            {"Q": QUEUE, "R": every(None)},
            InvalidTemplate,
            "a rule needs EventPattern or ScheduleExpression",
        ),
        (
            {
                "F": with_properties(
                    FUNCTION, Policies=[{"DynamoDBCrudPolicy": {"TableName": "t"}}]
                )
            },
            NotModelled,
            "policy template DynamoDBCrudPolicy",
        ),
        (
            {"F": with_properties(FUNCTION, Policies=["AdministratorAccess"])},
            NotModelled,
            "managed policy AdministratorAccess",
        ),
        (
            {"F": with_properties(FUNCTION, Events={"E": {"Type": "Api"}})},
            NotModelled,
            "F: event E: type Api",
        ),
        (
            {
                "Q": with_properties(QUEUE, VisibilityTimeout=10),
                "F": with_properties(
                    FUNCTION,
                    Timeout=60,
                    Events={
                        "E": {
                            "Type": "SQS",
                            "Properties": {"Queue": {"Fn::GetAtt": ["Q", "Arn"]}},
                        }
                    },
                ),
            },
            InvalidTemplate,
            "VisibilityTimeout is below the function's Timeout",
        ),
        (
            {"M": machine(calling("nobody"), Policies=MAY_INVOKE)},
            InvalidTemplate,
            "state S: no function is called nobody",
        ),
        (
            {
                "F": with_properties(FUNCTION, FunctionName="f"),
                "M": machine(calling("f")),
            },
            InvalidTemplate,
            "state S needs lambda:InvokeFunction",
        ),
        (
            {"M": machine(within_each(calling("nobody")), Policies=MAY_INVOKE)},
            InvalidTemplate,
            "state S: no function is called nobody",
        ),
        (
            {"M": machine(calling("${Function}"), Policies=MAY_INVOKE)},
            InvalidTemplate,
            "nothing substitutes",
        ),
        (
            {
                "M": machine(
                    calling("f"),
                    DefinitionSubstitutions={"Unused": "x"},
                    Policies=MAY_INVOKE,
                )
            },
            InvalidTemplate,
            "M does not use the substitution Unused",
        ),
    ],
)
def test_what_cannot_be_deployed_is_refused_by_name(
    tmp_path: Path, resources: Any, error: type[Exception], text: str
) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(yaml.safe_dump({"Resources": resources}))

    async def scene(_cloud: LocalCloud) -> None:
        raise AssertionError("it was deployed")

    with pytest.raises(error) as caught:
        play(scene, template=template, parameters={})
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({}, "parameter EnvironmentName needs a value"),
        ({"EnvironmentName": "Test"}, "parameter EnvironmentName is Test, not"),
        ({"EnvironmentName": "test", "Size": "1"}, "no parameter is called Size"),
    ],
)
def test_parameters_are_checked(parameters: dict[str, str], text: str) -> None:
    async def scene(_cloud: LocalCloud) -> None:
        raise AssertionError("it was deployed")

    with pytest.raises(InvalidTemplate, match=text):
        play(scene, parameters=parameters)


def test_a_rule_may_call_a_function_which_is_tried_three_times(tmp_path: Path) -> None:
    code = tmp_path / "f"
    code.mkdir()
    (code / "app.py").write_text("def handler(event, context): raise OSError('no')\n")
    event = {"Type": "EventBridgeRule", "Properties": {"Pattern": {"source": ["a"]}}}
    template = tmp_path / "template.yaml"
    resources = {"F": with_properties(FUNCTION, Events={"Called": event})}
    template.write_text(yaml.safe_dump({"Resources": resources}))

    async def scene(cloud: LocalCloud) -> None:
        cloud.events.put({"source": "a", "detail-type": "b", "detail": {}})
        await cloud.clock.sleep(3600)
        assert cloud.functions.invocations == {"slipway-F": 3}

    play(scene, template=template, parameters={})


OPEN_QUEUE = {
    "Type": "AWS::SQS::QueuePolicy",
    "Properties": {
        "Queues": [{"Ref": "Q"}],
        "PolicyDocument": {
            "Statement": {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": "*",
            }
        },
    },
}


@pytest.mark.parametrize(
    ("expression", "schedules", "count"),
    [
        ("rate(1 minute)", True, 60),
        ("rate(30 minutes)", True, 2),
        ("rate(1 hour)", True, 1),
        ("rate(1 minute)", False, 0),
    ],
)
def test_a_schedule_feeds_a_queue_or_is_switched_off(
    tmp_path: Path, expression: str, *, schedules: bool, count: int
) -> None:
    template = tmp_path / "template.yaml"
    resources = {"Q": QUEUE, "P": OPEN_QUEUE, "R": every(expression)}
    template.write_text(yaml.safe_dump({"Resources": resources}))

    async def scene(cloud: LocalCloud) -> None:
        await cloud.clock.sleep(3601)
        bodies = [json.loads(m.body) for m in cloud.stack.queues["Q"].messages]
        assert len(bodies) == count
        arn = cloud.stack.resource("R").arn
        assert all(body["resources"] == [arn] for body in bodies)

    play(scene, template=template, parameters={}, schedules=schedules)


def test_a_schedule_may_call_a_function_that_permits_it(tmp_path: Path) -> None:
    code = tmp_path / "f"
    code.mkdir()
    (code / "app.py").write_text("def handler(event, context): print(event)\n")
    target = {"Id": "f", "Arn": {"Fn::GetAtt": ["F", "Arn"]}}
    scheduled = every("rate(5 minutes)")
    scheduled["Properties"]["Targets"] = [target]
    permission = {
        "FunctionName": {"Ref": "F"},
        "Action": "lambda:InvokeFunction",
        "Principal": "events.amazonaws.com",
        "SourceArn": {"Fn::GetAtt": ["R", "Arn"]},
    }
    resources = {
        "F": FUNCTION,
        "R": scheduled,
        "P": {"Type": "AWS::Lambda::Permission", "Properties": permission},
    }
    template = tmp_path / "template.yaml"
    template.write_text(yaml.safe_dump({"Resources": resources}))

    async def scene(cloud: LocalCloud) -> None:
        await cloud.clock.sleep(301)
        assert cloud.functions.invocations == {"slipway-F": 1}
        assert "'source': 'aws.events'" in cloud.functions.logs[0]["message"]

    play(scene, template=template, parameters={})


def test_a_role_that_lacks_an_action_fails_its_function(
    tmp_path: Path, copy_stack: Callable[[Path], Path]
) -> None:
    template = copy_stack(tmp_path)
    text = template.read_text().replace("dynamodb:PutItem", "dynamodb:GetItem")
    template.write_text(text)

    async def scene(cloud: LocalCloud) -> None:
        client = boto3.client("stepfunctions", region_name="eu-west-1")
        arn = client.start_execution(
            stateMachineArn=cloud.stack.outputs["GreetingArn"], input='{"name": "ann"}'
        )["executionArn"]
        ended = await cloud.states.finished(arn)
        assert ended.cause == ClientError.__name__ or ended.error == "Greeting.Refused"
        denied = [e for e in cloud.functions.logs if "does not allow" in str(e)]
        assert "greet-test does not allow dynamodb:PutItem" in str(denied[0])

    play(scene, template=template)
