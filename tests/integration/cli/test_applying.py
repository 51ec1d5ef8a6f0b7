"""`slipway plan` and `slipway apply`: a folder of manifests, and an environment."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from localcloud.api import AwsError
from localcloud.clock import run_virtual
from slipway.domain.provision_run import Report, Result, run_name
from slipway.domain.receipt import receipt
from slipway.domain.rollout import Outcome
from slipway.gateways.s3 import Manifests
from slipway_cli.exits import CHANGES, Exit
from slipway_cli.main import app
from typer.testing import CliRunner

from tests.e2e.grounds import environment, orders
from tests.e2e.road import client, losing
from tests.integration.cli.desk import desk, documented


def play(scene: Any) -> None:
    run_virtual(scene())


# ----------------------------------------------------- with the whole workflow


def test_a_folder_is_planned_applied_and_then_there_is_nothing_to_do(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        async with desk(tmp_path) as at:
            planned = await at.on("plan")
            assert planned.exit_code == CHANGES == 2, planned.output
            assert "+ ECS service orders-a" in planned.stdout.splitlines()
            assert planned.stdout.splitlines()[-1].endswith(" to make")
            assert at.made.writes() == []
            assert at.files() == {}

            result = await at.on("apply")
            assert result.exit_code == Exit.DONE, result.output
            lines = result.stdout.splitlines()
            assert sorted(lines[:2]) == [
                "uploaded environment.yaml",
                "uploaded services/orders.yaml",
            ]
            assert lines[2].startswith("run provision-")
            assert lines[-1] == f"{lines[2]}: done"
            assert at.made.journal.services() == ["orders"]

            code, document = await at.document("plan")
            assert code == Exit.DONE, document
            assert document == {
                "environment": "test",
                "exit_code": 0,
                "changes": [],
                "refusals": [],
                "notes": [],
            }
            planned = await at.on("plan")
            said = "nothing to do: everything is as the manifests say\n"
            assert (planned.exit_code, planned.stdout) == (Exit.DONE, said)

    play(scene)


def test_what_differs_is_shown_uploaded_and_taken_away(tmp_path: Path) -> None:
    async def scene() -> None:
        async with desk(tmp_path) as at:
            assert (await at.on("apply")).exit_code == Exit.DONE
            # What differs is shown with what it was; only that file is uploaded.
            # What is neither environment.yaml nor in services/ is not Slipway's.
            at.write(orders(count=3))
            client("s3").put_object(
                Bucket=at.made.bucket, Key="environment.yaml.md", Body=b"ours"
            )
            await at.made.provisioned()
            code, document = await at.document("plan")
            assert code == CHANGES
            (change,) = document["changes"]
            assert (change["verb"], change["kind"]) == ("change", "record")
            differences = change["differences"]
            assert differences["min_tasks"] == {"was": 2, "becomes": 3}
            planned = await at.on("plan")
            assert planned.exit_code == CHANGES
            assert "~ record orders" in planned.stdout.splitlines()
            assert "    min_tasks: 2 -> 3" in planned.stdout.splitlines()
            how = "weights move on 1 binding, judged by its load balancers' requests"
            noted = f"note: orders: canary: {how}"
            assert planned.stdout.splitlines()[-2:] == [noted, "1 to change"]
            before = at.versions()
            code, document = await at.document("apply")
            assert code == document["exit_code"] == Exit.DONE, document
            assert document["uploaded"] == ["services/orders.yaml"]
            assert document["deleted"] == []
            assert document["report"]["result"] == "done"
            assert at.versions() == before + 1
            assert at.made.service("orders").min_tasks == 3

            # Nothing changed: a run of its own looks all the same.
            code, again = await at.document("apply")
            assert code == Exit.DONE
            assert again["uploaded"] == again["deleted"] == []
            assert again["run"].startswith(f"{document['run']}-")
            assert at.versions() == before + 1

            # What the folder has no more is taken away, and nothing else.
            (tmp_path / "services" / "orders.yaml").unlink()
            result = await at.on("apply")
            assert result.exit_code == Exit.DONE, result.output
            assert "deleted services/orders.yaml" in result.stdout.splitlines()
            assert set(at.files()) == {"environment.yaml", "environment.yaml.md"}
            assert at.made.journal.services() == []

    play(scene)


def test_an_environment_is_taken_away_once_its_name_was_typed(tmp_path: Path) -> None:
    async def scene() -> None:
        async with desk(tmp_path) as at:
            assert (await at.on("apply")).exit_code == Exit.DONE
            runs = len(at.made.runs())
            # Nobody is taken at another word, and a document asks nobody.
            result = await at.run("destroy", typed="prod\n")
            assert result.exit_code == Exit.ERROR
            assert "- cluster test" in result.stdout.splitlines()
            assert "- ECS service orders-a" in result.stdout.splitlines()
            assert "log group" not in result.stdout
            assert "that is another name: nothing was done" in result.stderr
            result = await at.run("destroy", typed="")
            assert result.exit_code == Exit.ERROR
            result = await at.run("destroy", "--json")
            assert result.exit_code == Exit.USAGE
            assert "say --yes too" in json.loads(result.stdout)["error"]
            # In a rollout nothing goes.
            rollout = at.begin("orders")
            result = await at.run("destroy", "--yes")
            assert result.exit_code == Exit.REFUSED
            assert f"orders: rollout {rollout.id} is under way" in result.stderr
            assert len(at.made.runs()) == runs
            at.made.journal.finish(
                rollout, Outcome.ABORTED, "enough", receipt(rollout, []), None
            )
            # At the right word all of it goes, but for manifests and log groups.
            files = at.files()
            result = await at.run("destroy", typed="test\n")
            assert result.exit_code == Exit.DONE, result.output
            assert result.stdout.splitlines()[-1].endswith(": done")
            assert at.made.journal.services() == []
            (cluster,) = client("ecs").describe_clusters(clusters=["test"])["clusters"]
            assert cluster["status"] == "INACTIVE"
            assert at.files() == files
            result = await at.run("destroy", "--yes")
            assert result.exit_code == Exit.DONE
            assert result.stdout == "nothing to do: nothing of it is there\n"
            result = await at.run("destroy", "--yes", "--json", "--logs")
            document = json.loads(result.stdout)
            assert result.exit_code == document["exit_code"] == Exit.DONE
            assert document["report"]["result"] == "done"
            groups = client("logs").describe_log_groups(logGroupNamePrefix="/shop")
            assert groups["logGroups"] == []
            assert at.actions() <= documented("Plan") | documented("Apply")

    play(scene)


def test_not_all_is_gone_where_a_rollout_began_meanwhile(tmp_path: Path) -> None:
    async def scene() -> None:
        async with desk(tmp_path) as at:
            assert (await at.on("apply")).exit_code == Exit.DONE
            at.mute()
            waiting = asyncio.create_task(at.run("destroy", "--yes"))
            await at.made.pause(20)
            (name,) = at.started
            now = at.made.cloud.clock.now()
            at.made.journal.finish_provision(
                Report(name, Result.WAITING, now, (), ("orders: in rollout",))
            )
            result = await waiting
            assert result.exit_code == Exit.REFUSED
            assert "orders: in rollout" in result.stderr.splitlines()

    play(scene)


def test_a_run_that_died_without_a_report_is_not_waited_for(tmp_path: Path) -> None:
    async def scene() -> None:
        async with desk(tmp_path) as at:
            made = at.made
            made.cloud.events.disturb = losing("aws.s3")
            paths = sorted(at.folder.rglob("*.yaml"))
            made.upload(*(yaml.safe_load(path.read_text()) for path in paths))
            name = run_name(Manifests(client("s3"), made.bucket).marks())
            machine = made.cloud.stack.state_machines["ProvisionStateMachine"]
            begun = client("stepfunctions").start_execution(
                stateMachineArn=machine,
                name=name,
                input=json.dumps({"payload_version": 1, "run": name}),
            )
            client("stepfunctions").stop_execution(executionArn=begun["executionArn"])
            await made.pause(1)
            result = await at.on("apply")
            assert result.exit_code == Exit.DONE, result.output
            last = made.journal.last_provision()
            assert last is not None
            assert last.run.startswith(f"{name}-")

    play(scene)


def test_the_manual_lists_the_permissions_that_plan_and_apply_need(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        async with desk(tmp_path) as at:
            for verb in ("plan", "apply", "plan"):
                assert (await at.on(verb)).exit_code in {Exit.DONE, CHANGES}
                if verb == "apply":
                    (at.folder / "services" / "orders.yaml").unlink()
                    at.called.clear()
                    assert (await at.on("apply")).exit_code == Exit.DONE
                    at.write(orders())
                    assert (await at.on("apply")).exit_code == Exit.DONE
                    # That one is for a run whose name is known and whose end is not.
                    unusual = {"states:DescribeExecution"}
                    assert at.actions() == documented("Apply") - unusual
                    at.called.clear()
            # Some are needed for what this environment has not, or to make more.
            others = {
                "acm:DescribeCertificate",
                "acm:ListCertificates",
                "acm:ListTagsForCertificate",
                "route53:GetHostedZone",
                "route53:ListResourceRecordSets",
                "application-autoscaling:DescribeScalableTargets",
                "application-autoscaling:DescribeScalingPolicies",
                "application-autoscaling:DescribeScheduledActions",
                "elasticloadbalancing:DescribeListenerCertificates",
                "iam:GetRole",
                "servicequotas:GetServiceQuota",
            }
            assert at.actions() <= documented("Plan")
            assert documented("Plan") - at.actions() <= others

    play(scene)


# ----------------------------------------------------- what does not go well


def test_wrong_usage_of_plan_is_an_error_for_its_code_2_says_something_else(
    tmp_path: Path,
) -> None:
    for said in ([], ["--nonsense"], [str(tmp_path / "nowhere")]):
        for more in ([], ["--json"]):
            result = CliRunner().invoke(
                app, ["plan", *said, *more], env={"SLIPWAY_ENVIRONMENT": None}
            )
            assert result.exit_code == Exit.ERROR, result.output
    result = CliRunner().invoke(app, ["apply", "--nonsense"])
    assert result.exit_code == Exit.USAGE


def test_manifests_that_do_not_hold_are_named_and_nothing_is_uploaded(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        async with desk(tmp_path) as at:
            at.write(orders(count="4-2"))
            for verb in ("plan", "apply"):
                result = await at.on(verb)
                assert result.exit_code == Exit.INVALID, result.output
                assert f"{tmp_path}/services/orders.yaml:1:" in result.stdout
                assert result.stderr == "slipway: 1 problem in 1 file\n"
                code, document = await at.document(verb)
                assert code == document["exit_code"] == Exit.INVALID
                (problem,) = document["problems"]
                assert problem["field"].startswith("count")
            # So it is with those of another environment.
            defaults = {"execution_role": "role/slipway/prod/execution"}
            network = at.made.cloud.network
            at.write(orders(), environment(network, name="prod", defaults=defaults))
            for verb in ("plan", "apply"):
                result = await at.on(verb)
                assert result.exit_code == Exit.INVALID, result.output
                assert "prod, and this Slipway was deployed for test" in result.stderr
                code, document = await at.document(verb)
                assert code == document["exit_code"] == Exit.INVALID
            assert at.files() == {}
            assert at.made.runs() == []

    play(scene)


def test_what_cannot_be_is_said_by_plan_and_refused_by_the_run(tmp_path: Path) -> None:
    async def scene() -> None:
        async with desk(tmp_path) as at:
            nlb = {"port": 9000, "load_balancer": "wire"}
            metric = {"namespace": "shop", "requests": "r", "failures": "f"}
            judged = {
                "judge": {"metric": metric},
                "retire_delay": "600s",
            }
            network = environment(at.made.cloud.network)
            (theirs,) = client("elbv2").create_load_balancer(
                Name="theirs",
                Type="network",
                Scheme="internal",
                Subnets=network["subnets"],
            )["LoadBalancers"]
            arn = theirs["LoadBalancerArn"]
            wire = {"type": "network", "scheme": "internal", "arn": arn}
            balancers = network["load_balancers"] | {"wire": wire}
            behind_wire = orders(nlb=nlb, rollout=judged)
            del behind_wire["http"]
            at.write(network | {"load_balancers": balancers}, behind_wire)
            planned = await at.on("plan")
            assert planned.exit_code == Exit.REFUSED, planned.output
            lines = planned.stdout.splitlines()
            assert "! load balancer wire" in lines
            assert not any("rollout.judge.metric" in line for line in lines)
            assert lines[-1].endswith("; 1 that cannot be")
            code, document = await at.document("apply")
            assert code == document["exit_code"] == Exit.REFUSED, document
            assert "it has no security group" in document["report"]["problems"][0]
            assert at.made.writes() == []

    play(scene)


@pytest.mark.parametrize(
    ("ended", "code"),
    [
        (Result.WAITING, Exit.DONE),
        (Result.FAILED, Exit.FAILED),
        (Result.REFUSED, Exit.REFUSED),
    ],
)
def test_each_end_of_a_run_has_its_code(
    tmp_path: Path, ended: Result, code: Exit
) -> None:
    async def scene() -> None:
        async with desk(tmp_path) as at:
            at.mute()
            waiting = asyncio.create_task(at.on("apply"))
            await at.made.pause(20)
            (name,) = at.started
            now = at.made.cloud.clock.now()
            at.made.journal.finish_provision(
                Report(name, ended, now, ("it broke",), ("orders: in rollout",))
            )
            result = await waiting
            assert result.exit_code == code
            told = result.stdout if code is Exit.DONE else result.stderr
            assert told.splitlines()[-3:] == [
                "it broke",
                "orders: in rollout",
                f"run {name}: {ended}",
            ]

    play(scene)


def test_a_run_that_does_not_end_in_time_is_named_and_goes_on(tmp_path: Path) -> None:
    async def scene() -> None:
        async with desk(tmp_path) as at:
            at.mute()
            before = at.made.cloud.clock.now()
            result = await at.on("apply", "--timeout", "40")
            waited = at.made.cloud.clock.now() - before
            assert timedelta(seconds=40) <= waited < timedelta(seconds=45)
            assert result.exit_code == Exit.TIMED_OUT
            (name,) = at.started
            assert result.stderr == f"run {name} has not ended yet, and goes on\n"
            code, document = await at.document("apply", "--timeout", "0")
            assert code == document["exit_code"] == Exit.TIMED_OUT
            assert document["report"] is None

    play(scene)


def test_what_aws_refuses_is_an_error_with_a_sentence(tmp_path: Path) -> None:
    async def scene() -> None:
        async with desk(tmp_path) as at:

            def before(service: str, name: str, *_: object) -> None:
                if (service, name) == ("s3", "ListObjectVersions"):
                    raise AwsError("AccessDenied", "not authorized")
                if (service, name) == ("elbv2", "DescribeLoadBalancers"):
                    raise AwsError("AccessDenied", "not authorized")

            at.made.cloud.router.before(before)
            for verb in ("plan", "apply"):
                result = await at.on(verb)
                assert result.exit_code == Exit.ERROR
                assert "not authorized; ask for the permissions" in result.stderr
                assert "Traceback" not in result.output
            assert at.files() == {}
            at.made.cloud.router._before.clear()  # noqa: SLF001  all is well again

    play(scene)
