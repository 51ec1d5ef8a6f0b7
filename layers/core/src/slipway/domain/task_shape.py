"""What shapes a task besides the image that rolls out: containers, volumes, roles."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from enum import StrEnum
from typing import Any

LINGER_VARIABLE = "SLIPWAY_LINGER_SECONDS"
"""How a sidecar is told its `linger_seconds`."""

USUAL_STORAGE_GIB = 20
"""What a task on Fargate has without asking for more (Amazon ECS Developer Guide,
fargate-task-storage)."""


class Platform(StrEnum):
    """Operating system and architecture, as manifests name them."""

    X86_64 = "linux/x86_64"
    ARM64 = "linux/arm64"


class Protocol(StrEnum):
    """What a service speaks on its port."""

    HTTP = "http"
    HTTP2 = "http2"
    GRPC = "grpc"
    TCP = "tcp"
    TLS = "tls"


class Condition(StrEnum):
    """How far another container must have come (API_ContainerDependency)."""

    START = "start"
    HEALTHY = "healthy"
    COMPLETE = "complete"
    SUCCESS = "success"


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """The command by which ECS asks a container how it is (API_HealthCheck)."""

    command: tuple[str, ...]
    """CMD or CMD-SHELL, then what is run."""
    interval_seconds: int
    """5 to 300."""
    timeout_seconds: int
    """2 to 60."""
    retries: int
    """1 to 10."""
    start_period_seconds: int
    """0 to 300."""


@dataclass(frozen=True, slots=True)
class EfsVolume:
    """A folder of an EFS file system."""

    file_system_id: str
    root_directory: str = "/"
    """With an access point it is /, for that has a folder of its own
    (API_EFSVolumeConfiguration)."""
    access_point_id: str | None = None


@dataclass(frozen=True, slots=True)
class Volume:
    """A folder that containers of a task share."""

    name: str
    efs: EfsVolume | None = None
    """None where it is the task's own, and ends with it."""


@dataclass(frozen=True, slots=True)
class MountPoint:
    """Where a volume is in a container."""

    volume: str
    path: str
    read_only: bool = True


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A container beside the service's own.

    One that is to linger goes on after its own SIGTERM. Containers stop in the reverse
    order of their start, so those that it waited for get their SIGTERM when it has
    ended (API_ContainerDefinition, dependsOn). Only its own program can do that: an
    image belongs to whoever built it, and many have no shell by which to wrap what they
    run. So it is told how long in SLIPWAY_LINGER_SECONDS, and ECS leaves it
    `stop_timeout_seconds` before SIGKILL. A program that does not heed the variable
    ends as it always does.
    """

    name: str
    image: str
    """As it is written; a release of a push holds repository@digest where the image is
    in the service's registry."""
    port: int | None = None
    essential: bool = True
    """Whether the task ends when it does."""
    cpu: int = 0
    """CPU units of the task's that are its own."""
    memory_mib: int | None = None
    """What it may use of the task's; more ends it."""
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Variables and where ECS takes their values from, as `valueFrom` has it."""
    entrypoint: tuple[str, ...] = ()
    """Instead of the image's; empty leaves that, as for `command`."""
    command: tuple[str, ...] = ()
    health_check: HealthCheck | None = None
    depends_on: Mapping[str, Condition] = field(default_factory=dict)
    """Containers that must have come so far first."""
    mount_points: tuple[MountPoint, ...] = ()
    stop_timeout_seconds: int = 30
    """2 to 120 on Fargate (API_ContainerDefinition)."""
    linger_seconds: int | None = None
    """How long it goes on after its own SIGTERM: less than its stop timeout."""


@dataclass(frozen=True, slots=True)
class TaskShape:
    """Everything but the image that shapes a task. Any change of it is a release."""

    cpu: int
    memory_mib: int
    port: int | None
    """None where nobody can call it."""
    execution_role_arn: str
    task_role_arn: str | None
    """None where the application has no rights of its own."""
    security_group_ids: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    stop_timeout_seconds: int = 30
    """2 to 120 on Fargate (API_ContainerDefinition)."""
    log_group: str | None = None
    """Where all containers' output goes."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Variables and where ECS takes their values from, as `valueFrom` has it."""
    entrypoint: tuple[str, ...] = ()
    """Instead of the image's; empty leaves that."""
    health_check: HealthCheck | None = None
    depends_on: Mapping[str, Condition] = field(default_factory=dict)
    """Sidecars that must have come so far first."""
    mount_points: tuple[MountPoint, ...] = ()
    read_only_root: bool = False
    """Whether the service's own container only reads its root file system."""
    protocol: Protocol = Protocol.HTTP
    """What it speaks on its port. To ECS all of these are TCP."""
    platform: Platform = Platform.X86_64
    ephemeral_storage_gib: int = USUAL_STORAGE_GIB
    """20 to 200 on Fargate."""
    volumes: tuple[Volume, ...] = ()
    sidecars: tuple[Sidecar, ...] = ()
    container_name: str | None = None
    """The service's own container's; None where it is the service's."""


ALWAYS_TOLD = frozenset({"environment", "command", "stop_timeout_seconds", "log_group"})
"""Fields of TaskShape that have a default and were in every release's id from the
beginning."""


def told(value: object) -> Any:
    """Return what identifies a value, in JSON's terms.

    A dataclass's field counts once it says something other than its default, so that a
    field which a later version adds leaves what was there before as it was. Hence a
    default must never change.
    """
    if is_dataclass(value) and not isinstance(value, type):
        always = ALWAYS_TOLD if isinstance(value, TaskShape) else ()
        return {
            one.name: told(getattr(value, one.name))
            for one in fields(value)
            if one.name in always or getattr(value, one.name) != _default(one)
        }
    if isinstance(value, Mapping):
        return {key: told(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return [told(one) for one in value]
    return value


def _default(one: Field[Any]) -> object:
    """Return a field's default; where it has none, MISSING, which equals no value."""
    return one.default if one.default_factory is MISSING else one.default_factory()
