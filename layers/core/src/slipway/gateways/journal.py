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
| SERVICE#name       | CONTROL#rollout#command  | what a rollout has to heed           |
| SERVICE#name       | COMMAND#command          | what became of a command             |
| SERVICE#name       | FREEZE                   | why its rollouts must not go on      |
| SERVICE#name       | TOKEN#rollout            | what a waiting rollout is woken by   |
| ENVIRONMENT        | COMMAND#command, FREEZE  | the same, for the whole environment  |
| ENVIRONMENT        | STARTS                   | when the next rollout may start      |
| ENVIRONMENT        | PROVISION                | which run provisions, and did last   |
| ENVIRONMENT        | PROVISION#run            | what a provision run did             |
| OPEN               | SERVICE#name#rollout     | a rollout that is not closed yet     |

Values that nobody compares are JSON in `body`; what conditions compare are attributes
of their own, times among them in whole microseconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from slipway.domain.control import STOPS, Answer, Control, Freeze
from slipway.domain.diagnosis import Finding
from slipway.domain.gates import Watermark
from slipway.domain.lease import WRITE_TERM, Lease, Term
from slipway.domain.provision_run import Report, Turn
from slipway.domain.receipt import Receipt
from slipway.domain.rollout import Mark, Outcome, Rollout, ServiceState, Sides
from slipway.domain.service import Service, Slot
from slipway.domain.traffic import LONGEST_STAY, known_until
from slipway.errors import InvalidRecord, LeaseLost, NotFound, Refused
from slipway.gateways.table import Table, check, delete, put, time_of, update

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_dynamodb.client import DynamoDBClient

    from slipway.gateways.table import Item, Value, Write

MEMBERS = "SERVICES"
"""The partition of all services' names."""
NOBODY = ""
"""Whose lease it is when no rollout has it."""
OURS = "rollout_id = :me AND fence = :fence"
"""Holds while the lease is the writer's own."""
CLAIM_TERM = timedelta(minutes=15)
"""How long a provision run may be silent before the next one takes its turn. A stage
ends within its function's five minutes, and its retries claim anew."""
UNCLOSED = "attribute_exists(pk) AND attribute_not_exists(outcome)"
"""Holds while a rollout has no outcome."""

_SERVICE = TypeAdapter(Service)
_STATE = TypeAdapter(ServiceState)
_ROLLOUT = TypeAdapter(Rollout)
_MARK = TypeAdapter(Mark)
_FINDING = TypeAdapter(Finding)
_RECEIPT = TypeAdapter(Receipt)
_CONTROL = TypeAdapter(Control)
_FREEZE = TypeAdapter(Freeze)
_ANSWER = TypeAdapter(Answer)
_REPORT = TypeAdapter(Report)


@dataclass(frozen=True, slots=True)
class Entry:
    """A rollout as listed: with its outcome once it ended."""

    rollout: Rollout
    outcome: Outcome | None
    reason: str | None
    receipt: Receipt | None


@dataclass(frozen=True, slots=True)
class Open:
    """A rollout without outcome, and how often it was recovered."""

    service: str
    rollout_id: str
    attempt: int
    """0 for the rollout workflow itself, above for each recovery."""


@dataclass(frozen=True, slots=True)
class Held:
    """The lease was taken, with this fence."""

    fence: int


@dataclass(frozen=True, slots=True)
class Busy:
    """The lease cannot be taken yet."""

    rollout_id: str
    """Whose it is; nobody's where a write of its last holder may be under way."""


@dataclass(frozen=True, slots=True)
class Stale:
    """A newer cause rolled out in the meantime."""

    watermark: Watermark


