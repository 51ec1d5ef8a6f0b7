"""What befalls a simulated world, by kind: see plans.MISFORTUNES."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, cast

from botocore.exceptions import ReadTimeoutError
from localcloud.api import AwsError, Call, Fault
from localcloud.blocking import Killed
from localcloud.events import Delivery
from localcloud.functions import Function, FunctionError
from localcloud.metrics import Outage
from localcloud.seams import TaskSpec, TaskStartError
from slipway.domain.control import Verb
from slipway.domain.service import Slot, Step

from tests.e2e.road import WRITES, Road, client
from tests.e2e.versions import ahead
from tests.simulation.plans import FLAWS, Act
from tests.simulation.trace import Trace

READ_TIMEOUT_SECONDS = 5
"""After which the SDK gives an attempt up: wiring.CLIENT_CONFIG."""
MOST_LATE_SECONDS = 4
"""How long after that a request may still land: docs/architecture.md counts on 10 s
from its beginning, clocks' difference included."""
DAY = 86400
ALARM = "errors"
"""What keeps pushes back in gated worlds."""
COUNTS = {
    "namespace": "shop",
    "requests": "Requests",
    "failures": "Failures",
    "slot": "ServiceName",
}
"""How tasks count, where a metric of their own is what they are judged by."""
VERBS = (
    Verb.PAUSE,
    Verb.RESUME,
    Verb.SKIP,
    Verb.PROMOTE,
    Verb.ABORT,
    Verb.RETRY,
    Verb.UNDO,
    Verb.FREEZE,
    Verb.UNFREEZE,
)
STAGES_THAT_WRITE = (
    "LaunchCandidate",
    "Promote",
    "RegisterRevision",
    "Restore",
    "RetireSlot",
    "SetCapacity",
    "ShiftTraffic",
)

type Faulty = Callable[[Call], Fault | None]
type Struck = Callable[["Stage", Act, Random], object]


@dataclass(slots=True)
class Stage:
    """Where misfortunes strike: a world, and how they come together in it."""

    world: Road
    trace: Trace
    pushed: list[str] = field(default_factory=list)
    """Digests, in order."""
    version: int = 0
    """Of Slipway, counted from that under test."""
    faulty: list[Faulty] = field(default_factory=list)
    disturbing: list[Callable[[Delivery], Iterable[Delivery]]] = field(
        default_factory=list
    )
    hindering: list[Callable[[TaskSpec], float]] = field(default_factory=list)
    mishandling: list[Callable[[str, Any], str | None]] = field(default_factory=list)
    """What becomes of an invocation, if anything: never run, its answer lost, twice."""
    _invoke: Callable[[str, Any], Awaitable[Any]] = field(init=False)

    def __post_init__(self) -> None:
        """Take the world's seams."""
        cloud = self.world.cloud
        cloud.router.disturb = self._fault
        cloud.events.disturb = self._deliveries
        self.world.runtime.hinder = lambda t: sum(h(t) for h in self.hindering)
        self._invoke = cloud.functions.invoke
        cloud.functions.invoke = self._mishandle  # type: ignore[method-assign]

    def say(self, who: str, what: str) -> None:
        """Write a line of the trace."""
        self.trace.add(self.world.cloud.clock.now(), who, what)

    def during[T](self, act: Act, among: list[T], one: T) -> None:
        """Let one more be in force for as long as the act lasts."""
        among.append(one)
        self.later(act.seconds, lambda: among.remove(one))

    def later(self, seconds: float, what: Callable[[], object]) -> None:
        """Do something after modelled seconds."""
        self.world.cloud.clock.call_later(seconds, what)

    def _fault(self, call: Call) -> Fault | None:
        for faulty in self.faulty:
            fault = faulty(call)
            if fault is not None:
                self.say(short(call.caller), f"{call}: {_told(fault)}")
                return fault
        return None

    def _deliveries(self, delivery: Delivery) -> Sequence[Delivery]:
        deliveries = [delivery]
        for disturb in self.disturbing:
            deliveries = [after for one in deliveries for after in disturb(one)]
        return deliveries

    async def _mishandle(self, name: str, payload: Any) -> Any:
        fate = next((f for m in self.mishandling if (f := m(name, payload))), None)
        if fate is not None:
            self.say(short(name), f"invoked, {fate}")
        if fate == "and never run":
            raise FunctionError("Lambda.ServiceException", "no answer", [])
        if fate == "twice":
            await self._invoke(name, payload)
        answer = await self._invoke(name, payload)
        if fate == "its answer lost":
            raise FunctionError("Lambda.Unknown", "its answer was lost", [])
        return answer


