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
from localcloud.asl.branches import side_by_side
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


# ----------------------------------------------------------------- Parallel and Map


def inner(**states: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": next(iter(states)), "States": states}


def each(processor: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "Type": "Map",
        "Items": "{% $states.input.list %}",
        "ItemProcessor": processor,
        "End": True,
    } | fields


def both(*branches: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"Type": "Parallel", "Branches": list(branches), "End": True} | fields


def wait(seconds: Any, **fields: Any) -> dict[str, Any]:
    return {"Type": "Wait", "Seconds": seconds, "End": True} | fields


def fail(name: str) -> dict[str, Any]:
    return {"Type": "Fail", "Error": name, "Cause": "so"}


IN = "{% $states.input %}"
PASS = {"Type": "Pass", "End": True}


def test_branches_run_at_once_on_the_same_input_and_answer_in_their_order() -> None:
    slow = wait(60, Output={"slow": IN})
    fast = wait(10, Output={"fast": IN})
    done = run({"S": both(inner(Slow=slow), inner(Fast=fast))}, {"a": 1})
    assert done.output == [{"slow": {"a": 1}}, {"fast": {"a": 1}}]
    assert done.seconds == pytest.approx(60 + 2 * TRANSITION_SECONDS)


def test_arguments_are_what_branches_get_in_place_of_the_input() -> None:
    given = {"double": "{% $states.input.n * 2 %}"}
    done = run({"S": both(inner(A=PASS), inner(B=PASS), Arguments=given)}, {"n": 2})
    assert done.output == [{"double": 4}, {"double": 4}]


def test_an_input_is_data_also_where_it_looks_like_an_expression() -> None:
    odd = {"list": ["{% 1 + 1 %}"]}
    assert run({"S": both(inner(A=PASS))}, odd).output == [odd]
    assert run({"S": each(inner(A=PASS))}, odd).output == odd["list"]


def test_a_map_does_the_same_with_each_item_and_keeps_their_order() -> None:
    twice = wait("{% $states.input.wait %}", Output="{% $states.input.n * 2 %}")
    items = [{"n": 1, "wait": 30}, {"n": 2, "wait": 1}, {"n": 3, "wait": 20}]
    done = run({"S": each(inner(A=twice))}, {"list": items})
    assert done.output == [2, 4, 6]
    assert done.seconds == pytest.approx(30 + 2 * TRANSITION_SECONDS)
    assert run({"S": each(inner(A=twice))}, {"list": []}).output == []
    literal = each(inner(B=PASS), Items=[1, "{% $states.input.two %}"])
    assert run({"S": literal}, {"two": 2}).output == [1, 2]


def test_a_selector_makes_an_items_input_of_the_item_its_index_and_the_input() -> None:
    selector = {
        "item": "{% $states.context.Map.Item.Value %}",
        "at": "{% $states.context.Map.Item.Index %}",
        "from": "{% $states.context.Map.Item.Source %}",
        "all": "{% $count($states.input.list) %}",
    }
    done = run({"S": each(inner(A=PASS), ItemSelector=selector)}, {"list": ["x", "y"]})
    assert done.output == [
        {"item": "x", "at": 0, "from": "STATE_DATA", "all": 2},
        {"item": "y", "at": 1, "from": "STATE_DATA", "all": 2},
    ]


@pytest.mark.parametrize(
    ("most", "items", "seconds"),
    [(0, 5, 10), (2, 5, 30), (1, 3, 30), (100, 41, 20), ("{% 1 + 1 %}", 4, 20)],
)
def test_so_many_items_are_worked_on_at_once(
    most: Any, items: int, seconds: int
) -> None:
    """Without a limit 40 (state-map-inline.html)."""
    state = each(inner(A=wait(10)), MaxConcurrency=most)
    done = run({"S": state}, {"list": list(range(items))})
    assert done.output == list(range(items))
    assert done.seconds == pytest.approx(seconds, abs=1)


@pytest.mark.parametrize(
    "fields",
    [
        {"Items": "{% $states.input.text %}"},
        {"Items": "{% $states.input.mapping %}"},
        {"Items": "{% $states.input.list[$ > 1] %}"},
        {"Items": "{% $states.input.missing %}"},
        {"MaxConcurrency": "{% 1.5 %}"},
        {"ItemSelector": "{% $states.input.missing %}"},
    ],
)
def test_what_is_no_list_or_number_is_a_query_evaluation_error(
    fields: dict[str, Any],
) -> None:
    """An object is none (inline mode), nor is what JSONata makes of a list of one."""
    given = {"list": [1, 2], "text": "x", "mapping": {"a": 1}}
    catch = [{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "Caught"}]
    state = each(inner(A=PASS), Catch=catch, **fields)
    done = run({"S": state, "Caught": {"Type": "Succeed", "Output": "caught"}}, given)
    assert done.output == "caught"


def test_the_result_can_be_assigned_and_is_what_goes_on() -> None:
    result = "{% $sum($states.result) %}"
    state = each(inner(A=PASS), Assign={"sum": result}, Output=result)
    states = {
        "S": state | {"End": False, "Next": "E"},
        "E": {"Type": "Succeed", "Output": "{% [$sum, $states.input] %}"},
    }
    assert run(states, {"list": [1, 2, 3]}).output == [6, 6]


def test_inner_scopes_read_outer_variables_and_keep_their_own() -> None:
    own = {"Type": "Pass", "Assign": {"own": IN}, "Output": IN, "Next": "W"}
    pause = wait("{% 10 - $own %}", Output="{% [$own, $outer] %}")
    states = {
        "Begin": {"Type": "Pass", "Assign": {"outer": "o"}, "Next": "S"},
        "S": each(inner(A=own, W=pause)),
    }
    done = run(states, {"list": [1, 2, 3]})
    assert done.output == [[1, "o"], [2, "o"], [3, "o"]]


def test_the_first_branch_that_fails_fails_the_state_and_stops_the_others() -> None:
    late = {"Type": "Pass", "End": True}
    failing = inner(Pause=wait(5, End=False, Next="Fail"), Fail=fail("Mine"))
    other = inner(Long=wait(60, End=False, Next="Late"), Late=late)
    third = inner(Later=wait(7, End=False, Next="Fail2"), Fail2=fail("Other"))
    done = run({"S": both(other, failing, third)})
    assert done.error is not None
    assert done.error.output == {"Error": "Mine", "Cause": "so"}
    assert done.seconds < 6
    assert "Late" not in done.progress.visited
    assert "Fail2" not in done.progress.visited


def test_an_item_that_fails_lets_no_further_one_begin() -> None:
    state = each(inner(A=task()), MaxConcurrency=1)
    done = run({"S": state}, {"list": [1, 2, 3]}, ["ok", failure("Mine")])
    assert done.error is not None
    assert done.error.error == "Mine"
    assert done.script.payloads == [1, 2]


def test_branches_that_fail_at_the_same_time_fail_the_state_once() -> None:
    catch = [
        {"ErrorEquals": ["First"], "Next": "Caught"},
        {"ErrorEquals": ["States.ALL"], "Next": "Wrong"},
    ]
    states = {
        "S": both(inner(A=fail("First")), inner(B=fail("Second")), Catch=catch),
        "Caught": {"Type": "Succeed", "Output": "caught"},
        "Wrong": {"Type": "Succeed", "Output": "wrong"},
    }
    done = run(states)
    assert done.output == "caught"
    assert done.progress.visited == ["S", "A", "B", "Caught"]


def test_a_catch_of_a_map_assigns_in_the_scope_around_it() -> None:
    catch = [
        {
            "ErrorEquals": ["Mine"],
            "Assign": {"error": "{% $states.errorOutput.Error %}"},
            "Next": "Caught",
        }
    ]
    states = {
        "S": each(inner(A=task()), Catch=catch),
        "Caught": {"Type": "Succeed", "Output": "{% [$error, $states.input] %}"},
    }
    done = run(states, {"list": [1]}, [failure("Mine")])
    assert done.output == ["Mine", failure("Mine").output]


def test_a_retry_runs_all_items_again_also_those_that_succeeded() -> None:
    retry = [{"ErrorEquals": ["Busy"], "IntervalSeconds": 10}]
    state = each(inner(A=task()), Retry=retry, MaxConcurrency=1)
    answers = ["a", failure("Busy"), "c", "d"]
    done = run({"S": state}, {"list": [1, 2]}, answers)
    assert done.output == ["c", "d"]
    assert done.script.payloads == [1, 2, 1, 2]
    assert done.script.times[2] - done.script.times[1] == pytest.approx(
        10 + TRANSITION_SECONDS
    )
    assert done.progress.retries == 1


def test_a_stopped_branch_gives_its_token_up_and_runs_no_catch() -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "C"}]
    held = inner(Hold=waiting(Catch=catch), C={"Type": "Succeed"})
    failing = inner(Pause=wait(5, End=False, Next="Fail"), Fail=fail("Mine"))
    done = run({"S": both(held, failing)}, answers=["ignored"])
    assert done.error is not None
    assert done.error.error == "Mine"
    assert done.script.callbacks[0].over
    assert "C" not in done.progress.visited


