"""Take the old slot's tasks away once nothing reaches them: an absolute 0."""

from dataclasses import dataclass

from slipway.bounding import idle, rest_primary
from slipway.carrying import require_nothing
from slipway.domain.receipt import RETIRED
from slipway.fence import writing
from slipway.stage import StageRequest, note, stage
from slipway.telling import tell_primary
from slipway.wiring import App


@dataclass(frozen=True, slots=True)
class Retired:
    """Which ECS service is idle now, None where there was no old slot."""

    ecs_service: str | None
    reason: str


def run(request: StageRequest, app: App) -> Retired:
    """Check that nothing needs the old slot any more; then scale it to 0."""
    rollout = app.journal.rollout(request.service, request.rollout_id)
    service, old = rollout.service, rollout.known_sides.primary
    if old is None:
        return Retired(None, "a first release replaces nothing")
    require_nothing(rollout, old, request.held_fence, app)
    with writing(rollout, request.held_fence, app):
        tell_primary(rollout, old.other, app)
        rest_primary(service, old.other, app)
        idle(service, old, app)
        app.ecs.scale(service.slots[old], 0)
    reason = f"slot {old} is not needed any more and its delay is over"
    note(app, rollout, RETIRED, reason)
    return Retired(service.slots[old], reason)


handler = stage(run)
