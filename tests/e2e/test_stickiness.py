"""Clients that stay with a release while two of them serve, and with none that goes.

What AWS leaves open of the cookies runs both ways.
"""

from collections.abc import Sequence
from typing import Any

import pytest
from localcloud.api import Call
from localcloud.delays import OpenQuestions
from localcloud.simulated import Flow
from slipway.domain.provision_run import Result
from slipway.domain.rollout import Outcome
from slipway.domain.service import Slot
from slipway.domain.traffic import STICKY_SECONDS

from tests.e2e.grounds import orders, shop
from tests.e2e.road import Road, client, road
from tests.e2e.stories import repeat_stages
from tests.e2e.test_costs import MOST_CALLS

CLIENTS = 39
"""Of which each tenth request is not always the same one's."""
COST = sum(MOST_CALLS.values())
OFF: dict[str, Any] = {"Enabled": False}
ON: dict[str, Any] = {"Enabled": True, "DurationSeconds": STICKY_SECONDS}
both_ways = pytest.mark.parametrize(
    "questions",
    [
        OpenQuestions(),
        OpenQuestions(group_cookie_is_not_renewed=True),
        OpenQuestions(group_cookie_yields_where_group_is_empty=True),
    ],
    ids=["renewed", "not renewed", "yields"],
)


async def begun(world: Road) -> Flow:
    """See a first release promoted, and clients that keep cookies come."""
    await world.ended(world.push())
    flow = world.send(clients=CLIENTS)
    await world.pause(60)
    return flow


def where(world: Road, flow: Flow) -> dict[Slot, int]:
    """Return how many clients were led to which slot by their last request."""
    arns = world.binding.target_group_arns
    groups = [one.group for one in flow.clients]
    return {slot: groups.count(arn) for slot, arn in arns.items()}


def stays(world: Road) -> Sequence[tuple[tuple[int, ...], Any]]:
    """Return what Slipway wrote to the rule: weights, and whether clients stay."""
    return forwards(world.writes())


def forwards(calls: Sequence[Call]) -> Sequence[tuple[tuple[int, ...], Any]]:
    """Return the weights that calls gave rules, and whether clients stay by them."""
    found = []
    for call in calls:
        if call.operation == "ModifyRule":
            config = call.params["Actions"][-1]["ForwardConfig"]
            weights = tuple(one["Weight"] for one in config["TargetGroups"])
            found.append((weights, config["TargetGroupStickinessConfig"]))
    return found


def stay_by_hand(world: Road) -> None:
    """Turn stickiness on in the rule of orders, whatever its weights."""
    actions = world.actions()
    config = actions[-1]["ForwardConfig"]
    config["TargetGroupStickinessConfig"] = ON
    actions[-1] = {"Type": "forward", "ForwardConfig": config}
    client("elbv2").modify_rule(RuleArn=world.binding.rule_arn, Actions=actions)


# ------------------------------------------------------------- a good release


@both_ways
async def test_clients_stay_with_their_release_until_one_serves_alone(
    questions: OpenQuestions,
) -> None:
    async with road(sticky=True, open_questions=questions) as world:
        flow = await begun(world)
        digest = world.push("v2")
        await world.reached(digest, "shifted-0")
        await world.pause(20)
        moved = flow.moves
        assert where(world, flow) == {Slot.A: 35, Slot.B: 4}
        await world.until(lambda: world.weights()[Slot.B] == 50)
        await world.pause(30)
        assert (flow.moves, where(world, flow)[Slot.B]) == (moved, 4)
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.PROMOTED, entry.reason
        assert flow.totals.failed == 0
        assert stays(world) == [
            ((100, 0), OFF),
            ((90, 10), ON),
            ((50, 50), ON),
            ((0, 100), OFF),
        ]


