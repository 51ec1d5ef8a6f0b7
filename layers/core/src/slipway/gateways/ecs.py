"""The engine: launch, scale and observe the two ECS services of a microservice."""

from __future__ import annotations

from itertools import batched
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from slipway.domain.health import Checks, Launch, SlotView, TaskView
from slipway.errors import NotFound, Unavailable
from slipway.gateways.failures import code_of, translated

if TYPE_CHECKING:
    from mypy_boto3_ecs.client import ECSClient
    from mypy_boto3_ecs.type_defs import ServiceTypeDef, TaskTypeDef

    from slipway.domain.release import Release

RELEASE_TAG = "slipway:release"
TASKS_PER_CALL = 100
"""The most that DescribeTasks takes (API_DescribeTasks)."""


class Ecs:
    """One cluster's services and task definitions. Every write is absolute."""

    def __init__(self, client: ECSClient, cluster: str) -> None:
        self._client = client
        self._cluster = cluster

    def observe(self, *ecs_services: str) -> dict[str, SlotView]:
        """Return up to 10 services by name, without those that are gone."""
        with translated(f"DescribeServices {', '.join(ecs_services)}"):
            answer = self._client.describe_services(
                cluster=self._cluster, services=list(ecs_services)
            )
        return {
            service["serviceName"]: _view(service)
            for service in answer["services"]
            if service["status"] == "ACTIVE"
        }

    def require(self, *ecs_services: str) -> dict[str, SlotView]:
        """Return up to 10 services by name; raise NotFound where one is gone."""
        views = self.observe(*ecs_services)
        missing = [name for name in ecs_services if name not in views]
        if missing:
            raise NotFound(
                f"cluster {self._cluster} has no active service {', '.join(missing)}; "
                "create it, or correct the record"
            )
        return views

    def tasks(self, ecs_service: str) -> list[TaskView]:
        """Return the tasks that a service wants; none where it is gone.

        Raises Unavailable where ECS does not describe all that it lists: half an answer
        counts nothing.
        """
        arns = self._task_arns(ecs_service)
        found: list[TaskView] = []
        for some in batched(arns, TASKS_PER_CALL, strict=False):
            with translated(f"DescribeTasks of {ecs_service}"):
                answer = self._client.describe_tasks(
                    cluster=self._cluster, tasks=list(some)
                )
            if answer.get("failures") or len(answer["tasks"]) != len(some):
                raise Unavailable(
                    f"DescribeTasks of {ecs_service}: {len(answer['tasks'])} of "
                    f"{len(some)} tasks were described"
                )
            found += map(_task, answer["tasks"])
        return found

    def _task_arns(self, ecs_service: str) -> list[str]:
        pages = self._client.get_paginator("list_tasks")
        with translated(f"ListTasks of {ecs_service}"):
            try:
                return [
                    arn
                    for page in pages.paginate(
                        cluster=self._cluster,
                        serviceName=ecs_service,
                        desiredStatus="RUNNING",
                    )
                    for arn in page["taskArns"]
                ]
            except ClientError as error:
                if code_of(error) == "ServiceNotFoundException":
                    return []
                raise

    def find_revision(self, family: str, release_id: str) -> str | None:
        """Return the family's newest revision if it is `release_id`'s."""
        with translated(f"DescribeTaskDefinition {family}"):
            try:
                answer = self._client.describe_task_definition(
                    taskDefinition=family, include=["TAGS"]
                )
            except ClientError as error:
                # ECS answers ClientException for a family that does not exist.
                if code_of(error) == "ClientException":
                    return None
                raise
        if {"key": RELEASE_TAG, "value": release_id} in answer.get("tags", []):
            return answer["taskDefinition"]["taskDefinitionArn"]
        return None

    def register(self, definition: dict[str, Any], tags: dict[str, str]) -> str:
        """Register a revision; return its ARN."""
        with translated(f"RegisterTaskDefinition {definition['family']}"):
            answer = self._client.register_task_definition(
                **definition,
                tags=[{"key": key, "value": value} for key, value in tags.items()],
            )
        return answer["taskDefinition"]["taskDefinitionArn"]

    def launch(
        self, ecs_service: str, release: Release, revision: str, count: int
    ) -> bool:
        """Run `count` tasks of a release; return whether a write was needed.

        Revision and count go in one call: a count alone starts no deployment, and a
        breaker at 0 tasks guards nothing. A revision whose deployment failed once would
        not be tried again by itself, so that, and only that, is forced.
        """
        view = self.require(ecs_service)[ecs_service]
        same = view.task_definition_arn == revision
        failed = same and view.launch is Launch.FAILED
        if same and not failed and view.desired == count:
            return False
        with translated(f"UpdateService {ecs_service}"):
            self._client.update_service(
                cluster=self._cluster,
                service=ecs_service,
                taskDefinition=revision,
                desiredCount=count,
                networkConfiguration={
                    "awsvpcConfiguration": {
                        "subnets": list(release.subnet_ids),
                        "securityGroups": list(release.task.security_group_ids),
                        "assignPublicIp": "DISABLED",
                    }
                },
                forceNewDeployment=failed,
            )
        return True

    def scale(self, ecs_service: str, count: int) -> bool:
        """Set the desired count; return whether a write was needed."""
        if self.require(ecs_service)[ecs_service].desired == count:
            return False
        with translated(f"UpdateService {ecs_service}"):
            self._client.update_service(
                cluster=self._cluster, service=ecs_service, desiredCount=count
            )
        return True


def _task(task: TaskTypeDef) -> TaskView:
    running = task["lastStatus"] == "RUNNING"
    return TaskView(
        checks=Checks(task.get("healthStatus", Checks.UNKNOWN)),
        running_since=task.get("startedAt") if running else None,
    )


def _view(service: ServiceTypeDef) -> SlotView:
    primary = (d for d in service["deployments"] if d["status"] == "PRIMARY")
    deployment = next(primary, None) or {}
    return SlotView(
        ecs_service=service["serviceName"],
        task_definition_arn=service["taskDefinition"],
        desired=service["desiredCount"],
        running=service["runningCount"],
        launch=Launch(deployment.get("rolloutState", "IN_PROGRESS")),
        launch_reason=deployment.get("rolloutStateReason", ""),
    )