class Journal:
    """Reads are consistent; writes are conditional and safe to repeat."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._table = Table(client, table)

    # -- services --------------------------------------------------------------------

    def put_service(self, service: Service, before: Service | None = None) -> None:
        """Store a service's record and the indexes that lead to it.

        `before` is the record that it replaces, whose indexes may lead there no more.
        """
        member = f"SERVICE#{service.name}"
        leading = _indexes(service)
        self._table.write_all(
            f"put service {service.name}",
            put(member, "RECORD", body=_text(_SERVICE, service)),
            *(put(index, member) for index in leading),
            *(
                delete(index, member)
                for index in (_indexes(before) if before else ())
                if index not in leading
            ),
        )

    def remove_service(self, name: str) -> None:
        """Forget a service's record and which release serves; not what rolled out.

        Of a record that cannot be read some indexes stay, and lead nowhere.
        """
        member = f"SERVICE#{name}"
        try:
            record = self.find_service(name)
        except InvalidRecord:
            record = None
        self._table.write_all(
            f"remove service {name}",
            delete(member, "RECORD"),
            delete(member, "STATE"),
            *(delete(i, member) for i in (_indexes(record) if record else [MEMBERS])),
        )

    def find_service(self, name: str) -> Service | None:
        """Return a record, None where there is none; raise InvalidRecord."""
        item = self._table.get(f"SERVICE#{name}", "RECORD")
        what = f"the record of service {name}"
        return _parse(_SERVICE, item, what) if item else None

    def service(self, name: str) -> Service:
        """Return a record; raise NotFound or InvalidRecord, which names the field."""
        service = self.find_service(name)
        if service is None:
            raise NotFound(f"the journal has no service {name}")
        return service

    def services(self) -> list[str]:
        """Return the names of all services, sorted."""
        return self._members(MEMBERS)

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
        return Watermark(time_of(item["ordered_at"]), item["rollout_id"])

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
        refused = self._table.write_all(
            f"begin rollout {rollout.id}",
            put(*_key(rollout), new=True, body=_text(_ROLLOUT, rollout)),
            put(
                *_open(rollout.service.name, rollout.id),
                service=rollout.service.name,
                rollout_id=rollout.id,
                attempt=0,
            ),
        )
        if any(refused):
            return self.rollout(rollout.service.name, rollout.id)
        return rollout

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
        rollout = self.find_rollout(name, rollout_id)
        if rollout is None:
            raise NotFound(f"the journal has no rollout {rollout_id} of {name}")
        return rollout

    def find_rollout(self, name: str, rollout_id: str) -> Rollout | None:
        """Return a rollout, None where none was stored; raise InvalidRecord."""
        item = self._table.get(f"SERVICE#{name}", f"ROLLOUT#{rollout_id}")
        return _parse(_ROLLOUT, item, f"rollout {rollout_id}") if item else None

    def outcome(self, rollout: Rollout) -> Outcome | None:
        """Return how a rollout ended, None while it has not."""
        item = self._table.get(*_key(rollout)) or {}
        return Outcome(item["outcome"]) if "outcome" in item else None

    def open_rollouts(self, name: str | None = None) -> list[Open]:
        """Return the rollouts without outcome, of one service or of all."""
        items = self._table.query("OPEN", _open(name)[1] if name else "SERVICE#")
        return [
            Open(item["service"], item["rollout_id"], int(item["attempt"]))
            for item in items
        ]

    def next_attempt(self, known: Open) -> bool:
        """Count a recovery; return False where somebody else just did."""
        return self._table.write(
            f"recovery of rollout {known.rollout_id}",
            update(
                *_open(known.service, known.rollout_id),
                "SET attempt = :next",
                condition="attempt = :known",
                next=known.attempt + 1,
                known=known.attempt,
            ),
        )

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

    # -- what people say -------------------------------------------------------------

    def answer(self, service: str | None, command_id: str) -> Answer | None:
        """Return what became of a command, None where it was not taken yet."""
        what = f"COMMAND#{command_id}"
        item = self._table.get(_whole(service), what)
        return _parse(_ANSWER, item, f"command {command_id}") if item else None

    def put_answer(self, answer: Answer) -> None:
        """Store what became of a command; what was stored first stays."""
        self._table.write(f"answer {answer.command.id}", _answered(answer))

    def put_control(
        self, service: str, rollout_id: str, control: Control, answer: Answer | None
    ) -> bool:
        """Store what a rollout has to heed, with the answer to its command.

        Returns False where the rollout is promoted or closed already. A stop and the
        promotion exclude each other: whichever is stored first counts. A command that
        was answered before stays answered so, and changes nothing.
        """
        last = "stopped" if control.verb in STOPS else "steered"
        refused = self._table.write_all(
            f"{control.verb} rollout {rollout_id}",
            update(
                f"SERVICE#{service}",
                f"ROLLOUT#{rollout_id}",
                f"SET {last} = :command",
                condition=f"{UNCLOSED} AND attribute_not_exists(promoted)",
                command=control.id,
            ),
            put(
                f"SERVICE#{service}",
                f"CONTROL#{rollout_id}#{control.id}",
                body=_text(_CONTROL, control),
            ),
            *([_answered(answer)] if answer else ()),
        )
        return not refused[0]

    def controls(self, rollout: Rollout) -> list[Control]:
        """Return all that a rollout has to heed."""
        items = self._table.query(
            f"SERVICE#{rollout.service.name}", f"CONTROL#{rollout.id}#"
        )
        return [_parse(_CONTROL, item, f"a control of {rollout.id}") for item in items]

    def freeze(self, service: str | None, freeze: Freeze | None) -> None:
        """Freeze a service, or the environment; None lets it go on again."""
        key = _whole(service), "FREEZE"
        write = put(*key, body=_text(_FREEZE, freeze)) if freeze else delete(*key)
        self._table.write(f"freeze {service or 'the environment'}", write)

    def freezes(self, service: str | None) -> list[Freeze]:
        """Return what keeps a service's rollouts from going on."""
        places = ["ENVIRONMENT", *([f"SERVICE#{service}"] if service else [])]
        items = [(place, self._table.get(place, "FREEZE")) for place in places]
        return [
            _parse(_FREEZE, item, f"the freeze of {p}") for p, item in items if item
        ]

    def put_token(self, service: str, rollout_id: str, token: str) -> None:
        """Remember what a waiting rollout is woken by."""
        self._table.write(
            f"token of rollout {rollout_id}",
            put(f"SERVICE#{service}", f"TOKEN#{rollout_id}", token=token),
        )

    def token(self, service: str, rollout_id: str) -> str | None:
        """Return what a rollout is woken by, None where it never waited."""
        item = self._table.get(f"SERVICE#{service}", f"TOKEN#{rollout_id}")
        return item["token"] if item else None

    # -- the queue -------------------------------------------------------------------

    def reserve_start(self, now: datetime, interval: timedelta) -> datetime:
        """Return when a rollout may start: now, or `interval` after the one before.

        Each call takes a place in the queue. One that nobody uses costs its time only.
        """
        key = "ENVIRONMENT", "STARTS"
        is_free = self._table.write(
            "the next start",
            update(
                *key,
                "SET next_at = :next",
                condition="attribute_not_exists(pk) OR next_at <= :now",
                next=now + interval,
                now=now,
            ),
        )
        if is_free:
            return now
        old = self._table.swap(
            "a place in the queue of starts",
            update(
                *key,
                "SET next_at = next_at + :interval",
                condition="attribute_exists(pk)",
                interval=interval // timedelta(microseconds=1),
            ),
        )
        return now if old is None else time_of(old["next_at"])

    # -- the lease -------------------------------------------------------------------

    def lease(self, name: str) -> Lease | None:
        """Return a service's lease while a rollout has it."""
        item = self._table.get(f"SERVICE#{name}", "LEASE")
        if item is None or not item["rollout_id"]:
            return None
        return Lease(
            name, item["rollout_id"], int(item["fence"]), time_of(item["write_until"])
        )

    def acquire(self, rollout: Rollout, now: datetime) -> Held | Busy | Stale:
        """Take the lease and raise the watermark, both or neither.

        The holder may take it again; it gets a new fence, and the older one is void.
        Nobody gets it while a write of its last holder may be under way.
        """
        name, cause = rollout.service.name, rollout.cause
        refused = self._table.write_all(
            f"lease of {name}",
            _take(
                rollout,
                now,
                "attribute_not_exists(pk) OR "
                "(rollout_id IN (:me, :nobody) AND write_until <= :now)",
                nobody=NOBODY,
            ),
            update(
                f"SERVICE#{name}",
                "WATERMARK",
                "SET ordered_at = :ordered, rollout_id = :me",
                condition="attribute_not_exists(pk) OR ordered_at < :ordered "
                "OR rollout_id = :me",
                me=rollout.id,
                ordered=cause.ordered_at,
            ),
        )
        _, stale = refused
        if stale:
            watermark = self.watermark(name)
            if watermark is not None:
                return Stale(watermark)
        return self._taken(rollout, refused=any(refused))

    def retake(self, rollout: Rollout, now: datetime) -> Held | Busy:
        """Take the lease from the rollout's own earlier fence, to restore.

        In a transaction, for DynamoDB carries that out once however often the SDK sends
        it (API reference, TransactWriteItems, ClientRequestToken). Else an attempt that
        came late would void the fence that a later one has got.
        """
        refused = self._table.write_all(
            f"lease of {rollout.service.name}, again",
            _take(rollout, now, "rollout_id = :me AND write_until <= :now"),
        )
        return self._taken(rollout, refused=any(refused))

    def _taken(self, rollout: Rollout, *, refused: bool) -> Held | Busy:
        lease = self.lease(rollout.service.name)
        if lease is None:
            return Busy(NOBODY)
        if refused or lease.rollout_id != rollout.id:
            return Busy(lease.rollout_id)
        return Held(lease.fence)

    def hold(self, rollout: Rollout, fence: int, now: datetime) -> Term:
        """Store until when the holder writes, and return that.

        Raises LeaseLost where somebody else holds the lease.
        """
        until = now + WRITE_TERM
        old = self._table.swap(
            f"hold the lease of {rollout.service.name}",
            _extend(rollout, fence, until, condition=OURS),
        )
        if old is None:
            raise _lost(rollout, fence)
        # Where nothing changed, there may be no old value to read.
        before = time_of(old["write_until"]) if old else until
        return Term(until, before)

    def rest(self, rollout: Rollout, fence: int, term: Term, now: datetime) -> None:
        """Say that the holder's writes are over; nothing where it lost the lease.

        Another run of the holder may still be writing: its term stays.
        """
        self._table.write(
            f"rest with the lease of {rollout.service.name}",
            _extend(
                rollout,
                fence,
                max(now, term.before),
                condition=f"{OURS} AND write_until = :term",
                term=term.until,
            ),
        )

    def promote(self, rollout: Rollout, fence: int, now: datetime) -> None:
        """Make the candidate the primary.

        Raises LeaseLost where the lease is gone, Refused where the rollout was stopped.
        """
        name, slot = rollout.service.name, rollout.known_sides.candidate
        state = ServiceState(slot, rollout.release.id, rollout.id, now)
        lost, stopped, _ = self._table.write_all(
            f"promote {rollout.release.id} of {name}",
            check(
                f"SERVICE#{name}", "LEASE", condition=OURS, me=rollout.id, fence=fence
            ),
            update(
                *_key(rollout),
                "SET promoted = :true",
                condition="attribute_not_exists(stopped)",
                true=True,
            ),
            put(f"SERVICE#{name}", "STATE", body=_text(_STATE, state)),
        )
        if lost:
            raise _lost(rollout, fence)
        if stopped:
            raise Refused(f"rollout {rollout.id} was stopped just before its promotion")

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
        name = rollout.service.name
        close = update(
            *_key(rollout),
            "SET outcome = :outcome, reason = :reason, receipt = :receipt",
            condition=UNCLOSED,
            outcome=outcome,
            reason=reason,
            receipt=_text(_RECEIPT, receipt),
        )
        fenced: dict[str, int] = {} if fence is None else {"fence": fence}
        until = known_until(rollout, receipt.marks, outcome)
        known: dict[str, datetime] = {}
        if until is not None:
            # What an adoption or an earlier rollout stored may last longer.
            known["until"] = max(until, self.known_until(name) or until)
        give_back = update(
            f"SERVICE#{name}",
            "LEASE",
            "SET rollout_id = :nobody" + ", known_until = :until" * bool(known),
            condition="rollout_id = :me" if fence is None else OURS,
            me=rollout.id,
            nobody=NOBODY,
            **fenced,
            **known,
        )
        writes = [
            close,
            give_back,
            delete(*_open(name, rollout.id)),
            delete(f"SERVICE#{name}", f"TOKEN#{rollout.id}"),
        ]
        while any(
            refused := self._table.write_all(f"close rollout {rollout.id}", *writes)
        ):
            writes = [w for w, no in zip(writes, refused, strict=True) if not no]
        if close in writes:
            return outcome
        stored = self.outcome(rollout)
        if stored is None:
            raise NotFound(f"the journal has no rollout {rollout.id} of {name}")
        return stored

    def known_until(self, name: str) -> datetime | None:
        """Return until when clients may be known to a slot; None where none ever was.

        A rollout stores it that gives its lease back, and an adoption.
        """
        item = self._table.get(f"SERVICE#{name}", "LEASE") or {}
        return time_of(item["known_until"]) if "known_until" in item else None

    def borrow(self, name: str, now: datetime) -> Term | None:
        """Take a service's lease for one term, for nobody's rollout.

        None where it is not free. It comes free by itself when the term ends.
        """
        until = now + WRITE_TERM
        taken = self._table.write(
            f"borrow the lease of {name}",
            update(
                f"SERVICE#{name}",
                "LEASE",
                "SET rollout_id = :nobody, write_until = :until ADD fence :one",
                condition="attribute_not_exists(pk) OR "
                "(rollout_id = :nobody AND write_until <= :now)",
                nobody=NOBODY,
                until=until,
                now=now,
                one=1,
            ),
        )
        return Term(until, now) if taken else None

    def return_borrowed(self, name: str, term: Term, now: datetime) -> None:
        """Give a borrowed lease back before its term ends."""
        self._table.write(
            f"return the lease of {name}",
            update(
                f"SERVICE#{name}",
                "LEASE",
                "SET write_until = :now",
                condition="rollout_id = :nobody AND write_until = :term",
                nobody=NOBODY,
                term=term.until,
                now=now,
            ),
        )

    def adopt(self, rollout: Rollout, revision: str, now: datetime) -> None:
        """Remember what serves from slot a and was there before; once.

        Called with the lease borrowed. Clients whom its rules let stay may come with
        cookies of that time: they are known for as long as these may count.
        """
        name, release = rollout.service.name, rollout.release
        known = update(
            f"SERVICE#{name}",
            "LEASE",
            "SET known_until = :until",
            condition="attribute_exists(pk)",
            until=now + LONGEST_STAY,
        )
        state = ServiceState(Slot.A, release.id, rollout.id, now)
        ask = rollout.cause.ask
        self._table.write_all(
            f"adopt {name}",
            put(f"SERVICE#{name}", "STATE", new=True, body=_text(_STATE, state)),
            put(
                *_key(rollout),
                body=_text(_ROLLOUT, rollout),
                outcome=Outcome.PROMOTED,
                reason="" if ask is None else ask.why,
                promoted=True,
            ),
            put(f"SERVICE#{name}", f"RELEASE#{release.id}", revision=revision),
            update(
                f"SERVICE#{name}",
                "WATERMARK",
                "SET ordered_at = :ordered, rollout_id = :me",
                condition="attribute_not_exists(pk) OR ordered_at < :ordered",
                me=rollout.id,
                ordered=rollout.cause.ordered_at,
            ),
            *([known] if rollout.service.sticky else []),
        )

    # -- provisioning ----------------------------------------------------------------

    def claim_provision(self, run: str, now: datetime) -> str | None:
        """Let one run provision for a while; return whose turn it is if not its own.

        A run that works claims it again and again; one that died loses it in time.
        """
        claimed = self._table.write(
            f"claim of provision run {run}",
            update(
                "ENVIRONMENT",
                "PROVISION",
                "SET holder = :me, claimed_until = :later",
                condition="attribute_not_exists(pk) OR holder IN (:me, :nobody) "
                "OR claimed_until <= :now",
                me=run,
                nobody=NOBODY,
                later=now + CLAIM_TERM,
                now=now,
            ),
        )
        if claimed:
            return None
        item = self._table.get("ENVIRONMENT", "PROVISION") or {}
        return str(item.get("holder", NOBODY))

    def finish_provision(self, report: Report) -> None:
        """Store what a run did, and let the next one come."""
        self._table.write(
            f"report of provision run {report.run}",
            put(
                "ENVIRONMENT",
                f"PROVISION#{report.run}",
                body=_text(_REPORT, report),
            ),
        )
        self._table.write(
            f"end of provision run {report.run}",
            update(
                "ENVIRONMENT",
                "PROVISION",
                "SET holder = :nobody, last_run = :me",
                condition="holder = :me",
                me=report.run,
                nobody=NOBODY,
            ),
        )

    def provisioning(self) -> Turn | None:
        """Return the run whose turn it is, None where nobody provisions."""
        item = self._table.get("ENVIRONMENT", "PROVISION") or {}
        if item.get("holder", NOBODY) == NOBODY:
            return None
        until = time_of(item["claimed_until"])
        return Turn(str(item["holder"]), until - CLAIM_TERM, until)

    def last_provision(self) -> Report | None:
        """Return the report of the run that ended last."""
        item = self._table.get("ENVIRONMENT", "PROVISION") or {}
        return self.provision(item["last_run"]) if "last_run" in item else None

    def provision(self, run: str) -> Report | None:
        """Return the report of a run, None while it has not ended."""
        item = self._table.get("ENVIRONMENT", f"PROVISION#{run}")
        return _parse(_REPORT, item, f"provision run {run}") if item else None

    def _members(self, pk: str) -> list[str]:
        prefix = "SERVICE#"
        items = self._table.query(pk, prefix)
        return [item["sk"].removeprefix(prefix) for item in items]


