"""boto3 calls end in the active router, with the SDK's own behaviour around them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError, ReadTimeoutError
from localcloud.api import (
    AwsError,
    Call,
    Fault,
    NotModelled,
    Parameters,
    Router,
    only,
)
from localcloud.clock import Clock, run_virtual
from moto.core.base_backend import BackendDict

from localcloud import blocking

REGION = "eu-west-1"


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("MOTO_ACCOUNT_ID", "111122223333")
    BackendDict.reset()
    yield
    BackendDict.reset()


def client(service: Any) -> Any:
    return boto3.client(service, region_name=REGION)


def routed(test: Callable[[Router], Any]) -> Any:
    """Run a test's coroutine function with an active router in virtual time."""

    async def main() -> Any:
        with Router(Clock()) as router:
            return await test(router)

    return run_virtual(main())


@dataclass
class Caller:
    """A function with a role."""

    name: str
    allowed: tuple[str, ...]
    request: Any = None

    def allows(self, action: str) -> bool:
        """Say whether the role allows an action."""
        return action in self.allowed


def test_a_served_operation_answers_in_the_services_own_shape() -> None:
    async def test(router: Router) -> None:
        now = router.clock.now()
        router.serve(
            "ecs",
            {
                "DescribeServices": lambda params: {
                    "services": [
                        {"serviceName": name, "desiredCount": 3, "createdAt": now}
                        for name in params["services"]
                    ]
                }
            },
        )
        answer = client("ecs").describe_services(cluster="c", services=["a", "b"])
        assert [s["serviceName"] for s in answer["services"]] == ["a", "b"]
        assert answer["services"][0]["createdAt"] == now

    routed(test)


def test_the_sdk_still_validates_parameters() -> None:
    async def test(router: Router) -> None:
        router.serve("ecs", {"UpdateService": lambda _: {}})
        with pytest.raises(ParamValidationError):
            client("ecs").update_service(service="a", desiredCount="three")
        assert router.calls == []

    routed(test)


@pytest.mark.parametrize(
    ("service", "operation", "method", "params", "code", "status"),
    [
        (
            "ecs",
            "DescribeServices",
            "describe_services",
            {"services": ["a"]},
            "ClusterNotFoundException",
            400,
        ),
        (
            "elbv2",
            "DescribeTargetHealth",
            "describe_target_health",
            {"TargetGroupArn": "x"},
            "TargetGroupNotFound",
            400,
        ),
        (
            "cloudwatch",
            "DeleteAlarms",
            "delete_alarms",
            {"AlarmNames": ["a"]},
            "ResourceNotFound",
            404,
        ),
        (
            "ec2",
            "DescribeSubnets",
            "describe_subnets",
            {},
            "InvalidSubnetID.NotFound",
            400,
        ),
    ],
)
def test_an_error_has_its_code_in_every_protocol(
    *,
    service: str,
    operation: str,
    method: str,
    params: dict[str, Any],
    code: str,
    status: int,
) -> None:
    def fail(_: Parameters) -> None:
        raise AwsError(code, "told so & <so>", status)

    async def test(router: Router) -> None:
        router.serve(service, {operation: fail})
        with pytest.raises(ClientError) as caught:
            getattr(client(service), method)(**params)
        assert caught.value.response["Error"]["Code"] == code
        assert caught.value.response["Error"]["Message"] == "told so & <so>"
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status

    routed(test)


def test_modelled_errors_raise_the_clients_own_exception() -> None:
    def fail(_: Parameters) -> None:
        raise AwsError("ServiceNotFoundException", "no such service")

    async def test(router: Router) -> None:
        router.serve("ecs", {"UpdateService": fail})
        ecs = client("ecs")
        with pytest.raises(ecs.exceptions.ServiceNotFoundException):
            ecs.update_service(service="a")

    routed(test)


def test_throttled_calls_are_retried_after_a_wait_in_modelled_time() -> None:
    attempts = []

    def busy_twice(_: Parameters) -> Parameters:
        attempts.append(1)
        if len(attempts) < 3:
            raise AwsError("ThrottlingException", "slow down")
        return {"service": {"serviceName": "a"}}

    async def test(router: Router) -> float:
        router.serve("ecs", {"UpdateService": busy_twice})
        ecs = client("ecs")
        answer = await blocking.spawn(lambda: ecs.update_service(service="a"))
        assert answer["ResponseMetadata"]["RetryAttempts"] == 2
        return router.clock.time()

    assert routed(test) > 3 * 0.03
    assert len(attempts) == 3


def test_final_errors_are_not_retried() -> None:
    async def test(router: Router) -> int:
        def fail(_: Parameters) -> None:
            raise AwsError("InvalidParameterException", "no")

        router.serve("ecs", {"UpdateService": fail})
        with pytest.raises(ClientError):
            client("ecs").update_service(service="a")
        return len(router.calls)

    assert routed(test) == 1


