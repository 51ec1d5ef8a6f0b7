"""Close a rollout with its receipt and give its lease back; what is closed stays."""

from dataclasses import dataclass

from slipway.domain.receipt import receipt
from slipway.domain.rollout import Outcome
from slipway.errors import InvalidRecord, NotFound
from slipway.gateways.events import FINISHED, NEEDS_A_PERSON
from slipway.hearing import wake
from slipway.stage import StageRequest, stage
from slipway.wiring import App


@dataclass(frozen=True, slots=True)
class Recorded:
    """How the rollout ended."""

    outcome: Outcome
    reason: str


def run(request: StageRequest, app: App) -> Recorded:
    """Write outcome and receipt; tell who listens, and a person if one is needed."""
    if request.outcome is None:
        raise InvalidRecord(f"rollout {request.rollout_id} came here without outcome")
    rollout = app.journal.find_rollout(request.service, request.rollout_id)
    if rollout is None:
        if request.outcome is Outcome.FAILED:
            raise NotFound(f"rollout {request.rollout_id} was never stored")
        # The sweep stores it, finds it dead, and has it recorded.
        return Recorded(request.outcome, request.reason)
    outcome = app.journal.finish(
        rollout,
        request.outcome,
        request.reason,
        receipt(rollout, app.journal.marks(rollout)),
        request.fence,
    )
    wake(app, request.service)
    facts = {
        "service": request.service,
        "rollout_id": rollout.id,
        "release": rollout.release.id,
        "outcome": outcome,
        "reason": request.reason,
    }
    app.events.announce(FINISHED, facts)
    if outcome is Outcome.FAILED:
        app.events.announce(NEEDS_A_PERSON, facts)
    return Recorded(outcome, request.reason)


handler = stage(run, closes=True)
