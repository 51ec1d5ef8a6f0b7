"""What somebody changed by hand is repaired by one run, and nothing else is touched.

All tests share one running shop, since each leaves it as it was; where one does not,
the next gets a shop of its own.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from localcloud.clock import VirtualLoop
from localcloud.simulated import Flow
from slipway.domain.provision_run import Result
from slipway.domain.service import Slot

from tests.e2e.grounds import (
    ROLLOUT,
    Grounds,
    Manifest,
    environment,
    front,
    orders,
    shop,
)
from tests.e2e.inventory import Inventory, inventory
from tests.e2e.road import client

SETTLED_SECONDS = 240
"""Until tasks that a repair started serve, and drained ones are gone."""

PER_SECOND = 2.0
"""Requests to each service, enough to see whether it answers."""

# ------------------------------------------------------------- the shop


@dataclass(slots=True)
class Running:
    """A shop in which front and orders serve, and stock waits for its first image."""

    made: Grounds
    flows: dict[str, Flow]
    """By service."""
    whole: Inventory

    def find_anew(self) -> None:
        """Let clients ask listeners that were made anew, as they would by name."""
        for name, flow in self.flows.items():
            flow.listener_arn = self.made.service(name).bindings[0].listener_arn

    @property
    def failed(self) -> int:
        """How many requests have failed so far."""
        return sum(flow.totals.failed for flow in self.flows.values())

    @property
    def answered(self) -> int:
        """How many requests were answered so far."""
        return sum(flow.totals.answered for flow in self.flows.values())


def asked_for(made: Grounds) -> Manifest:
    """Describe the shop's environment."""
    providers = ["FARGATE", "FARGATE_SPOT"]
    return environment(made.cloud.network, capacity_providers=providers)


SALE = {"at": "at(2099-11-27T08:00:00)", "range": "4-9"}
"""Long after the tests' days."""


@asynccontextmanager
async def running_shop() -> AsyncIterator[Running]:
    """Start a shop with two releases and live traffic."""
    stock = {
        "name": "stock",
        "image": {"location": "test/stock", "tag": "v*", "port": 8090},
        "count": 1,
        "rollout": ROLLOUT,
    }
    sticky = {"load_balancer": "inside", "healthcheck": "/healthz", "stickiness": True}
    async with shop(stock) as made:
        made.upload(
            asked_for(made),
            orders(http=sticky),
            front(
                http={
                    "load_balancer": "public",
                    "path": "/",
                    "healthcheck": "/healthz",
                    "priority": 10,
                    "deregistration_delay": "30s",
                },
                count={
                    "range": "2-6",
                    "cpu_percentage": 60,
                    "requests": 900,
                    "schedule": [SALE],
                },
            ),
        )
        report = await made.provisioned()
        assert report.result is Result.DONE, report
        for name in ("front", "orders"):
            await made.released(name)
            made.cloud.monitor.watch(made.service(name))
        hosts = {"front": "", "orders": "orders.internal"}
        await made.pause(60)
        flows = {n: made.send(n, host, PER_SECOND) for n, host in hosts.items()}
        await made.pause(60)
        running = Running(made, flows, inventory(made))
        assert running.failed == 0
        assert all(flow.totals.answered for flow in flows.values())
        yield running


class Stage:
    """Gives every test the same shop, until one fails."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner(loop_factory=VirtualLoop)
        self._shop: AbstractAsyncContextManager[Running] | None = None
        self._running: Running | None = None

    def play(self, scene: Callable[[Running], Coroutine[Any, Any, None]]) -> None:
        """Run a scene in the shop."""
        if self._shop is None or self._running is None:
            self._shop = running_shop()
            self._running = self._runner.run(self._shop.__aenter__())
        try:
            self._runner.run(scene(self._running))
        except BaseException as error:
            shop, self._shop = self._shop, None
            self._runner.run(shop.__aexit__(type(error), error, None))
            raise

    def close(self) -> None:
        """Close the shop: it looks then for dead letters and violations."""
        try:
            if self._shop is not None:
                self._runner.run(self._shop.__aexit__(None, None, None))
        finally:
            self._runner.close()


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Open a shop when it is first needed, for all tests of this file."""
    made = Stage()
    yield made
    made.close()


