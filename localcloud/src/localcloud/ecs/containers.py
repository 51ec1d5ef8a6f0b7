"""What RegisterTaskDefinition refuses, of containers and volumes on Fargate.

Rules are those of API_ContainerDefinition and what it refers to, unless another page is
named. Messages are AWS's where they are known from reports of them; its documentation
lists none. A parameter that is not named here is not modelled, and raises.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from localcloud.api import AwsError, NotModelled, only

type Parameters = Mapping[str, Any]

MOST_CONTAINERS = 10
"""In a task definition (Amazon ECS service quotas)."""

_CONTAINER = (
    "name",
    "image",
    "cpu",
    "memory",
    "memoryReservation",
    "essential",
    "portMappings",
    "environment",
    "secrets",
    "command",
    "entryPoint",
    "dependsOn",
    "healthCheck",
    "mountPoints",
    "logConfiguration",
    "stopTimeout",
    "readonlyRootFilesystem",
)
_CONDITIONS = ("START", "COMPLETE", "SUCCESS", "HEALTHY")
_BOUNDS = {
    "interval": (5, 300),
    "timeout": (2, 60),
    "retries": (1, 10),
    "startPeriod": (0, 300),
}
"""Of health checks (API_HealthCheck)."""


def check_containers(params: Parameters) -> None:
    """Refuse what AWS refuses; raise NotModelled for what is not modelled."""
    containers = params["containerDefinitions"]
    if len(containers) > MOST_CONTAINERS:
        raise refused(f"Too many containers: at most {MOST_CONTAINERS}.")
    names = [container.get("name", "") for container in containers]
    if not all(names):
        raise refused("Container.name should not be null or empty.")
    if _twice(names):
        raise refused("Container names must be unique within a Task Definition.")
    for container in containers:
        _check_one(container)
    if not any(is_essential(container) for container in containers):
        raise refused("A task definition must have at least one essential container.")
    ports = [m["containerPort"] for c in containers for m in c.get("portMappings", ())]
    if _twice(ports):
        # In mode awsvpc containers share one network interface.
        raise refused(f"The port {_twice(ports)[0]} is mapped more than once.")
    _check_shares(params, containers)
    _check_secrets(params, containers)
    _check_order({container["name"]: container for container in containers})
    _check_volumes(params.get("volumes", ()), containers)


def is_essential(container: Parameters) -> bool:
    """Whether a task ends with this container: so it is unless it says otherwise."""
    return bool(container.get("essential", True))


def refused(message: str) -> AwsError:
    """Return what ECS answers to a definition that it does not take."""
    return AwsError("ClientException", message)


def _check_one(container: Parameters) -> None:
    only(container, *_CONTAINER)
    if not container.get("image"):
        raise refused("The container.image should not be null or empty.")
    mappings = container.get("portMappings", ())
    if len(mappings) > 1:
        raise NotModelled("containers with more than one port")
    for mapping in mappings:
        only(mapping, "containerPort", "protocol")
    stop_timeout = container.get("stopTimeout", 30)
    if not 0 <= stop_timeout <= 120:  # noqa: PLR2004  Fargate's bound, as cited
        raise refused("stopTimeout must be at most 120 seconds.")
    check = container.get("healthCheck")
    if check is not None:
        only(check, "command", *_BOUNDS)
        if check["command"][:1] not in (["CMD"], ["CMD-SHELL"]):
            raise refused("A health check's command starts with CMD or CMD-SHELL.")
        for name, (least, most) in _BOUNDS.items():
            if not least <= check.get(name, least) <= most:
                raise refused(f"A health check's {name} is {least} to {most}.")


def _check_shares(params: Parameters, containers: Sequence[Parameters]) -> None:
    """Hold what containers have for themselves within what the task has."""
    cpu = sum(container.get("cpu", 0) for container in containers)
    if cpu > int(params["cpu"]):
        raise refused(f"The containers' cpu, {cpu}, exceeds the task's.")
    memory = sum(
        container.get("memoryReservation", container.get("memory", 0))
        for container in containers
    )
    most = max(container.get("memory", 0) for container in containers)
    if max(memory, most) > int(params["memory"]):
        raise refused(f"The containers' memory, {memory}, exceeds the task's.")


def _check_secrets(params: Parameters, containers: Sequence[Parameters]) -> None:
    for container in containers:
        names = [pair["name"] for pair in container.get("environment", ())]
        for secret in container.get("secrets", ()):
            only(secret, "name", "valueFrom")
            names.append(secret["name"])
        if _twice(names):
            raise refused(
                "The secret name must be unique and not shared with any new or "
                "existing environment variables set on the container, such as "
                f"'{_twice(names)[0]}'."
            )
        if params.get("executionRoleArn"):
            continue
        if container.get("secrets"):
            raise refused(
                "When you are specifying container secrets, you must also specify a "
                "value for 'executionRoleArn'."
            )
        if "logConfiguration" in container:
            raise refused(
                "Fargate requires task definition to have execution role ARN to "
                f"support log driver {container['logConfiguration']['logDriver']}."
            )


def _check_order(containers: Mapping[str, Parameters]) -> None:
    """Hold containers to waiting for others in one direction."""
    for container in containers.values():
        for wait in container.get("dependsOn", ()):
            only(wait, "containerName", "condition")
            name, condition = wait["containerName"], wait["condition"]
            if name not in containers:
                raise refused(
                    f"Cannot depend on container + '{name}' because it does not exist"
                )
            if condition not in _CONDITIONS:
                raise refused(f"A condition is one of {', '.join(_CONDITIONS)}.")
            awaited = containers[name]
            if condition in {"COMPLETE", "SUCCESS"} and is_essential(awaited):
                raise refused(
                    "A dependency container with SUCCESS or COMPLETE condition cannot "
                    "be an essential container"
                )
            if condition == "HEALTHY" and "healthCheck" not in awaited:
                # So says API_ContainerDependency; that it is checked here is not sure.
                raise refused(f"Container {name} has no health check to wait for.")
    if _circle({name: set(_awaited(c)) for name, c in containers.items()}):
        raise refused("Container dependencies should not have a cycle.")


def _awaited(container: Parameters) -> Iterator[str]:
    for wait in container.get("dependsOn", ()):
        yield wait["containerName"]


def _circle(waits: Mapping[str, set[str]]) -> set[str]:
    """Return containers that wait for each other, or for those that do."""
    left = dict(waits)
    while free := {name for name, awaited in left.items() if not awaited & set(left)}:
        left = {name: a for name, a in left.items() if name not in free}
    return set(left)


def _check_volumes(
    volumes: Sequence[Parameters], containers: Sequence[Parameters]
) -> None:
    names = [volume["name"] for volume in volumes]
    if _twice(names):
        raise refused(f"Volume {_twice(names)[0]} is defined more than once.")
    for volume in volumes:
        only(volume, "name", "efsVolumeConfiguration")
        _check_efs(volume.get("efsVolumeConfiguration", {}))
    for container in containers:
        mounts = container.get("mountPoints", ())
        for mount in mounts:
            only(mount, "sourceVolume", "containerPath", "readOnly")
            if mount["sourceVolume"] not in names:
                raise refused(f"Unknown volume '{mount['sourceVolume']}'.")
        if paths := _twice([mount["containerPath"] for mount in mounts]):
            raise refused(f"Two volumes are mounted at {paths[0]}.")


def _check_efs(efs: Parameters) -> None:
    """Hold access points to their own folder and to encryption.

    API_EFSAuthorizationConfig.
    """
    settings = (
        "fileSystemId",
        "rootDirectory",
        "transitEncryption",
        "authorizationConfig",
    )
    only(efs, *settings)
    authorization = efs.get("authorizationConfig", {})
    only(authorization, "accessPointId")
    if "accessPointId" in authorization:
        if efs.get("rootDirectory", "/") != "/":
            raise refused("With an access point the root directory must be /.")
        if efs.get("transitEncryption") != "ENABLED":
            raise refused("With an access point transit encryption must be on.")


def _twice[T](values: Sequence[T]) -> list[T]:
    return [value for n, value in enumerate(values) if value in values[:n]]
