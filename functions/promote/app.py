"""Make the candidate the primary: one conditional write, equal when repeated."""

from dataclasses import dataclass

from slipway import clock
from slipway.bounding import rest_primary
from slipway.domain.health import Launch
from slipway.domain.receipt import PROMOTED
from slipway.domain.service import ALL_TRAFFIC
from slipway.domain.traffic import least_weights
from slipway.errors import Refused
from slipway.fence import writing
from slipway.stage import StageRequest, note, stage
from slipway.surroundings import slots_now, weights_now
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
    share = least_weights(weights_now(service, app)).get(slot, 0)
    if share != ALL_TRAFFIC:
        raise Refused(
            f"slot {slot} carries {share} % in some rule: somebody shifted it"
        )
    app.journal.promote(rollout, request.held_fence, clock.now())
    if service.scaling is not None:
        with writing(rollout, request.held_fence, app):
            rest_primary(service, slot, app)
    reason = f"release {rollout.release.id} in slot {slot} passed every step"
    note(app, rollout, PROMOTED, reason)
    return Promoted(slot, reason)


handler = stage(run)
