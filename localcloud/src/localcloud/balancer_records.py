"""Where moto's load balancer records differ from Elastic Load Balancing's.

Making something again that is there, tags, and priorities that change places. Pages
are of the Elastic Load Balancing API reference, version 2015-12-01. What moto does as
AWS does stays moto's: a taken priority, a target group in use, health check settings.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from moto.elbv2.models import elbv2_backends

from localcloud import network_balancers
from localcloud.api import ACCOUNT, REGION, STORED, AwsError, Router, only

_TAGGED_PER_CALL = 20
_LONGEST_STAY_SECONDS = 604800
_MISSING = {
    "targetgroup": "TargetGroupNotFound",
    "loadbalancer": "LoadBalancerNotFound",
    "listener": "ListenerNotFound",
    "listener-rule": "RuleNotFound",
}


class BalancerRecords:
    """Stands before moto's load balancers, listeners, rules and target groups."""

    def __init__(self, router: Router) -> None:
        self._made: dict[str, dict[str, Any]] = {}
        """What load balancers, groups and listeners were made of, by ARN."""
        router.serve(
            "elbv2",
            {
                "CreateTargetGroup": self._create_group,
                "CreateLoadBalancer": self._create_balancer,
                "CreateListener": self._create_listener,
                "SetRulePriorities": _set_priorities,
            },
        )
        for operation in ("CreateRule", "ModifyRule"):
            router.serve("elbv2", {operation: _check_stickiness})
        for operation in ("DescribeTags", "AddTags", "RemoveTags"):
            router.serve("elbv2", {operation: _check_tagged})
        router.after("elbv2", "CreateTargetGroup", self._note_group)
        router.after("elbv2", "CreateLoadBalancer", self._note_balancer)
        router.after("elbv2", "CreateListener", self._note_listener)
        router.after("elbv2", "ModifyListener", _attach_groups)
        router.after("elbv2", "ModifyRule", _attach_groups)

    def _create_group(self, params: dict[str, Any]) -> Mapping[str, Any]:
        """Make a group, or answer with the one of that name made of the same.

        CreateTargetGroup. Tags are not compared.
        """
        for group in _records().target_groups.values():
            if group.name == params["Name"]:
                if self._made.get(group.arn) != _settings(params):
                    raise AwsError(
                        "DuplicateTargetGroupName",
                        f"A target group with the same name '{group.name}' exists, "
                        "but with different settings",
                    )
                return {"TargetGroups": [_group_shape(group)]}
        return STORED

    def _create_balancer(self, params: dict[str, Any]) -> Mapping[str, Any]:
        """Make a load balancer, or answer with the one of that name made of the same.

        CreateLoadBalancer. Tags are not compared.
        """
        for balancer in _records().load_balancers.values():
            if balancer.name == params["Name"]:
                if self._made.get(balancer.arn) != _settings(params):
                    raise AwsError(
                        "DuplicateLoadBalancerName",
                        f"A load balancer with the same name '{balancer.name}' "
                        "exists, but with different settings",
                    )
                return {"LoadBalancers": [_balancer_shape(balancer)]}
        if params.get("Type") == "network":
            made = network_balancers.make(params)
            return {"LoadBalancers": [_balancer_shape(made)]}
        return STORED

    def _create_listener(self, params: dict[str, Any]) -> Mapping[str, Any]:
        """Make a listener; on a port that has one, answer with it if made of the same.

        CreateListener. Tags are not compared.
        """
        balancer = _records().load_balancers.get(params["LoadBalancerArn"])
        for listener in balancer.listeners.values() if balancer else ():
            if int(listener.port) == params["Port"]:
                if self._made.get(listener.arn) != _settings(params):
                    raise AwsError(
                        "DuplicateListener",
                        "A listener already exists on this port for this load balancer",
                    )
                return {"Listeners": [_listener_shape(listener)]}
        return STORED

    def _note_group(self, params: dict[str, Any]) -> None:
        self._note(_records().target_groups.values(), "Name", params)

    def _note_balancer(self, params: dict[str, Any]) -> None:
        self._note(_records().load_balancers.values(), "Name", params)

    def _note_listener(self, params: dict[str, Any]) -> None:
        balancer = _records().load_balancers[params["LoadBalancerArn"]]
        self._note(balancer.listeners.values(), "Port", params)

    def _note(self, records: Iterable[Any], by: str, params: dict[str, Any]) -> None:
        for record in records:
            if str(getattr(record, by.lower())) == str(params[by]):
                self._made.setdefault(record.arn, _settings(params))


def _check_stickiness(params: dict[str, Any]) -> Mapping[str, Any]:
    """Refuse to let clients stay with a group for no time, or for more than 7 days.

    TargetGroupStickinessConfig: the duration is required where it is enabled.
    """
    for action in params.get("Actions", ()):
        config = action.get("ForwardConfig", {})
        stay = config.get("TargetGroupStickinessConfig", {})
        seconds = int(stay.get("DurationSeconds", 0))
        if stay.get("Enabled") and not 1 <= seconds <= _LONGEST_STAY_SECONDS:
            raise AwsError(
                "ValidationError",
                "A target group stickiness duration must be between 1 and "
                f"{_LONGEST_STAY_SECONDS} seconds",
            )
    return STORED


def _attach_groups(params: dict[str, Any]) -> None:
    """Let groups know the load balancers that send them requests (TargetGroup).

    moto tells those of new listeners and rules alone.
    """
    del params
    for balancer in _records().load_balancers.values():
        for listener in balancer.listeners.values():
            for rule in listener.rules.values():
                for group in _forwarded_to(rule):
                    known = _records().target_groups[group].load_balancer_arns
                    if balancer.arn not in known:
                        known.append(balancer.arn)


