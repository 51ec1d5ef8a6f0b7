"""Step Functions: state machines, their executions, and the API to both.

https://docs.aws.amazon.com/step-functions/latest/apireference/Welcome.html
"""

import asyncio
import base64
import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from localcloud.api import AwsError, Parameters, only
from localcloud.asl.callbacks import Callback
from localcloud.asl.definition import Definition
from localcloud.asl.errors import TASK_FAILED, StatesError
from localcloud.asl.interpreter import PAYLOAD_BYTES, Identity, Interpreter, Progress
from localcloud.background import Background
from localcloud.clock import Clock
from localcloud.events import EventBus
from localcloud.functions import FunctionError, Functions, UnknownFunction
from localcloud.identity import arn, timestamp

_NAME = re.compile(r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}")
"""What StartExecution takes as a name (API_StartExecution)."""

_LIST_LIMIT = 1000

_TOKEN_BYTES = 510
"""A token's size before it is written as text: real ones have some 700 characters."""


@dataclass(slots=True)
class StateMachine:
    """One deployed state machine."""

    name: str
    definition: Definition

    @property
    def arn(self) -> str:
        """The state machine's ARN."""
        return arn("states", f"stateMachine:{self.name}")


@dataclass(slots=True)
class Execution:
    """One execution: its state for the API, and its progress for tests and views."""

    arn: str
    name: str
    machine: StateMachine
    input: str
    started: datetime
    status: str = "RUNNING"
    stopped: datetime | None = None
    output: str | None = None
    error: str | None = None
    cause: str | None = None
    progress: Progress = field(default_factory=Progress)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    callbacks: list[Callback] = field(default_factory=list)
    """The newest wait for a task token, last, and those that are not over."""

    @property
    def callback(self) -> Callback | None:
        """The newest wait for a task token."""
        return self.callbacks[-1] if self.callbacks else None

    @property
    def description(self) -> dict[str, Any]:
        """What DescribeExecution answers."""
        described = {
            "executionArn": self.arn,
            "stateMachineArn": self.machine.arn,
            "name": self.name,
            "status": self.status,
            "startDate": self.started,
            "stopDate": self.stopped,
            "input": self.input,
            "inputDetails": {"included": True},
            "output": self.output,
            "outputDetails": None if self.output is None else {"included": True},
            "error": self.error,
            "cause": self.cause,
        }
        return {key: value for key, value in described.items() if value is not None}


