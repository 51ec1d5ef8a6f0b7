"""What the services of an environment are doing, read once and shown as data."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from slipway.domain.control import Control, word
from slipway.domain.health import SlotView
from slipway.domain.provision_run import Report, Turn
from slipway.domain.rollout import Outcome, Rollout, ServiceState
from slipway.domain.service import Service, Slot
from slipway.errors import InvalidRecord, NotFound
from slipway.gateways.ecs import Ecs
from slipway.gateways.elbv2 import LoadBalancing
from slipway.gateways.journal import Entry, Journal
from slipway.surroundings import healthy_now, least, slots_now, weights_now

from slipway_cli.lookup import require_service


class Scope(StrEnum):
    """What is frozen."""

    ENVIRONMENT = "environment"
    SERVICE = "service"


class Role(StrEnum):
    """What a slot is at this moment."""

    PRIMARY = "primary"
    CANDIDATE = "candidate"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a status is read from."""

    journal: Journal
    ecs: Ecs
    load_balancing: LoadBalancing


@dataclass(frozen=True, slots=True)
class SlotStatus:
    """One slot: an ECS service with its target groups."""

    slot: Slot
    role: Role
    ecs_service: str
    release_id: str | None
    """None where the journal knows of none, as before a first release."""
    revision: str
    """The task definition as FAMILY:REVISION."""
    desired: int
    running: int
    launch: str
    """ECS's own verdict on the slot's deployment (rolloutState)."""
    weight_percents: tuple[int, ...] | None
    """The slot's share in every rule, equal shares once; empty where rules answer by
    themselves, None where the service has none."""
    healthy: int
    """Healthy targets, in the binding where there are fewest; without rules tasks."""


@dataclass(frozen=True, slots=True)
class RolloutStatus:
    """A rollout that has not ended."""

    rollout_id: str
    release_id: str
    tag: str
    began_at: datetime
    holds_lease: bool
    """False while it waits its turn."""
    last_mark: str | None
    last_mark_at: datetime | None
    reason: str | None
    """Why the last mark was made."""
    hold: str | None
    """Why it stays where it is: paused or frozen, by whom and why."""
    stop: Control | None
    """Who ended it, where it is on its way back."""
    controls: tuple[Control, ...]
    """All that was said to it, oldest first."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """Why a service's rollouts must not go on."""

    scope: Scope
    by: str
    why: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """How the newest rollout that ended did so."""

    rollout_id: str
    release_id: str
    tag: str
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One service. Where `problem` says why it could not be read, the rest is empty."""

    name: str
    slots: tuple[SlotStatus, ...] = ()
    rollouts: tuple[RolloutStatus, ...] = ()
    """Those that have not ended, the one that holds the lease first."""
    last: Ended | None = None
    frozen: tuple[Frozen, ...] = ()
    """The whole environment's freeze first."""
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class ProvisionStatus:
    """Provisioning: the run under way, and how the last one that ended did so."""

    under_way: Turn | None = None
    is_silent: bool = False
    """Whether the run under way said nothing for so long that the next one goes on."""
    last: Report | None = None
    problem: str | None = None
    """Why it cannot be read; the rest is empty then."""


def read_provision(journal: Journal, now: datetime) -> ProvisionStatus:
    """Read how provisioning stands, from the journal alone."""
    try:
        turn, last = journal.provisioning(), journal.last_provision()
    except InvalidRecord as error:
        return ProvisionStatus(problem=str(error))
    silent = turn is not None and turn.is_silent(now)
    return ProvisionStatus(turn, silent, last)


def read_status(sources: Sources, service: str | None = None) -> list[ServiceStatus]:
    """Read all services, or one; nothing is changed.

    A service whose record is broken, or whose slots or rules are gone, says so in its
    `problem`; the others are read all the same. Raises NotFound for an unknown
    `service`, and whatever makes reading impossible altogether.
    """
    if service is None:
        return [_read(name, sources) for name in sources.journal.services()]
    require_service(sources.journal, service)
    return [_read(service, sources)]