@both_ways
async def test_everybody_is_with_the_new_release_before_the_old_one_is_retired(
    questions: OpenQuestions,
) -> None:
    async with road(sticky=True, open_questions=questions) as world:
        flow = await begun(world)
        [old] = flow.totals.reached
        digest = world.push("v2")
        await world.reached(digest, "shifted-2")
        await world.pause(30)
        reached = flow.totals.reached[old]
        assert where(world, flow) == {Slot.A: 0, Slot.B: CLIENTS}
        await world.ended(digest)
        assert flow.totals.reached[old] == reached
        assert flow.totals.failed == 0


@pytest.mark.parametrize("fail_every", [0, 5])
async def test_stages_that_run_twice_let_clients_stay_as_one_run_does(
    fail_every: int,
) -> None:
    """Invariant 10: each write says weights and stickiness together."""
    async with road(sticky=True) as world:
        flow = await begun(world)
        repeat_stages(world.cloud.functions)
        digest = world.push("v2", fail_every=fail_every)
        entry = await world.ended(digest)
        whole = Outcome.ROLLED_BACK if fail_every else Outcome.PROMOTED
        assert entry.outcome is whole, entry.reason
        assert flow.totals.failed == flow.totals.failed_by_digest[digest]
        written = stays(world)
        assert ((90, 10), ON) in written
        assert all((stay == ON) is all(weights) for weights, stay in written)


async def test_new_clients_go_by_weight_and_those_who_were_here_do_not() -> None:
    async with road(sticky=True) as world:
        flow = await begun(world)
        digest = world.push("v2")
        await world.reached(digest, "shifted-1")
        await world.pause(5)
        fresh = world.send(clients=CLIENTS)
        await world.pause(30)
        assert where(world, flow) == {Slot.A: 35, Slot.B: 4}
        assert where(world, fresh)[Slot.B] == CLIENTS // 2
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.PROMOTED


# ------------------------------------------------------------- a bad release


@both_ways
async def test_a_restore_brings_everybody_back_also_those_who_would_stay(
    questions: OpenQuestions,
) -> None:
    """Invariant 2."""
    async with road(sticky=True, open_questions=questions) as world:
        flow = await begun(world)
        digest = world.push("v2", fail_every=5)
        await world.until(lambda: "restore-give-traffic" in world.marks(digest))
        await world.pause(10)
        reached = flow.totals.reached[digest]
        assert where(world, flow) == {Slot.A: CLIENTS, Slot.B: 0}
        assert (
            world.actions()[-1]["ForwardConfig"]["TargetGroupStickinessConfig"] == OFF
        )
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.ROLLED_BACK
        assert flow.totals.reached[digest] == reached
        assert flow.totals.failed == flow.totals.failed_by_digest[digest]


async def test_cookies_of_a_bad_release_do_not_lead_to_the_next_candidate() -> None:
    """Invariant 1: its slot gets another release, and their cookies still name it."""
    async with road(sticky=True) as world:
        flow = await begun(world)
        bad = world.push("v2")
        await world.reached(bad, "shifted-1")
        await world.pause(5)
        fresh = world.send(clients=CLIENTS)
        await world.pause(10)
        assert where(world, fresh)[Slot.B] == CLIENTS // 2
        await world.make_sick(Slot.B)
        assert (await world.ended(bad)).outcome is Outcome.ROLLED_BACK
        assert where(world, flow)[Slot.B] == where(world, fresh)[Slot.B] == 0
        mended = world.push("v3")
        await world.reached(mended, "shifted-0")
        await world.pause(10)
        before = fresh.totals.sent, fresh.totals.reached[mended]
        await world.pause(20)
        sent, reached = fresh.totals.sent, fresh.totals.reached[mended]
        assert reached - before[1] <= 0.15 * (sent - before[0])
        entry = await world.ended(mended)
        assert entry.outcome is Outcome.PROMOTED
        assert ((90, 10), OFF) in stays(world)[2:]


async def test_once_nobody_is_known_clients_stay_again() -> None:
    async with road(sticky=True) as world:
        await begun(world)
        bad = world.push("v2", crash_at_start=True)
        assert (await world.ended(bad)).outcome is Outcome.ROLLED_BACK
        until = world.journal.known_until("orders")
        assert until is not None
        await world.pause((until - world.cloud.clock.now()).total_seconds())
        await world.ended(world.push("v3"))
        assert ((90, 10), ON) in stays(world)