class States:
    """The state machines of a local cloud and all their executions."""

    def __init__(
        self,
        clock: Clock,
        background: Background,
        random: Random,
        functions: Functions,
        events: EventBus,
    ) -> None:
        self.machines: dict[str, StateMachine] = {}
        """By ARN."""
        self.executions: dict[str, Execution] = {}
        """By ARN, in the order of their starts."""
        self._clock = clock
        self._background = background
        self._random = random
        self._functions = functions
        self._events = events
        self._listeners: list[Callable[[Execution, str], object]] = []
        self._followers: list[Callable[[Execution, str], object]] = []
        self._callbacks: dict[str, Callback] = {}

    def create(self, name: str, definition: Definition) -> StateMachine:
        """Add a state machine, or give a known one a new definition.

        Executions under way keep the one they began with (API_UpdateStateMachine).
        """
        machine = StateMachine(name, definition)
        self.machines[machine.arn] = machine
        return machine

    def listen(self, listener: Callable[[Execution, str], object]) -> None:
        """Call back with an execution and its new status whenever that changes."""
        self._listeners.append(listener)

    def follow(self, follower: Callable[[Execution, str], object]) -> None:
        """Call back with an execution and the state that it enters."""
        self._followers.append(follower)

    @property
    def operations(self) -> Mapping[str, Callable[[Parameters], dict[str, Any]]]:
        """The API operations, to be served as stepfunctions."""
        return {
            "StartExecution": self._start_execution,
            "DescribeExecution": self._describe_execution,
            "ListExecutions": self._list_executions,
            "StopExecution": self._stop_execution,
            "SendTaskSuccess": self._send_task_success,
            "SendTaskFailure": self._send_task_failure,
        }

    async def finished(self, execution_arn: str) -> Execution:
        """Wait until an execution has ended, however it ends."""
        execution = self.executions[execution_arn]
        await execution.ended.wait()
        return execution

    def start(self, machine_arn: str, payload: str, name: str | None) -> Execution:
        """Start an execution, or return the running one of that name and input."""
        machine = self.machines.get(machine_arn)
        if machine is None:
            raise AwsError("StateMachineDoesNotExist", f"no machine {machine_arn}")
        name = name or str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        if not _NAME.fullmatch(name):
            raise AwsError("InvalidName", f"Invalid Name: '{name}'")
        if len(payload.encode()) > PAYLOAD_BYTES:
            raise AwsError("ValidationException", "input is longer than 262144 bytes")
        try:
            parsed = json.loads(payload)
        except ValueError as error:
            raise AwsError("InvalidExecutionInput", f"Invalid input: {error}") from None
        execution_arn = arn("states", f"execution:{machine.name}:{name}")
        existing = self.executions.get(execution_arn)
        if existing is not None:
            # Standard workflows: names stay taken for 90 days after the end.
            if existing.status == "RUNNING" and existing.input == payload:
                return existing
            raise AwsError(
                "ExecutionAlreadyExists", f"Execution Already Exists: '{execution_arn}'"
            )
        execution = Execution(execution_arn, name, machine, payload, self._clock.now())
        self.executions[execution_arn] = execution
        execution.task = self._background.begin(
            self._run(execution, parsed), f"execution {machine.name}:{name}"
        )
        self._tell(execution)
        return execution

    def stop(
        self, execution_arn: str, error: str | None = None, cause: str | None = None
    ) -> Execution:
        """Abort an execution: its Catches do not run. One that has ended stays so."""
        execution = self._find(execution_arn)
        if execution.status == "RUNNING":
            execution.error, execution.cause = error, cause
            self._cut_off(execution, "ABORTED")
        return execution

    def time_out(self, execution_arn: str) -> None:
        """Let an execution's own TimeoutSeconds be over now."""
        execution = self._find(execution_arn)
        if execution.status == "RUNNING":
            self._cut_off(execution, "TIMED_OUT")

    def callback(self, execution: Execution) -> Callback:
        """Make a task token for an execution, and the wait for it."""
        secret = self._random.randbytes(_TOKEN_BYTES)
        callback = Callback(base64.b64encode(secret).decode())
        self._callbacks[callback.token] = callback
        execution.callbacks = [c for c in execution.callbacks if not c.over]
        execution.callbacks.append(callback)
        return callback

    # ------------------------------------------------------------- running executions

    async def _run(self, execution: Execution, payload: Any) -> None:
        machine = execution.machine
        execution.progress.on_enter = lambda state: self._follow(execution, state)
        identity = Identity(
            execution.arn, execution.name, machine.arn, machine.name, execution.started
        )
        interpreter = Interpreter(
            machine.definition,
            identity,
            tasks=_Integrations(self, self._functions, execution),
            clock=self._clock,
            random=self._random,
            progress=execution.progress,
        )
        try:
            output = await interpreter.run(payload)
        except StatesError as failure:
            execution.error, execution.cause = failure.error, failure.cause
            self._end(execution, "FAILED")
        except TimeoutError:
            self._end(execution, "TIMED_OUT")
        except Exception as broken:
            # Not a failure that AWS knows: whoever waits is told, and so is the cloud.
            execution.error, execution.cause = type(broken).__name__, str(broken)
            self._end(execution, "FAILED")
            raise
        else:
            execution.output = json.dumps(output)
            self._end(execution, "SUCCEEDED")

    def _follow(self, execution: Execution, state: str) -> None:
        for follower in list(self._followers):
            follower(execution, state)

    def _cut_off(self, execution: Execution, status: str) -> None:
        self._end(execution, status)
        if execution.task is not None:
            execution.task.cancel()

    def _end(self, execution: Execution, status: str) -> None:
        execution.status = status
        execution.stopped = self._clock.now()
        execution.progress.events += 1
        for callback in execution.callbacks:
            callback.void()
        execution.ended.set()
        self._tell(execution)

    def _tell(self, execution: Execution) -> None:
        """Put the event of a changed status (eventbridge-integration.html)."""
        detail: dict[str, Any] = {
            "output": None,
            "outputDetails": None,
            "stopDate": None,
            "error": None,
            "cause": None,
            **execution.description,
            "startDate": _milliseconds(execution.started),
        }
        if execution.stopped is not None:
            detail["stopDate"] = _milliseconds(execution.stopped)
        self._events.put(
            {
                "source": "aws.states",
                "detail-type": "Step Functions Execution Status Change",
                "time": timestamp(self._clock.now()),
                "resources": [execution.arn],
                "detail": detail,
            }
        )
        for listener in self._listeners:
            listener(execution, execution.status)

    # ---------------------------------------------------------------------------- API

    def _find(self, execution_arn: str) -> Execution:
        execution = self.executions.get(execution_arn)
        if execution is None:
            raise AwsError("ExecutionDoesNotExist", f"no execution {execution_arn}")
        return execution

    def _start_execution(self, params: Parameters) -> dict[str, Any]:
        only(params, "stateMachineArn", "name", "input", "traceHeader")
        execution = self.start(
            params["stateMachineArn"], params.get("input", "{}"), params.get("name")
        )
        return {"executionArn": execution.arn, "startDate": execution.started}

    def _describe_execution(self, params: Parameters) -> dict[str, Any]:
        only(params, "executionArn")
        return self._find(params["executionArn"]).description

    def _stop_execution(self, params: Parameters) -> dict[str, Any]:
        only(params, "executionArn", "error", "cause")
        execution = self.stop(**_snake(params))
        return {"stopDate": execution.stopped}

    def _send_task_success(self, params: Parameters) -> dict[str, Any]:
        only(params, "taskToken", "output")
        callback = self._waiting(params["taskToken"])
        if len(params["output"].encode()) > PAYLOAD_BYTES:
            raise AwsError("ValidationException", "output is longer than 262144 bytes")
        try:
            result = json.loads(params["output"])
        except ValueError as error:
            raise AwsError("InvalidOutput", f"Invalid Output: {error}") from None
        callback.succeed(result)
        return {}

    def _send_task_failure(self, params: Parameters) -> dict[str, Any]:
        only(params, "taskToken", "error", "cause")
        callback = self._waiting(params["taskToken"])
        callback.fail(StatesError(params.get("error", ""), params.get("cause", "")))
        return {}

    def _waiting(self, token: str) -> Callback:
        callback = self._callbacks.get(token)
        if callback is None:
            raise AwsError("InvalidToken", "Invalid Token: 'Invalid token'")
        if callback.over:
            raise AwsError(
                "TaskTimedOut",
                "Task Timed Out: 'Provided task does not exist anymore'",
            )
        return callback

    def _list_executions(self, params: Parameters) -> dict[str, Any]:
        only(params, "stateMachineArn", "statusFilter", "maxResults", "nextToken")
        machine = params["stateMachineArn"]
        if machine not in self.machines:
            raise AwsError("StateMachineDoesNotExist", f"no machine {machine}")
        status = params.get("statusFilter")
        found = [
            execution
            for execution in reversed(self.executions.values())
            if execution.machine.arn == machine and status in {None, execution.status}
        ]
        begin = int(params.get("nextToken", "0"))
        end = begin + (params.get("maxResults") or _LIST_LIMIT)
        keys = {"executionArn", "stateMachineArn", "name", "status"}
        keys |= {"startDate", "stopDate"}
        answer: dict[str, Any] = {
            "executions": [
                {k: v for k, v in e.description.items() if k in keys}
                for e in found[begin:end]
            ]
        }
        if end < len(found):
            answer["nextToken"] = str(end)
        return answer