def test_other_things_happen_while_a_function_waits_for_its_call() -> None:
    async def test(router: Router) -> list[str]:
        happened: list[str] = []

        async def slowly(_: Parameters) -> Parameters:
            happened.append("call begins")
            await router.clock.sleep(10)
            happened.append("call ends")
            return {"service": {}}

        router.serve("ecs", {"UpdateService": slowly})
        router.clock.call_later(5, happened.append, "meanwhile")
        ecs = client("ecs")
        await blocking.spawn(lambda: ecs.update_service(service="a"))
        return happened

    assert routed(test) == ["call begins", "meanwhile", "call ends"]


def test_a_call_outside_a_function_cannot_wait_and_says_so() -> None:
    async def test(router: Router) -> None:
        async def slowly(_: Parameters) -> Parameters:
            await router.clock.sleep(10)
            return {}

        router.serve("ecs", {"UpdateService": slowly})
        with pytest.raises(RuntimeError, match="ecs:UpdateService takes time"):
            client("ecs").update_service(service="a")

    routed(test)


def test_what_is_not_modelled_raises_with_its_name_and_is_remembered() -> None:
    async def test(router: Router) -> None:
        router.serve("ecs", {"UpdateService": lambda p: only(p, "service")})
        with pytest.raises(NotModelled, match="ecs:ListTasks"):
            client("ecs").list_tasks()
        with pytest.raises(NotModelled, match="lambda:ListFunctions"):
            client("lambda").list_functions()
        with pytest.raises(NotModelled, match="parameter desiredCount, taskDef"):
            client("ecs").update_service(
                service="a", desiredCount=1, taskDefinition="b"
            )
        assert len(router.not_modelled) == 3

    routed(test)


def test_an_answer_that_does_not_fit_the_services_model_is_refused() -> None:
    async def test(router: Router) -> None:
        router.serve("ecs", {"UpdateService": lambda _: {"service": {"nmae": "a"}}})
        with pytest.raises(TypeError, match="nmae"):
            client("ecs").update_service(service="a")

    routed(test)


def test_what_nobody_serves_is_stored_by_moto_exactly_once() -> None:
    async def test(router: Router) -> None:
        observed: list[Parameters] = []
        router.after("dynamodb", "PutItem", observed.append)
        table = _table()
        item = {"pk": {"S": "a"}}
        once = "attribute_not_exists(pk)"
        table.put_item(TableName="t", Item=item, ConditionExpression=once)
        with pytest.raises(ClientError, match="ConditionalCheckFailed"):
            table.put_item(TableName="t", Item=item, ConditionExpression=once)
        assert [params["Item"] for params in observed] == [item]
        arn = table.describe_table(TableName="t")["Table"]["TableArn"]
        assert arn == "arn:aws:dynamodb:eu-west-1:111122223333:table/t"

    routed(test)


def test_what_was_read_is_read_anew_once_something_has_changed_it() -> None:
    async def test(router: Router) -> None:
        del router
        ec2 = client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]

        def names() -> set[str]:
            chosen = [{"Name": "vpc-id", "Values": [vpc]}]
            groups = ec2.describe_security_groups(Filters=chosen)["SecurityGroups"]
            return {group["GroupName"] for group in groups}

        assert names() == names() == {"default"}
        given = {"GroupName": "a", "Description": "a", "VpcId": vpc}
        group = ec2.create_security_group(**given)["GroupId"]
        assert names() == names() == {"default", "a"}
        ec2.delete_security_group(GroupId=group)
        assert names() == names() == {"default"}

    routed(test)


def test_what_was_read_in_one_cloud_is_not_answered_in_the_next() -> None:
    async def test(router: Router) -> None:
        del router
        assert client("logs").describe_log_groups()["logGroups"] == []
        client("logs").create_log_group(logGroupName="a")
        assert len(client("logs").describe_log_groups()["logGroups"]) == 1

    routed(test)
    BackendDict.reset()
    routed(test)


