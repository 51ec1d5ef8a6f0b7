"""The repository as its structural tests read it."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from localcloud.asl import Definition, load
from localcloud.template import read

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "template.yaml"
FUNCTIONS = ROOT / "functions"
CORE = ROOT / "layers" / "core" / "src"
CLIENT = ROOT / "clients" / "python" / "src"
STATE_MACHINES = ROOT / "statemachines"
BUILD = ROOT / ".aws-sam" / "build"

type Resource = Mapping[str, Any]


@cache
def template() -> dict[str, Any]:
    """Return the template, its short forms such as !Ref as mappings."""
    return read(TEMPLATE)


def resources(kind: str | None = None) -> dict[str, Resource]:
    """Return resources by logical id, in the template's order; all, or of one type."""
    found: dict[str, Resource] = template()["Resources"]
    return {
        name: resource
        for name, resource in found.items()
        if kind is None or resource["Type"] == kind
    }


def functions() -> dict[str, Resource]:
    """Return the Lambda functions by logical id."""
    return resources("AWS::Serverless::Function")


def statements(resource: Resource) -> Iterator[Mapping[str, Any]]:
    """Give each statement of a function's role, or inside a state machine."""
    properties = resource["Properties"]
    if "Role" in properties:
        logical_id = properties["Role"]["Fn::GetAtt"][0]
        role = resources("AWS::IAM::Role")[logical_id]["Properties"]
        assert "ManagedPolicyArns" not in role, f"{logical_id} is not exact"
        for inline in role["Policies"]:
            yield from inline["PolicyDocument"]["Statement"]
        return
    for policy in properties["Policies"]:
        assert isinstance(policy, dict), f"{policy} is not a policy of its own"
        yield from policy["Statement"]


def actions(statement: Mapping[str, Any]) -> list[str]:
    """Return a statement's actions as a list."""
    listed = statement["Action"]
    return [listed] if isinstance(listed, str) else list(listed)


def stems() -> list[str]:
    """Return the names of the functions' folders, sorted."""
    return sorted(p.name for p in FUNCTIONS.iterdir() if (p / "app.py").exists())


def pascal(stem: str) -> str:
    """Return ShiftTraffic for shift_traffic."""
    return "".join(word.capitalize() for word in stem.split("_"))


@cache
def definition(name: str) -> Definition:
    """Return statemachines/NAME.asl.yaml."""
    path = STATE_MACHINES / f"{name}.asl.yaml"
    return load(path.read_text(), path.name)


def all_stages() -> list[str]:
    """Return the stages of rollouts, then those of provisioning."""
    return [*stages("rollout"), *stages("provision")]


def stages(name: str) -> list[str]:
    """Return the stages in the order in which a state machine names them.

    What a nested state machine runs stands where it is nested.
    """
    ordered: list[str] = []
    for state in definition(name).every_state():
        arguments = state.fields.get("Arguments", {})
        if "FunctionName" in arguments:
            ordered.append(
                arguments["FunctionName"]
                .removeprefix("${")
                .removesuffix("FunctionArn}")
            )
        elif "StateMachineArn" in arguments:
            nested = arguments["StateMachineArn"].removeprefix("${")
            ordered += stages(nested.removesuffix("StateMachineArn}").lower())
    return list(dict.fromkeys(ordered))
