"""environment.yaml: what services share, and what they start from."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from slipway.manifests.containers import Retention
from slipway.manifests.fields import (
    Domains,
    Flag,
    Name,
    Port,
    Section,
    Shorthand,
    SubnetId,
    Tags,
    Words,
    as_written,
    once,
    refused,
)
from slipway.manifests.service import Defaults

CLASSIC = (
    "application or network: a Classic Load Balancer sends to instances, "
    "and a Fargate task is not one, it has an address of its own"
)
GATEWAY = (
    "application or network: a Gateway Load Balancer sends raw packets to appliances, "
    "and services whose tasks have addresses of their own, as on Fargate, cannot be "
    "behind one"
)
"""Services in network mode awsvpc take ALB and NLB only (API_LoadBalancer)."""


def _kind(value: Any) -> Any:
    refusals = {"classic": CLASSIC, "gateway": GATEWAY}
    if isinstance(value, str) and value in refusals:
        raise refused(refusals[value])
    return value


def _balancer(arn: str) -> str:
    path = arn.rsplit(":", 1)[1].split("/")
    if path[1] == "gwy":
        raise refused(GATEWAY)
    if path[1] not in {"app", "net"}:
        raise refused(CLASSIC)
    return arn


def _brief_name(value: object) -> object:
    name = as_written(value)
    return None if name is None else {"name": name}


class Cluster(Section):
    """An ECS cluster."""

    name: Annotated[
        str,
        Words(
            "[A-Za-z][A-Za-z0-9_-]{0,254}",
            "a cluster's name: letters, digits, - and _, at most 255",
        ),
    ]
    """Its name."""
    create: Flag = False
    """Whether Slipway makes it. Else it exists, and is only referred to."""


class Namespace(Section):
    """A Cloud Map namespace, in which services find each other."""

    name: Annotated[
        str,
        Words(
            r"[a-z0-9][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)*",
            "a domain name in lower case, such as shop.internal",
            253,
        ),
    ]
    """Its name; with `type: dns` also the domain that services are found in."""
    type: Literal["dns", "http"] = "dns"
    """`dns` answers by DNS in the VPC and by API, `http` by API alone."""
    create: Flag = False
    """Whether Slipway makes it. Else it exists, and is only referred to."""


class NewCertificate(Section):
    """What a certificate is made for."""

    domain: Annotated[
        str,
        Words(
            r"(\*\.)?[a-z0-9][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)+",
            "a domain name in lower case, such as shop.example or *.shop.example",
            64,
        ),
    ]
    """The domain it names first: at most 64 characters. Other domains need another
    name, too: ACM changes none in a certificate."""
    alternatives: Domains | None = None
    """Other domains it holds for, in the same zone."""
    hosted_zone: Annotated[
        str, Words("Z[A-Z0-9]{1,31}", "a hosted zone's id such as Z0873220N255IR3MTNR4")
    ]
    """The public Route 53 zone in which the domains are proved."""


class Certificate(Section):
    """A certificate of ACM: `arn` refers to one, `create` makes one."""

    arn: (
        Annotated[
            str,
            Words(
                r"arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[0-9a-z-]+",
                "the ARN of a certificate in ACM",
            ),
        ]
        | None
    ) = None
    """The certificate that there is."""
    create: NewCertificate | None = None
    """The certificate that Slipway makes."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.arn is None) is (self.create is None):
            raise refused("one of arn and create")
        return self


class Listener(Section):
    """A port on which an Application Load Balancer listens."""

    port: Port
    """1 to 65535."""
    protocol: Literal["http", "https"] = "http"
    """`https` is what gRPC and HTTP/2 to the tasks need."""
    certificates: Annotated[tuple[Name, ...], AfterValidator(once)] = ()
    """Names from `certificates`, for `https`; the first is the default."""

    @model_validator(mode="after")
    def _has_certificates_for_tls(self) -> Self:
        if self.certificates and self.protocol == "http":
            raise refused("certificates go with protocol https", at=("certificates",))
        return self