@pytest.mark.parametrize("protocol", ["at one stroke", "by moto"])
def test_times_in_an_answer_are_those_that_were_given(protocol: str) -> None:
    async def test(router: Router) -> None:
        now = router.clock.now().replace(microsecond=123456)
        serving: dict[str, tuple[str, Any, Any]] = {
            "at one stroke": (
                "ecs",
                {"services": [{"serviceName": "a", "createdAt": now}]},
                lambda: client("ecs").describe_services(services=["a"])["services"][0][
                    "createdAt"
                ],
            ),
            "by moto": (
                "cloudwatch",
                {
                    "MetricDataResults": [
                        {"Id": "a", "Timestamps": [now], "Values": [1.0]}
                    ]
                },
                lambda: client("cloudwatch").get_metric_data(
                    MetricDataQueries=[], StartTime=now, EndTime=now
                )["MetricDataResults"][0]["Timestamps"][0],
            ),
        }
        service, answer, ask = serving[protocol]
        operation = "DescribeServices" if service == "ecs" else "GetMetricData"
        router.serve(service, {operation: lambda _: answer})
        off = abs((ask() - now).total_seconds())
        assert off < 1
        if protocol == "at one stroke":
            assert off < 0.001

    routed(test)


def test_bytes_and_documents_in_an_answer_are_those_that_were_given() -> None:
    blob, document = b"\x00\xff", {"Timeout": 5, "names": ["a", None]}

    async def test(router: Router) -> None:
        item = {"Item": {"b": {"B": blob}, "bs": {"BS": [blob, b""]}}}
        router.serve("dynamodb", {"GetItem": lambda _: item})
        hooks = {"lifecycleHooks": [{"hookDetails": document}]}
        services = {"services": [{"deploymentConfiguration": hooks}]}
        router.serve("ecs", {"DescribeServices": lambda _: services})
        assert (
            client("dynamodb").get_item(TableName="t", Key={})["Item"] == item["Item"]
        )
        answer = client("ecs").describe_services(services=["orders"])
        assert answer["services"] == services["services"]

    routed(test)


def test_an_endpoint_follows_the_parameters_that_its_rules_ask_for() -> None:
    arn = "arn:aws:kinesis:eu-west-1:{}:stream/orders"
    kinesis, asked = client("kinesis"), []
    kinesis.meta.events.register(
        "request-created", lambda request, **_: asked.append(request.url)
    )

    async def test(_: Router) -> None:
        for account in ("111122223333", "444455556666", "111122223333"):
            with pytest.raises(NotModelled):
                kinesis.describe_stream_summary(StreamARN=arn.format(account))

    routed(test)
    first, second, again = asked
    assert first == again
    assert first != second


def test_calls_are_recorded_with_time_caller_and_parameters() -> None:
    async def test(router: Router) -> None:
        router.serve("ecs", {"UpdateService": lambda _: {}})
        ecs = client("ecs")
        await router.clock.sleep(60)
        await blocking.spawn(
            lambda: ecs.update_service(service="a", desiredCount=0),
            owner=Caller("shift", ("ecs:UpdateService",)),
        )
        ecs.update_service(service="b")
        first, second = router.calls
        assert (first.caller, first.service, first.operation) == (
            "shift",
            "ecs",
            "UpdateService",
        )
        assert first.params == {"service": "a", "desiredCount": 0}
        assert (first.at - router.clock.epoch).total_seconds() == pytest.approx(60.03)
        assert second.caller is None

    routed(test)


def test_a_hook_before_a_call_can_fail_it() -> None:
    async def test(router: Router) -> None:
        def broken(service: str, operation: str, _: Parameters, caller: object) -> None:
            if (service, operation, caller) == ("ecs", "UpdateService", None):
                raise AwsError("AccessDeniedException", "not today")

        router.before(broken)
        router.serve("ecs", {"UpdateService": lambda _: {}, "ListTasks": lambda _: {}})
        with pytest.raises(ClientError, match="not today"):
            client("ecs").update_service(service="a")
        client("ecs").list_tasks()

    routed(test)


def _as(caller: Caller, call: Callable[[], Any]) -> Any:
    return blocking.spawn(call, owner=caller)


def test_a_function_may_do_what_its_role_allows_and_nothing_else() -> None:
    async def test(router: Router) -> None:
        router.serve("ecs", {"UpdateService": lambda _: {}, "ListTasks": lambda _: {}})
        ecs = client("ecs")
        caller = Caller("shift", ("ecs:ListTasks",))
        await _as(caller, ecs.list_tasks)
        with pytest.raises(ClientError) as caught:
            await _as(caller, lambda: ecs.update_service(service="a"))
        assert caught.value.response["Error"] == {
            "Code": "AccessDeniedException",
            "Message": "the role of function shift does not allow ecs:UpdateService",
        }

    routed(test)


