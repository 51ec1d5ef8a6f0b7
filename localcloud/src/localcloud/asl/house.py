"""Rules of this house for state machines, beyond what Step Functions asks."""

from collections.abc import Iterator

from localcloud.asl.definition import Definition, State

STATE_LIMIT = 30
_TASK_FIELDS = ("Comment", "TimeoutSeconds", "Retry", "Catch")


def house_rules(definition: Definition, *, fewer_than: int = STATE_LIMIT) -> list[str]:
    """List what breaks the house's rules; each finding names its state and field."""
    findings = []
    if not definition.comment:
        findings.append("top level: needs a Comment: purpose, input, output, errors")
    if len(definition.states) >= fewer_than:
        findings.append(f"top level: {len(definition.states)} states: nest some")
    for state in definition.states.values():
        findings += [f"state {state.name}: {f}" for f in _state(state)]
    return [f"{definition.source}: {finding}" for finding in findings]


def _state(state: State) -> Iterator[str]:
    name = state.name
    if state.type == "Choice":
        if not name.endswith("?"):
            yield "a Choice is named as a question"
        return
    if not name.isidentifier() or not name[0].isupper() or "_" in name:
        yield "is not named in PascalCase"
    if state.type != "Task":
        return
    for field in _TASK_FIELDS:
        if field not in state.fields:
            yield f"a Task needs {field}"
    yield from _retry(state)


def _retry(state: State) -> Iterator[str]:
    final_errors_named = False
    for retrier in state.retriers:
        if not retrier.max_attempts:
            final_errors_named = True
            continue
        if not retrier.full_jitter:
            yield "Retry needs JitterStrategy FULL"
        if "States.ALL" in retrier.error_equals and not final_errors_named:
            yield "Retry of States.ALL needs an entry before it that names final errors"
