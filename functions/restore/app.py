"""Bring a service back to its primary; every move is absolute, so twice equals once."""

from dataclasses import dataclass

from slipway import clock
from slipway.domain.receipt import RESTORE_BEGAN, RESTORED
from slipway.domain.restore import Move
from slipway.domain.rollout import Outcome
from slipway.restoring import SHIFTS, decide, make
from slipway.stage import StageRequest, note, stage
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
    step = decide(rollout, app)
    shifts = step.move in SHIFTS
    note(app, rollout, f"restore-{step.move}", step.reason, again=shifts)
    outcome = None
    match step.move:
        case Move.DONE:
            note(app, rollout, RESTORED, step.reason)
            kept = step.primary == rollout.known_sides.candidate
            outcome = Outcome.PROMOTED if kept else Outcome.ROLLED_BACK
        case Move.GIVE_UP:
            outcome = Outcome.FAILED
        case _:
            make(step, rollout, app)
    reason = request.reason if step.move is Move.DONE else step.reason
    return Restored(step.move, reason, outcome)


handler = stage(run)