def _indexes(service: Service) -> list[str]:
    """Return the partitions that lead to a service."""
    return [
        MEMBERS,
        f"REPOSITORY#{service.repository}",
        *(f"SLOT#{slot}" for slot in service.slots.values()),
    ]


def _key(rollout: Rollout) -> tuple[str, str]:
    return f"SERVICE#{rollout.service.name}", f"ROLLOUT#{rollout.id}"


def _open(name: str, rollout_id: str = "") -> tuple[str, str]:
    return "OPEN", f"SERVICE#{name}#{rollout_id}"


def _whole(service: str | None) -> str:
    """Return the partition of a service, or of the environment."""
    return f"SERVICE#{service}" if service else "ENVIRONMENT"


def _answered(answer: Answer) -> Write:
    command = answer.command
    return put(
        _whole(command.service),
        f"COMMAND#{command.id}",
        new=True,
        body=_text(_ANSWER, answer),
    )


def _take(rollout: Rollout, now: datetime, condition: str, **values: Value) -> Write:
    """Return the write that takes the lease, with a new fence."""
    return update(
        f"SERVICE#{rollout.service.name}",
        "LEASE",
        "SET rollout_id = :me, write_until = :now ADD fence :one",
        condition=condition,
        me=rollout.id,
        now=now,
        one=1,
        **values,
    )


def _extend(
    rollout: Rollout, fence: int, until: datetime, *, condition: str, **values: Value
) -> Write:
    """Return the write that says until when the lease's holder writes."""
    return update(
        f"SERVICE#{rollout.service.name}",
        "LEASE",
        "SET write_until = :until",
        condition=condition,
        me=rollout.id,
        fence=fence,
        until=until,
        **values,
    )


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