# ------------------------------------------------------------- damages


@dataclass(frozen=True, slots=True)
class Damage:
    """What somebody does by hand, and with which calls it is repaired."""

    do: Callable[[Grounds], None]
    calls: set[str]
    hurts: bool = False
    """Whether requests fail until the repair."""
    wait_seconds: float = 0
    """From the damage to the run."""


def elb(made: Grounds, operation: str, **params: Any) -> Any:
    """Call the load balancers."""
    del made
    return getattr(client("elbv2"), operation)(**params)


def update(slot: str, **params: Any) -> Callable[[Grounds], None]:
    """Return a change of a slot's ECS service."""

    def do(_: Grounds) -> None:
        client("ecs").update_service(cluster="test", service=slot, **params)

    return do


def _group(name: str) -> str:
    groups = client("ec2").describe_security_groups()["SecurityGroups"]
    (found,) = [g["GroupId"] for g in groups if g["GroupName"] == name]
    return str(found)


def _pair(source: str, target: str) -> tuple[str, str]:
    rules = client("ec2").describe_security_group_rules()["SecurityGroupRules"]
    of, by = _group(target), _group(source)
    (found,) = [
        r["SecurityGroupRuleId"]
        for r in rules
        if r["GroupId"] == of
        and r.get("ReferencedGroupInfo", {}).get("GroupId") == by
        and not r["IsEgress"]
    ]
    return of, str(found)


def revoke_pair(_: Grounds) -> None:
    """Let front reach orders no more."""
    of, rule = _pair("test/front", "test/orders")
    client("ec2").revoke_security_group_ingress(GroupId=of, SecurityGroupRuleIds=[rule])


def alter_pair(_: Grounds) -> None:
    """Let front reach another port of orders."""
    of, rule = _pair("test/front", "test/orders")
    client("ec2").revoke_security_group_ingress(GroupId=of, SecurityGroupRuleIds=[rule])
    client("ec2").authorize_security_group_ingress(
        GroupId=of,
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 9999,
                "ToPort": 9999,
                "UserIdGroupPairs": [{"GroupId": _group("test/front")}],
            }
        ],
    )


def let_in(cidr: str, protocol: str = "tcp") -> Callable[[Grounds], None]:
    """Return a foreign rule in the group of orders."""

    def do(_: Grounds) -> None:
        client("ec2").authorize_security_group_ingress(
            GroupId=_group("test/orders"),
            IpPermissions=[
                {
                    "IpProtocol": protocol,
                    "FromPort": 22,
                    "ToPort": 23,
                    "IpRanges": [{"CidrIp": cidr}],
                }
            ],
        )

    return do


def forget_inside(_: Grounds) -> None:
    """Let the internal load balancer reach orders no more."""
    of, rule = _pair("test/load-balancer/inside", "test/orders")
    client("ec2").revoke_security_group_ingress(GroupId=of, SecurityGroupRuleIds=[rule])


def delete_rules(service: str, *which: str) -> Callable[[Grounds], None]:
    """Return the removal of a service's rule, its parking rule, or both."""

    def do(made: Grounds) -> None:
        (binding,) = made.service(service).bindings
        for name in which:
            elb(made, "delete_rule", RuleArn=getattr(binding, name))

    return do


RULE, PARKED = "rule_arn", "parking_rule_arn"


def delete_groups(service: str, *slots: Slot) -> Callable[[Grounds], None]:
    """Return the removal of target groups, and before that of what names them."""

    def do(made: Grounds) -> None:
        delete_rules(service, RULE, PARKED)(made)
        (binding,) = made.service(service).bindings
        for slot in slots:
            arn = binding.target_group_arns[slot]
            elb(made, "delete_target_group", TargetGroupArn=arn)

    return do


