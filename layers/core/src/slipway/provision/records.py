"""The record that rollouts go by, from a manifest and the ids of what was made."""

from collections.abc import Iterator

from slipway.domain.resources import Ids, Kind, Ref, Wanted, flat
from slipway.domain.service import Binding, Service, Slot
from slipway.manifests.environment import Environment
from slipway.manifests.records import ServiceRecord
from slipway.manifests.shaping import task_shape
from slipway.provision.desired import own_group, parking_name, rule_name, slot_name


def service_of(service: ServiceRecord, environment: Environment, ids: Ids) -> Service:
    """Return the record of a service; what is not there yet goes by its name."""
    manifest = service.manifest
    host, repository = _registry(manifest.image.location, environment)
    bounds = manifest.count.bounds()
    return Service(
        name=manifest.name,
        repository=repository,
        registry=host,
        slots={slot: slot_name(manifest.name, slot) for slot in Slot},
        task=task_shape(
            service, environment, (ids.shown(own_group(service, environment)),)
        ),
        bindings=tuple(_bindings(service, ids)),
        min_tasks=bounds.least,
        max_tasks=bounds.most,
        tag_pattern=manifest.image.tag,
        rollout=service.rollout,
        scaling=service.scaling,
        subnet_ids=environment.subnets,
        mode=service.mode,
    )


def _bindings(service: ServiceRecord, ids: Ids) -> Iterator[Binding]:
    name = service.manifest.name
    for number, ingress in enumerate(service.ingress, start=1):
        listener = f"{ingress.load_balancer}:{ingress.listener_port}"
        yield Binding(
            listener_arn=ids.shown(Ref(Kind.LISTENER, listener)),
            rule_arn=ids.shown(Ref(Kind.LISTENER_RULE, rule_name(name, number))),
            parking_rule_arn=ids.shown(
                Ref(Kind.LISTENER_RULE, parking_name(name, number))
            ),
            target_group_arns={
                slot: ids.shown(Ref(Kind.TARGET_GROUP, group))
                for slot, group in service.target_groups[ingress.path].items()
            },
        )


def _registry(location: str, environment: Environment) -> tuple[str, str]:
    """Return the registry's host and the repository."""
    host, slash, repository = location.partition("/")
    if slash and ".dkr.ecr." in host:
        return host, repository
    suffix = ".cn" if environment.region.startswith("cn-") else ""
    own = f"{environment.account}.dkr.ecr.{environment.region}.amazonaws.com{suffix}"
    return own, location


def wanted_record(service: ServiceRecord, environment: Environment, ids: Ids) -> Wanted:
    """Return the record as a resource."""
    record = service_of(service, environment, ids)
    return Wanted(
        Kind.RECORD,
        record.name,
        "rollouts go by it",
        dict(flat(record)),
        once={"record": record},
        service=record.name,
        whole=True,
    )
