"""What ECS keeps: task definitions, services, deployments, tasks."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from math import ceil, inf
from typing import Any

from localcloud.api import REGION
from localcloud.ecs.containers import is_essential
from localcloud.network import Subnet
from localcloud.seams import Target

type Binding = Mapping[str, Any]
"""A load balancer or service registry, as CreateService takes it."""


class TaskStatus(StrEnum):
    """The states of a task, in order (ECS guide, task-lifecycle-explanation)."""

    PROVISIONING = "PROVISIONING"
    PENDING = "PENDING"
    ACTIVATING = "ACTIVATING"
    RUNNING = "RUNNING"
    DEACTIVATING = "DEACTIVATING"
    STOPPING = "STOPPING"
    DEPROVISIONING = "DEPROVISIONING"
    STOPPED = "STOPPED"

    @property
    def starting(self) -> bool:
        """Whether the task has not reached RUNNING yet."""
        return self in {self.PROVISIONING, self.PENDING, self.ACTIVATING}


class RolloutState(StrEnum):
    """The states of a deployment (ECS API reference, Deployment)."""

    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class TaskDefinition:
    """One revision of a family, on Fargate."""

    arn: str
    family: str
    revision: int
    settings: Mapping[str, Any]
    """The parameters of RegisterTaskDefinition, tags aside."""
    tags: tuple[Mapping[str, str], ...]
    registered_at: datetime

    @property
    def container(self) -> Mapping[str, Any]:
        """The main container, the first that is essential: the only one that runs."""
        containers: Sequence[Mapping[str, Any]] = self.settings["containerDefinitions"]
        return next(filter(is_essential, containers))

    @property
    def stop_timeout_seconds(self) -> float:
        """From SIGTERM to SIGKILL, 30 unless set (API ref., ContainerDefinition)."""
        return float(self.container.get("stopTimeout", 30))


@dataclass(frozen=True, slots=True)
class StopIntent:
    """Why a task stops, in the words of DescribeTasks."""

    code: str
    reason: str


@dataclass(slots=True, eq=False)
class Task:
    """One task of a service."""

    arn: str
    service: "Service"
    deployment: "Deployment"
    definition: TaskDefinition
    subnet: Subnet
    identity: Mapping[str, str]
    """Ids of its attachment, network interface, container and runtime."""
    created_at: datetime
    provider: str | None = None
    """Its capacity provider; None where its service names a launch type."""
    tags: tuple[Mapping[str, str], ...] = ()
    security_groups: tuple[str, ...] = ()
    """Both are those it was started with."""
    address: str | None = None
    status: TaskStatus = TaskStatus.PROVISIONING
    version: int = 1
    image_digest: str | None = None
    pull_started_at: datetime | None = None
    pull_stopped_at: datetime | None = None
    connected_at: datetime | None = None
    started_at: datetime | None = None
    started_clock: float = 0.0
    """When it reached RUNNING, in the clock's modelled seconds."""
    stopping_at: datetime | None = None
    stopped_at: datetime | None = None
    updated_at: datetime | None = None
    exit_code: int | None = None
    intent: StopIntent | None = None
    was_healthy: bool = False
    """Whether it has ever passed the checks of all its target groups."""
    stop_wanted: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def task_id(self) -> str:
        """The last part of its ARN."""
        return self.arn.rsplit("/", 1)[1]

    @property
    def wanted(self) -> bool:
        """Whether its desired status is RUNNING."""
        return self.intent is None

    @property
    def targets(self) -> tuple[tuple[str, Target], ...]:
        """Target groups and what is, or will be, registered with them."""
        if self.address is None:
            return ()
        return tuple(
            (b["targetGroupArn"], Target(self.address, int(b["containerPort"])))
            for b in self.deployment.load_balancers
        )

    def registrations(self) -> tuple[tuple[str, dict[str, str]], ...]:
        """Return registries and the attributes of its instance in each.

        ECS guide, service-discovery. Health checks of containers are not modelled:
        without one a task counts as healthy.
        """
        if self.address is None:
            return ()
        attributes = {
            "AWS_INSTANCE_IPV4": self.address,
            "AWS_INIT_HEALTH_STATUS": "HEALTHY",
            "AVAILABILITY_ZONE": self.subnet.zone,
            "REGION": REGION,
            "ECS_CLUSTER_NAME": self.service.cluster_arn.rsplit("/", 1)[1],
            "ECS_SERVICE_NAME": self.service.name,
            "ECS_TASK_DEFINITION_FAMILY": self.definition.family,
        }
        return tuple(
            (registry["registryArn"], attributes | _port(registry))
            for registry in self.deployment.registries
        )


def _port(registry: Binding) -> dict[str, str]:
    port = registry.get("port", registry.get("containerPort"))
    return {} if port is None else {"AWS_INSTANCE_PORT": str(port)}


@dataclass(slots=True, eq=False)
class Deployment:
    """One deployment of a service under the rolling controller."""

    deployment_id: str
    definition: TaskDefinition
    created_at: datetime
    updated_at: datetime
    load_balancers: tuple[Binding, ...]
    registries: tuple[Binding, ...]
    """Where its tasks are registered: what the service had when it began."""
    state: RolloutState = RolloutState.IN_PROGRESS
    reason: str = ""
    failed_tasks: int = 0
    """Failures in a row: what the circuit breaker counts."""


@dataclass(slots=True, eq=False)
class Service:
    """One ECS service on Fargate, under ECS's own rolling controller."""

    arn: str
    name: str
    cluster_arn: str
    desired: int
    load_balancers: tuple[Binding, ...]
    registries: tuple[Binding, ...]
    strategy: tuple[Mapping[str, Any], ...]
    """Its capacity providers; empty where it has the launch type FARGATE."""
    platform: str
    """The platform version as asked for, such as LATEST."""
    subnets: tuple[Subnet, ...]
    network: Mapping[str, Any]
    created_at: datetime
    min_percent: int
    max_percent: int
    breaker: bool
    grace_seconds: float
    rebalancing: str
    tags: tuple[Mapping[str, str], ...]
    propagate_tags: str
    """NONE, SERVICE or TASK_DEFINITION."""
    rollback: bool = False
    """Whether the circuit breaker is to go back to the last complete deployment."""
    managed_tags: bool = False
    """Whether tasks get ECS's own tags."""
    status: str = "ACTIVE"
    """ACTIVE, DRAINING or INACTIVE."""
    inactive_since: float = inf
    """In the clock's modelled seconds."""
    deployments: list[Deployment] = field(default_factory=list)
    """The primary one first, then those whose tasks have not all gone."""
    tasks: list[Task] = field(default_factory=list)
    """Those that have not stopped."""
    events: list[dict[str, Any]] = field(default_factory=list)
    """Newest first, at most 100 (API reference, Service)."""
    failed_starts: int = 0
    """Starts in a row that did not reach RUNNING: what throttles the next one."""
    no_start_before: float = 0.0
    """The throttle's end, in the clock's modelled seconds."""
    steady: bool = False
    desired_before: int = 0
    resized_at: float = -inf
    """When the desired count changed last, in the clock's modelled seconds."""

    def resize(self, count: int, at: float) -> None:
        """Change the desired count; remember the one before."""
        if count != self.desired:
            self.desired_before, self.resized_at = self.desired, at
            self.desired = count

    @property
    def primary(self) -> Deployment:
        """The deployment that the service is to run."""
        return self.deployments[0]

    @property
    def breaker_threshold(self) -> int:
        """Half the desired count, rounded up, within 3 and 200.

        ECS guide, deployment-circuit-breaker.
        """
        return min(200, max(3, ceil(0.5 * self.desired)))
