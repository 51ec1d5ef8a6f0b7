"""From a manifest that holds to the shape of its tasks: pure, and nothing is left out.

What is not the tasks' own is not here: counts, ingress, rollouts, tags.
"""

from collections.abc import Mapping

from slipway.domain.task_shape import (
    Condition,
    EfsVolume,
    HealthCheck,
    MountPoint,
    Platform,
    Protocol,
    Sidecar,
    TaskShape,
    Volume,
)
from slipway.manifests import containers
from slipway.manifests.environment import Environment
from slipway.manifests.records import ServiceRecord
from slipway.manifests.service import Service

_PLATFORMS = {
    "linux/x86_64": Platform.X86_64,
    "linux/amd64": Platform.X86_64,
    "linux/arm64": Platform.ARM64,
}
_PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
"""By how a region's name begins (IAM User Guide, reference-arns)."""

_PARTS_OF_A_SECRET = 3
"""Key, stage and version: all three or none stand behind a secret's ARN, empty where
they are not meant (Amazon ECS Developer Guide, secrets-envvar-secrets-manager)."""


def task_shape(
    record: ServiceRecord,
    environment: Environment,
    security_group_ids: tuple[str, ...],
) -> TaskShape:
    """Return the shape of a service's tasks in its environment.

    `security_group_ids` are those that are made for it; the manifest's own come after.
    """
    service = record.manifest
    storage, image = service.storage, service.image
    assert service.execution_role is not None, "a record that holds names one"
    groups = (*security_group_ids, *service.network.vpc.security_groups)
    return TaskShape(
        cpu=service.cpu,
        memory_mib=service.memory,
        port=image.port,
        execution_role_arn=role_arn(service.execution_role, environment),
        task_role_arn=(
            None
            if service.task_role is None
            else role_arn(service.task_role, environment)
        ),
        security_group_ids=tuple(dict.fromkeys(groups)),
        environment=dict(service.variables),
        command=service.command or (),
        stop_timeout_seconds=service.stop_timeout,
        log_group=_log_group(record, environment),
        secrets=_secrets(service.secrets, environment),
        entrypoint=service.entrypoint or (),
        health_check=_health_check(image.healthcheck),
        depends_on=_conditions(image.depends_on),
        mount_points=tuple(
            MountPoint(name, volume.path, volume.read_only)
            for name, volume in storage.volumes.items()
        ),
        read_only_root=storage.readonly_fs,
        protocol=Protocol(image.protocol),
        platform=_PLATFORMS[service.platform],
        ephemeral_storage_gib=storage.ephemeral,
        volumes=tuple(
            Volume(name, _efs(volume.efs)) for name, volume in storage.volumes.items()
        ),
        sidecars=tuple(
            _sidecar(name, sidecar, service, environment)
            for name, sidecar in service.sidecars.items()
        ),
        container_name=None if service.adopted is None else service.container,
    )


def partition(region: str) -> str:
    """Return the partition of a region: aws, aws-cn or aws-us-gov."""
    return next(
        (name for start, name in _PARTITIONS.items() if region.startswith(start)), "aws"
    )


def _sidecar(
    name: str, sidecar: containers.Sidecar, service: Service, environment: Environment
) -> Sidecar:
    """Return a sidecar; one that waits for the service's own container says so."""
    awaited = {
        service.container if other == service.name else other: condition
        for other, condition in sidecar.depends_on.items()
    }
    return Sidecar(
        name=name,
        image=sidecar.image,
        port=sidecar.port,
        essential=sidecar.essential,
        cpu=sidecar.cpu,
        memory_mib=sidecar.memory,
        environment=dict(sidecar.variables),
        secrets=_secrets(sidecar.secrets, environment),
        entrypoint=sidecar.entrypoint or (),
        command=sidecar.command or (),
        health_check=_health_check(sidecar.healthcheck),
        depends_on=_conditions(awaited),
        mount_points=tuple(
            MountPoint(mount.source_volume, mount.path, mount.read_only)
            for mount in sidecar.mount_points
        ),
        stop_timeout_seconds=sidecar.stop_timeout,
        linger_seconds=sidecar.linger,
    )


def role_arn(role: str, environment: Environment) -> str:
    """Return a role's ARN; what is written may begin at `role/`."""
    if role.startswith("arn:"):
        return role
    return f"arn:{partition(environment.region)}:iam::{environment.account}:{role}"


def _log_group(record: ServiceRecord, environment: Environment) -> str | None:
    if record.manifest.logging.group is not None:
        return record.manifest.logging.group
    return None if environment.log_group is None else environment.log_group.name


def _secrets(
    secrets: Mapping[str, containers.Secret], environment: Environment
) -> dict[str, str]:
    return {name: _source(secret, environment) for name, secret in secrets.items()}


def _source(secret: containers.Secret, environment: Environment) -> str:
    """Return where ECS takes a secret from, as `valueFrom` has it.

    A parameter's name and a whole ARN are what API_Secret asks for. A secret's name
    becomes an ARN without the six characters that Secrets Manager puts at the end of
    each: by that GetSecretValue finds it (API_GetSecretValue, SecretId), while the
    guide of ECS speaks of whole ARNs only. Whether a policy on the whole ARN alone
    allows it is not documented, so the manual asks for both forms.
    """
    if secret.secretsmanager is None:
        assert secret.ssm is not None, "a secret that holds has one source"
        return secret.ssm
    name, *parts = secret.secretsmanager.split(":")
    if parts:
        parts += [""] * (_PARTS_OF_A_SECRET - len(parts))
    where = f"{environment.region}:{environment.account}"
    head = f"arn:{partition(environment.region)}:secretsmanager:{where}:secret"
    return ":".join([head, name, *parts])


def _health_check(check: containers.ContainerHealth | None) -> HealthCheck | None:
    if check is None:
        return None
    return HealthCheck(
        command=check.command,
        interval_seconds=check.interval,
        timeout_seconds=check.timeout,
        retries=check.retries,
        start_period_seconds=check.start_period,
    )


def _conditions(awaited: Mapping[str, str]) -> dict[str, Condition]:
    return {name: Condition(condition) for name, condition in awaited.items()}


def _efs(efs: containers.Efs | None) -> EfsVolume | None:
    return None if efs is None else EfsVolume(efs.id, efs.root_dir, efs.access_point)
