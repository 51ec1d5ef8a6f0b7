"""What a scene of manifests says of itself in build/demo.json."""

from dataclasses import replace
from datetime import UTC, datetime

from localcloud.api import Call
from localcloud.demo.applied import PlayedRun
from localcloud.demo.applying import Run, writes
from localcloud.demo.scenes import PROVISION
from slipway.domain.planning import Change, Plan, Verb
from slipway.domain.provision_run import Report, Result
from slipway.domain.resources import Kind
from slipway_cli.applying import Applied

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
MADE = Plan(
    (
        Change(Verb.MAKE, Kind.CLUSTER, "demo", "services run in it"),
        Change(Verb.MAKE, Kind.ECS_SERVICE, "cart-a", "slot a of cart", "cart"),
        Change(Verb.MAKE, Kind.ECS_SERVICE, "cart-b", "slot b of cart", "cart"),
    )
)
RUN = Run(
    MADE,
    Applied(
        ("environment.yaml",),
        (),
        "provision-1",
        Report("provision-1", Result.DONE, NOW),
    ),
    125.04,
)
PLAYED = PlayedRun(
    scene=PROVISION,
    began=1000.0,
    ended=1010.0,
    run=RUN,
    left=Plan(),
    writes=["slipway-ProvisionClusterFunction: ecs:CreateCluster"],
    entry=None,
    said=None,
    violations=[],
)


def test_it_says_what_was_made_and_how_long_it_took() -> None:
    report = PLAYED.report(sent=0, failed=0)

    assert report.ok
    assert (report.expected, report.outcome, report.seconds) == ("done", "done", 10.0)
    assert report.receipt == {
        "reasons": {"provision-1": "3 to make; 2 min 05 s"},
        "provision": {
            "run": "provision-1",
            "uploaded": ["environment.yaml"],
            "planned": {"make": 3},
            "resources": {"cluster": 1, "ECS service": 2},
            "seconds": 125.0,
            "problems": [],
            "writes": 1,
        },
        "rollouts": {},
    }


def test_what_is_left_to_do_makes_it_not_ok() -> None:
    assert not replace(PLAYED, left=MADE).report(sent=0, failed=0).ok


def test_a_run_without_end_is_no_success() -> None:
    silent = replace(RUN, applied=replace(RUN.applied, report=None))
    report = replace(PLAYED, run=silent).report(sent=0, failed=0)

    assert report.outcome == "none"
    assert "the run: no end in time, not done" in report.complaints


def test_a_refused_run_says_why() -> None:
    refused = Report("provision-1", Result.REFUSED, NOW, ("no such VPC",))
    run = replace(RUN, applied=replace(RUN.applied, report=refused))
    report = replace(PLAYED, run=run).report(sent=0, failed=0)

    assert report.outcome == "refused"
    assert "no such VPC" in report.complaints


def test_of_all_calls_slipways_own_that_change_the_system_are_writes() -> None:
    def call(caller: str | None, service: str, operation: str) -> Call:
        return Call(NOW, caller, service, operation, {}, None)

    assert writes(
        [
            call("keeper", "elbv2", "CreateRule"),
            call("keeper", "elbv2", "DescribeRules"),
            call("keeper", "dynamodb", "PutItem"),
            call(None, "ecs", "CreateService"),
        ]
    ) == ["keeper: elbv2:CreateRule"]
