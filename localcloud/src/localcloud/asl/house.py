"""Rules of this house for state machines, beyond what Step Functions asks."""

from collections.abc import Iterator

from localcloud.asl.definition import Definition, State

STATE_LIMIT = 30
_TASK_FIELDS = ("Comment", "TimeoutSeconds", "Retry", "Catch")


def house_rules(definition: Definition, *, fewer_than: int = STATE_LIMIT) -> list[str]:
    """List what breaks the house's rules; each finding names its state and field.

    States within a Map or Parallel are held to them, too; a Task there may leave its
    errors to a state around it that has a Catch.
    """
    findings = []
    if not definition.comment:
        findings.append("top level: needs a Comment: purpose, input, output, errors")
    count = sum(1 for _ in definition.every_state())
    if count >= fewer_than:
        findings.append(f"top level: {count} states: nest some")
    for state, around in definition.walk():
        findings += [f"state {state.name}: {f}" for f in _state(state, around)]
    return [f"{definition.source}: {finding}" for finding in findings]


def _state(state: State, around: tuple[State, ...]) -> Iterator[str]:
    name = state.name
    if state.type == "Choice":
        if not name.endswith("?"):
            yield "a Choice is named as a question"
        return
    if not name.isidentifier() or not name[0].isupper() or "_" in name:
        yield "is not named in PascalCase"
    if state.type == "Task":
        caught_around = any(outer.catchers for outer in around)
        for field in _TASK_FIELDS:
            if field not in state.fields and not (field == "Catch" and caught_around):
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
