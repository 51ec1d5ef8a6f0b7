"""Look whether the candidate has come up; changes nothing."""

from dataclasses import dataclass

from slipway import clock
from slipway.bounding import needed
from slipway.domain.capacity import tasks_for
from slipway.domain.health import Health, look
from slipway.hearing import word_of
from slipway.stage import StageRequest, marked_at, note, revision_of, stage
from slipway.surroundings import healthy_now, slots_now
from slipway.wiring import App


@dataclass(frozen=True, slots=True)
class Looked:
    """Whether the step may shift traffic, and what the look had heard."""

    verdict: Health
    reason: str
    heard: str


def run(request: StageRequest, app: App) -> Looked:
    """Hear what people say; ask ECS, the target groups and this rollout's findings."""
    rollout = app.journal.rollout(request.service, request.rollout_id)
    word = word_of(rollout, app)
    if word.stop:
        return Looked(Health.FAILED, str(word.stop), word.heard)
    service, sides = rollout.service, rollout.known_sides
    slots = slots_now(service, app)
    base = needed(rollout, slots, app.journal.marks(rollout))
    answer = look(
        slots[sides.candidate],
        revision=revision_of(rollout, app),
        needed=tasks_for(rollout.steps[request.step].weight_percent, base),
        healthy_counts=healthy_now(service, app, [sides.candidate])[sides.candidate],
        findings=app.journal.findings(rollout),
        max_task_failures=service.rollout.max_task_failures,
        since=marked_at(rollout, f"capacity-{request.step}", app),
        timeout_seconds=service.rollout.launch_timeout_seconds,
        now=clock.now(),
    )
    if answer.verdict is not Health.STARTING:
        note(app, rollout, f"{answer.verdict}-{request.step}", answer.reason)
    if answer.verdict is Health.HEALTHY and word.hold:
        return Looked(Health.STARTING, word.hold, word.heard)
    return Looked(answer.verdict, answer.reason, word.heard)


handler = stage(run)
