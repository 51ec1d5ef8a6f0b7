"""How a service is reached from load balancers, and how these ask its tasks."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from slipway.manifests.fields import (
    Flag,
    FreeText,
    Hosts,
    Name,
    Port,
    Seconds,
    Section,
    Shorthand,
    Whole,
    Words,
    as_written,
    once,
    refused,
)


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
    """Whether clients stay with a release, though not with a task, while two of them
    serve. Shares then follow weights late."""

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
    """How the load balancer asks tasks: by HTTP where the service speaks http, or where
    path and port say what does; else it only connects."""
    deregistration_delay: Delay = 60
    """How long a task that leaves may finish its connections: 0 to 3600 s. Those that
    last longer end with the task."""

    @property
    def number(self) -> int:
        """The port alone."""
        return int(self.port.split("/")[0])

    @property
    def is_tls(self) -> bool:
        """Whether the load balancer ends TLS."""
        return self.port.endswith("/tls")

    def target_protocol(self, protocol: str) -> str:
        """Return what it speaks to tasks that speak `protocol`.

        It opens TLS to tasks only where it ended that of clients, else it passes TLS
        on unread (load-balancer-listeners of Network Load Balancers).
        """
        return "TLS" if self.is_tls and protocol == "tls" else "TCP"

    def asks_by_http(self, protocol: str) -> bool:
        """Whether it asks tasks by HTTP, or only whether it can connect."""
        given = self.healthcheck.model_fields_set
        return protocol == "http" or {"path", "port"} <= given

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
