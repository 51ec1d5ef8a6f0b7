"""What must hold in one service, in its environment: pure, each gives its problems."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from slipway.domain.service import NETWORK_SETTLE_SECONDS, Slot
from slipway.manifests.bindings import NlbListener
from slipway.manifests.environment import Environment
from slipway.manifests.fargate import MEMORY_MIB, offered
from slipway.manifests.fields import MOST_TAGS
from slipway.manifests.ingress import bindings
from slipway.manifests.problems import Path, Problem, meant
from slipway.manifests.records import target_group_name
from slipway.manifests.service import Service
from slipway.manifests.shape import MISSING, Written

LONGEST_GROUP_NAME = 32
"""Characters of a target group's name (API_CreateTargetGroup)."""

MOST_CONTAINERS = 10
"""In a task definition (Amazon ECS service quotas)."""

MOST_GROUPS_EACH = 5
"""Target groups of an ECS service (Amazon ECS service quotas)."""

type Check = Callable[[Written[Service], Environment], Iterator[Problem]]


def _roles(written: Written[Service], environment: Environment) -> Iterator[Problem]:
    """Refuse roles outside the fence: whoever names one would have its rights."""
    for key in ("execution_role", "task_role"):
        role = getattr(written.model, key)
        if role is None:
            continue
        head, _, path = role.partition("role/")
        fence = f"slipway/{environment.name}/"
        if not path.startswith(fence):
            allowed = f"a role under role/{fence}, for this is {environment.name}"
            yield from written.problem((key,), allowed)
        elif head and head.split(":")[4] != environment.account:
            allowed = f"a role of the environment's account {environment.account}"
            yield from written.problem((key,), allowed)
    if written.model.execution_role is None:
        allowed = (
            "it must be given, here or in the environment's defaults: Fargate pulls "
            "images and writes logs by it"
        )
        yield from written.problem(("execution_role",), allowed, MISSING)


def _names(written: Written[Service], environment: Environment) -> Iterator[Problem]:
    service = written.model
    count = max(1, len(list(bindings(service))))
    longest = target_group_name(environment.name, service.name, count, Slot.A)
    if len(longest) > LONGEST_GROUP_NAME:
        most = LONGEST_GROUP_NAME - len(longest) + len(service.name)
        allowed = (
            f"at most {most} characters: target groups such as {longest} have at most "
            f"{LONGEST_GROUP_NAME}"
        )
        found = f"{service.name}, {len(service.name)} characters"
        yield from written.problem(("name",), allowed, found)


def _tags(written: Written[Service], environment: Environment) -> Iterator[Problem]:
    both = environment.tags.keys() | written.model.tags.keys()
    if len(both) > MOST_TAGS:
        allowed = f"at most {MOST_TAGS} together with the environment's"
        yield from written.problem(("tags",), allowed, f"{len(both)} tags")


def _size(written: Written[Service], _: Environment) -> Iterator[Problem]:
    service = written.model
    if service.cpu not in MEMORY_MIB:
        sizes = ", ".join(map(str, MEMORY_MIB))
        yield from written.problem(("cpu",), f"CPU units that Fargate has: {sizes}")
        return
    if service.memory not in MEMORY_MIB[service.cpu]:
        allowed = f"MiB that Fargate has for cpu {service.cpu}: {offered(service.cpu)}"
        key = "memory" if _says(written, "memory") else "cpu"
        if key == "cpu" and () in written.doubted:
            return
        found = f"{'memory ' if key == 'cpu' else ''}{service.memory}"
        yield from written.problem((key,), allowed, found)


def _says(written: Written[Service], key: str) -> bool:
    nodes = getattr(written.tree, "nodes", {})
    return key in nodes


def _containers(written: Written[Service], _: Environment) -> Iterator[Problem]:
    service = written.model
    if len(service.sidecars) >= MOST_CONTAINERS:
        allowed = (
            f"at most {MOST_CONTAINERS - 1}: a task has {MOST_CONTAINERS} containers"
        )
        found = f"{len(service.sidecars)} sidecars"
        yield from written.problem(("sidecars",), allowed, found)
    ports = {service.image.port: f"{service.name}"}
    for name, sidecar in service.sidecars.items():
        at: Path = ("sidecars", name)
        if name == service.name:
            allowed = "another name than the service's, which its own container has"
            yield from written.problem(at, allowed, f"the name {name}")
        if sidecar.port is not None and sidecar.port in ports:
            allowed = "each port of a task is one container's"
            found = f"{sidecar.port}, the port of {ports[sidecar.port]}"
            yield from written.problem((*at, "port"), allowed, found)
        elif sidecar.port is not None:
            ports[sidecar.port] = name
        for number, mount in enumerate(sidecar.mount_points):
            volumes = service.storage.volumes
            if mount.source_volume not in volumes:
                known = ", ".join(volumes) or "none"
                near = meant(mount.source_volume, volumes)
                allowed = f"{near}a volume of storage.volumes: {known}"
                place = (*at, "mount_points", number, "source_volume")
                yield from written.problem(place, allowed)
    for resource, task, unit in (
        ("cpu", service.cpu, "CPU units"),
        ("memory", service.memory, "MiB"),
    ):
        total = sum(getattr(s, resource) or 0 for s in service.sidecars.values())
        if total > task:
            allowed = (
                f"at most the task's {resource}, {task}, for all sidecars together"
            )
            yield from written.problem(("sidecars",), allowed, f"{total} {unit}")


