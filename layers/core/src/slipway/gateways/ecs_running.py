"""What an ECS service runs: its task definition, and the images of its tasks."""

from __future__ import annotations

from itertools import batched
from typing import TYPE_CHECKING, Any

from slipway.domain.adoption import Running
from slipway.errors import NotFound, Unavailable
from slipway.gateways.ecs import TASKS_PER_CALL
from slipway.gateways.failures import translated

if TYPE_CHECKING:
    from mypy_boto3_ecs.client import ECSClient


class RunningServices:
    """One cluster's services, as they run."""

    def __init__(self, client: ECSClient, cluster: str) -> None:
        self._client = client
        self._cluster = cluster

    def running(self, ecs_service: str) -> Running:
        """Return what a service runs; raise NotFound where it is gone."""
        service = self._service(ecs_service)
        arn = service["taskDefinition"]
        with translated(f"DescribeTaskDefinition {arn}"):
            definition: Any = self._client.describe_task_definition(taskDefinition=arn)
        return Running(
            revision=arn,
            definition=definition["taskDefinition"],
            digests=self._digests(ecs_service, arn),
            is_steady=len(service["deployments"]) == 1
            and service["deployments"][0].get("rolloutState") == "COMPLETED"
            and service["runningCount"] == service["desiredCount"] > 0,
        )

    def _service(self, ecs_service: str) -> Any:
        with translated(f"DescribeServices {ecs_service}"):
            answer = self._client.describe_services(
                cluster=self._cluster, services=[ecs_service]
            )
        for one in answer["services"]:
            if one["status"] == "ACTIVE":
                return one
        raise NotFound(f"cluster {self._cluster} has no active service {ecs_service}")

    def _digests(self, ecs_service: str, revision: str) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        arns: list[str] = []
        with translated(f"ListTasks of {ecs_service}"):
            pages = self._client.get_paginator("list_tasks")
            for page in pages.paginate(
                cluster=self._cluster, serviceName=ecs_service, desiredStatus="RUNNING"
            ):
                arns += page["taskArns"]
        for some in batched(arns, TASKS_PER_CALL, strict=False):
            with translated(f"DescribeTasks of {ecs_service}"):
                answer = self._client.describe_tasks(
                    cluster=self._cluster, tasks=list(some)
                )
            if len(answer["tasks"]) != len(some):
                raise Unavailable(f"DescribeTasks of {ecs_service}: not all are told")
            for task in answer["tasks"]:
                if task["taskDefinitionArn"] != revision:
                    raise Unavailable(f"{ecs_service} still has tasks of a revision")
                for container in task["containers"]:
                    if digest := container.get("imageDigest"):
                        found.setdefault(container["name"], set()).add(digest)
        return {name: frozenset(digests) for name, digests in found.items()}
