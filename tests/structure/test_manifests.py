"""Manifests: their package's borders, their documents, and the example."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from slipway.manifests.environment import Environment
from slipway.manifests.fields import Section
from slipway.manifests.reading import read
from slipway.manifests.service import Service
from slipway_cli.exits import Exit
from slipway_cli.manifest_documents import (
    ENVIRONMENT_SCHEMA,
    MANUAL,
    SERVICE_SCHEMA,
    documents,
    main,
)

from tests.structure.repository import CORE, FUNCTIONS, ROOT, pascal, stages, stems
from tests.structure.test_import_fence import (
    CLOCKS,
    DOMAIN_MAY_IMPORT,
    attributes,
    imports,
    named,
)

PACKAGE = CORE / "slipway" / "manifests"
MAY_IMPORT = DOMAIN_MAY_IMPORT | {
    "abc",
    "difflib",
    "pathlib",
    "pydantic",
    "pydantic_core",
    "shlex",
    "types",
    "yaml",
}
BOUTIQUE = ROOT / "examples" / "boutique"
GRAPH = {
    "adservice": (9555, set()),
    "cartservice": (7070, set()),
    "checkoutservice": (
        5050,
        {
            "cartservice",
            "currencyservice",
            "emailservice",
            "paymentservice",
            "productcatalogservice",
            "shippingservice",
        },
    ),
    "currencyservice": (7000, set()),
    "emailservice": (8080, set()),
    "frontend": (
        8080,
        {
            "adservice",
            "cartservice",
            "checkoutservice",
            "currencyservice",
            "productcatalogservice",
            "recommendationservice",
            "shippingservice",
        },
    ),
    "loadgenerator": (None, {"frontend"}),
    "paymentservice": (50051, set()),
    "productcatalogservice": (3550, set()),
    "recommendationservice": (8080, {"productcatalogservice"}),
    "shippingservice": (50051, set()),
}
"""Who listens where and calls whom in GoogleCloudPlatform/microservices-demo."""


def sections() -> Iterator[type[BaseModel]]:
    def below(parent: type[Section]) -> Iterator[type[Section]]:
        for child in parent.__subclasses__():
            yield child
            yield from below(child)

    yield from below(Section)


def values(schema: Any, key: str) -> Iterator[Any]:
    if isinstance(schema, dict):
        if key in schema:
            yield schema[key]
        for value in schema.values():
            yield from values(value, key)
    elif isinstance(schema, list):
        for value in schema:
            yield from values(value, key)


# ----------------------------------------------------- borders


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=named)
def test_manifests_use_the_domain_and_know_no_aws_clock_or_file(path: Path) -> None:
    outside = {
        name
        for name in imports(path)
        if not name.startswith(("slipway.domain", "slipway.manifests"))
        and name.split(".")[0] not in MAY_IMPORT
    }
    assert outside == set()
    used = list(attributes(path))
    assert not [1 for owner, name in used if name in CLOCKS or owner == "os"]
    touching = {"open", "read_text", "read_bytes", "write_text", "exists"}
    assert not [1 for _, name in used if name in touching]
    assert "pathlib.Path" not in imports(path)


def test_no_function_pays_for_yaml_that_reads_no_manifest() -> None:
    # Importing the models takes tens of milliseconds of a cold start.
    readers = {*stages("provision"), "OnManifestChanged"}
    others = [stem for stem in stems() if pascal(stem) not in readers]
    assert "shift_traffic" in others
    program = "\n".join(
        [
            "import runpy, sys",
            *(f"runpy.run_path({str(FUNCTIONS / s / 'app.py')!r})" for s in others),
            "print(sorted({'yaml', 'slipway.manifests'} & set(sys.modules)))",
        ]
    )
    ran = subprocess.run(  # noqa: S603  our own program
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert ran.stdout.strip() == "[]"


# ----------------------------------------------------- documents


@pytest.mark.parametrize("path", [MANUAL, ENVIRONMENT_SCHEMA, SERVICE_SCHEMA])
def test_what_the_models_say_is_what_is_committed(path: str) -> None:
    assert documents()[path] == (ROOT / path).read_text(), "run `make manifest`"


def test_one_command_writes_all_of_them(tmp_path: Path) -> None:
    main(tmp_path)
    written = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.*")}
    assert written == {MANUAL, ENVIRONMENT_SCHEMA, SERVICE_SCHEMA}
    assert "python -m slipway_cli.manifest_documents" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("section", sections(), ids=lambda s: s.__name__)
def test_every_field_says_what_it_is(section: type[BaseModel]) -> None:
    assert section.__doc__
    for name, field in section.model_fields.items():
        assert field.description, name
        assert field.description.rstrip().endswith("."), name


@pytest.mark.parametrize("model", [Environment, Service])
def test_every_bound_of_a_number_is_in_its_description(model: type[BaseModel]) -> None:
    schema = model.model_json_schema()
    for section in (schema, *schema["$defs"].values()):
        for name, field in section["properties"].items():
            told = field.get("description", "")
            bounds = [b for key in ("minimum", "maximum") for b in values(field, key)]
            for bound in bounds:
                is_limit = bound < 2**31 - 1  # else it is only what the API can carry
                where = f"{section['title']}.{name}: {bound:g}"
                assert not is_limit or f"{bound:.0f}" in told, where


def test_every_key_is_in_the_manual() -> None:
    text = (ROOT / MANUAL).read_text()
    for section in sections():
        for name, field in section.model_fields.items():
            assert f"| `{field.alias or name}`" in text, f"{section.__name__}.{name}"


def test_the_exit_code_is_documented_beside_the_others() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    table = text.split("| exit code | meaning |")[1].split("\n\n")[0]
    for code in Exit:
        assert f"\n| {code.value} |" in table


# ----------------------------------------------------- the example


def boutique() -> dict[str, bytes]:
    paths = [BOUTIQUE / "environment.yaml", *BOUTIQUE.glob("services/*.yaml")]
    return {p.relative_to(BOUTIQUE).as_posix(): p.read_bytes() for p in paths}


def test_the_boutique_has_the_ports_and_edges_of_its_model() -> None:
    found = read(boutique())
    assert found.problems == ()
    assert found.record is not None
    manifests = [service.manifest for service in found.record.services]
    assert {m.name: (m.image.port, set(m.calls)) for m in manifests} == GRAPH
    spoken = {m.name: m.image.protocol for m in manifests if m.image.port}
    assert {name for name, protocol in spoken.items() if protocol == "http"} == {
        "frontend"
    }
    assert set(spoken.values()) == {"http", "grpc"}


def test_the_boutique_holds_as_prod_too() -> None:
    files = boutique()
    text = files["environment.yaml"].decode()
    text = text.replace("name: dev", "name: prod")
    files["environment.yaml"] = text.replace("slipway/dev", "slipway/prod").encode()
    assert read(files).problems == ()


@pytest.mark.parametrize("file", sorted(boutique()))
def test_the_schemas_take_the_boutique(file: str) -> None:
    name = ENVIRONMENT_SCHEMA if file == "environment.yaml" else SERVICE_SCHEMA
    schema = json.loads((ROOT / name).read_text())
    Draft202012Validator.check_schema(schema)
    # Editors read YAML 1.2, where 07:00 is a text.
    document = yaml.load(boutique()[file], yaml.BaseLoader)  # noqa: S506  texts only
    plain = json.loads(json.dumps(document), object_hook=_numbers)
    errors = list(Draft202012Validator(schema).iter_errors(plain))
    assert [error.message for error in errors] == []


def _numbers(node: dict[str, Any]) -> dict[str, Any]:
    """Make what looks like one a number or truth, but for codes, which are texts."""

    def value(text: Any) -> Any:
        if isinstance(text, list):
            return [value(item) for item in text]
        if not isinstance(text, str):
            return text
        if text.isdecimal() and len(text) < len("111122223333"):
            return int(text)
        return {"true": True, "false": False}.get(text, text)

    return {
        key: inner if key == "success_codes" else value(inner)
        for key, inner in node.items()
    }


@pytest.mark.parametrize(
    ("schema", "document"),
    [
        (SERVICE_SCHEMA, {"name": "a", "image": {"location": "a", "prot": 1}}),
        (SERVICE_SCHEMA, {"name": "a"}),
        (SERVICE_SCHEMA, {"name": "A", "image": {"location": "a"}}),
        (SERVICE_SCHEMA, {"name": "a", "image": {"location": "a"}, "count": None}),
        (
            SERVICE_SCHEMA,
            {
                "name": "a",
                "image": {"location": "a"},
                "environments": {"dev": {"image": {"prot": 1}}},
            },
        ),
        (ENVIRONMENT_SCHEMA, {"name": "dev"}),
    ],
)
def test_the_schemas_refuse_what_does_not_fit(schema: str, document: Any) -> None:
    validator = Draft202012Validator(json.loads((ROOT / schema).read_text()))
    assert not validator.is_valid(document)


def test_the_schema_takes_parts_and_null_in_what_environments_change() -> None:
    validator = Draft202012Validator(json.loads((ROOT / SERVICE_SCHEMA).read_text()))
    change = {
        "count": {"cpu_percentage": 60},
        "http": None,
        "sidecars": {"a": {"cpu": 1}},
    }
    document = {
        "name": "a",
        "image": {"location": "a"},
        "environments": {"dev": change},
    }
    assert validator.is_valid(document)
