"""Task definitions: families and revisions.

They are held to what AWS asks of them on Fargate, kept, and shown. Of what they say
much has no effect: only the main container runs, and it has neither health check, nor
secrets, nor volumes.
"""

from collections.abc import Mapping
from typing import Any

from localcloud.api import AwsError, NotModelled, Router, only
from localcloud.clock import Clock
from localcloud.ecs.containers import check_containers, refused
from localcloud.ecs.records import TaskDefinition
from localcloud.identity import arn

_PLATFORM = {
    "operatingSystemFamily": ("LINUX",),
    "cpuArchitecture": ("X86_64", "ARM64"),
}

_LEAST_STORAGE_GIB, _MOST_STORAGE_GIB = 21, 200
"""What can be asked for; without asking a task has 20 (API_EphemeralStorage)."""

_FAMILIES_PER_PAGE = 100
"""Of ListTaskDefinitionFamilies (ECS API reference)."""


class TaskDefinitions:
    """The account's task definitions."""

    def __init__(self, clock: Clock, router: Router) -> None:
        self._clock = clock
        self._revisions: dict[str, list[TaskDefinition]] = {}
        self._inactive: set[str] = set()
        router.serve(
            "ecs",
            {
                "RegisterTaskDefinition": self._register,
                "DescribeTaskDefinition": self._describe,
                "DeregisterTaskDefinition": self._deregister,
                "ListTaskDefinitionFamilies": self._families,
            },
        )

    def find(self, name: str) -> TaskDefinition:
        """Return a revision by ARN or family:revision, the newest active by family."""
        family, _, revision = name.rsplit("/", 1)[-1].partition(":")
        known = self._revisions.get(family, [])
        if revision:
            wanted = [d for d in known if str(d.revision) == revision]
        else:
            wanted = [d for d in known if d.arn not in self._inactive][-1:]
        if not wanted or (name.startswith("arn:") and wanted[0].arn != name):
            raise AwsError("ClientException", "Unable to describe task definition.")
        return wanted[0]

    def active(self, name: str) -> TaskDefinition:
        """Return a revision that can be deployed."""
        found = self.find(name)
        if found.arn in self._inactive:
            raise AwsError("ClientException", "TaskDefinition is inactive")
        return found

    def _register(self, params: dict[str, Any]) -> dict[str, Any]:
        only(
            params,
            "family",
            "taskRoleArn",
            "executionRoleArn",
            "networkMode",
            "containerDefinitions",
            "requiresCompatibilities",
            "cpu",
            "memory",
            "tags",
            "runtimePlatform",
            "ephemeralStorage",
            "volumes",
        )
        _check_shape(params)
        family = params["family"]
        revisions = self._revisions.setdefault(family, [])
        definition = TaskDefinition(
            arn=arn("ecs", f"task-definition/{family}:{len(revisions) + 1}"),
            family=family,
            revision=len(revisions) + 1,
            settings={k: v for k, v in params.items() if k not in {"tags", "family"}},
            tags=tuple(params.get("tags", ())),
            registered_at=self._clock.now(),
        )
        revisions.append(definition)
        return {"taskDefinition": self._shape(definition), "tags": [*definition.tags]}

    def _describe(self, params: dict[str, Any]) -> dict[str, Any]:
        only(params, "taskDefinition", "include")
        definition = self.find(params["taskDefinition"])
        answer: dict[str, Any] = {"taskDefinition": self._shape(definition)}
        if "TAGS" in params.get("include", ()):
            answer["tags"] = [*definition.tags]
        return answer

    def _families(self, params: dict[str, Any]) -> dict[str, Any]:
        """List families that have an active revision (ListTaskDefinitionFamilies)."""
        only(params, "familyPrefix", "status", "maxResults", "nextToken")
        if params.get("status") != "ACTIVE":
            raise NotModelled("ListTaskDefinitionFamilies of inactive families")
        names = sorted(
            family
            for family, revisions in self._revisions.items()
            if family.startswith(params.get("familyPrefix", ""))
            and any(one.arn not in self._inactive for one in revisions)
        )
        most, first = params.get("maxResults", _FAMILIES_PER_PAGE), 0
        if "nextToken" in params:
            first = int(params["nextToken"])
        answer: dict[str, Any] = {"families": names[first : first + most]}
        if first + most < len(names):
            answer["nextToken"] = str(first + most)
        return answer

    def _deregister(self, params: dict[str, Any]) -> dict[str, Any]:
        """Make a revision inactive: services that use it go on (API reference)."""
        only(params, "taskDefinition")
        definition = self.find(params["taskDefinition"])
        self._inactive.add(definition.arn)
        return {"taskDefinition": self._shape(definition)}

    def _shape(self, definition: TaskDefinition) -> dict[str, Any]:
        return {
            **definition.settings,
            "taskDefinitionArn": definition.arn,
            "family": definition.family,
            "revision": definition.revision,
            "status": "INACTIVE" if definition.arn in self._inactive else "ACTIVE",
            "compatibilities": ["EC2", "FARGATE"],
            "registeredAt": definition.registered_at,
        }


def _check_shape(params: Mapping[str, Any]) -> None:
    """Refuse what Fargate refuses and what is not modelled."""
    if params.get("requiresCompatibilities") != ["FARGATE"]:
        raise NotModelled("task definitions that do not require FARGATE alone")
    if params.get("networkMode") != "awsvpc":
        raise AwsError("ClientException", "Fargate only supports network mode awsvpc.")
    if not params.get("cpu") or not params.get("memory"):
        raise AwsError("ClientException", "Fargate requires task cpu and memory.")
    platform = params.get("runtimePlatform", {})
    only(platform, *_PLATFORM)
    for name, value in platform.items():
        if value not in _PLATFORM[name]:
            raise NotModelled(f"{name} {value}")
    if "ephemeralStorage" in params:
        size = params["ephemeralStorage"]["sizeInGiB"]
        if not _LEAST_STORAGE_GIB <= size <= _MOST_STORAGE_GIB:
            raise refused(
                f"ephemeralStorage must be {_LEAST_STORAGE_GIB} to "
                f"{_MOST_STORAGE_GIB} GiB."
            )
    check_containers(params)
