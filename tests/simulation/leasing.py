"""The lease under every kind of death: writes land under their own fence only.

The journal and the fence are the real ones. Functions are generators: each `yield` is
a stretch of time in which anybody else may act, in which a function may be frozen or
killed, and its execution stopped. Their clocks differ a little.
"""

import heapq
from collections.abc import Callable, Generator
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import slipway.clock
from localcloud.clock import SIMULATION_EPOCH
from slipway import fence as fencing
from slipway.domain.control import Control, Verb
from slipway.domain.receipt import receipt
from slipway.domain.rollout import Outcome, Rollout
from slipway.errors import LeaseLost, Refused, Unavailable
from slipway.gateways.journal import Busy, Held, Journal, Stale

from tests.builders import a_cause, a_rollout, a_service, some_sides
from tests.fake_table import FakeClient, FakeTable
from tests.simulation.trace import Trace

FUNCTION_SECONDS = 60
"""When Lambda kills a function that still runs."""
STATE_SECONDS = 90
"""When Step Functions stops to wait for one."""
LOST_SECONDS = 3
"""When the connection to a function breaks, at times: it runs on, unheard."""
ATTEMPT_SECONDS = 7
"""The longest that one attempt of the SDK takes until it has its effect, or never."""
SKEW_SECONDS = 1.5
"""How far a machine's clock may be from the true time."""
LONGEST = timedelta(hours=3)
_SERVICE = a_service()

type Program = Generator[float]


@dataclass(slots=True)
class _Actor:
    """Something that acts at its own times, by its own clock."""

    name: str
    program: Program
    skew: timedelta
    dies_at: datetime | None = None
    context: Context = field(default_factory=copy_context)


@dataclass(slots=True)
class _Fate:
    """What became of an execution's stage."""

    answer: str = ""
    """Empty while it runs."""


