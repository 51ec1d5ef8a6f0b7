"""Provisioning, joined: manifests are read, AWS is looked at, changes are made."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, cast

from pydantic import TypeAdapter, ValidationError

from slipway import clock
from slipway.domain.adoption import is_adoption
from slipway.domain.planning import GOING, TAGS, Change, Plan, Refusal, Verb, plan
from slipway.domain.provision_run import ProvisionRequest
from slipway.domain.release import pinned_as, release_of
from slipway.domain.resources import Found, Ids, Kind, of_kind
from slipway.errors import InvalidRecord, LeaseLost, Refused, Unavailable
from slipway.estate import estate
from slipway.fence import begin_run, borrowed
from slipway.manifests.reading import read
from slipway.preflight import preflight
from slipway.provision.desired import desired, scope_of
from slipway.provision.limits import too_many_gone
from slipway.provision.records import wanted_record
from slipway.provision.standing import Standing
from slipway.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import (
        Callable,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )
    from collections.abc import (
        Set as AbstractSet,
    )
    from contextlib import AbstractContextManager

    from _typeshed import DataclassInstance
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from slipway.domain.provision_run import Version
    from slipway.domain.resources import Scope, Wanted
    from slipway.domain.service import Service
    from slipway.estate import Estate
    from slipway.gateways.journal import Open
    from slipway.manifests.records import EnvironmentRecord
    from slipway.stage import Handler


@dataclass(frozen=True, slots=True)
class Kept:
    """What a stage changed, in words."""

    changes: tuple[str, ...]
    waits: tuple[str, ...] = ()
    """Why it left services as they are, for now."""


class Looked(Protocol):
    """Resources of one kind that can be looked at."""

    @property
    def kind(self) -> Kind:
        """Their kind."""

    def found(self, scope: Scope, wanted: Sequence[Wanted], ids: Ids, /) -> list[Found]:
        """Return those that are wanted, and more of the environment's own."""


class Maker(Looked, Protocol):
    """Resources of one kind that can be made and changed."""

    def make(self, scope: Scope, wanted: Wanted, ids: Ids) -> Found:
        """Make one."""

    def change(self, found: Found, wanted: Wanted, ids: Ids) -> None:
        """Let one become what is wanted."""


class Labeller(Protocol):
    """Resources of one kind whose tags are compared."""

    def tag(self, found: Found, labels: Mapping[str, str]) -> None:
        """Give one these tags; others that it carries stay."""


class Remover(Looked, Protocol):
    """Resources of one kind that can be removed."""

    def remove(self, found: Found) -> None:
        """Remove one."""


type Hold = Callable[[Change], AbstractContextManager[None]]

NO_HOLD: Hold = lambda _: nullcontext()  # noqa: E731


_REQUEST = TypeAdapter(ProvisionRequest)


def provision_stage(run: Callable[[ProvisionRequest, Estate], Any]) -> Handler:
    """Make a Lambda handler of a provision stage's `run`."""

    @logger.inject_lambda_context(clear_state=True)
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        begin_run()
        try:
            request = _REQUEST.validate_python(event)
        except ValidationError as error:
            raise InvalidRecord(f"not a provision stage's request: {error}") from error
        logger.append_keys(
            run=request.run, services=request.services, stage=context.function_name
        )
        answer: DataclassInstance = run(request, estate())
        facts = asdict(answer)
        logger.info("provisioned", extra=facts)
        return facts

    return handler


def claim(request: ProvisionRequest, app: Estate) -> None:
    """Go on only while it is this run's turn; raise LeaseLost where it is not."""
    other = app.journal.claim_provision(request.run, clock.now())
    if other is not None:
        raise LeaseLost(f"run {request.run} was silent for too long: {other} goes on")


def record_of(request: ProvisionRequest, app: Estate) -> EnvironmentRecord:
    """Return what the run's manifests say; raise Refused where they do not hold."""
    record, problems = validated(app, request.versions)
    if record is None:
        raise Refused("; ".join(problems))
    return record


@lru_cache(maxsize=4)
def validated(
    app: Estate, versions: tuple[Version, ...]
) -> tuple[EnvironmentRecord | None, tuple[str, ...]]:
    """Return what manifests say, or what is wrong with them; read once a process."""
    reading = read(app.manifests.read(versions))
    return reading.record, tuple(map(str, reading.problems))


# ----------------------------------------------------- looking and making


