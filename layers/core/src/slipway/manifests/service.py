"""services/NAME.yaml: one microservice.

Keys have the names that AWS Copilot's manifest gives them, where it has one.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from slipway.manifests.adopting import Adopted
from slipway.manifests.bindings import Http, Nlb
from slipway.manifests.containers import (
    Image,
    Logging,
    Network,
    Role,
    SecretSource,
    Sidecar,
    Stop,
    Storage,
)
from slipway.manifests.counting import Count, Range, brief_count
from slipway.manifests.fields import (
    Command,
    Name,
    Section,
    Shorthand,
    Tags,
    Text,
    VariableName,
    Whole,
    once,
)
from slipway.manifests.rollouts import Rollout


class Defaults(Section):
    """What services have in common, or have each for themselves."""

    cpu: Annotated[int, Whole(256, 16384, "CPU units")] = 256
    """CPU units of a task; 1024 are one vCPU. 256, 512, 1024, 2048, 4096, 8192 or
    16384."""
    memory: Annotated[int, Whole(512, 122880, "MiB")] = 512
    """MiB of a task: 512 to 122880, what Fargate has for the cpu."""
    platform: Literal["linux/x86_64", "linux/amd64", "linux/arm64"] = "linux/x86_64"
    """Operating system and architecture; linux/amd64 is linux/x86_64."""
    count: Annotated[
        Count,
        Shorthand(
            brief_count,
            Whole(1, 5000).schema(),
            "a whole number of tasks, or keys (range, cpu_percentage, ...)",
        ),
    ] = Field(
        default=Count(range=Range(min=1, max=1)), json_schema_extra={"default": 1}
    )
    """How many tasks. A number alone, 1 to 5000, is one that stays."""
    storage: Storage = Field(default_factory=Storage)
    """What a task may write to."""
    variables: dict[VariableName, Text] = Field(default_factory=dict)
    """Environment variables; numbers and truths arrive as they are written."""
    secrets: dict[VariableName, SecretSource] = Field(default_factory=dict)
    """Environment variables whose values are secrets: an SSM parameter's name, an ARN,
    or `secretsmanager: NAME`."""
    stop_timeout: Stop = 30
    """Between SIGTERM and SIGKILL of the service's container: 2 to 120 s."""
    sidecars: dict[Name, Sidecar] = Field(default_factory=dict)
    """Containers beside the service's own, by name: at most 9."""
    logging: Logging = Field(default_factory=Logging)
    """Where output goes."""
    network: Network = Field(default_factory=Network)
    """How tasks reach the network."""
    execution_role: Role | None = None
    """The role by which ECS pulls images, reads secrets and writes logs: an ARN, or
    what stands in it from role/ on, under role/slipway/ENVIRONMENT/."""
    task_role: Role | None = None
    """The role that the application has: an ARN, or what stands in it from role/ on,
    under role/slipway/ENVIRONMENT/."""
    rollout: Rollout = Field(default_factory=Rollout)
    """How a release becomes the primary."""
    tags: Tags = Field(default_factory=dict)
    """Tags of what is made for the service. At most 45, values at most 256 characters.
    One that goes from here stays on what is there."""


class Service(Defaults):
    """One microservice."""

    name: Name
    """Its name, the same as the file's: at most 32 characters, and with the
    environment's at most 29."""
    image: Image
    """The image that rolls out, and how its container is reached."""
    entrypoint: Command | None = None
    """Instead of the image's: a list, or one text."""
    command: Command | None = None
    """Instead of the image's: a list, or one text."""
    calls: Annotated[tuple[Name, ...], AfterValidator(once)] = ()
    """Names of the services that it calls: these let it in, and no other."""
    http: Http | None = None
    """Requests from Application Load Balancers."""
    nlb: Nlb | None = None
    """Connections from Network Load Balancers."""
    adopted: Adopted | None = None
    """What was there before Slipway and is its slot a; see `slipway adopt`."""

    @property
    def container(self) -> str:
        """What the service's own container is called."""
        return self.name if self.adopted is None else self.adopted.container
