"""services/NAME.yaml: one microservice.

Keys have the names that AWS Copilot's manifest gives them, where it has one.
"""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from slipway.domain.service import (
    ALL_TRAFFIC,
    FEWEST_REQUESTS,
    LONGEST_DELAY_SECONDS,
    LONGEST_LOOK_SECONDS,
    SHORTEST_BAKE_SECONDS,
    SHORTEST_LOOK_SECONDS,
    WEIGHTS_SETTLE_SECONDS,
    JudgePolicy,
    RolloutPolicy,
    Scaling,
    Step,
)
from slipway.manifests.fields import (
    Command,
    ContainerPath,
    Flag,
    FreeText,
    Hosts,
    Name,
    Number,
    Port,
    Seconds,
    Section,
    SecurityGroupId,
    Shorthand,
    Tags,
    Text,
    VariableName,
    Whole,
    Words,
    as_written,
    once,
    refused,
)

_POLICY = RolloutPolicy()
_JUDGE = JudgePolicy()
_RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192,
    2557, 2922, 3288, 3653,
)  # fmt: skip
"""What CloudWatch Logs takes (API_PutRetentionPolicy)."""
_RANGE = re.compile(r"(\d{1,5})-(\d{1,5})")
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


# ----------------------------------------------------- containers


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
    """A secret's name in Secrets Manager; `NAME:key::` takes one key of its JSON."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.ssm is None) is (self.secretsmanager is None):
            raise refused("one of ssm and secretsmanager")
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
    """Its image, with tag or digest: each release holds the digest that it was."""
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
    """How long it goes on after its own SIGTERM, to hold that of the containers in its
    `depends_on` back while load balancers drain: 1 to 119 s, less than its
    `stop_timeout`. ECS stops containers in the reverse order of their start."""

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
    """By which access point."""


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


# ----------------------------------------------------- bindings


class TargetHealth(Section):
    """How a load balancer asks a task how it is."""

    path: Annotated[str, Words(r"/\S*", "a path such as /healthz", 1024)] = "/"
    """What is asked for; for gRPC the method, such as /package.Service/Method."""
    port: Port | None = None
    """Where it is asked, else `image.port`: 1 to 65535."""
    success_codes: (
        Annotated[
            str, Words(r"\d{1,3}([,-]\d{1,3})*", "codes such as 200, 200-299 or 0")
        ]
        | None
    ) = None
    """Which answers are healthy, else 200; for gRPC 0 to 99, else 12."""
    interval: Annotated[int, Seconds(5, 300)] = 10
    """Between two checks: 5 to 300 s."""
    timeout: Annotated[int, Seconds(2, 120)] = 5
    """How long a check may take: 2 to 120 s, and less than the interval."""
    healthy_threshold: Annotated[int, Whole(2, 10)] = 2
    """Good checks in a row that make a target healthy: 2 to 10."""
    unhealthy_threshold: Annotated[int, Whole(2, 10)] = 2
    """Bad checks in a row that make a target unhealthy: 2 to 10."""
    grace_period: Annotated[int, Seconds(0, 2147483647)] = 60
    """How long failed checks of a new task do not count for ECS: 0 s or more."""

    @model_validator(mode="after")
    def _ends_before_the_next(self) -> Self:
        if self.timeout >= self.interval:
            raise refused(f"less than the interval, {self.interval} s", at=("timeout",))
        return self


def _health_path(value: Any) -> Any:
    path = as_written(value)
    return None if path is None else {"path": path}


Health = Annotated[
    TargetHealth,
    Shorthand(
        _health_path, {"type": "string"}, "a path, or keys (path, interval, ...)"
    ),
]
Delay = Annotated[int, Seconds(0, 3600)]
"""What target groups take (API_TargetGroupAttribute)."""

_MOST_VALUES = 5
_MOST_VALUES_EACH = 3
_MOST_WILDCARDS = 5
"""Per rule, per condition and per rule (rule-condition-types)."""


class HttpRule(Section):
    """Which requests of a load balancer are the service's: all of its conditions."""

    load_balancer: Name | None = None
    """An Application Load Balancer of the environment; may be left out where there is
    only one."""
    listener: Port | None = None
    """The port of its listener, 1 to 65535; may be left out where there is only one."""
    path: (
        Annotated[str, Words(r"[\w/*?.$~\"'@:+&-]*", "a path such as / or /api/*", 128)]
        | None
    ) = None
    """A path and all beneath it, such as `/` or `api`; with * or ? a pattern."""
    alias: Hosts | None = None
    """Host names, one or a list of at most 3. On an internal load balancer
    NAME.internal, where neither path nor headers are given."""
    headers: dict[
        Annotated[str, Words(r"[A-Za-z0-9_-]{1,40}", "a header's name")],
        Annotated[
            tuple[Annotated[str, FreeText(128)], ...],
            Field(min_length=1, max_length=_MOST_VALUES_EACH),
            AfterValidator(once),
        ],
    ] = Field(default_factory=dict)
    """Headers, each with 1 to 3 values that it may have."""
    priority: Annotated[int, Whole(1, 50000)] | None = None
    """Its place among the listener's rules, the lowest first: 1 to 50000. Else the
    first that is free."""
    healthcheck: Health = Field(default_factory=TargetHealth)
    """How the load balancer asks tasks; a path alone will do."""
    deregistration_delay: Delay = 60
    """How long a task that leaves may finish its requests: 0 to 3600 s."""
    stickiness: Flag = False
    """Whether clients stay with a release. Their share then follows weights late."""

    @property
    def path_patterns(self) -> tuple[str, ...]:
        """The patterns that `path` stands for."""
        if self.path is None:
            return ()
        if set(self.path) & set("*?"):
            return (self.path,)
        trimmed = self.path.strip("/")
        return (f"/{trimmed}", f"/{trimmed}/*") if trimmed else ("/*",)

    @model_validator(mode="after")
    def _is_a_rule_that_aws_takes(self) -> Self:
        hosts = self.alias or ()
        if len(hosts) > _MOST_VALUES_EACH:
            raise refused(f"at most {_MOST_VALUES_EACH} hosts a rule", at=("alias",))
        values = [*self.path_patterns, *hosts]
        for header in self.headers.values():
            values += header
        if len(values) > _MOST_VALUES:
            raise refused(
                f"at most {_MOST_VALUES} hosts, path patterns and header values a "
                "rule; a path without * counts twice",
                found=f"{len(values)} values",
            )
        wildcards = sum(value.count("*") + value.count("?") for value in values)
        if wildcards > _MOST_WILDCARDS:
            raise refused(
                f"at most {_MOST_WILDCARDS} of * and ? a rule",
                found=f"{wildcards} wildcards",
            )
        return self


