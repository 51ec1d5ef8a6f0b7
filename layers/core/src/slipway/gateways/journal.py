"""The journal: one DynamoDB table with everything Slipway remembers.

| partition          | sort key                 | what                                 |
|--------------------|--------------------------|--------------------------------------|
| SERVICES           | SERVICE#name             | that the service exists              |
| REPOSITORY#name    | SERVICE#name             | that the service runs its images     |
| SLOT#ecs-service   | SERVICE#name             | whose slot an ECS service is         |
| SERVICE#name       | RECORD                   | the service's record                 |
| SERVICE#name       | STATE                    | the primary slot and its release     |
| SERVICE#name       | LEASE                    | who may change the service           |
| SERVICE#name       | WATERMARK                | the newest cause that rolled out     |
| SERVICE#name       | RELEASE#id               | a release's task definition          |
| SERVICE#name       | ROLLOUT#id               | a rollout, its outcome and receipt   |
| SERVICE#name       | MARK#rollout#name        | something a rollout did, once        |
| SERVICE#name       | FINDING#rollout#task     | a task that ended badly              |

Values that nobody compares are JSON in `body`; what conditions compare are attributes
of their own, times among them in whole microseconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from slipway.domain.diagnosis import Finding
from slipway.domain.gates import Watermark
from slipway.domain.lease import TERM, WRITE_TERM, Lease
from slipway.domain.receipt import Receipt
from slipway.domain.rollout import Mark, Outcome, Rollout, ServiceState, Sides
from slipway.domain.service import Service
from slipway.errors import InvalidRecord, LeaseLost, NotFound
from slipway.gateways.table import Table, check, put, time_of, update

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_dynamodb.client import DynamoDBClient

    from slipway.gateways.table import Item

NOBODY = ""
"""Whose lease it is when no rollout has it."""
OURS = "rollout_id = :me AND fence = :fence"
"""Holds while the lease is the writer's own."""

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
    """A newer cause rolled out in the meantime."""

    watermark: Watermark


