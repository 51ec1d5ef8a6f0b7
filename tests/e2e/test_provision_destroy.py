"""Taking away: a whole environment at a person's word, and nothing by mistake."""

import json
from typing import Any

from localcloud.clock import run_virtual
from slipway.domain.provision_run import Report, Result

from tests.e2e.grounds import Grounds, front, orders, shop
from tests.e2e.road import client

OURS = "slipway:environment"


async def destroyed(made: Grounds, name: str, **removal: Any) -> Report:
    """Take the environment away; return the report."""
    begin(made, name, **removal)
    await made.until(lambda: made.journal.provision(name))
    await made.pause(1)
    report = made.journal.provision(name)
    assert report is not None
    return report


def begin(made: Grounds, name: str, **removal: Any) -> str:
    """Begin to take the environment away; return the execution."""
    request = {"payload_version": 1, "run": name, "removal": {"logs": False} | removal}
    return client("stepfunctions").start_execution(
        stateMachineArn=made.cloud.stack.state_machines["ProvisionStateMachine"],
        name=name,
        input=json.dumps(request),
    )["executionArn"]


def there(made: Grounds) -> dict[str, list[str]]:
    """Return what there is of each kind that Slipway makes, by name."""
    ecs, elb, ec2 = client("ecs"), client("elbv2"), client("ec2")
    clusters = ecs.describe_clusters(clusters=["test"])["clusters"]
    active = [c["clusterName"] for c in clusters if c["status"] == "ACTIVE"]
    services = ecs.list_services(cluster="test")["serviceArns"] if active else []
    return {
        "cluster": active,
        "service": [arn.rpartition("/")[2] for arn in services],
        "load balancer": [
            one["LoadBalancerName"]
            for one in elb.describe_load_balancers()["LoadBalancers"]
        ],
        "target group": [
            one["TargetGroupName"]
            for one in elb.describe_target_groups()["TargetGroups"]
        ],
        "security group": [
            one["GroupName"]
            for one in ec2.describe_security_groups()["SecurityGroups"]
            if one["GroupName"] != "default"
        ],
        "namespace": [
            one["Name"]
            for one in client("servicediscovery").list_namespaces()["Namespaces"]
        ],
        "log group": [
            one["logGroupName"]
            for one in client("logs").describe_log_groups(logGroupNamePrefix="/shop")[
                "logGroups"
            ]
        ],
        "record": made.journal.services(),
    }


NOTHING: dict[str, list[str]] = {
    "cluster": [],
    "service": [],
    "load balancer": [],
    "target group": [],
    "security group": [],
    "namespace": [],
    "log group": [],
    "record": [],
}


def test_an_environment_is_taken_away_drained_first_and_its_logs_are_kept() -> None:
    async def scene() -> None:
        async with shop() as made:
            entry = await made.released("front")
            assert entry.outcome == "promoted", entry.reason
            flow = made.send("front")
            await made.pause(60)
            elb = client("elbv2")
            foreign = elb.create_target_group(
                Name="test-foreign",
                Protocol="HTTP",
                Port=80,
                VpcId=made.cloud.network.vpc_id,
                TargetType="ip",
            )["TargetGroups"][0]["TargetGroupArn"]
            name = "destroy-1"
            begin(made, name)
            # Until its tasks are told to drain, whoever asks is answered.
            slot = made.cloud.ecs.service("front-a")
            await made.until(lambda: slot.desired == 0)
            assert flow.totals.sent > 0
            assert flow.totals.failed == 0
            made.traffic.stop(flow)
            await made.until(lambda: made.journal.provision(name))
            report = made.journal.provision(name)
            assert report is not None
            assert report.result is Result.DONE, report
            kept = NOTHING | {
                "log group": ["/shop/test"],
                "target group": ["test-foreign"],
            }
            assert there(made) == kept
            # There is nothing more to do.
            before = made.calls
            assert (await destroyed(made, "destroy-2")).result is Result.DONE
            assert made.writes(before) == []
            # With --logs they go too.
            report = await destroyed(made, "destroy-3", logs=True)
            assert report.result is Result.DONE
            assert there(made) == kept | {"log group": []}
            elb.delete_target_group(TargetGroupArn=foreign)

    run_virtual(scene())


def test_what_was_stopped_half_way_is_gone_on_with_and_can_be_made_anew() -> None:
    async def scene() -> None:
        async with shop() as made:
            whole = there(made)
            execution = begin(made, "destroy-1")
            await made.until(lambda: not made.journal.services())
            client("stepfunctions").stop_execution(executionArn=execution)
            assert there(made)["cluster"] == ["test"]
            assert made.journal.provision("destroy-1") is None
            report = await destroyed(made, "destroy-2")
            assert report.result is Result.DONE, report
            assert there(made) == NOTHING | {"log group": ["/shop/test"]}
            # The manifests lie where they lay.
            assert (await made.run()).result is Result.DONE
            assert there(made) == whole

    run_virtual(scene())


def test_nothing_is_taken_away_while_a_rollout_is_under_way() -> None:
    async def scene() -> None:
        async with shop() as made:
            digest = made.push("orders")
            await made.until(lambda: made.journal.lease("orders"))
            before = made.calls
            report = await destroyed(made, "destroy-1")
            assert report.result is Result.REFUSED
            (said,) = report.problems
            (under_way,) = made.journal.open_rollouts()
            assert "orders" in said
            assert f"rollout {under_way.rollout_id} is under way" in said
            assert made.journal.services() == ["front", "orders"]
            writes = [c for c in made.writes(before) if c.service != "ecs"]
            assert [c for c in writes if c.operation.startswith("Delete")] == []
            assert (await made.ended("orders", digest)).outcome == "promoted"

    run_virtual(scene())


def test_an_emptied_bucket_takes_no_services_away_and_steps_do() -> None:
    async def scene() -> None:
        async with shop(orders(name="carts")) as made:
            made.upload(front(calls=[]))
            made.withdraw("orders")
            made.withdraw("carts")
            before = made.calls
            report = await made.provisioned()
            assert report.result is Result.REFUSED, report
            (said,) = report.problems
            assert "carts, orders" in said
            assert "2 of 3 services have no manifest any more" in said
            assert "`slipway destroy`" in said
            assert made.writes(before) == []
            # One after the other is meant so.
            made.upload(orders())
            report = await made.provisioned()
            assert report.result is Result.DONE, report
            assert made.journal.services() == ["front", "orders"]
            made.withdraw("orders")
            report = await made.provisioned()
            assert report.result is Result.DONE, report
            assert made.journal.services() == ["front"]

    run_virtual(scene())
