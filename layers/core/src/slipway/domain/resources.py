"""Resources: wanted by manifests, found on AWS, and how the ones name the others."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from enum import StrEnum
from typing import Any

ENVIRONMENT_TAG = "slipway:environment"
"""Whose a resource is. Without it nothing is changed or removed."""
SERVICE_TAG = "slipway:service"
ADOPTED_TAG = "slipway:adopted"
"""On what Slipway did not make: it is given back, never removed."""
NAME_TAG = "slipway:name"
"""A resource's name where AWS has none for its kind."""


class Kind(StrEnum):
    """Kinds of resources, in the order of making; removing goes the other way."""

    CLUSTER = "cluster"
    LOG_GROUP = "log group"
    NAMESPACE = "namespace"
    HOSTED_ZONE = "hosted zone"
    CERTIFICATE = "certificate"
    SECURITY_GROUP = "security group"
    LOAD_BALANCER = "load balancer"
    SECURITY_GROUP_RULE = "security group rule"
    REGISTRY_SERVICE = "registry service"
    LISTENER = "listener"
    TARGET_GROUP = "target group"
    NETWORK_LISTENER = "network listener"
    """Of a Network Load Balancer: one service's own, with weights as rules have."""
    LISTENER_RULE = "listener rule"
    TASK_DEFINITION = "task definition"
    ECS_SERVICE = "ECS service"
    ROUTE = "route"
    """Of a listener rule: whether it leads to tasks, and to which."""
    NETWORK_ROUTE = "network route"
    """The same of a network listener."""
    SCALABLE_TARGET = "scalable target"
    SCALING_POLICY = "scaling policy"
    SCHEDULED_ACTION = "scheduled action"
    REGISTRY_ATTRIBUTES = "registry attributes"
    """Of a registry service: what it says of weights, versions and the protocol."""
    RECORD = "record"


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """What AWS calls a resource, known once that is there."""

    kind: Kind
    name: str
    part: str = "id"
    """Another property than its id or ARN, such as a load balancer's own group."""

    def __str__(self) -> str:
        """Name it as a plan does, where it is still to be made."""
        part = "" if self.part == "id" else f"'s {self.part}"
        return f"({self.kind} {self.name}{part})"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A resource as manifests want it."""

    kind: Kind
    name: str
    reason: str
    facts: Mapping[str, Any]
    """Values of JSON, and `Ref` where other resources are named. Each is compared."""
    fixed: frozenset[str] = frozenset()
    """Facts that AWS cannot change once the resource is there."""
    once: Mapping[str, Any] = field(default_factory=dict)
    """What it is made with, and what others change afterwards: never compared."""
    service: str | None = None
    """The service it belongs to, None where that is the environment."""
    owned: bool = True
    """Whether Slipway makes it. Else it is there, and is only referred to."""
    whole: bool = False
    """Whether it is to have no other facts than these."""
    remedy: str = "undo that"
    """What a person does where a fixed fact is to change."""


@dataclass(frozen=True, slots=True)
class Found:
    """A resource as AWS shows it."""

    kind: Kind
    name: str
    id: str
    """Its id or ARN: what others refer to it by."""
    facts: Mapping[str, Any]
    service: str | None = None
    owned: bool = field(default=True, kw_only=True)
    """Whether it carries this environment's ownership tag."""
    adopted: bool = field(default=False, kw_only=True)
    """Whether somebody else made it, before Slipway came."""
    parts: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    """Other properties that are referred to."""
    tags: Mapping[str, str] | None = field(default=None, kw_only=True)
    """All that it carries; None where they are not compared."""
    fault: str = field(default="", kw_only=True)
    """Why it cannot be used and nothing can be made of it, with what to do."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where resources are looked for and made."""

    environment: str
    vpc: str
    cluster: str
    shared_tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of everything."""
    service_tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Tags of what belongs to a service, by its name."""

    def tags(self, wanted: Wanted) -> dict[str, str]:
        """Return what a resource is to carry, its owner's mark among it."""
        tags = {**self.shared_tags, **self.service_tags.get(wanted.service or "", {})}
        tags |= {ENVIRONMENT_TAG: self.environment, NAME_TAG: wanted.name}
        return tags | ({SERVICE_TAG: wanted.service} if wanted.service else {})


class Unknown(LookupError):
    """A reference to a resource that is not there yet."""


class Ids:
    """What references stand for."""

    def __init__(self, found: Iterable[Found] = ()) -> None:
        self._known: dict[tuple[Kind, str], Found] = {}
        self.learn(*found)

    def learn(self, *found: Found) -> None:
        """Know what these are called from now on."""
        for one in found:
            self._known[one.kind, one.name] = one

    def of_kind(self, kind: Kind) -> list[Found]:
        """Return what is known of one kind, in the order of names."""
        return [f for (k, _), f in sorted(self._known.items()) if k is kind]

    def value(self, wanted: Any) -> Any:
        """Return a value with all references resolved; raise Unknown."""
        match wanted:
            case Ref():
                found = self._known.get((wanted.kind, wanted.name))
                if found is None:
                    raise Unknown(str(wanted))
                if wanted.part == "id":
                    return found.id
                if wanted.part not in found.parts:
                    raise Unknown(f"{wanted}, which it has not")
                return found.parts[wanted.part]
            case Mapping():
                return {key: self.value(value) for key, value in wanted.items()}
            case list() | tuple():
                return [self.value(value) for value in wanted]
            case _:
                return wanted

    def shown(self, wanted: Any) -> Any:
        """Return a value to be read: what is not there yet goes by its name."""
        match wanted:
            case Ref():
                try:
                    return self.value(wanted)
                except Unknown:
                    return str(wanted)
            case Mapping():
                return {key: self.shown(value) for key, value in wanted.items()}
            case list() | tuple():
                return [self.shown(value) for value in wanted]
            case _:
                return wanted


def of_kind(kind: Kind, wanted: Iterable[Wanted]) -> list[Wanted]:
    """Return the resources of one kind."""
    return [one for one in wanted if one.kind is kind]


def references(value: Any) -> Iterator[Ref]:
    """Give every reference in a value."""
    match value:
        case Ref():
            yield value
        case Mapping():
            for inner in value.values():
                yield from references(inner)
        case list() | tuple():
            for inner in value:
                yield from references(inner)


def sorted_by_kind[R: (Wanted, Found)](resources: Iterable[R]) -> Sequence[R]:
    """Return resources in the order of making."""
    order = {kind: number for number, kind in enumerate(Kind)}
    return sorted(resources, key=lambda one: (order[one.kind], one.name))


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Give a dataclass's values by their paths, such as bindings.0.rule_arn."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, list | tuple):
        value = dict(enumerate(value)) if any(map(_has_keys, value)) else list(value)
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from flat(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def _has_keys(value: Any) -> bool:
    return isinstance(value, Mapping)
