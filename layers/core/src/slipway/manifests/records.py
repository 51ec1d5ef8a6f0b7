"""What manifests are once everything holds: what provisioning will start from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slipway.domain.service import Mode, RolloutPolicy, Scaling, Slot
from slipway.manifests.bindings import HttpRule, NlbListener
from slipway.manifests.environment import Environment
from slipway.manifests.problems import Path
from slipway.manifests.service import Service


@dataclass(frozen=True, slots=True)
class Ingress:
    """Where a service gets traffic from: one listener rule, or one listener."""

    path: Path
    """Where the service's manifest says so."""
    rule: HttpRule | NlbListener
    load_balancer: str
    """Its name in the environment."""
    listener_port: int
    hosts: tuple[str, ...] = ()
    """Host names that requests must have; none where any will do."""

    @property
    def conditions(self) -> frozenset[tuple[str, str]]:
        """What a request must have, in one form: equal ones are the same requests."""
        rule = self.rule
        if isinstance(rule, NlbListener):
            return frozenset()
        return frozenset(
            [("host", host.lower()) for host in self.hosts]
            + [("path", pattern) for pattern in rule.path_patterns]
            + [
                (f"header {name.lower()}", value)
                for name, values in rule.headers.items()
                for value in values
            ]
        )


@dataclass(frozen=True, slots=True, order=True)
class Flow:
    """Who opens connections to whom: each is a rule of both security groups."""

    source: str
    """A service, or `load balancer NAME`."""
    target: str
    port: int


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """A service that holds, with what follows from its manifest."""

    manifest: Service
    mode: Mode
    reason: str
    """Why it is that mode."""
    rollout: RolloutPolicy
    scaling: Scaling | None
    ingress: tuple[Ingress, ...]
    target_groups: Mapping[Path, Mapping[Slot, str]]
    """Names by the binding's path."""
    slots: Mapping[Slot, str]
    """Each slot's ECS service, by name."""
    notes: tuple[str, ...]
    """What holds and may surprise."""


@dataclass(frozen=True, slots=True)
class EnvironmentRecord:
    """A whole environment that holds. Services are sorted by name."""

    environment: Environment
    services: tuple[ServiceRecord, ...]
    flows: tuple[Flow, ...]
    other_environments: tuple[str, ...]
    """Names under `environments` that are not this one's."""

    @property
    def names(self) -> frozenset[str]:
        """The services' names."""
        return frozenset(service.manifest.name for service in self.services)


def slot_names(service: Service) -> dict[Slot, str]:
    """Name the ECS services of a service's slots; an adopted one keeps its name."""
    names = {slot: f"{service.name}-{slot}" for slot in Slot}
    if service.adopted is not None:
        names[Slot.A] = service.adopted.service
    return names


def target_group_names(
    environment: str, service: Service, paths: Sequence[Path]
) -> dict[Path, Mapping[Slot, str]]:
    """Name the target groups of a service's bindings; adopted ones keep their names.

    Bindings that share an adopted group share the other slot's, too.
    """
    adopted = () if service.adopted is None else service.adopted.target_groups
    names: dict[Path, Mapping[Slot, str]] = {}
    for number, path in enumerate(paths, start=1):
        first = number
        own: dict[Slot, str] = {}
        if number <= len(adopted):
            first = adopted.index(adopted[number - 1]) + 1
            own = {Slot.A: adopted[number - 1]}
        names[path] = {
            slot: target_group_name(environment, service.name, first, slot)
            for slot in Slot
        } | own
    return names


def target_group_name(environment: str, service: str, number: int, slot: Slot) -> str:
    """Name a target group; `number` counts a service's bindings from 1."""
    return f"{_groups_name(environment, service, number)}-{slot}"


def vacant_group_name(environment: str, service: str, number: int) -> str:
    """Name the group of a network binding that has no targets."""
    return f"{_groups_name(environment, service, number)}-0"


def _groups_name(environment: str, service: str, number: int) -> str:
    which = "" if number == 1 else f"-{number}"
    return f"{environment}-{service}{which}"