def _read(name: str, sources: Sources) -> ServiceStatus:
    journal = sources.journal
    try:
        service = journal.service(name)
        state, lease = journal.state(name), journal.lease(name)
        entries = journal.rollouts(name)
        holder = lease.rollout_id if lease else None
        running = next((e.rollout for e in entries if e.rollout.id == holder), None)
        return ServiceStatus(
            name,
            slots=_slots(service, state, running, sources),
            rollouts=_unfinished(entries, holder, sources),
            last=_last(entries),
            frozen=_frozen(name, journal),
        )
    except (InvalidRecord, NotFound) as error:
        return ServiceStatus(name, problem=str(error))


def _slots(
    service: Service,
    state: ServiceState | None,
    running: Rollout | None,
    sources: Sources,
) -> tuple[SlotStatus, ...]:
    views, rules = slots_now(service, sources), weights_now(service, sources)
    healthy = least(healthy_now(service, sources))
    return tuple(
        _slot(
            slot,
            views[slot],
            _part(slot, state, running),
            weight_percents=(
                tuple(sorted({shares.get(slot, 0) for shares in rules}))
                if service.bindings
                else None
            ),
            healthy=healthy[slot],
        )
        for slot in Slot
    )


def _slot(
    slot: Slot,
    view: SlotView,
    part: tuple[Role, str | None],
    *,
    weight_percents: tuple[int, ...] | None,
    healthy: int,
) -> SlotStatus:
    role, release_id = part
    return SlotStatus(
        slot=slot,
        role=role,
        ecs_service=view.ecs_service,
        release_id=release_id,
        revision=view.task_definition_arn.rsplit("/", 1)[-1],
        desired=view.desired,
        running=view.running,
        launch=view.launch,
        weight_percents=weight_percents,
        healthy=healthy,
    )


def _part(
    slot: Slot, state: ServiceState | None, running: Rollout | None
) -> tuple[Role, str | None]:
    """Return a slot's role and its release, the primary's before the candidate's."""
    if state is not None and state.primary is slot:
        return Role.PRIMARY, state.release_id
    sides = running.sides if running else None
    if running is not None and sides is not None and sides.candidate is slot:
        return Role.CANDIDATE, running.release.id
    return Role.IDLE, None


def _frozen(name: str, journal: Journal) -> tuple[Frozen, ...]:
    whole = journal.freezes(None)
    own = [freeze for freeze in journal.freezes(name) if freeze not in whole]
    return tuple(
        Frozen(scope, freeze.by, freeze.why, freeze.since)
        for scope, freezes in ((Scope.ENVIRONMENT, whole), (Scope.SERVICE, own))
        for freeze in freezes
    )


def _unfinished(
    entries: list[Entry], holder: str | None, sources: Sources
) -> tuple[RolloutStatus, ...]:
    found, journal = [], sources.journal
    for entry in entries:
        if entry.outcome is not None:
            continue
        rollout = entry.rollout
        last = next(iter(reversed(journal.marks(rollout))), None)
        controls = journal.controls(rollout)
        said = word(controls, journal.freezes(rollout.service.name))
        found.append(
            RolloutStatus(
                rollout_id=rollout.id,
                release_id=rollout.release.id,
                tag=rollout.cause.tag,
                began_at=rollout.created_at,
                holds_lease=rollout.id == holder,
                last_mark=last.name if last else None,
                last_mark_at=last.at if last else None,
                reason=last.reason if last else None,
                hold=said.hold,
                stop=said.stop,
                controls=tuple(sorted(controls, key=lambda c: (c.at, c.id))),
            )
        )
    return tuple(sorted(found, key=lambda rollout: not rollout.holds_lease))


def _last(entries: list[Entry]) -> Ended | None:
    for entry in reversed(entries):
        if entry.outcome is not None:
            return Ended(
                rollout_id=entry.rollout.id,
                release_id=entry.rollout.release.id,
                tag=entry.rollout.cause.tag,
                outcome=entry.outcome,
                reason=entry.reason or "",
            )
    return None