class Journal:
    """Reads are consistent; writes are conditional and safe to repeat."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._table = Table(client, table)

    # -- services --------------------------------------------------------------------

    def put_service(self, service: Service) -> None:
        """Store a service's record and the indexes that lead to it."""
        member = f"SERVICE#{service.name}"
        self._table.write_all(
            f"put service {service.name}",
            put(member, "RECORD", body=_text(_SERVICE, service)),
            put("SERVICES", member),
            put(f"REPOSITORY#{service.repository}", member),
            *(put(f"SLOT#{slot}", member) for slot in service.slots.values()),
        )

    def service(self, name: str) -> Service:
        """Return a record; raise NotFound or InvalidRecord, which names the field."""
        item = self._table.get(f"SERVICE#{name}", "RECORD")
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
        item = self._table.get(f"SERVICE#{name}", "STATE")
        return _parse(_STATE, item, f"the state of service {name}") if item else None

    def watermark(self, name: str) -> Watermark | None:
        """Return the newest cause that rolled out."""
        item = self._table.get(f"SERVICE#{name}", "WATERMARK")
        if item is None:
            return None
        return Watermark(time_of(item["pushed_at"]), item["rollout_id"])

    # -- releases --------------------------------------------------------------------

    def revision(self, name: str, release_id: str) -> str | None:
        """Return the task definition that was registered for a release."""
        item = self._table.get(f"SERVICE#{name}", f"RELEASE#{release_id}")
        return item["revision"] if item else None

    def put_revision(self, name: str, release_id: str, revision: str) -> None:
        """Remember a release's task definition."""
        self._table.write(
            f"put release {release_id} of {name}",
            put(f"SERVICE#{name}", f"RELEASE#{release_id}", revision=revision),
        )

    # -- rollouts --------------------------------------------------------------------

    def begin(self, rollout: Rollout) -> Rollout:
        """Store a rollout unless it is there; return the one that is there."""
        begun = self._table.write(
            f"begin rollout {rollout.id}",
            put(*_key(rollout), new=True, body=_text(_ROLLOUT, rollout)),
        )
        return rollout if begun else self.rollout(rollout.service.name, rollout.id)

    def set_sides(self, rollout: Rollout, sides: Sides) -> Rollout:
        """Store which slot is what, once; return the rollout with what is stored."""
        decided = replace(rollout, sides=sides)
        stored = self._table.write(
            f"sides of rollout {rollout.id}",
            update(
                *_key(rollout),
                "SET body = :body, has_sides = :true",
                condition="attribute_not_exists(has_sides)",
                body=_text(_ROLLOUT, decided),
                true=True,
            ),
        )
        return decided if stored else self.rollout(rollout.service.name, rollout.id)

    def rollout(self, name: str, rollout_id: str) -> Rollout:
        """Return a rollout; raise NotFound or InvalidRecord."""
        item = self._table.get(f"SERVICE#{name}", f"ROLLOUT#{rollout_id}")
        if item is None:
            raise NotFound(f"the journal has no rollout {rollout_id} of {name}")
        return _parse(_ROLLOUT, item, f"rollout {rollout_id}")

    def outcome(self, rollout: Rollout) -> Outcome | None:
        """Return how a rollout ended, None while it has not."""
        item = self._table.get(*_key(rollout)) or {}
        return Outcome(item["outcome"]) if "outcome" in item else None

    def rollouts(self, name: str) -> list[Entry]:
        """Return all rollouts of a service, oldest first."""
        items = self._table.query(f"SERVICE#{name}", "ROLLOUT#")
        return sorted(map(_entry, items), key=lambda entry: entry.rollout.created_at)

    def mark(self, rollout: Rollout, mark: Mark, *, again: bool = False) -> bool:
        """Note something a rollout did; return False where it was noted before.

        `again` replaces what was noted before.
        """
        return self._table.write(
            f"mark {mark.name} of rollout {rollout.id}",
            put(
                f"SERVICE#{rollout.service.name}",
                f"MARK#{rollout.id}#{mark.name}",
                new=not again,
                body=_text(_MARK, mark),
            ),
        )

    def marks(self, rollout: Rollout) -> list[Mark]:
        """Return what a rollout did, in order of time."""
        items = self._table.query(
            f"SERVICE#{rollout.service.name}", f"MARK#{rollout.id}#"
        )
        marks = [_parse(_MARK, item, f"a mark of {rollout.id}") for item in items]
        return sorted(marks, key=lambda mark: mark.at)

    def put_finding(self, name: str, rollout_id: str, finding: Finding) -> None:
        """Store a task's bad end; storing it twice is storing it once."""
        self._table.write(
            f"finding of rollout {rollout_id}",
            put(
                f"SERVICE#{name}",
                f"FINDING#{rollout_id}#{finding.task_arn}",
                body=_text(_FINDING, finding),
            ),
        )

    def findings(self, rollout: Rollout) -> list[Finding]:
        """Return the tasks of a rollout's candidate that ended badly."""
        items = self._table.query(
            f"SERVICE#{rollout.service.name}", f"FINDING#{rollout.id}#"
        )
        return [_parse(_FINDING, item, f"a finding of {rollout.id}") for item in items]

    # -- the lease -------------------------------------------------------------------

    def lease(self, name: str) -> Lease | None:
        """Return a service's lease while a rollout has it, also past its term."""
        item = self._table.get(f"SERVICE#{name}", "LEASE")
        if item is None or not item["rollout_id"]:
            return None
        return Lease(
            name,
            item["rollout_id"],
            int(item["fence"]),
            time_of(item["expires_at"]),
            time_of(item["write_until"]),
        )

    def acquire(self, rollout: Rollout, now: datetime) -> Held | Busy | Stale:
        """Take the lease and raise the watermark, both or neither.

        The holder may take it again; it gets a new fence, and the older one is void.
        """
        name, cause = rollout.service.name, rollout.cause
        refused = self._table.write_all(
            f"lease of {name}",
            update(
                f"SERVICE#{name}",
                "LEASE",
                "SET rollout_id = :me, expires_at = :expiry, write_until = :now "
                "ADD fence :one",
                condition="attribute_not_exists(pk) OR rollout_id IN (:me, :nobody) "
                "OR (expires_at < :now AND write_until < :now)",
                me=rollout.id,
                nobody=NOBODY,
                now=now,
                expiry=now + TERM,
                one=1,
            ),
            update(
                f"SERVICE#{name}",
                "WATERMARK",
                "SET pushed_at = :pushed, rollout_id = :me",
                condition="attribute_not_exists(pk) OR pushed_at < :pushed "
                "OR rollout_id = :me",
                me=rollout.id,
                pushed=cause.pushed_at,
            ),
        )
        _, stale = refused
        if stale:
            watermark = self.watermark(name)
            if watermark is not None:
                return Stale(watermark)
        lease = self.lease(name)
        if lease is not None and lease.rollout_id == rollout.id and not any(refused):
            return Held(lease.fence)
        return Busy(lease.rollout_id if lease else "another rollout")

    def hold(self, rollout: Rollout, fence: int, now: datetime) -> None:
        """Renew the lease and the time to write; raise LeaseLost where it is gone.

        Every stage calls this before it writes to AWS.
        """
        held = self._table.write(
            f"hold the lease of {rollout.service.name}",
            update(
                f"SERVICE#{rollout.service.name}",
                "LEASE",
                "SET expires_at = :expiry, write_until = :until",
                condition=OURS,
                me=rollout.id,
                fence=fence,
                expiry=now + TERM,
                until=now + WRITE_TERM,
            ),
        )
        if not held:
            raise _lost(rollout, fence)

    def promote(self, rollout: Rollout, fence: int, now: datetime) -> None:
        """Make the candidate the primary; raise LeaseLost where the lease is gone."""
        name, slot = rollout.service.name, rollout.known_sides.candidate
        state = ServiceState(slot, rollout.release.id, rollout.id, now)
        refused = self._table.write_all(
            f"promote {rollout.release.id} of {name}",
            put(f"SERVICE#{name}", "STATE", body=_text(_STATE, state)),
            check(
                f"SERVICE#{name}", "LEASE", condition=OURS, me=rollout.id, fence=fence
            ),
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

        What was closed stays as it was closed first; a lease that it took again since
        is given back, and without a fence whatever lease it has. A lease that another
        rollout took meanwhile stays with it.
        """
        name, what = rollout.service.name, f"close rollout {rollout.id}"
        close = update(
            *_key(rollout),
            "SET outcome = :outcome, reason = :reason, receipt = :receipt",
            condition="attribute_exists(pk) AND attribute_not_exists(outcome)",
            outcome=outcome,
            reason=reason,
            receipt=_text(_RECEIPT, receipt),
        )
        fenced: dict[str, int] = {} if fence is None else {"fence": fence}
        give_back = update(
            f"SERVICE#{name}",
            "LEASE",
            "SET rollout_id = :nobody",
            condition="rollout_id = :me" if fence is None else OURS,
            me=rollout.id,
            nobody=NOBODY,
            **fenced,
        )
        closed, lost = self._table.write_all(what, close, give_back)
        if lost and not closed:
            closed = not self._table.write(what, close)
        elif closed and not lost:
            self._table.write(what, give_back)
        if not closed:
            return outcome
        stored = self.outcome(rollout)
        if stored is None:
            raise NotFound(f"the journal has no rollout {rollout.id} of {name}")
        return stored

    def _members(self, pk: str) -> list[str]:
        prefix = "SERVICE#"
        items = self._table.query(pk, prefix)
        return [item["sk"].removeprefix(prefix) for item in items]


def _key(rollout: Rollout) -> tuple[str, str]:
    return f"SERVICE#{rollout.service.name}", f"ROLLOUT#{rollout.id}"


def _entry(item: Item) -> Entry:
    return Entry(
        _parse(_ROLLOUT, item, item["sk"]),
        Outcome(item["outcome"]) if "outcome" in item else None,
        item.get("reason"),
        _RECEIPT.validate_json(item["receipt"]) if "receipt" in item else None,
    )


def _lost(rollout: Rollout, fence: int) -> LeaseLost:
    return LeaseLost(
        f"rollout {rollout.id} does not hold the lease of {rollout.service.name} "
        f"with fence {fence} any more"
    )


def _text[T](adapter: TypeAdapter[T], value: T) -> str:
    return adapter.dump_json(value).decode()


def _parse[T](adapter: TypeAdapter[T], item: Item, what: str) -> T:
    try:
        return adapter.validate_json(item["body"])
    except (KeyError, ValidationError) as error:
        raise InvalidRecord(f"{what} is broken: {error}") from error
