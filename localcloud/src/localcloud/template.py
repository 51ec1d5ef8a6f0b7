"""Reading CloudFormation templates: tags, parameters, conditions, intrinsic functions.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/
intrinsic-function-reference.html
"""

import copy
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from localcloud.api import ACCOUNT, REGION, NotModelled

SECTIONS = frozenset(
    {
        "AWSTemplateFormatVersion",
        "Transform",
        "Description",
        "Metadata",
        "Parameters",
        "Mappings",
        "Conditions",
        "Globals",
        "Resources",
        "Outputs",
    }
)

_PLACEHOLDER = re.compile(r"\$\{(!?)([^}]+)\}")
_NO_VALUE = object()


class InvalidTemplate(Exception):
    """A template that AWS would not deploy, or that would not work once deployed."""


class _Loader(yaml.CSafeLoader):
    """YAML with CloudFormation's short forms: `!Sub x` is `{"Fn::Sub": "x"}`."""


def _tagged(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    else:
        raise InvalidTemplate(f"!{suffix} of {node}")
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    key = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    return {key: value}


_Loader.add_multi_constructor("!", _tagged)
# CloudFormation keeps dates such as the policy version 2012-10-17 as text.
_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: str(node.value))


def read(path: Path) -> dict[str, Any]:
    """Read a template's file."""
    document = copy.deepcopy(_document(path.read_text()))
    unknown = sorted(set(document) - SECTIONS)
    if unknown:
        raise NotModelled(f"template section {', '.join(unknown)}")
    return dict(document)


@lru_cache(maxsize=4)
def _document(text: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(text, _Loader)  # noqa: S506  a SafeLoader
    return document


class Resolver:
    """Evaluates the intrinsic functions of one template."""

    def __init__(
        self,
        document: Mapping[str, Any],
        stack_name: str,
        parameters: Mapping[str, str],
        reference: Callable[[str, str | None], Any],
    ) -> None:
        """Take the template, and a function for a resource's Ref or attribute."""
        self._reference = reference
        self._mappings = document.get("Mappings", {})
        self._conditions = document.get("Conditions", {})
        self._values: dict[str, Any] = {
            "AWS::Region": REGION,
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": "aws",
            "AWS::StackName": stack_name,
            "AWS::StackId": (
                f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{stack_name}/local"
            ),
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::NoValue": _NO_VALUE,
            **_parameters(document.get("Parameters", {}), parameters),
        }

    def condition(self, name: str) -> bool:
        """Say whether a named condition holds."""
        if name not in self._conditions:
            raise InvalidTemplate(f"no condition is called {name}")
        return bool(self.resolve(self._conditions[name]))

    def resolve(self, value: Any) -> Any:
        """Return a value with all intrinsic functions evaluated."""
        if isinstance(value, list):
            items = [self.resolve(item) for item in value]
            return [item for item in items if item is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            key, argument = next(iter(value.items()))
            # In a policy, Condition is a mapping and means something else.
            named = key == "Condition" and isinstance(argument, str)
            if named or key == "Ref" or str(key).startswith("Fn::"):
                return self._intrinsic(key, argument)
        items_by_key = {key: self.resolve(item) for key, item in value.items()}
        return {k: v for k, v in items_by_key.items() if v is not _NO_VALUE}

    def _intrinsic(self, key: str, argument: Any) -> Any:
        function = {
            "Ref": self._ref,
            "Condition": self.condition,
            "Fn::GetAtt": self._attribute,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::Split": self._split,
            "Fn::Select": self._select,
            "Fn::If": self._if,
            "Fn::Equals": self._equals,
            "Fn::Not": lambda inner: not self._all(inner),
            "Fn::And": self._all,
            "Fn::Or": lambda inner: any(self.resolve(inner)),
            "Fn::FindInMap": self._find,
        }.get(key)
        if function is None:
            raise NotModelled(f"intrinsic function {key} of {argument!r}")
        return function(argument)

    def _all(self, conditions: Any) -> bool:
        return all(self.resolve(conditions))

    def _attribute(self, argument: Any) -> Any:
        resource, attribute = argument
        return self._reference(resource, attribute)

    def _sub(self, argument: Any) -> str:
        if isinstance(argument, str):
            return self._substitute(argument, {})
        text, values = argument
        return self._substitute(text, self.resolve(values))

    def _join(self, argument: Any) -> str:
        separator, items = argument
        return str(separator).join(str(item) for item in self.resolve(items))

    def _split(self, argument: Any) -> list[str]:
        separator, text = argument
        return str(self.resolve(text)).split(separator)

    def _select(self, argument: Any) -> Any:
        index, items = argument
        return self.resolve(items)[int(self.resolve(index))]

    def _if(self, argument: Any) -> Any:
        name, then, otherwise = argument
        return self.resolve(then if self.condition(name) else otherwise)

    def _equals(self, argument: Any) -> bool:
        left, right = argument
        return bool(self.resolve(left) == self.resolve(right))

    def _find(self, argument: Any) -> Any:
        found: Any = self._mappings
        for key in argument:
            found = found[self.resolve(key)]
        return found

    def _ref(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        return self._reference(name, None)

    def _substitute(self, text: str, values: Mapping[str, Any]) -> str:
        def replace(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return f"${{{name}}}"
            if name in values:
                return str(values[name])
            resource, _, attribute = name.partition(".")
            if attribute:
                return str(self._reference(resource, attribute))
            return str(self._ref(name))

        return _PLACEHOLDER.sub(replace, text)


_LIST_TYPES = ("CommaDelimitedList", "List<")
_PLAIN_TYPES = ("String", "Number", "AWS::EC2::")


def _parameters(
    declared: Mapping[str, Any], given: Mapping[str, str]
) -> dict[str, Any]:
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise InvalidTemplate(f"no parameter is called {', '.join(unknown)}")
    values: dict[str, Any] = {}
    for name, parameter in declared.items():
        value = given.get(name, parameter.get("Default"))
        if value is None:
            raise InvalidTemplate(f"parameter {name} needs a value")
        text = str(value)
        allowed = [str(item) for item in parameter.get("AllowedValues", [text])]
        if text not in allowed:
            raise InvalidTemplate(f"parameter {name} is {text}, not one of {allowed}")
        pattern = parameter.get("AllowedPattern")
        if pattern and not re.fullmatch(pattern, text):
            raise InvalidTemplate(f"parameter {name} is {text}, not {pattern}")
        kind = parameter["Type"]
        if kind.startswith(_LIST_TYPES):
            values[name] = [item.strip() for item in text.split(",") if item.strip()]
        elif kind.startswith(_PLAIN_TYPES):
            values[name] = text
        else:
            raise NotModelled(f"parameter {name}: type {kind}")
    return values
