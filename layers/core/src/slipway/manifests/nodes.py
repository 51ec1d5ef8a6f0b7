"""YAML as a tree of nodes that know where they are written.

The words are those of YAML 1.2's core: only `true` and `false` are truths, only plain
decimal digits are numbers. So `no`, `on`, `0755`, `1_000` and `22:22` are texts, as
written, and a field that asks for something else refuses them by name.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from slipway.manifests.problems import Path, Place, Problem, problem_at

DEEPEST = 20
"""How far values may be nested: more than any field needs, less than Python can."""

_NULL = re.compile(r"null|~|")
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]{0,17})\.[0-9]{1,17}")
_SAID_BETTER = (
    ("'\\t'", False, "a tab", "indent by spaces"),
    (
        "but found another document",
        False,
        "a second document",
        "one file is one manifest",
    ),
    (
        "mapping values are not allowed here",
        False,
        "a second colon in a line, or a key that is indented too far",
        "put a text with ': ' in it into quotes, or correct the indentation",
    ),
    (
        "while scanning a quoted scalar: found unexpected end",
        True,
        "a quote that nothing closes",
        "close it",
    ),
    (
        "could not find expected ':'",
        True,
        "a line that is no key",
        "write KEY: VALUE, with a space after the colon",
    ),
    (
        "expected <block end>",
        False,
        "a line that does not belong to those above",
        "indent it as they are, and do not mix keys and list items",
    ),
)
"""What PyYAML says, whether it counts where the thing began, and plainer words."""

_TRUTHS = {"true": True, "false": False}


class WrittenInt(int):
    """A whole number that remembers how it is written."""

    written: str


class WrittenFloat(float):
    """A number that remembers how it is written: 1.10 is not 1.1 in a version."""

    written: str


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value."""

    place: Place
    written: str
    quoted: bool
    is_gone: bool = False
    """Whether it stands for a key that was taken away, here."""

    @property
    def value(self) -> str | int | float | bool | None:
        """What it means."""
        if self.quoted:
            return self.written
        if _NULL.fullmatch(self.written):
            return None
        if self.written in _TRUTHS:
            return _TRUTHS[self.written]
        if _INTEGER.fullmatch(self.written):
            whole = WrittenInt(self.written)
            whole.written = self.written
            return whole
        if _FLOAT.fullmatch(self.written):
            number = WrittenFloat(self.written)
            number.written = self.written
            return number
        return self.written


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    place: Place
    nodes: tuple["Tree", ...]


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys and what each holds. A child's place is that of its key."""

    place: Place
    nodes: Mapping[str, "Tree"]


type Tree = Scalar | Items | Keys


def parse(file: str, text: str) -> tuple[Tree | None, list[Problem]]:
    """Read one document; None where it is no YAML, with the reason."""
    problems: list[Problem] = []
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        found = f"the unprintable character U+{ord(text[error.position]):04X}"
        place = Place(file, line, column)
        return None, [problem_at(place, found, "take it out, or write it as an escape")]
    except yaml.MarkedYAMLError as error:
        return None, [_unreadable(file, error)]
    if root is None:
        found, allowed = "nothing is written here", "an empty manifest says nothing"
        return None, [problem_at(Place(file, 1, 1), found, allowed)]
    tree = _Builder(file, problems).tree(root, Place(file, *_mark(root)))
    return tree, problems


def find(tree: Tree, path: Path) -> tuple[Tree, Path]:
    """Follow a path as far as something is written; return that, and what is left."""
    for depth, part in enumerate(path):
        child: Tree | None = None
        if isinstance(tree, Keys) and isinstance(part, str):
            child = tree.nodes.get(part)
        elif isinstance(tree, Items) and isinstance(part, int):
            child = tree.nodes[part] if part < len(tree.nodes) else None
        if child is None:
            return tree, path[depth:]
        tree = child
    return tree, ()


def data(tree: Tree) -> Any:
    """Return the plain values of a tree."""
    if isinstance(tree, Keys):
        return {key: data(node) for key, node in tree.nodes.items()}
    if isinstance(tree, Items):
        return [data(node) for node in tree.nodes]
    return tree.value


