"""Judging, joined: what the domain decides of a candidate, read from AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway import clock
from slipway.domain.capacity import tasks_for
from slipway.domain.judge import Evidence, Judgement, bake_left, judge, window
from slipway.domain.receipt import earlier_primary
from slipway.surroundings import healthy_now, least

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slipway.domain.rollout import Mark, Rollout
    from slipway.wiring import App


def judged_now(
    rollout: Rollout, number: int, marks: Sequence[Mark], app: App
) -> tuple[Judgement, Evidence | None]:
    """Read health, findings and settled minutes of a step; judge.

    The evidence is None where CloudWatch did not answer completely.
    """
    service, sides, step = rollout.service, rollout.known_sides, rollout.steps[number]
    policy = service.rollout
    shifted_at = {mark.name: mark.at for mark in marks}[f"shifted-{number}"]
    settled = window(policy.judge, shifted_at, clock.now())
    evidence = app.measurements.evidence(service.bindings, sides.candidate, settled)
    judgement = judge(
        policy.judge,
        step,
        bake_left=bake_left(policy.judge, step, shifted_at, settled),
        evidence=evidence
        and evidence.compared(earlier_primary(marks), policy.judge.min_requests),
        healthy=least(healthy_now(service, app, [sides.candidate]))[sides.candidate],
        needed=tasks_for(step.weight_percent, sides.base_tasks),
        findings=app.journal.findings(rollout),
        max_task_failures=policy.max_task_failures,
    )
    return judgement, evidence
