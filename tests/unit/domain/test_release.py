"""Releases: content makes the id, and a cause names its rollout."""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta, timezone
from typing import Any

import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st
from slipway.domain.release import (
    Cause,
    ImageName,
    Release,
    image_in,
    task_definition,
)
from slipway.domain.task_shape import (
    Condition,
    EfsVolume,
    MountPoint,
    Platform,
    Protocol,
    Sidecar,
    TaskShape,
    Volume,
)

from tests.builders import (
    DIGEST,
    OTHER_DIGEST,
    REGION,
    SUBNETS,
    a_cause,
    a_full_task_shape,
    a_health_check,
    a_release,
    a_service,
    a_sidecar,
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
    "secrets": {"TOKEN": "/orders/token"},
    "entrypoint": ("/bin/init", "--"),
    "container_name": "app",
    "health_check": a_health_check(),
    "depends_on": {"metrics": Condition.START},
    "mount_points": (MountPoint("scratch", "/scratch"),),
    "read_only_root": True,
    "protocol": Protocol.GRPC,
    "platform": Platform.ARM64,
    "ephemeral_storage_gib": 21,
    "volumes": (Volume("scratch"),),
    "sidecars": (a_sidecar(),),
}
OF_SIDECARS: dict[str, Any] = {
    "name": "proxy",
    "image": "public.ecr.aws/shop/metrics:v4",
    "port": 9000,
    "essential": False,
    "cpu": 64,
    "memory_mib": 128,
    "environment": {"LEVEL": "info"},
    "secrets": {"TOKEN": "/orders/token"},
    "entrypoint": ("/bin/init", "--"),
    "command": ("serve",),
    "health_check": a_health_check(),
    "depends_on": {"orders": Condition.START},
    "mount_points": (MountPoint("scratch", "/scratch"),),
    "stop_timeout_seconds": 60,
    "linger_seconds": 20,
}
OF_PARTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"health_check": a_health_check()},
        {"health_check": a_health_check(retries=3)},
    ),
    (
        {"mount_points": (MountPoint("s", "/s"),)},
        {"mount_points": (MountPoint("s", "/s", read_only=False),)},
    ),
    ({"volumes": (Volume("s"),)}, {"volumes": (Volume("s", EfsVolume("fs-1")),)}),
    (
        {"volumes": (Volume("s", EfsVolume("fs-1")),)},
        {"volumes": (Volume("s", EfsVolume("fs-1", root_directory="/a")),)},
    ),
    (
        {"volumes": (Volume("s", EfsVolume("fs-1")),)},
        {"volumes": (Volume("s", EfsVolume("fs-1", access_point_id="fsap-1")),)},
    ),
]
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


@pytest.mark.parametrize("field", OF_SIDECARS)
def test_a_change_of_any_field_of_a_sidecar_is_another_release(field: str) -> None:
    assert set(OF_SIDECARS) == {field.name for field in fields(Sidecar)}
    ids = {
        a_release(service=a_service(task=a_task_shape(sidecars=(sidecar,)))).id
        for sidecar in (
            a_sidecar(),
            replace(a_sidecar(), **{field: OF_SIDECARS[field]}),
        )
    }
    assert len(ids) == 2


@pytest.mark.parametrize(("one", "two"), OF_PARTS)
def test_a_change_of_any_part_of_the_task_shape_is_another_release(
    one: dict[str, Any], two: dict[str, Any]
) -> None:
    ids = {
        a_release(service=a_service(task=a_task_shape(**shape))).id
        for shape in (one, two)
    }
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("shape", "pinned"),
    [
        (a_task_shape(), "fd0a59cb2b38"),
        (
            a_task_shape(
                environment={},
                command=("serve",),
                stop_timeout_seconds=60,
                log_group="/g",
            ),
            "af794aadc06b",
        ),
    ],
    ids=["plain", "all said"],
)
def test_a_release_keeps_the_id_it_had_before_shapes_knew_more(
    shape: TaskShape, pinned: str
) -> None:
    """Both ids are of the version that knew ten fields of a shape, and no sidecars."""
    assert a_release(service=a_service(task=shape)).id == pinned


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


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("registry/shop/proxy:v1", ImageName("shop/proxy", "v1", "")),
        ("registry/proxy", ImageName("proxy", "latest", "")),
        (f"registry/proxy@{DIGEST}", ImageName("proxy", "latest", DIGEST)),
        (f"registry/proxy:v1@{DIGEST}", ImageName("proxy", "v1", DIGEST)),
        ("other/proxy:v1", None),
        (f"other/registry/proxy@{DIGEST}", None),
        ("registry2/proxy:v1", None),
        ("proxy:v1", None),
    ],
)
def test_an_image_in_a_registry_is_read_and_any_other_is_not(
    written: str, read: ImageName | None
) -> None:
    assert image_in("registry", written) == read


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
        "runtimePlatform": {
            "operatingSystemFamily": "LINUX",
            "cpuArchitecture": "X86_64",
        },
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


