"""Load balancers: health that is read, weights that are written and read back."""

from typing import Any

import pytest
from slipway.domain.service import Slot
from slipway.domain.traffic import Weights
from slipway.errors import NotFound, Unavailable
from slipway.gateways.elbv2 import shares_in

from tests.integration.gateways.world import GOOD, World, a_world
from tests.unit.localcloud.compute import client, virtual

A, B = Slot.A, Slot.B
CLOSED = {"StatusCode": "503", "ContentType": "text/plain"}


def forward(world: World, a: int, b: int, **config: Any) -> dict[str, Any]:
    """Return a forward action with these weights, in no unit."""
    groups = [
        {"TargetGroupArn": world.group(slot), "Weight": weight}
        for slot, weight in ((A, a), (B, b))
    ]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": groups, **config}}


def another_rule(world: World, action: dict[str, Any], path: str = "/other") -> str:
    """Make another rule on the service's listener; return its ARN."""
    elb = client("elbv2")
    rule = elb.create_rule(
        ListenerArn=world.binding.listener_arn,
        Priority=90,
        Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": [path]}}],
        Actions=[action],
    )
    return rule["Rules"][0]["RuleArn"]


def writes(world: World) -> int:
    """Count the writes of rules and of listeners so far."""
    return world.count("elbv2", "ModifyRule") + world.count("elbv2", "ModifyListener")


# ------------------------------------------------------------------ health


def shares_now(world: World) -> list[Weights]:
    """Return the slots' shares in each rule that forwards to them."""
    return shares_in(world.load_balancing.rules(world.binding))


@virtual
async def test_only_healthy_targets_count_and_no_verdict_is_none_healthy() -> None:
    async with a_world() as world:
        group = world.group(A)
        assert world.load_balancing.healthy(group) == 0
        world.cloud.launch("orders", "a", GOOD, 2)
        while world.cloud.describe("orders-a")["runningCount"] < 2:
            assert world.load_balancing.healthy(group) == 0
            await world.cloud.clock.sleep(1)
        await world.cloud.clock.sleep(30)
        assert world.load_balancing.healthy(group) == 2
        assert world.load_balancing.healthy(world.group(B)) == 0


@virtual
async def test_a_group_that_is_gone_is_an_error_and_not_a_zero() -> None:
    async with a_world() as world:
        with pytest.raises(NotFound, match="TargetGroupNotFound"):
            world.load_balancing.healthy(world.group(A) + "0")


# ------------------------------------------------------------------ reading


@virtual
async def test_a_closed_rule_has_no_weights_and_the_parking_rule_does_not_count() -> (
    None
):
    async with a_world() as world:
        assert shares_now(world) == []


@pytest.mark.parametrize(
    ("raw", "percent"),
    [((1, 1), (50, 50)), ((9, 1), (90, 10)), ((0, 0), (0, 0)), ((999, 0), (100, 0))],
)
@virtual
async def test_weights_are_read_as_percentages_whatever_their_unit(
    raw: tuple[int, int], percent: tuple[int, int]
) -> None:
    async with a_world() as world:
        world.write_rule([forward(world, *raw)])
        [shares] = shares_now(world)
        assert (shares[A], shares[B]) == percent


@virtual
async def test_a_rule_that_names_one_group_alone_gives_it_everything() -> None:
    async with a_world() as world:
        world.write_rule([{"Type": "forward", "TargetGroupArn": world.group(B)}])
        assert shares_now(world) == [{A: 0, B: 100}]


@virtual
async def test_every_rule_that_names_a_slots_group_is_read() -> None:
    async with a_world() as world:
        world.write_rule([forward(world, 90, 10)])
        another_rule(world, forward(world, 1, 1))
        shares = shares_now(world)
        assert sorted(s[B] for s in shares) == [10, 50]


