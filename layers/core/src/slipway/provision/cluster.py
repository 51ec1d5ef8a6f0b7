"""What all services run in: the cluster, the log groups, the namespace."""

from collections.abc import Iterator

from slipway.domain.resources import Kind, Wanted
from slipway.manifests.records import EnvironmentRecord


def cluster(record: EnvironmentRecord) -> Iterator[Wanted]:
    """Give the cluster, the log groups and the namespace."""
    environment = record.environment
    yield Wanted(
        Kind.CLUSTER,
        environment.cluster.name,
        "services run in it",
        {"capacity_providers": sorted(environment.capacity_providers)},
        owned=environment.cluster.create,
    )
    group = environment.log_group
    if group is not None:
        yield _log_group(group.name, group.retention, owned=group.create)
    for service in record.services:
        logging = service.manifest.logging
        if logging.group is not None and logging.create:
            yield _log_group(
                logging.group,
                logging.retention,
                owned=True,
                service=service.manifest.name,
            )
    namespace = environment.namespace
    if namespace is not None:
        yield Wanted(
            Kind.NAMESPACE,
            namespace.name,
            "services find each other in it",
            {"type": namespace.type},
            frozenset({"type"}),
            {"vpc": environment.vpc},
            owned=namespace.create,
        )


def _log_group(
    name: str, days: int, *, owned: bool, service: str | None = None
) -> Wanted:
    facts = {"retention_days": days} if owned else {}
    reason = "output is written to it"
    return Wanted(Kind.LOG_GROUP, name, reason, facts, service=service, owned=owned)
