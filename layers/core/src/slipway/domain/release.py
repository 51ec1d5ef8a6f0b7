"""A release: an immutable whole, identified by what it contains."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from slipway.domain.service import Service
from slipway.domain.task_shape import (
    LINGER_VARIABLE,
    USUAL_STORAGE_GIB,
    HealthCheck,
    Platform,
    Sidecar,
    TaskShape,
    Volume,
    told,
)

ID_LENGTH = 12
"""Hex digits of a content hash that name a release: 48 bits, unique per service."""

_ARCHITECTURES = {Platform.X86_64: "X86_64", Platform.ARM64: "ARM64"}
"""As API_RuntimePlatform names them."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image as the registry knows it."""

    repository: str
    tag: str
    digest: str
    pushed_at: datetime


@dataclass(frozen=True, slots=True)
class ImageName:
    """What a reference says of an image in a registry."""

    repository: str
    tag: str
    digest: str
    """Empty where the tag alone names it."""


def image_in(host: str, image: str) -> ImageName | None:
    """Read a reference to an image in the registry `host`; None where it is elsewhere.

    A digest outranks a tag; without either the tag is latest, as for `docker pull`.
    """
    name, _, digest = image.removeprefix(f"{host}/").partition("@")
    if name == image.partition("@")[0]:
        return None
    repository, _, tag = name.partition(":")
    return ImageName(repository, tag or "latest", digest)


@dataclass(frozen=True, slots=True)
class Ask:
    """A person's wish to see an earlier rollout's release once more."""

    command_id: str
    by: str
    why: str
    at: datetime
    rollout_id: str
    """The rollout whose release is meant."""
    anew: bool = False
    """Whether only its image is meant, in the shape that manifests ask for now."""
    moves: bool = False
    """Whether it is to serve from the other slot, though it serves already."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a rollout was asked for: an image under a tag, or a person's wish.

    Causes are ordered by `ordered_at`, never by when word of them arrived.
    """

    repository: str
    tag: str
    digest: str
    pushed_at: datetime
    ask: Ask | None = None
    """None where the push itself is the cause."""

    @property
    def ordered_at(self) -> datetime:
        """When the image was pushed, or a person wished for it again."""
        return self.ask.at if self.ask else self.pushed_at

    def as_json(self) -> dict[str, Any]:
        """Return the cause as workflows carry it."""
        facts = asdict(self) | {"pushed_at": self.pushed_at.isoformat()}
        if self.ask is not None:
            facts["ask"] = asdict(self.ask) | {"at": self.ask.at.isoformat()}
        return facts

    def rollout_id(self, service: str) -> str:
        """Return the id that every report of this cause yields for `service`.

        It is the execution's name too: at most 80 characters (Step Functions quotas).
        """
        facts = [service, self.repository, self.tag, self.digest]
        facts.append(self.pushed_at.astimezone(UTC).isoformat())
        if self.ask is not None:
            facts.append(self.ask.command_id)
        return f"{service[:40]}-{_hash(facts)}"


@dataclass(frozen=True, slots=True)
class Release:
    """Image and task shape of one service."""

    service: str
    image: str
    """With registry host, repository and digest: tags move, digests do not."""
    task: TaskShape
    subnet_ids: tuple[str, ...]

    @property
    def id(self) -> str:
        """The content hash: equal content, equal id."""
        return _hash(told(self))


def release_of(
    service: Service, digest: str, *, subnet_ids: tuple[str, ...]
) -> Release:
    """Return the release of `service` that runs the image `digest` in `subnet_ids`."""
    image = f"{service.registry}/{service.repository}@{digest}"
    return Release(service.name, image, service.task, subnet_ids)


def pinned_as(release: Release, other: Release) -> Release:
    """Return a release whose sidecars' tags are the digests that they are in another.

    A tag that moved since is not a change that anybody asked for.
    """
    known = {sidecar.name: sidecar.image for sidecar in other.task.sidecars}
    sidecars = tuple(
        replace(sidecar, image=known[sidecar.name])
        if _is_tag_of(sidecar.image, known.get(sidecar.name, ""))
        else sidecar
        for sidecar in release.task.sidecars
    )
    return replace(release, task=replace(release.task, sidecars=sidecars))


def _is_tag_of(image: str, pinned: str) -> bool:
    """Whether an image with a tag, or without, is of the repository of a digest."""
    repository, at, _ = pinned.partition("@")
    if not at or "@" in image:
        return False
    rest = image.removeprefix(repository)
    return rest != image and (not rest or rest.startswith(":"))


