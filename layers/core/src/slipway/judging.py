"""Judging, joined: what the domain decides of a candidate, read from AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway import clock
from slipway.domain.capacity import tasks_for
from slipway.domain.judge import (
    Evidence,
    Judgement,
    bake_left,
    health_left,
    judge,
    judge_health,
    window,
)
from slipway.domain.receipt import earlier_primary
from slipway.domain.service import Mode
from slipway.errors import SlipwayError
from slipway.surroundings import healthy_now, least

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from slipway.domain.judge import Window
    from slipway.domain.rollout import Mark, Rollout
    from slipway.domain.service import Service, Slot
    from slipway.wiring import App


def judged_now(
    rollout: Rollout, number: int, marks: Sequence[Mark], app: App
) -> tuple[Judgement, Evidence | None]:
    """Read health, findings and settled minutes of a step; judge.

    The evidence is None where CloudWatch did not answer completely, and where releases
    are judged on health alone: then nobody asks it.
    """
    if rollout.service.mode is Mode.BATCHES:
        return _health_judged_now(rollout, number, marks, app), None
    service, sides, step = rollout.service, rollout.known_sides, rollout.steps[number]
    policy, shifted_at = service.rollout, _shifted_at(number, marks)
    spread = service.spread_seconds
    settled = window(policy.judge, shifted_at, clock.now(), spread_seconds=spread)
    evidence = _evidence(service, sides.candidate, settled, app)
    judgement = judge(
        policy.judge,
        step,
        bake_left=bake_left(
            policy.judge, step, shifted_at, settled, spread_seconds=spread
        ),
        evidence=evidence
        and evidence.compared(earlier_primary(marks), policy.judge.min_requests),
        healthy=_healthy_now(rollout, app),
        needed=tasks_for(step.weight_percent, sides.base_tasks),
        findings=app.journal.findings(rollout),
        max_task_failures=policy.max_task_failures,
    )
    return judgement, evidence


def _evidence(
    service: Service, candidate: Slot, settled: Window, app: App
) -> Evidence | None:
    """Ask for what the service is judged by: its own metric, where it has one."""
    metric = service.rollout.judge.metric
    if metric is not None:
        return app.measurements.counted(metric, service.slots, candidate, settled)
    return app.measurements.evidence(service.bindings, candidate, settled)


def _health_judged_now(
    rollout: Rollout, number: int, marks: Sequence[Mark], app: App
) -> Judgement:
    step = rollout.steps[number]
    healthy: int | None
    try:
        healthy = _healthy_now(rollout, app)
    except SlipwayError:
        healthy = None
    return judge_health(
        bake_left=health_left(step, _shifted_at(number, marks), clock.now()),
        healthy=healthy,
        needed=tasks_for(step.weight_percent, rollout.known_sides.base_tasks),
        findings=app.journal.findings(rollout),
        max_task_failures=rollout.service.rollout.max_task_failures,
    )


def _shifted_at(number: int, marks: Sequence[Mark]) -> datetime:
    return {mark.name: mark.at for mark in marks}[f"shifted-{number}"]


def _healthy_now(rollout: Rollout, app: App) -> int:
    slot = rollout.known_sides.candidate
    return least(healthy_now(rollout.service, app, [slot]))[slot]
