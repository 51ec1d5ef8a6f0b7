"""JSONata expressions, `{% ... %}`, anywhere in a value.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from random import Random
from typing import Any
from uuid import UUID

from jsonata.jexception import JException  # type: ignore[import-untyped]
from jsonata.jsonata import Jsonata  # type: ignore[import-untyped]
from jsonata.utils import Utils  # type: ignore[import-untyped]

from localcloud.asl.errors import QUERY_EVALUATION, StatesError

_OPEN, _CLOSE = "{%", "%}"

AWS_FUNCTIONS = frozenset({"parse", "uuid", "random", "hash", "now", "millis"})
"""Functions that Step Functions adds or gives a meaning of its own, as modelled here.

$partition and $range are not; $eval is not supported by Step Functions.
"""

_ALGORITHMS = {
    "MD5": hashlib.md5,
    "SHA-1": hashlib.sha1,
    "SHA-256": hashlib.sha256,
    "SHA-384": hashlib.sha384,
    "SHA-512": hashlib.sha512,
}


class InvalidExpression(Exception):
    """An expression that JSONata cannot read."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What an expression can see beside its variables: the time, and chance."""

    now: datetime
    random: Random


def is_expression(value: object) -> bool:
    """Say whether a value is an expression and not a literal."""
    return isinstance(value, str) and value.startswith(_OPEN) and value.endswith(_CLOSE)


def expressions_in(value: object) -> Iterator[str]:
    """Give all expressions in a value, whatever its nesting."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from expressions_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from expressions_in(inner)
    elif is_expression(value):
        yield str(value)


@cache
def _compiled(expression: str) -> Jsonata:
    source = expression.removeprefix(_OPEN).removesuffix(_CLOSE).strip()
    try:
        compiled = Jsonata(source)
    except JException as error:
        raise InvalidExpression(f"{error} in {expression}") from error
    if compiled.errors:
        raise InvalidExpression(f"{compiled.errors} in {expression}")
    compiled.set_output_convert_nulls(False)
    return compiled


@dataclass(frozen=True, slots=True)
class Names:
    """The names that an expression uses."""

    variables: frozenset[str]
    """Those it does not bind itself, without the $."""
    functions: frozenset[str]
    states: frozenset[str]
    """The members of $states."""
    context: frozenset[str]
    """The members of $states.context."""


@cache
def names(expression: str) -> Names:
    """List the names in an expression; InvalidExpression where it cannot be read."""
    used: set[str] = set()
    called: set[str] = set()
    bound: set[str] = set()
    members: set[str] = set()
    context: set[str] = set()
    for symbol in _symbols(_compiled(expression).ast, set()):
        kind = getattr(symbol, "type", None)
        if kind in {"function", "partial"}:
            procedure = symbol.procedure
            if procedure.type == "variable":
                called.add(procedure.value)
        elif kind == "variable" and symbol.value:
            used.add(symbol.value)
        elif kind == "bind":
            bound.add(symbol.lhs.value)
        elif kind == "lambda":
            bound.update(argument.value for argument in symbol.arguments)
        elif kind == "path":
            first = symbol.steps[0]
            if (first.type, first.value) == ("variable", "states"):
                members.add(symbol.steps[1].value)
                if symbol.steps[1].value == "context":
                    context.update(str(step.value) for step in symbol.steps[2:3])
    return Names(
        frozenset(used - bound - called),
        frozenset(called - bound),
        frozenset(members),
        frozenset(context),
    )


def _symbols(node: Any, seen: set[int]) -> Iterator[Any]:
    """Walk a syntax tree, whatever its nodes' attributes are called."""
    if isinstance(node, list | tuple):
        for inner in node:
            yield from _symbols(inner, seen)
    elif hasattr(node, "__dict__") and not isinstance(node, type):
        if id(node) in seen or type(node).__name__ == "Parser":
            return
        seen.add(id(node))
        yield node
        for key, inner in vars(node).items():
            if key != "_outer_instance":
                yield from _symbols(inner, seen)


def evaluate(template: Any, variables: Mapping[str, Any], moment: Moment) -> Any:
    """Return a value with all its expressions evaluated.

    An expression without a result (undefined) fails, as on AWS.
    """
    if isinstance(template, Mapping):
        return {k: evaluate(v, variables, moment) for k, v in template.items()}
    if isinstance(template, list):
        return [evaluate(v, variables, moment) for v in template]
    if not is_expression(template):
        return template
    compiled = _compiled(template)
    frame = compiled.create_frame()
    for name, value in variables.items():
        frame.bind(name, Utils.NULL_VALUE if value is None else value)
    for name, function in _functions(moment).items():
        frame.bind(name, function)
    try:
        result = compiled.evaluate(None, frame)
    except (JException, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise StatesError(QUERY_EVALUATION, f"{error} in {template}") from error
    if result is None:
        raise StatesError(
            QUERY_EVALUATION, f"the expression {template} returned nothing (undefined)"
        )
    return _plain(result, template)


def _plain(value: Any, template: str) -> Any:
    """Return JSONata's own kinds of null, list and number as plain JSON values."""
    if value is Utils.NULL_VALUE or value is None:
        return None
    if isinstance(value, bool | str | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(inner, template) for key, inner in value.items()}
    if isinstance(value, list | range):
        return [_plain(inner, template) for inner in value]
    raise StatesError(
        QUERY_EVALUATION, f"the expression {template} returned what JSON cannot hold"
    )


def _functions(moment: Moment) -> dict[str, Any]:
    def now() -> str:
        return moment.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def millis() -> int:
        return int(moment.now.timestamp() * 1000)

    def parse(text: str) -> Any:
        parsed = json.loads(text)
        return Utils.NULL_VALUE if parsed is None else parsed

    def uuid() -> str:
        return str(UUID(int=moment.random.getrandbits(128), version=4))

    def random(*seed: float) -> float:
        source = Random(*seed) if seed else moment.random  # noqa: S311
        return source.random()

    def digest(text: str, algorithm: str) -> str:
        return str(_ALGORITHMS[algorithm](text.encode()).hexdigest())

    given = {
        "now": now,
        "millis": millis,
        "parse": parse,
        "uuid": uuid,
        "random": random,
        "hash": digest,
    }
    return {name: Jsonata.JLambda(function) for name, function in given.items()}


@cache
def builtin_functions() -> frozenset[str]:
    """List the functions that an expression may call, without the $."""
    return (frozenset(Jsonata.static_frame.bindings) | AWS_FUNCTIONS) - {"eval"}
