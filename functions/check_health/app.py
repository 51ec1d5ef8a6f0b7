"""Look whether the candidate has come up; changes nothing but the lease's term."""

from slipway import clock
from slipway.domain.capacity import tasks_for
from slipway.domain.health import Health, HealthLook, look
from slipway.stage import StageRequest, marked_at, note, revision_of, stage
from slipway.surroundings import base_now, slots_now
from slipway.wiring import App


def run(request: StageRequest, app: App) -> HealthLook:
    """Ask ECS, the target groups and the findings of this rollout."""
    rollout = app.journal.rollout(request.service, request.rollout_id)
    now = clock.now()
    app.journal.hold(rollout, request.held_fence, now)
    service, sides = rollout.service, rollout.known_sides
    slots = slots_now(service, app)
    base = base_now(service, sides, slots)
    answer = look(
        slots[sides.candidate],
        revision=revision_of(rollout, app),
        needed=tasks_for(rollout.steps[request.step].weight_percent, base),
        healthy_per_group=[
            app.load_balancing.healthy(binding.target_group_arns[sides.candidate])
            for binding in service.bindings
        ],
        findings=app.journal.findings(rollout),
        max_task_failures=service.rollout.max_task_failures,
        since=marked_at(rollout, f"capacity-{request.step}", app),
        timeout_seconds=service.rollout.launch_timeout_seconds,
        now=now,
    )
    if answer.verdict is not Health.STARTING:
        note(app, rollout, f"{answer.verdict}-{request.step}", answer.reason)
    return answer


handler = stage(run)