@dataclass(slots=True)
class _World:
    """One service's journal, and who acts on it when."""

    random: Random
    trace: Trace
    table: FakeTable = field(default_factory=FakeTable)
    journal: Journal = field(init=False)
    app: Any = field(init=False)
    now: datetime = SIMULATION_EPOCH
    stopped: dict[str, set[Verb]] = field(default_factory=dict)
    _actors: list[_Actor] = field(default_factory=list)
    _queue: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list)
    _count: int = 0

    def __post_init__(self) -> None:
        self.journal = Journal(cast("Any", FakeClient(self.table)), "journal")
        self.app = SimpleNamespace(journal=self.journal)

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something after so many seconds."""
        self._count += 1
        due = self.now + timedelta(seconds=seconds)
        heapq.heappush(self._queue, (due, self._count, act))

    def begin(self, name: str, program: Program, *, dies_in: float = 0) -> _Actor:
        """Let somebody act from now on."""
        skew = timedelta(seconds=self.random.uniform(-SKEW_SECONDS, SKEW_SECONDS))
        dies = self.now + timedelta(seconds=dies_in) if dies_in else None
        actor = _Actor(name, program, skew, dies)
        self._actors.append(actor)
        self.later(0, lambda: self._step(actor))
        return actor

    def run(self) -> None:
        """Let everybody act until nobody does any more."""
        while self._queue and self.now < SIMULATION_EPOCH + LONGEST:
            self.now, _, act = heapq.heappop(self._queue)
            act()
        for actor in self._actors:
            actor.context.run(actor.program.close)

    def say(self, who: str, what: str) -> None:
        """Write a line of the trace."""
        self.trace.add(self.now, who, what)

    def lands(self, rollout: Rollout, fence: int) -> None:
        """Let a write take effect at AWS."""
        item = self.table.items["SERVICE#orders", "LEASE"]
        current = int(item["fence"]["N"])
        self.say(
            rollout.id[-5:], f"write of fence {fence} lands; the fence is {current}"
        )
        if current != fence:
            self.trace.breaks(
                self.now, 3, f"a write of fence {fence} landed under fence {current}"
            )

    def _step(self, actor: _Actor) -> None:
        if actor.dies_at is not None and self.now >= actor.dies_at:
            self.say(actor.name, "is killed")
            return
        slipway.clock.use(lambda: self.now + actor.skew)
        try:
            pause = actor.context.run(next, actor.program)
        except StopIteration:
            return
        if actor.dies_at is not None:
            left = (actor.dies_at - self.now).total_seconds()
            pause = min(pause, max(left, 0))
        self.later(pause, lambda: self._step(actor))


def leasing(random: Random, trace: Trace) -> None:
    """Let two to four rollouts of a service want its lease, and die as they like."""
    world = _World(random, trace)
    rollouts = [
        a_rollout(
            service=_SERVICE,
            cause=a_cause(
                tag=f"v{number}", pushed_at=SIMULATION_EPOCH + timedelta(seconds=number)
            ),
            sides=some_sides(),
        )
        for number in range(random.randint(2, 4))
    ]
    for rollout in rollouts:
        world.later(
            random.choice((0, 1, 60, 240)),
            lambda rollout=rollout: _execute(world, rollout),  # type: ignore[misc]
        )
    try:
        world.run()
    finally:
        slipway.clock.use(lambda: datetime.now(SIMULATION_EPOCH.tzinfo))
    _at_rest(world, rollouts)


def _at_rest(world: _World, rollouts: list[Rollout]) -> None:
    lease = world.journal.lease(_SERVICE.name)
    if lease is not None:
        world.trace.breaks(world.now, 3, f"at rest {lease.rollout_id} has the lease")
    for rollout in rollouts:
        outcome = world.journal.outcome(rollout)
        item = world.table.items["SERVICE#orders", f"ROLLOUT#{rollout.id}"]
        world.trace.seen.add(str(outcome))
        if outcome is None:
            world.trace.breaks(world.now, 2, f"{rollout.id} was never closed")
        if "promoted" in item and "stopped" in item:
            world.trace.breaks(world.now, 2, f"{rollout.id} is promoted and stopped")
        if (outcome is Outcome.PROMOTED) is not ("promoted" in item):
            world.trace.breaks(world.now, 0, f"{rollout.id} is {outcome}")


# -------------------------------------------------------------------------- executions


def _execute(world: _World, rollout: Rollout) -> None:
    """Start a rollout's execution; it may be stopped, and is recovered then."""
    world.journal.begin(rollout)
    world.say(rollout.id[-5:], f"begins: {rollout.cause.tag}")
    stopped = world.random.choice((0, 0, 30, 100, 200)) * world.random.random()
    world.begin(rollout.id[-5:], _rollout(world, rollout), dies_in=stopped)
    if stopped:
        word = world.random.choice((1, 5, 60)) * world.random.random()
        world.later(stopped + word, lambda: _recover(world, rollout))
    if world.random.random() < 0.3:
        world.later(
            world.random.uniform(0, 200), lambda: _stop(world, rollout, Verb.ABORT)
        )


def _recover(world: _World, rollout: Rollout, attempt: int = 1) -> None:
    if world.journal.outcome(rollout) is not None:
        return
    name = f"{rollout.id[-5:]}-r{attempt}"
    again = 0.0
    if attempt < 3 and world.random.random() < 0.3:
        again = world.random.uniform(0, 120)
        world.later(again + 60, lambda: _recover(world, rollout, attempt + 1))
    world.begin(name, _restore(world, rollout), dies_in=again)


def _stop(world: _World, rollout: Rollout, verb: Verb) -> None:
    control = Control(f"{verb}-{rollout.id}", verb, "ann", "why not", world.now)
    if world.journal.put_control(_SERVICE.name, rollout.id, control, None):
        world.say(rollout.id[-5:], f"is told: {verb}")


def _rollout(world: _World, rollout: Rollout) -> Program:
    """Acquire, write in stages, promote; or restore."""
    journal, random = world.journal, world.random
    while True:
        if journal.controls(rollout):
            _finish(world, rollout, Outcome.ABORTED, None)
            return
        answer = journal.acquire(rollout, slipway.clock.now())
        world.say(rollout.id[-5:], f"acquires: {answer}")
        if isinstance(answer, Held):
            break
        if isinstance(answer, Stale):
            _finish(world, rollout, Outcome.SUPERSEDED, None)
            return
        if answer.rollout_id not in ("", rollout.id) and random.random() < 0.5:
            _stop(world, journal.rollout("orders", answer.rollout_id), Verb.SUPERSEDE)
        yield random.uniform(5, 60)
    for _ in range(random.randint(1, 4)):
        yield 0.1
        fate = yield from _stage(world, rollout, answer.fence)
        if fate != "done" or journal.controls(rollout):
            yield from _restore(world, rollout)
            return
    try:
        journal.promote(rollout, answer.fence, slipway.clock.now())
    except (LeaseLost, Refused):
        yield from _restore(world, rollout)
        return
    world.say(rollout.id[-5:], "is promoted")
    yield random.uniform(0, 60)
    yield from _stage(world, rollout, answer.fence)
    _finish(world, rollout, Outcome.PROMOTED, answer.fence)