@dataclass(frozen=True, slots=True)
class _Integrations:
    """What Task states can call."""

    states: States
    functions: Functions
    execution: Execution
    """The one that calls."""

    async def invoke(self, function: str, payload: Any) -> Mapping[str, Any]:
        """Run a function (connect-lambda.html)."""
        try:
            version = self.functions.find(function).version
            result = await self.functions.invoke(function, payload)
        except FunctionError as error:
            raise StatesError(error.error_type, json.dumps(error.payload)) from error
        except UnknownFunction as error:
            raise StatesError("Lambda.ResourceNotFoundException", str(error)) from error
        return {"ExecutedVersion": version, "Payload": result, "StatusCode": 200}

    async def execute(
        self, machine: str, name: str | None, payload: Any
    ) -> Mapping[str, Any]:
        """Run another state machine and wait (connect-stepfunctions.html)."""
        try:
            execution = self.states.start(machine, json.dumps(payload), name)
        except AwsError as error:
            code = f"StepFunctions.{error.code}Exception"
            raise StatesError(code, error.message) from error
        try:
            await execution.ended.wait()
        except asyncio.CancelledError:
            self.states.stop(execution.arn)
            raise
        described = {
            key[0].upper() + key[1:]: _milliseconds(value)
            if isinstance(value, datetime)
            else value
            for key, value in execution.description.items()
        }
        if execution.status != "SUCCEEDED":
            raise StatesError(TASK_FAILED, json.dumps(described))
        for key in ("Input", "Output"):
            described[key] = json.loads(str(described[key]))
        return described

    def callback(self) -> Callback:
        """Return a wait for a new token."""
        return self.states.callback(self.execution)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _snake(params: Parameters) -> dict[str, Any]:
    names = {"executionArn": "execution_arn", "error": "error", "cause": "cause"}
    return {names[key]: value for key, value in params.items()}