# ------------------------------------------------------------- by hand


async def test_nothing_is_launched_while_a_cookie_could_lead_to_it() -> None:
    async with road(sticky=True) as world:
        await begun(world)
        stay_by_hand(world)
        digest = world.push("v2")
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.ROLLED_BACK
        assert entry.reason is not None
        assert entry.reason.startswith("clients may stay with slot b")
        assert "launched" not in world.marks(digest)
        assert world.desired()[Slot.B] == 0


async def test_stickiness_that_somebody_turned_on_goes_with_the_next_weights() -> None:
    async with road() as world:
        flow = await begun(world)
        stay_by_hand(world)
        await world.pause(60)
        entry = await world.ended(world.push("v2"))
        assert entry.outcome is Outcome.PROMOTED
        assert flow.totals.failed == 0
        assert {str(stay) for _, stay in stays(world)} == {str(OFF)}


async def test_an_old_slot_with_which_clients_may_stay_is_not_retired() -> None:
    """Invariant 9: what somebody changed after a promotion stays."""
    async with road(at_rest=False) as world:
        flow = await begun(world)
        digest = world.push("v2")
        await world.reached(digest, "promoted")
        stay_by_hand(world)
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.FAILED
        assert entry.reason is not None
        assert entry.reason.startswith("clients may stay with slot a")
        assert world.desired() == {Slot.A: 4, Slot.B: 4}
        assert flow.totals.failed == 0


async def test_a_restore_turns_off_what_somebody_turned_on_by_hand() -> None:
    """Else those whom a cookie leads to the candidate would lose their requests."""
    async with road(sticky=True) as world:
        flow = await begun(world)
        digest = world.push("v2")
        await world.reached(digest, "shifted-1")
        await world.pause(5)
        fresh = world.send(clients=CLIENTS)
        await world.pause(10)
        world.set_weights({Slot.A: 100, Slot.B: 0})
        stay_by_hand(world)
        await world.pause(10)
        assert where(world, fresh)[Slot.B]
        await world.make_sick(Slot.B)
        assert (await world.ended(digest)).outcome is Outcome.ROLLED_BACK
        assert flow.totals.failed == fresh.totals.failed == 0
        assert stays(world)[-1] == ((100, 0), OFF)


@pytest.mark.parametrize("sticky", [False, True])
async def test_clients_that_may_stay_cost_no_call_of_aws(*, sticky: bool) -> None:
    async with road(sticky=sticky) as world:
        await begun(world)
        before = len(world.cloud.router.calls)
        await world.ended(world.push("v2"))
        made = [c for c in world.cloud.router.calls[before:] if c.caller is not None]
        assert sum(call.service != "dynamodb" for call in made) == COST


# ------------------------------------------------------------- from a manifest


async def test_a_manifest_lets_clients_stay_and_changes_that_in_place() -> None:
    http = {"load_balancer": "inside", "healthcheck": "/healthz", "stickiness": True}
    async with shop(orders(http=http)) as made:
        await made.released("orders")
        (binding,) = made.service("orders").bindings
        assert binding.sticky
        (fronts,) = made.service("front").bindings
        assert not fronts.sticky
        before = made.calls
        assert (await made.run()).result is Result.DONE
        assert made.writes(before) == []
        flow = made.send("orders", "orders.internal")
        await made.pause(60)
        await made.released("orders", "v2")
        assert forwards(made.cloud.router.calls)[-2:] == [
            ((50, 50), ON),
            ((0, 100), OFF),
        ]
        releases, before = len(made.journal.rollouts("orders")), made.calls
        made.upload(orders())
        assert (await made.provisioned()).result is Result.DONE
        assert not made.service("orders").bindings[0].sticky
        assert made.writes(before) == []
        assert len(made.journal.rollouts("orders")) == releases
        await made.released("orders", "v3")
        assert ((50, 50), OFF) in forwards(made.cloud.router.calls[before:])
        assert flow.totals.failed == 0
