"""The registry: Cloud Map's namespaces, the services in them, what it says of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slipway.domain.announcement import (
    PROTOCOL_KEY,
    VERSION_KEY,
    WEIGHTS_KEY,
    weights_told,
    written,
)
from slipway.domain.resources import Found, Ids, Kind, Scope, Wanted
from slipway.errors import Refused, Unavailable
from slipway.gateways import tags
from slipway.gateways.failures import code_of, translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy_boto3_servicediscovery.client import ServiceDiscoveryClient

from botocore.exceptions import ClientError

LET_GO = "once kept by Slipway"
TYPES = {"DNS_PRIVATE": "dns", "DNS_PUBLIC": "public dns", "HTTP": "http"}


class Namespaces:
    """The namespace in which services find each other."""

    kind = Kind.NAMESPACE

    def __init__(self, client: ServiceDiscoveryClient) -> None:
        self._client = client

    def found(self, scope: Scope, wanted: Sequence[Wanted], _: Ids) -> list[Found]:
        """Return the namespaces that have a wanted name."""
        names = [one.name for one in wanted]
        if not names:
            return []
        found = []
        with translated(f"ListNamespaces {', '.join(names)}"):
            pages = self._client.get_paginator("list_namespaces")
            for page in pages.paginate():
                found += [
                    self._found(one, scope)
                    for one in page["Namespaces"]
                    if one["Name"] in names
                ]
        return found

    def _found(self, one: Any, scope: Scope) -> Found:
        answer = self._client.list_tags_for_resource(ResourceARN=one["Arn"])
        labels = tags.read(answer["Tags"])
        return Found(
            self.kind,
            one["Name"],
            one["Id"],
            {"type": TYPES[one["Type"]]},
            owned=tags.is_owned(labels, scope),
            tags=labels,
            parts={"arn": one["Arn"]},
        )

    def make(self, scope: Scope, wanted: Wanted, ids: Ids) -> Found:
        """Make a namespace; raise Unavailable until it is there, to come back."""
        request: Any = {
            "Name": wanted.name,
            "CreatorRequestId": f"slipway-{scope.environment}-{wanted.name}",
            "Description": f"kept by Slipway for {scope.environment}",
            "Tags": tags.upper(scope.tags(wanted)),
        }
        with translated(f"create namespace {wanted.name}"):
            try:
                if wanted.facts["type"] == "dns":
                    answer = self._client.create_private_dns_namespace(
                        Vpc=wanted.once["vpc"], **request
                    )
                else:
                    answer = self._client.create_http_namespace(**request)
                operation = answer["OperationId"]
            except ClientError as error:
                response: Any = error.response
                if _is_made(response, request["CreatorRequestId"]):
                    # It came to be since it was looked for.
                    made, facts = response["NamespaceId"], ids.shown(wanted.facts)
                    return Found(self.kind, wanted.name, made, facts)
                if code_of(error) != "DuplicateRequest":
                    raise
                operation = response["DuplicateOperationId"]
            state: Any = self._client.get_operation(OperationId=operation)["Operation"]
        if state["Status"] == "FAIL":
            why = state.get("ErrorMessage", state.get("ErrorCode", ""))
            raise Refused(f"namespace {wanted.name} could not be made: {why}")
        if state["Status"] != "SUCCESS":
            raise Unavailable(f"namespace {wanted.name} is still being made")
        made = state["Targets"]["NAMESPACE"]
        return Found(self.kind, wanted.name, made, ids.shown(wanted.facts))

    def change(self, found: Found, wanted: Wanted, ids: Ids) -> None:
        """Refuse: a namespace stays what it is."""
        raise Refused(f"{found.name} does not become {ids.shown(wanted.facts)}")

    def tag(self, found: Found, labels: Mapping[str, str]) -> None:
        """Give it these tags, beside others that it has."""
        with translated(f"TagResource {found.name}"):
            self._client.tag_resource(
                ResourceARN=found.parts["arn"], Tags=tags.upper(labels)
            )

    def remove(self, found: Found) -> None:
        """Remove a namespace; refused while services are in it, and until it is gone.

        Cloud Map takes a while to remove it and its zone (DeleteNamespace), and refuses
        a second request meanwhile.
        """
        with translated(f"DeleteNamespace {found.name}"):
            operation = self._client.delete_namespace(Id=found.id)["OperationId"]
            state: Any = self._client.get_operation(OperationId=operation)["Operation"]
        if state["Status"] != "SUCCESS":
            why = state.get("ErrorMessage") or "it is being removed"
            raise Refused(f"namespace {found.name} is still there: {why}")


def _is_made(response: Any, request_id: str) -> bool:
    """Whether a namespace is refused because this very request made it before."""
    if response["Error"]["Code"] != "NamespaceAlreadyExists":
        return False
    return bool(response.get("CreatorRequestId") == request_id)


class RegistryServices:
    """Services of the registry; ECS registers their instances."""

    kind = Kind.REGISTRY_SERVICE

    def __init__(self, client: ServiceDiscoveryClient) -> None:
        self._client = client

    def found(self, scope: Scope, wanted: Sequence[Wanted], ids: Ids) -> list[Found]:
        """Return the services of the environment's namespace."""
        del wanted
        mark = _mark(scope)
        return [
            Found(
                self.kind,
                one["Name"],
                one["Arn"],
                {"ttl_seconds": _ttl(one)},
                one["Name"],
                owned=one.get("Description", "") == mark,
                parts={
                    **_parts(one["Id"], one.get("Description", "")),
                    "instances": one.get("InstanceCount", 0),
                },
            )
            for namespace in ids.of_kind(Kind.NAMESPACE)
            for one in self._services(namespace.id)
        ]

    def _services(self, namespace_id: str) -> Iterator[Any]:
        with translated(f"ListServices {namespace_id}"):
            pages = self._client.get_paginator("list_services")
            for page in pages.paginate(
                Filters=[{"Name": "NAMESPACE_ID", "Values": [namespace_id]}]
            ):
                yield from page["Services"]

    def make(self, scope: Scope, wanted: Wanted, ids: Ids) -> Found:
        """Make a service without instances."""
        once, ttl = ids.value(wanted.once), wanted.facts["ttl_seconds"]
        by_dns: Any = {} if ttl is None else {"DnsConfig": _dns(ttl)}
        with translated(f"CreateService {wanted.name} in the registry"):
            made = self._client.create_service(
                Name=wanted.name,
                NamespaceId=once["namespace"],
                CreatorRequestId=f"slipway-{once['namespace']}-{wanted.name}",
                Description=_mark(scope),
                Tags=tags.upper(scope.tags(wanted)),
                # ECS tells by this whether a task's containers are healthy.
                HealthCheckCustomConfig={"FailureThreshold": 1},
                **by_dns,
            )["Service"]
        return Found(
            self.kind,
            wanted.name,
            made["Arn"],
            dict(wanted.facts),
            wanted.service,
            parts=_parts(made["Id"], _mark(scope)),
        )

    def change(self, found: Found, wanted: Wanted, ids: Ids) -> None:
        """Give a service another time to live.

        The description goes with it, by which the service is known to be Slipway's.
        """
        del ids
        dns: Any = {"DnsRecords": _dns(wanted.facts["ttl_seconds"])["DnsRecords"]}
        change: Any = {"Description": found.parts["description"], "DnsConfig": dns}
        with translated(f"UpdateService {found.name} in the registry"):
            self._client.update_service(Id=found.parts["service_id"], Service=change)

    def remove(self, found: Found) -> None:
        """Remove a service; refused while instances are in it."""
        with translated(f"DeleteService {found.name} of the registry"):
            self._client.delete_service(Id=found.parts["service_id"])

    def let_go(self, found: Found) -> None:
        """Take the mark away by which a service is Slipway's."""
        ttl = found.facts["ttl_seconds"]
        by_dns: Any = (
            {}
            if ttl is None
            else {"DnsConfig": {"DnsRecords": _dns(ttl)["DnsRecords"]}}
        )
        change: Any = {"Description": LET_GO, **by_dns}
        with translated(f"UpdateService {found.name} in the registry"):
            self._client.update_service(Id=found.parts["service_id"], Service=change)