def modify_group(operation: str, **params: Any) -> Callable[[Grounds], None]:
    """Return a change of the target group of front's serving slot."""

    def do(made: Grounds) -> None:
        arn = made.service("front").bindings[0].target_group_arns[Slot.A]
        elb(made, operation, TargetGroupArn=arn, **params)

    return do


def modify_rule(**params: Any) -> Callable[[Grounds], None]:
    """Return a change of front's rule."""

    def do(made: Grounds) -> None:
        arn = made.service("front").bindings[0].rule_arn
        elb(made, "modify_rule", RuleArn=arn, **params)

    return do


def keep_clients(service: str) -> Callable[[Grounds], None]:
    """Return that clients stay with a slot by a service's rule."""

    def do(made: Grounds) -> None:
        (binding,) = made.service(service).bindings
        (found,) = elb(made, "describe_rules", RuleArns=[binding.rule_arn])["Rules"]
        (action,) = found["Actions"]
        stay = {"Enabled": True, "DurationSeconds": 3600}
        action["ForwardConfig"]["TargetGroupStickinessConfig"] = stay
        action = {"Type": "forward", "ForwardConfig": action["ForwardConfig"]}
        elb(made, "modify_rule", RuleArn=binding.rule_arn, Actions=[action])

    return do


def prioritize(priority: int) -> Callable[[Grounds], None]:
    """Return another place for front's rule."""

    def do(made: Grounds) -> None:
        arn = made.service("front").bindings[0].rule_arn
        elb(
            made,
            "set_rule_priorities",
            RulePriorities=[{"RuleArn": arn, "Priority": priority}],
        )

    return do


def park_one(made: Grounds) -> None:
    """Let front's parking rule name one of its two groups."""
    binding = made.service("front").bindings[0]
    action = {
        "Type": "forward",
        "TargetGroupArn": binding.target_group_arns[Slot.A],
    }
    elb(made, "modify_rule", RuleArn=binding.parking_rule_arn, Actions=[action])


def delete_listener(made: Grounds) -> None:
    """Let the public load balancer listen no more: its rules go with it."""
    arn = made.service("front").bindings[0].listener_arn
    elb(made, "delete_listener", ListenerArn=arn)


def _balancer(name: str) -> Any:
    (found,) = client("elbv2").describe_load_balancers(Names=[name])["LoadBalancers"]
    return found


def delete_balancer(made: Grounds) -> None:
    """Delete the public load balancer: its listeners and rules go with it."""
    arn = _balancer("test-public")["LoadBalancerArn"]
    elb(made, "delete_load_balancer", LoadBalancerArn=arn)


def open_balancer(made: Grounds) -> None:
    """Put the public load balancer into another group."""
    default = _group("default")
    arn = _balancer("test-public")["LoadBalancerArn"]
    elb(made, "set_security_groups", LoadBalancerArn=arn, SecurityGroups=[default])


def narrow_balancer(made: Grounds) -> None:
    """Take the public load balancer out of a zone."""
    found = _balancer("test-public")
    subnets = [zone["SubnetId"] for zone in found["AvailabilityZones"]][:2]
    elb(
        made,
        "set_subnets",
        LoadBalancerArn=found["LoadBalancerArn"],
        Subnets=subnets,
    )


def _registry(name: str) -> str:
    services = client("servicediscovery").list_services()["Services"]
    (found,) = [s["Id"] for s in services if s["Name"] == name]
    return str(found)


def delete_name(_: Grounds) -> None:
    """Delete the registry service of a service without tasks."""
    client("servicediscovery").delete_service(Id=_registry("stock"))


def lengthen_ttl(_: Grounds) -> None:
    """Let resolvers remember orders for an hour."""
    client("servicediscovery").update_service(
        Id=_registry("orders"),
        Service={"DnsConfig": {"DnsRecords": [{"Type": "A", "TTL": 3600}]}},
    )


