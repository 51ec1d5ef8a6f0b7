"""Leave a token to be woken by, unless there is word already; twice leaves the last."""

from dataclasses import dataclass

from slipway.hearing import waiting_word
from slipway.stage import StageRequest, stage
from slipway.wiring import App


@dataclass(frozen=True, slots=True)
class Waiting:
    """Whether the wait was over at once."""

    woken: bool
    reason: str


def run(request: StageRequest, app: App) -> Waiting:
    """Store the token first, listen then: what is said from now on wakes it."""
    rollout = app.journal.rollout(request.service, request.rollout_id)
    app.journal.put_token(request.service, rollout.id, request.token)
    word = waiting_word(rollout, app)
    if word.heard == request.heard:
        return Waiting(woken=False, reason="nothing new was said since the last look")
    app.tokens.wake(request.token)
    return Waiting(woken=True, reason="there is word since the last look")


handler = stage(run)