class Http(HttpRule):
    """Requests from Application Load Balancers."""

    additional_rules: tuple[HttpRule, ...] = ()
    """More rules, on the same or on other load balancers, such as an internal one for
    other services. Each has target groups of its own."""


class NlbListener(Section):
    """A port of a Network Load Balancer that is the service's own."""

    load_balancer: Name | None = None
    """A Network Load Balancer of the environment; may be left out where there is
    only one."""
    port: Annotated[
        str,
        Words(
            r"\d{1,5}(/(tcp|tls))?",
            "a port and its protocol, such as 443/tls or 80/tcp",
        ),
    ]
    """Where it listens: 1 to 65535, with /tcp or with /tls, which ends TLS there. Else
    /tcp."""
    certificate: Name | None = None
    """A name from the environment's `certificates`, for /tls."""
    healthcheck: Health = Field(default_factory=TargetHealth)
    """How the load balancer asks tasks; TCP connections alone where the service speaks
    tcp or tls."""
    deregistration_delay: Delay = 60
    """How long a task that leaves may finish its connections: 0 to 3600 s."""

    @property
    def number(self) -> int:
        """The port alone."""
        return int(self.port.split("/")[0])

    @property
    def is_tls(self) -> bool:
        """Whether the load balancer ends TLS."""
        return self.port.endswith("/tls")

    @model_validator(mode="after")
    def _is_a_listener_that_aws_takes(self) -> Self:
        if not 1 <= self.number <= 65535:  # noqa: PLR2004  all ports there are
            raise refused("a port of 1 to 65535", at=("port",))
        if self.is_tls is (self.certificate is None):
            raise refused(
                "a certificate goes with /tls, and /tls with one",
                at=("certificate",) if self.certificate else ("port",),
            )
        return self


