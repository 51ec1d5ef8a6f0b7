"""Whole rollouts, told once and looked at by many tests."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from localcloud.api import Call
from localcloud.functions import Functions
from localcloud.simulated import Flow, Totals
from localcloud.states import Execution
from slipway.domain.control import Verb
from slipway.domain.receipt import Receipt
from slipway.domain.rollout import Outcome
from slipway.domain.service import Slot

from tests.e2e.road import BOUNDS, DEATHS, PUSHES, SCALED, Road, client, losing, road

MOST_WAITING_SECONDS = 70
"""After so long no request waits for an answer: the idle timeout is 60 s."""


@dataclass(frozen=True, slots=True)
class Story:
    """One rollout in a service that had a release before, from push to end."""

    digest: str
    outcome: Outcome | None
    reason: str | None
    receipt: Receipt
    totals: Totals
    """Of all requests since the first release."""
    weights: Mapping[Slot, int]
    """At its end, as the slots' desired counts are."""
    desired: Mapping[Slot, int]
    highest: Mapping[Slot, int]
    """The most weight of each slot, ever."""
    executions: Sequence[Execution]
    """The rollout's own, nested ones included."""
    pages: int
    calls: Sequence[Call]
    """Every AWS call, the first release's too."""
    writes: Sequence[Call]
    """Those of Slipway that changed what serves."""
    allowed: Mapping[str, tuple[str, ...]]
    """What the template allows each function, by its name."""

    def seconds(self, begin: str, end: str) -> float:
        """Return the modelled time between two of its marks."""
        at = {mark.name: mark.at for mark in self.receipt.marks}
        return (at[end] - at[begin]).total_seconds()

    def done(self, *kinds: str) -> list[str]:
        """Return its marks, in order; those that begin with any of `kinds`."""
        names = [mark.name for mark in self.receipt.marks]
        return [name for name in names if name.startswith(kinds or "")]


async def good(*, twice: bool = False) -> Story:
    """Roll out a good release under steady traffic."""
    async with _released(twice=twice) as (world, _):
        return await _tell(world)


async def failing(*, twice: bool = False) -> Story:
    """Roll out a release that fails every fifth request."""
    async with _released(twice=twice) as (world, _):
        return await _tell(world, fail_every=5)


async def silent(*, twice: bool = False) -> Story:
    """Roll out a good release that nobody uses."""
    async with _released(twice=twice) as (world, flow):
        world.traffic.stop(flow)
        return await _tell(world)


async def scaled(*, twice: bool = False) -> Story:
    """Roll out a good release of a service that scales out in mid-rollout."""
    async with road(SCALED, scaling=BOUNDS, min_tasks=2) as world:
        if twice:
            repeat_stages(world.cloud.functions)
        world.demand(4)
        await world.first_release()
        await world.until(lambda: len(world.tasks(Slot.A)) == 4)
        world.when["shifted-1"] = lambda: world.demand(8)
        return await _tell(world)


async def overloaded() -> Story:
    """Roll out a bad release of a service that scales."""
    async with road(SCALED, scaling=BOUNDS, min_tasks=2) as world:
        world.demand(4)
        await world.first_release()
        await world.until(lambda: len(world.tasks(Slot.A)) == 4)
        return await _tell(world, fail_every=5)


async def sickly() -> Story:
    """Roll out a release whose health is lost just before it gets half of the weight.

    The listener's default action names the slots' groups, too.
    """
    async with _released(twice=False) as (world, _):
        arn = world.binding.target_group_arns[Slot.A]
        client("elbv2").modify_listener(
            ListenerArn=world.binding.listener_arn,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
        )
        functions = world.cloud.functions
        invoke = functions.invoke

        async def lose_health_before(name: str, payload: Any) -> Any:
            if "ShiftTraffic" in name and payload["step"] == 1:
                await world.make_sick(Slot.B)
            return await invoke(name, payload)

        functions.invoke = lose_health_before  # type: ignore[method-assign]
        return await _tell(world)


async def disturbed() -> Sequence[Call]:
    """Command rollouts, overtake one, stop some, and lose word of all of that."""
    async with road(at_rest=False, sweeps=True) as world:
        await world.first_release()
        invoke = world.cloud.functions.invoke
        said: list[str] = []

        async def speak_before_the_wait(name: str, payload: Any) -> Any:
            if "AwaitWord" in name and not said:
                said.append(world.say(Verb.PAUSE))
                await world.answered(said[0])
            return await invoke(name, payload)

        world.cloud.functions.invoke = speak_before_the_wait  # type: ignore[method-assign]
        world.push("v2")
        await world.until(lambda: said)
        world.say(Verb.RESUME)
        await world.pause(120)
        stopped = world.push("v3")
        await world.reached(stopped, "shifted-0")
        world.kill(stopped)
        await world.closed(stopped)
        world.say(Verb.FREEZE)
        await world.answered(world.say(Verb.RETRY))
        world.say(Verb.UNFREEZE)
        aborted = (await world.answered(world.say(Verb.RETRY))).rollout_id
        await world.until(lambda: "healthy-0" in world.marked.get(aborted or "", ()))
        world.say(Verb.ABORT)
        await world.pause(300)
        world.cloud.events.disturb = losing(PUSHES, DEATHS)
        unheard = world.push("v4")
        await world.reached(unheard, "judged-0")
        world.kill(unheard)
        await world.closed(unheard)
        unborn: list[str] = []

        def stop_at_birth(execution: Execution, _: str) -> None:
            if not unborn:
                unborn.append(execution.name)
                world.cloud.states.stop(execution.arn)

        world.cloud.states.follow(stop_at_birth)
        world.push("v5")
        await world.until(
            lambda: unborn and world.journal.find_rollout("orders", unborn[0])
        )
        return world.cloud.router.calls


@asynccontextmanager
async def _released(*, twice: bool) -> AsyncIterator[tuple[Road, Flow]]:
    """Begin with a first release; `twice` runs every stage two times."""
    async with road() as world:
        if twice:
            repeat_stages(world.cloud.functions)
        yield world, await world.first_release()


def repeat_stages(functions: Functions) -> None:
    """Run stages as if each died after its writes and before its answer."""
    invoke = functions.invoke

    async def invoke_twice(name: str, payload: Any) -> Any:
        if "payload_version" in payload:
            await invoke(name, payload)
        return await invoke(name, payload)

    functions.invoke = invoke_twice  # type: ignore[method-assign]


async def _tell(world: Road, **flaws: Any) -> Story:
    known = set(world.cloud.states.executions)
    digest = world.push("v2", **flaws)
    entry = await world.ended(digest)
    await world.pause(MOST_WAITING_SECONDS)
    assert entry.receipt is not None
    executions = world.cloud.states.executions
    names = world.cloud.stack.functions.values()
    functions = [world.cloud.functions.find(name) for name in names]
    return Story(
        digest=digest,
        outcome=entry.outcome,
        reason=entry.reason,
        receipt=entry.receipt,
        totals=world.traffic.totals,
        weights=world.weights(),
        desired=world.desired(),
        highest=world.highest,
        executions=[e for arn, e in executions.items() if arn not in known],
        pages=len(world.pages()),
        calls=world.cloud.router.calls,
        writes=world.writes(),
        allowed={f.name: f.allowed_actions or () for f in functions},
    )
