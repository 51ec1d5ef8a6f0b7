"""`slipway adopt`: an ECS service that runs is brought under Slipway."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from localcloud.api import AwsError, Call, Fault
from localcloud.blocking import Killed
from localcloud.clock import run_virtual
from slipway.domain.provision_run import Result
from slipway.domain.rollout import Outcome
from slipway.domain.service import Slot
from slipway.gateways.elbv2 import shares_of
from slipway_cli.exits import Exit

from tests.e2e.grounds import BOOKKEEPING, READS, ROLLOUT, environment
from tests.e2e.legacy import Legacy, listener_of
from tests.e2e.road import client
from tests.integration.cli.desk import Desk, desk, documented

ADOPTED = "test/legacy-shop"


@asynccontextmanager
async def beside(folder: Path) -> AsyncIterator[tuple[Desk, Legacy]]:
    """Start an environment that is applied, and a service that nobody adopted."""
    async with desk(folder) as at:
        client("ecr").create_repository(repositoryName="test/legacy")
        applied = await at.on("apply")
        assert applied.exit_code == Exit.DONE, applied.output
        yield at, Legacy(at.made)


def play(scene: Any) -> None:
    run_virtual(scene())


def test_a_service_is_adopted_under_load_without_a_restart_or_a_lost_request(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        async with beside(tmp_path) as (at, legacy):
            made = at.made
            listener = listener_of("public")
            await legacy.serve(listener)
            flow = made.traffic.send(listener, 20.0, path="/shop")
            await made.pause(120)
            tasks = legacy.tasks()
            before = flow.totals.sent
            result = await at.run("adopt", ADOPTED, str(at.folder), "--name", "shop")
            assert result.exit_code == Exit.DONE, result.output
            known = documented("Plan") | documented("Apply") | documented("Adopt")
            assert at.actions() <= known
            assert documented("Adopt") - at.actions() == {
                # Where others size it, and where a listener's default is its own.
                "application-autoscaling:DeleteScalingPolicy",
                "elasticloadbalancing:CreateRule",
            }
            await made.pause(120)
            assert legacy.tasks() == tasks
            assert flow.totals.sent > before
            assert flow.totals.failed == 0
            described = legacy.described()
            assert described["taskDefinition"] == legacy.revision
            assert len(described["deployments"]) == 1
            settings = described["deploymentConfiguration"]
            assert settings["deploymentCircuitBreaker"] == {
                "enable": True,
                "rollback": False,
            }
            assert made.desired("shop") == {Slot.A: 3, Slot.B: 0}
            # There is nothing left to do.
            calls = made.calls
            assert (await made.run()).result is Result.DONE
            assert made.writes(calls) == []
            assert (await at.on("plan")).exit_code == Exit.DONE

            # A release takes the usual road, beside what was there.
            entry = await made.ended("shop", push(at, "new"))
            assert entry.outcome is Outcome.PROMOTED, entry.reason
            assert made.desired("shop") == {Slot.A: 0, Slot.B: 3}
            assert flow.totals.failed == 0

    play(scene)


def test_a_service_is_given_back_under_load_as_it_was(tmp_path: Path) -> None:
    async def scene() -> None:
        async with beside(tmp_path) as (at, legacy):
            made, elb = at.made, client("elbv2")
            listener = listener_of("public")
            await legacy.serve(listener)
            flow = made.traffic.send(listener, 20.0, path="/shop")
            result = await at.run("adopt", ADOPTED, str(at.folder), "--name", "shop")
            assert result.exit_code == Exit.DONE, result.output
            manifest = tmp_path / "services" / "shop.yaml"
            hurried = yaml.safe_load(manifest.read_text()) | {"rollout": ROLLOUT}
            at.write(hurried)
            assert (await at.on("apply")).exit_code == Exit.DONE
            entry = await made.ended("shop", push(at, "new"))
            assert entry.outcome is Outcome.PROMOTED, entry.reason
            # Without its manifest alone it is not given back: traffic is elsewhere.
            written = manifest.read_text()
            manifest.unlink()
            refused = await at.on("plan")
            assert refused.exit_code == Exit.REFUSED, refused.output
            assert "slipway release-from shop" in refused.stdout
            manifest.write_text(written)

            result = await at.run("release-from", "shop", str(at.folder))
            assert result.exit_code == Exit.DONE, result.output
            assert not manifest.exists()
            assert made.journal.services() == ["orders"]
            await made.pause(300)
            assert flow.totals.failed == 0
            described = legacy.described()
            assert described["runningCount"] == described["desiredCount"] == 3
            assert [t for t in described["tags"] if "slipway" in t["key"]] == []
            settings = described["deploymentConfiguration"]
            assert settings["deploymentCircuitBreaker"] == {
                "enable": True,
                "rollback": True,
            }
            groups = elb.describe_target_groups()["TargetGroups"]
            names = {group["TargetGroupName"] for group in groups}
            assert names == {"legacy-shop-tg", "test-orders-a", "test-orders-b"}
            (rule,) = [
                rule
                for rule in elb.describe_rules(ListenerArn=listener)["Rules"]
                if not rule["IsDefault"]
            ]
            assert rule["Priority"] == "77"
            assert shares_of(rule["Actions"]) == {legacy.group: 100}
            calls = made.calls
            assert (await made.run()).result is Result.DONE
            assert made.writes(calls) == []
            made.traffic.stop(flow)

    play(scene)


def test_what_was_adopted_and_never_released_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        async with beside(tmp_path) as (at, legacy):
            made, elb = at.made, client("elbv2")
            group = client("ec2").create_security_group(
                GroupName="old", Description="old", VpcId=made.cloud.network.vpc_id
            )["GroupId"]
            (balancer,) = elb.create_load_balancer(
                Name="old",
                SecurityGroups=[group],
                Subnets=[s.subnet_id for s in made.cloud.network.subnets],
                Scheme="internal",
            )["LoadBalancers"]
            (listener,) = elb.create_listener(
                LoadBalancerArn=balancer["LoadBalancerArn"],
                Port=80,
                Protocol="HTTP",
                DefaultActions=[
                    {"Type": "fixed-response", "FixedResponseConfig": NOT_FOUND}
                ],
            )["Listeners"]
            arn = listener["ListenerArn"]
            told = {
                "arn": balancer["LoadBalancerArn"],
                "scheme": "internal",
                "listeners": [{"port": 80}],
            }
            usual = environment(made.cloud.network)
            usual["load_balancers"]["old"] = told
            at.write(usual)
            # Where no rule matches, all requests are its own.
            await legacy.serve(arn, path=None)
            flow = made.traffic.send(arn, 20.0, path="/anything")
            await made.pause(60)
            before = rules(arn)
            tasks = legacy.tasks()

            result = await at.run("adopt", ADOPTED)
            assert result.exit_code == Exit.INVALID, result.output
            result = await at.run("adopt", ADOPTED, str(at.folder))
            assert result.exit_code == Exit.DONE, result.output
            assert len(rules(arn)) == 3
            await made.pause(60)
            deaths = Deaths()
            made.cloud.router.disturb = deaths.strike
            result = await at.run("release-from", "legacy-shop", str(at.folder))
            assert result.exit_code == Exit.DONE, result.output
            assert {
                ("ecs:UntagResource", True),
                ("elbv2:ModifyRule", True),
                ("elbv2:RemoveTags", True),
            } <= deaths.died
            await made.pause(60)
            assert flow.totals.failed == 0
            assert legacy.tasks() == tasks
            made.traffic.stop(flow)
            assert rules(arn) == before

    play(scene)


def test_died_at_any_write_it_is_adopted_once_and_for_all(tmp_path: Path) -> None:
    async def scene() -> None:
        async with beside(tmp_path) as (at, legacy):
            made = at.made
            listener = listener_of("public")
            await legacy.serve(listener)
            scaled(legacy)
            flow = made.traffic.send(listener, 20.0, path="/shop")
            tasks, deaths = legacy.tasks(), Deaths()
            made.cloud.router.disturb = deaths.strike
            made.cloud.router.before(deaths.deny)
            for _ in range(30):
                ended = await at.run("adopt", ADOPTED, str(at.folder), "--name", "shop")
                if ended.exit_code == Exit.DONE:
                    break
            assert ended.exit_code == Exit.DONE, ended.output
            made.cloud.router.disturb = None
            assert {
                "ecs:TagResource",
                "elbv2:AddTags",
                "application-autoscaling:DeleteScalingPolicy",
            } <= {write for write, _ in deaths.died}
            await made.pause(60)
            assert (await at.on("plan")).exit_code == Exit.DONE
            assert legacy.tasks() == tasks
            assert flow.totals.failed == 0
            policies = client("application-autoscaling").describe_scaling_policies(
                ServiceNamespace="ecs", ResourceId=f"service/test/{legacy.name}"
            )["ScalingPolicies"]
            assert [p["PolicyName"] for p in policies] == ["legacy-shop-cpu"]

    play(scene)


class Deaths:
    """Fails each kind of write once before its effect, and a function's once after."""

    def __init__(self) -> None:
        self.died: set[tuple[str, bool]] = set()

    def strike(self, call: Call) -> Fault | None:
        """Kill the function that writes."""
        write = _write(call.service, call.operation)
        for takes_effect in (False, True):
            if write and (write, takes_effect) not in self.died:
                self.died.add((write, takes_effect))
                return Fault(takes_effect=takes_effect, failure=Killed())
        return None

    def deny(self, service: str, operation: str, _: Any, caller: str | None) -> None:
        """Deny the command what it writes."""
        write = _write(service, operation)
        if caller is None and write and (write, False) not in self.died:
            self.died.add((write, False))
            raise AwsError("AccessDenied", f"not yet: {write}")


