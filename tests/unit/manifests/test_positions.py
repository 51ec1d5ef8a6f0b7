"""Every problem points into its file, at the key or list item that it names."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from slipway.manifests.problems import WHOLE_FILE, Problem
from slipway.manifests.reading import read

from tests.unit.manifests.folder import folder
from tests.unit.manifests.test_mistakes import MISTAKES

BOUTIQUE = Path(__file__).parents[3] / "examples" / "boutique"
JUNK = (
    "", "~", "no", "true", "0", "-1", "1e9", "99999999999999999999", "0755", "22:22",
    "1.5", "'8080'", "[]", "{}", "[a, b]", "{a: b}", "''", "a b", "*", "é", "[[a]]",
    "{location: x}", "[{weight: 1}]", "role/Admin", "2026-11-27", "!x y", "&a b", "*a",
    "[", "}", "'", "a: b", "|", "\t",
)  # fmt: skip


def places(text: str) -> dict[str, tuple[int, int]]:
    """Return where each field stands, by its dotted path: read by YAML's own marks."""
    found: dict[str, tuple[int, int]] = {}

    def walk(node: yaml.Node, path: str) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    field = f"{path}.{key.value}".removeprefix(".")
                    found.setdefault(field, at(key))
                    walk(value, field)
        elif isinstance(node, yaml.SequenceNode):
            for number, item in enumerate(node.value):
                found[f"{path}[{number}]"] = at(item)
                walk(item, f"{path}[{number}]")

    def at(node: yaml.Node) -> tuple[int, int]:
        return node.start_mark.line + 1, node.start_mark.column + 1

    root = yaml.compose(text, yaml.SafeLoader)
    assert root is not None
    found[""] = at(root)
    walk(root, "")
    return found


def assert_points(problem: Problem, text: str) -> None:
    """Assert that a problem points at its field, or at what the field is missing in."""
    lines = text.split("\n")
    assert 1 <= problem.line <= len(lines), problem
    assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1, problem
    if problem.field == WHOLE_FILE:
        return
    if problem.found == "a key that is no text" or "second time" in problem.found:
        # These name the key that is too many, where it stands.
        return
    known = places(text)
    field = problem.field
    above = [f for f in known if f"{field}.".startswith((f"{f}.", f"{f}["))]
    nearest = max(above, key=len, default="")
    assert known[nearest] == (problem.line, problem.column), problem
    if nearest != field:
        without = ("missing", "nothing", "no condition")
        assert problem.found.startswith(without) or "without" in problem.found, problem


def check(files: Mapping[str, bytes]) -> None:
    for problem in read(files).problems:
        if problem.file in files:
            assert_points(problem, files[problem.file].decode())


@pytest.mark.parametrize(
    "files", [case.values[0] for case in MISTAKES], ids=[case.id for case in MISTAKES]
)
def test_a_mistake_points_at_the_field_it_names(files: Mapping[str, str]) -> None:
    check(folder(files))


@given(st.data())
@settings(max_examples=100)
def test_whatever_is_done_to_a_line_nothing_breaks_and_problems_point_there(
    data: st.DataObject,
) -> None:
    files = {
        path.relative_to(BOUTIQUE).as_posix(): path.read_bytes()
        for path in [BOUTIQUE / "environment.yaml", *BOUTIQUE.glob("services/*.yaml")]
    }
    assert not read(files).problems
    for _ in range(data.draw(st.integers(1, 3))):
        file = data.draw(st.sampled_from(sorted(files)))
        lines = files[file].decode().split("\n")
        number = data.draw(st.integers(0, len(lines) - 1))
        key, colon, _ = lines[number].partition(":")
        match data.draw(st.sampled_from(["value", "key", "delete", "repeat", "empty"])):
            case "value":
                lines[number] = f"{key}{colon} {data.draw(st.sampled_from(JUNK))}"
            case "key":
                lines[number] = lines[number].replace(key, f"{key}x", 1)
            case "delete":
                del lines[number]
            case "repeat":
                lines.insert(number, lines[number])
            case "empty":
                lines[number] = f"{key}{colon}"
        files[file] = "\n".join(lines).encode()
    check(files)
