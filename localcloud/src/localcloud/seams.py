"""Where the local cloud meets what differs between the demo and a simulation.

A task is an operating-system process in the demo and a few numbers in a simulation;
a load balancer is Envoy in the one and arithmetic in the other. Both stand behind the
two protocols here, so that everything between them is the same code.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


class TaskStartError(Exception):
    """A task could not start; carries what ECS would say in its stopped task."""

    def __init__(self, stop_code: str, reason: str) -> None:
        super().__init__(reason)
        self.stop_code = stop_code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """What a runtime needs to know to run one task: its main container, no sidecar."""

    task_arn: str
    ecs_service: str
    task_definition_arn: str
    image_digest: str
    image: Mapping[str, Any]
    """The pushed image's manifest: what stands in for an image's content."""
    address: str
    port: int
    """0 where nobody calls it: any port that is free will do."""
    environment: Mapping[str, str] = field(default_factory=dict)


class TaskRuntime(Protocol):
    """Runs tasks. All durations are modelled seconds."""

    async def start(self, task: TaskSpec) -> None:
        """Return when the containers run; raise TaskStartError when they cannot."""

    async def exited(self, task: TaskSpec) -> int:
        """Wait until the essential container ends by itself; return its exit code."""

    async def stop(self, task: TaskSpec, timeout_seconds: float) -> int:
        """Send SIGTERM, after the timeout SIGKILL; return the exit code."""

    async def probe(
        self, task: TaskSpec, path: str | None, timeout_seconds: float
    ) -> bool:
        """Whether a health check of `path` gets a 2xx answer in time.

        None where it is enough that it can be connected to.
        """


@dataclass(frozen=True, slots=True)
class Target:
    """One address in a target group."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class RuleView:
    """One listener rule as the data plane sees it, in order of priority."""

    rule_arn: str
    hosts: tuple[str, ...]
    paths: tuple[str, ...]
    """Both empty for a default rule."""
    weights: Mapping[str, int]
    """Target group ARN to weight; empty where the rule answers by itself."""
    fixed_status: int | None
    sticky_seconds: int = 0
    """How long a client stays with a target group; 0 where each request goes by
    weight."""


@dataclass(frozen=True, slots=True)
class ListenerView:
    """One listener of one load balancer."""

    listener_arn: str
    load_balancer: str
    """The metric dimension: app/NAME/ID or net/NAME/ID."""
    port: int
    rules: tuple[RuleView, ...]

    @property
    def is_network(self) -> bool:
        """Whether it takes connections, and reads no requests."""
        return self.load_balancer.startswith("net/")


@dataclass(frozen=True, slots=True)
class RoutingView:
    """What every load balancer does with requests from now on."""

    listeners: tuple[ListenerView, ...]
    targets: Mapping[str, tuple[Target, ...]]
    """Target group ARN to the targets that receive traffic: the healthy ones, or all
    registered ones where none is healthy (load balancers fail open)."""


class DataPlane(Protocol):
    """Carries requests. Told of each change after the delay that AWS would take."""

    def apply(self, view: RoutingView) -> None:
        """Route as `view` says from now on."""
