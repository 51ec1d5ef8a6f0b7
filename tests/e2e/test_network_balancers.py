"""A service behind a Network Load Balancer, from manifests: no rules, no answers."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from localcloud.clock import run_virtual
from localcloud.seams import Target
from slipway.domain.provision_run import Result
from slipway.domain.rollout import Outcome
from slipway.domain.service import Binding, Mode, Slot

from tests.e2e.grounds import (
    ROLLOUT,
    Grounds,
    Manifest,
    environment,
    grounds,
)
from tests.e2e.inventory import inventory
from tests.e2e.road import client
from tests.e2e.test_provision_destroy import NOTHING, destroyed, there

LOOKING = {"PlanEnvironmentFunction", "RecordProvisionFunction"}
LASTING = ROLLOUT | {"retire_delay": "600s", "restore_timeout": "300s"}


def broker(**more: Any) -> Manifest:
    """Describe a public service that speaks a protocol of its own over TCP."""
    usual: Manifest = {
        "name": "broker",
        "image": {
            "location": "test/broker",
            "tag": "v*",
            "port": 5672,
            "protocol": "tcp",
        },
        "nlb": {"load_balancer": "wire", "port": 5000, "deregistration_delay": "90s"},
        "count": 2,
        "rollout": LASTING,
    }
    return usual | more


def wired(made: Grounds, **more: Any) -> Manifest:
    """Describe an environment with a Network Load Balancer beside another one."""
    balancers = environment(made.cloud.network)["load_balancers"]
    wire = {"type": "network", "scheme": "internet-facing", "create": True}
    all_of_them = {"public": balancers["public"], "wire": wire}
    return environment(made.cloud.network, load_balancers=all_of_them, **more)


@asynccontextmanager
async def network(
    *services: Manifest, repositories: tuple[str, ...] = ("test/broker",), **more: Any
) -> AsyncIterator[Grounds]:
    """Start an environment with a Network Load Balancer and services behind it."""
    async with grounds(repositories=repositories) as made:
        made.upload(wired(made, **more), *(services or (broker(),)))
        report = await made.provisioned()
        assert report.result is Result.DONE, report
        for name in made.journal.services():
            made.cloud.monitor.watch(made.service(name))
        yield made


def binding(made: Grounds) -> Binding:
    """Return the broker's first binding."""
    return made.service("broker").bindings[0]


def listener(made: Grounds) -> Any:
    """Return the broker's listener as AWS shows it."""
    arn = binding(made).listener_arn
    (found,) = client("elbv2").describe_listeners(ListenerArns=[arn])["Listeners"]
    return found


def weights(made: Grounds) -> dict[str, int]:
    """Return the weights in the broker's listener, by what they are on."""
    own = binding(made)
    names = {own.target_group_arns[slot]: str(slot) for slot in Slot}
    names[str(own.vacant_group_arn)] = "nobody"
    (action,) = listener(made)["DefaultActions"]
    groups = action["ForwardConfig"]["TargetGroups"]
    return {names[g["TargetGroupArn"]]: g["Weight"] for g in groups}


# ----------------------------------------------------- making


def test_connections_lead_nowhere_until_a_first_release_is_healthy() -> None:
    async def scene() -> None:
        async with network() as made:
            assert weights(made) == {"a": 0, "b": 0, "nobody": 1}
            flow = made.send("broker")
            digest = made.push("broker", start_seconds=120)
            await made.pause(115)
            assert flow.totals.answered == 0
            entry = await made.ended("broker", digest)
            assert entry.outcome is Outcome.PROMOTED, entry.reason
            assert weights(made) == {"a": 100, "b": 0}
            await made.pause(600)
            before = flow.totals.answered
            await made.pause(60)
            assert flow.totals.answered - before == 60 * 20

    run_virtual(scene())


