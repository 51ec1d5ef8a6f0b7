"""Lambda functions: handlers run from their source, interleaved on the event loop.

A handler sees what it would see on AWS: JSON in and out, its environment, its context,
its timeout, its role. Modules are imported once a process, as in a warm environment
that serves every invocation. CPU time of a handler is not modelled: it takes the
latency of an invocation and that of its AWS calls.

What `create` deploys is $LATEST. A published version stays as it was published, and an
alias names one of them (configuration-versions.html, configuration-aliases.html).
"""

import asyncio
import hashlib
import importlib.util
import io
import json
import os
import sys
import traceback
import uuid
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from random import Random
from types import ModuleType, TracebackType
from typing import Any, override

from localcloud import blocking
from localcloud.api import REGION, NotModelled
from localcloud.background import Background
from localcloud.clock import Clock
from localcloud.identity import arn
from localcloud.layers import Layer, layer_of
from localcloud.powertools import Telemetry

INVOCATION_SECONDS = 0.05
"""Modelled time to reach a warm function and get its answer."""

LATEST = "$LATEST"
"""The version that `create` deploys."""

_FOREIGN_KEYS = frozenset({"timestamp", "taskName"})

TIMED_OUT = "Sandbox.Timedout"
"""How Step Functions reports a function's own timeout
(https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html)."""
EXITED = "Runtime.ExitError"
"""How a function ends whose process died
(https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html)."""


class FunctionError(Exception):
    """A function failed; `error_type` is Lambda's errorType."""

    def __init__(self, error_type: str, message: str, stack: list[str]) -> None:
        super().__init__(f"{error_type}: {message}")
        self.error_type = error_type
        self.message = message
        self.stack = stack

    @property
    def payload(self) -> dict[str, Any]:
        """Lambda's answer: what Step Functions puts, as text, into Cause."""
        return {
            "errorMessage": self.message,
            "errorType": self.error_type,
            "stackTrace": self.stack,
        }


class _RuntimeFailure(Exception):
    """Lambda's runtime failed before or after the handler; `kind` says how."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class UnknownFunction(Exception):
    """No function has this name, or it has no such version or alias."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function, as deployed."""

    name: str
    code_dir: Path
    handler: str
    """MODULE.FUNCTION in the code directory."""
    environment: Mapping[str, str]
    timeout_seconds: float
    allowed_actions: tuple[str, ...] | None
    """Patterns of IAM actions; None allows everything."""
    memory_mb: int
    layers: tuple[Path, ...] = ()
    """Folders with the packages of its layers."""
    version: str = LATEST

    @property
    def arn(self) -> str:
        """The function's ARN, without version."""
        return arn("lambda", f"function:{self.name}")

    def allows(self, action: str) -> bool:
        """Say whether the role allows an action: names match in any case."""
        return self.allowed_actions is None or _allowed(self.allowed_actions, action)


@cache
def _allowed(patterns: tuple[str, ...], action: str) -> bool:
    """Say whether a role of these patterns allows an action: asked at every call."""
    wanted = action.lower()
    return any(fnmatchcase(wanted, pattern.lower()) for pattern in patterns)


@dataclass(slots=True)
class _Versions:
    """What one function's name stands for."""

    latest: Function
    published: dict[str, Function] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    """Names to versions."""

    def named(self, qualifier: str) -> Function | None:
        """Return what a qualifier stands for: none, a version or an alias."""
        if qualifier in {"", LATEST}:
            return self.latest
        return self.published.get(self.aliases.get(qualifier, qualifier))


@dataclass(frozen=True, slots=True)
class EmittedMetric:
    """One value of a metric that a function wrote to its log (EMF)."""

    at: datetime
    function: str
    name: str
    value: float
    dimensions: Mapping[str, str]


@dataclass(slots=True)
class LambdaContext:
    """The second argument of a handler (python-context.html)."""

    function_name: str
    memory_limit_in_mb: int
    invoked_function_arn: str
    aws_request_id: str
    deadline: datetime
    clock: Clock = field(repr=False)
    function_version: str = LATEST
    log_group_name: str = ""
    log_stream_name: str = "local"

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the invocation may still take."""
        left = (self.deadline - self.clock.now()).total_seconds()
        return max(0, int(left * 1000))


@dataclass(slots=True)
class _Invocation:
    """One run of a function: IAM's principal, and where its output goes."""

    function: Function
    request: Any
    write_line: Callable[[Function, str], None]
    unfinished_line: str = ""
    telemetry: Telemetry = field(default_factory=Telemetry)

    @property
    def name(self) -> str:
        return self.function.name

    def allows(self, action: str) -> bool:
        return self.function.allows(action)

    def write(self, text: str) -> None:
        *lines, self.unfinished_line = (self.unfinished_line + text).split("\n")
        for line in lines:
            if line.strip():
                self.write_line(self.function, line)


