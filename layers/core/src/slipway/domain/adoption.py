"""What was there before Slipway: whether manifests tell all of it, and what it is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from slipway.domain.release import (
    Ask,
    Cause,
    Image,
    Release,
    image_in,
    release_of,
    task_definition,
)
from slipway.domain.resources import flat
from slipway.domain.rollout import Rollout
from slipway.domain.service import Service

ADOPTION = "adopted"
"""The command's id of the cause that stands for what was there."""

_OF_EACH_REVISION = frozenset(
    {
        "compatibilities",
        "deregisteredAt",
        "executionRoleArn",
        "family",
        "registeredAt",
        "registeredBy",
        "requiresAttributes",
        "requiresCompatibilities",
        "revision",
        "status",
        "tags",
        "taskDefinitionArn",
        "taskRoleArn",
    }
)
"""What tells nothing of a task's shape. Roles are Slipway's own from the next on."""
_USUAL_HEALTH = {"interval": 30, "timeout": 5, "retries": 3, "startPeriod": 0}
_USUAL_PLATFORM = {"operatingSystemFamily": "LINUX", "cpuArchitecture": "X86_64"}
_USUAL_STORAGE = {"sizeInGiB": 20}
_USUAL_STOP_SECONDS = 30
"""What ECS takes where nothing is said (API_HealthCheck, API_RuntimePlatform,
API_EphemeralStorage, API_ContainerDefinition)."""


class Breaker(StrEnum):
    """What ECS's circuit breaker did before: the value of the tag of what is adopted.

    Slipway keeps it on and its rollback off, and gives it back as it was.
    """

    OFF = "breaker off"
    ON = "breaker on"
    ROLLS_BACK = "breaker rolls back"


@dataclass(frozen=True, slots=True)
class Running:
    """What an ECS service runs."""

    revision: str
    """Its task definition's ARN."""
    definition: Mapping[str, Any]
    """As DescribeTaskDefinition returns it."""
    digests: Mapping[str, frozenset[str]]
    """The images that its running tasks have, by container."""
    is_steady: bool
    """Whether it has all of its tasks, of one deployment."""


def is_adoption(cause: Cause) -> bool:
    """Whether a cause stands for what was there before Slipway."""
    return cause.ask is not None and cause.ask.command_id == ADOPTION


def release_that_runs(service: Service, running: Running) -> Release:
    """Return what runs as a release; raise ValueError where it is not one."""
    own = service.task.container_name or service.name
    release = release_of(
        service, only_digest(running, own), subnet_ids=service.subnet_ids
    )
    sidecars = []
    for sidecar in release.task.sidecars:
        named = image_in(service.registry, sidecar.image)
        if named is not None:
            digest = only_digest(running, sidecar.name)
            image = f"{service.registry}/{named.repository}@{digest}"
            sidecars.append(replace(sidecar, image=image))
        else:
            sidecars.append(sidecar)
    return replace(release, task=replace(release.task, sidecars=tuple(sidecars)))


def only_digest(running: Running, container: str) -> str:
    """Return the image of a container in all tasks; raise ValueError if there is none.

    Tasks of one deployment may differ where a tag moved while they were started.
    """
    digests = running.digests.get(container, frozenset())
    if len(digests) == 1:
        (digest,) = digests
        return digest
    if digests:
        raise ValueError(
            f"container {container} runs {len(digests)} images at once, "
            f"{', '.join(sorted(digests))}: deploy it anew, so that all are one"
        )
    raise ValueError(
        f"no task shows which image its container {container} runs: "
        "start one, and let it become healthy"
    )


def adoption(
    service: Service, release: Release, image: Image, *, at: datetime
) -> Rollout:
    """Return the rollout that stands for what was there before Slipway.

    Nothing was rolled out: it is what a person returns to from the first release on.
    """
    why = f"{service.name} was there before Slipway"
    ask = Ask(ADOPTION, "slipway adopt", why, at, "")
    cause = Cause(image.repository, image.tag, image.digest, image.pushed_at, ask)
    return Rollout(cause.rollout_id(service.name), service, cause, release, at)


def unlike(
    definition: Mapping[str, Any], release: Release, *, region: str
) -> list[str]:
    """Say what of a live task definition the next release would not have, or have not.

    Images, roles and where logs are filed are left out.
    """
    ours = task_definition(release, family="", region=region)
    own = release.task.container_name or release.service
    was, becomes = (dict(_told(one, own)) for one in (definition, ours))
    return [
        f"{path}: {was.get(path, 'nothing')}, and manifests say "
        f"{becomes.get(path, 'nothing')}"
        for path in sorted(was.keys() | becomes.keys())
        if was.get(path) != becomes.get(path)
    ]


def _told(definition: Mapping[str, Any], own: str) -> Iterator[tuple[str, Any]]:
    """Give what shapes a task, by path, in one form and without what is usual."""
    task = {k: v for k, v in definition.items() if k not in _OF_EACH_REVISION and v}
    containers = task.pop("containerDefinitions")
    volumes = task.pop("volumes", [])
    if task.get("ephemeralStorage") == _USUAL_STORAGE:
        del task["ephemeralStorage"]
    platform = _USUAL_PLATFORM | task.pop("runtimePlatform", {})
    task |= {"cpu": str(task["cpu"]), "memory": str(task["memory"])}
    yield from flat(task | {"runtimePlatform": platform})
    for volume in volumes:
        yield f"volumes.{volume['name']}", _filled(volume)
    for container in containers:
        said = _container(container)
        if container["name"] == own:
            # The task's own bounds are the same.
            for size in ("cpu", "memory"):
                if str(said.get(size)) == task[size]:
                    del said[size]
        yield from flat({"containers": {container["name"]: said}})


def _container(container: Mapping[str, Any]) -> dict[str, Any]:
    said = {
        key: value
        for key, value in container.items()
        if value not in (None, 0, "", [], {}, False) and key not in {"name", "image"}
    }
    said["essential"] = container.get("essential", True)
    said["stopTimeout"] = container.get("stopTimeout", _USUAL_STOP_SECONDS)
    for key in ("environment", "secrets"):
        value = "value" if key == "environment" else "valueFrom"
        said[key] = {one["name"]: one[value] for one in container.get(key, ())}
    ports = container.get("portMappings", ())
    said["portMappings"] = sorted(
        f"{one['containerPort']}/{one.get('protocol', 'tcp')}" for one in ports
    )
    said["dependsOn"] = {
        one["containerName"]: one["condition"] for one in container.get("dependsOn", ())
    }
    said["mountPoints"] = {
        one["sourceVolume"]: [one["containerPath"], one.get("readOnly", False)]
        for one in container.get("mountPoints", ())
    }
    if "healthCheck" in said:
        said["healthCheck"] = _USUAL_HEALTH | said["healthCheck"]
    if "logConfiguration" in said:
        logs = said["logConfiguration"]
        options = logs.get("options", {})
        said["logConfiguration"] = [logs["logDriver"], options.get("awslogs-group")]
    return {key: value for key, value in said.items() if value not in ([], {})}


def _filled(value: Any) -> Any:
    """Return a value without what says nothing."""
    if isinstance(value, Mapping):
        filled = {key: _filled(inner) for key, inner in value.items()}
        return {k: v for k, v in filled.items() if v not in (None, "", [], {}, False)}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_filled(inner) for inner in value]
    return value
