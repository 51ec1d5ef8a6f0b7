"""Releases: content makes the id, and a cause names its rollout."""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.domain.release import Cause, Release, task_definition
from slipway.domain.service import TaskShape

from tests.builders import (
    DIGEST,
    OTHER_DIGEST,
    REGION,
    SUBNETS,
    a_cause,
    a_release,
    a_service,
    a_task_shape,
    after,
    an_ask,
)

CHANGES: dict[str, Any] = {
    "cpu": 512,
    "memory_mib": 1024,
    "port": 9090,
    "execution_role_arn": "arn:aws:iam::111122223333:role/other",
    "task_role_arn": "arn:aws:iam::111122223333:role/other",
    "security_group_ids": ("sg-0a1b2c3d4e5f60718", "sg-1"),
    "environment": {"LOG_LEVEL": "debug"},
    "command": ("serve", "--fast"),
    "stop_timeout_seconds": 60,
    "log_group": "/slipway/test/orders",
}
NAMES = st.text(min_size=1, max_size=12)
VARIABLES = st.dictionaries(NAMES, st.text(max_size=12), max_size=5)


def test_every_field_of_the_task_shape_is_among_the_changes_below() -> None:
    assert set(CHANGES) == {field.name for field in fields(TaskShape)}


@pytest.mark.parametrize("field", CHANGES)
def test_a_change_of_any_field_of_the_task_shape_is_another_release(field: str) -> None:
    changed = replace(a_task_shape(), **{field: CHANGES[field]})
    assert a_release(service=a_service(task=changed)).id != a_release().id


@pytest.mark.parametrize(
    "other",
    [
        a_release(digest=OTHER_DIGEST),
        a_release(subnet_ids=(*SUBNETS, "subnet-0c")),
        a_release(service=a_service(name="carts")),
        a_release(service=a_service(repository="test/carts")),
    ],
    ids=["digest", "subnets", "service", "repository"],
)
def test_another_digest_subnet_or_service_is_another_release(other: Release) -> None:
    assert other.id != a_release().id


def test_what_shapes_no_task_does_not_change_the_release() -> None:
    other = a_service(min_tasks=1, max_tasks=3, tag_pattern="release-*")
    assert a_release(service=other).id == a_release().id


@given(VARIABLES, st.randoms(use_true_random=False))
def test_equal_content_has_an_equal_id_in_whatever_order_it_was_given(
    variables: dict[str, str], chance: Any
) -> None:
    shuffled = list(variables.items())
    chance.shuffle(shuffled)
    one = a_service(task=a_task_shape(environment=variables))
    two = a_service(task=a_task_shape(environment=dict(shuffled)))
    assert a_release(service=one).id == a_release(service=two).id


@given(VARIABLES, VARIABLES)
def test_ids_differ_exactly_where_variables_do(
    one: dict[str, str], two: dict[str, str]
) -> None:
    ids = {
        a_release(service=a_service(task=a_task_shape(environment=variables))).id
        for variables in (one, two)
    }
    assert len(ids) == (1 if one == two else 2)


def test_a_release_runs_its_image_by_digest_never_by_tag() -> None:
    registry = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
    assert a_release().image == f"{registry}/test/orders@{DIGEST}"


# ------------------------------------------------------------------ task definition


def _definition(**shape: Any) -> dict[str, Any]:
    release = a_release(service=a_service(task=a_task_shape(**shape)))
    return task_definition(release, family="test-orders", region=REGION)


def test_a_task_definition_says_all_that_the_release_does() -> None:
    definition = _definition(
        environment={"B": "2", "A": "1"},
        command=("serve",),
        stop_timeout_seconds=45,
        log_group="/slipway/test/orders",
    )
    [container] = definition.pop("containerDefinitions")
    assert definition == {
        "family": "test-orders",
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": "arn:aws:iam::111122223333:role/execution",
        "taskRoleArn": "arn:aws:iam::111122223333:role/orders",
    }
    assert container == {
        "name": "orders",
        "image": a_release().image,
        "essential": True,
        "portMappings": [{"containerPort": 8080, "protocol": "tcp"}],
        "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
        "stopTimeout": 45,
        "command": ["serve"],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": "/slipway/test/orders",
                "awslogs-region": "eu-west-1",
                "awslogs-stream-prefix": "orders",
            },
        },
    }


def test_an_image_keeps_its_own_command_and_logs_nowhere_unless_told() -> None:
    [container] = _definition()["containerDefinitions"]
    assert container.keys().isdisjoint({"command", "logConfiguration"})


# ------------------------------------------------------------------ the id of a rollout


@pytest.mark.parametrize(
    "change",
    [
        lambda cause: replace(cause, repository="test/carts"),
        lambda cause: replace(cause, tag="v2"),
        lambda cause: replace(cause, digest=OTHER_DIGEST),
        lambda cause: replace(cause, pushed_at=after(1)),
        lambda cause: replace(cause, ask=an_ask()),
    ],
    ids=["repository", "tag", "digest", "pushed_at", "ask"],
)
def test_another_cause_is_another_rollout(change: Callable[[Cause], Cause]) -> None:
    cause = a_cause()
    assert change(cause).rollout_id("orders") != cause.rollout_id("orders")


def test_a_wish_is_one_rollout_whenever_it_is_carried_out_and_another_each_time() -> (
    None
):
    wish = a_cause(ask=an_ask(command_id="c-1", at=after(600)))
    again = a_cause(ask=an_ask(command_id="c-1", at=after(700)))
    another = a_cause(ask=an_ask(command_id="c-2", at=after(600)))
    assert wish.rollout_id("orders") == again.rollout_id("orders")
    assert wish.rollout_id("orders") != another.rollout_id("orders")


def test_causes_are_ordered_by_their_push_or_by_when_they_were_wished_for() -> None:
    assert a_cause(pushed_at=after(5)).ordered_at == after(5)
    wish = a_cause(pushed_at=after(5), ask=an_ask(at=after(600)))
    assert wish.ordered_at == after(600)


def test_the_same_cause_is_another_rollout_of_another_service() -> None:
    assert a_cause().rollout_id("orders") != a_cause().rollout_id("carts")
    long, longer = "o" * 50, "o" * 51
    assert a_cause().rollout_id(long) != a_cause().rollout_id(longer)


@given(st.integers(min_value=-12, max_value=12))
def test_the_same_moment_in_any_time_zone_is_the_same_rollout(hours: int) -> None:
    there = a_cause().pushed_at.astimezone(timezone(timedelta(hours=hours)))
    cause = a_cause(pushed_at=there)
    assert cause == a_cause()
    assert cause.rollout_id("orders") == a_cause().rollout_id("orders")


@given(NAMES, st.text(max_size=300))
def test_a_rollouts_id_fits_the_name_of_an_execution(service: str, tag: str) -> None:
    for cause in (a_cause(tag=tag), a_cause(tag=tag, ask=an_ask(command_id=tag))):
        assert len(cause.rollout_id(service * 20)) <= 80
