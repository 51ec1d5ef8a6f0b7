"""What is wrong with a state machine is found when it is read."""

from typing import Any

import pytest
import yaml
from localcloud.asl import Definition, InvalidDefinition, house_rules, load

INVOKE = "arn:aws:states:::lambda:invoke"


def task(**fields: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": INVOKE,
        "Arguments": {"FunctionName": "f", "Payload": {}},
        "End": True,
    } | fields


def machine(states: dict[str, Any], **fields: Any) -> str:
    document = {
        "Comment": "a test",
        "QueryLanguage": "JSONata",
        "StartAt": next(iter(states)),
        "States": states,
    } | fields
    return yaml.safe_dump(document, sort_keys=False)


def findings(states: dict[str, Any], **fields: Any) -> list[str]:
    with pytest.raises(InvalidDefinition) as caught:
        load(machine(states, **fields), "m.yaml")
    return caught.value.findings


def test_a_definition_that_is_right_is_read() -> None:
    read = load(
        machine(
            {
                "Do": task(Next="Good?", End=False),
                "Good?": {
                    "Type": "Choice",
                    "Choices": [{"Condition": "{% $states.input.ok %}", "Next": "Yes"}],
                    "Default": "No",
                },
                "Yes": {"Type": "Succeed"},
                "No": {"Type": "Fail", "Error": "Bad"},
            }
        )
    )
    assert isinstance(read, Definition)
    assert read.start_at == "Do"
    assert [way.next for way in read.states["Good?"].ways] == ["No", "Yes"]


@pytest.mark.parametrize(
    ("state", "finding"),
    [
        ({"Type": "Map", "End": True}, "state S: Type Map is not modelled"),
        (
            {"Type": "Pass", "ResultPath": "$.x", "End": True},
            "state S: field ResultPath is not modelled",
        ),
        ({"Type": "Pass"}, "state S: needs either Next or End: true"),
        (
            {"Type": "Wait", "End": True},
            "state S: needs either Seconds or Timestamp",
        ),
        (
            task(Resource="arn:aws:states:::sqs:sendMessage"),
            "state S: Resource arn:aws:states:::sqs:sendMessage is not modelled",
        ),
        (
            task(Arguments={"FunctionName": "f", "Qualifier": "1"}),
            "state S: Arguments: field Qualifier is not modelled",
        ),
        (task(Arguments={}), "state S: Arguments needs FunctionName"),
        (
            task(Retry=[{"ErrorEquals": ["A"], "JitterStrategy": "SOME"}]),
            "state S: Retry: JitterStrategy must be FULL or NONE",
        ),
        (
            task(Retry=[{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["A"]}]),
            "state S: Retry: States.ALL must be in the last entry",
        ),
        (
            task(Catch=[{"ErrorEquals": ["States.ALL", "A"], "Next": "S"}]),
            "state S: Catch: States.ALL must stand alone",
        ),
        (task(Catch=[{"ErrorEquals": ["A"]}]), "state S: Catch: needs Next"),
        (
            task(Resource=f"{INVOKE}.waitForTaskToken", Arguments={}),
            "state S: Arguments needs FunctionName",
        ),
        (
            task(Resource=f"{INVOKE}.waitForTaskToken"),
            "state S: Arguments: nothing gives away $states.context.Task.Token",
        ),
        (
            {"Type": "Choice", "Choices": [{"Condition": True, "Next": "S"}]},
            "state S: needs a Default",
        ),
        (
            {"Type": "Pass", "Assign": {"states": 1}, "End": True},
            "state S: Assign: states cannot be a variable's name",
        ),
    ],
)
def test_each_mistake_is_named_with_state_and_field(
    state: dict[str, Any], finding: str
) -> None:
    assert finding in findings({"S": state})


def test_expressions_are_read_when_the_definition_is() -> None:
    found = findings({"S": task(Output={"a": ["{% 1 + %}"]})})
    assert found[0].startswith("state S: Output: ")
    assert "{% 1 + %}" in found[0]


def giving(**fields: Any) -> dict[str, Any]:
    payload = "{% $merge([$states.input, {'t': $states.context.Task.Token}]) %}"
    return task(Arguments={"FunctionName": "f", "Payload": payload}) | fields


def test_a_token_is_there_for_the_arguments_of_a_state_that_waits_for_it() -> None:
    waiting = giving(Resource=f"{INVOKE}.waitForTaskToken", TimeoutSeconds=60)
    assert load(machine({"S": waiting})).states["S"].fields["TimeoutSeconds"] == 60


GIVEN = "{% $states.context.Task.Token %}"


