"""What was there before Slipway: the same as a release of its manifest, or refused."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from slipway.domain.adoption import (
    Running,
    adoption,
    is_adoption,
    release_that_runs,
    unlike,
)
from slipway.domain.release import Image, task_definition
from slipway.domain.task_shape import HealthCheck, MountPoint, Sidecar, Volume

from tests.builders import DIGEST, OTHER_DIGEST, a_service, a_task_shape

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
REGION = "eu-west-1"
SHAPE = replace(
    a_task_shape(),
    container_name="app",
    health_check=HealthCheck(("CMD", "true"), 30, 5, 3, 0),
    mount_points=(MountPoint("data", "/data", read_only=False),),
    volumes=(Volume("data", None),),
    sidecars=(Sidecar("proxy", "public.ecr.aws/envoy:v1"),),
)
SERVICE = a_service(task=SHAPE)


def running(
    changes: dict[str, Any] | None = None, of_task: dict[str, Any] | None = None
) -> Running:
    """Return what runs: the service's own release but for `changes` of its container.

    It is told as ECS tells it, with what is usual written out and what is empty there.
    """
    release = release_that_runs(SERVICE, Running("", {}, digests(), is_steady=True))
    definition = task_definition(release, family="legacy", region=REGION)
    own, *others = definition["containerDefinitions"]
    own |= {"cpu": 0, "environmentFiles": [], "volumesFrom": [], "systemControls": []}
    own["portMappings"] = [
        {**port, "hostPort": port["containerPort"]} for port in own["portMappings"]
    ]
    definition |= {"revision": 7, "status": "ACTIVE", "placementConstraints": []}
    definition |= {"containerDefinitions": [own | (changes or {}), *others]}
    return Running(
        "arn:legacy:7", definition | (of_task or {}), digests(), is_steady=True
    )


def digests(*of_app: str) -> dict[str, frozenset[str]]:
    return {"app": frozenset(of_app or {DIGEST}), "proxy": frozenset({OTHER_DIGEST})}


def differences(live: Running) -> list[str]:
    release = release_that_runs(SERVICE, live)
    return unlike(live.definition, release, region=REGION)


def test_what_a_release_would_be_is_like_what_runs() -> None:
    assert differences(running()) == []


def test_roles_images_and_where_logs_are_filed_are_not_compared() -> None:
    logs = {
        "logDriver": "awslogs",
        "options": {
            "awslogs-group": "/slipway/test/orders",
            "awslogs-region": REGION,
            "awslogs-stream-prefix": "legacy",
        },
    }
    live = running(
        {"image": "elsewhere:1", "logConfiguration": logs},
        {"taskRoleArn": "arn:aws:iam::111122223333:role/Admin"},
    )
    told = [one for one in differences(live) if "logConfiguration" not in one]
    assert told == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"user": "nobody"}, "containers.app.user: nobody, and manifests say nothing"),
        ({"ulimits": [{"name": "nofile"}]}, "containers.app.ulimits"),
        ({"linuxParameters": {"initProcessEnabled": True}}, "linuxParameters"),
        ({"dockerLabels": {"team": "shop"}}, "containers.app.dockerLabels.team"),
        ({"workingDirectory": "/srv"}, "containers.app.workingDirectory: /srv"),
        ({"stopTimeout": 90}, "containers.app.stopTimeout: 90, and manifests say 30"),
        ({"cpu": 128}, "containers.app.cpu: 128, and manifests say nothing"),
        (
            {"environment": [{"name": "EXTRA", "value": "1"}]},
            "containers.app.environment.EXTRA: 1, and manifests say nothing",
        ),
        (
            {"logConfiguration": {"logDriver": "splunk", "options": {}}},
            "containers.app.logConfiguration: ['splunk', None]",
        ),
    ],
)
def test_what_the_next_release_would_not_have_is_told(
    changes: dict[str, Any], said: str
) -> None:
    assert any(said in one for one in differences(running(changes)))


@pytest.mark.parametrize(
    ("of_task", "said"),
    [
        ({"cpu": "1024"}, "cpu: 1024"),
        ({"ephemeralStorage": {"sizeInGiB": 60}}, "ephemeralStorage.sizeInGiB: 60"),
        ({"pidMode": "task"}, "pidMode: task, and manifests say nothing"),
        (
            {"runtimePlatform": {"cpuArchitecture": "ARM64"}},
            "runtimePlatform.cpuArchitecture: ARM64, and manifests say X86_64",
        ),
        ({"proxyConfiguration": {"containerName": "envoy"}}, "proxyConfiguration"),
    ],
)
def test_what_of_the_task_manifests_cannot_say_is_told(
    of_task: dict[str, Any], said: str
) -> None:
    assert any(said in one for one in differences(running(of_task=of_task)))


def test_the_same_bounds_as_the_tasks_own_say_nothing() -> None:
    same = {"cpu": SHAPE.cpu, "memory": SHAPE.memory_mib}
    assert differences(running(same)) == []


def test_tasks_that_run_two_images_are_no_release() -> None:
    live = replace(running(), digests=digests(DIGEST, OTHER_DIGEST))
    with pytest.raises(ValueError, match="2 images at once"):
        release_that_runs(SERVICE, live)


def test_tasks_that_show_no_image_are_no_release() -> None:
    with pytest.raises(ValueError, match="no task shows"):
        release_that_runs(SERVICE, replace(running(), digests={}))


def test_an_adoption_is_newer_than_the_image_and_known_again() -> None:
    release = release_that_runs(SERVICE, running())
    image = Image(SERVICE.repository, "v7", DIGEST, NOW.replace(year=2025))
    first = adoption(SERVICE, release, image, at=NOW)
    assert is_adoption(first.cause)
    assert first.cause.ordered_at == NOW
    again = adoption(SERVICE, release, image, at=NOW.replace(hour=10))
    assert again.id == first.id