@virtual
async def test_a_rule_that_is_gone_is_named() -> None:
    async with a_world() as world:
        client("elbv2").delete_rule(RuleArn=world.binding.rule_arn)
        with pytest.raises(NotFound, match="make it again, or correct the record"):
            shares_now(world)


# ------------------------------------------------------------------ writing


@virtual
async def test_weights_written_are_read_back_and_written_once() -> None:
    async with a_world() as world:
        lb, binding = world.load_balancing, world.binding
        assert lb.route(binding, {A: 90, B: 10})
        assert shares_now(world) == [{A: 90, B: 10}]
        assert writes(world) == 1
        assert not lb.route(binding, {A: 90, B: 10})
        assert writes(world) == 1


@virtual
async def test_stickiness_of_groups_is_written_off_for_it_outranks_weights() -> None:
    async with a_world() as world:
        sticky = {"Enabled": True, "DurationSeconds": 600}
        world.write_rule([forward(world, 1, 1, TargetGroupStickinessConfig=sticky)])
        world.load_balancing.route(world.binding, {A: 100, B: 0})
        calls = world.cloud.router.calls
        written = next(c for c in reversed(calls) if c.operation == "ModifyRule")
        for action in (*written.params["Actions"], *world.rule()):
            stickiness = action["ForwardConfig"]["TargetGroupStickinessConfig"]
            assert stickiness["Enabled"] is False


@virtual
async def test_stickiness_is_written_off_also_where_the_weights_are_right() -> None:
    async with a_world() as world:
        sticky = {"Enabled": True, "DurationSeconds": 600}
        world.write_rule([forward(world, 1, 0, TargetGroupStickinessConfig=sticky)])
        assert shares_now(world) == [{A: 100, B: 0}]
        assert world.load_balancing.route(world.binding, {A: 100, B: 0})
        assert not world.load_balancing.route(world.binding, {A: 100, B: 0})


@virtual
async def test_clients_stay_for_as_long_as_is_asked_and_that_is_written_once() -> None:
    async with a_world() as world:
        lb, split = world.load_balancing, {A: 90, B: 10}
        assert lb.route(world.binding, split, sticky_seconds=600)
        assert not lb.route(world.binding, split, sticky_seconds=600)
        [rule] = lb.rules(world.binding)
        assert (rule.shares, rule.sticky_seconds) == (split, 600)
        assert lb.route(world.binding, split)
        [rule] = lb.rules(world.binding)
        assert rule.sticky_seconds == 0


@pytest.mark.parametrize("seconds", [1, 599, 601, 604800])
@virtual
async def test_clients_that_stay_for_another_time_are_corrected(seconds: int) -> None:
    async with a_world() as world:
        stay = {"Enabled": True, "DurationSeconds": seconds}
        world.write_rule([forward(world, 90, 10, TargetGroupStickinessConfig=stay)])
        assert world.load_balancing.route(
            world.binding, {A: 90, B: 10}, sticky_seconds=600
        )
        [rule] = world.load_balancing.rules(world.binding)
        assert rule.sticky_seconds == 600


@virtual
async def test_every_rule_that_names_a_slots_group_lets_clients_stay() -> None:
    async with a_world() as world:
        world.write_rule([forward(world, 1, 0)])
        another_rule(world, forward(world, 1, 0))
        world.load_balancing.route(world.binding, {A: 50, B: 50}, sticky_seconds=600)
        rules = world.load_balancing.rules(world.binding)
        assert [rule.sticky_seconds for rule in rules] == [600, 600]


@virtual
async def test_a_weight_however_small_is_seen() -> None:
    async with a_world() as world:
        world.write_rule([forward(world, 999, 1)])
        assert shares_now(world) == [{A: 99, B: 1}]


@virtual
async def test_a_binding_is_open_by_its_own_rule_alone() -> None:
    async with a_world() as world:
        another_rule(world, forward(world, 1, 1))
        assert not world.load_balancing.is_open(world.binding)
        world.write_rule([forward(world, 1, 1)])
        assert world.load_balancing.is_open(world.binding)


