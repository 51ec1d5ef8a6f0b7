"""What `sam build` made works by itself: one function, the layer, nothing else."""

import filecmp
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.structure.repository import BUILD, CORE, FUNCTIONS, ROOT, pascal, stems

pytestmark = pytest.mark.artifacts

LAYER = BUILD / "CoreLayer" / "python"
LAYER_LIMIT_BYTES = 250 * 1024 * 1024
"""Unpacked, a function and its layers together (Lambda quotas)."""

PROBE = """
import json, sys
sys.path = [*sys.argv[1:], *sys.path]
import app
import boto3, slipway
print(json.dumps({
    "handler": callable(app.handler),
    "files": [app.__file__, boto3.__file__, slipway.__file__],
    "foreign": sorted({"localcloud", "slipway_cli", "moto"} & sys.modules.keys()),
}))
"""


def built(path: Path) -> Path:
    """Return something that the build made; fail where it did not."""
    assert path.exists(), f"{path.relative_to(ROOT)} is missing: run `make build`"
    return path


@pytest.mark.parametrize("stem", stems())
def test_a_handler_is_imported_from_its_artifact_and_the_layer_alone(stem: str) -> None:
    artifact = built(BUILD / f"{pascal(stem)}Function")
    # Isolated, and without site-packages: only the standard library stays.
    probe = subprocess.run(  # noqa: S603  this very interpreter
        [sys.executable, "-I", "-S", "-c", PROBE, str(artifact), str(built(LAYER))],
        capture_output=True,
        text=True,
        check=False,
        env={"AWS_REGION": "eu-west-1"},
        timeout=60,
    )
    assert probe.returncode == 0, probe.stderr
    found = json.loads(probe.stdout)
    assert found["handler"]
    assert found["foreign"] == []
    app, *from_layer = map(Path, found["files"])
    assert app == artifact / "app.py"
    assert all(path.is_relative_to(LAYER) for path in from_layer)


@pytest.mark.parametrize("stem", stems())
def test_an_artifact_is_the_handler_of_this_tree(stem: str) -> None:
    artifact = built(BUILD / f"{pascal(stem)}Function")
    assert [p.name for p in artifact.iterdir() if p.name != "__pycache__"] == ["app.py"]
    source = FUNCTIONS / stem / "app.py"
    assert filecmp.cmp(artifact / "app.py", source, shallow=False), "run `make build`"


def test_the_layer_holds_the_core_of_this_tree() -> None:
    def files(root: Path) -> dict[str, bytes]:
        return {
            str(p.relative_to(root)): p.read_bytes()
            for p in root.rglob("*")
            if p.is_file() and p.suffix != ".pyc"
        }

    assert files(built(LAYER) / "slipway") == files(CORE / "slipway")


def test_the_layer_holds_nothing_that_is_not_shipped() -> None:
    names = {path.name for path in built(LAYER).iterdir()}
    assert not names & {"localcloud", "slipway_cli", "moto", "pytest", "rich", "typer"}


def test_the_layers_packages_have_the_versions_of_the_lock() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    locked = {p["name"]: p["version"] for p in lock["package"] if "version" in p}
    found = dict(
        path.name.removesuffix(".dist-info").split("-")
        for path in built(LAYER).glob("*.dist-info")
    )
    assert {
        "boto3",
        "botocore",
        "pydantic",
        "pyyaml",
        "aws_lambda_powertools",
    } <= set(found)
    for name, version in found.items():
        assert locked[name.replace("_", "-").lower()] == version


def test_the_layer_fits_into_lambda() -> None:
    size = sum(p.stat().st_size for p in built(LAYER).rglob("*") if p.is_file())
    assert size < LAYER_LIMIT_BYTES
