"""The template allows each function exactly what it uses: no more, no less."""

from collections.abc import Sequence

import pytest
from botocore.session import get_session
from localcloud.api import Call, actions

from tests.e2e.stories import Story
from tests.structure.repository import stages

LOGGING = {"logs:CreateLogStream", "logs:PutLogEvents"}
POLLING = {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
"""What Lambda itself does with the role of a function, the latter for its queue."""


_TASKS = {"ecs:DescribeTasks", "ecs:ListTasks"}
IN_BATCHES = {
    "CheckHealth": _TASKS,
    "JudgeCandidate": _TASKS,
    "LaunchCandidate": _TASKS,
    "Promote": {*_TASKS, "dynamodb:Query"},
    "Restore": _TASKS,
    "RetireSlot": {*_TASKS, "dynamodb:Query"},
    "ShiftTraffic": _TASKS,
}
"""What stages do for services without rules, whose rollouts are told elsewhere
(test_batches)."""
BEHIND_GATES = {
    "AcquireLease": {
        "cloudwatch:DescribeAlarms",
        "events:PutEvents",
        "ecr:DescribeImages",
    }
}
"""What services with gates ask for besides (test_gates), and for images where manifests
change meanwhile (test_provision_waiting)."""
_LISTENERS = {"elasticloadbalancing:DescribeListeners"}
BEHIND_NETWORK = dict.fromkeys(
    (
        "AcquireLease",
        "LaunchCandidate",
        "Promote",
        "Restore",
        "RetireSlot",
        "ShiftTraffic",
    ),
    _LISTENERS,
)
"""What stages do for services behind Network Load Balancers, whose rollouts are told
elsewhere (test_network_balancers)."""
PROVISIONING = {*stages("provision"), "OnManifestChanged"}
"""What these do is told elsewhere (test_provision_repairs), and held by the code's own
text (structure/test_least_privilege)."""
STORIES = ("good", "failing", "silent", "sickly", "scaled", "overloaded")


@pytest.fixture(scope="module")
def used(
    good: Story, disturbed: Sequence[Call], request: pytest.FixtureRequest
) -> dict[str, set[str]]:
    """Name the IAM actions of every function's calls in all kinds of rollouts."""
    session = get_session()
    by_function: dict[str, set[str]] = {
        name: set() for name in good.allowed if not _provisions(name)
    }
    stories: list[Story] = [request.getfixturevalue(name) for name in STORIES]
    calls = [c for story in stories for c in story.calls]
    calls += disturbed
    for service in {call.service for call in calls}:
        model = session.get_service_model(service)
        for call in calls:
            if call.service == service and call.caller is not None:
                needed = actions(model, call.operation, call.params)
                by_function.setdefault(call.caller, set()).update(needed)
    return by_function


def test_no_function_may_do_what_no_rollout_needs(
    good: Story, used: dict[str, set[str]]
) -> None:
    """Peers publish ecs:* and Resource "*"; a `Describe` too many shows here."""
    beyond = {
        name: set(allowed)
        - used[name]
        - LOGGING
        - IN_BATCHES.get(_stage(name), set())
        - BEHIND_NETWORK.get(_stage(name), set())
        - BEHIND_GATES.get(_stage(name), set())
        - _polling(name)
        for name, allowed in good.allowed.items()
        if not _provisions(name)
    }
    assert {name: extra for name, extra in beyond.items() if extra} == {}


def test_every_action_that_a_rollout_needs_is_allowed_by_its_name(
    good: Story, used: dict[str, set[str]]
) -> None:
    """Without wildcards, and every function was put to work."""
    missing = {name: used[name] - set(good.allowed[name]) for name in used}
    assert {name: needed for name, needed in missing.items() if needed} == {}
    assert all(used.values())


def _polling(function: str) -> set[str]:
    return POLLING if "-On" in function or "-Sweep" in function else set()


def _provisions(function: str) -> bool:
    return _stage(function) in PROVISIONING


def _stage(function: str) -> str:
    return function.rpartition("-")[2].removesuffix("Function")