def test_a_network_load_balancer_and_its_service_are_made_as_manifests_say() -> None:
    async def scene() -> None:
        async with network() as made:
            (balancer,) = [
                one
                for one in client("elbv2").describe_load_balancers()["LoadBalancers"]
                if one["Type"] == "network"
            ]
            assert balancer["Scheme"] == "internet-facing"
            assert len(balancer["SecurityGroups"]) == 1
            assert made.pairs() >= {
                ("0.0.0.0/0", "test/load-balancer/wire", 5000),
                ("test/load-balancer/wire", "test/broker", 5672),
            }
            assert listener(made)["Protocol"] == "TCP"
            for arn in binding(made).target_group_arns.values():
                (group,) = client("elbv2").describe_target_groups(
                    TargetGroupArns=[arn]
                )["TargetGroups"]
                assert group["Protocol"] == group["HealthCheckProtocol"] == "TCP"
                assert group["TargetType"] == "ip"
                assert "HealthCheckPath" not in group
                attributes = client("elbv2").describe_target_group_attributes(
                    TargetGroupArn=arn
                )["Attributes"]
                values = {one["Key"]: one["Value"] for one in attributes}
                assert values["deregistration_delay.timeout_seconds"] == "90"
                assert values["load_balancing.cross_zone.enabled"] == "true"
            assert made.service("broker").mode is Mode.BATCHES

    run_virtual(scene())


def test_a_second_run_writes_nothing() -> None:
    async def scene() -> None:
        async with network() as made:
            for release in (None, "v1"):
                if release is not None:
                    await made.released("broker", release)
                before = made.calls
                assert (await made.run()).result is Result.DONE
                assert made.writes(before) == []
                assert made.callers(before) == LOOKING

    run_virtual(scene())


def test_a_listener_that_ends_tls_has_its_certificate_and_gets_another() -> None:
    async def scene() -> None:
        zone = client("route53").create_hosted_zone(
            Name="shop.example", CallerReference="test"
        )["HostedZone"]["Id"]
        zone = zone.rpartition("/")[2]

        def certificate(domain: str) -> Manifest:
            return {"create": {"domain": domain, "hosted_zone": zone}}

        names = {
            "queue": certificate("queue.shop.example"),
            "lines": certificate("lines.shop.example"),
        }
        ends = {"load_balancer": "wire", "port": "5671/tls"}
        image = broker()["image"] | {"protocol": "tls"}
        made.upload(
            wired(made, certificates=names),
            broker(image=image, nlb=ends | {"certificate": "queue"}),
        )
        report = await made.provisioned()
        assert report.result is Result.DONE, report
        assert await promoted("v1")
        found = listener(made)
        assert (found["Protocol"], found["Port"]) == ("TLS", 5671)
        assert domain_of(found) == "queue.shop.example"
        for arn in binding(made).target_group_arns.values():
            (group,) = client("elbv2").describe_target_groups(TargetGroupArns=[arn])[
                "TargetGroups"
            ]
            assert (group["Protocol"], group["HealthCheckProtocol"]) == ("TLS", "TCP")
        made.upload(broker(image=image, nlb=ends | {"certificate": "lines"}))
        report = await made.provisioned()
        assert report.result is Result.DONE, report
        assert domain_of(listener(made)) == "lines.shop.example"
        assert weights(made) == {"a": 100, "b": 0}

    async def promoted(tag: str) -> bool:
        return (await made.released("broker", tag)).outcome is Outcome.PROMOTED

    def domain_of(found: Any) -> str:
        (one,) = found["Certificates"]
        arn = one["CertificateArn"]
        answer = client("acm").describe_certificate(CertificateArn=arn)
        return str(answer["Certificate"]["DomainName"])

    made: Grounds

    async def whole() -> None:
        nonlocal made
        async with grounds(repositories=("test/broker",)) as made:
            await scene()

    run_virtual(whole())


# ----------------------------------------------------- rolling out


