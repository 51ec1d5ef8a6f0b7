"""Reading state machine definitions: everything wrong with one, found before it runs.

https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml

from localcloud.asl.expressions import (
    InvalidExpression,
    builtin_functions,
    expressions_in,
    is_expression,
    names,
)

LAMBDA_INVOKE = "arn:aws:states:::lambda:invoke"
LAMBDA_INVOKE_AND_WAIT = "arn:aws:states:::lambda:invoke.waitForTaskToken"
START_EXECUTION = "arn:aws:states:::states:startExecution.sync:2"
FUNCTION_RESOURCES = frozenset({LAMBDA_INVOKE, LAMBDA_INVOKE_AND_WAIT})

_MACHINE_FIELDS = frozenset(
    {"Comment", "QueryLanguage", "StartAt", "TimeoutSeconds", "States", "Version"}
)
_COMMON = frozenset({"Type", "Comment"})
_LEAVING = frozenset({"Output", "Assign", "Next", "End"})
_CATCHING = frozenset({"Retry", "Catch"})
_FIELDS: Mapping[str, frozenset[str]] = {
    "Task": _LEAVING | _CATCHING | {"Resource", "Arguments", "TimeoutSeconds"},
    "Choice": frozenset({"Choices", "Default", "Output", "Assign"}),
    "Wait": _LEAVING | {"Seconds", "Timestamp"},
    "Pass": _LEAVING,
    "Succeed": frozenset({"Output"}),
    "Fail": frozenset({"Error", "Cause"}),
    "Map": _LEAVING
    | _CATCHING
    | {"Items", "ItemSelector", "MaxConcurrency", "ItemProcessor"},
    "Parallel": _LEAVING | _CATCHING | {"Branches", "Arguments"},
}
_BRANCH_FIELDS = frozenset({"Comment", "StartAt", "States"})
_WITHIN = frozenset({"ItemProcessor", "Branches"})
"""Fields that hold states, which are checked as such."""
_RULE_FIELDS = frozenset({"Condition", "Next", "Output", "Assign", "Comment"})
_RETRY_FIELDS = frozenset(
    {
        "ErrorEquals",
        "IntervalSeconds",
        "MaxAttempts",
        "BackoffRate",
        "MaxDelaySeconds",
        "JitterStrategy",
        "Comment",
    }
)
_CATCH_FIELDS = frozenset({"ErrorEquals", "Next", "Assign", "Output", "Comment"})
_ARGUMENTS: Mapping[str, frozenset[str]] = {
    LAMBDA_INVOKE: frozenset({"FunctionName", "Payload"}),
    LAMBDA_INVOKE_AND_WAIT: frozenset({"FunctionName", "Payload"}),
    START_EXECUTION: frozenset({"StateMachineArn", "Input", "Name"}),
}
_NAME_LIMIT = 80
"""Characters of a state's or variable's name."""


class InvalidDefinition(Exception):
    """A definition that this interpreter, or Step Functions, would not take."""

    def __init__(self, source: str, findings: list[str]) -> None:
        super().__init__("\n".join(f"{source}: {finding}" for finding in findings))
        self.findings = findings


@dataclass(frozen=True, slots=True)
class Retrier:
    """One entry of Retry, with the defaults of Step Functions."""

    error_equals: tuple[str, ...]
    interval_seconds: float = 1
    max_attempts: int = 3
    backoff_rate: float = 2.0
    max_delay_seconds: float | None = None
    full_jitter: bool = False

    def delay_seconds(self, attempt: int) -> float:
        """Return the wait before a retry (the first is 0), before any jitter."""
        delay = self.interval_seconds * self.backoff_rate**attempt
        if self.max_delay_seconds is not None:
            delay = min(delay, self.max_delay_seconds)
        return delay


@dataclass(frozen=True, slots=True)
class Way:
    """A way out of a state: a Choice's rule, a Catch's entry, or the plain end."""

    next: str | None
    """None where the execution ends here."""
    assign: Mapping[str, Any]
    output: Any = None
    has_output: bool = False
    condition: str | None = None
    error_equals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Workflow:
    """States that go from one to another: a whole machine, a branch, or an iteration.

    None of its states leads out of it, and none outside leads in (state-parallel.html,
    state-map-inline.html).
    """

    start_at: str
    states: Mapping[str, "State"]

    def walk(self) -> Iterator[tuple["State", tuple["State", ...]]]:
        """Give every state, also those within others, each with those around it."""
        for state in self.states.values():
            yield state, ()
            for inner in state.workflows:
                for deeper, around in inner.walk():
                    yield deeper, (state, *around)

    def every_state(self) -> Iterator["State"]:
        """Give every state, also those within others."""
        return (state for state, _ in self.walk())


@dataclass(frozen=True, slots=True)
class State:
    """One state. `way` is where it goes when nothing else applies."""

    name: str
    type: str
    fields: Mapping[str, Any]
    way: Way
    rules: tuple[Way, ...] = ()
    catchers: tuple[Way, ...] = ()
    retriers: tuple[Retrier, ...] = ()
    workflows: tuple[Workflow, ...] = ()
    """A Parallel's branches; what a Map does with each item."""

    @property
    def ways(self) -> tuple[Way, ...]:
        """Every way out of the state."""
        return (self.way, *self.rules, *self.catchers)


