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
        ({"Type": "Loop", "End": True}, "state S: Type Loop is not modelled"),
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


# ------------------------------------------------------------ states within states


def inner(**states: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": next(iter(states)), "States": states}


def each(processor: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "Type": "Map",
        "Items": "{% $states.input.list %}",
        "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}} | processor,
        "End": True,
    } | fields


def both(*branches: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"Type": "Parallel", "Branches": list(branches), "End": True} | fields


PASS = {"Type": "Pass", "End": True}


def test_states_within_states_are_read_each_with_those_around_it() -> None:
    read = load(
        machine({"S": both(inner(A=PASS), inner(B=each(inner(C=PASS))), End=True)})
    )
    assert [(s.name, [o.name for o in around]) for s, around in read.walk()] == [
        ("S", []),
        ("A", ["S"]),
        ("B", ["S"]),
        ("C", ["S", "B"]),
    ]


@pytest.mark.parametrize(
    ("state", "finding"),
    [
        (each({}), "state S: ItemProcessor: States must hold at least one state"),
        (
            each(inner(A=PASS), ItemProcessor=None),
            "state S: ItemProcessor is not a mapping",
        ),
        (
            each(inner(A=PASS) | {"StartAt": "B"}),
            "state S: ItemProcessor: StartAt names no state: B",
        ),
        (
            each(inner(A=PASS) | {"ProcessorConfig": {"Mode": "DISTRIBUTED"}}),
            (
                "state S: ItemProcessor: ProcessorConfig {'Mode': 'DISTRIBUTED'} "
                "is not modelled"
            ),
        ),
        (
            each(inner(A=PASS), ToleratedFailureCount=1),
            "state S: field ToleratedFailureCount is not modelled",
        ),
        (
            each(inner(A=PASS), Items="$.list"),
            "state S: Items must be a list or an expression",
        ),
        (
            each(inner(A=PASS), MaxConcurrency=-1),
            (
                "state S: MaxConcurrency must be 0 (no limit), a number above, or "
                "an expression"
            ),
        ),
        (
            each(inner(A=PASS), Retry=[{"ErrorEquals": []}]),
            "state S: Retry: needs ErrorEquals",
        ),
        (both(), "state S: Branches must hold at least one branch"),
        (
            both(inner(A=PASS) | {"ProcessorConfig": {}}),
            "state S: Branches[0]: field ProcessorConfig is not modelled",
        ),
        (
            both(inner(A=PASS), inner(B=task(Arguments={}))),
            "state B: Arguments needs FunctionName",
        ),
        (
            both(inner(A=PASS), inner(B={"Type": "Pass", "Output": "{% 1 + %}"})),
            "state B: needs either Next or End: true",
        ),
        (
            both(inner(A={"Type": "Pass", "Next": "S"})),
            "state A: Next names no state: S",
        ),
        (both(inner(A=PASS, B=PASS)), "state B: cannot be reached"),
        (both(inner(A=PASS), inner(A=PASS)), "state A: another state has that name"),
        (
            both(inner(A=PASS), Catch=[{"ErrorEquals": ["E"], "Next": "A"}]),
            "state S: Next names no state: A",
        ),
    ],
)
def test_states_within_states_are_checked_as_those_around_them(
    state: dict[str, Any], finding: str
) -> None:
    assert finding in findings({"S": state})


ITEM = "{% $states.context.Map.Item.Value %}"


def test_the_item_that_a_map_is_at_is_known_to_its_selector_only() -> None:
    load(machine({"S": each(inner(A=PASS), ItemSelector={"v": ITEM})}))
    for field in ("Items", "Output"):
        assert findings({"S": each(inner(A=PASS), **{field: ITEM})}) == [
            f"state S: {field}: $states.context.Map does not exist here"
        ]
    assert findings({"S": each(inner(A=PASS | {"Output": ITEM}))}) == [
        "state A: Output: $states.context.Map does not exist here"
    ]


def test_the_result_of_a_map_or_parallel_is_known_when_it_is_left() -> None:
    result = "{% $states.result %}"
    load(machine({"S": each(inner(A=PASS), Output=result, Assign={"r": result})}))
    assert findings({"S": both(inner(A=PASS), Arguments=result)}) == [
        "state S: Arguments: $states.result does not exist here"
    ]


def setting(**variables: Any) -> dict[str, Any]:
    return {"Type": "Pass", "Assign": variables, "End": True}


def test_inner_states_see_outer_variables_and_their_own_only() -> None:
    reading = PASS | {"Output": "{% $mine + $outer %}"}
    first = setting(mine=1) | {"End": False, "Next": "B"}
    begin = setting(outer=1) | {"End": False, "Next": "S"}
    after = PASS | {"Output": "{% $mine %}"}
    branch = inner(A=first, B=reading)
    load(machine({"Begin": begin, "S": both(branch)}))
    assert findings(
        {"Begin": begin, "S": both(branch, End=False, Next="After"), "After": after}
    ) == ["state After: Output: no way here assigns the variable $mine"]
    assert findings(
        {"Begin": begin, "S": both(inner(A=first, B=PASS), inner(C=reading))}
    ) == ["state C: Output: no way here assigns the variable $mine"]


def test_inner_states_do_not_assign_what_an_outer_scope_assigns_anywhere() -> None:
    catch = [{"ErrorEquals": ["E"], "Assign": {"late": 1}, "Next": "End"}]
    outer = each(inner(A=setting(late=2)), Catch=catch, End=False, Next="End")
    assert findings({"S": outer, "End": {"Type": "Succeed"}}) == [
        "state A: Assign: an outer scope assigns $late"
    ]
    deep = both(inner(B=each(inner(C=setting(n=1)))), Assign={"n": 2})
    assert findings({"S": deep}) == ["state C: Assign: an outer scope assigns $n"]
    load(machine({"S": both(inner(A=setting(n=1)), inner(B=setting(n=2)))}))


def test_the_rules_of_the_house_hold_within_states_too() -> None:
    whole = task(Comment="c", TimeoutSeconds=1, Retry=[], Catch=[])
    assert house_rules(load(machine({"Each": each(inner(do_it=task()))}), "m")) == [
        "m: state do_it: is not named in PascalCase",
        "m: state do_it: a Task needs Comment",
        "m: state do_it: a Task needs TimeoutSeconds",
        "m: state do_it: a Task needs Retry",
        "m: state do_it: a Task needs Catch",
    ]
    retry = [{"ErrorEquals": ["A"]}]
    assert house_rules(load(machine({"Each": each(inner(A=PASS), Retry=retry)}))) == [
        "definition: state Each: Retry needs JitterStrategy FULL"
    ]
    thirty = {f"A{n}": PASS | {"End": False, "Next": f"A{n + 1}"} for n in range(28)}
    many = {"Each": each(inner(**thirty, A28=PASS))}
    assert house_rules(load(machine(many), "m")) == [
        "m: top level: 30 states: nest some"
    ]
    assert house_rules(load(machine({"Each": each(inner(A=whole))}), "m")) == []


def test_a_task_may_leave_its_errors_to_a_state_around_it_that_has_a_catch() -> None:
    bare = task(Comment="c", TimeoutSeconds=1, Retry=[])
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Sorry"}]
    sorry = {"Type": "Fail", "Error": "E"}

    def rules(state: dict[str, Any]) -> list[str]:
        states = {"Each": state | {"End": False, "Next": "Sorry"}, "Sorry": sorry}
        return house_rules(load(machine(states), "m"))

    assert rules(each(inner(Do=bare))) == ["m: state Do: a Task needs Catch"]
    assert rules(each(inner(Do=bare), Catch=catch)) == []
    assert rules(each(inner(In=both(inner(Do=bare))), Catch=catch)) == []
    here = [{"ErrorEquals": ["States.ALL"], "Next": "Here"}]
    caught = both(inner(Do=bare), Catch=here)
    assert rules(each(inner(In=caught, Here=PASS))) == []
