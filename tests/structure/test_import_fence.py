"""What is deployed uses only what is deployed, and the domain only itself."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.structure.repository import CLIENT, CORE, FUNCTIONS, ROOT

CORE_MODULES = sorted(CORE.rglob("*.py"))
DOMAIN = CORE / "slipway" / "domain"
SHIPPED = CORE_MODULES + sorted(FUNCTIONS.rglob("*.py"))
DOMAIN_MAY_IMPORT = {
    "__future__",
    "collections",
    "dataclasses",
    "datetime",
    "enum",
    "fnmatch",
    "functools",
    "hashlib",
    "ipaddress",
    "itertools",
    "json",
    "math",
    "re",
    "typing",
    "zoneinfo",
}
CLOCKS = {"now", "utcnow", "today", "time", "monotonic"}


def imports(path: Path) -> set[str]:
    """Return every module that a file names in an import, wherever it stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            assert node.module is not None
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name | ast.Attribute)
            and "import" in ast.unparse(node.func)
        ):
            raise AssertionError(f"{path} imports by {ast.unparse(node)}")
    return found


def tops(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(path)}


def attributes(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node.value), node.attr


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SHIPPED, ids=named)
def test_nothing_shipped_imports_what_is_not(path: Path) -> None:
    development = {"localcloud", "slipway_cli", "tests", "moto", "pytest"}
    assert not tops(path) & (development | {"slipway_client"})


@pytest.mark.parametrize("path", SHIPPED, ids=named)
def test_only_gateways_and_wiring_know_boto3(path: Path) -> None:
    knows = {t for t in tops(path) if t.startswith(("boto", "mypy_boto3"))}
    inside = path.is_relative_to(CORE / "slipway" / "gateways")
    assert inside or path == CORE / "slipway" / "wiring.py" or not knows


@pytest.mark.parametrize("path", SHIPPED, ids=named)
def test_only_wiring_reads_the_environment(path: Path) -> None:
    if path == CORE / "slipway" / "wiring.py":
        return
    assert "os" not in tops(path)
    assert not [1 for _, name in attributes(path) if name in {"environ", "getenv"}]


@pytest.mark.parametrize("path", SHIPPED, ids=named)
def test_only_the_clock_asks_what_time_it_is(path: Path) -> None:
    if path == CORE / "slipway" / "clock.py":
        return
    assert "time" not in tops(path)
    asked = [o for o, name in attributes(path) if name in CLOCKS]
    assert [o for o in asked if o != "clock"] == []


@pytest.mark.parametrize("path", sorted(DOMAIN.rglob("*.py")), ids=named)
def test_the_domain_uses_itself_and_pure_parts_of_the_library(path: Path) -> None:
    outside = {
        name
        for name in imports(path)
        if not name.startswith(("slipway.domain", "slipway.errors"))
        and name.split(".")[0] not in DOMAIN_MAY_IMPORT
    }
    assert outside == set()
    assert not [
        1 for owner, name in attributes(path) if name in CLOCKS or owner == "os"
    ]


@pytest.mark.parametrize(
    "path", [p for p in CORE_MODULES if "gateways" in p.parts], ids=named
)
def test_gateways_know_the_domain_and_nothing_above_it(path: Path) -> None:
    own = {n for n in imports(path) if n.startswith("slipway.")}
    allowed = ("slipway.domain", "slipway.errors", "slipway.gateways")
    assert {n for n in own if not n.startswith(allowed)} == set()


@pytest.mark.parametrize("path", sorted(FUNCTIONS.rglob("*.py")), ids=named)
def test_a_function_uses_the_core_and_no_other_function(path: Path) -> None:
    allowed = {"aws_lambda_powertools", "slipway"}
    assert tops(path) <= allowed | sys.stdlib_module_names


@pytest.mark.parametrize("path", sorted(CLIENT.rglob("*.py")), ids=named)
def test_the_client_uses_itself_and_boto3_where_it_asks_the_registry(
    path: Path,
) -> None:
    outside = tops(path) - {"slipway_client"} - sys.stdlib_module_names
    assert outside <= ({"boto3", "botocore"} if path.stem == "registry" else set())


def test_a_functions_folder_holds_its_handler_and_nothing_else() -> None:
    files = [p for p in FUNCTIONS.rglob("*") if p.is_file() and p.suffix != ".pyc"]
    assert {p.name for p in files} == {"app.py"}
    assert {p.parent.parent for p in files} == {FUNCTIONS}


@pytest.mark.parametrize("path", sorted(FUNCTIONS.rglob("*.py")), ids=named)
def test_a_handler_is_short_enough_to_read(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 60


def test_no_file_is_named_for_what_nobody_could_name() -> None:
    banned = {"utils", "helpers", "manager", "common", "misc"}
    roots = [CORE, FUNCTIONS, CLIENT, ROOT / "cli" / "src", ROOT / "localcloud" / "src"]
    named = [p for root in roots for p in root.rglob("*") if p.stem in banned]
    assert named == []
