"""Bounds by the clock: they come at rest, and rollouts carry those that hold.

Worlds begin on a Monday at nine; a first release takes some minutes.
"""

import pytest
from slipway.domain.provision_run import Result
from slipway.domain.rollout import Outcome
from slipway.domain.scaling import IDLE, resting
from slipway.domain.schedule import ScheduledBounds
from slipway.domain.service import Scaling, Slot

from tests.e2e.grounds import front, shop
from tests.e2e.road import SHORT, Road, client, road

TEN = ScheduledBounds("cron(0 10 * * ? *)", "UTC", 4, 12)
ELEVEN = ScheduledBounds("cron(0 12 * * ? *)", "Europe/Berlin", 1, 3)
CLOCKED = Scaling(2, 6, (TEN, ELEVEN))
"""Before ten those of yesterday's eleven hold; ten is eleven in Berlin."""
EARLY, LATE = resting(Scaling(1, 3)), resting(Scaling(4, 12))


def put_actions(world: Road) -> None:
    """Give both slots the scheduled actions that provisioning gives them."""
    for name in world.service.slots.values():
        for number, one in enumerate(CLOCKED.schedule, start=1):
            client("application-autoscaling").put_scheduled_action(
                ServiceNamespace="ecs",
                ScalableDimension="ecs:service:DesiredCount",
                ResourceId=f"service/{world.system.cluster}/{name}",
                ScheduledActionName=f"{name}-{number}",
                Schedule=one.at,
                Timezone=one.timezone,
                ScalableTargetAction={
                    "MinCapacity": one.min_tasks,
                    "MaxCapacity": one.max_tasks,
                },
            )


async def clock_shows(
    world: Road, hour: int, minute: int = 0, *, before_seconds: int = 0
) -> None:
    """Let time go by until the clock shows something, or some seconds less."""
    now = world.cloud.clock.now()
    wanted = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    assert wanted > now
    await world.pause((wanted - now).total_seconds() - before_seconds)


async def test_bounds_come_by_the_clock_and_an_idle_slot_stays_idle() -> None:
    async with road(SHORT, scaling=CLOCKED, min_tasks=1) as world:
        put_actions(world)
        world.demand(0.5)
        flow = await world.first_release()
        assert world.targets() == {Slot.A: EARLY, Slot.B: IDLE}
        assert world.desired() == {Slot.A: 1, Slot.B: 0}
        await clock_shows(world, 10, 1)
        assert world.targets() == {Slot.A: LATE, Slot.B: IDLE}
        assert world.desired() == {Slot.A: 4, Slot.B: 0}
        world.demand(3)
        await clock_shows(world, 11, 1)
        assert world.targets() == {Slot.A: EARLY, Slot.B: IDLE}
        assert world.desired() == {Slot.A: 3, Slot.B: 0}
        assert flow.totals.failed == 0


@pytest.mark.parametrize("seconds", [20, 80, 140, 200, 260, 320, 380])
async def test_a_new_primary_has_the_bounds_that_hold_by_then(seconds: int) -> None:
    """The clock strikes in mid-rollout: more tasks are due from then on."""
    async with road(SHORT, scaling=CLOCKED, min_tasks=1) as world:
        put_actions(world)
        world.demand(0.5)
        flow = await world.first_release()
        await clock_shows(world, 10, before_seconds=seconds)
        entry = await world.ended(world.push("v2"))
        assert world.cloud.clock.now().hour == 10
        assert entry.outcome is Outcome.PROMOTED, entry.reason
        assert world.targets() == {Slot.A: IDLE, Slot.B: LATE}
        assert world.desired() == {Slot.A: 0, Slot.B: 4}
        assert flow.totals.failed == 0


async def test_fewer_tasks_are_due_only_once_the_rollout_is_over() -> None:
    """Invariant 1: four are serving when three become the most."""
    async with road(SHORT, scaling=CLOCKED, min_tasks=1) as world:
        put_actions(world)
        world.demand(0.5)
        flow = await world.first_release()
        await clock_shows(world, 10, 57)
        digest = world.push("v2")
        await world.reached(digest, "shifted-0")
        await clock_shows(world, 11)
        await world.pause(1)
        assert world.desired() == {Slot.A: 4, Slot.B: 1}
        await world.reached(digest, "shifted-1")
        assert world.desired() == {Slot.A: 4, Slot.B: 4}
        assert (await world.ended(digest)).outcome is Outcome.PROMOTED
        assert world.targets() == {Slot.A: IDLE, Slot.B: EARLY}
        assert world.desired() == {Slot.A: 0, Slot.B: 3}
        assert flow.totals.failed == 0


async def test_a_restored_primary_has_the_bounds_of_that_moment() -> None:
    """Invariant 2."""
    async with road(SHORT, scaling=CLOCKED, min_tasks=1, at_rest=False) as world:
        put_actions(world)
        world.demand(0.5)
        flow = await world.first_release()
        await clock_shows(world, 9, 57)
        digest = world.push("v2")
        await world.reached(digest, "shifted-0")
        await clock_shows(world, 10, 1)
        world.kill(digest)
        entry = await world.closed(digest)
        assert entry.outcome is Outcome.ABORTED
        assert world.targets() == {Slot.A: LATE, Slot.B: IDLE}
        assert world.desired() == {Slot.A: 4, Slot.B: 0}
        assert flow.totals.failed == 0


# ----------------------------------------------------- from manifests


def scheduled() -> dict[str, tuple[str, int, int]]:
    """Return all scheduled actions: their times and bounds, by name."""
    found = client("application-autoscaling").describe_scheduled_actions(
        ServiceNamespace="ecs"
    )
    return {
        one["ScheduledActionName"]: (
            one["Schedule"],
            one["ScalableTargetAction"]["MinCapacity"],
            one["ScalableTargetAction"]["MaxCapacity"],
        )
        for one in found["ScheduledActions"]
    }


async def test_what_a_manifest_says_of_times_is_made_changed_and_taken_away() -> None:
    """A person's own action, of another name, stays as it is."""
    async with shop() as world:
        client("application-autoscaling").put_scheduled_action(
            ServiceNamespace="ecs",
            ScalableDimension="ecs:service:DesiredCount",
            ResourceId="service/test/front-a",
            ScheduledActionName="by hand",
            Schedule="at(2027-01-01T00:00:00)",
            ScalableTargetAction={"MinCapacity": 1, "MaxCapacity": 1},
        )
        theirs = scheduled()["by hand"]
        every = "cron(0 12 * * ? *)", "cron(0 13 * * ? *)"
        times = [{"at": one, "range": "3-4"} for one in every]
        world.upload(front(count={"range": "2-6", "schedule": times}))
        assert (await world.provisioned()).result is Result.DONE
        assert scheduled() == {
            f"front-{slot}-{number}": (one, 3, 4)
            for slot in Slot
            for number, one in enumerate(every, start=1)
        } | {"by hand": theirs}
        world.upload(front(count={"range": "2-6", "schedule": times[1:]}))
        assert (await world.provisioned()).result is Result.DONE
        assert scheduled() == {f"front-{slot}-1": (every[1], 3, 4) for slot in Slot} | {
            "by hand": theirs
        }
        world.upload(front(count={"range": "2-6", "cpu_percentage": 60}))
        assert (await world.provisioned()).result is Result.DONE
        assert scheduled() == {"by hand": theirs}
