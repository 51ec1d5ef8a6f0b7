"""What the stored load balancer records say about requests: rules, weights, groups.

The records are moto's; this module reads them and writes nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from moto.elbv2.models import elbv2_backends

from localcloud.api import ACCOUNT, REGION, AwsError, NotModelled
from localcloud.seams import ListenerView, RuleView


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A target group's settings that decide its targets' health. Times in seconds."""

    path: str | None
    """None where it is enough that a target can be connected to."""
    interval_seconds: float
    timeout_seconds: float
    healthy_threshold: int
    unhealthy_threshold: int


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """One target group as stored."""

    arn: str
    port: int
    health_check: HealthCheck
    deregistration_delay_seconds: float


def target_group(arn: str) -> TargetGroup:
    """Return a target group; raise TargetGroupNotFound where there is none."""
    stored = _records().target_groups.get(arn)
    if stored is None:
        raise AwsError(
            "TargetGroupNotFound", f"One or more target groups not found: {arn}"
        )
    if stored.target_type != "ip" or stored.protocol not in {"HTTP", "TCP", "TLS"}:
        raise NotModelled(f"target group of {stored.target_type}, {stored.protocol}")
    zones = stored.attributes.get("load_balancing.cross_zone.enabled")
    if stored.protocol != "HTTP" and zones != "true":
        # Each node would send to targets in its own zone alone (user guide for Network
        # Load Balancers, edit-target-group-attributes).
        raise NotModelled("network target groups without cross-zone load balancing")
    asks = stored.health_check_protocol != "TCP"
    return TargetGroup(
        arn=arn,
        port=int(stored.port),
        health_check=HealthCheck(
            path=(stored.health_check_path or "/") if asks else None,
            interval_seconds=float(stored.health_check_interval_seconds),
            timeout_seconds=float(stored.health_check_timeout_seconds),
            healthy_threshold=int(stored.healthy_threshold_count),
            unhealthy_threshold=int(stored.unhealthy_threshold_count),
        ),
        deregistration_delay_seconds=float(
            stored.attributes["deregistration_delay.timeout_seconds"]
        ),
    )


def target_groups() -> tuple[str, ...]:
    """Return the ARNs of all target groups."""
    return tuple(_records().target_groups)


def listeners() -> tuple[ListenerView, ...]:
    """Return every listener with its rules in order of priority, the default last."""
    return tuple(
        ListenerView(
            listener_arn=str(listener.arn),
            load_balancer=dimension(str(balancer.arn)),
            port=int(listener.port),
            rules=tuple(_rule(rule) for rule in _in_order(listener)),
        )
        for balancer in _records().load_balancers.values()
        for listener in balancer.listeners.values()
    )


def attached() -> frozenset[str]:
    """Return the target groups that any rule names, at whatever weight."""
    return frozenset(
        arn
        for listener in listeners()
        for rule in listener.rules
        for arn in rule.weights
    )


def rule(rule_arn: str) -> RuleView | None:
    """Return a rule as stored, default rules included."""
    return next(
        (r for view in listeners() for r in view.rules if r.rule_arn == rule_arn), None
    )


def carrier(listener_arn: str, rule_arn: str | None) -> RuleView | None:
    """Return what has a binding's weights: its rule or its listener's default."""
    if rule_arn is not None:
        return rule(rule_arn)
    found = (v.rules[-1] for v in listeners() if v.listener_arn == listener_arn)
    return next(found, None)


def weights(actions: list[dict[str, Any]]) -> Mapping[str, int]:
    """Return the weight of each target group that a rule's actions forward to.

    A single target group has the weight 1 (ELB API reference, TargetGroupTuple). Where
    both ways of writing are present, ForwardConfig counts.
    """
    for action in actions:
        if action["Type"] != "forward":
            continue
        if "ForwardConfig" in action:
            tuples = action["ForwardConfig"].get("TargetGroups", [])
            return {t["TargetGroupArn"]: int(t.get("Weight", 1)) for t in tuples}
        return {action["TargetGroupArn"]: 1}
    return {}


def sticky_seconds(actions: list[dict[str, Any]]) -> int:
    """Return how long a client stays with a group that it was forwarded to, else 0.

    On a network listener, where no time is given, this is not modelled: connections
    are.
    """
    for action in actions:
        config = action.get("ForwardConfig", {})
        stay = config.get("TargetGroupStickinessConfig", {})
        if action["Type"] == "forward" and stay.get("Enabled"):
            return int(stay.get("DurationSeconds", 0))
    return 0


def dimension(arn: str) -> str:
    """Return a metric dimension: app/NAME/ID, net/NAME/ID, targetgroup/NAME/ID."""
    resource = arn.split(":", 5)[5]
    return resource.removeprefix("loadbalancer/")


def _records() -> Any:
    return elbv2_backends[ACCOUNT][REGION]


def _in_order(listener: Any) -> Iterator[Any]:
    stored = list(listener.rules.values())
    numbered = [r for r in stored if not r.is_default]
    yield from sorted(numbered, key=lambda r: int(r.priority))
    yield from (r for r in stored if r.is_default)


def _rule(stored: Any) -> RuleView:
    actions = [action.data for action in stored.actions]
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    for condition in stored.conditions:
        match condition["Field"]:
            case "host-header":
                hosts = _values(condition, "HostHeaderConfig")
            case "path-pattern":
                paths = _values(condition, "PathPatternConfig")
            case other:
                raise NotModelled(f"listener rule condition {other}")
    return RuleView(
        rule_arn=str(stored.arn),
        hosts=hosts,
        paths=paths,
        weights=weights(actions),
        fixed_status=_fixed_status(actions),
        sticky_seconds=sticky_seconds(actions),
    )


def _values(condition: Mapping[str, Any], config: str) -> tuple[str, ...]:
    return tuple(condition.get("Values") or condition[config]["Values"])


def _fixed_status(actions: list[dict[str, Any]]) -> int | None:
    for action in actions:
        match action["Type"]:
            case "fixed-response":
                return int(action["FixedResponseConfig"]["StatusCode"])
            case "forward" | "authenticate-cognito" | "authenticate-oidc":
                pass  # all requests come from users who have signed in
            case other:
                raise NotModelled(f"listener rule action {other}")
    return None
