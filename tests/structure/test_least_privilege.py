"""Each function may do exactly what its code can come to call, and nothing else.

The calls are found in the code: from a function's handler over the core's functions to
the gateways' methods and the boto3 calls in them.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from tests.structure.repository import (
    CORE,
    FUNCTIONS,
    actions,
    functions,
    pascal,
    statements,
    stems,
)

GATEWAYS = CORE / "slipway" / "gateways"
SERVICES = {
    "autoscaling": ("application-autoscaling", "application-autoscaling"),
    "cloudwatch": ("cloudwatch", "cloudwatch"),
    "ecr": ("ecr", "ecr"),
    "ecs": ("ecs", "ecs"),
    "elbv2": ("elbv2", "elasticloadbalancing"),
    "events": ("events", "events"),
    "stepfunctions": ("stepfunctions", "states"),
    "table": ("dynamodb", "dynamodb"),
}
"""Each gateway's boto3 service, and the service's prefix in IAM actions."""

WRITES = {
    "check": "dynamodb:ConditionCheckItem",
    "delete": "dynamodb:DeleteItem",
    "put": "dynamodb:PutItem",
    "update": "dynamodb:UpdateItem",
}
"""What the journal's table is told to write, by slipway.gateways.table: alone or in a
transaction the action is the same (transaction-apis-iam)."""

NO_ACTION = {"get_paginator"}

BESIDES = {
    "application-autoscaling:RegisterScalableTarget": {
        "ecs:DescribeServices",
        "ecs:UpdateService",
    },
    "ecs:RegisterTaskDefinition": {"ecs:TagResource", "iam:PassRole"},
}
"""What AWS asks for along with an action: tags and roles that go with it, and what it
is to do in the caller's name (Application Auto Scaling user guide,
security_iam_permission_validation)."""

LAUNCHES = {"launch_candidate"}
"""These hand a task definition, and so its roles, to a service."""

OF_EACH = {"logs:CreateLogStream", "logs:PutLogEvents"}
OF_A_QUEUE = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
"""What Lambda's poller does in the function's name."""


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def gateway_class(gateway: str) -> tuple[str, str]:
    """Return the module and class that the wiring says `app.GATEWAY` is."""
    wiring = tree(CORE / "slipway" / "wiring.py")
    (app,) = [n for n in wiring.body if isinstance(n, ast.ClassDef) and n.name == "App"]
    (name,) = [
        ast.unparse(field.annotation)
        for field in app.body
        if isinstance(field, ast.AnnAssign) and ast.unparse(field.target) == gateway
    ]
    (module,) = [
        path.stem
        for path in GATEWAYS.glob("*.py")
        if any(isinstance(n, ast.ClassDef) and n.name == name for n in tree(path).body)
    ]
    return module, name


def calls_of(module: str, class_: str, method: str) -> set[str]:
    """Return the IAM actions that a gateway's method can come to need."""
    source = tree(GATEWAYS / f"{module}.py").body
    (body,) = [
        node.body
        for node in source
        if isinstance(node, ast.ClassDef) and node.name == class_
    ]
    functions = {n.name: n for n in source if isinstance(n, ast.FunctionDef)}
    methods = {n.name: n for n in body if isinstance(n, ast.FunctionDef)}
    needed: set[str] = set()
    waiting, seen = [method], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for node in ast.walk(methods.get(name) or functions[name]):
            match node:
                case ast.Attribute(value=ast.Name("self"), attr=attr):
                    waiting += [attr] if attr in methods else []
                case ast.Attribute(value=owner, attr=attr):
                    needed |= called(module, ast.unparse(owner), attr)
                case ast.Call(func=func, args=[ast.Constant(value=str(paged)), *_]):
                    if ast.unparse(func) == "self._client.get_paginator":
                        needed.add(action(module, paged))
                case ast.Name(id=kind) if module == "journal" and kind in WRITES:
                    needed.add(WRITES[kind])
                case ast.Name(id=name) if name in functions:
                    waiting.append(name)
    return needed


def called(module: str, owner: str, attr: str) -> set[str]:
    """Return the actions of `OWNER.ATTR` in a gateway's method."""
    if owner == "self._client" and attr not in NO_ACTION:
        return {action(module, attr)}
    if owner == "self._table" and not attr.startswith("write"):
        return calls_of("table", "Table", attr)
    return set()


def action(module: str, method: str) -> str:
    """Return the IAM action of a boto3 method."""
    service, prefix = SERVICES[module]
    return f"{prefix}:{operations(service)[method]}"


@cache
def operations(service: str) -> dict[str, str]:
    model = botocore.session.get_session().get_service_model(service)
    return {xform_name(name): name for name in model.operation_names}


def module_path(name: str) -> Path | None:
    path = CORE.joinpath(*name.split(".")).with_suffix(".py")
    return path if path.exists() else None


def reached(path: Path, names: set[str] | None = None) -> Iterator[tuple[str, str]]:
    """Give each (gateway, method) that functions of a module can come to use.

    All of the module's functions, or those of `names`; over imports, into the core.
    """
    module = tree(path)
    own = {n.name: n for n in module.body if isinstance(n, ast.FunctionDef)}
    imported = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    waiting = list(own) if names is None else [n for n in names if n in own]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for node in ast.walk(own[name]):
            if isinstance(node, ast.Attribute):
                owner = ast.unparse(node.value)
                if owner.startswith("app.") and owner.count(".") == 1:
                    gateway = owner.removeprefix("app.")
                    if gateway != "settings":
                        yield gateway, node.attr
            elif isinstance(node, ast.Name) and node.id in own:
                waiting.append(node.id)
            elif isinstance(node, ast.Name) and node.id in imported:
                source, original = imported[node.id]
                if (into := module_path(source)) and GATEWAYS not in into.parents:
                    yield from reached(into, {original})


def needed_actions(stem: str) -> set[str]:
    """Return what a function's code can come to need."""
    needed: set[str] = set(OF_EACH)
    for gateway, method in set(reached(FUNCTIONS / stem / "app.py")):
        needed |= calls_of(*gateway_class(gateway), method)
    for besides in [BESIDES.get(one, set()) for one in needed]:
        needed |= besides
    if stem in LAUNCHES:
        needed.add("iam:PassRole")
    if "Events" in functions()[f"{pascal(stem)}Function"]["Properties"]:
        needed |= OF_A_QUEUE
    return needed


def allowed_actions(stem: str) -> set[str]:
    """Return what a function's policy allows."""
    function = functions()[f"{pascal(stem)}Function"]
    return {action for s in statements(function) for action in actions(s)}


@pytest.mark.parametrize("stem", stems())
def test_a_function_may_do_what_its_code_does_and_no_more(stem: str) -> None:
    allowed, needed = allowed_actions(stem), needed_actions(stem)
    assert sorted(needed - allowed) == [], "the code needs it, the policy lacks it"
    assert sorted(allowed - needed) == [], "the policy allows it, the code never does"


def test_the_calls_of_a_stage_are_found_through_helpers_and_gateways() -> None:
    assert "elasticloadbalancing:ModifyRule" in needed_actions("shift_traffic")
    assert "dynamodb:PutItem" in needed_actions("shift_traffic")
    assert "elasticloadbalancing:ModifyRule" not in needed_actions("check_health")
