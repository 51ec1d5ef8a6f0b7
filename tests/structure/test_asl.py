"""State machine definitions: sound, small, and given all they ask for."""

import re
from pathlib import Path

import pytest
import yaml
from localcloud.asl import house_rules, load
from localcloud.asl.definition import State
from slipway.domain.service import LONGEST_LOOK_SECONDS

from tests.structure.repository import (
    STATE_MACHINES,
    functions,
    resources,
    template,
)

DEFINITIONS = sorted(STATE_MACHINES.glob("*.asl.yaml"))
LINES_LIMIT = 250
LAST_RESORTS = {"Restore", "RecordRollout"}
"""States that try again whatever fails: giving one up costs a person's night."""
ONE_LOOK = "{% $request.look_seconds %}"
"""1 to LONGEST_LOOK_SECONDS, as a policy of rollouts holds."""
ONE_TURN = "{% $lease.wait_seconds %}"
"""1 to 60, as the queue of starts holds."""


def named(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("path", DEFINITIONS, ids=named)
def test_a_definition_is_sound_and_follows_the_house(path: Path) -> None:
    assert [
        finding
        for finding in house_rules(load(path.read_text(), path.name))
        if not re.search(rf"state ({'|'.join(LAST_RESORTS)}): Retry ", finding)
    ] == []


@pytest.mark.parametrize("path", DEFINITIONS, ids=named)
def test_a_last_resort_tries_again_whatever_fails_but_what_is_final(path: Path) -> None:
    for state in load(path.read_text(), path.name).every_state():
        if state.name in LAST_RESORTS and "FunctionName" in state.fields["Arguments"]:
            *final, last = state.retriers
            assert [r for r in final if r.max_attempts > 0] == []
            assert last.error_equals == ("States.ALL",)
            assert last.full_jitter
            assert last.max_attempts >= 20


@pytest.mark.parametrize("path", DEFINITIONS, ids=named)
def test_a_definition_is_small_and_says_what_it_takes_and_gives(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= LINES_LIMIT
    assert len(list(load(text, path.name).every_state())) < 30
    header = "\n".join(re.findall(r"^#.*", text, re.MULTILINE))
    for part in ("Input:", "Output:", "Errors:"):
        assert part in header


@pytest.mark.parametrize("path", DEFINITIONS, ids=named)
def test_a_definition_is_plain_yaml(path: Path) -> None:
    """Step Functions' console and `sam` read it without anchors."""
    tokens = [type(token) for token in yaml.scan(path.read_text())]
    assert yaml.AnchorToken not in tokens
    assert yaml.AliasToken not in tokens


def test_each_definition_is_one_state_machine() -> None:
    machines = resources("AWS::Serverless::StateMachine")
    assert [m["Properties"]["DefinitionUri"] for m in machines.values()] == [
        f"statemachines/{name.removesuffix('StateMachine').lower()}.asl.yaml"
        for name in machines
    ]
    assert {STATE_MACHINES.parent / m["Properties"]["DefinitionUri"]
            for m in machines.values()} == set(DEFINITIONS)  # fmt: skip


@pytest.mark.parametrize("name", resources("AWS::Serverless::StateMachine"))
def test_a_state_machine_is_given_what_it_asks_for_and_no_more(name: str) -> None:
    properties = resources()[name]["Properties"]
    text = (STATE_MACHINES.parent / properties["DefinitionUri"]).read_text()
    given = properties["DefinitionSubstitutions"]
    assert set(re.findall(r"\$\{(\w+)\}", text)) == set(given)
    for key, value in given.items():
        kind = "FunctionArn" if key.endswith("FunctionArn") else "Arn"
        name = value["Ref"].removesuffix(".Alias" if kind == "FunctionArn" else "")
        assert f"{name}Arn" == key


@pytest.mark.parametrize("path", DEFINITIONS, ids=named)
def test_a_task_outlasts_its_function(path: Path) -> None:
    """But for waits: their function leaves a token; too late costs a look at most."""
    default = template()["Globals"]["Function"]["Timeout"]
    for state in load(path.read_text(), path.name).every_state():
        function = state.fields.get("Arguments", {}).get("FunctionName")
        if function is not None and not _waits(state):
            name = function.removeprefix("${").removesuffix("Arn}")
            seconds = functions()[name]["Properties"].get("Timeout", default)
            assert state.fields["TimeoutSeconds"] > seconds


@pytest.mark.parametrize("path", DEFINITIONS, ids=named)
def test_a_wait_ends_and_goes_on_whatever_becomes_of_its_function(path: Path) -> None:
    for state in load(path.read_text(), path.name).every_state():
        if _waits(state):
            seconds = state.fields["TimeoutSeconds"]
            assert (
                seconds in {ONE_LOOK, ONE_TURN} or 1 <= seconds <= LONGEST_LOOK_SECONDS
            )
            (catch,) = state.fields["Catch"]
            assert catch["ErrorEquals"] == ["States.ALL"]
            assert catch["Next"] == state.fields["Next"]


def _waits(state: State) -> bool:
    return str(state.fields.get("Resource", "")).endswith(".waitForTaskToken")
