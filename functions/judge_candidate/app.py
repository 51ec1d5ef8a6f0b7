"""Judge the candidate at its step's weight; looking again changes nothing."""

from dataclasses import dataclass

from slipway import clock
from slipway.domain.judge import Verdict, steer
from slipway.gateways.events import NEEDS_A_PERSON
from slipway.hearing import word_of
from slipway.judging import judged_now
from slipway.stage import StageRequest, note, stage
from slipway.wiring import App


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, what the look had heard, and which step comes after this one."""

    verdict: Verdict
    reason: str
    heard: str
    next_step: int | None
    """None where the candidate is to be promoted."""


def run(request: StageRequest, app: App) -> Judged:
    """Judge, heed what people say, page where the step must hold."""
    rollout = app.journal.rollout(request.service, request.rollout_id)
    word, marks = word_of(rollout, app), app.journal.marks(rollout)
    judgement, evidence = judged_now(rollout, request.step, marks, app)
    held = f"held-{request.step}"
    held_since = next((mark.at for mark in marks if mark.name == held), None)
    answer = steer(
        judgement,
        word,
        request.step,
        held_since=held_since,
        now=clock.now(),
        patience=rollout.service.rollout.hold_seconds,
    )
    if answer.verdict is Verdict.INCONCLUSIVE and held_since is None:
        facts = {"service": request.service, "rollout_id": rollout.id}
        app.events.announce(NEEDS_A_PERSON, facts | {"reason": answer.reason})
        note(app, rollout, held, answer.reason)
    if answer.verdict in (Verdict.PASS, Verdict.FAIL):
        counts = evidence.facts if evidence else None
        note(app, rollout, f"judged-{request.step}", answer.reason, counts)
    following = word.following(request.step, len(rollout.steps))
    return Judged(answer.verdict, answer.reason, word.heard, following)


handler = stage(run)
