"""Beginning, joined: a rollout's turn to start, its sides, and how often it looks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from slipway import clock
from slipway.admitting import alarmed, unready
from slipway.domain.gates import Gate, settled
from slipway.domain.pace import START_INTERVAL, Turn, look_seconds, turn
from slipway.domain.rollout import Outcome
from slipway.errors import NotFound
from slipway.pinning import release_for
from slipway.resolving import gate_of
from slipway.surroundings import serving_now, sides_now

if TYPE_CHECKING:
    from slipway.domain.control import Word
    from slipway.domain.rollout import Rollout
    from slipway.stage import StageRequest
    from slipway.wiring import App


def as_recorded(name: str, rollout_id: str, app: App) -> tuple[Rollout, Gate]:
    """Return a rollout, until it has begun as its service is recorded now.

    A push may wait for days, and manifests go on meanwhile: bounds, rules, what shapes
    tasks, and what keeps it back. With it whether it may roll out there.
    """
    rollout = app.journal.rollout(name, rollout_id)
    if rollout.sides is not None:
        return rollout, Gate(None, "it has begun: its service stays as it was then")
    try:
        service = app.journal.service(name)
    except NotFound:
        reason = f"there is no service {name} any more"
        return rollout, Gate(Outcome.REJECTED, reason)
    if service == rollout.service:
        return rollout, Gate(None, "the service is recorded as it was")
    found = release_for(rollout.cause, service, app)
    renewed = replace(rollout, service=service, release=found.release)
    return renewed, gate_of(renewed, found.gone, app, known=True)


def turn_of(
    request: StageRequest, rollout: Rollout, gate: Gate, word: Word, app: App
) -> Turn:
    """Return a rollout's place in the queue of starts; a person's wish needs none.

    A push has none while something keeps it back, and looks at alarms once it comes.
    Nothing has where `gate` ends it.
    """
    if gate.outcome is not None:
        return Turn(None, 0, gate.reason, gate.outcome)
    kept = unready(rollout, word, app)
    if kept is not None:
        return kept
    now, starts_at = clock.now(), request.starts_at
    if starts_at is None and rollout.cause.ask is None:
        starts_at = app.journal.reserve_start(now, START_INTERVAL)
    place = turn(starts_at or now, now)
    if place.wait_seconds:
        return place
    return alarmed(rollout, word, place.starts_at, app) or place


def begin(rollout: Rollout, app: App) -> tuple[Rollout, Gate]:
    """Fix what the service is, and which slot is what, for all of a rollout.

    Return it, and whether it is over before it began. Nothing but this rollout changes
    the service now, so what is recorded is what is there.
    """
    rollout, gate = as_recorded(rollout.service.name, rollout.id, app)
    if gate.outcome is not None:
        return rollout, gate
    state = app.journal.state(rollout.service.name)
    # Load balancers answer few calls a second: they are asked where it counts.
    is_open = state is None and serving_now(rollout.service, app)
    ended = settled(rollout, state, is_open=is_open)
    return app.journal.set_sides(rollout, sides_now(rollout.service, state, app)), ended


def paced_looks(rollout: Rollout, app: App) -> int:
    """Return the seconds between two looks, by how many rollouts are under way."""
    wanted = rollout.service.rollout.look_seconds
    return look_seconds(wanted, len(app.journal.open_rollouts()))
