"""Decide whether a cause may roll out; stores the rollout once, under its own id."""

from dataclasses import dataclass

from slipway import clock
from slipway.domain.gates import gate
from slipway.domain.release import release_of
from slipway.domain.rollout import Outcome, Rollout
from slipway.stage import StageRequest, stage
from slipway.wiring import App


@dataclass(frozen=True, slots=True)
class Resolved:
    """The rollout goes on where `outcome` is None; else it is to be recorded so."""

    outcome: Outcome | None
    reason: str
    release_id: str


def run(request: StageRequest, app: App) -> Resolved:
    """Read the record, the image and what rolled out before; decide."""
    cause = request.given_cause
    service = app.journal.service(request.service)
    release = release_of(service, cause.digest, subnet_ids=app.settings.subnet_ids)
    rollout = app.journal.begin(
        Rollout(request.rollout_id, service, cause, release, clock.now())
    )
    closed = app.journal.outcome(rollout)
    if closed is not None:
        reason = f"rollout {rollout.id} ended before, {closed}"
        return Resolved(closed, reason, rollout.release.id)
    decision = gate(
        service,
        cause,
        image=app.registry.image(cause.repository, cause.tag),
        release=rollout.release,
        state=app.journal.state(service.name),
        watermark=app.journal.watermark(service.name),
    )
    return Resolved(decision.outcome, decision.reason, rollout.release.id)


handler = stage(run)
