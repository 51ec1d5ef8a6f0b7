"""DynamoDB in a dictionary: as much of it as the journal's writes need, and fast.

Conditions and updates are those of slipway.gateways.journal; any other raises.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError

type Item = dict[str, Any]

_PART = re.compile(
    r"attribute_not_exists\((?P<missing>\w+)\)|attribute_exists\((?P<there>\w+)\)"
    r"|(?P<value>:\w+)|\b(?P<word>AND|OR|IN)\b|(?P<equal>(?<![<>])=)|(?P<name>\b\w+)"
)
_deserialize = TypeDeserializer().deserialize


class _Missing:
    """An attribute that is not there: compared with anything, it is not so."""

    def __lt__(self, other: object) -> bool:
        return False

    __le__ = __gt__ = __ge__ = __lt__


class FakeTable:
    """One table, with the client's methods that the journal calls."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], Item] = {}

    def get_item(self, *, Key: Item, **_: Any) -> dict[str, Any]:  # noqa: N803  the SDK's
        """Return an item."""
        item = self.items.get(_key(Key))
        return {"Item": item} if item is not None else {}

    def get_paginator(self, operation: str) -> "FakeTable":
        """Return what pages through a query: there is one page."""
        assert operation == "query"
        return self

    def paginate(
        self,
        *,
        ExpressionAttributeValues: Item,  # noqa: N803  the SDK's
        **_: Any,
    ) -> Iterator[dict[str, Any]]:
        """Return a partition's items whose sort keys begin so."""
        values = ExpressionAttributeValues
        pk, prefix = values[":pk"]["S"], values[":prefix"]["S"]
        keys = sorted(k for k in self.items if k[0] == pk and k[1].startswith(prefix))
        yield {"Items": [self.items[key] for key in keys]}

    def put_item(self, **details: Any) -> dict[str, Any]:
        """Put an item."""
        return self._one("Put", details)

    def update_item(self, **details: Any) -> dict[str, Any]:
        """Update an item."""
        return self._one("Update", details)

    def delete_item(self, **details: Any) -> dict[str, Any]:
        """Delete an item."""
        return self._one("Delete", details)

    def transact_write_items(
        self,
        *,
        TransactItems: list[dict[str, Any]],  # noqa: N803  the SDK's
    ) -> dict[str, Any]:
        """Write all items or none."""
        writes = [(k, d) for item in TransactItems for k, d in item.items()]
        refused = [not self._allowed(kind, details) for kind, details in writes]
        if any(refused):
            reasons = [
                {"Code": "ConditionalCheckFailed" if r else "None"} for r in refused
            ]
            raise _error("TransactionCanceledException", CancellationReasons=reasons)
        for kind, details in writes:
            self._write(kind, details)
        return {}

    def _one(self, kind: str, details: dict[str, Any]) -> dict[str, Any]:
        if not self._allowed(kind, details):
            raise _error("ConditionalCheckFailedException")
        return self._write(kind, details)

    def _allowed(self, kind: str, details: Mapping[str, Any]) -> bool:
        condition = details.get("ConditionExpression")
        if condition is None:
            return True
        item = self.items.get(_key(_keyed(kind, details)), {})
        values = _values(details)
        return bool(
            _condition(condition)(
                lambda name: _plain(item[name]) if name in item else _Missing(),
                lambda name: name in item,
                values,
            )
        )

    def _write(self, kind: str, details: Mapping[str, Any]) -> dict[str, Any]:
        key = _key(_keyed(kind, details))
        match kind:
            case "Put":
                self.items[key] = dict(details["Item"])
            case "Delete":
                self.items.pop(key, None)
            case "Update":
                return self._update(key, details)
        return {}

    def _update(
        self, key: tuple[str, str], details: Mapping[str, Any]
    ) -> dict[str, Any]:
        old = self.items.get(key, dict(details["Key"]))
        new, values = dict(old), details.get("ExpressionAttributeValues", {})
        changed = []
        sets, _, adds = details["UpdateExpression"].partition(" ADD ")
        for one in sets.removeprefix("SET ").split(", "):
            name, value = one.split(" = ")
            new[name] = values[value]
            changed.append(name)
        if adds:
            name, value = adds.split(" ")
            before = int(old.get(name, {"N": "0"})["N"])
            new[name] = {"N": str(before + int(values[value]["N"]))}
        self.items[key] = new
        if details.get("ReturnValues") != "UPDATED_OLD":
            return {}
        return {"Attributes": {name: old[name] for name in changed if name in old}}


@cache
def _condition(text: str) -> Callable[..., Any]:
    """Compile a ConditionExpression to a function of its item and values."""
    code = compile(_PART.sub(_translated, text), text, "eval")

    def holds(item: Any, has: Any, values: Any) -> Any:
        return eval(code, {"item": item, "has": has, "values": values})  # noqa: S307  our own conditions

    return holds


def _translated(part: re.Match[str]) -> str:
    text = part[0]
    match part.lastgroup:
        case "missing":
            return f"(not has({part['missing']!r}))"
        case "there":
            return f"has({part['there']!r})"
        case "value":
            return f"values[{text!r}]"
        case "word":
            return text.lower()
        case "equal":
            return "=="
    return f"item({text!r})"


def _values(details: Mapping[str, Any]) -> Item:
    wire = details.get("ExpressionAttributeValues", {})
    return {name: _plain(value) for name, value in wire.items()}


def _plain(value: Any) -> Any:
    return _deserialize(value)


def _keyed(kind: str, details: Mapping[str, Any]) -> Item:
    wire: Item = details["Item"] if kind == "Put" else details["Key"]
    return wire


def _key(wire: Item) -> tuple[str, str]:
    return wire["pk"]["S"], wire["sk"]["S"]


def _error(code: str, **more: Any) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": ""},
        "ResponseMetadata": {"HTTPStatusCode": 400},
        **more,
    }
    return ClientError(response, "TransactWriteItems")
