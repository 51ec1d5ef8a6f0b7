"""Restoring, joined: what the domain decides, read from AWS and written to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway import clock
from slipway.bounding import give_back, given_back, idle, keep_primary, returning
from slipway.domain.receipt import RESTORE_BEGAN
from slipway.domain.restore import Move, NextMove, next_move
from slipway.domain.rollout import Outcome
from slipway.domain.service import ALL_TRAFFIC
from slipway.domain.traffic import weights
from slipway.errors import LeaseLost
from slipway.fence import writing
from slipway.gateways.journal import Held
from slipway.hearing import word_of
from slipway.stage import moments
from slipway.surroundings import open_now, situation
from slipway.telling import lead, tell_at_last, tell_primary

if TYPE_CHECKING:
    from slipway.domain.rollout import Rollout
    from slipway.stage import StageRequest
    from slipway.wiring import App


SHIFTS = frozenset({Move.CLOSE_RULE, Move.GIVE_TRAFFIC, Move.YIELD_TRAFFIC})
"""Moves that write weights."""
WRITES = SHIFTS | {Move.SCALE_UP, Move.REMOVE_CANDIDATE, Move.GIVE_BOUNDS}
"""Moves that write at all."""


def decide(rollout: Rollout, app: App) -> NextMove:
    """Look at both slots, all rules and what this restore did; choose the next move."""
    state = app.journal.state(rollout.service.name)
    primary = state.primary if state else None
    service, now = rollout.service, clock.now()
    marks = app.journal.marks(rollout)
    at = {mark.name: mark.at for mark in marks}
    shifts = [at[name] for m in SHIFTS if (name := f"restore-{m}") in at]
    step = next_move(
        situation(service, app),
        primary=primary,
        candidate=primary.other if primary else rollout.known_sides.candidate,
        is_open=primary is None and open_now(service, app),
        base=returning(rollout, marks),
        since_begin=now - at[RESTORE_BEGAN],
        since_shift=now - max(shifts) if shifts else None,
        timeout_seconds=service.rollout.restore_timeout_seconds,
    )
    if given_back(rollout, step, app):
        return NextMove(Move.GIVE_BOUNDS, step.primary, f"to end with: {step.reason}")
    return step


def retaken(rollout: Rollout, app: App) -> int | None:
    """Take the rollout's lease anew; None while a write of it may be under way.

    Raises LeaseLost where the lease is not this rollout's any more.
    """
    answer = app.journal.retake(rollout, clock.now())
    if isinstance(answer, Held):
        return answer.fence
    if answer.rollout_id != rollout.id:
        raise LeaseLost(
            f"rollout {rollout.id} has the lease of {rollout.service.name} no more"
        )
    return None


def ended_by(request: StageRequest, rollout: Rollout, app: App) -> Outcome:
    """Return how a rollout is to be recorded that was restored.

    A stop that came when it was going back already changes nothing.
    """
    word = word_of(rollout, app)
    began = moments(rollout, app)[RESTORE_BEGAN]
    if word.stop is not None and word.outcome is not None and word.stop.at <= began:
        return word.outcome
    return request.outcome or Outcome.ROLLED_BACK


def make(step: NextMove, rollout: Rollout, fence: int, app: App) -> None:
    """Carry out a move that writes; the others write nothing.

    At the end the registry is told once more, for it may have been away before.
    """
    if step.move in WRITES:
        with writing(rollout, fence, app):
            _make(step, rollout, app)
    if step.move is Move.DONE:
        tell_at_last(rollout, step.primary, fence, app)


def _make(step: NextMove, rollout: Rollout, app: App) -> None:
    service, sides = rollout.service, rollout.known_sides
    match step.move:
        case Move.SCALE_UP:
            assert step.primary is not None
            base = returning(rollout, app.journal.marks(rollout))
            app.ecs.scale(service.slots[step.primary], base)
            keep_primary(service, step.primary, base, app)
        case Move.CLOSE_RULE | Move.GIVE_TRAFFIC | Move.YIELD_TRAFFIC:
            yields = step.move is Move.YIELD_TRAFFIC
            heir = step.primary.other if step.primary and yields else step.primary
            wanted = weights(heir, ALL_TRAFFIC) if heir else None
            lead(rollout, wanted, app)
        case Move.REMOVE_CANDIDATE:
            free = step.primary.other if step.primary else sides.candidate
            tell_primary(rollout, step.primary, app)
            idle(service, free, app)
            app.ecs.scale(service.slots[free], 0)
        case Move.GIVE_BOUNDS:
            give_back(rollout, given_back(rollout, step, app), app)