def test_a_task_definition_says_nothing_that_the_shape_does_not() -> None:
    definition = _definition(port=None, task_role_arn=None, sidecars=(a_sidecar(),))
    assert definition.keys().isdisjoint({"taskRoleArn", "ephemeralStorage", "volumes"})
    own, sidecar = definition["containerDefinitions"]
    plain = {"name", "image", "essential", "environment", "stopTimeout"}
    assert (own.keys(), sidecar.keys()) == (plain, plain)
    assert own["essential"] is sidecar["essential"] is True


def test_a_task_definition_says_what_only_a_full_shape_does() -> None:
    release = a_release(service=a_service(task=a_full_task_shape()))
    definition = task_definition(release, family="test-orders", region=REGION)
    assert definition["runtimePlatform"]["cpuArchitecture"] == "ARM64"
    assert definition["ephemeralStorage"] == {"sizeInGiB": 40}
    assert definition["volumes"] == [
        {"name": "s"},
        {
            "name": "carts",
            "efsVolumeConfiguration": {
                "fileSystemId": "fs-0a1b2c3d",
                "rootDirectory": "/",
                "transitEncryption": "ENABLED",
                "authorizationConfig": {"accessPointId": "fsap-0a1b2c3d"},
            },
        },
        {
            "name": "media",
            "efsVolumeConfiguration": {
                "fileSystemId": "fs-0a1b2c3d",
                "rootDirectory": "/media",
            },
        },
    ]
    own, *_ = definition["containerDefinitions"]
    source = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:orders:key::"
    expected = {
        "essential": True,
        "portMappings": [{"containerPort": 8080, "protocol": "tcp"}],
        "secrets": [
            {"name": "KEY", "valueFrom": source},
            {"name": "TOKEN", "valueFrom": "/orders/token"},
        ],
        "entryPoint": ["/bin/init", "--"],
        "healthCheck": {
            "command": ["CMD", "/bin/probe"],
            "interval": 10,
            "timeout": 5,
            "retries": 2,
            "startPeriod": 15,
        },
        "dependsOn": [
            {"containerName": "migrate", "condition": "SUCCESS"},
            {"containerName": "proxy", "condition": "HEALTHY"},
        ],
        "mountPoints": [
            {"sourceVolume": "carts", "containerPath": "/carts", "readOnly": True},
            {"sourceVolume": "s", "containerPath": "/s", "readOnly": False},
        ],
        "readonlyRootFilesystem": True,
    }
    assert {key: own.get(key) for key in expected} == expected


def test_sidecars_follow_the_services_own_container_and_log_beside_it() -> None:
    release = a_release(service=a_service(task=a_full_task_shape()))
    definition = task_definition(release, family="test-orders", region=REGION)
    own, proxy, migrate = definition["containerDefinitions"]
    assert [c["name"] for c in (own, proxy, migrate)] == ["orders", "proxy", "migrate"]
    assert (proxy["essential"], migrate["essential"]) == (True, False)
    assert own["logConfiguration"] == proxy["logConfiguration"]
    assert own["logConfiguration"] == migrate["logConfiguration"]
    del proxy["logConfiguration"]
    assert proxy == {
        "name": "proxy",
        "image": "public.ecr.aws/shop/metrics:v3",
        "essential": True,
        "portMappings": [{"containerPort": 9000, "protocol": "tcp"}],
        "cpu": 64,
        "memory": 128,
        "environment": [
            {"name": "LEVEL", "value": "info"},
            {"name": "SLIPWAY_LINGER_SECONDS", "value": "20"},
        ],
        "secrets": [{"name": "CERTIFICATE", "valueFrom": "/proxy/certificate"}],
        "entryPoint": ["/proxy"],
        "command": ["--listen", "9000"],
        "healthCheck": {
            "command": ["CMD-SHELL", "probe || exit 1"],
            "interval": 10,
            "timeout": 5,
            "retries": 2,
            "startPeriod": 15,
        },
        "dependsOn": [{"containerName": "migrate", "condition": "COMPLETE"}],
        "mountPoints": [
            {"sourceVolume": "s", "containerPath": "/shared", "readOnly": True}
        ],
        "stopTimeout": 60,
    }


def test_a_full_task_definition_has_the_form_that_the_api_takes() -> None:
    """Names and types as botocore's model of RegisterTaskDefinition has them."""
    release = a_release(service=a_service(task=a_full_task_shape()))
    definition = task_definition(release, family="test-orders", region=REGION)
    model = get_session().get_service_model("ecs")
    shape = model.operation_model("RegisterTaskDefinition").input_shape
    report = ParamValidator().validate(definition, shape)
    assert not report.has_errors(), report.generate_report()


def test_the_api_knows_every_condition_and_architecture_by_its_name() -> None:
    model = get_session().get_service_model("ecs")
    assert {c.upper() for c in Condition} == set(
        model.shape_for("ContainerCondition").enum
    )
    told = {
        _definition(platform=platform)["runtimePlatform"]["cpuArchitecture"]
        for platform in Platform
    }
    assert told == set(model.shape_for("CPUArchitecture").enum)


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
