"""What would fail half-way for want of room or a role is refused in the plan."""

from typing import Any

import pytest
from localcloud.account import LINKED_ROLES
from localcloud.clock import run_virtual
from slipway.domain.provision_run import Result

from tests.e2e.grounds import Grounds, Manifest, environment, front, grounds, orders
from tests.e2e.road import client

RULES = ("elasticloadbalancing", "L-7EED9B64")


def asked(made: Grounds, *operations: str) -> int:
    """Count calls."""
    return sum(c.operation in operations for c in made.cloud.router.calls)


def public(made: Grounds, rules: int) -> Manifest:
    """Make a load balancer of somebody else's with so many rules; describe it."""
    elb: Any = client("elbv2")
    group = client("ec2").create_security_group(
        GroupName="theirs", Description="theirs", VpcId=made.cloud.network.vpc_id
    )["GroupId"]
    (balancer,) = elb.create_load_balancer(
        Name="theirs",
        Scheme="internet-facing",
        SecurityGroups=[group],
        Subnets=[subnet.subnet_id for subnet in made.cloud.network.subnets],
    )["LoadBalancers"]
    nothing = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    ports = [
        elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"],
            Port=port,
            Protocol="HTTP",
            DefaultActions=[nothing],
        )["Listeners"][0]["ListenerArn"]
        for port in (80, 8080)
    ]
    for number in range(rules):
        # Slipway is told of the first listener only.
        elb.create_rule(
            ListenerArn=ports[number % 2],
            Priority=number + 1,
            Conditions=[{"Field": "host-header", "Values": [f"h{number}.example"]}],
            Actions=[nothing],
        )
    usual = environment(made.cloud.network)
    return usual | {
        "load_balancers": usual["load_balancers"]
        | {
            "public": {
                "scheme": "internet-facing",
                "arn": balancer["LoadBalancerArn"],
                "listeners": [{"port": 80}],
            }
        }
    }


@pytest.mark.parametrize("role", LINKED_ROLES)
def test_a_missing_role_is_named_with_how_to_make_it_and_nothing_is_written(
    role: str,
) -> None:
    async def scene() -> None:
        async with grounds() as made:
            service = made.cloud.account.roles.pop(role)
            made.upload(environment(made.cloud.network), front(), orders())
            report = await made.provisioned()
            assert report.result is Result.REFUSED
            (problem,) = report.problems
            assert f"no role {role}" in problem
            assert problem.endswith(f"--aws-service-name {service}")
            assert made.writes() == []

            made.cloud.account.roles[role] = service
            assert (await made.run()).result is Result.DONE

    run_virtual(scene())


def test_rules_that_others_have_leave_no_room_until_the_quota_is_raised() -> None:
    async def scene() -> None:
        async with grounds() as made:
            made.upload(public(made, 97), front(), orders())
            before = made.calls
            assert (await made.provisioned()).result is Result.DONE
            assert asked(made, "GetServiceQuota") == 0
            assert len(made.writes(before)) > 0

            more = front(name="more", calls=[], image=front()["image"])
            more["http"] = more["http"] | {"path": "/more"}
            made.upload(more)
            before = made.calls
            report = await made.provisioned()
            assert report.result is Result.REFUSED
            (problem,) = report.problems
            assert problem.startswith(
                "load balancer public: it would have 101 rules, and may have 100 in "
                "this account: put services behind another load balancer"
            )
            assert "L-7EED9B64" in problem
            assert made.writes(before) == []

            made.cloud.account.raised[RULES] = 101
            assert (await made.run()).result is Result.DONE

    run_virtual(scene())


def test_a_plan_that_makes_nothing_asks_for_neither_roles_nor_quotas() -> None:
    async def scene() -> None:
        async with grounds() as made:
            made.upload(environment(made.cloud.network), front(), orders())
            assert (await made.provisioned()).result is Result.DONE
            before = asked(made, "GetRole")
            assert before == len(LINKED_ROLES)
            assert (await made.run()).result is Result.DONE
            assert asked(made, "GetRole") == before

    run_virtual(scene())