def tell(name: str, **attributes: str) -> Callable[[Grounds], None]:
    """Let the registry say something else of a service."""

    def do(_: Grounds) -> None:
        client("servicediscovery").update_service_attributes(
            ServiceId=_registry(name),
            Attributes={f"slipway:{key}": value for key, value in attributes.items()},
        )

    return do


def silence(_: Grounds) -> None:
    """Let the registry say nothing of orders."""
    said = client("servicediscovery").get_service_attributes(
        ServiceId=_registry("orders")
    )["ServiceAttributes"]["Attributes"]
    client("servicediscovery").delete_service_attributes(
        ServiceId=_registry("orders"), Attributes=[*said]
    )


def _scaling(slot: str) -> Any:
    return {
        "ServiceNamespace": "ecs",
        "ScalableDimension": "ecs:service:DesiredCount",
        "ResourceId": f"service/test/{slot}",
    }


def delete_policy(_: Grounds) -> None:
    """Delete what sizes the serving slot of front."""
    client("application-autoscaling").delete_scaling_policy(
        PolicyName="front-a-cpu", **_scaling("front-a")
    )


def retarget_policy(_: Grounds) -> None:
    """Let the serving slot of front be sized by another target."""
    client("application-autoscaling").put_scaling_policy(
        PolicyName="front-a-cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 95.0,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "ECSServiceAverageCPUUtilization"
            },
        },
        **_scaling("front-a"),
    )


def deregister(slot: str) -> Callable[[Grounds], None]:
    """Return the removal of a slot's scalable target, and so of its policies."""

    def do(_: Grounds) -> None:
        client("application-autoscaling").deregister_scalable_target(**_scaling(slot))

    return do


def register(slot: str, **params: Any) -> Callable[[Grounds], None]:
    """Return other bounds or suspensions of a slot."""

    def do(_: Grounds) -> None:
        client("application-autoscaling").register_scalable_target(
            **_scaling(slot), **params
        )

    return do


def delete_action(_: Grounds) -> None:
    """Delete a time at which the serving slot of front gets other bounds."""
    client("application-autoscaling").delete_scheduled_action(
        ScheduledActionName="front-a-1", **_scaling("front-a")
    )


def put_action(name: str, **params: Any) -> Callable[[Grounds], None]:
    """Return another time at which a slot gets other bounds."""

    def do(_: Grounds) -> None:
        usual = {
            "Schedule": "at(2099-11-27T08:00:00)",
            "ScalableTargetAction": {"MinCapacity": 4, "MaxCapacity": 9},
        }
        client("application-autoscaling").put_scheduled_action(
            ScheduledActionName=name, **_scaling("front-a"), **(usual | params)
        )

    return do


def delete_slot(slot: str) -> Callable[[Grounds], None]:
    """Return the removal of a slot, by force."""

    def do(_: Grounds) -> None:
        client("ecs").delete_service(cluster="test", service=slot, force=True)

    return do


def unregister_family(_: Grounds) -> None:
    """Deregister every revision of a service that never ran."""
    ecs = client("ecs")
    ecs.deregister_task_definition(taskDefinition="test_stock:1")


def delete_log_group(_: Grounds) -> None:
    """Delete the log group."""
    client("logs").delete_log_group(logGroupName="/shop/test")


def keep_logs(days: int | None) -> Callable[[Grounds], None]:
    """Return another time that entries are kept, None for ever."""

    def do(_: Grounds) -> None:
        logs = client("logs")
        if days is None:
            logs.delete_retention_policy(logGroupName="/shop/test")
        else:
            logs.put_retention_policy(logGroupName="/shop/test", retentionInDays=days)

    return do


def forget_record(made: Grounds) -> None:
    """Delete the record of orders; which release serves is still known."""
    del made.table.items["SERVICE#orders", "RECORD"]


def garble_record(made: Grounds) -> None:
    """Let the record of orders be no record."""
    made.table.items["SERVICE#orders", "RECORD"]["body"] = {"S": "{}"}