def strike(stage: Stage, act: Act) -> None:
    """Let an act happen; it draws what it needs from its own seed."""
    random = Random(act.seed)  # noqa: S311  chance that can be repeated
    stage.say("***", str(act))
    BY_KIND[act.kind](stage, act, random)


# ------------------------------------------------------------------------ single calls


def _throttles(stage: Stage, act: Act, random: Random) -> None:
    often = random.choice((0.1, 0.3, 0.6))
    kinds = random.choice(
        (
            (("ThrottlingException", 400),),
            (("InternalError", 500), ("ServiceUnavailable", 503)),
            (("ThrottlingException", 400), ("InternalError", 500)),
        )
    )

    def refuse(_: Call) -> Fault | None:
        if random.random() >= often:
            return None
        code, status = random.choice(kinds)
        return Fault(takes_effect=False, failure=AwsError(code, "try later", status))

    stage.during(act, stage.faulty, refuse)


def _silences(stage: Stage, act: Act, random: Random) -> None:
    often = random.choice((0.05, 0.2))

    def keep_silent(_: Call) -> Fault | None:
        if random.random() >= often:
            return None
        late = random.choice((0, 0, READ_TIMEOUT_SECONDS + MOST_LATE_SECONDS))
        return Fault(
            takes_effect=random.random() < 0.6,
            lands_seconds=random.uniform(0, late),
            failure=ReadTimeoutError(endpoint_url="https://aws"),
            silence_seconds=READ_TIMEOUT_SECONDS,
        )

    stage.during(act, stage.faulty, keep_silent)


def _kills(stage: Stage, act: Act, random: Random) -> None:
    often = random.choice((0.02, 0.1))

    def kill(_: Call) -> Fault | None:
        if random.random() >= often:
            return None
        return Fault(takes_effect=random.random() < 0.5, failure=Killed())

    stage.during(act, stage.faulty, kill)


def _slow_calls(stage: Stage, act: Act, random: Random) -> None:
    """Let calls take long, with all of their attempts.

    The fence is asked before each attempt of a write, so such a write that takes effect
    does so within the one attempt that it allowed.
    """
    often, most = random.choice((0.1, 0.4)), random.choice((4, 12, 30))

    def slow_down(call: Call) -> Fault | None:
        if random.random() >= often:
            return None
        is_fenced = (call.service, call.operation) in WRITES
        longest = min(most, READ_TIMEOUT_SECONDS) if is_fenced else most
        return Fault(wait_seconds=random.uniform(1, longest))

    stage.during(act, stage.faulty, slow_down)


def _frozen_stage(stage: Stage, act: Act, random: Random) -> None:
    """Let one stage stand still around one call, and outlive its timeout.

    Never between the fence's check and the call that it allowed: that a request which
    was begun lands within seconds is what Slipway counts on.
    """
    frozen = random.choice(STAGES_THAT_WRITE)
    functions = stage.world.cloud.functions
    find = functions.find

    def outliving(name: str) -> Function:
        found = find(name)
        return replace(found, timeout_seconds=DAY) if frozen in found.name else found

    functions.find = outliving  # type: ignore[method-assign]
    calls_before = random.randint(0, 7)
    seen: list[Call] = []

    def hold_up(call: Call) -> Fault | None:
        if frozen not in (call.caller or ""):
            return None
        seen.append(call)
        if len(seen) != calls_before + 1:
            return None
        seconds = random.randint(60, 900)
        before = random.random() < 0.5 and (call.service, call.operation) not in WRITES
        if before:
            return Fault(wait_seconds=seconds)
        return Fault(frozen_seconds=seconds)

    # In force to the end: its call may come long after it was drawn.
    stage.faulty.append(hold_up)
    del act


def _nothing_answers(stage: Stage, act: Act, random: Random) -> None:
    status = random.choice((400, 503))

    def refuse(call: Call) -> Fault | None:
        if call.service not in {"cloudwatch", "ecr"}:
            return None
        denied = AwsError("ThrottlingException", "not now", status)
        return Fault(takes_effect=False, failure=denied)

    stage.during(act, stage.faulty, refuse)


def _lost_answers(stage: Stage, act: Act, random: Random) -> None:
    often = random.choice((0.1, 0.3))

    def mishandle(_: str, __: Any) -> str | None:
        if random.random() >= often:
            return None
        return random.choice(("and never run", "its answer lost", "twice"))

    stage.during(act, stage.mishandling, mishandle)


