"""The template reads top to bottom, and every resource is kept as the house asks."""

import re
from datetime import timedelta
from typing import Any

import pytest
from slipway.domain.lease import LAST_WRITE, WRITE_TERM
from slipway.wiring import CLIENT_CONFIG

from tests.structure.repository import (
    TEMPLATE,
    Resource,
    actions,
    all_stages,
    functions,
    pascal,
    resources,
    statements,
    stems,
    template,
)

BANNERS = [
    "TABLES",
    "BUCKETS",
    "LAYER",
    "STAGES",
    "REACTIONS",
    "STATE MACHINES",
    "ALARMS",
    "DASHBOARD",
]
BANNER = re.compile(r"^  # =+ ([A-Z ]+) =+$")
OWN = "${EnvironmentName}"
UNTAGGED = {"MakeGroupsInVpcs", "ChangeRules"}
"""Statements about what stands beside a tagged resource in the same call: the VPC of a
group that is made, and rules, which only that group leads to."""


def under_banners() -> dict[str, list[str]]:
    """Return the logical ids under each banner, in order."""
    found: dict[str, list[str]] = {}
    inside = False
    for line in TEMPLATE.read_text().splitlines():
        if re.match(r"^[A-Z]", line):
            inside = line == "Resources:"
        elif inside and (banner := BANNER.match(line)):
            found[banner[1]] = []
        elif inside and (name := re.match(r"^  (\w+):$", line)):
            assert found, f"{name[1]} stands before the first banner"
            list(found.values())[-1].append(name[1])
    return found


def test_the_sections_stand_in_order() -> None:
    sections = list(template())
    wanted = ["Parameters", "Globals", "Resources", "Outputs"]
    assert [s for s in sections if s in wanted] == wanted


def test_the_banners_stand_in_order_and_head_something() -> None:
    banners = under_banners()
    assert list(banners) == [b for b in BANNERS if b in banners]
    assert all(banners.values())
    listed = [name for names in banners.values() for name in names]
    assert listed == list(resources())


@pytest.mark.parametrize(
    ("banner", "kind"),
    [
        ("TABLES", "AWS::DynamoDB::Table"),
        ("BUCKETS", "AWS::S3::Bucket"),
        ("LAYER", "AWS::Serverless::LayerVersion"),
        ("STATE MACHINES", "AWS::Serverless::StateMachine"),
        ("ALARMS", "AWS::CloudWatch::Alarm"),
        ("DASHBOARD", "AWS::CloudWatch::Dashboard"),
    ],
)
def test_each_banner_heads_all_of_its_kind(banner: str, kind: str) -> None:
    names = set(under_banners().get(banner, []))
    assert set(resources(kind)) <= names
    others = names - set(resources(kind))
    assert all(resources()[o]["Type"] == "AWS::Logs::LogGroup" for o in others)


def test_stages_stand_in_the_order_of_the_state_machine() -> None:
    under = [n for n in under_banners()["STAGES"] if n in functions()]
    assert under == [f"{stage}Function" for stage in all_stages()]


def test_all_other_functions_are_reactions() -> None:
    under = [n for n in under_banners()["REACTIONS"] if n in functions()]
    assert under == [
        f for f in functions() if f.removesuffix("Function") not in all_stages()
    ]


def _events(function: Resource) -> list[dict[str, Any]]:
    """Return what starts a function, but for state machines."""
    return list(function["Properties"].get("Events", {}).values())


def test_one_stem_names_folder_function_and_state() -> None:
    assert {f"{pascal(stem)}Function" for stem in stems()} == set(functions())
    for stem in stems():
        properties = functions()[f"{pascal(stem)}Function"]["Properties"]
        assert properties["CodeUri"] == f"functions/{stem}"
    reactions = {
        name.removesuffix("Function")
        for name, function in functions().items()
        if any(e["Type"] == "SQS" for e in _events(function))
    }
    assert {pascal(stem) for stem in stems()} == set(all_stages()) | reactions
    assert all(pascal(s) in reactions for s in stems() if s.startswith("on_"))


@pytest.mark.parametrize("name", functions())
def test_each_function_says_what_it_does_and_keeps_its_logs(name: str) -> None:
    properties = functions()[name]["Properties"]
    assert properties["Description"]
    group = properties["LoggingConfig"]["LogGroup"]["Ref"]
    assert group == name.removesuffix("Function") + "Logs"
    assert "RetentionInDays" in resources()[group]["Properties"]


@pytest.mark.parametrize("name", resources("AWS::Serverless::StateMachine"))
def test_each_state_machine_keeps_its_logs(name: str) -> None:
    logging = resources()[name]["Properties"]["Logging"]
    destination = logging["Destinations"][0]["CloudWatchLogsLogGroup"]["LogGroupArn"]
    group = destination["Fn::GetAtt"][0]
    assert group == f"{name}Logs"
    assert "RetentionInDays" in resources()[group]["Properties"]


