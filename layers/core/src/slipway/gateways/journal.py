"""The journal: one DynamoDB table with everything Slipway remembers.

| partition          | sort key                 | what                                 |
|--------------------|--------------------------|--------------------------------------|
| SERVICES           | SERVICE#name             | that the service exists              |
| REPOSITORY#name    | SERVICE#name             | that the service runs its images     |
| SLOT#ecs-service   | SERVICE#name             | whose slot an ECS service is         |
| SERVICE#name       | RECORD                   | the service's record                 |
| SERVICE#name       | STATE                    | the primary slot and its release     |
| SERVICE#name       | LEASE                    | who may change the service           |
| SERVICE#name       | WATERMARK#tag            | the newest cause that rolled out     |
| SERVICE#name       | RELEASE#id               | a release's task definition          |
| SERVICE#name       | ROLLOUT#id               | a rollout, its outcome and receipt   |
| SERVICE#name       | MARK#rollout#name        | something a rollout did, once        |
| SERVICE#name       | FINDING#rollout#task     | a task that ended badly              |

Values that nobody compares are JSON in `body`; what conditions compare are attributes
of their own, times among them in whole milliseconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from pydantic import TypeAdapter, ValidationError

from slipway.domain.diagnosis import Finding
from slipway.domain.gates import Watermark
from slipway.domain.lease import TERM, WRITE_TERM, Lease
from slipway.domain.receipt import Receipt
from slipway.domain.rollout import Mark, Outcome, Rollout, ServiceState, Sides
from slipway.domain.service import Service
from slipway.errors import InvalidRecord, LeaseLost, NotFound
from slipway.gateways.failures import code_of, translated

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

    Item = dict[str, Any]

_SERVICE = TypeAdapter(Service)
_STATE = TypeAdapter(ServiceState)
_ROLLOUT = TypeAdapter(Rollout)
_MARK = TypeAdapter(Mark)
_FINDING = TypeAdapter(Finding)
_RECEIPT = TypeAdapter(Receipt)


@dataclass(frozen=True, slots=True)
class Entry:
    """A rollout as listed: with its outcome once it ended."""

    rollout: Rollout
    outcome: Outcome | None
    reason: str | None
    receipt: Receipt | None


@dataclass(frozen=True, slots=True)
class Held:
    """The lease was taken, with this fence."""

    fence: int


@dataclass(frozen=True, slots=True)
class Busy:
    """Another rollout holds the lease."""

    rollout_id: str


@dataclass(frozen=True, slots=True)
class Stale:
    """A newer cause of the same tag rolled out in the meantime."""

    watermark: Watermark


class Journal:
    """Reads are consistent; writes are conditional and safe to repeat."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    # -- services --------------------------------------------------------------------

    def put_service(self, service: Service) -> None:
        """Store a service's record and the indexes that lead to it."""
        member = f"SERVICE#{service.name}"
        items = [
            _item(member, "RECORD", body=_SERVICE.dump_json(service).decode()),
            _item("SERVICES", member),
            _item(f"REPOSITORY#{service.repository}", member),
            *(_item(f"SLOT#{name}", member) for name in service.slots.values()),
        ]
        puts = [{"Put": {"TableName": self._table, "Item": item}} for item in items]
        with translated(f"journal: put service {service.name}"):
            self._client.transact_write_items(TransactItems=puts)  # type: ignore[arg-type]

    def service(self, name: str) -> Service:
        """Return a record; raise NotFound or InvalidRecord, which names the field."""
        item = self._get(f"SERVICE#{name}", "RECORD")
        if item is None:
            raise NotFound(f"the journal has no service {name}")
        return _parse(_SERVICE, item, f"the record of service {name}")

    def services(self) -> list[str]:
        """Return the names of all services, sorted."""
        return self._members("SERVICES")

    def services_of_repository(self, repository: str) -> list[str]:
        """Return the names of the services that run images of `repository`."""
        return self._members(f"REPOSITORY#{repository}")

    def service_of_slot(self, ecs_service: str) -> str | None:
        """Return the name of the service that an ECS service is a slot of."""
        return next(iter(self._members(f"SLOT#{ecs_service}")), None)

    def state(self, name: str) -> ServiceState | None:
        """Return which release serves, None where none ever did."""
        item = self._get(f"SERVICE#{name}", "STATE")
        return _parse(_STATE, item, f"the state of service {name}") if item else None

    def watermark(self, name: str, tag: str) -> Watermark | None:
        """Return the newest cause of a tag that rolled out."""
        item = self._get(f"SERVICE#{name}", f"WATERMARK#{tag}")
        if item is None:
            return None
        return Watermark(_time(item["pushed_at"]), item["rollout_id"]["S"])

    # -- releases --------------------------------------------------------------------

    def revision(self, name: str, release_id: str) -> str | None:
        """Return the task definition that was registered for a release."""
        item = self._get(f"SERVICE#{name}", f"RELEASE#{release_id}")
        return item["revision"]["S"] if item else None

    def put_revision(self, name: str, release_id: str, revision: str) -> None:
        """Remember a release's task definition."""
        item = _item(f"SERVICE#{name}", f"RELEASE#{release_id}", revision=revision)
        with translated(f"journal: put release {release_id} of {name}"):
            self._client.put_item(TableName=self._table, Item=item)

    # -- rollouts --------------------------------------------------------------------

    def begin(self, rollout: Rollout) -> Rollout:
        """Store a rollout unless it is there; return the one that is there."""
        name = rollout.service.name
        body = _ROLLOUT.dump_json(rollout).decode()
        item = _item(f"SERVICE#{name}", f"ROLLOUT#{rollout.id}", body=body)
        if self._put_new(item, f"rollout {rollout.id}"):
            return rollout
        return self.rollout(name, rollout.id)

    def set_sides(self, rollout: Rollout, sides: Sides) -> Rollout:
        """Store which slot is what, once; return the rollout with what is stored."""
        decided = replace(rollout, sides=sides)
        with translated(f"journal: sides of rollout {rollout.id}"):
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key=_key(
                        f"SERVICE#{rollout.service.name}", f"ROLLOUT#{rollout.id}"
                    ),
                    UpdateExpression="SET body = :body, has_sides = :true",
                    ConditionExpression="attribute_not_exists(has_sides)",
                    ExpressionAttributeValues={
                        ":body": {"S": _ROLLOUT.dump_json(decided).decode()},
                        ":true": {"BOOL": True},
                    },
                )
            except ClientError as error:
                if code_of(error) != "ConditionalCheckFailedException":
                    raise
                return self.rollout(rollout.service.name, rollout.id)
        return decided

    def rollout(self, name: str, rollout_id: str) -> Rollout:
        """Return a rollout; raise NotFound or InvalidRecord."""
        item = self._get(f"SERVICE#{name}", f"ROLLOUT#{rollout_id}")
        if item is None:
            raise NotFound(f"the journal has no rollout {rollout_id} of {name}")
        return _parse(_ROLLOUT, item, f"rollout {rollout_id}")

    def outcome(self, rollout: Rollout) -> Outcome | None:
        """Return how a rollout ended, None while it has not."""
        item = self._get(f"SERVICE#{rollout.service.name}", f"ROLLOUT#{rollout.id}")
        stored = (item or {}).get("outcome")
        return Outcome(stored["S"]) if stored else None

    def rollouts(self, name: str) -> list[Entry]:
        """Return all rollouts of a service, oldest first."""
        entries = [
            Entry(
                _parse(_ROLLOUT, item, f"rollout {item['sk']['S']}"),
                Outcome(item["outcome"]["S"]) if "outcome" in item else None,
                item["reason"]["S"] if "reason" in item else None,
                _RECEIPT.validate_json(item["receipt"]["S"])
                if "receipt" in item
                else None,
            )
            for item in self._query(f"SERVICE#{name}", "ROLLOUT#")
        ]
        return sorted(entries, key=lambda entry: entry.rollout.created_at)

    def mark(self, rollout: Rollout, mark: Mark) -> bool:
        """Note something a rollout did; return False where it was noted before."""
        item = _item(
            f"SERVICE#{rollout.service.name}",
            f"MARK#{rollout.id}#{mark.name}",
            body=_MARK.dump_json(mark).decode(),
        )
        return self._put_new(item, f"mark {mark.name} of rollout {rollout.id}")

    def marks(self, rollout: Rollout) -> list[Mark]:
        """Return what a rollout did, in order of time."""
        prefix = f"MARK#{rollout.id}#"
        items = self._query(f"SERVICE#{rollout.service.name}", prefix)
        marks = [_parse(_MARK, item, f"a mark of {rollout.id}") for item in items]
        return sorted(marks, key=lambda mark: mark.at)

    def put_finding(self, name: str, rollout_id: str, finding: Finding) -> None:
        """Store a task's bad end; storing it twice is storing it once."""
        item = _item(
            f"SERVICE#{name}",
            f"FINDING#{rollout_id}#{finding.task_arn}",
            body=_FINDING.dump_json(finding).decode(),
        )
        with translated(f"journal: finding of rollout {rollout_id}"):
            self._client.put_item(TableName=self._table, Item=item)

    def findings(self, rollout: Rollout) -> list[Finding]:
        """Return the tasks of a rollout's candidate that ended badly."""
        prefix = f"FINDING#{rollout.id}#"
        items = self._query(f"SERVICE#{rollout.service.name}", prefix)
        return [_parse(_FINDING, item, f"a finding of {rollout.id}") for item in items]

    # -- the lease -------------------------------------------------------------------

    def lease(self, name: str) -> Lease | None:
        """Return a service's lease while a rollout has it, also past its term."""
        item = self._get(f"SERVICE#{name}", "LEASE")
        if item is None or not item["rollout_id"]["S"]:
            return None
        return Lease(
            name,
            item["rollout_id"]["S"],
            int(item["fence"]["N"]),
            _time(item["expires_at"]),
            _time(item["write_until"]),
        )

    def acquire(self, rollout: Rollout, now: datetime) -> Held | Busy | Stale:
        """Take the lease and raise the watermark, both or neither.

        The holder may take it again; it gets a new fence, and the older one is void.
        """
        name, cause = rollout.service.name, rollout.cause
        me = {"S": rollout.id}
        lease = {
            "TableName": self._table,
            "Key": _key(f"SERVICE#{name}", "LEASE"),
            "UpdateExpression": (
                "SET rollout_id = :me, expires_at = :expiry, write_until = :now "
                "ADD fence :one"
            ),
            "ConditionExpression": (
                "attribute_not_exists(pk) OR rollout_id = :me OR rollout_id = :nobody "
                "OR (expires_at < :now AND write_until < :now)"
            ),
            "ExpressionAttributeValues": {
                ":me": me,
                ":nobody": {"S": ""},
                ":now": _millis(now),
                ":expiry": _millis(now + TERM),
                ":one": {"N": "1"},
            },
        }
        watermark = {
            "TableName": self._table,
            "Key": _key(f"SERVICE#{name}", f"WATERMARK#{cause.tag}"),
            "UpdateExpression": "SET pushed_at = :pushed, rollout_id = :me",
            "ConditionExpression": (
                "attribute_not_exists(pk) OR pushed_at < :pushed OR rollout_id = :me"
            ),
            "ExpressionAttributeValues": {
                ":me": me,
                ":pushed": _millis(cause.pushed_at),
            },
        }
        with translated(f"journal: lease of {name}"):
            refused = self._transact({"Update": lease}, {"Update": watermark})
        if refused[1:] == [True]:
            stored = self.watermark(name, cause.tag)
            if stored is not None:
                return Stale(stored)
        held = self.lease(name)
        if held is not None and held.rollout_id == rollout.id and not any(refused):
            return Held(held.fence)
        return Busy(held.rollout_id if held else "another rollout")

    def hold(self, rollout: Rollout, fence: int, now: datetime) -> None:
        """Renew the lease and the time to write; raise LeaseLost where it is gone.

        Every stage calls this before it writes to AWS.
        """
        with translated(f"journal: hold the lease of {rollout.service.name}"):
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key=_key(f"SERVICE#{rollout.service.name}", "LEASE"),
                    UpdateExpression="SET expires_at = :expiry, write_until = :until",
                    ConditionExpression="rollout_id = :me AND fence = :fence",
                    ExpressionAttributeValues={
                        ":expiry": _millis(now + TERM),
                        ":until": _millis(now + WRITE_TERM),
                        ":me": {"S": rollout.id},
                        ":fence": {"N": str(fence)},
                    },
                )
            except ClientError as error:
                if code_of(error) != "ConditionalCheckFailedException":
                    raise
                raise _lost(rollout, fence) from error

    def promote(self, rollout: Rollout, fence: int, now: datetime) -> None:
        """Make the candidate the primary; raise LeaseLost where the lease is gone."""
        name = rollout.service.name
        state = ServiceState(
            rollout.known_sides.candidate, rollout.release.id, rollout.id, now
        )
        body = _STATE.dump_json(state).decode()
        item = _item(f"SERVICE#{name}", "STATE", body=body)
        with translated(f"journal: promote {rollout.release.id} of {name}"):
            refused = self._transact(
                {"Put": {"TableName": self._table, "Item": item}},
                {"ConditionCheck": self._ours(rollout, fence)},
            )
        if any(refused):
            raise _lost(rollout, fence)

    def finish(
        self,
        rollout: Rollout,
        outcome: Outcome,
        reason: str,
        receipt: Receipt,
        fence: int | None,
    ) -> Outcome:
        """Close a rollout and give its lease back, in one; return the stored outcome.

        What was closed stays as it was closed first. A lease that another rollout took
        meanwhile stays with it.
        """
        name = rollout.service.name
        close = {
            "TableName": self._table,
            "Key": _key(f"SERVICE#{name}", f"ROLLOUT#{rollout.id}"),
            "UpdateExpression": "SET outcome = :out, reason = :why, receipt = :receipt",
            "ConditionExpression": (
                "attribute_exists(pk) AND attribute_not_exists(outcome)"
            ),
            "ExpressionAttributeValues": {
                ":out": {"S": outcome},
                ":why": {"S": reason},
                ":receipt": {"S": _RECEIPT.dump_json(receipt).decode()},
            },
        }
        writes: list[Item] = [{"Update": close}]
        if fence is not None:
            release = self._ours(rollout, fence)
            release["ExpressionAttributeValues"][":nobody"] = {"S": ""}
            release["UpdateExpression"] = "SET rollout_id = :nobody"
            writes.append({"Update": release})
        with translated(f"journal: close rollout {rollout.id}"):
            refused = self._transact(*writes)
            if refused[1:] == [True] and not refused[0]:
                refused = self._transact({"Update": close})
        if not refused[0]:
            return outcome
        item = self._get(f"SERVICE#{name}", f"ROLLOUT#{rollout.id}")
        if item is None:
            raise NotFound(f"the journal has no rollout {rollout.id} of {name}")
        return Outcome(item["outcome"]["S"])

    # -- the table -------------------------------------------------------------------

    def _ours(self, rollout: Rollout, fence: int) -> Item:
        """Return the part of a write that holds only while the lease is ours."""
        return {
            "TableName": self._table,
            "Key": _key(f"SERVICE#{rollout.service.name}", "LEASE"),
            "ConditionExpression": "rollout_id = :me AND fence = :fence",
            "ExpressionAttributeValues": {
                ":me": {"S": rollout.id},
                ":fence": {"N": str(fence)},
            },
        }

    def _get(self, pk: str, sk: str) -> Item | None:
        with translated(f"journal: get {pk} {sk}"):
            answer = self._client.get_item(
                TableName=self._table, Key=_key(pk, sk), ConsistentRead=True
            )
        return answer.get("Item")

    def _query(self, pk: str, prefix: str) -> list[Item]:
        items: list[Item] = []
        with translated(f"journal: query {pk} {prefix}"):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
                ExpressionAttributeValues={":pk": {"S": pk}, ":prefix": {"S": prefix}},
                ConsistentRead=True,
            )
            for page in pages:
                items.extend(page["Items"])
        return items

    def _members(self, pk: str) -> list[str]:
        prefix = "SERVICE#"
        return [
            item["sk"]["S"].removeprefix(prefix) for item in self._query(pk, prefix)
        ]

    def _put_new(self, item: Item, what: str) -> bool:
        with translated(f"journal: put {what}"):
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item=item,
                    ConditionExpression="attribute_not_exists(pk)",
                )
            except ClientError as error:
                if code_of(error) != "ConditionalCheckFailedException":
                    raise
                return False
        return True

    def _transact(self, *writes: Item) -> list[bool]:
        """Write all or nothing; return which of the writes' conditions refused."""
        try:
            self._client.transact_write_items(TransactItems=list(writes))  # type: ignore[arg-type]
        except ClientError as error:
            reasons = error.response.get("CancellationReasons", [])
            refused = [r.get("Code") == "ConditionalCheckFailed" for r in reasons]
            if code_of(error) != "TransactionCanceledException" or not any(refused):
                raise
            return refused
        return [False] * len(writes)


def _lost(rollout: Rollout, fence: int) -> LeaseLost:
    return LeaseLost(
        f"rollout {rollout.id} does not hold the lease of {rollout.service.name} "
        f"with fence {fence} any more"
    )


def _parse[T](adapter: TypeAdapter[T], item: Item, what: str) -> T:
    try:
        return adapter.validate_json(item["body"]["S"])
    except (KeyError, ValidationError) as error:
        raise InvalidRecord(f"{what} is broken: {error}") from error


def _key(pk: str, sk: str) -> Item:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _item(pk: str, sk: str, **text: str) -> Item:
    return _key(pk, sk) | {name: {"S": value} for name, value in text.items()}


def _millis(at: datetime) -> dict[str, str]:
    return {"N": str(round(at.timestamp() * 1000))}


def _time(attribute: dict[str, str]) -> datetime:
    return datetime.fromtimestamp(int(attribute["N"]) / 1000, UTC)