def _restore(world: _World, rollout: Rollout) -> Program:
    """Take the lease anew and write, as often as it takes."""
    journal, name = world.journal, rollout.id[-5:]
    if _never_held(world, rollout):
        _finish(world, rollout, Outcome.ROLLED_BACK, None)
        return
    while True:
        answer = journal.retake(rollout, slipway.clock.now())
        world.say(name, f"retakes: {answer}")
        if isinstance(answer, Held):
            break
        assert isinstance(answer, Busy)
        if answer.rollout_id != rollout.id:
            _finish(world, rollout, Outcome.FAILED, None)
            return
        yield 5
    while True:
        fate = yield from _stage(world, rollout, answer.fence)
        if fate == "lost":
            return
        if fate == "done":
            break
    item = world.table.items["SERVICE#orders", f"ROLLOUT#{rollout.id}"]
    kept = Outcome.PROMOTED if "promoted" in item else Outcome.ROLLED_BACK
    _finish(world, rollout, kept, answer.fence)


def _never_held(world: _World, rollout: Rollout) -> bool:
    lease = world.journal.lease(_SERVICE.name)
    return lease is None or lease.rollout_id != rollout.id


def _finish(
    world: _World, rollout: Rollout, outcome: Outcome, fence: int | None
) -> None:
    stored = world.journal.finish(rollout, outcome, "", receipt(rollout, []), fence)
    world.say(rollout.id[-5:], f"is closed: {stored}")


# ------------------------------------------------------------------------------ stages


def _stage(world: _World, rollout: Rollout, fence: int) -> Generator[float, None, str]:
    """Run a stage as Step Functions does: wait so long, try again so often."""
    for attempt in range(4):
        fate = _Fate()
        # A frozen machine is not killed in time, at times.
        zombie = world.random.random() < 0.5
        world.begin(
            f"{rollout.id[-5:]}/{fence}.{attempt}",
            _function(world, rollout, fence, fate),
            dies_in=0 if zombie else FUNCTION_SECONDS,
        )
        waited = 0.0
        patience = world.random.choice((LOST_SECONDS, FUNCTION_SECONDS, STATE_SECONDS))
        while not fate.answer and waited < patience:
            yield 1.0
            waited += 1.0
        if fate.answer in {"done", "lost"}:
            return fate.answer
        yield world.random.uniform(0, 4)
    return "failed"


def _function(world: _World, rollout: Rollout, fence: int, fate: _Fate) -> Program:
    """Write a few times under the lease, now and then frozen in between."""
    try:
        with fencing.writing(rollout, fence, world.app):
            for _ in range(world.random.randint(0, 3)):
                yield from _freeze(world)
                yield from _write(world, rollout, fence)
            yield from _freeze(world)
    except LeaseLost:
        fate.answer = "lost"
    except Unavailable as error:
        world.say(rollout.id[-5:], f"fence {fence}: {error}")
        fate.answer = "again"
    else:
        fate.answer = "done"


def _freeze(world: _World) -> Program:
    """Pause as code does, or as a frozen machine does."""
    if world.random.random() < 0.2:
        yield world.random.choice((3, 30, 60, 90, 120)) + world.random.uniform(0, 10)
    else:
        yield world.random.uniform(0, 1)


def _write(world: _World, rollout: Rollout, fence: int) -> Program:
    """Attempt a write up to four times, as the SDK does."""
    for _ in range(4):
        fencing.guard("UpdateService")
        takes = world.random.uniform(0, ATTEMPT_SECONDS)
        if world.random.random() < 0.9:
            world.later(takes, lambda: world.lands(rollout, fence))
        if world.random.random() < 0.8:
            yield takes
            return
        # The connection breaks: what was sent may take its effect all the same.
        yield world.random.uniform(0, takes)
        fencing.doubt(None)
    raise Unavailable("UpdateService: no answer from AWS")