def _write(service: str, operation: str) -> str | None:
    if operation.startswith(READS) or service in BOOKKEEPING:
        return None
    return f"{service}:{operation}"


def scaled(legacy: Legacy) -> None:
    """Let a service be sized by a policy that somebody else named."""
    scaling = client("application-autoscaling")
    of: Any = {
        "ServiceNamespace": "ecs",
        "ResourceId": f"service/test/{legacy.name}",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    scaling.register_scalable_target(MinCapacity=3, MaxCapacity=6, **of)
    scaling.put_scaling_policy(
        PolicyName="keep-cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 60.0,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "ECSServiceAverageCPUUtilization"
            },
            "ScaleOutCooldown": 60,
            "ScaleInCooldown": 300,
        },
        **of,
    )


@pytest.mark.parametrize(
    ("settings", "container", "said"),
    [
        ({}, {"cpu": 128}, "containers.app.cpu: 128, and manifests say nothing"),
    ],
)
def test_what_the_next_release_would_lose_is_refused_and_nothing_is_written(
    tmp_path: Path, settings: dict[str, Any], container: dict[str, Any], said: str
) -> None:
    async def scene() -> None:
        async with beside(tmp_path) as (at, legacy):
            legacy.settings, legacy.definition = settings, container
            await legacy.serve(listener_of("public"))
            at.called.clear()
            result = await at.run("adopt", ADOPTED, str(at.folder), "--name", "shop")
            assert result.exit_code == Exit.REFUSED, result.output
            assert said in result.output
            assert not (tmp_path / "services" / "shop.yaml").exists()
            assert all(call.operation.startswith(READS) for call in at.called)

    play(scene)


NOT_FOUND = {"StatusCode": "404", "ContentType": "text/plain", "MessageBody": ""}


def rules(listener: str) -> list[Any]:
    """Return what a listener does, each rule with whom it sends requests to."""
    found = client("elbv2").describe_rules(ListenerArn=listener)["Rules"]
    return [(r["Priority"], r["Conditions"], shares_of(r["Actions"])) for r in found]


def push(at: Desk, tag: str, **flaws: Any) -> str:
    """Let the manifest hear all tags, and push an image."""
    made = at.made
    image = {"app": "shop", "version": tag, "start_seconds": 8} | flaws
    return made.cloud.images.push("test/legacy", "old", image)