def _variables(written: Written[Service], _: Environment) -> Iterator[Problem]:
    service = written.model
    yield from _twice(written, (), service.variables, service.secrets)
    for name, sidecar in service.sidecars.items():
        at: Path = ("sidecars", name)
        yield from _twice(written, at, sidecar.variables, sidecar.secrets)


def _twice(
    written: Written[Service],
    at: Path,
    variables: Mapping[str, object],
    secrets: Mapping[str, object],
) -> Iterator[Problem]:
    for name in sorted(set(variables) & set(secrets)):
        allowed = "a name in one of variables and secrets"
        found = f"{name}, which is in variables too"
        yield from written.problem((*at, "secrets", name), allowed, found)


def _order(written: Written[Service], _: Environment) -> Iterator[Problem]:
    """Containers wait for others that there are, and for none in a circle."""
    service = written.model
    own: Path = ("image", "depends_on")
    waits = {service.name: (own, service.image.depends_on)} | {
        name: (("sidecars", name, "depends_on"), sidecar.depends_on)
        for name, sidecar in service.sidecars.items()
    }
    broken = False
    for name, (path, awaited) in waits.items():
        for other, condition in awaited.items():
            at = (*path, other)
            if other not in waits or other == name:
                known = ", ".join(key for key in waits if key != name) or "none"
                near = meant(other, [key for key in waits if key != name])
                allowed = f"{near}another container of the task: {known}"
                yield from written.problem(at, allowed, f"the container {other}")
                broken = True
                continue
            yield from _condition(written, at, other, condition)
    if not broken:
        yield from _circle(written, waits)
    for name, sidecar in service.sidecars.items():
        if sidecar.linger is not None and not sidecar.depends_on:
            allowed = (
                f"depends_on with the container whose SIGTERM it holds back, such as "
                f"{service.name}: containers stop in the reverse order of their start"
            )
            place = ("sidecars", name, "linger")
            found = "linger without depends_on"
            yield from written.problem(place, allowed, found)


def _condition(
    written: Written[Service], at: Path, other: str, condition: str
) -> Iterator[Problem]:
    service = written.model
    sidecar = service.sidecars.get(other)
    checked = (sidecar or service.image).healthcheck is not None
    if condition == "healthy" and not checked:
        allowed = f"start, or a healthcheck of {other}: without one it is never healthy"
        yield from written.problem(at, allowed)
    if condition in {"complete", "success"} and (sidecar is None or sidecar.essential):
        allowed = (
            f"start or healthy, or essential: false for {other}: the task ends when "
            "an essential container does"
        )
        yield from written.problem(at, allowed)


def _circle(
    written: Written[Service], waits: Mapping[str, tuple[Path, Mapping[str, str]]]
) -> Iterator[Problem]:
    left = {name: set(awaited) for name, (_, awaited) in waits.items()}
    while free := {name for name, awaited in left.items() if not awaited & set(left)}:
        left = {name: a for name, a in left.items() if name not in free}
    if left:
        # Of those that remain only the ones that each other waits for are the circle.
        while ends := set(left) - set().union(*left.values()):
            left = {name: a for name, a in left.items() if name not in ends}
        first = next(iter(left))
        names = ", ".join(left)
        allowed = "containers wait for each other in one direction"
        found = f"{names}, which wait in a circle"
        yield from written.problem(waits[first][0], allowed, found)


def _spot(written: Written[Service], environment: Environment) -> Iterator[Problem]:
    service = written.model
    if service.count.spot and "FARGATE_SPOT" not in environment.capacity_providers:
        key = "spot_percentage"
        path: Path = ("count", key)
        if service.count.spot_percentage is None:
            path = ("count", "range", "spot_from")
        allowed = "FARGATE_SPOT among the environment's capacity_providers"
        yield from written.problem(path, allowed)


