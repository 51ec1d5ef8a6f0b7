"""Whether a service can be adopted and go on as it does; if not, what to do."""

from collections.abc import Iterator, Mapping
from typing import Any

from slipway.domain.resources import ENVIRONMENT_TAG

from slipway_cli.adoption.live import Group, Live, Rule

STACK_TAG = "aws:cloudformation:stack-name"
USUAL_ATTRIBUTES: Mapping[str, str] = {
    "stickiness.enabled": "false",
    "slow_start.duration_seconds": "0",
    "load_balancing.algorithm.type": "round_robin",
}
"""What a target group has that nobody changed (ELB, target group attributes)."""
MOST_GROUPS = 4
"""Security groups beside a service's own: AWS takes 5."""
CONDITIONS = frozenset({"host-header", "path-pattern", "http-header"})
TARGET_TRACKING = "TargetTrackingScaling"


def refusals(live: Live, environment: str, *, forced: bool) -> list[str]:
    """Say everything that cannot be kept safe; `forced` lets stacks be overruled."""
    return [
        *_service(live, environment),
        *_tasks(live),
        *_network(live.service),
        *(why for group in live.groups for why in _group(group)),
        *(why for rule in live.rules for why in _rule(rule, live)),
        *_scaling(live),
        *([] if forced else _stacks(live)),
    ]


def _service(live: Live, environment: str) -> Iterator[str]:
    service = live.service
    owner = live.tags.get(ENVIRONMENT_TAG, environment)
    if owner != environment:
        yield f"it belongs to Slipway's environment {owner}: release it there first"
    controller = service.get("deploymentController", {}).get("type", "ECS")
    if controller != "ECS":
        yield (
            f"its deployments are {controller}'s: Slipway works with ECS's own rolling "
            "controller, which a service can be made anew with and no other way"
        )
    settings = service.get("deploymentConfiguration", {})
    strategy = settings.get("strategy", "ROLLING")
    if strategy != "ROLLING":
        yield f"its deployment strategy is {strategy}: set it to ROLLING first"
    if any(
        one.get("serviceConnectConfiguration", {}).get("enabled")
        for one in service["deployments"]
    ):
        yield (
            "it uses Service Connect, which sends requests past load balancers' "
            "weights: turn it off, and let callers use a load balancer or the registry"
        )


def _tasks(live: Live) -> Iterator[str]:
    service, running = live.service, live.running
    if service.get("schedulingStrategy", "REPLICA") != "REPLICA":
        yield "it runs as a daemon: Slipway counts tasks"
    kind = service.get("launchType", "FARGATE")
    providers = [s["capacityProvider"] for s in _strategy(service)]
    foreign = sorted({*providers} - {"FARGATE", "FARGATE_SPOT"})
    if kind != "FARGATE" or foreign:
        yield f"it runs on {', '.join(foreign) or kind}: Slipway runs tasks on Fargate"
    if live.running.definition.get("networkMode") != "awsvpc":
        yield "its network mode is not awsvpc, which Fargate has alone"
    if not running.is_steady:
        yield (
            f"it is not steady: {service['runningCount']} of "
            f"{service['desiredCount']} tasks run, in {len(service['deployments'])} "
            "deployments; wait until it is, or repair it first"
        )
    for key, what in (
        ("vpcLatticeConfigurations", "VPC Lattice"),
        ("volumeConfigurations", "EBS volumes"),
    ):
        if any(one.get(key) for one in (service, *service["deployments"])):
            yield f"it has {what}, which manifests cannot describe"


def _strategy(service: Mapping[str, Any]) -> list[Any]:
    return list(service.get("capacityProviderStrategy", []))


