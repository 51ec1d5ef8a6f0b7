"""Whole worlds through boto3: real handlers, real state machines, virtual time.

A world lives for about an hour of modelled time. What a plan says befalls it; then all
that ceases, people let go of what they paused, sweeps run, and everything has to come
to a good end.
"""

import traceback
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from localcloud.clock import SIMULATION_EPOCH, run_virtual
from slipway.domain.control import Verb
from slipway.domain.service import (
    NETWORK_SETTLE_SECONDS,
    ApplicationMetric,
    Gates,
    JudgePolicy,
    Mode,
    RolloutPolicy,
    Scaling,
    Step,
)
from slipway.sweeping import ROUND_MINUTES

from tests.e2e.road import Road, spec, world
from tests.simulation.misfortunes import (
    ALARM,
    Faulty,
    Stage,
    approve_all,
    ring,
    strike,
)
from tests.simulation.oracle import Oracle
from tests.simulation.plans import Plan, draw
from tests.simulation.trace import Trace

POLICY = RolloutPolicy(
    steps=(Step(30, 60), Step(100, 60)),
    judge=JudgePolicy(min_requests=30),
    look_seconds=60,
    launch_timeout_seconds=240,
    hold_seconds=240,
    retire_delay_seconds=60,
    restore_timeout_seconds=120,
)
GATED = replace(POLICY, gates=Gates((ALARM,), approval=True))
NETWORK = replace(
    POLICY,
    judge=replace(
        POLICY.judge, metric=ApplicationMetric("shop", "Requests", "Failures")
    ),
    hold_seconds=NETWORK_SETTLE_SECONDS + POLICY.hold_seconds,
    retire_delay_seconds=NETWORK_SETTLE_SECONDS,
    restore_timeout_seconds=300,
)
REQUESTS_PER_SECOND = 10.0
CLIENTS = 39
"""Those of sticky worlds keep cookies."""
VARIANTS: dict[str, dict[str, Any]] = {
    "alone": {},
    "gated": {"policy": GATED},
    "changing": {"policy": GATED},
    "by rule": {"mode": Mode.BATCHES},
    "by name": {"mode": Mode.BATCHES, "balanced": False},
    "sticky": {"sticky": True},
    "network": {"policy": NETWORK, "network": True},
}
"""What a service of each kind is like."""
PATIENCE_MINUTES = 240
"""How long a world may take to come to rest."""


def play(
    plan: Plan, *, disturb: Faulty | None = None, rounds: int = ROUND_MINUTES
) -> Trace:
    """Play a plan to its end.

    `disturb` says what befalls single calls beside it; `rounds` is how often the sweep
    runs at the end, at least.
    """
    trace = Trace()
    told = f"seed {plan.seed}, {plan.variant}, {plan.tasks} tasks"
    trace.add(SIMULATION_EPOCH, "plan", told)
    for number, act in enumerate(plan.acts):
        trace.add(SIMULATION_EPOCH, f"act {number}", f"at {act.at} s: {act}")
    try:
        run_virtual(_play(plan, trace, disturb, rounds))
    except Exception as error:  # noqa: BLE001  a world that breaks is a finding
        text = "".join(traceback.format_exception(error)[-3:])
        trace.breaks(SIMULATION_EPOCH, 0, f"the world broke: {text}")
    return trace


def example(seed: int, variant: str = "alone") -> Trace:
    """Play the plan of a seed in a world whose service is of that kind."""
    return play(draw(seed, variant))


def smallest(plan: Plan) -> Plan:
    """Leave out what a broken plan does not need to break the same invariants."""
    wanted = _broken(plan)
    number = len(plan.acts) - 1
    while number >= 0:
        fewer = plan.without(number)
        if _broken(fewer) & wanted:
            plan = fewer
        number -= 1
    return plan


def _broken(plan: Plan) -> set[int]:
    return {found.invariant for found in play(plan).broken}


async def _play(plan: Plan, trace: Trace, disturb: Faulty | None, rounds: int) -> None:
    most, scaling = plan.max_tasks, None
    if most is not None:
        scaling = Scaling(plan.min_tasks, most)
    like = {"policy": POLICY} | VARIANTS[plan.variant]
    orders = spec("orders", min_tasks=plan.min_tasks, scaling=scaling, **like)
    async with world(orders, seed=plan.seed) as made:
        if orders.rollout.gates.alarms:
            made.cloud.alarms.put(ALARM)
        if orders.balanced:
            made.send(REQUESTS_PER_SECOND, CLIENTS if orders.sticky else 0)
        oracle, stage = Oracle(made, trace, plan), Stage(made, trace)
        if disturb is not None:
            stage.faulty.append(disturb)
        for act in plan.acts:
            await made.pause(max(0.0, act.at - made.cloud.clock.time()))
            strike(stage, act)
        over = max((act.at + act.seconds for act in plan.acts), default=0)
        await made.pause(max(0.0, over - made.cloud.clock.time()) + 1)
        await _come_to_rest(made, stage, rounds)
        oracle.hold_rest(stage.pushed)


async def _come_to_rest(made: Road, stage: Stage, rounds: int) -> None:
    """Let people let go, and the sweep do what is left; wait for the end of it all."""
    stage.say("***", "nothing befalls any more")
    began = made.cloud.clock.time()
    for minute in range(PATIENCE_MINUTES):
        if minute % ROUND_MINUTES == 0:
            _let_go(made, minute)
            if made.service.rollout.gates.approval:
                ring("OK")
                approve_all(made)
        made.sweep()
        await made.pause(60)
        if minute > rounds and _rests(made, stage.pushed):
            break
    stage.say("***", f"at rest after {made.cloud.clock.time() - began:.0f} s")


def _let_go(made: Road, minute: int) -> None:
    """Undo what people said; again later, for word of a pause may come late."""
    made.say(Verb.UNFREEZE, id=f"unfreeze-{minute}")
    for entry in made.journal.rollouts("orders"):
        if entry.outcome is None:
            name = f"resume-{minute}-{entry.rollout.id}"
            made.say(Verb.RESUME, id=name, rollout_id=entry.rollout.id)


def _rests(made: Road, pushed: Sequence[str]) -> bool:
    if pushed and not made.entries(pushed[-1]):
        return False
    executions = made.cloud.states.executions.values()
    if any(execution.status == "RUNNING" for execution in executions):
        return False
    return all(e.outcome is not None for e in made.journal.rollouts("orders"))
