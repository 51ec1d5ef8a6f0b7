"""The documents: their links lead somewhere, their examples are what the code takes."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import pytest
from localcloud.asl import load
from pydantic import TypeAdapter
from slipway.domain.control import Verb, read_command
from slipway.domain.diagnosis import Trouble
from slipway.domain.provision_run import ProvisionRequest
from slipway.domain.pushes import read_push
from slipway.domain.rollout import Outcome
from slipway.domain.service import Service
from slipway.domain.task_events import read_task_event
from slipway.gateways.events import APPROVAL_WANTED, FINISHED, NEEDS_A_PERSON, SOURCE
from slipway.stage import StageRequest

from tests.structure.repository import ROOT, STATE_MACHINES, resources, template

DOCUMENTS = sorted(
    path
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "examples/**/*.md",
        "statemachines/*.md",
        "benchmarks/*.md",
        "clients/*/*.md",
    )
    for path in ROOT.glob(pattern)
)
STATE_MACHINE_NAMES = ("rollout", "admit", "step", "restore", "provision", "services")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def fences(path: Path, language: str) -> list[str]:
    found = FENCE.findall(path.read_text())
    return [text for tongue, text in found if tongue == language]


def documents(path: Path) -> list[Any]:
    return [json.loads(text) for text in fences(path, "json")]


def anchors(path: Path) -> set[str]:
    """Return the anchors of a document's headings, as code hosts make them."""
    plain = FENCE.sub("", path.read_text())
    headings = re.findall(r"^#+ (.*)$", plain, re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_relative_links_lead_somewhere(path: Path) -> None:
    for link in LINK.findall(FENCE.sub("", path.read_text())):
        if link.startswith("https://"):
            continue
        assert ":" not in link
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_commands_name_targets_that_exist(path: Path) -> None:
    targets = set(
        re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    )
    text = "\n".join(fences(path, "sh")) + "\n".join(
        re.findall(r"`([^`\n]+)`", path.read_text())
    )
    assert set(re.findall(r"\bmake ([a-z]+)\b", text)) <= targets


def test_there_is_a_document_for_each_thing_that_a_newcomer_looks_for() -> None:
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"} <= {
        named(path) for path in DOCUMENTS
    }
    assert "Apache License" in (ROOT / "LICENSE").read_text()


def test_decisions_are_numbered_without_gaps_and_say_what_was_rejected() -> None:
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [int(path.name[:4]) for path in records]
    assert numbers == list(range(1, len(records) + 1))
    for path in records:
        assert "## Rejected" in path.read_text(), path.name


def test_events_are_those_that_the_code_reads_and_writes() -> None:
    push, stop, said, finished, page, wanted, pattern = documents(
        ROOT / "docs" / "events.md"
    )
    assert read_push(push).tag == "v42"
    stopped = read_task_event(stop)
    assert stopped is not None
    assert stopped.finding is not None
    assert stopped.finding.trouble is Trouble.CRASHED
    command = read_command(said, "dev")
    assert command is not None
    assert command.verb is Verb.PAUSE
    assert finished["source"] == page["source"] == SOURCE
    assert pattern["source"] == [SOURCE]
    assert finished["detail-type"] == FINISHED
    assert page["detail-type"] == NEEDS_A_PERSON
    assert wanted["detail-type"] == APPROVAL_WANTED
    assert Outcome(finished["detail"]["outcome"]) is Outcome.ROLLED_BACK


def test_workflow_inputs_are_what_stages_read() -> None:
    reader = TypeAdapter(StageRequest)
    inputs = [d for d in documents(STATE_MACHINES / "README.md") if "service" in d]
    assert len(inputs) == 3
    for document in inputs:
        known = {k: v for k, v in document.items() if k != "look_seconds"}
        assert reader.validate_python(known).rollout_id


def test_provision_inputs_are_what_its_stages_read() -> None:
    reader = TypeAdapter(ProvisionRequest)
    found = [
        reader.validate_python(document)
        for document in documents(STATE_MACHINES / "README.md")
        if "run" in document
    ]
    assert len(found) == 3
    assert [one.removal is None for one in found] == [True, False, True]
    assert found[2].services == ("orders",)


@pytest.mark.parametrize("name", STATE_MACHINE_NAMES)
def test_a_diagram_shows_the_states_that_there_are(name: str) -> None:
    text = (STATE_MACHINES / "README.md").read_text()
    section = text.split(f"\n## {name}\n")[1].split("\n## ")[0]
    (diagram,) = re.findall(r"```mermaid\n(.*?)```", section, re.DOTALL)
    shown = set(re.findall(r"\b([A-Z]\w+)(?= -->|:|$)", diagram, re.MULTILINE))
    path = STATE_MACHINES / f"{name}.asl.yaml"
    states = list(load(path.read_text(), path.name).every_state())
    known = {state.name for state in states}
    assert shown <= known
    tasks = {state.name for state in states if state.type in {"Task", "Wait"}}
    assert tasks <= shown


def test_the_pages_that_operators_read_of_are_the_alarms_that_there_are() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    for alarm in resources("AWS::CloudWatch::Alarm"):
        workflow = re.sub(r"^.*(?=Executions)", "…", alarm)
        assert f"`{alarm}`" in text or f"`{workflow}`" in text, alarm


def test_the_example_of_a_record_is_one() -> None:
    (example,) = fences(ROOT / "docs" / "operations.md", "python")
    client = Mock()
    with patch("boto3.client", return_value=client):
        exec(compile(example, "orders.py", "exec"), {})  # noqa: S102  our own document
    items = [
        write["Put"]["Item"]
        for write in client.transact_write_items.call_args.kwargs["TransactItems"]
    ]
    (record,) = [item for item in items if item["sk"]["S"] == "RECORD"]
    service = TypeAdapter(Service).validate_json(record["body"]["S"])
    assert service.hears("v42")


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_deployment_settings_give_what_the_template_asks_for(environment: str) -> None:
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text())
    parameters = settings[environment]["deploy"]["parameters"]
    given = dict(entry.split("=", 1) for entry in parameters["parameter_overrides"])
    asked = template()["Parameters"]
    assert set(given) <= set(asked)
    assert {name for name, p in asked.items() if "Default" not in p} <= set(given)
    assert all(given.values())
    assert given["EnvironmentName"] == environment
    assert parameters["stack_name"] == f"slipway-{environment}"
    assert parameters["capabilities"] == "CAPABILITY_IAM"
    assert parameters["confirm_changeset"] is (environment == "prod")
