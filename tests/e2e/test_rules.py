"""Writing weights changes weights, and nothing else of a rule."""

from typing import Any

from slipway.domain.rollout import Outcome
from slipway.domain.service import Slot

from tests.e2e.road import SHORT, Road, client, road

SIGN_IN = {
    "Type": "authenticate-cognito",
    "Order": 1,
    "AuthenticateCognitoConfig": {
        "UserPoolArn": "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/users",
        "UserPoolClientId": "abcdefghijklmnopqrstuvwxyz",
        "UserPoolDomain": "orders",
        "OnUnauthenticatedRequest": "authenticate",
    },
}


async def test_authentication_stays_where_weights_are_written() -> None:
    """ModifyRule replaces all actions of a rule (ELB API reference)."""
    async with road(SHORT) as world:
        closed = {k: v for k, v in world.actions()[-1].items() if k != "Order"}
        client("elbv2").modify_rule(
            RuleArn=world.binding.rule_arn, Actions=[SIGN_IN, closed | {"Order": 2}]
        )
        flow = await world.first_release()
        entry = await world.ended(world.push("v2"))
        assert entry.outcome is Outcome.PROMOTED
        [sign_in, forward] = world.actions()
        assert sign_in == SIGN_IN
        assert forward["Order"] == 2
        assert world.weights() == {Slot.A: 0, Slot.B: 100}
        assert flow.totals.failed == 0


async def test_a_second_rule_with_the_slots_groups_gets_the_same_weights() -> None:
    """Every rule that names either group is part of the rollout."""
    async with road(SHORT) as world:
        flow = await world.first_release()
        second = _second_rule(world)
        digest = world.push("v2")
        await world.reached(digest, "shifted-0")
        assert _weights(world, second["Actions"]) == {Slot.A: 100}
        [now] = client("elbv2").describe_rules(RuleArns=[second["RuleArn"]])["Rules"]
        assert _weights(world, now["Actions"]) == {Slot.A: 90, Slot.B: 10}
        await world.ended(digest)
        [end] = client("elbv2").describe_rules(RuleArns=[second["RuleArn"]])["Rules"]
        assert _weights(world, end["Actions"]) == {Slot.A: 0, Slot.B: 100}
        assert flow.totals.failed == 0


async def test_a_default_action_with_the_slots_groups_gets_the_same_weights() -> None:
    async with road(SHORT) as world:
        flow = await world.first_release()
        listener = world.binding.listener_arn
        client("elbv2").modify_listener(
            ListenerArn=listener, DefaultActions=[_to_slot_a(world)]
        )
        bad = await world.ended(world.push("v2", fail_every=5))
        assert bad.outcome is Outcome.ROLLED_BACK
        assert _default(world) == {Slot.A: 100, Slot.B: 0}
        await world.ended(world.push("v3"))
        assert _default(world) == {Slot.A: 0, Slot.B: 100}
        assert flow.totals.failed_unrouted == 0


async def test_a_rule_of_somebody_else_on_the_same_listener_stays_as_it_is() -> None:
    """Invariant 9: the parking rule and foreign rules are nobody's to write."""
    async with road(SHORT) as world:
        await world.first_release()
        before = _others(world)
        await world.ended(world.push("v2"))
        assert _others(world) == before
        written = {call.params["RuleArn"] for call in world.writes("ModifyRule")}
        assert written == {world.binding.rule_arn}


def _second_rule(world: Road) -> dict[str, Any]:
    """Add a rule that somebody wrote with a single group, without weights."""
    condition = {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/api/*"]}}
    [rule] = client("elbv2").create_rule(
        ListenerArn=world.binding.listener_arn,
        Priority=500,
        Conditions=[condition],
        Actions=[_to_slot_a(world)],
    )["Rules"]
    return dict(rule)


def _to_slot_a(world: Road) -> dict[str, Any]:
    arn = world.binding.target_group_arns[Slot.A]
    return {"Type": "forward", "TargetGroupArn": arn}


def _weights(world: Road, actions: list[dict[str, Any]]) -> dict[Slot, int]:
    forward = actions[-1]
    groups = forward.get("ForwardConfig", {}).get("TargetGroups") or [
        {"TargetGroupArn": forward["TargetGroupArn"], "Weight": 100}
    ]
    slots = {arn: slot for slot, arn in world.binding.target_group_arns.items()}
    return {slots[g["TargetGroupArn"]]: g.get("Weight", 100) for g in groups}


def _default(world: Road) -> dict[Slot, int]:
    listener = world.binding.listener_arn
    [found] = client("elbv2").describe_listeners(ListenerArns=[listener])["Listeners"]
    return _weights(world, found["DefaultActions"])


def _others(world: Road) -> list[dict[str, Any]]:
    rules = client("elbv2").describe_rules(ListenerArn=world.binding.listener_arn)
    return [r for r in rules["Rules"] if r["RuleArn"] != world.binding.rule_arn]
