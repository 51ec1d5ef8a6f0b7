"""What an ECS service is made of, as AWS shows it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway.domain.adoption import Running
from slipway.domain.resources import NAME_TAG
from slipway.errors import NotFound
from slipway.gateways.autoscaling_resources import DIMENSION
from slipway.gateways.ecs_running import RunningServices
from slipway.gateways.elbv2 import shares_of
from slipway.gateways.elbv2_kept import TAGS_EACH
from slipway.gateways.failures import translated
from slipway.gateways.tags import in_parts, read
from slipway.provision.bindings import PARKING

type Clients = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Group:
    """A target group that the service's tasks are in."""

    arn: str
    name: str
    facts: Mapping[str, Any]
    """As DescribeTargetGroups has it."""
    attributes: Mapping[str, str]
    tags: Mapping[str, str]
    container: str
    """Whose port is registered."""
    port: int


@dataclass(frozen=True, slots=True)
class Rule:
    """A listener's rule, or its default, that sends requests to a group."""

    arn: str
    listener_arn: str
    balancer_arn: str
    port: int
    """The listener's."""
    facts: Mapping[str, Any]
    """As DescribeRules has it."""
    tags: Mapping[str, str]

    @property
    def is_default(self) -> bool:
        """Whether it is what a listener does where no rule matches."""
        return bool(self.facts["IsDefault"])

    @property
    def groups(self) -> frozenset[str]:
        """The ARNs of all groups that it sends requests to."""
        return frozenset(shares_of(self.facts["Actions"]))


@dataclass(frozen=True, slots=True)
class Live:
    """One ECS service with all that belongs to it."""

    name: str
    service: Mapping[str, Any]
    """As DescribeServices has it."""
    tags: Mapping[str, str]
    running: Running
    groups: tuple[Group, ...]
    rules: tuple[Rule, ...]
    """In the order of groups; defaults last."""
    target: Mapping[str, Any] | None
    """Its scalable target."""
    policies: tuple[Mapping[str, Any], ...]
    scheduled: tuple[str, ...]
    """Names of its scheduled actions."""

    @property
    def container(self) -> str:
        """The container whose port is registered, else the first essential one."""
        if self.groups:
            return self.groups[0].container
        containers = self.running.definition["containerDefinitions"]
        essential = (c for c in containers if c.get("essential", True))
        return str(next(essential)["name"])


def look(clients: Clients, cluster: str, name: str) -> Live:
    """Read a service and all that belongs to it; raise NotFound where it is gone."""
    ecs = clients("ecs")
    with translated(f"DescribeServices {name}"):
        answer = ecs.describe_services(
            cluster=cluster, services=[name], include=["TAGS"]
        )
    active = [one for one in answer["services"] if one["status"] == "ACTIVE"]
    if not active:
        raise NotFound(f"cluster {cluster} has no active service {name}")
    (service,) = active
    groups = tuple(_groups(clients("elbv2"), service.get("loadBalancers", [])))
    target, policies, scheduled = _scaling(
        clients("application-autoscaling"), f"service/{cluster}/{name}"
    )
    return Live(
        name,
        service,
        read(service.get("tags", [])),
        RunningServices(ecs, cluster).running(name),
        groups,
        tuple(_rules(clients("elbv2"), groups)),
        target,
        policies,
        scheduled,
    )


def _groups(elb: Any, bindings: Sequence[Mapping[str, Any]]) -> Iterator[Group]:
    by_arn = {one["targetGroupArn"]: one for one in bindings if "targetGroupArn" in one}
    if not by_arn:
        return
    with translated("DescribeTargetGroups"):
        answer = elb.describe_target_groups(TargetGroupArns=list(by_arn))
    labels = _tags(elb, list(by_arn))
    for one in answer["TargetGroups"]:
        arn = one["TargetGroupArn"]
        with translated(f"DescribeTargetGroupAttributes {arn}"):
            attributes = elb.describe_target_group_attributes(TargetGroupArn=arn)
        yield Group(
            arn,
            one["TargetGroupName"],
            one,
            read(attributes["Attributes"]),
            labels[arn],
            by_arn[arn]["containerName"],
            by_arn[arn]["containerPort"],
        )


def _rules(elb: Any, groups: Sequence[Group]) -> list[Rule]:
    order = {group.arn: number for number, group in enumerate(groups)}
    there: list[tuple[Any, Any]] = []
    balancers = dict.fromkeys(
        arn for group in groups for arn in group.facts["LoadBalancerArns"]
    )
    for balancer in balancers:
        with translated(f"DescribeListeners {balancer}"):
            listeners = [
                listener
                for page in elb.get_paginator("describe_listeners").paginate(
                    LoadBalancerArn=balancer
                )
                for listener in page["Listeners"]
            ]
        for listener in listeners:
            with translated(f"DescribeRules {listener['ListenerArn']}"):
                pages = elb.get_paginator("describe_rules").paginate(
                    ListenerArn=listener["ListenerArn"]
                )
                there += [(listener, rule) for page in pages for rule in page["Rules"]]
    mine = [one for one in there if shares_of(one[1]["Actions"]).keys() & order.keys()]
    own = [rule["RuleArn"] for _, rule in mine if not rule["IsDefault"]]
    labels = _tags(elb, own)
    rules = [
        Rule(
            rule["RuleArn"],
            listener["ListenerArn"],
            listener["LoadBalancerArn"],
            listener["Port"],
            rule,
            labels.get(rule["RuleArn"], {}),
        )
        for listener, rule in mine
    ]
    return sorted(
        # An adoption that is gone on with finds those that Slipway has made since.
        (one for one in rules if not one.tags.get(NAME_TAG, "").endswith(PARKING)),
        key=lambda one: (
            one.is_default,
            min(order[group] for group in one.groups & order.keys()),
            one.port,
            one.arn,
        ),
    )


def _tags(elb: Any, arns: Sequence[str]) -> dict[str, dict[str, str]]:
    found = {}
    for part in in_parts(arns, TAGS_EACH):
        with translated(f"DescribeTags of {len(part)} resources"):
            answer = elb.describe_tags(ResourceArns=part)
        for one in answer["TagDescriptions"]:
            found[one["ResourceArn"]] = read(one["Tags"])
    return found


def _scaling(
    scaling: Any, resource: str
) -> tuple[Mapping[str, Any] | None, tuple[Mapping[str, Any], ...], tuple[str, ...]]:
    with translated(f"DescribeScalableTargets {resource}"):
        answer = scaling.describe_scalable_targets(ResourceIds=[resource], **DIMENSION)
        policies = scaling.describe_scaling_policies(ResourceId=resource, **DIMENSION)
        actions = scaling.describe_scheduled_actions(ResourceId=resource, **DIMENSION)
    return (
        next(iter(answer["ScalableTargets"]), None),
        tuple(policies["ScalingPolicies"]),
        tuple(one["ScheduledActionName"] for one in actions["ScheduledActions"]),
    )