class _Output(io.StringIO):
    """Standard output of all handlers: each line finds the invocation it is from.

    Loggers keep the stream they find when a module is imported, so there is only one.
    """

    @override
    def write(self, text: str, /) -> int:
        running = blocking.current()
        if running is not None and isinstance(running.owner, _Invocation):
            running.owner.write(text)
        else:
            sys.__stdout__.write(text)  # type: ignore[union-attr]
        return len(text)

    @override
    def writable(self) -> bool:
        return True


_output = _Output()


class Functions:
    """The functions of a local cloud."""

    def __init__(
        self,
        clock: Clock,
        background: Background,
        random: Random,
        latency_seconds: float = INVOCATION_SECONDS,
    ) -> None:
        self.clock = clock
        self.latency_seconds = latency_seconds
        self.logs: list[dict[str, Any]] = []
        """What handlers wrote: a dict a line, with `function` and `time` (modelled)."""
        self.emitted: Counter[str] = Counter()
        """Each metric's values added up, by its name."""
        self.metrics: list[EmittedMetric] = []
        self.invocations: Counter[str] = Counter()
        self._background = background
        self._random = random
        self._functions: dict[str, _Versions] = {}
        self._listeners: list[Callable[[dict[str, Any]], object]] = []

    def create(
        self,
        name: str,
        code_dir: Path,
        handler: str,
        *,
        environment: Mapping[str, str] | None = None,
        timeout_seconds: float = 3,
        allowed_actions: tuple[str, ...] | None = None,
        memory_mb: int = 128,
        layers: tuple[Path, ...] = (),
    ) -> Function:
        """Add a function, or replace its $LATEST; the defaults are Lambda's own.

        But for the role, which allows everything unless it is given.
        """
        function = Function(
            name,
            code_dir,
            handler,
            dict(environment or {}),
            timeout_seconds,
            allowed_actions,
            memory_mb,
            layers,
        )
        known = self._functions.get(name)
        if known is None:
            self._functions[name] = _Versions(function)
        else:
            known.latest = function
        return function

    def publish(self, name: str) -> Function:
        """Publish $LATEST as the next version, which stays as it is now."""
        versions = self._versions(name)
        version = str(len(versions.published) + 1)
        published = replace(versions.latest, version=version)
        versions.published[version] = published
        return published

    def point(self, name: str, alias: str, version: str) -> None:
        """Let an alias name a published version from now on."""
        versions = self._versions(name)
        if version not in versions.published:
            raise UnknownFunction(f"function {name} has no version {version}")
        versions.aliases[alias] = version

    def find(self, name: str) -> Function:
        """Return a function by its name or ARN, with or without version or alias."""
        plain, qualifier = _split(name)
        found = self._versions(plain).named(qualifier)
        if found is None:
            raise UnknownFunction(f"function {plain} has no version {qualifier}")
        return found

    def arn(self, name: str) -> str:
        """Return the ARN of a function that is named by name or ARN, as qualified."""
        _, qualifier = _split(name)
        plain = self.find(name).arn
        return f"{plain}:{qualifier}" if qualifier else plain

    def _versions(self, plain: str) -> _Versions:
        try:
            return self._functions[plain]
        except KeyError:
            raise UnknownFunction(f"no function is called {plain}") from None

    def listen(self, listener: Callable[[dict[str, Any]], object]) -> None:
        """Hand every log entry to the listener when it is written."""
        self._listeners.append(listener)

    async def invoke(self, name: str, payload: Any) -> Any:
        """Run a function and return its result; FunctionError where it fails.

        A caller that stops waiting does not stop the function.
        """
        function = self.find(name)
        running = self._background.begin(
            self._outcome(function, self.arn(name), payload),
            f"function {function.name}",
        )
        outcome = await asyncio.shield(running)
        if isinstance(outcome, FunctionError):
            raise outcome
        return outcome

    async def _outcome(self, function: Function, invoked: str, payload: Any) -> Any:
        """Run a function; its failure is a value here, and no failure of ours."""
        self.invocations[function.name] += 1
        await self.clock.sleep(self.latency_seconds)
        deadline = self.clock.now() + timedelta(seconds=function.timeout_seconds)
        request_id = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        context = LambdaContext(
            function.name,
            function.memory_mb,
            invoked,
            request_id,
            deadline,
            self.clock,
            function_version=function.version,
            log_group_name=f"/aws/lambda/{function.name}",
        )
        invocation = _Invocation(function, payload, self._write_line)
        timeout = self.clock.timeout(function.timeout_seconds)
        try:
            async with timeout:
                return await blocking.spawn(
                    _call,
                    function,
                    json.dumps(payload),
                    context,
                    owner=invocation,
                    around=lambda: self._process(invocation),
                )
        except TimeoutError as error:
            if not timeout.expired():
                return _failure(error)
            seconds = function.timeout_seconds
            text = f"{request_id} Task timed out after {seconds:.2f} seconds"
            self._write_line(function, text)
            return FunctionError(TIMED_OUT, text, [])
        except blocking.Killed:
            text = f"RequestId: {request_id} Error: Runtime exited without an answer"
            self._write_line(function, text)
            return FunctionError(EXITED, text, [])
        except NotModelled:
            raise
        except Exception as error:  # noqa: BLE001  what a function raises is its answer
            failure = _failure(error)
            self._write_line(
                function,
                json.dumps({"level": "ERROR", "uncaught": True, **failure.payload}),
            )
            return failure

    @contextmanager
    def _process(self, invocation: _Invocation) -> Iterator[None]:
        """Make this process look like the function's own while its code runs."""
        function = invocation.function
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", UserWarning)
            with ExitStack() as own:
                own.enter_context(_environment(function))
                own.enter_context(redirect_stdout(_output))
                own.enter_context(invocation.telemetry.current(_output))
                for layer in _foreign(function):
                    own.enter_context(layer.current(self.clock.now))
                yield
        for warning in warned:
            text = f"{warning.category.__name__}: {warning.message}"
            self._write_line(function, text)

    def _write_line(self, function: Function, line: str) -> None:
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            record = {"message": line}
        if "_aws" in record:
            self._emit(function, record)
            return
        # The process's own time and task mean nothing in here.
        record = {k: v for k, v in record.items() if k not in _FOREIGN_KEYS}
        now = self.clock.now()
        entry = {**record, "function": function.name, "time": now.isoformat()}
        self.logs.append(entry)
        for listener in self._listeners:
            listener(entry)

    def _emit(self, function: Function, record: Mapping[str, Any]) -> None:
        """Read a metric in CloudWatch's embedded format (EMF specification)."""
        for directive in record["_aws"]["CloudWatchMetrics"]:
            keys = sorted({key for group in directive["Dimensions"] for key in group})
            dimensions = {key: str(record[key]) for key in keys if key in record}
            for metric in directive["Metrics"]:
                name = metric["Name"]
                values = record[name]
                for value in values if isinstance(values, list) else [values]:
                    self.emitted[name] += value
                    self.metrics.append(
                        EmittedMetric(
                            self.clock.now(), function.name, name, value, dimensions
                        )
                    )