def test_a_second_release_gets_weight_by_steps_and_the_old_one_retires_late() -> None:
    async def scene() -> None:
        async with network() as made:
            await made.released("broker")
            flow = made.send("broker")
            await made.pause(600)
            assert flow.totals.answered > 0
            failed = flow.totals.failed
            digest = made.push("broker", "v2")
            seen = []

            def noted() -> bool:
                now = weights(made)
                if not seen or seen[-1] != now:
                    seen.append(now)
                return now == {"a": 0, "b": 100}

            await made.until(noted)
            assert seen == [{"a": 100, "b": 0}, {"a": 50, "b": 50}, {"a": 0, "b": 100}]
            entry = await made.ended("broker", digest)
            assert entry.outcome is Outcome.PROMOTED, entry.reason
            assert entry.receipt is not None
            at = {mark.name: mark.at for mark in entry.receipt.marks}
            kept = (at["retired"] - at["shifted-1"]).total_seconds()
            assert kept > 600
            await made.pause(600)
            assert flow.totals.failed == failed
            assert flow.totals.reached[digest] > 0
            assert made.desired("broker") == {Slot.A: 0, Slot.B: 2}

    run_virtual(scene())


@pytest.mark.parametrize("flaw", [{"crash_at_start": True}, {"unhealthy": True}])
def test_a_release_that_never_comes_up_gets_no_connection(flaw: Any) -> None:
    async def scene() -> None:
        async with network() as made:
            await made.released("broker")
            flow = made.send("broker")
            await made.pause(600)
            failed = flow.totals.failed
            digest = made.push("broker", "v2", **flaw)
            entry = await made.ended("broker", digest)
            assert entry.outcome is Outcome.ROLLED_BACK, entry.reason
            assert weights(made) == {"a": 100, "b": 0}
            assert made.desired("broker") == {Slot.A: 2, Slot.B: 0}
            await made.pause(600)
            assert flow.totals.failed == failed
            assert flow.totals.reached[digest] == 0

    run_virtual(scene())


def test_weight_rises_for_no_target_that_left_after_the_last_look() -> None:
    async def scene() -> None:
        async with network() as made:
            await made.released("broker")
            group = binding(made).target_group_arns[Slot.B]

            def leave(_: str, operation: str, __: Any, caller: str | None) -> None:
                if operation == "DescribeListeners" and "Shift" in (caller or ""):
                    for task in made.cloud.ecs.tasks():
                        if task.service.name == "broker-b" and task.address:
                            target = Target(task.address, 5672)
                            made.cloud.elb.deregister(group, target)

            made.cloud.router.before(leave)
            before = made.calls
            entry = await made.released("broker", "v2")
            assert entry.outcome is Outcome.ROLLED_BACK, entry.reason
            written = [call.operation for call in made.writes(before)]
            assert "ModifyListener" not in written
            assert weights(made) == {"a": 100, "b": 0}

    run_virtual(scene())


def test_a_release_that_turns_bad_goes_once_nothing_acts_on_its_weights() -> None:
    async def scene() -> None:
        async with network() as made:
            await made.released("broker")
            flow = made.send("broker")
            await made.pause(600)
            steps = [{"weight": 50, "bake": "900s"}, {"weight": 100, "bake": "60s"}]
            made.upload(broker(rollout=LASTING | {"steps": steps}))
            assert (await made.provisioned()).result is Result.DONE
            digest = made.push("broker", "v2", crash_after_seconds=700)
            await made.until(lambda: weights(made) == {"a": 50, "b": 50})
            await made.until(lambda: weights(made) == {"a": 100, "b": 0})
            back = made.cloud.clock.time()
            await made.until(lambda: made.desired("broker")[Slot.B] == 0)
            assert made.cloud.clock.time() - back > 600
            entry = await made.ended("broker", digest)
            assert entry.outcome is Outcome.ROLLED_BACK, entry.reason
            assert flow.totals.reached[digest] > 0
            reached = flow.totals.reached[digest]
            failed = flow.totals.failed
            await made.pause(300)
            assert flow.totals.reached[digest] == reached
            assert flow.totals.failed == failed

    run_virtual(scene())


