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
    "acm": ("acm", "acm"),
    "autoscaling": ("application-autoscaling", "application-autoscaling"),
    "autoscaling_resources": ("application-autoscaling", "application-autoscaling"),
    "cloudwatch": ("cloudwatch", "cloudwatch"),
    "cloudwatch_alarms": ("cloudwatch", "cloudwatch"),
    "ec2": ("ec2", "ec2"),
    "ecr": ("ecr", "ecr"),
    "ecs": ("ecs", "ecs"),
    "ecs_resources": ("ecs", "ecs"),
    "ecs_running": ("ecs", "ecs"),
    "elbv2": ("elbv2", "elasticloadbalancing"),
    "elbv2_groups": ("elbv2", "elasticloadbalancing"),
    "elbv2_kept": ("elbv2", "elasticloadbalancing"),
    "elbv2_listeners": ("elbv2", "elasticloadbalancing"),
    "elbv2_network": ("elbv2", "elasticloadbalancing"),
    "elbv2_giving": ("elbv2", "elasticloadbalancing"),
    "elbv2_room": ("elbv2", "elasticloadbalancing"),
    "elbv2_rules": ("elbv2", "elasticloadbalancing"),
    "events": ("events", "events"),
    "iam": ("iam", "iam"),
    "logs": ("logs", "logs"),
    "route53": ("route53", "route53"),
    "s3": ("s3", "s3"),
    "service_quotas": ("service-quotas", "servicequotas"),
    "servicediscovery": ("servicediscovery", "servicediscovery"),
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

OTHERWISE = {
    "s3:GetObject": "s3:GetObjectVersion",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
}
"""Calls whose action has another name; versions are read by VersionId only (Service
Authorization Reference, Amazon S3)."""

HANDED_ON = {
    "clear": ("found", "remove"),
    "keep": ("found", "make", "change", "tag"),
    "look": ("found",),
}
"""What functions of provisioning call of the gateways that they are given."""

WITHIN = {
    "self._journal": ("journal", "Journal"),
    "self._table": ("table", "Table"),
    "self._targets": ("autoscaling", "Autoscaling"),
    "self._zones": ("route53", "HostedZones"),
}
"""Gateways that gateways work with."""

BESIDES = {
    "acm:RequestCertificate": {"acm:AddTagsToCertificate"},
    "application-autoscaling:RegisterScalableTarget": {
        "ecs:DescribeServices",
        "ecs:UpdateService",
    },
    "ec2:AuthorizeSecurityGroupIngress": {"ec2:CreateTags"},
    "ec2:CreateSecurityGroup": {"ec2:CreateTags"},
    "ecs:CreateCluster": {"ecs:TagResource"},
    "ecs:CreateService": {"ecs:TagResource", "iam:PassRole"},
    "ecs:RegisterTaskDefinition": {"ecs:TagResource", "iam:PassRole"},
    "elasticloadbalancing:CreateListener": {"elasticloadbalancing:AddTags"},
    "elasticloadbalancing:CreateLoadBalancer": {"elasticloadbalancing:AddTags"},
    "elasticloadbalancing:CreateRule": {"elasticloadbalancing:AddTags"},
    "elasticloadbalancing:CreateTargetGroup": {"elasticloadbalancing:AddTags"},
    "logs:CreateLogGroup": {"logs:TagResource"},
    "servicediscovery:CreateHttpNamespace": {"servicediscovery:TagResource"},
    "servicediscovery:CreatePrivateDnsNamespace": {
        "servicediscovery:TagResource",
        "ec2:DescribeRegions",
        "ec2:DescribeVpcs",
        "route53:CreateHostedZone",
    },
    "servicediscovery:CreateService": {
        "servicediscovery:TagResource",
        "route53:GetHostedZone",
    },
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
    roots = [tree(CORE / "slipway" / f"{name}.py") for name in ("wiring", "estate")]
    (name,) = {
        ast.unparse(field.annotation)
        for root in roots
        for app in root.body
        if isinstance(app, ast.ClassDef) and app.name in {"App", "Estate"}
        for field in app.body
        if isinstance(field, ast.AnnAssign) and ast.unparse(field.target) == gateway
    }
    (module,) = [
        path.stem
        for path in GATEWAYS.glob("*.py")
        if any(isinstance(n, ast.ClassDef) and n.name == name for n in tree(path).body)
    ]
    return module, name


def has(module: str, class_: str, method: str) -> bool:
    """Whether a gateway has a method: not all kinds of resources have tags."""
    return any(
        isinstance(node, ast.FunctionDef) and node.name == method
        for one in lineage(module, class_)
        for node in one.body
    )


def calls_of(module: str, class_: str, method: str) -> set[str]:
    """Return the IAM actions that a gateway's method can come to need."""
    source = tree(GATEWAYS / f"{module}.py").body
    body = [n for one in lineage(module, class_) for n in one.body]
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


def lineage(module: str, class_: str) -> Iterator[ast.ClassDef]:
    """Give a gateway's classes, those it comes of first, from whatever gateway."""
    source = tree(GATEWAYS / f"{module}.py").body
    own = {n.name: n for n in source if isinstance(n, ast.ClassDef)}
    homes = {
        alias.name: node.module.rpartition(".")[2]
        for node in source
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
        if (GATEWAYS / f"{node.module.rpartition('.')[2]}.py").exists()
    }
    for base in map(ast.unparse, own[class_].bases):
        if base in own or base in homes:
            yield from lineage(homes.get(base, module), base)
    yield own[class_]


def called(module: str, owner: str, attr: str) -> set[str]:
    """Return the actions of `OWNER.ATTR` in a gateway's method."""
    if owner == "self._client" and attr not in NO_ACTION:
        return {action(module, attr)}
    if owner in WITHIN and not (owner == "self._table" and attr.startswith("write")):
        return calls_of(*WITHIN[owner], attr)
    return set()


def action(module: str, method: str) -> str:
    """Return the IAM action of a boto3 method."""
    service, prefix = SERVICES[module]
    name = f"{prefix}:{operations(service)[method]}"
    return OTHERWISE.get(name, name)


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
        yield from used(own[name])
        for node in ast.walk(own[name]):
            if isinstance(node, ast.Name) and node.id in own:
                waiting.append(node.id)
            elif isinstance(node, ast.Name) and node.id in imported:
                source, original = imported[node.id]
                if (into := module_path(source)) and GATEWAYS not in into.parents:
                    yield from reached(into, {original})


def used(function: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    """Give each (gateway, method) that a function names, or hands on."""
    for node in ast.walk(function):
        match node:
            case ast.Attribute(
                value=ast.Attribute(value=ast.Name("app"), attr=gateway)
            ):
                if gateway != "settings":
                    yield gateway, node.attr
            case ast.Call(func=ast.Name(id=taker), args=arguments):
                for argument in arguments:
                    match argument:
                        case ast.Attribute(value=ast.Name("app"), attr=gateway):
                            for method in HANDED_ON.get(taker, ()):
                                yield gateway, method


def needed_actions(stem: str) -> set[str]:
    """Return what a function's code can come to need."""
    needed: set[str] = set(OF_EACH)
    for gateway, method in set(reached(FUNCTIONS / stem / "app.py")):
        home = gateway_class(gateway)
        if method != "tag" or has(*home, method):
            needed |= calls_of(*home, method)
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