def look(
    record: EnvironmentRecord, wanted: Iterable[Wanted], *kinds: Looked
) -> tuple[Ids, list[Found]]:
    """Look at some kinds, in the order of making; return ids and everything found."""
    scope, wanted = scope_of(record), list(wanted)
    ids, everything = Ids(), []
    for kind in kinds:
        found = kind.found(scope, of_kind(kind.kind, wanted), ids)
        ids.learn(*found)
        everything += found
    return ids, everything


def keep(
    record: EnvironmentRecord,
    wanted: Iterable[Wanted],
    ids: Ids,
    *kinds: Maker,
    hold: Hold = NO_HOLD,
) -> list[Change]:
    """Make and change what is missing or different, kind by kind; remove nothing.

    `hold` is entered for each change. Raises Refused where a resource cannot become
    what it is to be; then nothing of its kind was written.
    """
    scope, wanted = scope_of(record), list(wanted)
    done: list[Change] = []
    for kind in kinds:
        mine = of_kind(kind.kind, wanted)
        found = kind.found(scope, mine, ids)
        ids.learn(*found)
        todo = _todo(plan(mine, found, ids, scope))
        there = {one.name: one for one in found}
        by_name = {one.name: one for one in mine}
        for change in todo:
            one = by_name[change.name]
            with hold(change):
                if change.verb is Verb.MAKE:
                    ids.learn(kind.make(scope, one, ids))
                else:
                    unlike, was = change.differences.keys(), there[change.name]
                    _alter(kind, was, one, ids, unlike=unlike, scope=scope)
            logger.info("changed", extra={"change": str(change)})
        done += todo
    return done


def _alter(
    kind: Maker,
    found: Found,
    wanted: Wanted,
    ids: Ids,
    *,
    unlike: AbstractSet[str],
    scope: Scope,
) -> None:
    if TAGS in unlike:
        cast("Labeller", kind).tag(found, scope.tags(wanted))
    if unlike - {TAGS}:
        kind.change(found, wanted, ids)


def _todo(planned: Plan) -> list[Change]:
    if planned.refusals:
        raise Refused("; ".join(map(str, planned.refusals)))
    return [change for change in planned.changes if change.verb not in GOING]


@dataclass(frozen=True, slots=True)
class Cleared:
    """What was removed, and why the rest was not."""

    changes: tuple[Change, ...]
    left: tuple[str, ...]
    """Refused by AWS for now: what still uses it is on its way out."""
    waits: tuple[str, ...]
    """Let be: a rollout is under way."""


def clear(
    record: EnvironmentRecord,
    wanted: Iterable[Wanted],
    ids: Ids,
    *kinds: Remover,
    hold: Hold = NO_HOLD,
    gone: Iterable[Wanted] = (),
    spare: Mapping[str, str] = MappingProxyType({}),
) -> Cleared:
    """Remove what is the environment's own and nobody wants, kind by kind.

    `hold` is entered for each removal. `gone` are looked for too, where names are all
    that lead to them. What belongs to services in `spare` is let be, for the reason
    that stands there.
    """
    scope, wanted, gone = scope_of(record), list(wanted), list(gone)
    done: list[Change] = []
    left: list[str] = []
    waits: set[str] = set()
    for kind in kinds:
        mine = of_kind(kind.kind, wanted)
        found = kind.found(scope, [*mine, *of_kind(kind.kind, gone)], ids)
        ids.learn(*found)
        there = {one.name: one for one in found}
        surplus = [c for c in plan(mine, found, ids).changes if c.verb in GOING]
        for change in surplus:
            if change.service and change.service in spare:
                waits.add(spare[change.service])
                continue
            try:
                with hold(change):
                    kind.remove(there[change.name])
            except Refused as not_yet:
                left.append(str(not_yet))
                continue
            logger.info("removed", extra={"change": str(change)})
            done.append(change)
    return Cleared(tuple(done), tuple(left), tuple(sorted(waits)))


def words(changes: Iterable[Change | Refusal]) -> tuple[str, ...]:
    """Return changes, or refusals, as reports have them."""
    return tuple(map(str, changes))


# ----------------------------------------------------- services


def standings(names: Iterable[str], app: Estate) -> Mapping[str, Standing]:
    """Return what the journal knows of services, by name."""
    return {name: standing_of(name, app) for name in names}


def standing_of(name: str, app: Estate) -> Standing:
    """Return what the journal knows of one service."""
    state = app.journal.state(name)
    under_way = next((one.rollout_id for one in under_way_now(app, name)), None)
    if state is None:
        return Standing(rollout_id=under_way)
    serving = app.journal.rollout(name, state.rollout_id)
    return Standing(
        state,
        app.journal.revision(name, state.release_id),
        serving.release,
        under_way,
        as_adopted=is_adoption(serving.cause),
        version=serving.version,
    )