class Nlb(NlbListener):
    """Connections from Network Load Balancers."""

    additional_listeners: tuple[NlbListener, ...] = ()
    """More ports. Each has target groups of its own."""


# ----------------------------------------------------- count


class Range(Section):
    """Between which bounds a service is sized."""

    min: Annotated[int, Whole(1, 5000, "tasks")]
    """The fewest tasks: 1 to 5000."""
    max: Annotated[int, Whole(1, 5000, "tasks")]
    """The most tasks: 1 to 5000, and no fewer than min. A rollout adds its own."""
    spot_from: Annotated[int, Whole(1, 5000, "tasks")] | None = None
    """From which task on capacity is Spot's: 1 to 5000, at most max. 3 keeps two on
    demand."""

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        try:
            Scaling(self.min, self.max)
        except ValueError as error:
            raise refused(
                "min is at most max", found=f"{self.min} to {self.max}"
            ) from error
        if self.spot_from is not None and self.spot_from > self.max:
            raise refused(f"at most max, {self.max}", at=("spot_from",))
        return self


def _range(value: Any) -> Any:
    match = _RANGE.fullmatch(value) if isinstance(value, str) else None
    return {"min": int(match[1]), "max": int(match[2])} if match else None


Bounds = Annotated[
    Range,
    Shorthand(
        _range,
        {"type": "string", "pattern": r"^\d+-\d+$"},
        "a range such as 2-10, or keys (min, max, spot_from)",
    ),
]


class Cooldown(Section):
    """How long scaling rests after it has acted."""

    out: Annotated[int, Seconds(0, 3600)] = 60
    """After tasks were added: 0 to 3600 s."""
    in_: Annotated[int, Seconds(0, 3600)] = Field(default=300, alias="in")
    """After tasks were taken away: 0 to 3600 s."""


class ScheduledRange(Section):
    """Other bounds from some time on."""

    at: Annotated[
        str,
        Words(
            r"cron\([^()]+\)|rate\([^()]+\)|at\([^()]+\)",
            "cron(...), rate(...) or at(...), as Application Auto Scaling takes it",
        ),
    ]
    """When: cron(...), rate(...) or at(...), as Application Auto Scaling takes it."""
    timezone: Annotated[
        str,
        Words(
            r"UTC|[A-Z][A-Za-z]+(/[A-Z][A-Za-z_-]+)+",
            "UTC or a zone such as Europe/Berlin",
        ),
    ] = "UTC"
    """Whose clock."""
    range: Bounds
    """The bounds from then on."""


class Count(Section):
    """How many tasks serve, and who decides it."""

    range: Bounds
    """Between which bounds."""
    cpu_percentage: Annotated[float, Number(1, 100, "percent")] | None = None
    """Mean CPU use of tasks that scaling keeps to: 1 to 100 %."""
    memory_percentage: Annotated[float, Number(1, 100, "percent")] | None = None
    """Mean memory use of tasks that scaling keeps to: 1 to 100 %."""
    requests: Annotated[int, Whole(1)] | None = None
    """Requests per minute and task that scaling keeps to: 1 or more. Needs `http`."""
    cooldown: Cooldown = Field(default_factory=Cooldown)
    """How long scaling rests after it has acted."""
    schedule: tuple[ScheduledRange, ...] = ()
    """Other bounds at some times."""
    spot_percentage: Annotated[int, Whole(0, 100, "percent")] | None = None
    """Share of Spot among the tasks from `range.spot_from` on, or of all where that is
    left out: 0 to 100 %. Needs FARGATE_SPOT among the environment's capacity
    providers."""

    @property
    def scales(self) -> bool:
        """Whether autoscaling sizes the service."""
        targets = (self.cpu_percentage, self.memory_percentage, self.requests)
        return bool(self.schedule) or any(target is not None for target in targets)

    @property
    def spot(self) -> int:
        """The share of Spot among tasks beyond those always on demand, in percent."""
        if self.spot_percentage is not None:
            return self.spot_percentage
        return 0 if self.range.spot_from is None else 100

    @model_validator(mode="after")
    def _has_a_reason_to_scale(self) -> Self:
        if self.range.min < self.range.max and not self.scales:
            raise refused(
                "a range of one number, or something to scale by: cpu_percentage, "
                "memory_percentage, requests or schedule",
                at=("range",),
            )
        if self.range.spot_from is not None and self.spot_percentage == 0:
            raise refused(
                "1 or more, for range.spot_from is given", at=("spot_percentage",)
            )
        return self


