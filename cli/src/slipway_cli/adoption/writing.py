"""The manifest that says what an ECS service is already."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from slipway.domain.release import image_in
from slipway.gateways.elbv2 import sticky_seconds
from slipway.manifests.environment import Environment

from slipway_cli.adoption.live import Group, Live, Rule

_PROTOCOLS = {"HTTP1": "http", "HTTP2": "http2", "GRPC": "grpc"}
_METRICS = {
    "ECSServiceAverageCPUUtilization": "cpu_percentage",
    "ECSServiceAverageMemoryUtilization": "memory_percentage",
    "ALBRequestCountPerTarget": "requests",
}
_USUAL_STOP_SECONDS = 30
_USUAL_COOLDOWN_SECONDS = 300
"""What Application Auto Scaling takes for ECS where nothing is said
(API_TargetTrackingScalingPolicyConfiguration)."""
_USUAL_STORAGE_GIB = 20
_USUAL_DELAY = "300"
_USUAL_HEALTH = {"interval": 30, "timeout": 5, "retries": 3, "start_period": 0}
HEADER = """\
# Written by `slipway adopt`, from what runs. Releases are of this shape from now on:
# change what you like, all of it is explained in the manual of manifests. `adopted`
# stays until `slipway release-from` gives the service back.
"""


class CannotSay(ValueError):
    """Something for which manifests have no words, with what to do."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the service is called in manifests, and what live resources are there."""

    service: str
    balancers: Mapping[str, str]
    """The environment's load balancers, by ARN."""
    execution_role: str | None = None
    """Instead of the one that it has."""
    task_role: str | None = None


def manifest_of(live: Live, names: Names, environment: Environment) -> dict[str, Any]:
    """Return a service's manifest; raise CannotSay where there are no words for it."""
    own, sidecars = _containers(live)
    definition = live.running.definition
    port = _port(live, own)
    facts: dict[str, Any] = {
        "name": names.service,
        "image": {
            **_image(own, environment),
            **({} if port is None else {"port": port}),
            "protocol": _protocol(live),
            **_checked(own),
            **_awaited(own, live.container, names.service),
        },
        "entrypoint": own.get("entryPoint"),
        "command": own.get("command"),
        "cpu": int(definition["cpu"]),
        "memory": int(definition["memory"]),
        "platform": _platform(definition),
        "storage": _storage(definition, own),
        **_variables(own),
        "stop_timeout": own.get("stopTimeout"),
        "sidecars": {
            one["name"]: _sidecar(one, live.container, names.service)
            for one in sidecars
        },
        "logging": _logging(own, environment),
        "network": _network(live),
        "execution_role": _role(
            names.execution_role, definition, "executionRoleArn", environment
        ),
        "task_role": _role(names.task_role, definition, "taskRoleArn", environment),
        "count": _count(live),
        "http": _http(live, names, environment),
        "rollout": _rollout(live),
        "adopted": {
            "service": live.name,
            "container": live.container,
            "target_groups": [group.name for group, _ in bindings(live)],
        },
    }
    return {key: value for key, value in facts.items() if value not in (None, {}, [])}


def as_yaml(manifest: Mapping[str, Any]) -> str:
    """Return a manifest as a file."""
    return HEADER + yaml.safe_dump(dict(manifest), sort_keys=False)


def bindings(live: Live) -> list[tuple[Group, Rule]]:
    """Return what sends requests to which group, in the manifest's order.

    A default counts where its listener has no rule for all that nobody else takes.
    """
    groups = {group.arn: group for group in live.groups}
    found: list[tuple[Group, Rule]] = []
    for rule in live.rules:
        group = groups[next(arn for arn in groups if arn in rule.groups)]
        beside = (r for _, r in found if r.listener_arn == rule.listener_arn)
        if rule.is_default and any(_takes_all(other) for other in beside):
            continue
        found.append((group, rule))
    return found


def _takes_all(rule: Rule) -> bool:
    values = [_values(condition) for condition in rule.facts.get("Conditions", ())]
    return values == [["/*"]]


# ----------------------------------------------------- containers


def _containers(live: Live) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    containers = live.running.definition["containerDefinitions"]
    own = next(one for one in containers if one["name"] == live.container)
    return own, [one for one in containers if one is not own]