def under_way_now(app: Estate, name: str | None = None) -> Iterator[Open]:
    """Give the rollouts to which services must be left: of one service, or of all.

    One that has not begun goes by what is recorded when it does: whatever it waits for,
    manifests need not wait with it.
    """
    for one in app.journal.open_rollouts(name):
        known = app.journal.find_rollout(one.service, one.rollout_id)
        lease = app.journal.lease(one.service)
        holds = lease is not None and lease.rollout_id == one.rollout_id
        if holds or (known is not None and known.sides is not None):
            yield one


def at_rest(
    record: EnvironmentRecord, names: Sequence[str], app: Estate
) -> tuple[EnvironmentRecord, Mapping[str, Standing], tuple[str, ...]]:
    """Return the record of those named services that no rollout changes now.

    With it what the journal knows of them, and why the others are left.
    """
    known = standings(names, app)
    waits = tuple(
        f"{name}: rollout {standing.rollout_id} is under way"
        for name, standing in known.items()
        if standing.in_rollout
    )
    resting = {name: one for name, one in known.items() if not one.in_rollout}
    services = tuple(s for s in record.services if s.manifest.name in resting)
    return replace(record, services=services), resting, waits


def still(
    change: Change, known: Mapping[str, Standing], app: Estate
) -> AbstractContextManager[None]:
    """Let nothing else change the service of a change; see `undisturbed`."""
    return undisturbed(change.service or "", known, app)


@contextmanager
def undisturbed(
    name: str, known: Mapping[str, Standing], app: Estate
) -> Iterator[None]:
    """Let nothing but the code inside change a service, which is as it was known to be.

    Raises Unavailable where a rollout has begun, or has come and gone, since.
    """
    with borrowed(name, app):
        if standing_of(name, app) != known[name]:
            raise Unavailable(f"{name} has changed since it was looked at")
        yield


def release_due(service: Service, standing: Standing) -> str | None:
    """Say why the serving release is not the one that manifests ask for, else None."""
    if standing.release is None:
        return None
    digest = standing.release.image.rpartition("@")[2]
    due = release_of(service, digest, subnet_ids=service.subnet_ids)
    if pinned_as(due, standing.release).id == standing.release.id:
        return None
    return f"release {standing.release.id} serves, manifests ask for {due.id}"


# ----------------------------------------------------- the whole


def whole_plan(record: EnvironmentRecord, app: Estate) -> Plan:
    """Look at everything, write nothing, and say what has to be done.

    Services in which a rollout is under way are left out of the comparison where it
    moves things itself. What would remove too much is refused before anything is looked
    at, and what there is no room for before anything is made.
    """
    not_so = tuple(too_many_gone(app.journal.services(), record.names))
    if not_so:
        return Plan((), not_so)
    scope = scope_of(record)
    known = standings(record.names, app)
    wanted = desired(record, known, clock.now())
    ids, found = look(
        record,
        wanted,
        app.clusters,
        app.log_groups,
        app.namespaces,
        app.hosted_zones,
        app.certificates,
        app.security_groups,
        app.load_balancers,
        app.security_group_rules,
        app.registry_services,
        app.listeners,
        app.target_groups,
        app.network_listeners,
        app.listener_rules,
        app.first_revisions,
        app.ecs_services,
        app.routes,
        app.network_routes,
        app.registry_attributes,
        app.scalable_targets,
        app.scaling_policies,
        app.scheduled_actions,
    )
    records = [wanted_record(one, record.environment, ids) for one in record.services]
    found += app.records.found(scope, records, ids)
    found += surplus_services(record, app)
    planned = plan([*wanted, *records], found, ids, scope)
    no_room = preflight(record, wanted, found, planned, app)
    releases = _releases(records, known)
    return Plan((*planned.changes, *releases), (*planned.refusals, *no_room))


def surplus_services(record: EnvironmentRecord, app: Estate) -> list[Found]:
    """Return slots and records that no manifest asks for."""
    scope, names = scope_of(record), record.names
    slots = [
        one
        for one in app.ecs_services.all(scope)
        if one.owned and one.service not in names
    ]
    gone = [name for name in app.journal.services() if name not in names]
    return [*slots, *(Found(Kind.RECORD, name, name, {}, name) for name in gone)]


def _releases(
    records: Sequence[Wanted], known: Mapping[str, Standing]
) -> Iterator[Change]:
    """Give the releases that manifests ask for, in services that serve another."""
    for one in records:
        why = release_due(one.once["record"], known[one.name])
        if why is not None:
            yield Change(Verb.ROLL_OUT, Kind.RECORD, one.name, why, one.name)