# ------------------------------------------------------------------ events and readings


def _events(stage: Stage, act: Act, random: Random) -> None:
    often = random.choice((0.3, 0.7, 1.0))
    fates = random.choice((("lost",), ("late",), ("twice",), ("lost", "late", "twice")))

    def disturb(delivery: Delivery) -> Sequence[Delivery]:
        if random.random() >= often:
            return (delivery,)
        late = replace(delivery, delay_seconds=random.uniform(1, 900))
        match random.choice(fates):
            case "lost":
                return ()
            case "late":
                return (late,)
        return (delivery, late)

    stage.during(act, stage.disturbing, disturb)


def _stale_reads(stage: Stage, act: Act, random: Random) -> None:
    ecs = stage.world.cloud.ecs
    ecs.lag_seconds = random.choice((2, 10, 45))
    stage.later(act.seconds, lambda: setattr(ecs, "lag_seconds", 0))


def _metrics(stage: Stage, act: Act, random: Random) -> None:
    metrics = stage.world.cloud.metrics
    match random.choice(("away", "late", "anew")):
        case "away":
            metrics.outage = random.choice(list(Outage))
            stage.later(act.seconds, lambda: setattr(metrics, "outage", None))
        case "late":
            before = metrics.lateness_seconds
            metrics.lateness_seconds = random.choice((60.0, 180.0, 400.0))
            stage.later(
                act.seconds, lambda: setattr(metrics, "lateness_seconds", before)
            )
        case "anew":
            metrics.forget()


# -------------------------------------------------------------------- tasks and actors


def _stop(stage: Stage, act: Act, random: Random) -> None:
    del act
    states = stage.world.cloud.states
    running = [e for e in states.executions.values() if e.status == "RUNNING"]
    if not running:
        return
    chosen = random.choice(running)
    how = random.choice(("stopped", "timed out"))
    stage.say(chosen.name, how)
    if how == "stopped":
        states.stop(chosen.arn, cause="somebody stopped it")
    else:
        states.time_out(chosen.arn)


def _sick_tasks(stage: Stage, act: Act, random: Random) -> None:
    world = stage.world
    tasks = world.tasks(random.choice(list(Slot)))
    chosen = [t.address for t in tasks if t.address and random.random() < 0.7]
    world.runtime.sick.update(chosen)
    stage.later(act.seconds, lambda: world.runtime.sick.difference_update(chosen))


def _no_capacity(stage: Stage, act: Act, random: Random) -> None:
    network = stage.world.cloud.network
    zone = random.choice((None, *(subnet.zone for subnet in network.subnets)))
    clock = stage.world.cloud.clock
    until = clock.time() + act.seconds

    def hinder(task: TaskSpec) -> float:
        if zone is None:
            return max(0.0, until - clock.time())
        if network.zone_of(task.address) == zone:
            raise TaskStartError(
                "TaskFailedToStart",
                "Capacity is unavailable at this time. Please try again later or in a "
                "different availability zone",
            )
        return 0.0

    stage.during(act, stage.hindering, hinder)


def _crash(stage: Stage, act: Act, random: Random) -> None:
    del act
    world = stage.world
    tasks = world.tasks(random.choice(list(Slot)))
    for task in random.sample(tasks, min(len(tasks), random.choice((1, 1, 4)))):
        if world.runtime.running(task.address or "") is not None:
            world.runtime.crash(task.arn)


def _other_actor(stage: Stage, act: Act, random: Random) -> None:
    """Somebody changes by hand what Slipway believes to be its own, in a rollout.

    At rest nobody would put it right.
    """
    del act
    world, slot = stage.world, random.choice(list(Slot))
    if world.journal.lease("orders") is None:
        stage.say("somebody", "finds nothing under way")
        return
    ecs_service = world.service.slots[slot]
    match random.choice(("weights", "count", "deployment")):
        case "weights" if not world.service.bindings:
            stage.say("somebody", "finds no weights")
        case "weights":
            share = random.choice((0, 1, 30, 50, 100))
            stage.say("somebody", f"gives {slot} a weight of {share}")
            weights = {slot: share, slot.other: 100 - share}
            world.set_weights(weights)
        case "count":
            count = random.randint(0, 6)
            stage.say("somebody", f"wants {count} tasks of {ecs_service}")
            world.scale(slot, count)
        case "deployment":
            stage.say("somebody", f"deploys {ecs_service} anew")
            client("ecs").update_service(
                cluster=world.system.cluster,
                service=ecs_service,
                forceNewDeployment=True,
            )


