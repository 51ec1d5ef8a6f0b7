"""Bring a service back to its primary; every move is absolute, so twice equals once.

The first look takes the lease anew, so that nothing of the failed rollout writes any
more.
"""

from dataclasses import dataclass

from slipway.domain.receipt import RESTORE_BEGAN, RESTORED
from slipway.domain.restore import Move
from slipway.domain.rollout import Outcome
from slipway.restoring import SHIFTS, decide, ended_by, make, retaken
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
    fence: int | None
    wait_seconds: int = LOOK_SECONDS


def run(request: StageRequest, app: App) -> Restored:
    """Make the move that the situation of this moment asks for."""
    rollout = app.journal.find_rollout(request.service, request.rollout_id)
    if rollout is None:
        outcome = request.outcome or Outcome.ROLLED_BACK
        return Restored(Move.DONE, "it was never stored", outcome, request.fence)
    note(app, rollout, RESTORE_BEGAN, request.reason)
    if rollout.sides is None:
        outcome = ended_by(request, rollout, app)
        return Restored(Move.DONE, request.reason, outcome, request.fence)
    fence = request.fence or retaken(rollout, app)
    if fence is None:
        reason = "a write of the rollout may still be under way"
        return Restored(Move.AWAIT_FENCE, reason, None, None)
    step = decide(rollout, app)
    again = step.move in SHIFTS
    note(app, rollout, f"restore-{step.move}", step.reason, again=again)
    if step.move is Move.GIVE_UP:
        return Restored(step.move, step.reason, Outcome.FAILED, fence)
    make(step, rollout, fence, app)
    if step.move is not Move.DONE:
        return Restored(step.move, step.reason, None, fence)
    note(app, rollout, RESTORED, step.reason)
    kept = step.primary == rollout.known_sides.candidate
    outcome = Outcome.PROMOTED if kept else ended_by(request, rollout, app)
    return Restored(step.move, request.reason, outcome, fence)


handler = stage(run, closes=True)