class LoadBalancer(Section):
    """A load balancer: `arn` refers to one, `create: true` makes one."""

    type: Annotated[Literal["application", "network"], BeforeValidator(_kind)] = (
        "application"
    )
    """`application` or `network`. A Classic or Gateway Load Balancer cannot carry
    Fargate tasks."""
    scheme: Literal["internet-facing", "internal"]
    """Who can reach it: everybody, or the VPC."""
    arn: (
        Annotated[
            str,
            Words(
                r"arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:\d{12}:loadbalancer/\S+",
                "the ARN of a load balancer",
            ),
            AfterValidator(_balancer),
        ]
        | None
    ) = None
    """The load balancer that there is."""
    create: Flag = False
    """Whether Slipway makes it."""
    subnets: Annotated[tuple[SubnetId, ...], AfterValidator(once)] = ()
    """Where it stands, if it is made; else the environment's subnets."""
    listeners: tuple[Listener, ...] = ()
    """The ports of an Application Load Balancer. Those of a Network Load Balancer are
    the services' own, by `nlb.port`."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.create is (self.arn is not None):
            raise refused("one of arn and create: true")
        if self.arn is not None:
            family = {"application": "app", "network": "net"}[self.type]
            if f":loadbalancer/{family}/" not in self.arn:
                raise refused(f"the ARN of a load balancer of type {self.type}")
            if self.subnets:
                raise refused(
                    "subnets go with create: true; one that exists has its own",
                    at=("subnets",),
                )
        if self.type == "application":
            self._is_application()
        elif self.listeners:
            raise refused(
                "a Network Load Balancer's ports are the services' own: "
                "give them as nlb.port there",
                at=("listeners",),
            )
        return self

    def _is_application(self) -> None:
        if not self.listeners:
            raise refused(
                "an Application Load Balancer has a listener", at=("listeners",)
            )
        ports = [listener.port for listener in self.listeners]
        for number, listener in enumerate(self.listeners):
            if listener.port in ports[:number]:
                raise refused(
                    "each port has one listener", at=("listeners", number, "port")
                )
            needs = self.create and listener.protocol == "https"
            if needs and not listener.certificates:
                raise refused(
                    "an https listener that is made has certificates",
                    at=("listeners", number, "certificates"),
                )


class LogGroup(Section):
    """The CloudWatch log group that services write to unless they say otherwise."""

    name: Annotated[
        str,
        Words(r"[A-Za-z0-9_/.#-]+", "a log group's name such as /shop/dev", 512),
    ]
    """Its name."""
    create: Flag = False
    """Whether Slipway makes it. Else it exists, and is only referred to."""
    retention: Retention = 30
    """How many days entries are kept in it, if it is made: 1 to 3653, of the numbers
    that CloudWatch Logs takes."""


class Environment(Section):
    """One VPC, one cluster, its load balancers: where services run."""

    name: Annotated[
        str,
        Words(
            r"[a-z][a-z0-9]*(-[a-z0-9]+)*",
            "lower-case letters, digits and single hyphens, beginning with a letter",
            20,
        ),
    ]
    """Its name, such as dev or prod: that of Slipway's stack. At most 20 characters;
    with a service's name it has at most 29, for both are in target groups' names."""
    account: Annotated[str, Words(r"\d{12}", "an AWS account's 12 digits")]
    """The AWS account."""
    region: Annotated[
        str, Words(r"[a-z]{2}(-[a-z]+)+-\d", "an AWS region such as eu-west-1")
    ]
    """The AWS region."""
    vpc: Annotated[
        str, Words("vpc-[0-9a-f]{8,17}", "a VPC's id such as vpc-0a1b2c3d4e5f60718")
    ]
    """The VPC. It exists."""
    subnets: Annotated[
        tuple[SubnetId, ...], Field(min_length=2, max_length=16), AfterValidator(once)
    ]
    """The private subnets in which tasks run: 2 to 16, in two zones or more."""
    cluster: Annotated[
        Cluster,
        Shorthand(
            _brief_name, {"type": "string"}, "a cluster's name, or keys (name, create)"
        ),
    ]
    """The ECS cluster."""
    load_balancers: dict[Name, LoadBalancer] = Field(default_factory=dict)
    """Load balancers by the names that services call them."""
    certificates: dict[Name, Certificate] = Field(default_factory=dict)
    """Certificates by the names that listeners call them."""
    capacity_providers: Annotated[
        tuple[Literal["FARGATE", "FARGATE_SPOT"], ...],
        Field(min_length=1),
        AfterValidator(once),
    ] = ("FARGATE",)
    """Where tasks get capacity. FARGATE_SPOT is what services with a share of Spot
    need."""
    namespace: Annotated[
        Namespace | None,
        Shorthand(
            _brief_name,
            {"type": "string"},
            "a namespace's name, or keys (name, type, create)",
        ),
    ] = None
    """The Cloud Map namespace, in which services without a load balancer are found."""
    log_group: Annotated[
        LogGroup | None,
        Shorthand(
            _brief_name,
            {"type": "string"},
            "a log group's name, or keys (name, create, retention)",
        ),
    ] = None
    """Where services write their logs, unless they name a group of their own."""
    defaults: Defaults = Field(default_factory=Defaults)
    """What each service starts from: its own keys are laid over these."""
    tags: Tags = Field(default_factory=dict)
    """Tags of everything that Slipway makes. At most 45, values at most 256 characters.
    One that goes from here stays on what is there."""
