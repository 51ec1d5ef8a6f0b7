"""Write a step's weights, health permitting: absolute weights from the step."""

from dataclasses import dataclass

from slipway import clock
from slipway.domain.traffic import least_weights, may_carry, weights
from slipway.stage import StageRequest, note, stage
from slipway.surroundings import base_now, healthy_now, weights_now
from slipway.wiring import App


@dataclass(frozen=True, slots=True)
class Shifted:
    """`shifted` is False where health did not permit it; then nothing was written."""

    shifted: bool
    weight_percent: int
    reason: str


def run(request: StageRequest, app: App) -> Shifted:
    """Read the health of this moment, then write each binding's weights."""
    rollout = app.journal.rollout(request.service, request.rollout_id)
    service, sides = rollout.service, rollout.known_sides
    weight = rollout.steps[request.step].weight_percent
    wanted = weights(sides.candidate, weight)
    app.journal.hold(rollout, request.held_fence, clock.now())
    permission = may_carry(
        wanted,
        healthy_now(service, app),
        current=least_weights(weights_now(service, app)),
        base=base_now(service, sides, app),
    )
    if not permission.allowed:
        return Shifted(shifted=False, weight_percent=weight, reason=permission.reason)
    for binding in service.bindings:
        app.load_balancing.route(binding, wanted)
    note(app, rollout, f"shifted-{request.step}", permission.reason)
    return Shifted(shifted=True, weight_percent=weight, reason=permission.reason)


handler = stage(run)