def test_a_first_release_that_turns_bad_leaves_the_listener_closed() -> None:
    async def scene() -> None:
        async with network() as made:
            entry = await made.released("broker", crash_after_seconds=40)
            assert entry.outcome is Outcome.ROLLED_BACK, entry.reason
            assert weights(made) == {"a": 0, "b": 0, "nobody": 1}
            assert made.desired("broker") == {Slot.A: 0, Slot.B: 0}
            entry = await made.released("broker", "v2")
            assert entry.outcome is Outcome.PROMOTED, entry.reason
            assert weights(made) == {"a": 100, "b": 0}

    run_virtual(scene())


def test_answers_of_the_application_load_balancer_judge_for_both() -> None:
    async def scene() -> None:
        image = broker()["image"] | {"protocol": "http"}
        http = {"load_balancer": "public", "path": "/", "healthcheck": "/healthz"}
        async with network(broker(image=image, http=http)) as made:
            assert made.service("broker").mode is Mode.CANARY
            entry = await made.released("broker")
            assert entry.outcome is Outcome.PROMOTED, entry.reason
            rule, wire = made.service("broker").bindings
            assert (rule.is_network, wire.is_network) == (False, True)
            made.traffic.send(rule.listener_arn, 20.0)
            made.traffic.send(wire.listener_arn, 20.0)
            await made.pause(600)
            digest = made.push("broker", "v2", fail_every=4)
            await made.until(lambda: shares(wire) == [50, 50])
            entry = await made.ended("broker", digest)
            assert entry.outcome is Outcome.ROLLED_BACK, entry.reason
            assert "fail" in entry.reason
            assert shares(wire) == [100, 0]
            entry = await made.released("broker", "v3")
            assert entry.outcome is Outcome.PROMOTED, entry.reason
            assert shares(wire) == [0, 100]

    def shares(wire: Binding) -> list[int]:
        (found,) = client("elbv2").describe_listeners(ListenerArns=[wire.listener_arn])[
            "Listeners"
        ]
        groups = found["DefaultActions"][0]["ForwardConfig"]["TargetGroups"]
        by_arn = {g["TargetGroupArn"]: g["Weight"] for g in groups}
        return [by_arn[wire.target_group_arns[slot]] for slot in Slot]

    run_virtual(scene())


# ----------------------------------------------------- repairing


type Damage = Callable[[Grounds], object]


def _without_listener(made: Grounds) -> None:
    client("elbv2").delete_listener(ListenerArn=binding(made).listener_arn)


def _without_groups(made: Grounds) -> None:
    own = binding(made)
    _without_listener(made)
    for arn in (*own.target_group_arns.values(), own.vacant_group_arn):
        client("elbv2").delete_target_group(TargetGroupArn=arn)


def _without_idle_group(made: Grounds) -> None:
    own = binding(made)
    (action,) = listener(made)["DefaultActions"]
    groups = action["ForwardConfig"]["TargetGroups"]
    kept = [g for g in groups if g["TargetGroupArn"] == own.target_group_arns[Slot.A]]
    alone = {"Type": "forward", "ForwardConfig": {"TargetGroups": kept}}
    client("elbv2").modify_listener(
        ListenerArn=own.listener_arn, DefaultActions=[alone]
    )


def _on_another_port(made: Grounds) -> None:
    client("elbv2").modify_listener(ListenerArn=binding(made).listener_arn, Port=5001)


def _impatient(made: Grounds) -> None:
    client("elbv2").modify_target_group_attributes(
        TargetGroupArn=binding(made).target_group_arns[Slot.B],
        Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}],
    )


