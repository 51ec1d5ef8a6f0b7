"""Beginning, joined: a rollout's turn to start, its sides, and how often it looks."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from slipway import clock
from slipway.domain.gates import settled
from slipway.domain.opening import LONGEST_WAIT_SECONDS
from slipway.domain.pace import START_INTERVAL, Turn, look_seconds, turn
from slipway.stage import note
from slipway.superseding import supersede
from slipway.surroundings import serving_now, sides_now

if TYPE_CHECKING:
    from slipway.domain.control import Word
    from slipway.domain.gates import Gate
    from slipway.domain.rollout import Rollout
    from slipway.stage import StageRequest
    from slipway.wiring import App


WAITS = "awaits-window"
"""The mark of a rollout that waits for its hours, with what it waits for."""


def turn_of(request: StageRequest, rollout: Rollout, word: Word, app: App) -> Turn:
    """Return a rollout's place in the queue of starts; a person's wish needs none.

    A push waits for its service's hours first, unless a person promotes it.
    """
    now = clock.now()
    if rollout.cause.ask is None and word.promote is None:
        shut = _shut(request, rollout, app)
        if shut is not None:
            return shut
    starts_at = request.starts_at
    if starts_at is None and rollout.cause.ask is None:
        starts_at = app.journal.reserve_start(now, START_INTERVAL)
    return turn(starts_at or now, now)


def _shut(request: StageRequest, rollout: Rollout, app: App) -> Turn | None:
    """Return how long a push waits for its service's hours, None in these.

    One that holds the lease already has begun. One that waits ends older ones that
    wait, too.
    """
    hours, now, name = rollout.service.rollout.window, clock.now(), rollout.service.name
    opens = hours.next_open(now) if hours else now
    if opens <= now:
        return None
    lease = app.journal.lease(name)
    if lease is not None and lease.rollout_id == rollout.id:
        return None
    for other in app.journal.open_rollouts(name):
        known = app.journal.find_rollout(name, other.rollout_id)
        if known is not None and known.sides is None:
            supersede(rollout, known.id, app)
    reason = f"rollouts of pushes begin {hours}; it waits until {opens:%Y-%m-%d %H:%MZ}"
    note(app, rollout, WAITS, reason, again=True)
    wait = min(ceil((opens - now).total_seconds()), LONGEST_WAIT_SECONDS)
    place = request.starts_at.isoformat() if request.starts_at else None
    return Turn(place, wait, reason)


def begin(rollout: Rollout, app: App) -> Gate:
    """Fix which slot is what; say whether the rollout is over before it began."""
    state = app.journal.state(rollout.service.name)
    # Load balancers answer few calls a second: they are asked where it counts.
    is_open = state is None and serving_now(rollout.service, app)
    ended = settled(rollout, state, is_open=is_open)
    app.journal.set_sides(rollout, sides_now(rollout.service, state, app))
    return ended


def paced_looks(rollout: Rollout, app: App) -> int:
    """Return the seconds between two looks, by how many rollouts are under way."""
    wanted = rollout.service.rollout.look_seconds
    return look_seconds(wanted, len(app.journal.open_rollouts()))
