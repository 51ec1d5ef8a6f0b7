"""What CreateService and UpdateService may set, checked as ECS checks it.

Pages are of the ECS API reference unless another book is named.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.api import AwsError, NotModelled, only
from localcloud.cloudmap import CloudMap
from localcloud.ecs.records import Binding, TaskDefinition
from localcloud.elb import Elb
from localcloud.network import Network, Subnet

_MOST_TARGET_GROUPS = 5
"""Of one service (ECS guide, register-multiple-targetgroups)."""
LATEST = "LATEST"
PLATFORM = "1.4.0"
"""What LATEST is for Linux (ECS guide, platform-fargate)."""
_PROPAGATED = ("NONE", "SERVICE", "TASK_DEFINITION")
_REBALANCING = ("ENABLED", "DISABLED")


@dataclass(frozen=True, slots=True)
class Settings:
    """Checks what refers to other resources."""

    elb: Elb
    network: Network
    cloud_map: CloudMap

    def load_balancers(
        self, bindings: Iterable[Mapping[str, Any]]
    ) -> tuple[Binding, ...]:
        """Check target groups: at most five, and each named by a listener rule.

        CreateService; for the number: ECS guide, register-multiple-targetgroups.
        """
        given = tuple(bindings)
        if len(given) > _MOST_TARGET_GROUPS:
            raise _invalid("load balancers can have at most 5 items.")
        for binding in given:
            only(binding, "targetGroupArn", "containerName", "containerPort")
            group = binding["targetGroupArn"]
            if not self.elb.attached(group):
                raise _invalid(
                    f"The target group with targetGroupArn {group} does not have an "
                    "associated load balancer."
                )
        return given

    def subnets(self, network: Mapping[str, Any]) -> tuple[Subnet, ...]:
        """Return the subnets of a network configuration."""
        only(network, "awsvpcConfiguration")
        settings = network["awsvpcConfiguration"]
        only(settings, "subnets", "securityGroups", "assignPublicIp")
        found = {name: self.network.subnet(name) for name in settings["subnets"]}
        missing = [name for name, subnet in found.items() if subnet is None]
        if missing:
            raise _invalid(f"The subnet ID '{missing[0]}' does not exist")
        return tuple(s for s in found.values() if s is not None)

    def registries(self, given: Iterable[Mapping[str, Any]]) -> tuple[Binding, ...]:
        """Check service registries: at most one a service, and there (ServiceRegistry).

        Two services may share one: that the ECS guide does not say otherwise is all
        that is known (service-discovery).
        """
        found = tuple(given)
        if len(found) > 1:
            raise _invalid("service registries can have at most 1 items.")
        for registry in found:
            only(registry, "registryArn", "port", "containerName", "containerPort")
            if "port" in registry and "containerPort" in registry:
                raise _invalid(
                    "A service registry takes a port or a containerName and "
                    "containerPort, not both."
                )
            if not self.cloud_map.knows(registry["registryArn"]):
                raise _invalid(f"No service registry {registry['registryArn']} exists.")
        return found


def check_ports(definition: TaskDefinition, bindings: Iterable[Binding]) -> None:
    """Refuse a container or port that the task definition does not have.

    The container and port of a load balancer or registry are those of the task
    definition (LoadBalancer, ServiceRegistry).
    """
    container = definition.container
    ports = {m["containerPort"] for m in container.get("portMappings", ())}
    for binding in bindings:
        name, port = binding.get("containerName"), binding.get("containerPort")
        if name is not None and name != container["name"]:
            raise _invalid(
                f"The container {name} does not exist in the task definition."
            )
        if port is not None and port not in ports:
            raise _invalid(
                f"The container {name} did not have a container port {port} defined."
            )


def platform(version: str) -> str:
    """Check a platform version: LATEST and what it stands for are modelled."""
    if version not in {LATEST, PLATFORM}:
        raise NotModelled(f"platform version {version}")
    return version


def propagated(source: str) -> str:
    """Check where tasks get their tags from."""
    return _one_of(_PROPAGATED, source, "propagateTags")


def rebalancing(state: str) -> str:
    """Check whether Availability Zones are to be rebalanced."""
    return _one_of(_REBALANCING, state, "availabilityZoneRebalancing")


def check_usual(params: Mapping[str, Any]) -> None:
    """Refuse what is not modelled where it is not what one gets anyway."""
    if params.get("enableExecuteCommand"):
        raise NotModelled("enableExecuteCommand")
    if params.get("schedulingStrategy", "REPLICA") != "REPLICA":
        raise NotModelled(f"scheduling strategy {params['schedulingStrategy']}")
    if params.get("deploymentController", {"type": "ECS"}) != {"type": "ECS"}:
        raise NotModelled("deployment controllers other than ECS")


def comparable(network: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what counts of a network configuration, in a form to compare."""
    settings = network["awsvpcConfiguration"]
    return (
        frozenset(settings["subnets"]),
        frozenset(settings.get("securityGroups", ())),
        settings.get("assignPublicIp", "DISABLED"),
    )


def unordered(bindings: Iterable[Binding]) -> frozenset[frozenset[Any]]:
    """Return load balancers or registries in a form to compare."""
    return frozenset(frozenset(binding.items()) for binding in bindings)


def deployment_configuration(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Check a deployment configuration: rolling."""
    configuration: Mapping[str, Any] = params.get("deploymentConfiguration", {})
    only(
        configuration,
        "deploymentCircuitBreaker",
        "maximumPercent",
        "minimumHealthyPercent",
        "strategy",
    )
    if configuration.get("strategy", "ROLLING") != "ROLLING":
        raise NotModelled(f"deployment strategy {configuration['strategy']}")
    breaker(configuration)
    return configuration


def breaker(configuration: Mapping[str, Any]) -> bool:
    """Say whether the circuit breaker is on."""
    settings = configuration.get("deploymentCircuitBreaker", {})
    only(settings, "enable", "rollback")
    return bool(settings.get("enable"))


def rollback(configuration: Mapping[str, Any]) -> bool:
    """Say whether the circuit breaker is to roll back."""
    settings = configuration.get("deploymentCircuitBreaker", {})
    return bool(settings.get("rollback"))


def _one_of(allowed: tuple[str, ...], value: str, name: str) -> str:
    if value not in allowed:
        raise _invalid(f"{name} cannot be {value}")
    return value


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)
