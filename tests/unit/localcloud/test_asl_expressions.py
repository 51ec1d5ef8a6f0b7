"""JSONata as Step Functions evaluates it."""

from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from localcloud.asl import StatesError
from localcloud.asl.expressions import Moment, evaluate, names

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
INPUT = {"none": None, "empty": [], "list": [1, 2], "objects": [{"a": 1}], "text": "x"}


def value_of(template: Any, **variables: Any) -> Any:
    states = {"states": {"input": INPUT}}
    chance = Random(1)  # noqa: S311  repeatable
    return evaluate(template, states | variables, Moment(NOW, chance))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$states.input.text", "x"),
        ("$states.input.none", None),
        ("$states.input.none = null", True),
        ("$states.input.missing = null", False),
        ("$exists($states.input.none)", True),
        ("$exists($states.input.missing)", False),
        ("$states.input.empty", []),
        ("$states.input.objects.a", 1),
        ("$states.input.list[$ > 1]", 2),
        ("[$states.input.list[$ > 1]]", [2]),
        ("{'a': $states.input.missing, 'b': null}", {"b": None}),
        ("$map([1, 2], function($v) { $v * 2 })", [2, 4]),
        ("($n := $count($states.input.list); $n + 1)", 3),
        ("$merge([{'a': 1}, {'b': $states.input.none}])", {"a": 1, "b": None}),
        ('$parse(\'{"a": null, "b": [1]}\')', {"a": None, "b": [1]}),
        ("$now()", "2026-01-05T09:00:00.000Z"),
        ("$millis()", 1767603600000),
        (
            "$hash('a', 'SHA-256')",
            "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
        ),
        ("4 / 2", 2),
    ],
)
def test_an_expression_has_its_value(expression: str, value: Any) -> None:
    assert value_of(f"{{% {expression} %}}") == value


def test_variables_are_visible_also_when_they_are_null() -> None:
    assert value_of("{% $a.b %}", a={"b": 3}) == 3
    assert value_of("{% $a %}", a=None) is None
    assert value_of("{% $a = null %}", a=None) is True


def test_expressions_are_found_at_any_depth_and_the_rest_is_literal() -> None:
    template = {"a": [{"b": "{% $states.input.text %}"}, "plain", 3, None, True]}
    assert value_of(template) == {"a": [{"b": "x"}, "plain", 3, None, True]}


@pytest.mark.parametrize(
    "expression",
    [
        "$states.input.missing",
        "$nothing",
        "$states.input.list[5]",
        "1 / 0",
        "'a' + 1",
        "$error('no')",
        "$parse('{')",
        "$hash('a', 'CRC')",
        "function($x) { $x }",
    ],
)
def test_undefined_and_failing_expressions_are_query_evaluation_errors(
    expression: str,
) -> None:
    with pytest.raises(StatesError) as caught:
        value_of(f"{{% {expression} %}}")
    assert caught.value.error == "States.QueryEvaluationError"


def test_chance_comes_from_the_clouds_seed() -> None:
    template = {"id": "{% $uuid() %}", "n": "{% $random() %}"}
    assert value_of(template) == value_of(template)
    assert value_of("{% $random(7) %}") == value_of("{% $random(7) %}")


def test_an_evaluation_leaves_its_input_as_it_was() -> None:
    before = repr(INPUT)
    value_of("{% $append($states.input.list, 3) %}")
    value_of("{% $sort($states.input.list, function($a, $b) { $a < $b }) %}")
    assert repr(INPUT) == before


def test_the_names_of_an_expression_are_known() -> None:
    used = names("{% ($x := $a.b; $map($states.input.l, function($v) { $v + $c })) %}")
    assert used.variables == {"a", "c", "states"}
    assert used.functions == {"map"}
    assert used.states == {"input"}
