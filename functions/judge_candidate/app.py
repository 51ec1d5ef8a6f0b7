"""Judge the candidate at its step's weight; looking again changes nothing."""

from datetime import timedelta

from slipway import clock
from slipway.domain.capacity import tasks_for
from slipway.domain.judge import Evidence, Judgement, Traffic, Verdict, judge, window
from slipway.domain.service import Slot
from slipway.gateways.events import NEEDS_A_PERSON
from slipway.stage import StageRequest, marked_at, note, stage
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
    settled = window(
        policy.judge, marked_at(rollout, f"shifted-{request.step}", app), now
    )
    traffic = app.measurements.traffic(service.bindings, settled)
    answer = judge(
        policy.judge,
        step,
        window=settled,
        evidence=_evidence(traffic, sides.candidate),
        healthy=least(healthy_now(service, app))[sides.candidate],
        needed=tasks_for(step.weight_percent, sides.base_tasks),
        findings=app.journal.findings(rollout),
        max_task_failures=policy.max_task_failures,
    )
    if answer.verdict is Verdict.INCONCLUSIVE:
        if note(app, rollout, f"held-{request.step}", answer.reason):
            app.events.announce(
                NEEDS_A_PERSON,
                {
                    "service": service.name,
                    "rollout_id": rollout.id,
                    "reason": f"step {request.step} holds: {answer.reason}",
                },
            )
        held_at = marked_at(rollout, f"held-{request.step}", app)
        if now - held_at > timedelta(seconds=policy.hold_seconds):
            reason = f"unproven for {policy.hold_seconds} s: {answer.reason}"
            answer = Judgement(Verdict.FAIL, reason)
    if answer.verdict in (Verdict.PASS, Verdict.FAIL):
        note(app, rollout, f"judged-{request.step}", answer.reason)
    return answer


def _evidence(traffic: dict[Slot, Traffic] | None, candidate: Slot) -> Evidence | None:
    if traffic is None:
        return None
    return Evidence(candidate=traffic[candidate], primary=traffic[candidate.other])


handler = stage(run)
