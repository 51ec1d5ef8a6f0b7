"""What one good rollout costs: time that is Slipway's own, transitions, calls, dollars.

Of a rollout's time, its bakes are wished for; its tasks' starts and the minutes until
metrics can be read are AWS's. What remains is overhead: invocations, calls, and what is
noticed only by the next look.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from localcloud.api import API_LATENCY_SECONDS
from localcloud.functions import INVOCATION_SECONDS
from slipway.domain.capacity import tasks_for
from slipway.domain.service import RolloutPolicy, Slot, Step

from tests.e2e.road import Road, road

if TYPE_CHECKING:
    from datetime import datetime

    from localcloud.api import Call
    from slipway.gateways.journal import Entry

POLICY = RolloutPolicy(
    steps=(Step(10, 60), Step(50, 60), Step(100, 60)), retire_delay_seconds=60
)
"""Defaults, looks of 15 s among them, but for short bakes and a short retirement: what
a rollout waits for on purpose costs looks only, and hides what it waits for in vain."""
MINUTE = 60
GIGABYTES = 0.5
"""Memory of a function, as template.yaml says."""
JOURNAL = "dynamodb"
READS = frozenset({"GetItem", "Query"})
TRANSACTION_ITEMS = 3
"""Items of a TransactWriteItems, at most; each is billed as two writes."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Dollars, as listed for us-east-1 in 2026, without any free tier."""

    transition: float = 25e-6
    """Step Functions, standard workflows: $25 per million."""
    invocation: float = 0.2e-6
    """Lambda: $0.20 per million."""
    gigabyte_second: float = 16.6667e-6
    """Lambda on x86."""
    write: float = 0.625e-6
    """DynamoDB on demand: $0.625 per million write request units of 1 KB."""
    read: float = 0.125e-6
    """DynamoDB on demand: $0.125 per million read request units of 4 KB."""
    metric: float = 10e-6
    """CloudWatch: $0.01 per 1,000 metrics that GetMetricData returns."""
    event: float = 1e-6
    """EventBridge: $1 per million custom events."""


@dataclass(frozen=True, slots=True)
class Time:
    """Where the modelled seconds from push to promotion went."""

    total_seconds: float
    bake_seconds: float
    start_seconds: float
    """Until as many of the candidate's tasks were healthy as a step had asked for."""
    metric_seconds: float
    """After each bake, until the load balancer's minutes of it could be read."""
    overhead_seconds: float
    """What remains: Slipway's own."""


@dataclass(frozen=True, slots=True)
class OneRollout:
    """A rollout of three steps over four tasks, nothing going wrong."""

    time: Time
    transitions: dict[str, int]
    """State transitions of each execution, retries among them, by its workflow."""
    transitions_per_step: float
    history_events: int
    """Of the longest history; AWS allows 25,000."""
    invocations: int
    calls: dict[str, int]
    """AWS calls of its functions, by service."""
    dollars: dict[str, float]


async def one_rollout(policy: RolloutPolicy = POLICY) -> OneRollout:
    """Roll out a good release beside one that serves, and see what it took."""
    async with road(policy, at_rest=False) as world:
        await world.first_release()
        known = set(world.cloud.states.executions)
        before = world.cloud.functions.invocations.total()
        digest = world.push("v2")
        begun = world.cloud.clock.now()
        healthy_at = await _healthy_times(world, digest, policy)
        entry = await world.ended(digest)
        executions = [
            e for arn, e in world.cloud.states.executions.items() if arn not in known
        ]
        transitions = Counter[str]()
        for execution in executions:
            progress = execution.progress
            transitions[execution.machine.name] += (
                progress.transitions + progress.retries
            )
        calls = [c for c in world.cloud.router.calls if c.caller and c.at >= begun]
        invocations = world.cloud.functions.invocations.total() - before
    in_steps = sum(n for name, n in transitions.items() if "Step" in name)
    return OneRollout(
        time=_time(entry, policy, healthy_at),
        transitions=dict(transitions),
        transitions_per_step=round(in_steps / len(policy.steps), 1),
        history_events=max(e.progress.events for e in executions),
        invocations=invocations,
        calls=dict(sorted(Counter(call.service for call in calls).items())),
        dollars=_dollars(transitions.total(), invocations, calls),
    )


async def _healthy_times(
    world: Road, digest: str, policy: RolloutPolicy
) -> list[datetime]:
    """Watch the candidate's targets: when each step had what it had asked for."""
    times = []
    for number, step in enumerate(policy.steps):
        await world.reached(digest, f"capacity-{number}")
        needed = tasks_for(step.weight_percent, world.service.min_tasks)
        await world.until(lambda needed=needed: world.healthy(Slot.B) >= needed)
        times.append(world.cloud.clock.now())
    return times


def _time(entry: Entry, policy: RolloutPolicy, healthy_at: list[datetime]) -> Time:
    assert entry.receipt is not None
    assert entry.receipt.promoted_seconds is not None
    at = {mark.name: mark.at for mark in entry.receipt.marks}
    lateness = timedelta(seconds=policy.judge.metric_lateness_seconds)
    bakes = starts = metrics = timedelta()
    for number, step in enumerate(policy.steps):
        bake = timedelta(seconds=policy.judge.warmup_seconds + step.bake_seconds)
        baked = at[f"shifted-{number}"] + bake
        bakes += bake
        starts += max(healthy_at[number] - at[f"capacity-{number}"], timedelta())
        metrics += _next_minute(baked) + lateness - baked
    total = entry.receipt.promoted_seconds
    known = (bakes + starts + metrics).total_seconds()
    return Time(
        round(total, 1),
        bakes.total_seconds(),
        round(starts.total_seconds(), 1),
        round(metrics.total_seconds(), 1),
        round(total - known, 1),
    )


def _next_minute(moment: datetime) -> datetime:
    whole = moment.replace(second=0, microsecond=0)
    return whole if whole == moment else whole + timedelta(seconds=MINUTE)


def _dollars(transitions: int, invocations: int, calls: list[Call]) -> dict[str, float]:
    prices = Prices()
    busy_seconds = invocations * INVOCATION_SECONDS + len(calls) * API_LATENCY_SECONDS
    journal = Counter(call.operation for call in calls if call.service == JOURNAL)
    reads = sum(n for operation, n in journal.items() if operation in READS)
    transactions = journal["TransactWriteItems"]
    writes = journal.total() - reads + transactions * (2 * TRANSACTION_ITEMS - 1)
    metrics = sum(
        len(call.params["MetricDataQueries"])
        for call in calls
        if call.operation == "GetMetricData"
    )
    events = sum(call.operation == "PutEvents" for call in calls)
    parts = {
        "step_functions": transitions * prices.transition,
        "lambda": invocations * prices.invocation
        + busy_seconds * GIGABYTES * prices.gigabyte_second,
        "dynamodb": writes * prices.write + reads * prices.read,
        "cloudwatch": metrics * prices.metric,
        "eventbridge": events * prices.event,
    }
    rounded = {name: round(dollars, 6) for name, dollars in parts.items()}
    return {**rounded, "total": round(sum(parts.values()), 6)}
