"""Whether what is written has the shape of a model; if not, what is wrong and where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from slipway.manifests.copilot import advice
from slipway.manifests.fields import Section
from slipway.manifests.nodes import Items, Keys, Scalar, Tree, data, find, shown
from slipway.manifests.problems import Path, Problem, meant, nearest, problem_at

MISSING = "missing"
GONE = "taken away by null"


@dataclass(frozen=True, slots=True)
class Written[M: BaseModel]:
    """A model, and what it was read from."""

    model: M
    tree: Tree
    doubted: frozenset[Path] = frozenset()
    """Sections with keys that are unknown or empty: what seems to be missing there may
    be one of them."""
    empty: Mapping[Path, Scalar] = field(default_factory=dict)
    """Keys with nothing behind them, that are not in the tree."""

    def problem(
        self, path: Path, allowed: str, found: str | None = None
    ) -> list[Problem]:
        """Return a problem of a field; none where an unknown key may be the reason."""
        if path in self.empty and self.empty[path].is_gone:
            return [problem_at(self.empty[path].place, GONE, allowed)]
        _, rest = find(self.tree, path)
        if path[:-1] in self.doubted and (rest or found == MISSING):
            return []
        return [_problem(self.tree, path, allowed, found)]


def fit[M: BaseModel](
    model: type[M], tree: Tree
) -> tuple[Written[M] | None, list[Problem]]:
    """Read a model; None where that cannot be, with every reason.

    Keys that are unknown are problems, and do not keep the rest from being read.
    """
    empty: dict[Path, Scalar] = {}
    tree, problems = _without_nothing(tree, empty)
    doubted = frozenset(path[:-1] for path, node in empty.items() if not node.is_gone)
    while True:
        try:
            valid = model.model_validate(data(tree))
            return Written(valid, tree, doubted, empty), problems
        except ValidationError as error:
            errors = error.errors(include_url=False, include_input=False)
        problems += [
            _gone(model, empty[found["loc"]], found["loc"])
            if found["loc"] in empty
            else _translate(model, tree, found)
            for found in errors
            if not _is_said(found, empty)
            and not _follows(found, errors, tree)
            and not _is_doubtful(found, doubted, tree)
        ]
        unknown = [e["loc"] for e in errors if e["type"] == "extra_forbidden"]
        if len(unknown) < len(errors):
            return None, problems
        doubted |= {path[:-1] for path in unknown}
        for path in unknown:
            tree = _without(tree, path)


def _is_said(error: Any, empty: Mapping[Path, Scalar]) -> bool:
    """Whether what is missing is a key with nothing behind it, a problem by itself."""
    node = empty.get(error["loc"])
    return node is not None and not node.is_gone


def _gone(model: type[BaseModel], node: Scalar, path: Path) -> Problem:
    return problem_at(node.place, GONE, _wanted(model, path))


def _is_doubtful(error: Any, doubted: frozenset[Path], tree: Tree) -> bool:
    """Whether an error may come of an unknown key: sections are checked without it."""
    path: Path = (*error["loc"], *error.get("ctx", {}).get("at", ()))
    _, rest = find(tree, path)
    return path in doubted or (bool(rest) and path[:-1] in doubted)


def _follows(error: Any, errors: Sequence[Any], tree: Tree) -> bool:
    """Whether an error is but the consequence of another."""
    path: Path = error["loc"]
    if error["type"] == "missing":
        misspelt = [
            str(other["loc"][-1])
            for other in errors
            if other["type"] == "extra_forbidden" and other["loc"][:-1] == path[:-1]
        ]
        return any(nearest(word, [str(path[-1])]) for word in misspelt)
    if error["type"] == "too_short":
        # Items that are wrong do not count; what is written may be enough.
        node, _ = find(tree, path)
        return isinstance(node, Items) and len(node.nodes) >= error["ctx"]["min_length"]
    return False


def section_at(annotation: Any, path: Sequence[str | int]) -> type[Section] | None:
    """Return the section that a path leads to in a model, None where to none."""
    left = list(path)
    while annotation is not None:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation = get_args(annotation)[0]
        elif origin in (Union, UnionType):
            (annotation,) = (a for a in get_args(annotation) if a is not NoneType)
        elif isinstance(annotation, type) and issubclass(annotation, Section):
            if not left:
                return annotation
            annotation = _fields(annotation).get(str(left.pop(0)))
        elif origin in (dict, tuple) and left:
            left.pop(0)
            annotation = get_args(annotation)[1 if origin is dict else 0]
        else:
            return None
    return None


def _fields(section: type[Section]) -> dict[str, Any]:
    return {
        field.alias or name: field.annotation
        for name, field in section.model_fields.items()
    }


def keys_of(section: type[Section]) -> list[str]:
    """Return the keys that a section takes, as they are written."""
    return [field.alias or name for name, field in section.model_fields.items()]


def _translate(model: type[BaseModel], tree: Tree, error: Any) -> Problem:
    """Say an error of the model's in our own words, at what is written."""
    path: Path = error["loc"]
    facts = error.get("ctx", {})
    found: str | None = None
    match error["type"]:
        case "refused" if path and path[-1] == "[key]":
            path, found = path[:-1], f"the key {path[-2]}"
            allowed = facts["allowed"]
        case "refused":
            path = (*path, *facts["at"])
            allowed, found = facts["allowed"], facts["found"]
        case "missing":
            allowed, found = _wanted(model, path), MISSING
        case "extra_forbidden":
            allowed, found = _known(model, path), "an unknown key"
        case "literal_error":
            allowed = _choice(tree, path, str(facts["expected"]).replace("'", ""))
        case "too_short":
            allowed = f"at least {facts['min_length']}"
        case "too_long":
            allowed = f"at most {facts['max_length']}"
            found = f"{facts['actual_length']} of them"
        case "model_type" | "dict_type":
            section = section_at(model, path)
            allowed = f"keys ({', '.join(keys_of(section))})" if section else "keys"
        case "tuple_type":
            allowed = "a list"
        case kind:
            raise AssertionError(f"{kind} has no words of its own")
    return _problem(tree, path, allowed, found)


