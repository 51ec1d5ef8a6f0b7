"""Quotas of AWS that an environment can outgrow, and who makes a service-linked role.

What stands in manifests is bounded when they are read. What is bounded here is what
others have taken as well, and what an account had raised.
"""

from dataclasses import dataclass

from slipway.domain.planning import Refusal
from slipway.domain.resources import Kind


@dataclass(frozen=True, slots=True)
class Quota:
    """A quota of one resource, as Service Quotas knows it."""

    service: str
    code: str
    what: str
    """What there is so many of."""
    default: int
    adjustable: bool = True


RULES = Quota("elasticloadbalancing", "L-7EED9B64", "rules", 100)
"""Of an Application Load Balancer, its default rules aside (load-balancer-limits)."""
GROUPS = Quota(
    "elasticloadbalancing", "L-822D1B1B", "target groups", 100, adjustable=False
)
"""Of an Application Load Balancer (load-balancer-limits)."""
PAIRS = Quota("vpc", "L-0EA8095F", "inbound rules", 60)
"""Of a security group, in each direction (amazon-vpc-limits)."""
INSTANCES = Quota("AWSCloudMap", "L-D95E8A57", "instances", 2000)
"""Of a namespace (cloud-map-limits)."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a load balancer has, whoever made it: ARNs."""

    rules: frozenset[str]
    groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class Demand:
    """How many of something one resource is to have, all things told."""

    quota: Quota
    kind: Kind
    name: str
    count: int
    instead: str
    """What to do beside raising the quota."""

    @property
    def is_usual(self) -> bool:
        """Whether every account has room for it."""
        return self.count <= self.quota.default


def refused(demand: Demand, applied: int | None) -> Refusal | None:
    """Say what is over; `applied` is this account's value, None where not known."""
    quota = demand.quota
    limit = quota.default if applied is None else applied
    if demand.count <= limit:
        return None
    raised = f", or have quota {quota.code} of {quota.service} raised"
    return Refusal(
        demand.kind,
        demand.name,
        f"it would have {demand.count} {quota.what}, and may have {limit} in this "
        f"account: {demand.instead}{raised if quota.adjustable else ''}",
    )


@dataclass(frozen=True, slots=True)
class LinkedRole:
    """A role by which an AWS service acts in the account."""

    name: str
    service: str
    """Whose role it is, as AWS names services to IAM."""
    why: str

    @property
    def refusal(self) -> str:
        """Say that it is not there, and how it comes to be."""
        return (
            f"the account has no role {self.name}, by which {self.why}, and no "
            "function may make it. Make it once: aws iam create-service-linked-role "
            f"--aws-service-name {self.service}"
        )


ECS_ROLE = LinkedRole(
    "AWSServiceRoleForECS",
    "ecs.amazonaws.com",
    "ECS attaches tasks to networks and load balancers",
)
"""ECS guide, using-service-linked-roles-for-clusters."""
ELB_ROLE = LinkedRole(
    "AWSServiceRoleForElasticLoadBalancing",
    "elasticloadbalancing.amazonaws.com",
    "load balancers get their network interfaces",
)
"""Elastic Load Balancing user guide, elb-service-linked-roles."""
SCALING_ROLE = LinkedRole(
    "AWSServiceRoleForApplicationAutoScaling_ECSService",
    "ecs.application-autoscaling.amazonaws.com",
    "Application Auto Scaling changes services' counts",
)
"""Application Auto Scaling user guide,
application-auto-scaling-service-linked-roles."""
LINKED_ROLES = {
    Kind.CLUSTER: ECS_ROLE,
    Kind.LOAD_BALANCER: ELB_ROLE,
    Kind.ECS_SERVICE: ECS_ROLE,
    Kind.SCALABLE_TARGET: SCALING_ROLE,
}
"""Whose role is needed before the first of a kind is made."""
