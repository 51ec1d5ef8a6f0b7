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
    "cloudwatch": ("cloudwatch", "cloudwatch"),
    "ecr": ("ecr", "ecr"),
    "ecs": ("ecs", "ecs"),
    "elbv2": ("elbv2", "elasticloadbalancing"),
    "events": ("events", "events"),
    "journal": ("dynamodb", "dynamodb"),
    "stepfunctions": ("stepfunctions", "states"),
}
"""Each gateway's boto3 service, and the service's prefix in IAM actions."""

TRANSACTED = {
    "ConditionCheck": "dynamodb:ConditionCheckItem",
    "Delete": "dynamodb:DeleteItem",
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
}
"""TransactWriteItems has no action of its own (transaction-apis-iam)."""

NO_ACTION = {"get_paginator", "transact_write_items"}

BESIDES = {
    "ecs:RegisterTaskDefinition": {"ecs:TagResource", "iam:PassRole"},
}
"""What AWS asks for along with an action: tags and roles that go with it."""

LAUNCHES = {"launch_candidate"}
"""These hand a task definition, and so its roles, to a service."""

OF_EACH = {"logs:CreateLogStream", "logs:PutLogEvents"}
OF_A_QUEUE = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
"""What Lambda's poller does in the function's name."""


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def gateway_class(gateway: str) -> tuple[str, ast.ClassDef]:
    """Return the module and class that the wiring says `app.GATEWAY` is."""
    wiring = tree(CORE / "slipway" / "wiring.py")
    (app,) = [n for n in wiring.body if isinstance(n, ast.ClassDef) and n.name == "App"]
    (name,) = [
        ast.unparse(field.annotation)
        for field in app.body
        if isinstance(field, ast.AnnAssign) and ast.unparse(field.target) == gateway
    ]
    for path in GATEWAYS.glob("*.py"):
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef) and node.name == name:
                return path.stem, node
    raise AssertionError(f"no gateway is called {name}")


def calls_of(gateway: str, method: str) -> set[str]:
    """Return the IAM actions that a gateway's method can come to need."""
    module, class_ = gateway_class(gateway)
    methods = {n.name: n for n in class_.body if isinstance(n, ast.FunctionDef)}
    service, prefix = SERVICES[module]
    needed: set[str] = set()
    waiting, seen = [method], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for node in ast.walk(methods[name]):
            if not isinstance(node, ast.Attribute):
                continue
            owner = ast.unparse(node.value)
            if owner == "self" and node.attr in methods:
                waiting.append(node.attr)
            elif owner == "self._client" and node.attr not in NO_ACTION:
                needed.add(f"{prefix}:{operation(service, node.attr)}")
        constants = [
            n.value
            for n in ast.walk(methods[name])
            if isinstance(n, ast.Constant) and isinstance(n.value, str)
        ]
        paginated = [
            n.args[0].value
            for n in ast.walk(methods[name])
            if isinstance(n, ast.Call)
            and ast.unparse(n.func) == "self._client.get_paginator"
            and isinstance(n.args[0], ast.Constant)
        ]
        needed |= {f"{prefix}:{operation(service, str(p))}" for p in paginated}
        if module == "journal":
            needed |= {TRANSACTED[c] for c in constants if c in TRANSACTED}
    return needed


@cache
def operations(service: str) -> dict[str, str]:
    model = botocore.session.get_session().get_service_model(service)
    return {xform_name(name): name for name in model.operation_names}


def operation(service: str, method: str) -> str:
    """Return the API's name of a boto3 method."""
    return operations(service)[method]


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
        needed |= calls_of(gateway, method)
    for action in list(needed):
        needed |= BESIDES.get(action, set())
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
