"""Task definitions: families and revisions.

One container on Fargate is modelled; sidecars, volumes, secrets and health checks of
containers are not.
"""

from collections.abc import Mapping
from typing import Any

from localcloud.api import AwsError, NotModelled, Router, only
from localcloud.clock import Clock
from localcloud.ecs.records import TaskDefinition
from localcloud.identity import arn

_CONTAINER = (
    "name",
    "image",
    "cpu",
    "memory",
    "memoryReservation",
    "essential",
    "portMappings",
    "environment",
    "command",
    "entryPoint",
    "logConfiguration",
    "stopTimeout",
    "readonlyRootFilesystem",
)


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
    containers = params["containerDefinitions"]
    if len(containers) != 1:
        raise NotModelled(f"task definition of {len(containers)} containers")
    only(containers[0], *_CONTAINER)
    if len(containers[0].get("portMappings", ())) != 1:
        raise NotModelled("containers that have not exactly one port")
    stop_timeout = containers[0].get("stopTimeout", 30)
    if not 0 <= stop_timeout <= 120:  # noqa: PLR2004  Fargate's bound, as cited
        raise AwsError("ClientException", "stopTimeout must be at most 120 seconds.")