def _network(service: Mapping[str, Any]) -> Iterator[str]:
    network = service.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
    if network.get("assignPublicIp") == "ENABLED":
        yield (
            "its tasks have public addresses, and those of Slipway's releases have "
            "none: give their subnets a NAT gateway or endpoints, and turn it off"
        )
    if len(network.get("securityGroups", ())) > MOST_GROUPS:
        yield (
            f"it has {len(network['securityGroups'])} security groups: one more is the "
            f"service's own, and AWS takes 5; merge them to {MOST_GROUPS}"
        )
    if any("loadBalancerName" in one for one in service.get("loadBalancers", ())):
        yield (
            "a Classic Load Balancer is before it, which cannot carry Fargate tasks: "
            "put an Application Load Balancer there"
        )


def _group(group: Group) -> Iterator[str]:
    facts, name = group.facts, f"target group {group.name}"
    if facts["TargetType"] != "ip":
        yield f"{name} is of type {facts['TargetType']}: Fargate's tasks need type ip"
    if facts["Protocol"] != "HTTP":
        yield (
            f"{name} speaks {facts['Protocol']} to its targets: Slipway adopts what an "
            "Application Load Balancer reaches by HTTP"
        )
    if facts.get("HealthCheckProtocol", "HTTP") != "HTTP":
        yield f"{name} checks by {facts['HealthCheckProtocol']}: let it check by HTTP"
    for key, usual in USUAL_ATTRIBUTES.items():
        value = group.attributes.get(key, usual)
        if value != usual:
            yield (
                f"{name} has {key} {value}, which the other slot's group would not "
                f"have: set it to {usual}"
            )
    if not facts["LoadBalancerArns"]:
        yield f"{name} has no load balancer: take it out of the service, or attach it"


def _rule(rule: Rule, live: Live) -> Iterator[str]:
    what = (
        f"the default of listener {rule.port}"
        if rule.is_default
        else (f"rule {rule.facts['Priority']} of listener {rule.port}")
    )
    own = {group.arn for group in live.groups}
    others = sorted(rule.groups - own)
    known = rule.tags.get(ENVIRONMENT_TAG)
    if (others or len(rule.groups & own) > 1) and known is None:
        names = ", ".join(arn.split("/")[1] for arn in sorted(rule.groups))
        yield (
            f"{what} shares its requests among {names}: give them to one group, for "
            "Slipway moves all of them between two slots"
        )
    for condition in rule.facts.get("Conditions", ()):
        if condition["Field"] not in CONDITIONS:
            yield (
                f"{what} asks for {condition['Field']}: manifests know hosts, paths "
                "and headers"
            )


def _scaling(live: Live) -> Iterator[str]:
    for name in live.scheduled:
        yield f"scheduled action {name} sizes it: write it into count.schedule later"
    seen: dict[str, str] = {}
    for policy in live.policies:
        name = policy["PolicyName"]
        config = policy.get("TargetTrackingScalingPolicyConfiguration", {})
        metric = config.get("PredefinedMetricSpecification", {}).get(
            "PredefinedMetricType"
        )
        if policy["PolicyType"] != TARGET_TRACKING or metric is None:
            yield (
                f"scaling policy {name} is none of CPU, memory or requests per target "
                "kept at a value, which manifests know: put one of these in its place"
            )
        elif config.get("DisableScaleIn"):
            yield f"scaling policy {name} never scales in: let it, or remove it"
        elif metric in seen and not _is_ours(name, live):
            yield f"scaling policies {seen[metric]} and {name} go by one metric"
        elif metric is not None and not _is_ours(name, live):
            seen[metric] = name


def _is_ours(policy: str, live: Live) -> bool:
    return policy.startswith(f"{live.name}-") and ENVIRONMENT_TAG in live.tags


def _stacks(live: Live) -> Iterator[str]:
    """Say which stacks would write over what Slipway does."""
    tagged = [
        (f"ECS service {live.name}", live.tags),
        *((f"target group {one.name}", one.tags) for one in live.groups),
        *((f"rule {one.facts['Priority']}", one.tags) for one in live.rules),
    ]
    for what, tags in tagged:
        if STACK_TAG in tags:
            yield (
                f"{what} is the stack {tags[STACK_TAG]}'s, whose next update would "
                "undo what Slipway does: take it out of the stack with a "
                "DeletionPolicy of Retain, or say --force"
            )