def _traffic(written: Written[Service], _: Environment) -> Iterator[Problem]:
    """See that what a service speaks fits to what stands before it."""
    service = written.model
    bound = list(bindings(service))
    if bound and service.image.port is None:
        key = str(bound[0][0][0])
        allowed = f"it must be given: {key} sends traffic there"
        yield from written.problem(("image", "port"), allowed, MISSING)
    if service.http is not None and service.image.protocol in {"tcp", "tls"}:
        allowed = (
            "http, http2 or grpc, or nlb instead of http: an Application Load "
            "Balancer reads requests"
        )
        yield from written.problem(("image", "protocol"), allowed)
    if service.count.requests is not None and service.http is None:
        allowed = (
            "cpu_percentage or memory_percentage, or an http binding, whose requests "
            "are counted"
        )
        found = "requests without http"
        yield from written.problem(("count", "requests"), allowed, found)
    if len(bound) > MOST_GROUPS_EACH:
        allowed = (
            f"at most {MOST_GROUPS_EACH}: an ECS service has that many target groups"
        )
        found = f"{len(bound)} bindings"
        yield from written.problem((str(bound[0][0][0]),), allowed, found)


def _canary(written: Written[Service], _: Environment) -> Iterator[Problem]:
    """See that a canary has weights, and failures that can be seen."""
    service = written.model
    rollout = service.rollout
    bound: Sequence[tuple[Path, object]] = list(bindings(service))
    if rollout.strategy == "canary" and not bound:
        allowed = (
            "http or nlb beside it, whose weights it moves, or batches: the registry "
            "alone has no weights"
        )
        yield from written.problem(("rollout", "strategy"), allowed)
    if not bound or rollout.strategy == "batches" or rollout.judge.metric is not None:
        return
    ways = "give rollout.judge.metric, or say rollout.strategy: batches"
    if service.http is None and rollout.strategy is None:
        return
    if service.image.protocol == "grpc":
        allowed = (
            "a canary on gRPC is judged by a metric of the application's own, for "
            f"failures hide in answers with HTTP 200: {ways}"
        )
        yield from written.problem(("image", "protocol"), allowed)
    elif service.http is None:
        allowed = (
            "a canary behind a Network Load Balancer alone is judged by a metric of "
            f"the application's own, for it counts connections and no answers: {ways}"
        )
        yield from written.problem(("nlb",), allowed, "no metric")


def _adopted(written: Written[Service], _: Environment) -> Iterator[Problem]:
    """See that what was adopted is told part by part, and shared alike."""
    service, adopted = written.model, written.model.adopted
    if adopted is None:
        return
    at: Path = ("adopted", "target_groups")
    bound, groups = list(bindings(service)), adopted.target_groups
    if len(groups) != len(bound):
        allowed = f"{len(bound)}, one for http and for each of its additional_rules"
        found = f"{len(groups)} target groups" if groups else MISSING
        yield from written.problem(at, allowed, found)
        return
    if adopted.container in service.sidecars:
        allowed = "the service's own container, which is none of its sidecars"
        yield from written.problem(("adopted", "container"), allowed)
    for (path, rule), group in zip(bound, groups, strict=True):
        first, same = bound[groups.index(group)]
        for key in ("healthcheck", "deregistration_delay"):
            if getattr(rule, key) != getattr(same, key):
                where = ".".join(map(str, first))
                allowed = f"as for {where}, for both share target group {group}"
                yield from written.problem((*path, key), allowed)


def _network(written: Written[Service], _: Environment) -> Iterator[Problem]:
    """See that what a network load balancer is asked for is what it can do."""
    service, is_behind_one = written.model, False
    protocol = service.image.protocol
    for path, listener in bindings(service):
        if not isinstance(listener, NlbListener):
            continue
        is_behind_one = True
        given = listener.healthcheck.model_fields_set & {"path", "success_codes"}
        if given and not listener.asks_by_http(protocol):
            allowed = (
                "path and port, of what speaks HTTP there: a service that speaks "
                f"{protocol} is asked whether it can be connected to"
            )
            at = (*path, "healthcheck", min(given))
            yield from written.problem(at, allowed)
    delay = service.rollout.retire_delay
    if is_behind_one and delay < NETWORK_SETTLE_SECONDS:
        allowed = (
            f"{NETWORK_SETTLE_SECONDS} s or more behind a Network Load Balancer, which "
            "may act on old weights for so long"
        )
        yield from written.problem(("rollout", "retire_delay"), allowed)


CHECKS: Sequence[Check] = (
    _roles,
    _names,
    _tags,
    _size,
    _containers,
    _variables,
    _order,
    _spot,
    _traffic,
    _canary,
    _adopted,
    _network,
)


def check_service(written: Written[Service], environment: Environment) -> list[Problem]:
    """Return everything that is wrong with one service in its environment."""
    return [problem for check in CHECKS for problem in check(written, environment)]