# -------------------------------------------------------------------- people, schedules


def _push(stage: Stage, act: Act, random: Random) -> None:
    del random
    tag = f"v{len(stage.pushed) + 1}"
    counts = COUNTS if stage.world.service.rollout.judge.metric else None
    flaws = cast("dict[str, Any]", FLAWS[act.flaw])
    stage.pushed.append(stage.world.push(tag, counts=counts, **flaws))


def _demand(stage: Stage, act: Act, random: Random) -> None:
    del act
    tasks = random.choice((0.5, 2.0, 4.0, 8.0))
    stage.say("traffic", f"needs {tasks:g} tasks")
    stage.world.demand(tasks)


def _command(stage: Stage, act: Act, random: Random) -> None:
    del act
    verb = random.choice(VERBS)
    stage.say("somebody", str(verb))
    stage.world.say(verb, id=f"{random.getrandbits(64):x}")


def _record(stage: Stage, act: Act, random: Random) -> None:
    """Let manifests ask for another shape, and for other steps, where nothing runs."""
    del act
    world = stage.world
    if world.journal.lease("orders") is not None:
        stage.say("manifests", "find a rollout under way")
        return
    service, motto = world.journal.service("orders"), f"{random.getrandbits(16):x}"
    stage.say("manifests", f"say {motto}")
    share = random.choice((20, 50))
    policy = replace(service.rollout, steps=(Step(share, 60), Step(100, 60)))
    task = replace(service.task, environment={"MOTTO": motto})
    world.journal.put_service(replace(service, task=task, rollout=policy))


def _approval(stage: Stage, act: Act, random: Random) -> None:
    del act, random
    approve_all(stage.world)


def approve_all(world: Road) -> None:
    """Approve every rollout that has not begun; once each, however often."""
    for entry in world.journal.rollouts("orders"):
        if entry.outcome is None and entry.rollout.sides is None:
            rollout_id = entry.rollout.id
            world.say(Verb.APPROVE, id=f"approve-{rollout_id}", rollout_id=rollout_id)


def _alarm(stage: Stage, act: Act, random: Random) -> None:
    del random
    ring("ALARM")
    stage.later(act.seconds, lambda: ring("OK"))


def ring(state: str) -> None:
    """Let the alarm of gated worlds change."""
    client("cloudwatch").set_alarm_state(
        AlarmName=ALARM, StateValue=state, StateReason="a plan wants it"
    )


def _update(stage: Stage, act: Act, random: Random) -> None:
    """Deploy a later version, once: two ahead of one ahead would be too far."""
    del act
    if stage.version == 0:
        stage.version = random.choice((1, 2))
        stage.say("somebody", f"deploys a version {stage.version} ahead")
        stage.world.cloud.update(ahead(stage.version))


def _sweep(stage: Stage, act: Act, random: Random) -> None:
    del act, random
    stage.world.sweep()


BY_KIND: dict[str, Struck] = {
    "push": _push,
    "demand": _demand,
    "approval": _approval,
    "alarm": _alarm,
    "record": _record,
    "throttles": _throttles,
    "silences": _silences,
    "kills": _kills,
    "slow calls": _slow_calls,
    "frozen stage": _frozen_stage,
    "lost answers": _lost_answers,
    "events": _events,
    "stale reads": _stale_reads,
    "metrics": _metrics,
    "stop": _stop,
    "sick tasks": _sick_tasks,
    "no capacity": _no_capacity,
    "crash": _crash,
    "other actor": _other_actor,
    "nothing answers": _nothing_answers,
    "update": _update,
    "command": _command,
    "sweep": _sweep,
}


def short(name: str | None) -> str:
    """Return a function's name without stack, alias and what all names share."""
    plain = (name or "").rpartition("slipway-")[2]
    return plain.partition(":")[0].removesuffix("Function")


def _told(fault: Fault) -> str:
    how = [f"waits {fault.wait_seconds:.1f} s"] if fault.wait_seconds else []
    if fault.frozen_seconds:
        how.append(f"then stands still for {fault.frozen_seconds:.1f} s")
    if fault.failure is not None:
        text = getattr(fault.failure, "code", type(fault.failure).__name__)
        how.append(str(text))
        if fault.takes_effect:
            how.append(f"lands after {fault.lands_seconds:.1f} s")
    return ", ".join(how)