def _count(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return {"range": {"min": value, "max": value}}


# ----------------------------------------------------- rollout


class RolloutStep(Section):
    """One stage of a rollout."""

    weight: Annotated[int, Whole(1, ALL_TRAFFIC, "percent")]
    """The new release's share of the traffic, in batches of the tasks: 1 to 100 %."""
    bake: Annotated[int, Seconds(SHORTEST_BAKE_SECONDS)]
    """How long it must hold with that share: 1 s or more."""


class OwnMetric(Section):
    """Requests and failures as the application itself counts them, in CloudWatch.

    Both are sums, per minute, with the ECS service's name in a dimension: so each
    release has its own.
    """

    namespace: Annotated[
        str,
        Words(r"(?!AWS/)[\w./#: -]{1,255}", "a namespace of your own, not one of AWS/"),
    ]
    """Their namespace."""
    requests: Annotated[str, FreeText(255)]
    """The metric that counts requests."""
    failures: Annotated[str, FreeText(255)]
    """The metric that counts those that failed."""
    slot_dimension: Annotated[str, FreeText(255)] = "ServiceName"
    """The dimension whose value is the ECS service's name, NAME-a or NAME-b."""
    dimensions: Annotated[
        dict[Text, Annotated[str, FreeText(1024)]], Field(max_length=29)
    ] = Field(default_factory=dict)
    """Other dimensions that both have: at most 29."""


class Judge(Section):
    """When a new release counts as good or bad."""

    max_failure_percent: Annotated[float, Number(0, 100, "percent")] = (
        _JUDGE.max_failure_percent
    )
    """How many of its requests may fail: 0 to 100 %."""
    max_increase_percent: Annotated[float, Number(0, 100, "points")] = (
        _JUDGE.max_increase_percent
    )
    """By how many points more than the old one's: 0 to 100."""
    min_requests: Annotated[int, Whole(FEWEST_REQUESTS, unit="requests")] = (
        _JUDGE.min_requests
    )
    """How many requests it takes to judge: 1 or more. With fewer it waits."""
    warmup: Annotated[int, Seconds(0)] = _JUDGE.warmup_seconds
    """How long after each shift nothing counts: 0 s or more."""
    metric_lateness: Annotated[int, Seconds(0)] = _JUDGE.metric_lateness_seconds
    """How old a minute of metrics is when it is complete: 0 s or more."""
    metric: OwnMetric | None = None
    """The application's own metrics, instead of the load balancer's: what gRPC, TCP and
    TLS need."""


class Gates(Section):
    """What must hold before a rollout begins."""

    alarms: Annotated[
        tuple[Annotated[str, FreeText(255)], ...],
        Field(max_length=100),
        AfterValidator(once),
    ] = ()
    """CloudWatch alarms that must not be in alarm: at most 100 names."""
    approval: Flag = False
    """Whether a person must approve it."""


class OpenHours(Section):
    """When rollouts may begin."""

    days: Annotated[
        tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...],
        Field(min_length=1),
        AfterValidator(once),
    ] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    """On which days."""
    opens: Annotated[
        str, Words(r"([01]\d|2[0-3]):[0-5]\d", "a time of day such as 09:30 or 22:15")
    ]
    """From when on: 00:00 to 23:59."""
    closes: Annotated[
        str, Words(r"([01]\d|2[0-3]):[0-5]\d", "a time of day such as 09:30 or 22:15")
    ]
    """Until when: 00:00 to 23:59, on the next day where that is before `opens`."""
    timezone: Annotated[
        str,
        Words(
            r"UTC|[A-Z][A-Za-z]+(/[A-Z][A-Za-z_-]+)+",
            "UTC or a zone such as Europe/Berlin",
        ),
    ] = "UTC"
    """Whose clock."""

    @model_validator(mode="after")
    def _opens_at_all(self) -> Self:
        if self.opens == self.closes:
            raise refused("another time than opens", at=("closes",))
        return self