@pytest.mark.parametrize(
    "damage",
    [
        _without_listener,
        _without_groups,
        _without_idle_group,
        _on_another_port,
        _impatient,
    ],
)
def test_what_was_damaged_by_hand_is_as_before_after_a_run(damage: Damage) -> None:
    async def scene() -> None:
        async with network() as made:
            await made.released("broker")
            before = inventory(made)
            damage(made)
            assert inventory(made) != before
            report = await made.run()
            assert report.result is Result.DONE, report
            assert inventory(made) == before
            calls = made.calls
            assert (await made.run()).result is Result.DONE
            assert made.writes(calls) == []
            flow = made.send("broker")
            await made.pause(400)
            seen = flow.totals.answered
            await made.pause(10)
            assert flow.totals.answered - seen == 10 * 20
            entry = await made.released("broker", "v2")
            assert entry.outcome is Outcome.PROMOTED, entry.reason

    run_virtual(scene())


def test_a_group_that_was_taken_out_before_any_release_comes_back_closed() -> None:
    async def scene() -> None:
        async with network() as made:
            before = inventory(made)
            own = binding(made)
            alone = {"Type": "forward", "TargetGroupArn": own.vacant_group_arn}
            client("elbv2").modify_listener(
                ListenerArn=own.listener_arn, DefaultActions=[alone]
            )
            report = await made.run()
            assert report.result is Result.DONE, report
            assert inventory(made) == before

    run_virtual(scene())


def test_weights_that_were_changed_by_hand_are_let_be() -> None:
    async def scene() -> None:
        async with network() as made:
            await made.released("broker")
            own = binding(made)
            groups = [
                {"TargetGroupArn": own.target_group_arns[slot], "Weight": weight}
                for slot, weight in ((Slot.A, 7), (Slot.B, 3))
            ]
            changed = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
            client("elbv2").modify_listener(
                ListenerArn=own.listener_arn, DefaultActions=[changed]
            )
            before = made.calls
            assert (await made.run()).result is Result.DONE
            # The registry is told what is.
            assert [call.operation for call in made.writes(before)] == [
                "UpdateServiceAttributes"
            ]
            assert weights(made) == {"a": 7, "b": 3}
            (seen,) = made.cloud.monitor.violations
            assert "a client raised broker-b to 30%" in seen.text
            made.cloud.monitor.violations.clear()

    run_virtual(scene())


def test_another_port_keeps_the_listener_and_its_weights() -> None:
    async def scene() -> None:
        async with network() as made:
            await made.released("broker")
            arn = binding(made).listener_arn
            nlb = broker()["nlb"] | {"port": 5002}
            made.upload(broker(nlb=nlb))
            report = await made.provisioned()
            assert report.result is Result.DONE, report
            assert binding(made).listener_arn == arn
            assert listener(made)["Port"] == 5002
            assert weights(made) == {"a": 100, "b": 0}
            assert ("0.0.0.0/0", "test/load-balancer/wire", 5002) in made.pairs()
            assert ("0.0.0.0/0", "test/load-balancer/wire", 5000) not in made.pairs()

    run_virtual(scene())


def test_a_listener_that_somebody_else_made_is_not_taken() -> None:
    async def scene() -> None:
        async with network() as made:
            elb = client("elbv2")
            (balancer,) = [
                one["LoadBalancerArn"]
                for one in elb.describe_load_balancers()["LoadBalancers"]
                if one["Type"] == "network"
            ]
            theirs = elb.create_target_group(
                Name="theirs",
                Protocol="TCP",
                Port=1,
                VpcId=made.cloud.network.vpc_id,
                TargetType="ip",
            )["TargetGroups"][0]["TargetGroupArn"]
            elb.create_listener(
                LoadBalancerArn=balancer,
                Port=6000,
                Protocol="TCP",
                DefaultActions=[{"Type": "forward", "TargetGroupArn": theirs}],
            )
            more = {"port": 6000}
            made.upload(broker(nlb=broker()["nlb"] | {"additional_listeners": [more]}))
            report = await made.provisioned()
            assert report.result is Result.REFUSED
            assert "that Slipway did not make" in " ".join(report.problems)

    run_virtual(scene())


# ----------------------------------------------------- others' load balancers


