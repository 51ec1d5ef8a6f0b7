"""What a task is made of: containers, secrets, volumes, logs, network."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from slipway.manifests.fields import (
    Command,
    ContainerPath,
    Flag,
    Name,
    Port,
    Seconds,
    Section,
    SecurityGroupId,
    Shorthand,
    Text,
    VariableName,
    Whole,
    Words,
    as_written,
    once,
    refused,
)

_RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192,
    2557, 2922, 3288, 3653,
)  # fmt: skip
"""What CloudWatch Logs takes (API_PutRetentionPolicy)."""

_REPOSITORY = r"[a-z0-9]+([._/-][a-z0-9]+)*"
_ECR_HOST = r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?"


def _retained(days: int) -> int:
    if days not in _RETENTION_DAYS:
        known = ", ".join(map(str, _RETENTION_DAYS))
        raise refused(f"a number of days that CloudWatch Logs takes: {known}")
    return days


Retention = Annotated[int, Whole(1, unit="days"), AfterValidator(_retained)]

Stop = Annotated[int, Seconds(2, 120)]
"""What Fargate takes (API_ContainerDefinition)."""

Role = Annotated[
    str,
    Words(
        r"(arn:aws[a-z-]*:iam::\d{12}:)?role/slipway/[a-z0-9-]+/[\w+=,.@-]{1,64}",
        "a role under role/slipway/ENVIRONMENT/: Slipway hands on no other, "
        "for whoever writes a manifest would have that role's rights",
    ),
]


class ContainerHealth(Section):
    """The command by which ECS asks a container how it is."""

    command: Annotated[tuple[Text, ...], Field(min_length=2)]
    """CMD or CMD-SHELL, then what is run; exit code 0 is healthy."""
    interval: Annotated[int, Seconds(5, 300)] = 10
    """Between two checks: 5 to 300 s."""
    retries: Annotated[int, Whole(1, 10)] = 2
    """Failures in a row that make it unhealthy: 1 to 10."""
    timeout: Annotated[int, Seconds(2, 60)] = 5
    """How long a check may take: 2 to 60 s."""
    start_period: Annotated[int, Seconds(0, 300)] = 0
    """How long failures after the start do not count: 0 to 300 s."""

    @model_validator(mode="after")
    def _says_how_it_is_run(self) -> Self:
        if self.command[0] not in {"CMD", "CMD-SHELL"}:
            raise refused("CMD or CMD-SHELL as the first word", at=("command", 0))
        return self


Conditions = dict[Text, Literal["start", "healthy", "complete", "success"]]
"""Containers that must have come so far first; stopping goes the other way round."""


_LIKE_A_WHOLE_ARN = re.compile(r"^[^:]*-[A-Za-z0-9]{6}(:|$)")
"""What Secrets Manager takes for a whole ARN's end (API_GetSecretValue, SecretId)."""


class Secret(Section):
    """Where a secret's value comes from: one of both."""

    ssm: (
        Annotated[
            str,
            Words(
                r"/?[\w./-]+|arn:aws[a-z-]*:(ssm|secretsmanager):\S+",
                "an SSM parameter's name, or an ARN of SSM or Secrets Manager",
            ),
        ]
        | None
    ) = None
    """An SSM parameter's name, or an ARN of SSM or Secrets Manager."""
    secretsmanager: (
        Annotated[
            str,
            Words(
                r"[\w/+=.@-]+(:[^:\s]*){0,3}",
                "a secret's name, with :key:stage:version where one part is meant",
            ),
        ]
        | None
    ) = None
    """A secret's name in Secrets Manager; `NAME:key::` takes one key of its JSON. One
    whose name ends in a hyphen and six characters needs its whole ARN, in `ssm`."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.ssm is None) is (self.secretsmanager is None):
            raise refused("one of ssm and secretsmanager")
        if self.secretsmanager and _LIKE_A_WHOLE_ARN.search(self.secretsmanager):
            raise refused(
                "a name that does not end in a hyphen and six characters, or the "
                "secret's whole ARN in ssm: Secrets Manager takes such an end for the "
                "one that it puts behind names itself",
                at=("secretsmanager",),
            )
        return self


def _secret(value: Any) -> Any:
    text = as_written(value)
    return None if text is None else {"ssm": text}


SecretSource = Annotated[
    Secret,
    Shorthand(
        _secret,
        {"type": "string"},
        "an SSM parameter's name, an ARN, or keys (ssm, secretsmanager)",
    ),
]


class Image(Section):
    """The image that rolls out, and how its container is reached."""

    location: Annotated[
        str,
        Words(
            f"({_ECR_HOST}/)?{_REPOSITORY}",
            "an ECR repository, such as shop/cart or "
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop/cart, without a tag: "
            "tag has a pattern for it",
            256 + 64,
        ),
    ]
    """The ECR repository, without a tag. Without a host it is one of the environment's
    own account and region."""
    tag: Annotated[
        str, Words(r"[\w.*?\[\]!-]{1,128}", "a pattern of tags such as v* or main-*")
    ] = "*"
    """Which pushed tags roll out: a pattern with *, ? and [...], case-sensitive.
    Environments that name the same repository hear the same push."""
    port: Port | None = None
    """Where the container listens: 1 to 65535. Without one nobody can call it."""
    protocol: Literal["http", "http2", "grpc", "tcp", "tls"] = "http"
    """What it speaks there."""
    healthcheck: ContainerHealth | None = None
    """How ECS asks the container itself."""
    depends_on: Conditions = Field(default_factory=dict)
    """Sidecars that must have come so far first: start, healthy, complete, success."""


class MountPoint(Section):
    """A volume of `storage.volumes` in a sidecar."""

    source_volume: Name
    """The volume's name."""
    path: ContainerPath
    """Where it is in the container."""
    read_only: Flag = True
    """Whether the container only reads."""