def _forwarded_to(rule: Any) -> Iterable[str]:
    """Give the groups that a rule, or a listener's default, sends requests to."""
    for action in rule.actions:
        if action.data.get("Type") == "forward":
            config = action.data.get("ForwardConfig", {})
            alone = action.data.get("TargetGroupArn")
            shares = config.get("TargetGroups") or [{"TargetGroupArn": alone}]
            yield from (one["TargetGroupArn"] for one in shares)


def _check_tagged(params: dict[str, Any]) -> Mapping[str, Any]:
    """Refuse more than 20 resources, and those that are not there (DescribeTags).

    For AddTags and RemoveTags no bound is documented; what they name must be there.
    """
    names = params["ResourceArns"]
    if "TagKeys" not in params and "Tags" not in params:
        only(params, "ResourceArns")
        if len(names) > _TAGGED_PER_CALL:
            raise AwsError(
                "ValidationError",
                "Cannot have more than 20 resource descriptions",
            )
    known = set(_every_arn())
    for name in names:
        kind = name.split(":", 5)[-1].split("/", 1)[0]
        if kind in _MISSING and name not in known:
            raise AwsError(_MISSING[kind], f"'{name}' not found")
    return STORED


def _set_priorities(params: dict[str, Any]) -> Mapping[str, Any]:
    """Give rules other priorities, all at once: two may change places.

    SetRulePriorities; a priority that another rule keeps is refused.
    """
    only(params, "RulePriorities")
    wanted = {p["RuleArn"]: p["Priority"] for p in params["RulePriorities"]}
    rules = {
        rule.arn: (listener, rule)
        for balancer in _records().load_balancers.values()
        for listener in balancer.listeners.values()
        for rule in listener.rules.values()
        if not rule.is_default
    }
    missing = [name for name in wanted if name not in rules]
    if missing:
        raise AwsError("RuleNotFound", f"One or more rules not found: {missing[0]}")
    listeners = {rules[name][0].arn: rules[name][0] for name in wanted}
    for listener in listeners.values():
        after = [
            int(wanted.get(rule.arn, rule.priority))
            for rule in listener.rules.values()
            if not rule.is_default
        ]
        if len(set(after)) < len(after):
            raise AwsError("PriorityInUse", "The specified priority is in use.")
    for name, priority in wanted.items():
        rules[name][1].priority = priority
    return {"Rules": [_rule_shape(rules[name][1]) for name in wanted]}


# ----------------------------------------------------------------------------- records


def _records() -> Any:
    return elbv2_backends[ACCOUNT][REGION]


def _every_arn() -> Iterable[str]:
    yield from _records().target_groups
    for balancer in _records().load_balancers.values():
        yield balancer.arn
        for listener in balancer.listeners.values():
            yield listener.arn
            yield from (rule.arn for rule in listener.rules.values())


def _settings(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what something is made of, in a form to compare."""
    settings = {name: value for name, value in params.items() if name != "Tags"}
    for name in ("Subnets", "SecurityGroups"):
        if name in settings:
            settings[name] = sorted(settings[name])
    return settings


def _present(shape: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shape.items() if value is not None}


def _group_shape(group: Any) -> dict[str, Any]:
    return _present(
        {
            "TargetGroupArn": group.arn,
            "TargetGroupName": group.name,
            "Protocol": group.protocol,
            "ProtocolVersion": group.protocol_version,
            "Port": int(group.port),
            "VpcId": group.vpc_id,
            "TargetType": group.target_type,
            "IpAddressType": group.ip_address_type,
            "HealthCheckEnabled": group.health_check_enabled,
            "HealthCheckProtocol": group.health_check_protocol,
            "HealthCheckPort": group.health_check_port,
            "HealthCheckPath": group.health_check_path,
            "HealthCheckIntervalSeconds": int(group.health_check_interval_seconds),
            "HealthCheckTimeoutSeconds": int(group.health_check_timeout_seconds),
            "HealthyThresholdCount": int(group.healthy_threshold_count),
            "UnhealthyThresholdCount": int(group.unhealthy_threshold_count),
            "Matcher": getattr(group, "matcher", None),
            "LoadBalancerArns": sorted(set(group.load_balancer_arns)),
        }
    )


def _balancer_shape(balancer: Any) -> dict[str, Any]:
    return {
        "LoadBalancerArn": balancer.arn,
        "LoadBalancerName": balancer.name,
        "DNSName": balancer.dns_name,
        "CanonicalHostedZoneId": balancer.canonical_hosted_zone_id,
        "CreatedTime": balancer.created_time,
        "Scheme": balancer.scheme,
        "VpcId": balancer.vpc_id,
        "State": balancer.load_balancer_state,
        "Type": balancer.type,
        "AvailabilityZones": [
            {"ZoneName": subnet.availability_zone, "SubnetId": subnet.id}
            for subnet in balancer.subnets
        ],
        "SecurityGroups": list(balancer.security_groups or ()),
        "IpAddressType": balancer.ip_address_type,
    }


def _listener_shape(listener: Any) -> dict[str, Any]:
    return _present(
        {
            "ListenerArn": listener.arn,
            "LoadBalancerArn": listener.load_balancer_arn,
            "Port": int(listener.port),
            "Protocol": listener.protocol,
            "SslPolicy": listener.ssl_policy,
            "DefaultActions": [action.data for action in listener.default_actions],
            "AlpnPolicy": listener.alpn_policy,
            "Certificates": [{"CertificateArn": name} for name in listener.certificates]
            or None,
        }
    )


def _rule_shape(rule: Any) -> dict[str, Any]:
    return {
        "RuleArn": rule.arn,
        "Priority": str(rule.priority),
        "Conditions": rule.conditions,
        "Actions": [action.data for action in rule.actions],
        "IsDefault": False,
    }