def test_each_branch_that_waits_has_a_token_of_its_own() -> None:
    state = both(inner(A=waiting()), inner(B=waiting()))
    done = run({"S": state}, answers=[1, 2], words=[(20, "first"), (10, "second")])
    assert done.output == ["first", "second"]


def test_maps_and_parallels_may_hold_each_other() -> None:
    deep = each(inner(In=both(inner(A=PASS), inner(B=each(inner(C=PASS))))))
    done = run({"S": deep}, {"list": [{"list": [1]}, {"list": []}]})
    assert done.output == [[{"list": [1]}, [1]], [{"list": []}, []]]


def test_an_execution_that_takes_too_long_ends_within_branches_too() -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    states = {
        "S": both(inner(A=wait(60)), Catch=catch),
        "Caught": {"Type": "Succeed"},
    }
    with pytest.raises(TimeoutError):
        run(states, TimeoutSeconds=10)


def test_results_above_256_kib_together_fail_for_good() -> None:
    state = each(inner(A=task()))
    given = {"list": [1, 2]}
    assert run({"S": state}, given, ["x" * 130_000] * 2).error is None
    error = run({"S": state}, given, ["x" * 140_000] * 2).error
    assert error is not None
    assert error.error == "States.DataLimitExceeded"


@pytest.mark.parametrize(
    ("state", "events", "transitions"),
    [
        # Started; entered, started; two of each Pass; succeeded, exited.
        (both(inner(A=PASS), inner(B=PASS)), 9, 3),
        # For each of two items also: started, succeeded.
        (each(inner(A=PASS)), 13, 3),
        # Started; entered, started; entered; failed.
        (both(inner(A=fail("E"))), 5, 2),
        # Started; entered, started; both started, entered, failed or aborted; failed.
        (each(inner(A=fail("E"))), 10, 3),
        # Started; entered, evaluation failed, failed.
        (each(inner(A=PASS), Items="{% 1 %}"), 4, 1),
        # Wait entered and aborted; Fail entered.
        (both(inner(A=wait(9)), inner(B=fail("E"))), 7, 3),
        # The inner one entered, started, failed, aborted; Fail entered.
        (both(inner(A=both(inner(B=fail("E"))))), 9, 3),
    ],
)
def test_what_happens_within_is_counted_as_aws_writes_it(
    state: dict[str, Any], events: int, transitions: int
) -> None:
    progress = run({"S": state}, {"list": [1, 2]}).progress
    assert (progress.events, progress.transitions) == (events, transitions)


