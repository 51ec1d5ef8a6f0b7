"""One DynamoDB table, in plain values: text, whole numbers, truth and times.

Times are stored as whole microseconds since 1970, so that conditions can compare them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from slipway.gateways.failures import code_of, translated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb.client import DynamoDBClient

type Value = str | int | bool | datetime
type Item = dict[str, Any]
type Write = dict[str, dict[str, Any]]
"""A write as TransactWriteItems takes it, but for the table's name."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


class Table:
    """Reads are consistent; conditional writes answer whether they were made."""

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        self._client = client
        self._name = name

    def get(self, pk: str, sk: str) -> Item | None:
        """Return one item, None where there is none."""
        with translated(f"journal: get {pk} {sk}"):
            answer = self._client.get_item(
                TableName=self._name,
                Key=_wire({"pk": pk, "sk": sk}),
                ConsistentRead=True,
            )
        return _plain(answer["Item"]) if "Item" in answer else None

    def query(self, pk: str, prefix: str) -> list[Item]:
        """Return a partition's items whose sort keys begin with `prefix`, in order."""
        items: list[Item] = []
        with translated(f"journal: query {pk} {prefix}"):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._name,
                KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
                ExpressionAttributeValues=_wire({":pk": pk, ":prefix": prefix}),
                ConsistentRead=True,
            )
            for page in pages:
                items.extend(_plain(item) for item in page["Items"])
        return items

    def write(self, what: str, write: Write) -> bool:
        """Make one write; return False where its condition refused it."""
        (kind, details), *_ = write.items()
        with translated(f"journal: {what}"):
            try:
                match kind:
                    case "Put":
                        self._client.put_item(TableName=self._name, **details)
                    case "Delete":
                        self._client.delete_item(TableName=self._name, **details)
                    case _:
                        self._client.update_item(TableName=self._name, **details)
            except ClientError as error:
                if code_of(error) != "ConditionalCheckFailedException":
                    raise
                return False
        return True

    def swap(self, what: str, write: Write) -> Item | None:
        """Update an item; return what the update replaced, None where refused."""
        with translated(f"journal: {what}"):
            try:
                answer = self._client.update_item(
                    TableName=self._name,
                    ReturnValues="UPDATED_OLD",
                    **write["Update"],
                )
            except ClientError as error:
                if code_of(error) != "ConditionalCheckFailedException":
                    raise
                return None
        return _plain(answer.get("Attributes", {}))

    def write_all(self, what: str, *writes: Write) -> list[bool]:
        """Make all writes or none; return which of them their conditions refused."""
        items: list[Any] = [
            {kind: {"TableName": self._name, **details}}
            for write in writes
            for kind, details in write.items()
        ]
        with translated(f"journal: {what}"):
            try:
                self._client.transact_write_items(TransactItems=items)
            except ClientError as error:
                reasons = error.response.get("CancellationReasons", [])
                refused = [r.get("Code") == "ConditionalCheckFailed" for r in reasons]
                if not any(refused):
                    raise
                return refused
        return [False] * len(writes)


def put(pk: str, sk: str, /, *, new: bool = False, **attributes: Value) -> Write:
    """Return the write of a whole item; a `new` one never replaces another."""
    details: dict[str, Any] = {"Item": _wire({"pk": pk, "sk": sk, **attributes})}
    if new:
        details["ConditionExpression"] = "attribute_not_exists(pk)"
    return {"Put": details}


def update(
    pk: str, sk: str, expression: str, /, *, condition: str, **values: Value
) -> Write:
    """Return the write of some attributes; `values` are those after the colons."""
    return {
        "Update": {
            "UpdateExpression": expression,
            **_guarded(pk, sk, condition, values),
        }
    }


def delete(pk: str, sk: str, /) -> Write:
    """Return the removal of an item, whether it is there or not."""
    return {"Delete": {"Key": _wire({"pk": pk, "sk": sk})}}


def check(pk: str, sk: str, /, *, condition: str, **values: Value) -> Write:
    """Return a condition that must hold for the writes beside it."""
    return {"ConditionCheck": _guarded(pk, sk, condition, values)}


def time_of(value: Any) -> datetime:
    """Return a stored time."""
    return _EPOCH + int(value) * _TICK


def _guarded(
    pk: str, sk: str, condition: str, values: Mapping[str, Value]
) -> dict[str, Any]:
    guarded: dict[str, Any] = {
        "Key": _wire({"pk": pk, "sk": sk}),
        "ConditionExpression": condition,
    }
    if values:
        named = {f":{name}": value for name, value in values.items()}
        guarded["ExpressionAttributeValues"] = _wire(named)
    return guarded


def _wire(values: Mapping[str, Value]) -> dict[str, Any]:
    return {
        name: _serialize(
            (value - _EPOCH) // _TICK if isinstance(value, datetime) else value
        )
        for name, value in values.items()
    }


def _plain(item: Mapping[str, Any]) -> Item:
    return {name: _deserialize(value) for name, value in item.items()}
