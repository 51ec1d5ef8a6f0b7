"""Take the service's lease; the same rollout may take it again, with a new fence."""

from dataclasses import dataclass

from slipway import clock
from slipway.domain.gates import settled, too_old
from slipway.domain.rollout import Outcome
from slipway.gateways.journal import Busy, Stale
from slipway.stage import StageRequest, stage
from slipway.surroundings import sides_now
from slipway.wiring import App


@dataclass(frozen=True, slots=True)
class Acquired:
    """Not held and without outcome, the rollout waits its turn.

    The fields with defaults are known once the lease is held.
    """

    held: bool
    outcome: Outcome | None
    reason: str
    fence: int | None = None
    steps: int = 0
    look_seconds: int = 0
    retire_delay_seconds: int = 0


def run(request: StageRequest, app: App) -> Acquired:
    """Try once; once held, fix which slot is primary and which is candidate."""
    rollout = app.journal.rollout(request.service, request.rollout_id)
    answer = app.journal.acquire(rollout, clock.now())
    if isinstance(answer, Busy):
        reason = f"rollout {answer.rollout_id} is under way"
        return Acquired(held=False, outcome=None, reason=reason)
    if isinstance(answer, Stale):
        stale = too_old(request.service, rollout.cause, answer.watermark)
        return Acquired(held=False, outcome=stale.outcome, reason=stale.reason)
    state = app.journal.state(request.service)
    ended = settled(
        rollout,
        state,
        is_open=any(map(app.load_balancing.is_open, rollout.service.bindings)),
    )
    rollout = app.journal.set_sides(rollout, sides_now(rollout.service, state, app))
    policy = rollout.service.rollout
    return Acquired(
        held=True,
        outcome=ended.outcome,
        reason=ended.reason,
        fence=answer.fence,
        steps=len(rollout.steps),
        look_seconds=policy.look_seconds,
        retire_delay_seconds=policy.retire_delay_seconds,
    )


handler = stage(run)
