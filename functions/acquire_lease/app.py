"""Take the service's lease; the same rollout may take it again, with a new fence."""

from dataclasses import dataclass

from slipway import clock
from slipway.domain.gates import settled, too_old
from slipway.domain.rollout import Outcome
from slipway.gateways.journal import NOBODY, Busy, Stale
from slipway.hearing import word_of
from slipway.stage import StageRequest, stage
from slipway.superseding import supersede
from slipway.surroundings import open_now, sides_now
from slipway.wiring import App


@dataclass(frozen=True, slots=True)
class Acquired:
    """Not held and without outcome, the rollout waits its turn, without a fence."""

    reason: str
    heard: str
    held: bool = False
    outcome: Outcome | None = None
    fence: int | None = None
    look_seconds: int = 0
    retire_delay_seconds: int = 0


def run(request: StageRequest, app: App) -> Acquired:
    """Try once; once held, fix which slot is primary and which is candidate."""
    rollout = app.journal.rollout(request.service, request.rollout_id)
    lease = app.journal.lease(request.service)
    word = word_of(rollout, app, holder=lease.rollout_id if lease else NOBODY)
    if word.stop or word.hold:
        return Acquired(str(word.stop or word.hold), word.heard, outcome=word.outcome)
    answer = app.journal.acquire(rollout, clock.now())
    if isinstance(answer, Busy):
        return Acquired(supersede(rollout, answer.rollout_id, app), word.heard)
    if isinstance(answer, Stale):
        stale = too_old(request.service, rollout.cause, answer.watermark)
        return Acquired(stale.reason, word.heard, outcome=stale.outcome)
    state = app.journal.state(request.service)
    ended = settled(rollout, state, is_open=open_now(rollout.service, app))
    app.journal.set_sides(rollout, sides_now(rollout.service, state, app))
    policy = rollout.service.rollout
    return Acquired(
        ended.reason,
        word.heard,
        held=True,
        outcome=ended.outcome,
        fence=answer.fence,
        look_seconds=policy.look_seconds,
        retire_delay_seconds=policy.retire_delay_seconds,
    )


handler = stage(run)