def _theirs(made: Grounds, groups: list[str]) -> str:
    """Make a Network Load Balancer as somebody else would; return its ARN."""
    subnets = [one.subnet_id for one in made.cloud.network.subnets]
    (balancer,) = client("elbv2").create_load_balancer(
        Name="theirs",
        Type="network",
        Scheme="internal",
        Subnets=subnets,
        SecurityGroups=groups,
    )["LoadBalancers"]
    return str(balancer["LoadBalancerArn"])


def _referring(made: Grounds, arn: str) -> Manifest:
    wire = {"type": "network", "scheme": "internal", "arn": arn}
    return environment(made.cloud.network, load_balancers={"wire": wire})


def test_a_load_balancer_of_others_gets_a_listener_that_goes_and_stays_itself() -> None:
    async def scene() -> None:
        async with grounds(repositories=("test/broker",)) as made:
            group = client("ec2").create_security_group(
                GroupName="theirs", Description="-", VpcId=made.cloud.network.vpc_id
            )["GroupId"]
            arn = _theirs(made, [group])
            made.upload(_referring(made, arn), broker())
            report = await made.provisioned()
            assert report.result is Result.DONE, report
            entry = await made.released("broker")
            assert entry.outcome is Outcome.PROMOTED, entry.reason
            assert made.pairs() == {("theirs", "test/broker", 5672)}
            report = await destroyed(made, "destroy-1")
            assert report.result is Result.DONE, report
            left = client("elbv2").describe_load_balancers()["LoadBalancers"]
            assert [one["LoadBalancerArn"] for one in left] == [arn]
            answer = client("elbv2").describe_listeners(LoadBalancerArn=arn)
            assert answer["Listeners"] == []

    run_virtual(scene())


def test_a_load_balancer_that_never_had_a_security_group_is_refused() -> None:
    async def scene() -> None:
        async with grounds(repositories=("test/broker",)) as made:
            made.upload(_referring(made, _theirs(made, [])), broker())
            report = await made.provisioned()
            assert report.result is Result.REFUSED
            assert "it has no security group" in " ".join(report.problems)
            assert made.writes() == []

    run_virtual(scene())


# ----------------------------------------------------- removing


def taken_away(made: Grounds) -> None:
    """See that nothing broke an invariant but the removal: its slot carries all."""
    (seen,) = made.cloud.monitor.violations
    assert "lowered broker-a from 2 to 0 while it carries 100%" in seen.text
    made.cloud.monitor.violations.clear()


def test_a_service_whose_manifest_is_gone_leaves_the_load_balancer_empty() -> None:
    async def scene() -> None:
        async with network() as made:
            await made.released("broker")
            made.withdraw("broker")
            report = await made.provisioned()
            assert report.result is Result.DONE, report
            elb = client("elbv2")
            assert elb.describe_target_groups()["TargetGroups"] == []
            balancers = elb.describe_load_balancers()["LoadBalancers"]
            (arn,) = [b["LoadBalancerArn"] for b in balancers if b["Type"] == "network"]
            assert elb.describe_listeners(LoadBalancerArn=arn)["Listeners"] == []
            assert not [pair for pair in made.pairs() if pair[2] in {5000, 5672}]
            taken_away(made)

    run_virtual(scene())


def test_an_environment_with_a_network_load_balancer_goes_in_order_and_whole() -> None:
    async def scene() -> None:
        async with network() as made:
            await made.released("broker")
            before = made.calls
            report = await destroyed(made, "destroy-1", logs=True)
            assert report.result is Result.DONE, report
            assert there(made) == NOTHING
            deleted = [
                call.operation
                for call in made.writes(before)
                if call.operation.startswith("Delete") and call.service == "elbv2"
            ]
            assert list(dict.fromkeys(deleted)) == [
                "DeleteListener",
                "DeleteLoadBalancer",
                "DeleteTargetGroup",
            ]
            assert deleted.count("DeleteTargetGroup") == 3
            taken_away(made)

    run_virtual(scene())