class Sidecar(Section):
    """A container beside the service's own, in each task."""

    image: Annotated[
        str,
        Words(
            r"[a-z0-9][\w.:/-]*(@sha256:[0-9a-f]{64})?",
            "an image with its tag or digest",
            512,
        ),
    ]
    """Its image, with tag or digest. Of one in the service's own registry each release
    holds the digest that it was; of any other ECS holds it for each deployment."""
    port: Port | None = None
    """Where it listens: 1 to 65535, another port than all others of the task."""
    essential: Flag = True
    """Whether the task ends when it does."""
    cpu: Annotated[int, Whole(0, 16384, "CPU units")] = 0
    """CPU units of the task's that are its own: 0 to 16384; 1024 are one vCPU."""
    memory: Annotated[int, Whole(6, 122880, "MiB")] | None = None
    """MiB of the task's memory that it may use: 6 to 122880. More ends it."""
    variables: dict[VariableName, Text] = Field(default_factory=dict)
    """Environment variables."""
    secrets: dict[VariableName, SecretSource] = Field(default_factory=dict)
    """Environment variables whose values are secrets."""
    entrypoint: Command | None = None
    """Instead of the image's: a list, or one text."""
    command: Command | None = None
    """Instead of the image's: a list, or one text."""
    healthcheck: ContainerHealth | None = None
    """How ECS asks it."""
    depends_on: Conditions = Field(default_factory=dict)
    """Containers that must have come so far first; it is stopped before them."""
    mount_points: tuple[MountPoint, ...] = ()
    """Volumes of the task in it."""
    stop_timeout: Stop = 30
    """Between SIGTERM and SIGKILL: 2 to 120 s."""
    linger: Annotated[int, Seconds(1, 119)] | None = None
    """How long it is asked to go on after its own SIGTERM, to hold that of the
    containers in its `depends_on` back while load balancers drain: 1 to 119 s, less
    than its `stop_timeout`. Its program has to heed SLIPWAY_LINGER_SECONDS."""

    @model_validator(mode="after")
    def _lingers_before_it_is_killed(self) -> Self:
        if self.linger is not None and self.linger >= self.stop_timeout:
            raise refused(
                f"less than its stop_timeout, {self.stop_timeout} s: then it is killed",
                at=("linger",),
            )
        return self


# ----------------------------------------------------- storage, logs, network


class Efs(Section):
    """A file system of EFS."""

    id: Annotated[
        str,
        Words("fs-[0-9a-f]{8,40}", "a file system's id such as fs-0a1b2c3d4e5f60718"),
    ]
    """Its id."""
    root_dir: ContainerPath = "/"
    """Which of its folders."""
    access_point: (
        Annotated[str, Words("fsap-[0-9a-f]{8,40}", "an access point's id")] | None
    ) = None
    """By which access point. It has a folder of its own, so `root_dir` stays /."""

    @model_validator(mode="after")
    def _has_one_folder(self) -> Self:
        if self.access_point is not None and self.root_dir != "/":
            raise refused(
                "/, or no access_point: that has a folder of its own", at=("root_dir",)
            )
        return self


class Volume(Section):
    """A folder that containers of a task share, or that outlives them."""

    path: ContainerPath
    """Where it is in the service's own container."""
    read_only: Flag = True
    """Whether that container only reads."""
    efs: Efs | None = None
    """A file system that outlives tasks; without it the folder ends with the task."""


class Storage(Section):
    """What a task may write to."""

    ephemeral: Annotated[int, Whole(20, 200, "GiB")] = 20
    """GiB that a task has until it ends: 20 to 200, on Fargate."""
    readonly_fs: Flag = False
    """Whether the container's own file system is read only."""
    volumes: dict[Name, Volume] = Field(default_factory=dict)
    """Volumes by name."""


class Logging(Section):
    """Where the containers' output goes: a log group of CloudWatch."""

    group: (
        Annotated[str, Words(r"[A-Za-z0-9_/.#-]+", "a log group's name", 512)] | None
    ) = None
    """The log group; else the environment's."""
    create: Flag = False
    """Whether Slipway makes the group named here."""
    retention: Retention = 30
    """How many days entries are kept in it, if it is made: 1 to 3653, of the numbers
    that CloudWatch Logs takes."""


class VpcNetwork(Section):
    """Where tasks are in the VPC."""

    security_groups: Annotated[
        tuple[SecurityGroupId, ...], Field(max_length=4), AfterValidator(once)
    ] = ()
    """Groups beside the service's own, at most 4 (AWS takes 5): such as one that a
    database lets in."""


class Network(Section):
    """How tasks reach the network."""

    vpc: VpcNetwork = Field(default_factory=VpcNetwork)
    """Where tasks are in the VPC."""
