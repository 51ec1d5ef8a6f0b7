"""Bring a service back to its primary; every move is absolute, so twice equals once."""

from dataclasses import dataclass

from slipway import clock
from slipway.domain.receipt import RESTORE_BEGAN, RESTORED
from slipway.domain.restore import Move, NextMove, next_move
from slipway.domain.rollout import Outcome, Rollout
from slipway.domain.traffic import weights
from slipway.stage import StageRequest, moments, note, stage
from slipway.surroundings import situation
from slipway.wiring import App

LOOK_SECONDS = 5
"""Until the next move: a restore is in a hurry."""


@dataclass(frozen=True, slots=True)
class Restored:
    """`outcome` is None while there is more to do, after `wait_seconds`."""

    move: Move
    reason: str
    outcome: Outcome | None
    wait_seconds: int = LOOK_SECONDS


def run(request: StageRequest, app: App) -> Restored:
    """Make the move that the situation of this moment asks for."""
    rollout = app.journal.rollout(request.service, request.rollout_id)
    app.journal.hold(rollout, request.held_fence, clock.now())
    note(app, rollout, RESTORE_BEGAN, request.reason)
    step = _decide(rollout, app)
    note(app, rollout, f"restore-{step.move}", step.reason)
    outcome = None
    match step.move:
        case Move.DONE:
            note(app, rollout, RESTORED, step.reason)
            kept = step.primary == rollout.known_sides.candidate
            outcome = Outcome.PROMOTED if kept else Outcome.ROLLED_BACK
        case Move.GIVE_UP:
            outcome = Outcome.FAILED
        case Move.AWAIT_HEALTH | Move.AWAIT_WEIGHTS:
            pass
        case _:
            _make(step, rollout, app)
    reason = request.reason if step.move is Move.DONE else step.reason
    return Restored(step.move, reason, outcome)


def _decide(rollout: Rollout, app: App) -> NextMove:
    state = app.journal.state(rollout.service.name)
    primary = state.primary if state else None
    at, now = moments(rollout, app), clock.now()
    shifted_at = at.get(f"restore-{Move.GIVE_TRAFFIC}", at.get(f"restore-{Move.CLOSE_RULE}"))
    return next_move(
        situation(rollout.service, app),
        primary=primary,
        candidate=primary.other if primary else rollout.known_sides.candidate,
        base=rollout.known_sides.base_tasks,
        since_begin=now - at[RESTORE_BEGAN],
        since_shift=now - shifted_at if shifted_at else None,
        timeout_seconds=rollout.service.rollout.restore_timeout_seconds,
    )


def _make(step: NextMove, rollout: Rollout, app: App) -> None:
    service, sides = rollout.service, rollout.known_sides
    match step.move:
        case Move.SCALE_UP:
            assert step.primary is not None
            app.ecs.scale(service.slots[step.primary], sides.base_tasks)
        case Move.GIVE_TRAFFIC | Move.CLOSE_RULE:
            wanted = weights(step.primary, 100) if step.primary else None
            for binding in service.bindings:
                app.load_balancing.route(binding, wanted)
        case Move.REMOVE_CANDIDATE:
            idle = step.primary.other if step.primary else sides.candidate
            app.ecs.scale(service.slots[idle], 0)


handler = stage(run)