@virtual
async def test_authentication_before_the_forward_stays() -> None:
    async with a_world() as world:
        login = {
            "Type": "authenticate-cognito",
            "Order": 1,
            "AuthenticateCognitoConfig": {
                "UserPoolArn": "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/x",
                "UserPoolClientId": "client",
                "UserPoolDomain": "domain",
            },
        }
        world.write_rule([login, {**forward(world, 1, 1), "Order": 2}])
        world.load_balancing.route(world.binding, {A: 100, B: 0})
        first, last = world.rule()
        assert first["Type"] == "authenticate-cognito"
        assert first["AuthenticateCognitoConfig"]["UserPoolClientId"] == "client"
        assert (last["Type"], last["Order"]) == ("forward", 2)


@virtual
async def test_the_secret_of_an_oidc_login_is_kept_though_it_is_never_read() -> None:
    async with a_world() as world:
        login = {
            "Type": "authenticate-oidc",
            "Order": 1,
            "AuthenticateOidcConfig": {
                "Issuer": "https://login.example.com",
                "AuthorizationEndpoint": "https://login.example.com/authorize",
                "TokenEndpoint": "https://login.example.com/token",
                "UserInfoEndpoint": "https://login.example.com/user",
                "ClientId": "client",
                "ClientSecret": "secret",
            },
        }
        world.write_rule([login, {**forward(world, 1, 1), "Order": 2}])
        world.load_balancing.route(world.binding, {A: 100, B: 0})
        calls = world.cloud.router.calls
        written = next(c for c in reversed(calls) if c.operation == "ModifyRule")
        config = written.params["Actions"][0]["AuthenticateOidcConfig"]
        assert config["UseExistingClientSecret"] is True


@virtual
async def test_every_rule_and_default_that_names_a_group_is_written() -> None:
    async with a_world() as world:
        other = another_rule(world, forward(world, 1, 1))
        client("elbv2").modify_listener(
            ListenerArn=world.binding.listener_arn,
            DefaultActions=[forward(world, 1, 0)],
        )
        before = writes(world)
        assert world.load_balancing.route(world.binding, {A: 40, B: 60})
        assert writes(world) - before == 3
        assert shares_now(world) == [{A: 40, B: 60}] * 3
        groups = world.rule(other)[0]["ForwardConfig"]["TargetGroups"]
        assert {g["TargetGroupArn"]: g["Weight"] for g in groups} == {
            world.group(A): 40,
            world.group(B): 60,
        }


@virtual
async def test_rules_of_others_and_the_parking_rule_are_left_alone() -> None:
    async with a_world() as world:
        fixed = {
            "Type": "fixed-response",
            "FixedResponseConfig": {"StatusCode": "410", "ContentType": "text/plain"},
        }
        other = another_rule(world, fixed)
        parking = world.rule(world.binding.parking_rule_arn)
        world.load_balancing.route(world.binding, {A: 0, B: 100})
        assert world.rule(other)[0]["FixedResponseConfig"]["StatusCode"] == "410"
        assert world.rule(world.binding.parking_rule_arn) == parking


@virtual
async def test_closing_answers_503_by_the_services_own_rule_alone() -> None:
    async with a_world() as world:
        lb, binding = world.load_balancing, world.binding
        lb.route(binding, {A: 100, B: 0})
        assert lb.route(binding, None)
        [action] = world.rule()
        assert action["Type"] == "fixed-response"
        assert action["FixedResponseConfig"].items() >= CLOSED.items()
        assert shares_now(world) == []
        assert not lb.route(binding, None)


@virtual
async def test_a_write_that_does_not_read_back_is_tried_again_later() -> None:
    async with a_world() as world:
        elb = client("elbv2")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(elb, "modify_rule", lambda **_: {})
            with pytest.raises(Unavailable, match="does not read back as it was"):
                world.load_balancing.route(world.binding, {A: 100, B: 0})