def _image(own: Mapping[str, Any], environment: Environment) -> dict[str, Any]:
    host, slash, _ = own["image"].partition("/")
    if not slash or ".dkr.ecr." not in host:
        raise CannotSay(
            f"it runs {own['image']}, which is in no ECR registry: pushes there are "
            "not heard; push the image to ECR and deploy it from there"
        )
    named = image_in(host, own["image"])
    assert named is not None, "the reference begins with the host"
    mine = f"{environment.account}.dkr.ecr.{environment.region}."
    location = f"{host}/{named.repository}"
    return {
        "location": named.repository if host.startswith(mine) else location,
        # Wider patterns are for people to decide.
        "tag": named.tag,
    }


def _port(live: Live, own: Mapping[str, Any]) -> int | None:
    ports = [one["containerPort"] for one in own.get("portMappings", ())]
    if len(set(ports)) > 1:
        raise CannotSay(
            f"container {own['name']} has the ports {', '.join(map(str, ports))}: a "
            "manifest has one; leave one, and let a sidecar have others"
        )
    for group in live.groups:
        if group.container != live.container or [group.port] != ports:
            raise CannotSay(
                f"target group {group.name} has port {group.port} of container "
                f"{group.container}: all of them are to have the one port of "
                f"{live.container}"
            )
    return ports[0] if ports else None


def _protocol(live: Live) -> str:
    spoken = {
        _PROTOCOLS[one.facts.get("ProtocolVersion", "HTTP1")] for one in live.groups
    }
    if len(spoken) > 1:
        raise CannotSay(f"its target groups speak {', '.join(sorted(spoken))}")
    return next(iter(spoken), "http")


def _checked(container: Mapping[str, Any]) -> dict[str, Any]:
    check = container.get("healthCheck")
    if not check:
        return {}
    usual = _USUAL_HEALTH
    return {
        "healthcheck": {
            "command": check["command"],
            "interval": check.get("interval", usual["interval"]),
            "timeout": check.get("timeout", usual["timeout"]),
            "retries": check.get("retries", usual["retries"]),
            "start_period": check.get("startPeriod", usual["start_period"]),
        }
    }


def _awaited(container: Mapping[str, Any], own: str, name: str) -> dict[str, Any]:
    awaited = {
        name if one["containerName"] == own else one["containerName"]: one[
            "condition"
        ].lower()
        for one in container.get("dependsOn", ())
    }
    return {"depends_on": awaited} if awaited else {}


def _variables(container: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "variables": {o["name"]: o["value"] for o in container.get("environment", ())},
        "secrets": {o["name"]: o["valueFrom"] for o in container.get("secrets", ())},
    }


def _sidecar(container: Mapping[str, Any], own: str, name: str) -> dict[str, Any]:
    ports = [one["containerPort"] for one in container.get("portMappings", ())]
    if len(ports) > 1:
        raise CannotSay(f"container {container['name']} has more than one port")
    facts = {
        "image": container["image"],
        "port": ports[0] if ports else None,
        "essential": container.get("essential", True),
        "cpu": container.get("cpu") or None,
        "memory": container.get("memory"),
        **_variables(container),
        "entrypoint": container.get("entryPoint"),
        "command": container.get("command"),
        **_checked(container),
        **_awaited(container, own, name),
        "mount_points": [
            {
                "source_volume": one["sourceVolume"],
                "path": one["containerPath"],
                "read_only": one.get("readOnly", False),
            }
            for one in container.get("mountPoints", ())
        ],
        "stop_timeout": container.get("stopTimeout"),
    }
    return {key: value for key, value in facts.items() if value not in (None, {}, [])}


def _platform(definition: Mapping[str, Any]) -> str | None:
    platform = definition.get("runtimePlatform", {})
    return "linux/arm64" if platform.get("cpuArchitecture") == "ARM64" else None