def test_attempts_of_a_parallel_are_in_the_history_and_one_failure_at_last() -> None:
    retry = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]
    progress = run({"S": both(inner(A=fail("E")), Retry=retry)}).progress
    # Started; entered; twice started, entered; failed.
    assert progress.events == 7
    assert (progress.transitions, progress.retries) == (3, 1)


def test_a_task_that_fails_in_a_branch_is_told_failed_and_aborted() -> None:
    state = both(inner(A=task()))
    progress = run({"S": state}, answers=[failure("E")]).progress
    # Started; entered, started; entered, scheduled, started, failed, aborted; failed.
    assert progress.events == 9


def test_a_fault_of_the_cloud_itself_is_no_error_of_a_state() -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    states = {
        "S": both(inner(A=task()), Catch=catch),
        "Caught": {"Type": "Succeed"},
    }
    with pytest.raises(ZeroDivisionError):
        run(states, answers=[ZeroDivisionError()])


def test_a_fault_in_what_a_failure_stops_is_not_lost() -> None:
    async def failing() -> None:
        await asyncio.sleep(1)
        raise StatesError("Mine", "why")

    async def faulty() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_virtual(side_by_side([failing, faulty], 2))


def test_items_can_fill_the_history_and_nothing_catches_that() -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    states = {
        "S": each(inner(A=PASS), Items="{% [1..7000] %}", Catch=catch),
        "Caught": {"Type": "Succeed"},
    }
    done = run(states)
    assert done.error is not None
    assert done.error.error == "States.Runtime"