def _choice(tree: Tree, path: Path, choices: str) -> str:
    node, _ = find(tree, path)
    word = node.written if isinstance(node, Scalar) else ""
    return f"{meant(word, choices.replace(' or ', ', ').split(', '))}{choices}"


def _wanted(model: type[BaseModel], path: Path) -> str:
    section = section_at(model, path[:-1])
    assert section is not None
    field = next(
        field
        for name, field in section.model_fields.items()
        if (field.alias or name) == path[-1]
    )
    assert field.description is not None
    sentence = " ".join(field.description.split()).split(". ")[0].removesuffix(".")
    return f"it must be given: {sentence}"


def _known(model: type[BaseModel], path: Path) -> str:
    section = section_at(model, path[:-1])
    assert section is not None
    word = str(path[-1])
    names = keys_of(section)
    if section.__name__ == "Service":
        names.append("environments")
    near = meant(word, names)
    if word == "<<":
        return "write the keys out: manifests merge nothing"
    told = None if near else advice(section.__name__, word)
    return told or f"{near}there are {', '.join(sorted(names))}"


def _problem(tree: Tree, path: Path, allowed: str, found: str | None = None) -> Problem:
    node, rest = find(tree, path)
    if isinstance(node, Scalar):
        # A section in its short form: what is wrong beneath it is wrong with it.
        rest = ()
    if found is None:
        found = MISSING if rest else shown(node)
    return problem_at(node.place, found, allowed, beneath=rest)


def _without_nothing(
    tree: Tree, empty: dict[Path, Scalar]
) -> tuple[Tree, list[Problem]]:
    """Take out keys with nothing behind them, and note them.

    Each is a problem, unless it is there to take away what it was laid over.
    """
    problems: list[Problem] = []

    def is_nothing(node: Tree, path: Path) -> bool:
        if not isinstance(node, Scalar) or node.value is not None:
            return False
        if not node.is_gone:
            allowed = 'a value; "" is an empty text'
            problems.append(problem_at(node.place, "nothing", allowed))
        empty[path] = node
        return True

    def kept(node: Tree, path: Path) -> Tree:
        if isinstance(node, Keys):
            inner = {
                key: child
                for key, child in node.nodes.items()
                if not is_nothing(child, (*path, key))
            }
            return Keys(
                node.place, {k: kept(child, (*path, k)) for k, child in inner.items()}
            )
        if isinstance(node, Items):
            items = [child for child in node.nodes if not is_nothing(child, path)]
            return Items(
                node.place,
                tuple(kept(child, (*path, n)) for n, child in enumerate(items)),
            )
        return node

    return kept(tree, ()), problems


def _without(tree: Tree, path: Path) -> Tree:
    head, *rest = path
    if isinstance(tree, Keys):
        nodes = dict(tree.nodes)
        assert isinstance(head, str)
        inner = nodes.pop(head)
        if rest:
            nodes[head] = _without(inner, tuple(rest))
        return Keys(tree.place, nodes)
    assert isinstance(tree, Items)
    return Items(
        tree.place,
        tuple(
            _without(node, tuple(rest)) if number == head else node
            for number, node in enumerate(tree.nodes)
        ),
    )
