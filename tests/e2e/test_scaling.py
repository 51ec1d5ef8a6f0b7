"""A service that scales, in rollouts: nothing dips, nothing doubles, all is given back.

Its load is a number of tasks at what its policies track, shared out by the weights.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any

import pytest
from localcloud.api import AwsError
from localcloud.functions import FunctionError
from slipway.domain.capacity import tasks_for
from slipway.domain.rollout import Outcome
from slipway.domain.scaling import IDLE, resting
from slipway.domain.service import Scaling, Slot, Step

from tests.e2e.road import BOUNDS, QUICK, SCALED, Road, road
from tests.e2e.stories import Story

HURRIED = replace(QUICK, steps=(Step(10, 60), Step(100, 60)))
LONG = replace(QUICK, steps=(Step(10, 60), Step(50, 1500), Step(100, 60)))
"""Half of the traffic for longer than a policy waits before it scales in."""
SCALING_IN_SECONDS = 30 * 60


@dataclass(slots=True)
class Watch:
    """Looks at both slots at every change of a count or of weights."""

    world: Road
    need: float
    """Tasks that the traffic needs."""
    scaling: Scaling = BOUNDS
    most: int = 0
    """Tasks of both slots together, ever."""
    faults: list[str] = field(default_factory=list)
    before: dict[Slot, int] = field(default_factory=dict)

    def look(self, *_: Any) -> None:
        """Note what dips below the need, or grows beyond the maximum and the surge."""
        desired, shares = self.world.desired(), self.world.weights()
        total = sum(desired.values())
        self.most = max(self.most, total)
        allowed = self.scaling.max_tasks + tasks_for(
            self._planned(), self.scaling.max_tasks
        )
        if total > allowed:
            self.faults.append(f"{total} tasks, {allowed} allowed")
        for slot, count in desired.items():
            enough = min(ceil(self.need * shares[slot] / 100), self.scaling.max_tasks)
            if count < enough and count < self.before.get(slot, 0):
                self.faults.append(f"{slot} fell to {count}, {enough} needed")
        self.before = desired

    def shifted(self, _: Any) -> None:
        """Note a slot that has not the health for its new weight."""
        for slot, share in self.world.weights().items():
            enough = ceil(self.need * share / 100)
            if self.world.healthy(slot) < enough:
                self.faults.append(f"{slot} got {share} % without {enough} healthy")

    def _planned(self) -> int:
        """Return the share that capacity was last made for, in percent."""
        marks = next(reversed(self.world.marked.values()), [])
        steps = self.world.service.rollout.steps
        begun = [int(m.rsplit("-")[-1]) for m in marks if m.startswith("capacity-")]
        first = len(self.world.marked) < 2
        return 100 if first else steps[max(begun, default=0)].weight_percent


@contextmanager
def watched(world: Road, need: float) -> Iterator[Watch]:
    """Watch a world whose load is `need` from here on."""
    world.demand(need)
    watch = Watch(world, need)
    ecs, router = world.cloud.ecs, world.cloud.router
    scale = ecs.scale

    def scale_watched(*arguments: Any) -> None:
        scale(*arguments)
        watch.look()

    ecs.scale = scale_watched  # type: ignore[method-assign]
    router.after("ecs", "UpdateService", watch.look)
    router.after("elbv2", "ModifyRule", watch.shifted)
    yield watch
    assert watch.faults == []
    assert watch.most > 0


async def four_tasks(world: Road) -> Any:
    """See a first release scaled out to the four tasks that its load needs."""
    world.demand(4)
    flow = await world.first_release()
    await world.until(lambda: len(world.tasks(Slot.A)) == 4)
    return flow


def test_a_release_that_scales_out_in_mid_rollout_is_promoted_with_what_it_needs(
    scaled: Story,
) -> None:
    """The load doubles at half of the traffic: the candidate alone scales out then.

    At all of the traffic it would have half of what it needs, by the primary's count.
    """
    assert scaled.outcome is Outcome.PROMOTED
    counts = [
        call.params["desiredCount"]
        for call in scaled.writes
        if call.params.get("service") == "orders-b"
    ]
    assert counts == [1, 2, 8]
    assert scaled.desired == {Slot.A: 0, Slot.B: 8}
    assert scaled.totals.failed == 0


def test_a_service_that_does_not_scale_makes_no_call_to_autoscaling(
    good: Story, failing: Story
) -> None:
    services = {call.service for story in (good, failing) for call in story.calls}
    assert "application-autoscaling" not in services


async def test_capacity_neither_dips_nor_doubles_while_weights_move() -> None:
    """Invariants 1 and 6.

    containers-roadmap#525: scaling in mid-deployment added both releases' tasks up.
    """
    async with road(SCALED, scaling=BOUNDS, min_tasks=2) as world:
        flow = await four_tasks(world)
        with watched(world, 4) as watch:
            digest = world.push("v2")
            world.when["shifted-1"] = lambda: setattr(watch, "need", 8)
            await world.reached(digest, "shifted-1")
            world.demand(8)
            entry = await world.ended(digest)
        assert entry.outcome is Outcome.PROMOTED
        assert world.targets() == {Slot.A: IDLE, Slot.B: resting(BOUNDS)}
        assert watch.most <= 8 + 4
        assert flow.totals.failed == 0


async def test_scale_in_waits_for_the_promotion_and_comes_then() -> None:
    """A peak at half of the traffic, then little for longer than policies wait.

    What scaled out in the peak stays, above all minimums, until the promotion.
    """
    async with road(LONG, scaling=BOUNDS, min_tasks=2) as world:
        await four_tasks(world)
        at_the_judgement: dict[Slot, int] = {}
        with watched(world, 2):
            digest = world.push("v2")
            world.when["judged-1"] = lambda: at_the_judgement.update(world.desired())
            await world.reached(digest, "shifted-1")
            world.demand(10)
            await world.until(lambda: world.desired() == {Slot.A: 5, Slot.B: 5})
            world.demand(2)
            await world.reached(digest, "promoted")
            assert at_the_judgement == {Slot.A: 5, Slot.B: 5}
            assert world.desired() == {Slot.A: 5, Slot.B: 10}
            await world.ended(digest)
            await world.pause(SCALING_IN_SECONDS)
        assert world.desired() == {Slot.A: 0, Slot.B: 2}


async def test_a_bad_release_in_mid_scaling_leaves_bounds_as_they_were() -> None:
    """Invariant 2: the primary keeps what it scaled out to, too."""
    async with road(SCALED, scaling=BOUNDS, min_tasks=2) as world:
        await four_tasks(world)
        with watched(world, 4):
            digest = world.push("v2")
            await world.reached(digest, "shifted-1")
            world.demand(10)
            await world.until(lambda: world.desired()[Slot.A] > 4)
            await world.make_sick(Slot.B)
            entry = await world.ended(digest)
        assert entry.outcome is Outcome.ROLLED_BACK
        assert world.targets() == {Slot.A: resting(BOUNDS), Slot.B: IDLE}
        assert world.desired()[Slot.A] >= 5
        assert world.desired()[Slot.B] == 0


@pytest.mark.parametrize(
    "mark",
    ["launched", "capacity-0", "shifted-0", "capacity-1", "shifted-1", "promoted"],
)
async def test_a_rollout_that_dies_gives_all_bounds_back(mark: str) -> None:
    """Invariant 2."""
    async with road(HURRIED, scaling=BOUNDS, min_tasks=2, at_rest=False) as world:
        flow = await four_tasks(world)
        with watched(world, 4):
            digest = world.push("v2")
            await world.reached(digest, mark)
            world.kill(digest)
            entry = await world.closed(digest)
        promoted = entry.outcome is Outcome.PROMOTED
        assert promoted is (mark == "promoted")
        serving = Slot.B if promoted else Slot.A
        assert world.targets() == {serving: resting(BOUNDS), serving.other: IDLE}
        assert world.desired() == {serving: 4, serving.other: 0}
        assert flow.totals.failed == 0


@pytest.mark.parametrize("which", [1, 2, 3])
async def test_a_launch_that_dies_between_its_writes_gives_all_bounds_back(
    which: int,
) -> None:
    """Invariant 10: after the primary's freeze, the raised maximum, the minimum."""
    async with road(HURRIED, scaling=BOUNDS, min_tasks=2, at_rest=False) as world:
        await four_tasks(world)
        registered: list[str] = []

        def kill_at(params: dict[str, Any]) -> None:
            registered.append(params["ResourceId"])
            if len(registered) == which:
                world.kill(digest)

        world.cloud.router.after(
            "application-autoscaling", "RegisterScalableTarget", kill_at
        )
        digest = world.push("v2")
        entry = await world.closed(digest)
        assert entry.outcome is Outcome.ABORTED
        assert world.targets() == {Slot.A: resting(BOUNDS), Slot.B: IDLE}
        assert world.desired() == {Slot.A: 4, Slot.B: 0}