@pytest.mark.parametrize(
    ("state", "place"),
    [
        (giving(), "Arguments"),
        (giving(Resource=f"{INVOKE}.waitForTaskToken", Output=GIVEN), "Output"),
        ({"Type": "Pass", "Output": GIVEN, "End": True}, "Output"),
    ],
)
def test_there_is_no_token_elsewhere(state: dict[str, Any], place: str) -> None:
    assert findings({"S": state}) == [
        f"state S: {place}: $states.context.Task does not exist here"
    ]


def test_functions_that_step_functions_lacks_are_named() -> None:
    assert findings({"S": task(Output="{% $eval('1') %}")}) == [
        "state S: Output: the function $eval is not modelled"
    ]


@pytest.mark.parametrize(
    ("field", "expression", "member"),
    [
        ("Arguments", "{% $states.result %}", "result"),
        ("Output", "{% $states.errorOutput.Cause %}", "errorOutput"),
        ("Output", "{% $states.inptu.a %}", "inptu"),
    ],
)
def test_states_members_exist_only_in_their_places(
    field: str, expression: str, member: str
) -> None:
    value = {"FunctionName": expression} if field == "Arguments" else expression
    assert findings({"S": task(**{field: value})}) == [
        f"state S: {field}: $states.{member} does not exist here"
    ]


def test_a_dangling_next_is_named_wherever_it_is() -> None:
    found = findings(
        {
            "S": task(Catch=[{"ErrorEquals": ["A"], "Next": "Nowhere"}]),
            "T": {"Type": "Pass", "Next": "NoMore"},
        }
    )
    assert "state S: Next names no state: Nowhere" in found
    assert "state T: Next names no state: NoMore" in found


def test_a_state_that_cannot_be_reached_is_named() -> None:
    assert findings({"S": task(), "Lost": {"Type": "Succeed"}}) == [
        "state Lost: cannot be reached"
    ]


def test_a_variable_that_nothing_assigns_before_is_named() -> None:
    found = findings(
        {
            "S": {"Type": "Pass", "Assign": {"a": "{% $b %}"}, "Next": "T"},
            "T": {"Type": "Pass", "Output": "{% $a + $c %}", "End": True},
        }
    )
    assert found == [
        "state S: Assign: no way here assigns the variable $b",
        "state T: Output: no way here assigns the variable $c",
    ]


def test_a_variable_may_come_from_any_way_also_from_a_catch_or_a_loop() -> None:
    load(
        machine(
            {
                "S": task(
                    Assign={"n": 0},
                    Catch=[
                        {"ErrorEquals": ["A"], "Assign": {"e": 1}, "Next": "Caught"}
                    ],
                )
                | {"End": False, "Next": "Loop"},
                "Loop": {"Type": "Pass", "Assign": {"n": "{% $n + 1 %}"}, "Next": "C"},
                "C": {
                    "Type": "Choice",
                    "Choices": [{"Condition": "{% $n > 3 %}", "Next": "Done"}],
                    "Default": "Loop",
                },
                "Caught": {"Type": "Fail", "Cause": "{% $string($e) %}"},
                "Done": {"Type": "Succeed", "Output": "{% ($x := $n; $x) %}"},
            }
        )
    )


def test_the_top_level_is_checked_too() -> None:
    found = findings({"S": task()}, QueryLanguage="JSONPath", ProcessorConfig={})
    assert found == [
        "top level: ProcessorConfig is not modelled",
        "top level: QueryLanguage must be JSONata",
    ]
    assert findings({"S": task()}, StartAt="T") == [
        "top level: StartAt names no state: T"
    ]


def test_a_file_that_is_no_definition_is_refused() -> None:
    for text in ("a: b: c", "- a list", ""):
        with pytest.raises(InvalidDefinition):
            load(text)


def test_everything_may_be_retried_only_once_final_errors_are_excluded() -> None:
    everything = {"ErrorEquals": ["States.ALL"], "JitterStrategy": "FULL"}
    final = {"ErrorEquals": ["NotFound"], "MaxAttempts": 0}

    def rules(*retry: dict[str, Any]) -> list[str]:
        state = task(Comment="c", TimeoutSeconds=1, Catch=[], Retry=list(retry))
        return house_rules(load(machine({"Do": state}), "m"))

    (finding,) = rules(everything)
    assert "needs an entry before it that names final errors" in finding
    assert rules(final, everything) == []


def test_the_rules_of_the_house_are_listed_apart() -> None:
    read = load(machine({"do_it": task(Retry=[{"ErrorEquals": ["A"]}])}), "m.yaml")
    assert house_rules(read) == [
        "m.yaml: state do_it: is not named in PascalCase",
        "m.yaml: state do_it: a Task needs Comment",
        "m.yaml: state do_it: a Task needs TimeoutSeconds",
        "m.yaml: state do_it: a Task needs Catch",
        "m.yaml: state do_it: Retry needs JitterStrategy FULL",
    ]
