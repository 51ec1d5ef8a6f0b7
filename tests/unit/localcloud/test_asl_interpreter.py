"""Executions: states, variables, retries, catches, timeouts, limits."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
import yaml
from localcloud.asl import StatesError, load
from localcloud.asl.callbacks import Callback
from localcloud.asl.interpreter import (
    TRANSITION_SECONDS,
    Identity,
    Interpreter,
    Progress,
)
from localcloud.clock import Clock, run_virtual

INVOKE = "arn:aws:states:::lambda:invoke"


@dataclass
class Script:
    """Plays the functions: each answer is a result, an error, or a wait."""

    clock: Clock
    answers: list[Any]
    payloads: list[Any] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    callbacks: list[Callback] = field(default_factory=list)
    words: list[tuple[float, Any]] = field(default_factory=list)
    """For each token: when it comes back, and with what."""

    def callback(self) -> Callback:
        """Bring the next token back after its time."""
        made = Callback(f"token {len(self.callbacks)}")
        self.callbacks.append(made)
        if self.words:
            after, word = self.words.pop(0)
            bring = made.fail if isinstance(word, StatesError) else made.succeed
            self.clock.call_later(after, bring, word)
        return made

    async def invoke(self, function: str, payload: Any) -> Mapping[str, Any]:
        """Play the next answer; a number is a wait, and then an answer."""
        assert function == "f"
        self.payloads.append(payload)
        self.times.append(self.clock.time())
        answer = self.answers.pop(0)
        if isinstance(answer, float):
            await self.clock.sleep(answer)
        if isinstance(answer, Exception):
            raise answer
        return {"Payload": answer, "StatusCode": 200, "ExecutedVersion": "$LATEST"}

    async def execute(
        self, machine: str, name: str | None, payload: Any
    ) -> Mapping[str, Any]:
        """Not a part of these tests."""
        raise NotImplementedError


@dataclass
class Run:
    """One finished execution."""

    script: Script
    progress: Progress
    output: Any = None
    error: StatesError | None = None
    seconds: float = 0.0


def task(**fields: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": INVOKE,
        "Arguments": {"FunctionName": "f", "Payload": "{% $states.input %}"},
        "Output": "{% $states.result.Payload %}",
        "End": True,
    } | fields


def run(
    states: dict[str, Any],
    payload: Any = None,
    answers: list[Any] | None = None,
    seed: int = 1,
    words: list[tuple[float, Any]] | None = None,
    **top: Any,
) -> Run:
    document = {
        "QueryLanguage": "JSONata",
        "StartAt": next(iter(states)),
        "States": states,
    } | top
    definition = load(yaml.safe_dump(document))

    async def main() -> Run:
        clock = Clock()
        result = Run(Script(clock, answers or [], words=words or []), Progress())
        interpreter = Interpreter(
            definition,
            Identity("arn:execution", "one", "arn:machine", "m", clock.now()),
            tasks=result.script,
            clock=clock,
            random=Random(seed),  # noqa: S311  repeatable
            progress=result.progress,
        )
        try:
            result.output = await interpreter.run({} if payload is None else payload)
        except StatesError as error:
            result.error = error
        result.seconds = clock.time()
        return result

    return run_virtual(main())


def failure(name: str) -> StatesError:
    return StatesError(name, json.dumps({"errorMessage": "why"}))


def test_a_task_gets_its_arguments_and_gives_its_output() -> None:
    done = run({"S": task()}, {"a": 1}, [{"b": 2}])
    assert done.script.payloads == [{"a": 1}]
    assert done.output == {"b": 2}


def test_without_output_the_whole_result_goes_on() -> None:
    state = task()
    del state["Output"]
    assert run({"S": state}, answers=["x"]).output["StatusCode"] == 200


def test_assign_takes_effect_only_after_output_and_assign_are_evaluated() -> None:
    swap = {"a": "{% $b %}", "b": "{% $a %}"}
    done = run(
        {
            "Begin": {"Type": "Pass", "Assign": {"a": 1, "b": 2}, "Next": "Swap"},
            "Swap": {"Type": "Pass", "Assign": swap, "Output": "{% $a %}", "Next": "E"},
            "E": {
                "Type": "Succeed",
                "Output": {"old": "{% $states.input %}", "now": "{% [$a, $b] %}"},
            },
        }
    )
    assert done.output == {"old": 1, "now": [2, 1]}


def test_a_choice_takes_the_first_rule_that_holds_and_its_assignments() -> None:
    states = {
        "C?": {
            "Type": "Choice",
            "Choices": [
                {"Condition": "{% $states.input.n > 10 %}", "Next": "Far"},
                {
                    "Condition": "{% $states.input.n > 5 %}",
                    "Assign": {"how": "middle"},
                    "Output": "from the rule",
                    "Next": "E",
                },
            ],
            "Assign": {"how": "default"},
            "Default": "E",
        },
        "Far": {"Type": "Succeed", "Output": "far"},
        "E": {"Type": "Succeed", "Output": "{% [$how, $states.input] %}"},
    }
    assert run(states, {"n": 11}).output == "far"
    assert run(states, {"n": 6}).output == ["middle", "from the rule"]
    assert run(states, {"n": 1}).output == ["default", {"n": 1}]


def test_a_condition_that_is_no_boolean_fails() -> None:
    states = {
        "C?": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input.n %}", "Next": "E"}],
            "Default": "E",
        },
        "E": {"Type": "Succeed"},
    }
    error = run(states, {"n": 1}).error
    assert error is not None
    assert error.error == "States.QueryEvaluationError"


def test_waits_take_their_time() -> None:
    seconds = {"W": {"Type": "Wait", "Seconds": "{% $states.input.s %}", "End": True}}
    assert run(seconds, {"s": 60}).seconds == pytest.approx(60 + TRANSITION_SECONDS)
    until = {"W": {"Type": "Wait", "Timestamp": "{% $states.input.t %}", "End": True}}
    assert run(until, {"t": "2026-01-05T10:00:00Z"}).seconds == pytest.approx(3600)
    past = run(until, {"t": "2026-01-05T08:00:00Z"})
    assert past.seconds == pytest.approx(TRANSITION_SECONDS)


@pytest.mark.parametrize("seconds", [-1, 1.5, "60", True, None])
def test_a_wait_of_no_whole_seconds_fails(seconds: Any) -> None:
    wait = {"W": {"Type": "Wait", "Seconds": "{% $states.input.s %}", "End": True}}
    error = run(wait, {"s": seconds}).error
    assert error is not None
    assert error.error == "States.QueryEvaluationError"


def test_fail_names_its_error_and_cause_from_expressions() -> None:
    error = run(
        {"F": {"Type": "Fail", "Error": "{% $states.input.e %}", "Cause": "so"}},
        {"e": "Mine"},
    ).error
    assert error is not None
    assert error.output == {"Error": "Mine", "Cause": "so"}


def test_the_context_tells_where_and_since_when() -> None:
    context = "{% $states.context %}"
    states = {
        "W": {"Type": "Wait", "Seconds": 60, "Next": "S"},
        "S": {"Type": "Succeed", "Output": context},
    }
    assert run(states, {"in": 1}).output == {
        "Execution": {
            "Id": "arn:execution",
            "Name": "one",
            "StartTime": "2026-01-05T09:00:00.000Z",
            "Input": {"in": 1},
        },
        "State": {
            "Name": "S",
            "EnteredTime": "2026-01-05T09:01:00.040Z",
            "RetryCount": 0,
        },
        "StateMachine": {"Id": "arn:machine", "Name": "m"},
    }


def test_a_retry_backs_off_and_gives_up() -> None:
    retry = [{"ErrorEquals": ["Busy"], "IntervalSeconds": 2, "MaxAttempts": 3}]
    done = run({"S": task(Retry=retry)}, answers=[failure("Busy") for _ in range(4)])
    assert done.error is not None
    assert done.error.error == "Busy"
    waits = [
        b - a for a, b in zip(done.script.times, done.script.times[1:], strict=False)
    ]
    assert waits == pytest.approx([2, 4, 8])


def test_a_retry_stops_at_its_longest_delay() -> None:
    retry = [
        {
            "ErrorEquals": ["Busy"],
            "IntervalSeconds": 5,
            "BackoffRate": 10,
            "MaxDelaySeconds": 20,
        }
    ]
    done = run({"S": task(Retry=retry)}, answers=[failure("Busy")] * 3 + ["ok"])
    waits = [
        b - a for a, b in zip(done.script.times, done.script.times[1:], strict=False)
    ]
    assert waits == pytest.approx([5, 20, 20])
    assert done.output == "ok"


def test_full_jitter_waits_anything_up_to_the_delay_and_repeats_with_its_seed() -> None:
    retry = [
        {
            "ErrorEquals": ["Busy"],
            "IntervalSeconds": 100,
            "BackoffRate": 1,
            "MaxAttempts": 20,
            "JitterStrategy": "FULL",
        }
    ]

    def times(seed: int) -> list[float]:
        answers = [failure("Busy")] * 20 + ["ok"]
        return run({"S": task(Retry=retry)}, answers=answers, seed=seed).script.times

    waits = [b - a for a, b in zip(times(1), times(1)[1:], strict=False)]
    assert all(0 <= wait <= 100 for wait in waits)
    assert min(waits) < 30
    assert max(waits) > 70
    assert times(1) == times(1)
    assert times(1) != times(2)


def test_each_retrier_counts_for_itself() -> None:
    retry = [
        {"ErrorEquals": ["A"], "MaxAttempts": 1},
        {"ErrorEquals": ["States.ALL"], "MaxAttempts": 1},
    ]
    answers = [failure("A"), failure("B"), "ok"]
    assert run({"S": task(Retry=retry)}, answers=answers).output == "ok"
    again = [failure("A"), failure("A"), "never"]
    error = run({"S": task(Retry=retry)}, answers=again).error
    assert error is not None
    assert error.error == "A"


def test_the_retry_count_is_in_the_context() -> None:
    state = task(
        Retry=[{"ErrorEquals": ["States.ALL"]}],
        Arguments={
            "FunctionName": "f",
            "Payload": "{% $states.context.State.RetryCount %}",
        },
    )
    done = run({"S": state}, answers=[failure("A"), failure("A"), "ok"])
    assert done.script.payloads == [0, 1, 2]


def test_a_catch_goes_on_with_the_error() -> None:
    catch = [
        {"ErrorEquals": ["Other"], "Next": "Never"},
        {
            "ErrorEquals": ["Mine"],
            "Assign": {"error": "{% $states.errorOutput.Error %}"},
            "Output": "{% $parse($states.errorOutput.Cause).errorMessage %}",
            "Next": "Caught",
        },
    ]
    states = {
        "S": task(Catch=catch),
        "Caught": {"Type": "Succeed", "Output": "{% [$error, $states.input] %}"},
        "Never": {"Type": "Succeed"},
    }
    assert run(states, answers=[failure("Mine")]).output == ["Mine", "why"]


def test_a_catch_without_output_gives_error_and_cause() -> None:
    states = {
        "S": task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]),
        "Caught": {"Type": "Succeed"},
    }
    assert run(states, answers=[failure("Mine")]).output == failure("Mine").output


def test_a_bad_expression_of_a_task_can_be_caught_by_it() -> None:
    state = task(
        Output="{% $states.result.Payload.missing %}",
        Catch=[{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "Caught"}],
    )
    done = run({"S": state, "Caught": {"Type": "Succeed"}}, answers=[{}])
    assert done.output["Error"] == "States.QueryEvaluationError"


@pytest.mark.parametrize(
    ("listed", "error", "caught"),
    [
        ("States.ALL", "Mine", True),
        ("States.ALL", "States.Timeout", True),
        ("States.ALL", "States.DataLimitExceeded", False),
        ("States.ALL", "States.Runtime", False),
        ("States.Runtime", "States.Runtime", False),
        ("States.DataLimitExceeded", "States.DataLimitExceeded", True),
        ("States.TaskFailed", "Mine", True),
        ("States.TaskFailed", "States.Timeout", False),
        ("Sandbox.Timedout", "Sandbox.Timedout", True),
        ("Mine", "MineToo", False),
    ],
)
def test_lists_of_errors_match_as_documented(
    listed: str, error: str, *, caught: bool
) -> None:
    states = {
        "S": task(Catch=[{"ErrorEquals": [listed], "Next": "Caught"}]),
        "Caught": {"Type": "Succeed", "Output": "caught"},
    }
    done = run(states, answers=[StatesError(error, "")])
    assert (done.output == "caught") is caught


def test_a_task_that_takes_too_long_times_out_and_may_be_retried() -> None:
    state = task(
        TimeoutSeconds=30,
        Retry=[{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 1}],
    )
    done = run({"S": state}, answers=[60.0, "ok"])
    assert done.output == "ok"
    assert done.script.times[1] == pytest.approx(30 + 1 + TRANSITION_SECONDS)


def test_an_execution_that_takes_too_long_ends_without_its_catches() -> None:
    states = {
        "S": task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]),
        "Caught": {"Type": "Succeed"},
    }
    with pytest.raises(TimeoutError):
        run(states, answers=[60.0], TimeoutSeconds=10)


def test_payloads_above_256_kib_fail_for_good() -> None:
    states = {
        "S": task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]),
        "Caught": {"Type": "Succeed"},
    }
    assert run(states, answers=["x" * 262_000]).error is None
    error = run(states, answers=["x" * 263_000]).error
    assert error is not None
    assert error.error == "States.DataLimitExceeded"


def test_the_history_is_counted_as_aws_writes_it() -> None:
    states = {
        "S": task(Retry=[{"ErrorEquals": ["A"]}]) | {"End": False, "Next": "W"},
        "W": {"Type": "Wait", "Seconds": 1, "Next": "E"},
        "E": {"Type": "Succeed"},
    }
    once = run(states, answers=["ok"]).progress
    # ExecutionStarted, 5 of the task, 2 each of Wait and Succeed.
    assert (once.events, once.transitions) == (10, 3)
    again = run(states, answers=[failure("A"), "ok"]).progress
    # TaskScheduled, TaskStarted, TaskFailed.
    assert again.events == 13


def test_an_endless_loop_ends_at_25000_events() -> None:
    done = run({"P": {"Type": "Pass", "Next": "Q"}, "Q": {"Type": "Pass", "Next": "P"}})
    assert done.error is not None
    assert done.error.error == "States.Runtime"
    assert done.progress.events == 25_000


def test_a_cancelled_execution_runs_no_catch() -> None:
    states = {
        "S": task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]),
        "Caught": {"Type": "Succeed"},
    }
    document = {"QueryLanguage": "JSONata", "StartAt": "S", "States": states}
    definition = load(json.dumps(document))

    async def main() -> Progress:
        clock, progress = Clock(), Progress()
        interpreter = Interpreter(
            definition,
            Identity("a", "b", "c", "d", clock.now()),
            tasks=Script(clock, [60.0]),
            clock=clock,
            random=Random(1),  # noqa: S311  repeatable
            progress=progress,
        )
        running = asyncio.ensure_future(interpreter.run({}))
        await clock.sleep(5)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return progress

    assert run_virtual(main()).visited == ["S"]


# -------------------------------------------------------------------- task tokens

CAUGHT = [{"ErrorEquals": ["States.ALL"], "Next": "C", "Output": "{% $states %}"}]


def waiting(**fields: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": f"{INVOKE}.waitForTaskToken",
        "Arguments": {
            "FunctionName": "f",
            "Payload": {"token": "{% $states.context.Task.Token %}"},
        },
        "TimeoutSeconds": 60,
        "End": True,
    } | fields


def test_a_task_waits_for_its_token_and_gives_what_came_with_it() -> None:
    done = run({"S": waiting()}, answers=["ignored"], words=[(50, {"word": "go"})])
    assert done.script.payloads == [{"token": "token 0"}]
    assert done.output == {"word": "go"}
    assert 50 <= done.seconds < 51
    # Started; entered, scheduled, started, submitted, succeeded, exited.
    assert done.progress.events == 7


def test_a_token_that_does_not_come_back_times_the_task_out() -> None:
    done = run({"S": waiting()}, answers=["ignored"], words=[(61, "late")])
    assert done.error is not None
    assert done.error.error == "States.Timeout"
    assert 60 <= done.seconds < 61
    assert done.script.callbacks[0].over
    # Started; entered, scheduled, started, submitted, timed out.
    assert done.progress.events == 6


def test_a_timeout_counts_from_the_invocation_and_ends_it_too() -> None:
    done = run({"S": waiting()}, answers=[100.0])
    assert done.error is not None
    assert done.error.error == "States.Timeout"
    assert 60 <= done.seconds < 61
    assert done.progress.events == 5


def test_a_word_that_overtakes_the_functions_answer_counts() -> None:
    done = run({"S": waiting()}, answers=[30.0], words=[(10, "early")])
    assert done.output == "early"
    assert 10 <= done.seconds < 11


def test_a_function_error_fails_the_task_at_once_and_ends_its_token() -> None:
    done = run({"S": waiting()}, answers=[failure("Broken")], words=[(10, "late")])
    assert done.error is not None
    assert done.error.error == "Broken"
    assert done.seconds < 1
    assert done.script.callbacks[0].over


def test_a_failure_by_token_is_caught_by_its_name() -> None:
    catch = [{"ErrorEquals": ["Refused"], "Next": "C"}]
    done = run(
        {"S": waiting(Catch=catch), "C": {"Type": "Succeed"}},
        answers=["ignored"],
        words=[(10, StatesError("Refused", "why"))],
    )
    assert done.output == {"Error": "Refused", "Cause": "why"}


def test_each_attempt_has_a_token_of_its_own() -> None:
    retry = [{"ErrorEquals": ["Busy"], "IntervalSeconds": 5}]
    done = run(
        {"S": waiting(Retry=retry)},
        answers=[failure("Busy"), "ignored"],
        words=[(7, "for the first"), (20, "for the second")],
    )
    assert [p["token"] for p in done.script.payloads] == ["token 0", "token 1"]
    assert done.output == "for the second"


def test_the_token_is_gone_when_the_task_is_over() -> None:
    done = run(
        {"S": waiting(Catch=CAUGHT), "C": {"Type": "Succeed"}},
        answers=[failure("Broken")],
    )
    assert set(done.output["context"]) == {"Execution", "State", "StateMachine"}