async def test_bounds_that_somebody_else_writes_are_put_right_by_the_next_step() -> (
    None
):
    """Their clamp takes tasks at once; the minimum that comes back brings them back."""
    async with road(SCALED, scaling=BOUNDS, min_tasks=2) as world:
        await four_tasks(world)
        digest = world.push("v2")
        await world.reached(digest, "shifted-0")
        world.bound(Slot.A, 1, 3)
        assert world.desired()[Slot.A] == 3
        world.bound(Slot.B, 0, 9)
        await world.reached(digest, "capacity-1")
        await world.pause(1)
        primary, candidate = (world.targets()[slot] for slot in Slot)
        assert (primary.min_tasks, primary.max_tasks) == (4, 10)
        assert (candidate.min_tasks, candidate.max_tasks) == (2, 5)
        assert world.desired() == {Slot.A: 4, Slot.B: 2}
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.PROMOTED
        assert world.targets() == {Slot.A: IDLE, Slot.B: resting(BOUNDS)}


async def test_a_slot_without_its_target_is_not_rolled_out_to() -> None:
    async with road(HURRIED, scaling=BOUNDS, min_tasks=2, at_rest=False) as world:
        await four_tasks(world)
        known = world.cloud.autoscaling._targets  # noqa: SLF001  as a person could
        del known[f"service/{world.system.cluster}/orders-b"]
        entry = await world.ended(world.push("v2"))
        assert entry.outcome is Outcome.ROLLED_BACK
        assert world.desired() == {Slot.A: 4, Slot.B: 0}
        assert "no scalable target for orders-b" in (entry.reason or "")


