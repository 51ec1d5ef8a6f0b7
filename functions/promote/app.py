"""Make the candidate the primary: one conditional write, equal when repeated."""

from dataclasses import dataclass

from slipway import clock
from slipway.bounding import rest_promoted
from slipway.carrying import require_all
from slipway.domain.health import Launch
from slipway.domain.receipt import PROMOTED
from slipway.errors import Refused
from slipway.stage import StageRequest, note, stage
from slipway.surroundings import slots_now
from slipway.telling import tell_at_last
from slipway.wiring import App


@dataclass(frozen=True, slots=True)
class Promoted:
    """Which slot serves from now on."""

    slot: str
    reason: str


def run(request: StageRequest, app: App) -> Promoted:
    """Check that the candidate carries everything and would heal; then write."""
    rollout = app.journal.rollout(request.service, request.rollout_id)
    service, slot = rollout.service, rollout.known_sides.candidate
    view = slots_now(service, app)[slot]
    if view.launch is not Launch.COMPLETED or view.desired == 0:
        raise Refused(
            f"{view.ecs_service} would not heal: its launch is {view.launch} "
            f"at {view.desired} tasks"
        )
    require_all(rollout, view, app)
    app.journal.promote(rollout, request.held_fence, clock.now())
    rest_promoted(rollout, request.held_fence, app)
    tell_at_last(rollout, slot, request.held_fence, app)
    reason = f"release {rollout.release.id} in slot {slot} passed every step"
    note(app, rollout, PROMOTED, reason)
    return Promoted(slot, reason)


handler = stage(run)