def _call(function: Function, event: str, context: LambdaContext) -> Any:
    """Call the handler, in its greenlet."""
    module_name, _, attribute = function.handler.rpartition(".")
    try:
        path = function.code_dir / f"{module_name.replace('.', '/')}.py"
        module = _module(path, function.layers)
    except ImportError as error:
        raise _RuntimeFailure("ImportModuleError", str(error)) from error
    handler = getattr(module, attribute, None)
    if handler is None:
        raise _RuntimeFailure("HandlerNotFound", f"no {function.handler}")
    result = handler(json.loads(event), context)
    try:
        return json.loads(json.dumps(result))
    except (TypeError, ValueError) as error:
        raise _RuntimeFailure("MarshalError", str(error)) from error


@contextmanager
def _environment(function: Function) -> Iterator[None]:
    """Give this process the function's environment variables, too.

    What Python sees is exchanged at one stroke, for this happens twice a call. Programs
    that a handler would begin do not see it; no handler here begins any.
    """
    variables = {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
        **function.environment,
    }
    seen = vars(os.environ)
    others = seen["_data"]
    seen["_data"] = others | {
        os.fsencode(key): os.fsencode(value) for key, value in variables.items()
    }
    try:
        yield
    finally:
        seen["_data"] = others


def _split(name: str) -> tuple[str, str]:
    """Return a function's plain name and its qualifier, which may be missing."""
    plain, _, qualifier = name.rpartition(":function:")[2].partition(":")
    return plain, qualifier


def _foreign(function: Function) -> Iterator[Layer]:
    """Give the function's layers whose packages are not those of this process."""
    for folder in function.layers:
        layer = layer_of(folder)
        if layer is not None:
            yield layer


@cache
def _module(path: Path, layers: tuple[Path, ...]) -> ModuleType:
    """Import a handler's module; once for each set of layers."""
    key = "|".join(map(str, (path, *layers)))
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    name = f"localcloud_function_{path.parent.name}_{digest}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot import {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _handler_frames(error: Exception) -> TracebackType | None:
    """Skip the frames that called the handler: they are not the function's."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code is _call.__code__:
            return trace.tb_next
        trace = trace.tb_next
    return error.__traceback__


def _failure(error: Exception) -> FunctionError:
    kind = type(error).__name__
    if isinstance(error, _RuntimeFailure):
        kind = f"Runtime.{error.kind}"
    return FunctionError(kind, str(error), traceback.format_tb(_handler_frames(error)))
