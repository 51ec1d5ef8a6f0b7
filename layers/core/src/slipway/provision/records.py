"""The record that rollouts go by, from a manifest and the ids of what was made."""

from collections.abc import Iterator

from slipway.domain.resources import Ids, Kind, Ref, Wanted, flat
from slipway.domain.service import Binding, Service
from slipway.manifests.bindings import HttpRule, NlbListener
from slipway.manifests.environment import Environment
from slipway.manifests.records import ServiceRecord, vacant_group_name
from slipway.manifests.shaping import task_shape
from slipway.provision.bindings import parking_name, rule_name
from slipway.provision.security_groups import own_group


def service_of(service: ServiceRecord, environment: Environment, ids: Ids) -> Service:
    """Return the record of a service; what is not there yet goes by its name."""
    manifest = service.manifest
    host, repository = _registry(manifest.image.location, environment)
    bounds = manifest.count.bounds()
    return Service(
        name=manifest.name,
        repository=repository,
        registry=host,
        slots=service.slots,
        task=task_shape(
            service, environment, (ids.shown(own_group(service, environment)),)
        ),
        bindings=tuple(_bindings(service, environment, ids)),
        min_tasks=bounds.least,
        max_tasks=bounds.most,
        tag_pattern=manifest.image.tag,
        rollout=service.rollout,
        scaling=service.scaling,
        subnet_ids=environment.subnets,
        mode=service.mode,
        registry_service_id=_registry_service_id(service, environment, ids),
    )


def _registry_service_id(
    service: ServiceRecord, environment: Environment, ids: Ids
) -> str | None:
    if environment.namespace is None or service.manifest.image.port is None:
        return None
    name = service.manifest.name
    found: str = ids.shown(Ref(Kind.REGISTRY_SERVICE, name, "service_id"))
    return found


def _bindings(
    service: ServiceRecord, environment: Environment, ids: Ids
) -> Iterator[Binding]:
    name = service.manifest.name
    for number, ingress in enumerate(service.ingress, start=1):
        groups = {
            slot: ids.shown(Ref(Kind.TARGET_GROUP, group))
            for slot, group in service.target_groups[ingress.path].items()
        }
        if isinstance(ingress.rule, NlbListener):
            own = Ref(Kind.NETWORK_LISTENER, rule_name(name, number))
            vacant = vacant_group_name(environment.name, name, number)
            nobody = ids.shown(Ref(Kind.TARGET_GROUP, vacant))
            yield Binding(ids.shown(own), None, None, groups, nobody)
            continue
        listener = f"{ingress.load_balancer}:{ingress.listener_port}"
        yield Binding(
            listener_arn=ids.shown(Ref(Kind.LISTENER, listener)),
            rule_arn=ids.shown(Ref(Kind.LISTENER_RULE, rule_name(name, number))),
            parking_rule_arn=ids.shown(
                Ref(Kind.LISTENER_RULE, parking_name(name, number))
            ),
            target_group_arns=groups,
            sticky=isinstance(ingress.rule, HttpRule) and ingress.rule.stickiness,
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
        # Tasks would be left behind under another name.
        frozenset({"slots.a", "slots.b"}),
        {"record": record},
        service=record.name,
        whole=True,
        remedy="leave `adopted` as it was, or take the service out and in again",
    )