async def test_a_restore_returns_traffic_also_while_autoscaling_does_not_answer() -> (
    None
):
    """Invariant 8: bounds are given back when it answers again."""
    async with road(SCALED, scaling=BOUNDS, min_tasks=2) as world:
        await four_tasks(world)
        digest = world.push("v2")
        await world.reached(digest, "shifted-1")
        down = [True]

        def refuse(service: str, *_: Any) -> None:
            if service == "application-autoscaling" and down:
                raise AwsError("InternalServiceException", "down", 500)

        world.cloud.router.before(refuse)
        await world.make_sick(Slot.B)
        await world.until(lambda: world.weights() == {Slot.A: 100, Slot.B: 0})
        await world.pause(600)
        assert world.entry(digest).outcome is None
        down.clear()
        assert (await world.ended(digest)).outcome is Outcome.ROLLED_BACK
        assert world.targets() == {Slot.A: resting(BOUNDS), Slot.B: IDLE}


async def test_a_step_run_again_does_not_take_its_own_tasks_for_growth() -> None:
    """Invariant 10: the first run scaled the candidate, the second must not do more."""
    async with road(SCALED, scaling=BOUNDS, min_tasks=2) as world:
        await four_tasks(world)
        failed: list[int] = []

        def fail_once(service: str, called: str, _: Any, caller: str | None) -> None:
            ours = (
                "SetCapacity" in (caller or "") and called == "RegisterScalableTarget"
            )
            if ours and world.desired()[Slot.B] == 2 and not failed:
                failed.append(2)
                raise AwsError("ValidationException", f"{service} fails once", 400)

        world.cloud.router.before(fail_once)
        functions = world.cloud.functions
        invoke = functions.invoke

        async def twice(name: str, payload: Any) -> Any:
            try:
                return await invoke(name, payload)
            except FunctionError:
                return await invoke(name, payload)

        functions.invoke = twice  # type: ignore[method-assign]
        entry = await world.ended(world.push("v2"))
        assert failed == [2]
        assert entry.outcome is Outcome.PROMOTED
        counts = [
            call.params["desiredCount"]
            for call in world.writes("UpdateService")
            if call.params["service"] == "orders-b"
        ]
        assert counts == [1, 2, 4]