def test_roles_name_actions_as_iam_does() -> None:
    async def test(router: Router) -> None:
        router.serve("stepfunctions", {"ListExecutions": lambda _: {"executions": []}})
        router.serve("cloudwatch", {"GetMetricData": lambda _: {}})
        router.serve("elbv2", {"DescribeTargetHealth": lambda _: {}})
        moment = router.clock.now()
        calls = {
            "states:ListExecutions": lambda: client("stepfunctions").list_executions(
                stateMachineArn="a"
            ),
            "cloudwatch:GetMetricData": lambda: client("cloudwatch").get_metric_data(
                MetricDataQueries=[], StartTime=moment, EndTime=moment
            ),
            "elasticloadbalancing:DescribeTargetHealth": lambda: client(
                "elbv2"
            ).describe_target_health(TargetGroupArn="a"),
        }
        for action, call in calls.items():
            await _as(Caller("f", (action,)), call)
            with pytest.raises(ClientError, match=action):
                await _as(Caller("f", ()), call)

    routed(test)


def test_a_transaction_needs_the_action_of_each_of_its_items() -> None:
    async def test(_router: Router) -> None:
        table = _table()
        items: list[Any] = [
            {"Put": {"TableName": "t", "Item": {"pk": {"S": "a"}}}},
            {
                "ConditionCheck": {
                    "TableName": "t",
                    "Key": {"pk": {"S": "b"}},
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            },
        ]

        def write() -> Any:
            return table.transact_write_items(TransactItems=items)

        with pytest.raises(ClientError, match="dynamodb:ConditionCheckItem"):
            await _as(Caller("f", ("dynamodb:PutItem",)), write)
        allowed = ("dynamodb:PutItem", "dynamodb:ConditionCheckItem")
        await _as(Caller("f", allowed), write)

    routed(test)


def test_handing_a_role_to_ecs_needs_pass_role() -> None:
    async def test(router: Router) -> None:
        router.serve("ecs", {"RegisterTaskDefinition": lambda _: {}})
        ecs = client("ecs")
        with pytest.raises(ClientError, match="iam:PassRole"):
            await _as(
                Caller("f", ("ecs:RegisterTaskDefinition",)),
                lambda: ecs.register_task_definition(
                    family="a", containerDefinitions=[], taskRoleArn="r"
                ),
            )

    routed(test)


def test_only_one_router_is_active_in_a_process() -> None:
    async def test(_router: Router) -> None:
        with pytest.raises(RuntimeError, match="another local cloud"):
            Router(Clock()).activate()

    routed(test)


def test_a_client_made_in_one_cloud_works_in_the_next() -> None:
    clients: list[Any] = []

    async def first(router: Router) -> None:
        router.serve("ecs", {"ListTasks": lambda _: {"taskArns": ["first"]}})
        clients.append(client("ecs"))
        assert clients[0].list_tasks()["taskArns"] == ["first"]

    async def second(router: Router) -> None:
        router.serve("ecs", {"ListTasks": lambda _: {"taskArns": ["second"]}})
        assert clients[0].list_tasks()["taskArns"] == ["second"]

    routed(first)
    routed(second)


def _table() -> Any:
    table = client("dynamodb")
    table.create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return table


def test_a_fault_decides_when_a_call_lands_and_what_its_caller_gets() -> None:
    landed: list[float] = []

    async def test(router: Router) -> None:
        router.serve("ecs", {"UpdateService": lambda _: landed.append(now()) or {}})
        now = router.clock.time
        asked: list[Any] = []
        faults = [
            Fault(takes_effect=False, failure=AwsError("ThrottlingException", "no")),
            Fault(
                lands_seconds=8,
                silence_seconds=5,
                failure=ReadTimeoutError(endpoint_url="u"),
            ),
            Fault(wait_seconds=30),
        ]

        def disturb(call: Call) -> Fault | None:
            asked.append((str(call), call.request))
            return faults.pop(0) if faults else None

        router.disturb = disturb
        retries: Any = Config(retries={"mode": "standard", "total_max_attempts": 3})
        ecs = boto3.client("ecs", region_name=REGION, config=retries)
        caller = Caller("f", ("ecs:UpdateService",), {"step": 1})
        await _as(caller, lambda: ecs.update_service(service="a"))
        assert asked == [("ecs:UpdateService", {"step": 1})] * 3
        late, last = landed
        assert 8 < late < last
        assert last > 35

    routed(test)


def test_nothing_of_a_killed_function_goes_on() -> None:
    landed: list[Parameters] = []
    went_on: list[str] = []

    async def test(router: Router) -> None:
        router.serve("ecs", {"UpdateService": lambda p: landed.append(p) or {}})
        router.disturb = lambda _: Fault(failure=blocking.Killed())

        def run() -> None:
            try:
                client("ecs").update_service(service="a")
            except Exception:  # noqa: BLE001  death is none of these
                went_on.append("handled")
            went_on.append("returned")

        with pytest.raises(blocking.Killed):
            await _as(Caller("f", ("ecs:UpdateService",)), run)
        await router.clock.sleep(1)
        assert landed == [{"service": "a"}]
        assert not went_on

    routed(test)