def shown(tree: Tree) -> str:
    """Say what stands somewhere."""
    if isinstance(tree, Keys):
        return f"keys ({', '.join(tree.nodes)})" if tree.nodes else "no keys ({})"
    if isinstance(tree, Items):
        count = len(tree.nodes)
        return f"a list of {count}" if count else "an empty list"
    if tree.quoted and isinstance(_plain(tree).value, bool | int | float):
        return f'the text "{tree.written}"'
    return f"{tree.written}" if tree.written else "an empty text"


def walk(tree: Tree) -> Iterator[Tree]:
    """Give a tree and everything in it."""
    yield tree
    if isinstance(tree, Keys):
        for node in tree.nodes.values():
            yield from walk(node)
    elif isinstance(tree, Items):
        for node in tree.nodes:
            yield from walk(node)


def _plain(scalar: Scalar) -> Scalar:
    return Scalar(scalar.place, scalar.written, quoted=False)


def _mark(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _unreadable(file: str, error: yaml.MarkedYAMLError) -> Problem:
    what = error.problem or error.context or "no YAML"
    mark, allowed = error.problem_mark, "correct the YAML here, or just before"
    for sign, at_start, said, advised in _SAID_BETTER:
        if sign in f"{error.context}: {what}":
            mark = error.context_mark if at_start else mark
            what, allowed = said, advised
            break
    if isinstance(error, _Unwelcome) and error.note:
        allowed = error.note
    mark = mark or error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    return problem_at(Place(file, line, column), what, allowed)


class _Unwelcome(yaml.MarkedYAMLError):
    """YAML that is right, and that manifests do without."""


class _Loader(yaml.SafeLoader):
    """Composes nodes, and no more: no anchors, and no deeper than any field is."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        """Refuse what would let a small file be a huge one."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            is_alias = self.check_event(yaml.AliasEvent)
            what = f"the alias *{anchor}" if is_alias else f"the anchor &{anchor}"
            raise _Unwelcome(
                problem=what,
                problem_mark=event.start_mark,
                note="write the values out: manifests have no anchors and aliases",
            )
        if self._depth == DEEPEST:
            raise _Unwelcome(
                problem=f"more than {DEEPEST} levels",
                problem_mark=event.start_mark,
                note="no field lies so deep",
            )
        self._depth += 1
        node: Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _Builder:
    """Makes trees of YAML's nodes; notes what it has to leave out."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self._file = file
        self._problems = problems

    def tree(self, node: Node, place: Place) -> Tree:
        self._refuse_tag(node, place)
        if isinstance(node, MappingNode):
            return Keys(place, self._entries(node, place))
        if isinstance(node, SequenceNode):
            return Items(
                place,
                tuple(
                    self.tree(
                        item, Place(self._file, *_mark(item), (*place.path, number))
                    )
                    for number, item in enumerate(node.value)
                ),
            )
        assert isinstance(node, ScalarNode)
        return Scalar(place, node.value, quoted=node.style is not None)

    def _entries(self, node: MappingNode, place: Place) -> dict[str, Tree]:
        entries: dict[str, Tree] = {}
        for key, value in node.value:
            line, column = _mark(key)
            if not isinstance(key, ScalarNode):
                at = Place(self._file, line, column, place.path)
                self._problems.append(
                    problem_at(at, "a key that is no text", "a key is one word")
                )
                continue
            at = Place(self._file, line, column, (*place.path, key.value))
            self._refuse_tag(key, at)
            if key.value in entries:
                first = entries[key.value].place.line
                found = f"the key {key.value} for the second time"
                allowed = f"a key stands once; the first is in line {first}"
                self._problems.append(problem_at(at, found, allowed))
                continue
            entries[key.value] = self.tree(value, at)
        return entries

    def _refuse_tag(self, node: Node, place: Place) -> None:
        """Refuse a tag that somebody wrote; those of plain scalars are YAML 1.1's."""
        mark = node.start_mark
        if str(mark.buffer)[mark.pointer : mark.pointer + 1] == "!":
            allowed = "values have no tags in manifests"
            self._problems.append(problem_at(place, f"the tag {node.tag}", allowed))
