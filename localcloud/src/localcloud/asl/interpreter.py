"""Running one execution of a state machine.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-states.html and
https://states-language.net; times are modelled seconds.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from random import Random
from typing import Any, Protocol

from localcloud.asl.branches import Walk, Work, side_by_side
from localcloud.asl.callbacks import Callback
from localcloud.asl.definition import (
    LAMBDA_INVOKE,
    LAMBDA_INVOKE_AND_WAIT,
    Definition,
    State,
    Way,
    Workflow,
)
from localcloud.asl.errors import (
    DATA_LIMIT,
    QUERY_EVALUATION,
    RUNTIME,
    TIMEOUT,
    StatesError,
    matches,
)
from localcloud.asl.expressions import Moment, evaluate
from localcloud.clock import Clock

PAYLOAD_BYTES = 256 * 1024
"""The most that a state or execution takes or gives (service-quotas)."""

HISTORY_EVENTS = 25_000
"""An execution with a longer history fails (service-quotas)."""

TRANSITION_SECONDS = 0.02
"""Modelled time from one state to the next: AWS states none; small, and not zero."""

ITERATIONS_AT_ONCE = 40
"""The most that a Map in inline mode runs at a time (state-map-inline.html)."""

_WAIT_LIMIT_SECONDS = 99_999_999

_FROM_STATE = "STATE_DATA"
"""Where a Map has its items from: its own state (input-output-contextobject.html)."""


class Tasks(Protocol):
    """What a Task state can call. Errors of the called are StatesErrors."""

    async def invoke(self, function: str, payload: Any) -> Mapping[str, Any]:
        """Invoke a function and return the result of lambda:invoke.

        A cancelled wait leaves the function running.
        """

    async def execute(
        self, machine: str, name: str | None, payload: Any
    ) -> Mapping[str, Any]:
        """Run another state machine to its end, as startExecution.sync:2.

        A cancelled wait stops it.
        """

    def callback(self) -> Callback:
        """Return a wait for a new token."""


@dataclass(slots=True)
class Progress:
    """What an execution did until now, as far as its limits and tests need it."""

    events: int = 0
    """Length of the history as AWS would write it (events of the subset's states)."""
    transitions: int = 0
    """States entered, also within others: each branch and item enters its own."""
    retries: int = 0
    """Further attempts of Task, Map and Parallel states; each is billed as a
    transition, too (Step Functions pricing)."""
    state: str | None = None
    """The state it is in, or was last in; with branches, the one entered last."""
    visited: list[str] = field(default_factory=list)
    on_enter: Callable[[str], object] = field(default=lambda _: None)
    """Called with each state as it is entered."""

    def enter(self, state: str) -> None:
        """Go on to a state."""
        self.state = state
        self.visited.append(state)
        self.transitions += 1
        self.record(1)
        self.on_enter(state)

    def record(self, events: int) -> None:
        """Add to the history; StatesError where it grows too long."""
        self.events += events
        if self.events >= HISTORY_EVENTS:
            raise StatesError(
                RUNTIME, f"the history has reached its limit of {HISTORY_EVENTS} events"
            )


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an execution is, for `$states.context`."""

    execution_arn: str
    name: str
    machine_arn: str
    machine_name: str
    started: datetime


class Interpreter:
    """One execution."""

    def __init__(
        self,
        definition: Definition,
        identity: Identity,
        *,
        tasks: Tasks,
        clock: Clock,
        random: Random,
        progress: Progress,
    ) -> None:
        self._definition = definition
        self._identity = identity
        self._tasks = tasks
        self._clock = clock
        self._random = random
        self._progress = progress
        self._input: Any = None

    async def run(self, payload: Any) -> Any:
        """Return the execution's output; raise StatesError where it fails.

        A timeout of the execution is no error of a state: it raises TimeoutError.
        """
        self._input = payload
        self._progress.record(1)
        limit = self._definition.timeout_seconds
        if limit is None:
            return await self._follow(Walk(self._definition, {}), payload)
        async with self._clock.timeout(limit):
            return await self._follow(Walk(self._definition, {}), payload)

    async def _follow(self, walk: Walk, payload: Any) -> Any:
        name: str | None = walk.workflow.start_at
        while name is not None:
            walk.state = walk.workflow.states[name]
            self._progress.enter(name)
            await self._clock.sleep(TRANSITION_SECONDS)
            visit = _Visit(walk, walk.state, payload, self._clock.now())
            name, payload = await self._enter(visit)
            _check_size(payload)
            self._progress.record(1)
            walk.state = None
        return payload

    async def _enter(self, visit: "_Visit") -> tuple[str | None, Any]:
        state = visit.state
        match state.type:
            case "Task":
                return await self._persist(visit, self._attempt)
            case "Map" | "Parallel":
                return await self._persist(visit, self._attempt_within)
            case "Choice":
                return self._leave(visit, self._choose(visit), visit.payload)
            case "Wait":
                await self._wait(visit)
                return self._leave(visit, state.way, visit.payload)
            case "Pass" | "Succeed":
                return self._leave(visit, state.way, visit.payload)
            case "Fail":
                error = self._field(visit, "Error", "")
                raise StatesError(str(error), str(self._field(visit, "Cause", "")))
        raise StatesError(RUNTIME, f"no such type of state: {state.type}")

    # ------------------------------------------------------------------ expressions

    def _evaluate(
        self,
        visit: "_Visit",
        template: Any,
        item: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Any:
        identity = self._identity
        context: dict[str, Any] = {
            "Execution": {
                "Id": identity.execution_arn,
                "Name": identity.name,
                "StartTime": _text(identity.started),
                "Input": self._input,
            },
            "State": {
                "Name": visit.state.name,
                "EnteredTime": _text(visit.entered),
                "RetryCount": visit.retries,
            },
            "StateMachine": {"Id": identity.machine_arn, "Name": identity.machine_name},
        }
        if visit.token is not None:
            context["Task"] = {"Token": visit.token}
        if item is not None:
            context["Map"] = {"Item": item}
        states = {"input": visit.payload, "context": context, **more}
        moment = Moment(self._clock.now(), self._random)
        return evaluate(template, {**visit.walk.variables, "states": states}, moment)

    def _field(self, visit: "_Visit", field: str, default: Any) -> Any:
        return self._evaluate(visit, visit.state.fields.get(field, default))

    def _leave(
        self, visit: "_Visit", way: Way, otherwise: Any, **more: Any
    ) -> tuple[str | None, Any]:
        """Evaluate Output and Assign with the old variables, then assign."""
        output = otherwise
        if way.has_output:
            output = self._evaluate(visit, way.output, **more)
        assigned = self._evaluate(visit, way.assign, **more)
        visit.walk.variables |= assigned
        return way.next, output

    # ----------------------------------------------------------------------- states

    def _choose(self, visit: "_Visit") -> Way:
        for rule in visit.state.rules:
            verdict = self._evaluate(visit, rule.condition)
            if not isinstance(verdict, bool):
                raise StatesError(
                    QUERY_EVALUATION,
                    f"the Condition {rule.condition} is {verdict!r}, not a boolean",
                )
            if verdict:
                return rule
        return visit.state.way

    async def _wait(self, visit: "_Visit") -> None:
        if "Timestamp" in visit.state.fields:
            text = str(self._field(visit, "Timestamp", None))
            try:
                until = datetime.fromisoformat(text)
                seconds = (until - self._clock.now()).total_seconds()
            except (ValueError, TypeError) as error:
                raise StatesError(
                    QUERY_EVALUATION, f"Timestamp {text} is none: {error}"
                ) from error
            await self._clock.sleep(max(0.0, seconds))
            return
        seconds = self._field(visit, "Seconds", None)
        await self._clock.sleep(_seconds("Seconds", seconds, lowest=0))

    async def _persist(
        self, visit: "_Visit", attempt: "Callable[[_Visit], Awaitable[Any]]"
    ) -> tuple[str | None, Any]:
        """Attempt a state's work, again as its retriers say, or leave by a catcher.

        The history has each failure of a Task, and of a Map or Parallel only the last:
        before that it has their attempts.
        """
        used = [0] * len(visit.state.retriers)
        tells_all = visit.state.type == "Task"
        while True:
            try:
                result = await attempt(visit)
                return self._leave(visit, visit.state.way, result, result=result)
            except StatesError as error:
                if tells_all:
                    self._progress.record(1)
                if await self._retry(visit, error, used):
                    continue
                if not tells_all:
                    self._progress.record(1)
                for catcher in visit.state.catchers:
                    if matches(catcher.error_equals, error.error):
                        output = error.output
                        return self._leave(visit, catcher, output, errorOutput=output)
                raise

    async def _retry(
        self, visit: "_Visit", error: StatesError, used: list[int]
    ) -> bool:
        """Wait as the first matching retrier says; False where it has no more."""
        for index, retrier in enumerate(visit.state.retriers):
            if not matches(retrier.error_equals, error.error):
                continue
            if used[index] >= retrier.max_attempts:
                return False
            delay = retrier.delay_seconds(used[index])
            if retrier.full_jitter:
                delay = self._random.uniform(0, delay)
            used[index] += 1
            visit.retries += 1
            self._progress.retries += 1
            await self._clock.sleep(delay)
            return True
        return False

    async def _attempt(self, visit: "_Visit") -> Any:
        if visit.state.fields["Resource"] == LAMBDA_INVOKE_AND_WAIT:
            return await self._attempt_with_token(visit)
        arguments = self._field(visit, "Arguments", {})
        _check_size(arguments)
        if visit.state.fields["Resource"] == LAMBDA_INVOKE:
            self._progress.record(2)
            work = self._tasks.invoke(
                arguments["FunctionName"], arguments.get("Payload", {})
            )
        else:
            self._progress.record(3)
            work = self._tasks.execute(
                arguments["StateMachineArn"],
                arguments.get("Name"),
                arguments.get("Input", {}),
            )
        result = await self._in_time(visit, work)
        _check_size(result)
        self._progress.record(1)
        return result

    async def _attempt_with_token(self, visit: "_Visit") -> Any:
        """Invoke a function, and wait until somebody brings back its token.

        The function's answer is of no interest, but for a failure; an answer to the
        token that overtakes it counts. The function then runs on.
        """
        callback = self._tasks.callback()
        visit.token = callback.token
        try:
            arguments = self._field(visit, "Arguments", {})
        finally:
            visit.token = None
        _check_size(arguments)
        limit = self._limit(visit)
        late = None
        if limit is not None:
            late = self._clock.call_later(limit, callback.fail, _too_long(limit))
        self._progress.record(2)
        invoked = asyncio.create_task(
            self._run_to_answer(
                callback, arguments["FunctionName"], arguments.get("Payload", {})
            )
        )
        try:
            if not await callback.ended_before(invoked):
                invoked.result()
                self._progress.record(1)
            result = await callback.result()
        finally:
            callback.void()
            invoked.cancel()
            if late is not None:
                late.cancel()
        _check_size(result)
        self._progress.record(1)
        return result

    async def _run_to_answer(
        self, callback: Callback, function: str, payload: Any
    ) -> None:
        try:
            await self._tasks.invoke(function, payload)
        except StatesError as error:
            callback.fail(error)

    # -------------------------------------------------------------- states of states

    async def _attempt_within(self, visit: "_Visit") -> list[Any]:
        """Run all branches or iterations: "all its branches are stopped" by a failure.

        An attempt after a failure runs all of them again (state-parallel.html, Error
        Handling; state-map-inline.html, Retry).
        """
        try:
            works, at_most = self._works(visit)
        except StatesError:
            self._progress.record(1)
            raise
        self._progress.record(1)
        try:
            results = await side_by_side(works, at_most)
        except StatesError:
            self._progress.record(visit.walk.abandon())
            raise
        _check_size(results)
        self._progress.record(1)
        return results

    def _works(self, visit: "_Visit") -> tuple[list[Work], int]:
        """Return what a Map or Parallel has to run, and how much of it at once.

        Items that are an object are refused as AWS does in inline mode.
        """
        if visit.state.type == "Parallel":
            payload = visit.payload
            if "Arguments" in visit.state.fields:
                payload = self._field(visit, "Arguments", None)
            _check_size(payload)
            branches: list[Work] = [
                partial(self._branch, visit, branch, payload)
                for branch in visit.state.workflows
            ]
            return branches, len(branches)
        items = self._field(visit, "Items", None)
        if not isinstance(items, list):
            raise StatesError(
                QUERY_EVALUATION, f"Items of {visit.state.name} is no array: {items!r}"
            )
        most = self._field(visit, "MaxConcurrency", 0)
        if not isinstance(most, int) or isinstance(most, bool) or most < 0:
            raise StatesError(
                QUERY_EVALUATION,
                f"MaxConcurrency must be a whole number of 0 or more, not {most!r}",
            )
        works: list[Work] = [
            partial(self._iterate, visit, *item) for item in enumerate(items)
        ]
        return works, min(most or ITERATIONS_AT_ONCE, ITERATIONS_AT_ONCE)

    async def _branch(self, visit: "_Visit", branch: Workflow, payload: Any) -> Any:
        inner = visit.walk.begin(branch)
        result = await self._follow(inner, payload)
        visit.walk.within.remove(inner)
        return result

    async def _iterate(self, visit: "_Visit", index: int, value: Any) -> Any:
        """Run one iteration (input-output-itemselector.html)."""
        (processor,) = visit.state.workflows
        inner = visit.walk.begin(processor)
        self._progress.record(1)
        payload = value
        if "ItemSelector" in visit.state.fields:
            item = {"Index": index, "Value": value, "Source": _FROM_STATE}
            selector = visit.state.fields["ItemSelector"]
            payload = self._evaluate(visit, selector, item)
        _check_size(payload)
        result = await self._follow(inner, payload)
        visit.walk.within.remove(inner)
        self._progress.record(1)
        return result

    def _limit(self, visit: "_Visit") -> int | None:
        if "TimeoutSeconds" not in visit.state.fields:
            return None
        value = self._field(visit, "TimeoutSeconds", None)
        return _seconds("TimeoutSeconds", value, lowest=1)

    async def _in_time(self, visit: "_Visit", work: Awaitable[Any]) -> Any:
        limit = self._limit(visit)
        if limit is None:
            return await work
        timeout = self._clock.timeout(limit)
        try:
            async with timeout:
                return await work
        except TimeoutError as error:
            if not timeout.expired():
                raise
            raise _too_long(limit) from error


@dataclass(slots=True)
class _Visit:
    """One stay in one state."""

    walk: Walk
    state: State
    payload: Any
    entered: datetime
    retries: int = 0
    token: str | None = None
    """What `$states.context.Task.Token` is, where it is anything."""


def _too_long(limit: int) -> StatesError:
    return StatesError(TIMEOUT, f"the task took longer than {limit} seconds")


def _seconds(name: str, value: Any, *, lowest: int) -> int:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not lowest <= value <= _WAIT_LIMIT_SECONDS:
        raise StatesError(
            QUERY_EVALUATION,
            f"{name} must be a whole number of seconds from {lowest} to "
            f"{_WAIT_LIMIT_SECONDS}, not {value!r}",
        )
    return int(value)


def _check_size(value: Any) -> None:
    size = len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
    if size > PAYLOAD_BYTES:
        raise StatesError(
            DATA_LIMIT, f"{size} bytes are more than the limit of {PAYLOAD_BYTES}"
        )


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