@dataclass(frozen=True, slots=True)
class Definition(Workflow):
    """A state machine that can be run."""

    source: str
    comment: str
    timeout_seconds: float | None


@lru_cache(maxsize=64)
def load(text: str, source: str = "definition") -> Definition:
    """Read a definition in YAML or JSON, once for each text: nothing changes it.

    Raises InvalidDefinition with all findings, each naming its state and field.
    """
    try:
        document = yaml.load(text, yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise InvalidDefinition(source, [f"is no YAML: {error}"]) from error
    if not isinstance(document, dict):
        raise InvalidDefinition(source, ["the definition is not a mapping"])
    findings = list(_machine(document))
    if findings:
        raise InvalidDefinition(source, findings)
    whole = _workflow(document)
    definition = Definition(
        whole.start_at,
        whole.states,
        source,
        document.get("Comment", ""),
        document.get("TimeoutSeconds"),
    )
    findings = [*_names(definition), *_graph(definition), *_variables(definition)]
    if findings:
        raise InvalidDefinition(source, findings)
    return definition


def _way(raw: Mapping[str, Any], following: str | None) -> Way:
    return Way(
        next=following,
        assign=raw.get("Assign", {}),
        output=raw.get("Output"),
        has_output="Output" in raw,
        condition=raw.get("Condition"),
        error_equals=tuple(raw.get("ErrorEquals", ())),
    )


def _workflow(raw: Mapping[str, Any]) -> Workflow:
    states = {name: _state(name, inner) for name, inner in raw["States"].items()}
    return Workflow(raw["StartAt"], states)


def _state(name: str, raw: Mapping[str, Any]) -> State:
    following = raw.get("Default") if raw["Type"] == "Choice" else raw.get("Next")
    retriers = tuple(
        Retrier(
            tuple(entry["ErrorEquals"]),
            entry.get("IntervalSeconds", 1),
            entry.get("MaxAttempts", 3),
            entry.get("BackoffRate", 2.0),
            entry.get("MaxDelaySeconds"),
            entry.get("JitterStrategy") == "FULL",
        )
        for entry in raw.get("Retry", ())
    )
    return State(
        name,
        raw["Type"],
        raw,
        _way(raw, following),
        tuple(_way(rule, rule["Next"]) for rule in raw.get("Choices", ())),
        tuple(_way(entry, entry["Next"]) for entry in raw.get("Catch", ())),
        retriers,
        tuple(_workflow(inner) for inner in _within(raw)),
    )


def _within(raw: Mapping[str, Any]) -> list[Any]:
    """Return what a state holds that has states itself."""
    if raw["Type"] == "Map":
        return [raw.get("ItemProcessor")]
    branches = raw.get("Branches", [])
    return list(branches) if isinstance(branches, list) else [branches]


# ------------------------------------------------------------------ shape of each state


def _machine(document: Mapping[str, Any]) -> Iterator[str]:
    for field in sorted(set(document) - _MACHINE_FIELDS):
        yield f"top level: {field} is not modelled"
    if document.get("QueryLanguage") != "JSONata":
        yield "top level: QueryLanguage must be JSONata"
    yield from _workflow_findings("top level", document)


def _workflow_findings(place: str, raw: Mapping[str, Any]) -> Iterator[str]:
    states = raw.get("States")
    if not isinstance(states, dict) or not states:
        yield f"{place}: States must hold at least one state"
        return
    if raw.get("StartAt") not in states:
        yield f"{place}: StartAt names no state: {raw.get('StartAt')}"
    for name, state in states.items():
        for finding in _state_findings(state):
            yield f"state {name}: {finding}"
        if len(name) > _NAME_LIMIT:
            yield f"state {name}: a name has at most {_NAME_LIMIT} characters"
        if isinstance(state, dict) and state.get("Type") in {"Map", "Parallel"}:
            yield from _inner_findings(name, state)


def _inner_findings(name: str, raw: Mapping[str, Any]) -> Iterator[str]:
    """Check the states within a state as those of the top level."""
    known = _BRANCH_FIELDS | ({"ProcessorConfig"} if raw["Type"] == "Map" else set())
    for number, inner in enumerate(_within(raw)):
        field = "ItemProcessor" if raw["Type"] == "Map" else f"Branches[{number}]"
        if not isinstance(inner, dict):
            yield f"state {name}: {field} is not a mapping"
            continue
        for finding in _unknown(inner, known):
            yield f"state {name}: {field}: {finding}"
        yield from _workflow_findings(f"state {name}: {field}", inner)


def _state_findings(raw: Any) -> Iterator[str]:
    if not isinstance(raw, dict):
        yield "is not a mapping"
        return
    kind = str(raw.get("Type"))
    if kind not in _FIELDS:
        yield f"Type {kind} is not modelled"
        return
    yield from _unknown(raw, _FIELDS[kind] | _COMMON)
    if "Next" in _FIELDS[kind] and ("Next" in raw) == (raw.get("End") is True):
        yield "needs either Next or End: true"
    yield from _assign_findings(raw)
    check = {
        "Task": _task,
        "Choice": _choice,
        "Wait": _wait,
        "Fail": _fail,
        "Map": _map,
        "Parallel": _parallel,
    }.get(kind)
    if check:
        yield from check(raw)
    yield from _error_findings(raw)
    yield from _expression_findings(raw)


def _unknown(raw: Mapping[str, Any], known: frozenset[str]) -> Iterator[str]:
    for field in sorted(set(raw) - known):
        yield f"field {field} is not modelled"


def _assign_findings(raw: Mapping[str, Any]) -> Iterator[str]:
    assign = raw.get("Assign", {})
    if not isinstance(assign, dict):
        yield "Assign must be a mapping"
        return
    for name in assign:
        if name == "states" or not name.isidentifier() or len(name) > _NAME_LIMIT:
            yield f"Assign: {name} cannot be a variable's name"


def _task(raw: Mapping[str, Any]) -> Iterator[str]:
    resource = str(raw.get("Resource"))
    if resource not in _ARGUMENTS:
        yield f"Resource {resource} is not modelled"
        return
    arguments = raw.get("Arguments")
    if not isinstance(arguments, dict):
        yield "Arguments must be a mapping"
        return
    of_function = resource in FUNCTION_RESOURCES
    required = "FunctionName" if of_function else "StateMachineArn"
    if required not in arguments:
        yield f"Arguments needs {required}"
    for finding in _unknown(arguments, _ARGUMENTS[resource]):
        yield f"Arguments: {finding}"
    if resource == LAMBDA_INVOKE_AND_WAIT and not _gives_token(arguments):
        yield "Arguments: nothing gives away $states.context.Task.Token"


def _map(raw: Mapping[str, Any]) -> Iterator[str]:
    """Check a Map in inline mode (state-map-inline.html).

    Items may be left out on AWS, where it is the state's input; here it is said.
    """
    items = raw.get("Items")
    if not isinstance(items, list) and not is_expression(items):
        yield "Items must be a list or an expression"
    most = raw.get("MaxConcurrency", 0)
    number = isinstance(most, int) and not isinstance(most, bool) and most >= 0
    if not number and not is_expression(most):
        yield "MaxConcurrency must be 0 (no limit), a number above, or an expression"
    processor = raw.get("ItemProcessor")
    if isinstance(processor, dict):
        config = processor.get("ProcessorConfig", {})
        if config not in ({}, {"Mode": "INLINE"}):
            yield f"ItemProcessor: ProcessorConfig {config} is not modelled"


def _parallel(raw: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(raw.get("Branches"), list) or not raw["Branches"]:
        yield "Branches must hold at least one branch"


def _error_findings(raw: Mapping[str, Any]) -> Iterator[str]:
    """Check Retry and Catch, which Task, Map and Parallel have."""
    if not _FIELDS[raw["Type"]] >= _CATCHING:
        return
    for entry in raw.get("Retry", ()):
        yield from (f"Retry: {finding}" for finding in _retry(entry))
    for entry in raw.get("Catch", ()):
        yield from (f"Catch: {finding}" for finding in _catch(entry))
    for field in ("Retry", "Catch"):
        if any(
            "States.ALL" in e.get("ErrorEquals", ()) for e in raw.get(field, ())[:-1]
        ):
            yield f"{field}: States.ALL must be in the last entry"


def _gives_token(arguments: Mapping[str, Any]) -> bool:
    """Say whether a wait can be ended: somebody has to get its token."""
    try:
        return any("Task" in names(e).context for e in expressions_in(arguments))
    except InvalidExpression:
        return True


def _retry(entry: Mapping[str, Any]) -> Iterator[str]:
    yield from _unknown(entry, _RETRY_FIELDS)
    yield from _error_equals(entry)
    if entry.get("JitterStrategy", "NONE") not in {"FULL", "NONE"}:
        yield "JitterStrategy must be FULL or NONE"
    for field in ("BackoffRate", "IntervalSeconds"):
        if entry.get(field, 1) < 1:
            yield f"{field} must be 1 or more"


def _catch(entry: Mapping[str, Any]) -> Iterator[str]:
    yield from _unknown(entry, _CATCH_FIELDS)
    yield from _error_equals(entry)
    yield from _assign_findings(entry)
    if "Next" not in entry:
        yield "needs Next"


def _error_equals(entry: Mapping[str, Any]) -> Iterator[str]:
    equals = entry.get("ErrorEquals")
    if not isinstance(equals, list) or not equals:
        yield "needs ErrorEquals"
    elif "States.ALL" in equals and len(equals) > 1:
        yield "States.ALL must stand alone"


def _choice(raw: Mapping[str, Any]) -> Iterator[str]:
    if not raw.get("Choices"):
        yield "Choices must hold at least one rule"
    if "Default" not in raw:
        yield "needs a Default"
    for rule in raw.get("Choices", ()):
        yield from (f"Choices: {f}" for f in _unknown(rule, _RULE_FIELDS))
        yield from (f"Choices: {f}" for f in _assign_findings(rule))
        if "Next" not in rule:
            yield "Choices: needs Next"
        condition = rule.get("Condition")
        if not isinstance(condition, bool) and not is_expression(condition):
            yield "Choices: Condition must be an expression"


def _wait(raw: Mapping[str, Any]) -> Iterator[str]:
    if ("Seconds" in raw) == ("Timestamp" in raw):
        yield "needs either Seconds or Timestamp"


def _fail(raw: Mapping[str, Any]) -> Iterator[str]:
    for field in ("Error", "Cause"):
        if not isinstance(raw.get(field, ""), str):
            yield f"{field} must be a string"


def _expression_findings(raw: Mapping[str, Any]) -> Iterator[str]:
    """Check each expression by itself: readable, known functions, known $states."""
    for place, value, members in _places(raw):
        for expression in expressions_in(value):
            try:
                used = names(expression)
            except InvalidExpression as error:
                yield f"{place}: {error}"
                continue
            for function in sorted(used.functions - builtin_functions()):
                yield f"{place}: the function ${function} is not modelled"
            for member in sorted(used.states - members):
                yield f"{place}: $states.{member} does not exist here"
            for member in sorted(used.context - _context(raw, place)):
                yield f"{place}: $states.context.{member} does not exist here"


_ALWAYS = frozenset({"input", "context"})
_CONTEXT = frozenset({"Execution", "State", "StateMachine"})


def _context(raw: Mapping[str, Any], place: str) -> frozenset[str]:
    """Return the members of $states.context.

    A token is for arguments only. The item that a Map is at is for ItemSelector, and
    not for the states of ItemProcessor (input-output-contextobject.html).
    """
    if place == "ItemSelector":
        return _CONTEXT | {"Map"}
    waits = raw.get("Resource") == LAMBDA_INVOKE_AND_WAIT
    return _CONTEXT | {"Task"} if waits and place == "Arguments" else _CONTEXT


def _places(raw: Mapping[str, Any]) -> Iterator[tuple[str, Any, frozenset[str]]]:
    """Give each place of a state, with the members of $states that it can see.

    States within the state are places of their own.
    """
    gives_result = raw["Type"] in {"Task", "Map", "Parallel"}
    after = _ALWAYS | {"result"} if gives_result else _ALWAYS
    for field, value in raw.items():
        if field in {"Output", "Assign"}:
            yield field, value, after
        elif field == "Catch":
            yield field, value, _ALWAYS | {"errorOutput"}
        elif field != "Comment" and field not in _WITHIN:
            yield field, value, _ALWAYS


# ------------------------------------------------------------------ the whole machine


def _names(definition: Definition) -> Iterator[str]:
    """Find names that several states have, wherever these are.

    A name "must be unique within the scope of the entire state machine"
    (workflow-states.html).
    """
    seen: set[str] = set()
    for state in definition.every_state():
        if state.name in seen:
            yield f"state {state.name}: another state has that name"
        seen.add(state.name)


def _graph(workflow: Workflow) -> Iterator[str]:
    for state in workflow.states.values():
        for way in state.ways:
            if way.next is not None and way.next not in workflow.states:
                yield f"state {state.name}: Next names no state: {way.next}"
    reached: set[str] = set()
    waiting = [workflow.start_at]
    while waiting:
        name = waiting.pop()
        if name in reached or name not in workflow.states:
            continue
        reached.add(name)
        waiting += [way.next for way in workflow.states[name].ways if way.next]
    for name, state in workflow.states.items():
        if name not in reached:
            yield f"state {name}: cannot be reached"
        for inner in state.workflows:
            yield from _graph(inner)


_NONE: frozenset[str] = frozenset()


def _variables(
    workflow: Workflow, outer: frozenset[str] = _NONE, taken: frozenset[str] = _NONE
) -> Iterator[str]:
    """Find variables that no way to a state has assigned, or that it may not assign.

    A branch and an iteration see the variables of the scopes around them, here `outer`,
    and assign only their own, of other names than those assigned anywhere around, here
    `taken` (workflow-variables.html, Variable scope).
    """
    ours = frozenset(
        name
        for state in workflow.states.values()
        for way in state.ways
        for name in way.assign
    )
    for state in workflow.states.values():
        for name in sorted({n for way in state.ways for n in way.assign} & taken):
            yield f"state {state.name}: Assign: an outer scope assigns ${name}"
    for name, known in _assignable(workflow, outer).items():
        state = workflow.states[name]
        reported: set[str] = set()
        for place, value, _ in _places(state.fields):
            used = {v for e in expressions_in(value) for v in names(e).variables}
            for variable in sorted(used - known - reported - {"states"}):
                reported.add(variable)
                yield (
                    f"state {name}: {place}: no way here assigns the variable "
                    f"${variable}"
                )
        for inner in state.workflows:
            yield from _variables(inner, known, taken | ours)


def _assignable(workflow: Workflow, outer: frozenset[str]) -> dict[str, frozenset[str]]:
    """Return which variables some way to each state has assigned."""
    known: dict[str, frozenset[str]] = {workflow.start_at: outer}
    waiting = [workflow.start_at]
    while waiting:
        state = workflow.states[waiting.pop()]
        for way in state.ways:
            if way.next is None or way.next not in workflow.states:
                continue
            after = known[state.name] | set(way.assign)
            if way.next not in known or not after <= known[way.next]:
                known[way.next] = known.get(way.next, frozenset()) | after
                waiting.append(way.next)
    return known
