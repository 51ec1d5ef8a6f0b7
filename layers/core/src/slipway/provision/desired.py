"""What manifests want: every resource, by what it is called and what it is like.

Names follow from manifests alone, so that a resource that was lost is found wanting and
a second run finds the first one's. Where a value is another resource's id, it is a
`Ref`.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from slipway.domain.resources import Scope, Wanted
from slipway.manifests.environment import Environment
from slipway.manifests.records import EnvironmentRecord, ServiceRecord
from slipway.provision.bindings import bindings
from slipway.provision.certificates import certificates
from slipway.provision.cluster import cluster
from slipway.provision.load_balancers import load_balancers
from slipway.provision.registry import registry_attributes, registry_service
from slipway.provision.scaling import scaling
from slipway.provision.security_groups import security_groups
from slipway.provision.slots import slots
from slipway.provision.standing import NEW, Standing


def scope_of(record: EnvironmentRecord) -> Scope:
    """Return where an environment's resources are, and which tags they get."""
    environment = record.environment
    return Scope(
        environment.name,
        environment.vpc,
        environment.cluster.name,
        environment.tags,
        {s.manifest.name: s.manifest.tags for s in record.services},
    )


def desired(
    record: EnvironmentRecord, standings: Mapping[str, Standing], now: datetime
) -> list[Wanted]:
    """Return every resource but the services' records, which need the others' ids.

    Bounds are those that hold at `now`.
    """
    environment = record.environment
    return [
        *cluster(record),
        *certificates(environment),
        *security_groups(record),
        *load_balancers(environment),
        *(
            one
            for service in record.services
            for one in of_service(
                service, environment, standings.get(service.manifest.name, NEW), now
            )
        ),
    ]


def grounds(record: EnvironmentRecord) -> list[Wanted]:
    """Return what is found by its name alone, for stages that ask for ids only."""
    return [
        *cluster(record),
        *load_balancers(record.environment),
        *_adopted_groups(record),
    ]


def _adopted_groups(record: EnvironmentRecord) -> Iterator[Wanted]:
    """Give the target groups whose names do not begin with the environment's."""
    for service in record.services:
        adopted = service.manifest.adopted
        if adopted is not None:
            for one in bindings(service, record.environment, NEW):
                if one.name in adopted.target_groups:
                    yield one


def of_service(
    service: ServiceRecord, environment: Environment, standing: Standing, now: datetime
) -> Iterator[Wanted]:
    """Give what is one service's own, but its record and its security group."""
    manifest = service.manifest
    if environment.namespace is not None and manifest.image.port is not None:
        yield registry_service(service, environment)
        if not standing.in_rollout:
            yield registry_attributes(service, standing)
    yield from bindings(service, environment, standing)
    yield from slots(service, environment, standing, now)
    yield from scaling(service, standing, now)