def _storage(definition: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    mounts = {one["sourceVolume"]: one for one in own.get("mountPoints", ())}
    volumes = {}
    for volume in definition.get("volumes", ()):
        name = volume["name"]
        if name not in mounts:
            raise CannotSay(
                f"volume {name} is in no folder of container {own['name']}: mount it "
                "there, or take it out"
            )
        efs = volume.get("efsVolumeConfiguration")
        volumes[name] = {
            "path": mounts[name]["containerPath"],
            "read_only": mounts[name].get("readOnly", False),
            **({"efs": _efs(efs)} if efs else {}),
        }
    size = definition.get("ephemeralStorage", {}).get("sizeInGiB", _USUAL_STORAGE_GIB)
    facts = {
        "ephemeral": None if size == _USUAL_STORAGE_GIB else size,
        "readonly_fs": own.get("readonlyRootFilesystem") or None,
        "volumes": volumes or None,
    }
    return {key: value for key, value in facts.items() if value is not None}


def _efs(efs: Mapping[str, Any]) -> dict[str, Any]:
    point = efs.get("authorizationConfig", {}).get("accessPointId")
    root = efs.get("rootDirectory", "/")
    return {
        "id": efs["fileSystemId"],
        **({} if point or root == "/" else {"root_dir": root}),
        **({"access_point": point} if point else {}),
    }


def _logging(own: Mapping[str, Any], environment: Environment) -> dict[str, Any]:
    logs = own.get("logConfiguration", {})
    group = logs.get("options", {}).get("awslogs-group")
    usual = None if environment.log_group is None else environment.log_group.name
    return {"group": group} if group and group != usual else {}


def _network(live: Live) -> dict[str, Any]:
    network = live.service["networkConfiguration"]["awsvpcConfiguration"]
    groups = list(network.get("securityGroups", ()))
    return {"vpc": {"security_groups": groups}} if groups else {}


def _role(
    given: str | None, definition: Mapping[str, Any], key: str, environment: Environment
) -> str | None:
    """Return a role inside the fence; None where the environment's default will do."""
    fence = f"role/slipway/{environment.name}/"
    role = definition.get(key)
    if given is not None or role is None:
        return given
    if f":{fence}" in role:
        return str(role).rpartition(":")[2]
    name = "execution_role" if key == "executionRoleArn" else "task_role"
    if getattr(environment.defaults, name, None) is not None:
        return None
    raise CannotSay(
        f"its {name.replace('_', ' ')} {role} is not under {fence}, and Slipway hands "
        f"on no other: make one there with the same rights, and give it by "
        f"--{name.replace('_', '-')}"
    )


# ----------------------------------------------------- counts


def _count(live: Live) -> Any:
    desired = live.service["desiredCount"]
    target = live.target
    if target is None or not live.policies:
        return {"range": {"min": desired, "max": desired}} | _spot(live, desired)
    facts: dict[str, Any] = {
        "range": {"min": target["MinCapacity"], "max": target["MaxCapacity"]}
    }
    for policy in live.policies:
        config = policy["TargetTrackingScalingPolicyConfiguration"]
        metric = config["PredefinedMetricSpecification"]["PredefinedMetricType"]
        value = config["TargetValue"]
        facts[_METRICS[metric]] = int(value) if value == int(value) else value
        facts["cooldown"] = {
            "out": config.get("ScaleOutCooldown", _USUAL_COOLDOWN_SECONDS),
            "in": config.get("ScaleInCooldown", _USUAL_COOLDOWN_SECONDS),
        }
    if not facts["range"]["min"]:
        raise CannotSay("it may scale to 0 tasks: let 1 be the fewest")
    return facts | _spot(live, facts["range"]["max"])


def _spot(live: Live, most: int) -> dict[str, Any]:
    shares = {
        one["capacityProvider"]: (one.get("base", 0), one.get("weight", 0))
        for one in live.service.get("capacityProviderStrategy", ())
    }
    base, kept = shares.get("FARGATE", (0, 0))
    spot_base, spot = shares.get("FARGATE_SPOT", (0, 0))
    if not spot and not spot_base:
        return {}
    if spot_base or 100 * spot % (kept + spot) or base >= most:
        raise CannotSay(
            "its capacity providers share tasks in a way that manifests cannot say: "
            "let FARGATE have a base, and both whole percents of the rest"
        )
    percent = {"spot_percentage": 100 * spot // (kept + spot)}
    if base:
        raise CannotSay(
            "its first tasks are on demand and others Spot: write that into "
            "count.range.spot_from afterwards, and let FARGATE have no base now"
        )
    return percent


# ----------------------------------------------------- requests


def _http(live: Live, names: Names, environment: Environment) -> dict[str, Any] | None:
    rules = [
        _http_rule(group, rule, live, names, environment)
        for group, rule in bindings(live)
    ]
    if not rules:
        return None
    first, *more = rules
    return first | ({"additional_rules": more} if more else {})


def _http_rule(
    group: Group, rule: Rule, live: Live, names: Names, environment: Environment
) -> dict[str, Any]:
    name = names.balancers.get(rule.balancer_arn)
    if name is None:
        raise CannotSay(
            f"load balancer {rule.balancer_arn} is not in environment.yaml: add it to "
            "load_balancers with its arn, scheme and listeners"
        )
    ports = [one.port for one in environment.load_balancers[name].listeners]
    if rule.port not in ports:
        raise CannotSay(
            f"listener {rule.port} of load balancer {name} is not in "
            f"environment.yaml: add it to its listeners"
        )
    facts = group.facts
    grace = live.service.get("healthCheckGracePeriodSeconds", 0)
    matcher = facts.get("Matcher", {})
    health = {
        "path": facts["HealthCheckPath"],
        "success_codes": matcher.get("HttpCode") or matcher.get("GrpcCode"),
        "interval": facts["HealthCheckIntervalSeconds"],
        "timeout": facts["HealthCheckTimeoutSeconds"],
        "healthy_threshold": facts["HealthyThresholdCount"],
        "unhealthy_threshold": facts["UnhealthyThresholdCount"],
        "grace_period": grace,
    }
    if facts["HealthCheckPort"] != "traffic-port":
        health["port"] = int(facts["HealthCheckPort"])
    delay = group.attributes.get("deregistration_delay.timeout_seconds", _USUAL_DELAY)
    return {
        "load_balancer": name,
        "listener": rule.port,
        **dict(_conditions(rule)),
        **({} if rule.is_default or is_own(rule) else {"priority": _priority(rule)}),
        "healthcheck": health,
        "deregistration_delay": int(delay),
        # With one group it has no effect; with two it is what was meant.
        **({"stickiness": True} if sticky_seconds(rule.facts["Actions"]) else {}),
    }


def is_own(rule: Rule) -> bool:
    """Whether a rule was made by an adoption, before a default."""
    return (
        _takes_all(rule)
        and "slipway:adopted" not in rule.tags
        and bool(rule.tags.get("slipway:environment"))
    )


def _priority(rule: Rule) -> int:
    return int(rule.facts["Priority"])


def _conditions(rule: Rule) -> Iterator[tuple[str, Any]]:
    if rule.is_default:
        yield "path", "/"
        return
    headers = {}
    for condition in rule.facts["Conditions"]:
        values = _values(condition)
        match condition["Field"]:
            case "host-header":
                yield "alias", values
            case "path-pattern":
                yield "path", _path(rule, values)
            case _:
                headers[condition["HttpHeaderConfig"]["HttpHeaderName"]] = values
    if headers:
        yield "headers", headers


def _path(rule: Rule, values: Sequence[str]) -> str:
    if values == ["/*"]:
        return "/"
    plain = [value for value in values if not set(value) & set("*?")]
    if len(values) == 1 and not plain:
        return values[0]
    if len(plain) == 1 and sorted(values) == sorted([plain[0], f"{plain[0]}/*"]):
        return plain[0]
    raise CannotSay(
        f"rule {rule.facts['Priority']} of listener {rule.port} takes the paths "
        f"{', '.join(values)}: a manifest's path is one pattern, or a path and all "
        "beneath it; make several rules of it"
    )


def _values(condition: Mapping[str, Any]) -> list[str]:
    for key in ("HostHeaderConfig", "PathPatternConfig", "HttpHeaderConfig"):
        if values := condition.get(key, {}).get("Values"):
            return list(values)
    return list(condition.get("Values", ()))


def _rollout(live: Live) -> dict[str, Any] | None:
    """Return batches for what nobody counts failures of."""
    return (
        {"strategy": "batches"} if live.groups and _protocol(live) == "grpc" else None
    )
