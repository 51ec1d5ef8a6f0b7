"""DynamoDB in a dictionary: as much of it as the journal's writes need, and fast.

Conditions and updates are those of slipway.gateways.journal; any other raises.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from http import HTTPStatus
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError
from localcloud.api import AwsError

type Item = dict[str, Any]

_PART = re.compile(
    r"attribute_not_exists\((?P<missing>\w+)\)|attribute_exists\((?P<there>\w+)\)"
    r"|(?P<value>:\w+)|\b(?P<word>AND|OR|IN)\b|(?P<equal>(?<![<>])=)|(?P<name>\b\w+)"
)
_BEGINS = "pk = :pk AND begins_with(sk, :prefix)"
_deserialize = TypeDeserializer().deserialize


class _Missing:
    """An attribute that is not there: compared with anything, it is not so."""

    def __lt__(self, other: object) -> bool:
        return False

    __le__ = __gt__ = __ge__ = __lt__


class Refused(Exception):
    """An error answer of DynamoDB."""

    def __init__(self, code: str, **more: Any) -> None:
        super().__init__(code)
        self.code = code
        self.more = more


class FakeTable:
    """One table: what it answers to a call's parameters, or Refused."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], Item] = {}
        self._written: set[str | None] = set()

    @property
    def operations(self) -> Mapping[str, Callable[[Item], Item]]:
        """What a local cloud serves as dynamodb."""
        return {name: _served(answer) for name, answer in self.answers.items()}

    @property
    def answers(self) -> Mapping[str, Callable[[Item], Item]]:
        """By operation, from parameters to answer."""
        return {
            "GetItem": self._get,
            "Query": self._query,
            "PutItem": partial(self._one, "Put"),
            "UpdateItem": partial(self._one, "Update"),
            "DeleteItem": partial(self._one, "Delete"),
            "TransactWriteItems": self._all,
            "BatchWriteItem": self._batch,
        }

    def _get(self, params: Item) -> Item:
        item = self.items.get(_key(params["Key"]))
        return {"Item": item} if item is not None else {}

    def _query(self, params: Item) -> Item:
        """Return a partition's items whose sort keys begin so: there is one page."""
        assert params["KeyConditionExpression"] == _BEGINS
        values = params["ExpressionAttributeValues"]
        pk, prefix = values[":pk"]["S"], values[":prefix"]["S"]
        keys = sorted(k for k in self.items if k[0] == pk and k[1].startswith(prefix))
        return {"Items": [self.items[key] for key in keys]}

    def _one(self, kind: str, params: Item) -> Item:
        if not self._allowed(kind, params):
            raise Refused("ConditionalCheckFailedException")
        return self._write(kind, params)

    def _batch(self, params: Item) -> Item:
        """Put items, whatever their table."""
        for requests in params["RequestItems"].values():
            for request in requests:
                self._write("Put", request["PutRequest"])
        return {}

    def _all(self, params: Item) -> Item:
        """Write all items or none; what was written is not written once more.

        The SDK gives each call a token, the same for all of its attempts
        (TransactWriteItems, ClientRequestToken).
        """
        token = params.get("ClientRequestToken")
        if token is not None and token in self._written:
            return {}
        writes = [(k, d) for item in params["TransactItems"] for k, d in item.items()]
        refused = [not self._allowed(kind, details) for kind, details in writes]
        if any(refused):
            reasons = [
                {"Code": "ConditionalCheckFailed" if r else "None"} for r in refused
            ]
            raise Refused("TransactionCanceledException", CancellationReasons=reasons)
        for kind, details in writes:
            self._write(kind, details)
        self._written.add(token)
        return {}

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
            new[name] = _sum(value.split(" + "), old, values)
            changed.append(name)
        if adds:
            name, value = adds.split(" ")
            before = int(old.get(name, {"N": "0"})["N"])
            new[name] = {"N": str(before + int(values[value]["N"]))}
        self.items[key] = new
        if details.get("ReturnValues") != "UPDATED_OLD":
            return {}
        return {"Attributes": {name: old[name] for name in changed if name in old}}


def _sum(terms: list[str], old: Item, values: Item) -> Item:
    """Add the values and the attributes that `terms` name; one may be anything."""
    wire = [values[term] if term in values else old[term] for term in terms]
    if len(wire) == 1:
        return dict(wire[0])
    return {"N": str(sum(int(value["N"]) for value in wire))}


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


def _served(answer: Callable[[Item], Item]) -> Callable[[Item], Item]:
    def serve(params: Item) -> Item:
        try:
            return answer(params)
        except Refused as error:
            raise AwsError(error.code, "", **error.more) from error

    return serve


class FakeClient:
    """A boto3 client of the table, with the methods that the journal calls."""

    def __init__(self, table: FakeTable) -> None:
        self.table = table
        answers = table.answers
        self.get_item = _called(answers["GetItem"])
        self.put_item = _called(answers["PutItem"])
        self.update_item = _called(answers["UpdateItem"])
        self.delete_item = _called(answers["DeleteItem"])
        self.transact_write_items = _called(answers["TransactWriteItems"])
        self._query = _called(answers["Query"])

    def get_paginator(self, operation: str) -> "FakeClient":
        """Return what pages through a query."""
        assert operation == "query"
        return self

    def paginate(self, **params: Any) -> Iterator[Item]:
        """Return the only page."""
        yield self._query(**params)


def _called(answer: Callable[[Item], Item]) -> Callable[..., Item]:
    def call(**params: Any) -> Item:
        try:
            return answer(params)
        except Refused as error:
            response: Any = {
                "Error": {"Code": error.code, "Message": ""},
                "ResponseMetadata": {"HTTPStatusCode": HTTPStatus.BAD_REQUEST},
                **error.more,
            }
            raise ClientError(response, "DynamoDB") from error

    return call