@pytest.mark.parametrize("name", resources("AWS::Events::Rule"))
def test_each_rule_says_why_and_loses_nothing(name: str) -> None:
    properties = resources()[name]["Properties"]
    assert properties["Description"]
    for target in properties["Targets"]:
        queue = target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0]
        assert resources()[queue]["Type"] == "AWS::SQS::Queue"


@pytest.mark.parametrize("name", resources("AWS::SQS::Queue"))
def test_each_queue_ends_in_dead_letters_that_alarm(name: str) -> None:
    properties = resources()[name]["Properties"]
    if name.endswith("DeadLetters"):
        watched = [
            alarm["Properties"]["Dimensions"][0]["Value"]
            for alarm in resources("AWS::CloudWatch::Alarm").values()
        ]
        assert {"Fn::GetAtt": [name, "QueueName"]} in watched
    else:
        dead = properties["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        assert dead.endswith("DeadLetters")
        assert dead in resources("AWS::SQS::Queue")


@pytest.mark.parametrize(
    "name", [n for n, f in functions().items() if "Events" in f["Properties"]]
)
def test_a_queue_hides_a_message_for_six_times_its_function(name: str) -> None:
    """As AWS recommends (Lambda Developer Guide, services-sqs-configure)."""
    properties = functions()[name]["Properties"]
    for source in properties["Events"].values():
        queue = source["Properties"]["Queue"]["Fn::GetAtt"][0]
        hidden = resources()[queue]["Properties"]["VisibilityTimeout"]
        assert hidden >= 6 * timeout_seconds(functions()[name])
        assert source["Properties"]["FunctionResponseTypes"] == [
            "ReportBatchItemFailures"
        ]


@pytest.mark.parametrize("name", resources("AWS::Serverless::StateMachine"))
@pytest.mark.parametrize(
    "metric", ["ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"]
)
def test_each_way_a_state_machine_ends_badly_alarms(name: str, metric: str) -> None:
    alarms = [
        alarm["Properties"]
        for alarm in resources("AWS::CloudWatch::Alarm").values()
        if alarm["Properties"]["MetricName"] == metric
        and alarm["Properties"]["Dimensions"][0]["Value"] == {"Ref": name}
    ]
    assert len(alarms) == 1
    assert alarms[0]["AlarmActions"]


@pytest.mark.parametrize("name", resources("AWS::CloudWatch::Alarm"))
def test_each_alarm_says_what_to_do(name: str) -> None:
    properties = resources()[name]["Properties"]
    assert properties["AlarmDescription"]
    assert properties["AlarmActions"] == [{"Ref": "PagesTopic"}]


def timeout_seconds(function: Resource) -> int:
    default = template()["Globals"]["Function"]["Timeout"]
    return int(function["Properties"].get("Timeout", default))


def test_a_call_with_all_its_attempts_fits_into_the_time_to_write() -> None:
    attempts = CLIENT_CONFIG.retries["total_max_attempts"]
    attempt = timedelta(
        seconds=CLIENT_CONFIG.connect_timeout + CLIENT_CONFIG.read_timeout
    )
    assert attempt < LAST_WRITE
    assert attempts * attempt <= WRITE_TERM - LAST_WRITE


def test_tables_outlive_the_stack() -> None:
    tables = resources("AWS::DynamoDB::Table").values()
    assert tables
    for table in tables:
        assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
        recovery = table["Properties"]["PointInTimeRecoverySpecification"]
        assert recovery["PointInTimeRecoveryEnabled"] is True


# -- who may do what ------------------------------------------------------------------

PRINCIPALS = functions() | resources("AWS::Serverless::StateMachine")


@pytest.mark.parametrize("name", PRINCIPALS)
def test_policies_are_written_out_one_statement_per_purpose(name: str) -> None:
    sids = [statement["Sid"] for statement in statements(PRINCIPALS[name])]
    assert len(sids) == len(set(sids))
    for statement in statements(PRINCIPALS[name]):
        assert statement["Effect"] == "Allow"
        assert not [action for action in actions(statement) if "*" in action]
        assert "NotAction" not in statement
        assert "NotResource" not in statement


def test_nothing_names_a_managed_policy() -> None:
    assert "FullAccess" not in TEMPLATE.read_text()
    assert "ManagedPolic" not in TEMPLATE.read_text()


@pytest.mark.parametrize("name", functions())
def test_a_function_has_a_role_written_out_for_sam_adds_policies_to_its_own(
    name: str,
) -> None:
    assert "Role" in functions()[name]["Properties"]
    assert "Policies" not in functions()[name]["Properties"]


def test_each_resource_of_everything_says_why() -> None:
    lines = TEMPLATE.read_text().splitlines()
    stars = [line for line in lines if re.search(r"""Resource:\s*['"]?\*""", line)]
    assert stars
    assert [line for line in stars if not re.search(r"# \w+", line)] == []
    everything = [
        statement
        for principal in PRINCIPALS.values()
        for statement in statements(principal)
        if "*" in listed(statement["Resource"])
    ]
    assert len(everything) == len(stars)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("name", PRINCIPALS)
def test_roles_are_passed_only_to_tasks_and_only_of_this_environment(name: str) -> None:
    for statement in statements(PRINCIPALS[name]):
        if actions(statement) == ["iam:GetRole"]:
            roles = [one["Fn::Sub"] for one in listed(statement["Resource"])]
            assert all(":role/aws-service-role/" in one for one in roles)
            assert not any("*" in one for one in roles)
            continue
        if "iam:PassRole" not in actions(statement):
            assert not any(action.startswith("iam:") for action in actions(statement))
            continue
        assert actions(statement) == ["iam:PassRole"]
        (resource,) = listed(statement["Resource"])
        assert resource["Fn::Sub"].endswith(f":role/slipway/{OWN}/*")
        service = statement["Condition"]["StringEquals"]["iam:PassedToService"]
        assert service == "ecs-tasks.amazonaws.com"


@pytest.mark.parametrize("name", functions())
def test_what_slipway_changes_carries_its_tag(name: str) -> None:
    existing = {"aws:ResourceTag/slipway:environment": {"Ref": "EnvironmentName"}}
    new = {"aws:RequestTag/slipway:environment": {"Ref": "EnvironmentName"}}
    function = functions()[name]
    allowed = {action for s in statements(function) for action in actions(s)}
    by_what_makes_it = ("CreateTags", "AddTags", "TagResource")
    for statement in statements(functions()[name]):
        for action in actions(statement):
            service, verb = action.split(":")
            if service not in {"ec2", "ecs", "elasticloadbalancing"}:
                continue
            if verb.startswith(("Describe", "List", "Get")):
                continue
            told = statement.get("Condition", {}).get("StringEquals")
            if verb in by_what_makes_it and statement["Sid"].endswith("Again"):
                # Both: else it could make its own what is another's.
                assert told == new | existing
            elif verb in by_what_makes_it:
                made = listed(told[f"{service}:CreateAction"])
                assert {f"{service}:{one}" for one in made} <= allowed
            elif statement["Sid"] not in UNTAGGED:
                is_new = verb.startswith(("Create", "Register"))
                assert told == (new if is_new else existing)


# -- what an update of Slipway leaves to rollouts under way ----------------------------


@pytest.mark.parametrize("name", functions())
def test_every_function_stands_behind_an_alias_of_whole_versions(name: str) -> None:
    everywhere = template()["Globals"]["Function"]
    assert everywhere["AutoPublishAlias"] == "live"
    assert everywhere["AutoPublishAliasAllProperties"] is True
    own = {"AutoPublishAlias", "AutoPublishAliasAllProperties", "Layers"}
    assert not own & set(functions()[name]["Properties"])


@pytest.mark.parametrize("name", resources("AWS::Serverless::LayerVersion"))
def test_a_layer_is_kept_and_its_change_publishes_functions(name: str) -> None:
    properties = resources()[name]["Properties"]
    assert properties["RetentionPolicy"] == "Retain"
    assert properties["PublishLambdaVersion"] is True


@pytest.mark.parametrize("name", resources("AWS::Serverless::StateMachine"))
def test_a_workflow_may_invoke_the_aliases_that_it_names_and_nothing_else(
    name: str,
) -> None:
    given = resources()[name]["Properties"]["DefinitionSubstitutions"].values()
    named = sorted(v["Ref"] for v in given if v["Ref"].endswith(".Alias"))
    (allowed,) = [
        statement["Resource"]
        for statement in statements(resources()[name])
        if "lambda:InvokeFunction" in actions(statement)
    ]
    assert sorted(resource["Ref"] for resource in allowed) == named


@pytest.mark.parametrize("name", functions())
def test_whoever_starts_workflows_is_updated_after_them(name: str) -> None:
    """CloudFormation updates what a resource names before the resource itself."""
    properties = functions()[name]["Properties"]
    named = properties.get("Environment", {}).get("Variables", {}).values()
    machines = {v["Ref"] for v in named if "Ref" in v}
    started = {
        resource["Ref"]
        for statement in statements(functions()[name])
        if "states:StartExecution" in actions(statement)
        for resource in listed(statement["Resource"])
    }
    assert started <= machines