class Rollout(Section):
    """How a release becomes the primary."""

    strategy: Literal["canary", "batches"] | None = None
    """`canary` moves weights of load balancers; `batches` replaces tasks, on their
    health alone. Else canary where there is `http` or `nlb`."""
    steps: Annotated[tuple[RolloutStep, ...], Field(min_length=1, max_length=20)] = (
        tuple(
            RolloutStep(weight=step.weight_percent, bake=step.bake_seconds)
            for step in _POLICY.steps
        )
    )
    """Its stages: weights rise, the last is 100. 1 to 20."""
    judge: Judge = Field(default_factory=Judge)
    """When the new release counts as good or bad."""
    look: Annotated[int, Seconds(SHORTEST_LOOK_SECONDS, LONGEST_LOOK_SECONDS)] = (
        _POLICY.look_seconds
    )
    """Between two looks at it: 1 to 300 s."""
    max_task_failures: Annotated[int, Whole(0, unit="tasks")] = (
        _POLICY.max_task_failures
    )
    """How many of its tasks may end badly: 0 or more."""
    supersede: Flag = _POLICY.supersede
    """Whether a newer push ends it. Else that one waits."""
    launch_timeout: Annotated[int, Seconds(1)] = _POLICY.launch_timeout_seconds
    """How long it may take to be healthy: 1 s or more."""
    hold: Annotated[int, Seconds(0)] = _POLICY.hold_seconds
    """How long it may stay unproven, a person being called: 0 s or more."""
    retire_delay: Annotated[
        int, Seconds(WEIGHTS_SETTLE_SECONDS, LONGEST_DELAY_SECONDS)
    ] = _POLICY.retire_delay_seconds
    """How long the old release keeps its tasks, for instant return: 30 to 3600 s."""
    restore_timeout: Annotated[int, Seconds(1)] = _POLICY.restore_timeout_seconds
    """How long the old one may take to come back before a person is called: 1 s or
    more."""
    gates: Gates = Field(default_factory=Gates)
    """What must hold before it begins."""
    window: OpenHours | None = None
    """When it may begin; else at any time."""

    @model_validator(mode="after")
    def _is_a_plan(self) -> Self:
        try:
            self.policy()
        except ValueError as error:
            raise refused(str(error), at=("steps",), found=self._shares()) from error
        last = self.steps[-1].weight
        if last != ALL_TRAFFIC:
            at = ("steps", len(self.steps) - 1, "weight")
            raise refused("the last step has weight 100", at=at, found=f"{last}")
        return self

    def _shares(self) -> str:
        return f"weights {', '.join(str(step.weight) for step in self.steps)}"

    def policy(self) -> RolloutPolicy:
        """Return it as rollouts take it; raises ValueError where they would not."""
        judge = self.judge
        return RolloutPolicy(
            steps=tuple(Step(step.weight, step.bake) for step in self.steps),
            judge=JudgePolicy(
                max_failure_percent=judge.max_failure_percent,
                max_increase_percent=judge.max_increase_percent,
                min_requests=judge.min_requests,
                warmup_seconds=judge.warmup,
                metric_lateness_seconds=judge.metric_lateness,
            ),
            look_seconds=self.look,
            max_task_failures=self.max_task_failures,
            supersede=self.supersede,
            launch_timeout_seconds=self.launch_timeout,
            hold_seconds=self.hold,
            retire_delay_seconds=self.retire_delay,
            restore_timeout_seconds=self.restore_timeout,
        )


# ----------------------------------------------------- the whole


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
            _count,
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
    """Tags of what is made for the service. At most 45, values at most 256
    characters."""


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
