"""A release: an immutable whole, identified by what it contains."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from slipway.domain.service import Service, TaskShape

ID_LENGTH = 12
"""Hex digits of a content hash that name a release: 48 bits, unique per service."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image as the registry knows it."""

    repository: str
    tag: str
    digest: str
    pushed_at: datetime


@dataclass(frozen=True, slots=True)
class Ask:
    """A person's wish to see an earlier rollout's release once more."""

    command_id: str
    by: str
    why: str
    at: datetime
    rollout_id: str
    """The rollout whose release is meant."""


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
        return _hash(asdict(self))


def release_of(
    service: Service, digest: str, *, subnet_ids: tuple[str, ...]
) -> Release:
    """Return the release of `service` that runs the image `digest` in `subnet_ids`."""
    image = f"{service.registry}/{service.repository}@{digest}"
    return Release(service.name, image, service.task, subnet_ids)


def task_definition(release: Release, *, family: str, region: str) -> dict[str, Any]:
    """Return the parameters of RegisterTaskDefinition for a release, without tags."""
    task = release.task
    container: dict[str, Any] = {
        "name": release.service,
        "image": release.image,
        "essential": True,
        "portMappings": [{"containerPort": task.port, "protocol": "tcp"}],
        "environment": [
            {"name": name, "value": value}
            for name, value in sorted(task.environment.items())
        ],
        "stopTimeout": task.stop_timeout_seconds,
    }
    if task.command:
        container["command"] = list(task.command)
    if task.log_group:
        container["logConfiguration"] = {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": task.log_group,
                "awslogs-region": region,
                "awslogs-stream-prefix": release.service,
            },
        }
    return {
        "family": family,
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": str(task.cpu),
        "memory": str(task.memory_mib),
        "executionRoleArn": task.execution_role_arn,
        "taskRoleArn": task.task_role_arn,
        "containerDefinitions": [container],
    }


def _hash(content: object) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:ID_LENGTH]
