"""The template allows each function exactly what it uses: no more, no less."""

from collections.abc import Iterable

import pytest
from localcloud.api import actions
from botocore.session import get_session

from tests.e2e.stories import Story

BESIDE_THE_CALLS = {"logs:CreateLogStream", "logs:PutLogEvents"}
"""What Lambda itself does with a function's role, and, below, for one fed by a queue."""
POLLING = {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}


@pytest.fixture(scope="module")
def used(good: Story, failing: Story, silent: Story) -> dict[str, set[str]]:
    """Name the IAM actions of every function's calls in three kinds of rollout."""
    session = get_session()
    models = {s: session.get_service_model(s) for s in _services((good, failing))}
    by_function: dict[str, set[str]] = {name: set() for name in good.allowed}
    for story in (good, failing, silent):
        for call in story.calls:
            if call.caller is not None:
                model = models[call.service]
                by_function[call.caller].update(
                    actions(model, call.operation, call.params)
                )
    return by_function


def test_no_function_may_do_what_no_rollout_needs(
    good: Story, used: dict[str, set[str]]
) -> None:
    beyond = {
        name: set(allowed) - used[name] - BESIDE_THE_CALLS - _polling(name)
        for name, allowed in good.allowed.items()
    }
    assert {name: extra for name, extra in beyond.items() if extra} == {}


def test_every_action_a_rollout_needs_is_allowed_by_name(
    good: Story, used: dict[str, set[str]]
) -> None:
    for name, needed in used.items():
        assert needed
        assert needed <= set(good.allowed[name]), name


def test_no_function_may_do_anything_by_wildcard(good: Story) -> None:
    allowed = {action for actions_ in good.allowed.values() for action in actions_}
    assert not [action for action in allowed if "*" in action]


def _services(told: Iterable[Story]) -> set[str]:
    return {c.service for story in told for c in story.calls if c.caller is not None}


def _polling(function: str) -> set[str]:
    return POLLING if "-On" in function else set()
