"""A service's name in the registry, and what callers read there."""

from slipway.domain.resources import Kind, Ref, Wanted
from slipway.manifests.bindings import NlbListener
from slipway.manifests.environment import Environment
from slipway.manifests.records import ServiceRecord
from slipway.provision.bindings import rule_name
from slipway.provision.standing import Standing

DNS_TTL_SECONDS = 10
"""How long a resolver may remember where a service's tasks are."""


def registry_service(service: ServiceRecord, environment: Environment) -> Wanted:
    """Return the service's name in the registry; both slots' tasks answer by it."""
    namespace = environment.namespace
    assert namespace is not None
    return Wanted(
        Kind.REGISTRY_SERVICE,
        service.manifest.name,
        f"it is found as {service.manifest.name}.{namespace.name}",
        {"ttl_seconds": DNS_TTL_SECONDS if namespace.type == "dns" else None},
        once={"namespace": Ref(Kind.NAMESPACE, namespace.name)},
        service=service.manifest.name,
    )


def registry_attributes(service: ServiceRecord, standing: Standing) -> Wanted:
    """Return what the registry says of a service at rest: what its first rule has.

    A rollout tells the registry itself. A service without rules has no weights.
    """
    manifest, state = service.manifest, standing.state
    weights = None
    if service.ingress:
        first = service.ingress[0]
        groups = service.target_groups[first.path]
        is_network = isinstance(first.rule, NlbListener)
        kind = Kind.NETWORK_LISTENER if is_network else Kind.LISTENER_RULE
        rule = rule_name(manifest.name, 1)
        weights = {
            service.slots[slot]: Ref(kind, rule, f"share of {group}")
            for slot, group in groups.items()
        }
    versions = {}
    if state is not None:
        versions[service.slots[state.primary]] = standing.version
    return Wanted(
        Kind.REGISTRY_ATTRIBUTES,
        manifest.name,
        "callers choose tasks by it",
        {
            "weights": weights,
            "protocol": manifest.image.protocol,
            "versions": versions,
        },
        service=manifest.name,
    )