class RegistryAttributes:
    """What the registry says of services, as attributes of its own ones."""

    kind = Kind.REGISTRY_ATTRIBUTES

    def __init__(self, client: ServiceDiscoveryClient) -> None:
        self._client = client

    def found(self, _: Scope, wanted: Sequence[Wanted], ids: Ids) -> list[Found]:
        """Return what is said of the wanted services that are in the registry."""
        names = {one.name: one for one in wanted}
        return [
            self._found(service, names[service.name])
            for service in ids.of_kind(Kind.REGISTRY_SERVICE)
            if service.name in names
        ]

    def _found(self, service: Found, wanted: Wanted) -> Found:
        service_id = service.parts["service_id"]
        with translated(f"GetServiceAttributes {service.name}"):
            answer = self._client.get_service_attributes(ServiceId=service_id)
        said = answer["ServiceAttributes"].get("Attributes", {})
        facts = {
            "weights": weights_told(said),
            "protocol": said.get(PROTOCOL_KEY),
            "versions": {
                name: said.get(VERSION_KEY + name) for name in wanted.facts["versions"]
            },
        }
        return Found(
            self.kind,
            service.name,
            service_id,
            facts,
            service.service,
            owned=service.owned,
        )

    def make(self, scope: Scope, wanted: Wanted, ids: Ids) -> Found:
        """Raise Unavailable: attributes are their service's, and that is not there."""
        del scope, ids
        raise Unavailable(f"registry service {wanted.name} is not there yet")

    def change(self, found: Found, wanted: Wanted, ids: Ids) -> None:
        """Say what is wanted; take weights back where there are to be none."""
        facts = ids.value(wanted.facts)
        if facts["weights"] is None and found.facts["weights"] is not None:
            with translated(f"DeleteServiceAttributes {found.name}"):
                self._client.delete_service_attributes(
                    ServiceId=found.id, Attributes=[WEIGHTS_KEY]
                )
        told = written(facts["weights"], facts["versions"], facts["protocol"])
        with translated(f"UpdateServiceAttributes {found.name}"):
            self._client.update_service_attributes(ServiceId=found.id, Attributes=told)


class CloudMap:
    """What rollouts tell the registry."""

    def __init__(self, client: ServiceDiscoveryClient) -> None:
        self._client = client

    def tell(self, service_id: str, attributes: Mapping[str, str]) -> None:
        """Set attributes of a service; its others stay as they are."""
        with translated(f"UpdateServiceAttributes {service_id}"):
            self._client.update_service_attributes(
                ServiceId=service_id, Attributes=dict(attributes)
            )


def _parts(service_id: str, description: str) -> dict[str, str]:
    return {"service_id": service_id, "description": description}


def _mark(scope: Scope) -> str:
    """Return what the environment's services are told by: lists have no tags."""
    return f"kept by Slipway for {scope.environment}"


def _dns(ttl_seconds: int) -> Any:
    return {
        "RoutingPolicy": "MULTIVALUE",
        "DnsRecords": [{"Type": "A", "TTL": ttl_seconds}],
    }


def _ttl(service: Any) -> int | None:
    records = service.get("DnsConfig", {}).get("DnsRecords", [])
    return records[0]["TTL"] if records else None
