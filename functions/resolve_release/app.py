"""Decide whether a cause may roll out; stores the rollout once, under its own id."""

from dataclasses import dataclass

from slipway import clock
from slipway.domain.rollout import Outcome, Rollout
from slipway.pinning import release_for
from slipway.resolving import gate_of
from slipway.stage import StageRequest, stage
from slipway.wiring import App


@dataclass(frozen=True, slots=True)
class Resolved:
    """The rollout goes on where `outcome` is None; else it is to be recorded so."""

    outcome: Outcome | None
    reason: str
    release_id: str


def run(request: StageRequest, app: App) -> Resolved:
    """Read the record, the images and what rolled out before; decide."""
    cause = request.given_cause
    service = app.journal.service(request.service)
    pinned = release_for(cause, service, app)
    rollout = app.journal.begin(
        Rollout(request.rollout_id, service, cause, pinned.release, clock.now())
    )
    closed = app.journal.outcome(rollout)
    if closed is not None:
        return Resolved(closed, f"it ended before, {closed}", rollout.release.id)
    decision = gate_of(rollout, pinned.gone, app)
    return Resolved(decision.outcome, decision.reason, rollout.release.id)


handler = stage(run)