def task_definition(release: Release, *, family: str, region: str) -> dict[str, Any]:
    """Return the parameters of RegisterTaskDefinition for a release, without tags.

    The service's own container stands first, the only one that is always essential. It
    has the service's name unless the shape says another.
    """
    task = release.task
    name = task.container_name or release.service
    own = _container(name, release.image, task, task.environment)
    own["essential"] = True
    if task.read_only_root:
        own["readonlyRootFilesystem"] = True
    containers = [own, *map(_sidecar, task.sidecars)]
    if task.log_group:
        for container in containers:
            container["logConfiguration"] = {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": task.log_group,
                    "awslogs-region": region,
                    "awslogs-stream-prefix": release.service,
                },
            }
    definition: dict[str, Any] = {
        "family": family,
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": str(task.cpu),
        "memory": str(task.memory_mib),
        "executionRoleArn": task.execution_role_arn,
        "containerDefinitions": containers,
        "runtimePlatform": {
            "operatingSystemFamily": "LINUX",
            "cpuArchitecture": _ARCHITECTURES[task.platform],
        },
    }
    if task.task_role_arn:
        definition["taskRoleArn"] = task.task_role_arn
    if task.ephemeral_storage_gib != USUAL_STORAGE_GIB:
        # The usual size cannot be asked for: 21 is the least (API_EphemeralStorage).
        definition["ephemeralStorage"] = {"sizeInGiB": task.ephemeral_storage_gib}
    if task.volumes:
        definition["volumes"] = [_volume(volume) for volume in task.volumes]
    return definition


def _sidecar(sidecar: Sidecar) -> dict[str, Any]:
    environment = dict(sidecar.environment)
    if sidecar.linger_seconds is not None:
        environment[LINGER_VARIABLE] = str(sidecar.linger_seconds)
    container = _container(sidecar.name, sidecar.image, sidecar, environment)
    container["essential"] = sidecar.essential
    if sidecar.cpu:
        container["cpu"] = sidecar.cpu
    if sidecar.memory_mib is not None:
        container["memory"] = sidecar.memory_mib
    return container


def _container(
    name: str, image: str, part: TaskShape | Sidecar, environment: Mapping[str, str]
) -> dict[str, Any]:
    """Return what the service's own container and sidecars have in common."""
    container: dict[str, Any] = {
        "name": name,
        "image": image,
        "environment": [
            {"name": name, "value": value}
            for name, value in sorted(environment.items())
        ],
        "stopTimeout": part.stop_timeout_seconds,
    }
    if part.port is not None:
        container["portMappings"] = [{"containerPort": part.port, "protocol": "tcp"}]
    if part.secrets:
        container["secrets"] = [
            {"name": name, "valueFrom": source}
            for name, source in sorted(part.secrets.items())
        ]
    if part.entrypoint:
        container["entryPoint"] = list(part.entrypoint)
    if part.command:
        container["command"] = list(part.command)
    if part.health_check is not None:
        container["healthCheck"] = _health_check(part.health_check)
    if part.depends_on:
        container["dependsOn"] = [
            {"containerName": name, "condition": condition.upper()}
            for name, condition in sorted(part.depends_on.items())
        ]
    if part.mount_points:
        container["mountPoints"] = [
            {
                "sourceVolume": mount.volume,
                "containerPath": mount.path,
                "readOnly": mount.read_only,
            }
            for mount in part.mount_points
        ]
    return container


def _health_check(check: HealthCheck) -> dict[str, Any]:
    return {
        "command": list(check.command),
        "interval": check.interval_seconds,
        "timeout": check.timeout_seconds,
        "retries": check.retries,
        "startPeriod": check.start_period_seconds,
    }


def _volume(volume: Volume) -> dict[str, Any]:
    """Return a volume; one of a name alone is the task's own, on Fargate too.

    With an access point its folder is the only one, and encryption is a must
    (API_EFSAuthorizationConfig).
    """
    efs = volume.efs
    if efs is None:
        return {"name": volume.name}
    settings: dict[str, Any] = {
        "fileSystemId": efs.file_system_id,
        "rootDirectory": efs.root_directory,
    }
    if efs.access_point_id is not None:
        settings["transitEncryption"] = "ENABLED"
        settings["authorizationConfig"] = {"accessPointId": efs.access_point_id}
    return {"name": volume.name, "efsVolumeConfiguration": settings}


def _hash(content: object) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:ID_LENGTH]