def fewer_providers(_: Grounds) -> None:
    """Take a capacity provider from the cluster."""
    client("ecs").put_cluster_capacity_providers(
        cluster="test",
        capacityProviders=["FARGATE"],
        defaultCapacityProviderStrategy=[],
    )


def breaker(**settings: bool) -> Any:
    """Return a deployment configuration with another circuit breaker."""
    return {"deploymentCircuitBreaker": settings}


def put_policy(name: str) -> Callable[[Grounds], None]:
    """Return one more policy for the serving slot of front."""

    def do(_: Grounds) -> None:
        client("application-autoscaling").put_scaling_policy(
            PolicyName=name,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": 70.0,
                "PredefinedMetricSpecification": {
                    "PredefinedMetricType": "ECSServiceAverageMemoryUtilization"
                },
            },
            **_scaling("front-a"),
        )

    return do


UPDATE = "ecs:UpdateService"
REGISTER = "application-autoscaling:RegisterScalableTarget"
POLICY = "application-autoscaling:PutScalingPolicy"
SCHEDULE = "application-autoscaling:PutScheduledAction"
AUTHORIZE = "ec2:AuthorizeSecurityGroupIngress"
TELL = "servicediscovery:UpdateServiceAttributes"
REVOKE = "ec2:RevokeSecurityGroupIngress"
NEW_RULE = "elbv2:CreateRule"
OPEN = "elbv2:ModifyRule"
"""A rule that is made anew leads nowhere until what serves is healthy there."""
NEW_GROUP = {"elbv2:CreateTargetGroup", "elbv2:ModifyTargetGroupAttributes"}

