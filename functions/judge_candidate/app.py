"""Judge the candidate at its step's weight; looking again changes nothing."""

from slipway import clock
from slipway.domain.capacity import tasks_for
from slipway.domain.judge import Judgement, Verdict, bake_left, hold, judge, window
from slipway.domain.receipt import earlier_primary
from slipway.gateways.events import NEEDS_A_PERSON
from slipway.stage import StageRequest, note, stage
from slipway.surroundings import healthy_now, least
from slipway.wiring import App


def run(request: StageRequest, app: App) -> Judgement:
    """Read health, findings and settled minutes; judge; page where it must hold."""
    rollout = app.journal.rollout(request.service, request.rollout_id)
    now = clock.now()
    app.journal.hold(rollout, request.held_fence, now)
    service, sides = rollout.service, rollout.known_sides
    step = rollout.steps[request.step]
    policy = service.rollout
    marks, held = app.journal.marks(rollout), f"held-{request.step}"
    at = {mark.name: mark.at for mark in marks}
    shifted_at = at[f"shifted-{request.step}"]
    settled = window(policy.judge, shifted_at, now)
    evidence = app.measurements.evidence(service.bindings, sides.candidate, settled)
    answer = judge(
        policy.judge,
        step,
        bake_left=bake_left(policy.judge, step, shifted_at, settled),
        evidence=evidence
        and evidence.compared(earlier_primary(marks), policy.judge.min_requests),
        healthy=least(healthy_now(service, app))[sides.candidate],
        needed=tasks_for(step.weight_percent, sides.base_tasks),
        findings=app.journal.findings(rollout),
        max_task_failures=policy.max_task_failures,
    )
    if answer.verdict is Verdict.INCONCLUSIVE:
        answer = hold(answer, at.get(held), now, policy.hold_seconds)
        if held not in at:
            facts = {"service": service.name, "rollout_id": rollout.id}
            app.events.announce(NEEDS_A_PERSON, facts | {"reason": answer.reason})
            note(app, rollout, held, answer.reason)
    if answer.verdict in (Verdict.PASS, Verdict.FAIL):
        counts = evidence.facts if evidence else None
        note(app, rollout, f"judged-{request.step}", answer.reason, counts)
    return answer


handler = stage(run)
