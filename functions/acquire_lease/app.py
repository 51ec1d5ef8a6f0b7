"""Take the service's lease; the same rollout may take it again, with a new fence."""

from dataclasses import dataclass

from slipway import clock
from slipway.beginning import as_recorded, begin, paced_looks, turn_of
from slipway.domain.gates import too_old
from slipway.domain.rollout import Outcome
from slipway.gateways.journal import Busy, Stale
from slipway.hearing import waiting_word
from slipway.stage import StageRequest, stage
from slipway.superseding import supersede
from slipway.wiring import App


@dataclass(frozen=True, slots=True)
class Acquired:
    """Not held and without outcome, the rollout waits its turn, without a fence."""

    reason: str
    heard: str
    starts_at: str | None = None
    wait_seconds: int = 60
    outcome: Outcome | None = None
    held: bool = False
    fence: int | None = None
    look_seconds: int = 0
    retire_delay_seconds: int = 0


def run(request: StageRequest, app: App) -> Acquired:
    """Try once; once held, fix which slot is primary and which is candidate."""
    rollout, gate = as_recorded(request.service, request.rollout_id, app)
    word = waiting_word(rollout, app)
    if word.stop or word.hold:
        return Acquired(str(word.stop or word.hold), word.heard, outcome=word.outcome)
    turn = turn_of(request, rollout, gate, word, app)
    if (wait := turn.wait_seconds) or turn.outcome:
        return Acquired(turn.reason, word.heard, turn.starts_at, wait, turn.outcome)
    answer = app.journal.acquire(rollout, clock.now())
    if isinstance(answer, Busy):
        reason = supersede(rollout, answer.rollout_id, app)
        return Acquired(reason, word.heard, turn.starts_at)
    if isinstance(answer, Stale):
        stale = too_old(request.service, rollout.cause, answer.watermark)
        return Acquired(stale.reason, word.heard, outcome=stale.outcome)
    rollout, ended = begin(rollout, app)
    return Acquired(
        ended.reason,
        word.heard,
        held=True,
        outcome=ended.outcome,
        fence=answer.fence,
        look_seconds=paced_looks(rollout, app),
        retire_delay_seconds=rollout.service.rollout.retire_delay_seconds,
    )


handler = stage(run)