DAMAGES = {
    # Deleted.
    "a pair": Damage(revoke_pair, {AUTHORIZE}),
    "a pair of a load balancer": Damage(forget_inside, {AUTHORIZE}),
    "a serving rule": Damage(delete_rules("front", RULE), {NEW_RULE, OPEN}, hurts=True),
    "another serving rule": Damage(
        delete_rules("orders", RULE), {NEW_RULE, OPEN}, hurts=True
    ),
    "a parking rule": Damage(delete_rules("front", PARKED), {NEW_RULE}),
    "an idle slot's target group": Damage(
        delete_groups("orders", Slot.B),
        {NEW_RULE, OPEN, *NEW_GROUP, UPDATE},
        hurts=True,
    ),
    "target groups": Damage(
        delete_groups("front", *Slot),
        {NEW_RULE, OPEN, *NEW_GROUP, UPDATE, POLICY},
        hurts=True,
    ),
    "a listener": Damage(
        delete_listener, {"elbv2:CreateListener", NEW_RULE, OPEN}, hurts=True
    ),
    "a load balancer": Damage(
        delete_balancer,
        {
            "elbv2:CreateLoadBalancer",
            "elbv2:CreateListener",
            NEW_RULE,
            OPEN,
            POLICY,
        },
        hurts=True,
    ),
    "a registry service": Damage(
        delete_name, {"servicediscovery:CreateService", UPDATE, TELL}
    ),
    "a policy": Damage(delete_policy, {POLICY}),
    "a scheduled action": Damage(delete_action, {SCHEDULE}),
    "a serving slot's bounds": Damage(
        deregister("front-a"), {REGISTER, POLICY, SCHEDULE}
    ),
    "an idle slot's bounds": Damage(
        deregister("front-b"), {REGISTER, POLICY, SCHEDULE}
    ),
    "an idle slot": Damage(delete_slot("front-b"), {"ecs:CreateService"}),
    "a serving slot": Damage(
        delete_slot("orders-a"), {"ecs:CreateService"}, hurts=True
    ),
    "a serving slot that scales, some minutes ago": Damage(
        delete_slot("front-a"),
        {"ecs:CreateService"},
        hurts=True,
        wait_seconds=300,
    ),
    "a first revision": Damage(unregister_family, {"ecs:RegisterTaskDefinition"}),
    "a log group": Damage(
        delete_log_group, {"logs:CreateLogGroup", "logs:PutRetentionPolicy"}
    ),
    "a record": Damage(forget_record, set()),
    # Altered.
    "a record that says nothing": Damage(garble_record, set()),
    "a pair's port": Damage(alter_pair, {AUTHORIZE, REVOKE}),
    "a foreign rule": Damage(let_in("0.0.0.0/0"), {REVOKE}),
    "a foreign rule of another protocol": Damage(let_in("10.0.0.0/8", "udp"), {REVOKE}),
    "a health check's path": Damage(
        modify_group("modify_target_group", HealthCheckPath="/healthy"),
        {"elbv2:ModifyTargetGroup"},
        hurts=True,
    ),
    "a deregistration delay": Damage(
        modify_group(
            "modify_target_group_attributes",
            Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}],
        ),
        {"elbv2:ModifyTargetGroupAttributes"},
    ),
    "a rule's conditions": Damage(
        modify_rule(Conditions=[{"Field": "path-pattern", "Values": ["/never"]}]),
        {"elbv2:ModifyRule"},
        hurts=True,
    ),
    "a rule's priority": Damage(prioritize(77), {"elbv2:SetRulePriorities"}),
    "a rule's stickiness": Damage(keep_clients("front"), {"elbv2:ModifyRule"}),
    "a sticky rule's stickiness": Damage(keep_clients("orders"), {"elbv2:ModifyRule"}),
    "a parking rule's groups": Damage(park_one, {"elbv2:ModifyRule"}),
    "a load balancer's group": Damage(open_balancer, {"elbv2:SetSecurityGroups"}),
    "a load balancer's zones": Damage(narrow_balancer, {"elbv2:SetSubnets"}),
    "a time to live": Damage(lengthen_ttl, {"servicediscovery:UpdateService"}),
    "weights in the registry": Damage(
        tell("orders", weights='{"orders-a": 0, "orders-b": 100}'), {TELL}
    ),
    "weights in the registry that are none": Damage(
        tell("orders", weights="all to a"), {TELL}
    ),
    "weights of a service without rules": Damage(
        tell("stock", weights='{"stock-a": 1, "stock-b": 9}'),
        {"servicediscovery:DeleteServiceAttributes", TELL},
    ),
    "a protocol in the registry": Damage(tell("orders", protocol="grpc"), {TELL}),
    "all that the registry says": Damage(silence, {TELL}),
    "a policy's target": Damage(retarget_policy, {POLICY}),
    "a policy too many": Damage(
        put_policy("front-a-memory"), {"application-autoscaling:DeleteScalingPolicy"}
    ),
    "a scheduled action's time": Damage(
        put_action("front-a-1", Schedule="cron(0 8 * * ? *)"), {SCHEDULE}
    ),
    "a scheduled action's zone": Damage(
        put_action("front-a-1", Timezone="Asia/Tokyo"), {SCHEDULE}
    ),
    "a scheduled action's bounds": Damage(
        put_action("front-a-1", ScalableTargetAction={"MaxCapacity": 1}), {SCHEDULE}
    ),
    "a scheduled action's end": Damage(
        put_action("front-a-1", EndTime=datetime(2026, 2, 1, tzinfo=UTC)), {SCHEDULE}
    ),
    "a scheduled action too many": Damage(
        put_action("front-a-2"), {"application-autoscaling:DeleteScheduledAction"}
    ),
    "bounds of a slot that has none": Damage(
        register("orders-a", MinCapacity=1, MaxCapacity=9),
        {"application-autoscaling:DeregisterScalableTarget"},
    ),
    "bounds at rest": Damage(
        register("front-a", MinCapacity=1, MaxCapacity=2), {REGISTER}
    ),
    "suspensions at rest": Damage(
        register(
            "front-a",
            SuspendedState={
                "DynamicScalingInSuspended": True,
                "DynamicScalingOutSuspended": True,
                "ScheduledScalingSuspended": True,
            },
        ),
        {REGISTER},
    ),
    "an idle slot's suspensions": Damage(
        register(
            "front-b",
            SuspendedState={
                "DynamicScalingInSuspended": False,
                "DynamicScalingOutSuspended": False,
                "ScheduledScalingSuspended": False,
            },
        ),
        {REGISTER},
    ),
    "an idle slot's count": Damage(update("orders-b", desiredCount=1), {UPDATE}),
    "a serving slot's count": Damage(update("orders-a", desiredCount=4), {UPDATE}),
    "the breaker's rollback": Damage(
        update("front-a", deploymentConfiguration=breaker(enable=True, rollback=True)),
        {UPDATE},
    ),
    "the breaker": Damage(
        update(
            "front-a", deploymentConfiguration=breaker(enable=False, rollback=False)
        ),
        {UPDATE},
    ),
    "how many tasks a deployment keeps": Damage(
        update("front-a", deploymentConfiguration={"minimumHealthyPercent": 50}),
        {UPDATE},
    ),
    "the grace period": Damage(
        update("front-a", healthCheckGracePeriodSeconds=1), {UPDATE}
    ),
    "zone rebalancing": Damage(
        update("front-a", availabilityZoneRebalancing="DISABLED"), {UPDATE}
    ),
    "a capacity strategy": Damage(
        update(
            "front-a",
            capacityProviderStrategy=[
                {"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}
            ],
        ),
        {UPDATE},
    ),
    "an idle slot's target groups": Damage(
        update("front-b", loadBalancers=[]), {UPDATE}
    ),
    "a serving slot's registry": Damage(
        update("orders-a", serviceRegistries=[]), {UPDATE}
    ),
    "log retention": Damage(keep_logs(1), {"logs:PutRetentionPolicy"}),
    "log retention for ever": Damage(keep_logs(None), {"logs:PutRetentionPolicy"}),
    "capacity providers": Damage(fewer_providers, {"ecs:PutClusterCapacityProviders"}),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_what_was_damaged_by_hand_is_whole_after_one_run(
    what: str, stage: Stage
) -> None:
    damage = DAMAGES[what]

    async def scene(running: Running) -> None:
        made = running.made
        failed, releases = running.failed, len(made.journal.rollouts("front"))
        damage.do(made)
        if not what.startswith("a record"):
            # Without its record the journal cannot tell of a service.
            assert inventory(made) != running.whole, "nothing was damaged"
        await made.pause(damage.wait_seconds)
        before = made.calls
        report = await made.run()
        assert report.result is Result.DONE, report
        assert {str(call) for call in made.writes(before)} == damage.calls
        running.find_anew()
        await made.pause(SETTLED_SECONDS)
        assert inventory(made) == running.whole
        assert damage.hurts or running.failed == failed
        before, failed, answered = made.calls, running.failed, running.answered
        assert (await made.run()).result is Result.DONE
        await made.pause(60)
        assert made.writes(before) == []
        assert running.failed == failed
        assert running.answered > answered
        assert len(made.journal.rollouts("front")) == releases

    stage.play(scene)


# ------------------------------------------------------------- what is let be


def test_weights_that_somebody_set_at_rest_are_let_be_and_told_the_registry(
    stage: Stage,
) -> None:
    async def scene(running: Running) -> None:
        made = running.made
        _weigh(made, 30, 70)
        before = made.calls
        assert (await made.run()).result is Result.DONE
        assert [str(call) for call in made.writes(before)] == [TELL]
        altered, before = inventory(made), made.calls
        assert altered != running.whole
        assert (await made.run()).result is Result.DONE
        assert made.writes(before) == []
        assert inventory(made) == altered
        _weigh(made, 100, 0)
        # A weight without tasks is what the watch is for; here somebody asked for it.
        made.cloud.monitor.violations.clear()
        assert (await made.run()).result is Result.DONE
        assert inventory(made) == running.whole

    stage.play(scene)


def _weigh(made: Grounds, *weights: int) -> None:
    (binding,) = made.service("orders").bindings
    groups = [
        {"TargetGroupArn": binding.target_group_arns[slot], "Weight": weight}
        for slot, weight in zip(Slot, weights, strict=True)
    ]
    action = {
        "Type": "forward",
        "ForwardConfig": {
            "TargetGroups": groups,
            "TargetGroupStickinessConfig": {"Enabled": False},
        },
    }
    elb(made, "modify_rule", RuleArn=binding.rule_arn, Actions=[action])


def test_a_policy_of_somebody_else_is_let_be(stage: Stage) -> None:
    async def scene(running: Running) -> None:
        made = running.made
        put_policy("by hand")(made)
        before = made.calls
        assert (await made.run()).result is Result.DONE
        assert made.writes(before) == []
        client("application-autoscaling").delete_scaling_policy(
            PolicyName="by hand", **_scaling("front-a")
        )
        assert inventory(made) == running.whole

    stage.play(scene)


# ------------------------------------------------------------- what is refused


def _arn_of(made: Grounds, what: str) -> str:
    binding = made.service("front").bindings[0]
    if what == "target group":
        return binding.target_group_arns[Slot.A]
    return {"rule": binding.rule_arn, "listener": binding.listener_arn}[what]


OWNER = {"Key": "slipway:environment", "Value": "test"}


def disown(made: Grounds, what: str) -> None:
    """Take the environment's tag away."""
    match what:
        case "slot":
            client("ecs").untag_resource(
                resourceArn=made.cloud.ecs.service("front-b").arn,
                tagKeys=[OWNER["Key"]],
            )
        case "security group":
            groups = [_group("test/front")]
            client("ec2").delete_tags(Resources=groups, Tags=[OWNER])
        case _:
            arns = [_arn_of(made, what)]
            elb(made, "remove_tags", ResourceArns=arns, TagKeys=[OWNER["Key"]])


def own(made: Grounds, what: str) -> None:
    """Give the environment's tag back."""
    match what:
        case "slot":
            client("ecs").tag_resource(
                resourceArn=made.cloud.ecs.service("front-b").arn,
                tags=[{"key": OWNER["Key"], "value": OWNER["Value"]}],
            )
        case "security group":
            client("ec2").create_tags(Resources=[_group("test/front")], Tags=[OWNER])
        case _:
            arns = [_arn_of(made, what)]
            elb(made, "add_tags", ResourceArns=arns, Tags=[OWNER])


@pytest.mark.parametrize(
    "what", ["target group", "rule", "listener", "slot", "security group"]
)
def test_what_slipway_s_tag_was_taken_from_is_refused_by_name(
    what: str, stage: Stage
) -> None:
    async def scene(running: Running) -> None:
        made = running.made
        disown(made, what)
        before = made.calls
        report = await made.run()
        assert report.result is Result.REFUSED
        assert "that Slipway did not make" in " ".join(report.problems)
        assert made.writes(before) == []
        own(made, what)
        assert (await made.run()).result is Result.DONE
        assert made.writes(before) == []
        assert inventory(made) == running.whole

    stage.play(scene)


def test_what_aws_cannot_change_is_refused_before_anything_is_written(
    stage: Stage,
) -> None:
    async def scene(running: Running) -> None:
        made = running.made
        asked = asked_for(made)
        asked["namespace"] = {**asked["namespace"], "type": "http"}
        asked["log_group"] = {**asked["log_group"], "retention": 30}
        before = made.calls
        made.upload(asked)
        report = await made.provisioned()
        assert report.result is Result.REFUSED
        (problem,) = report.problems
        assert "namespace shop.internal: AWS cannot change this" in problem
        assert "type dns -> http" in problem
        assert made.writes(before) == []
        made.upload(asked_for(made))
        assert (await made.provisioned()).result is Result.DONE
        assert made.writes(before) == []

    stage.play(scene)
