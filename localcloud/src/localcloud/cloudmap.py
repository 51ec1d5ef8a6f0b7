"""Cloud Map: namespaces, services, and instances that can be discovered.

The records are moto's, which answers what is not served here: tags, UpdateService,
GetInstance. Pages are of the Cloud Map API reference.

Not modelled, and refused: public DNS namespaces, records other than A, health checks
of Route 53, shared namespaces. There is no DNS: instances are found by API alone.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

from moto.servicediscovery.models import (
    Namespace,
    Operation,
    Service,
    ServiceInstance,
    servicediscovery_backends,
)

from localcloud.api import ACCOUNT, REGION, AwsError, NotModelled, Router, only
from localcloud.clock import Clock
from localcloud.delays import Delays
from localcloud.identity import Ids

_PER_PAGE = 100
_HEALTH = ("HEALTHY", "UNHEALTHY", "ALL", "HEALTHY_OR_ELSE_ALL")
_WITHOUT_CHECK = "UNKNOWN"
_MOST_ATTRIBUTES = 30
_LONGEST_KEY = 255
_LONGEST_VALUE = 1024
"""Of a service's attributes (UpdateServiceAttributes)."""


@dataclass(slots=True)
class CloudMap:
    """The account's namespaces; writes take effect some time after their answer."""

    clock: Clock
    router: Router
    delays: Delays
    _revisions: dict[str, int] = field(default_factory=dict)
    """By service, how often its instances have changed."""
    _pending: dict[tuple[str, str], str] = field(default_factory=dict)
    """The operation that changes an instance of a service just now."""
    _making: dict[str, str] = field(default_factory=dict)
    """The operation that makes a namespace just now, by its request's id."""
    _ids: Ids = field(default_factory=lambda: Ids("cloudmap"))
    _chance: Random = field(
        default_factory=lambda: Random(1)  # noqa: S311  one order each run
    )

    def __post_init__(self) -> None:
        """Serve the API."""
        self.router.serve(
            "servicediscovery",
            {
                "CreatePrivateDnsNamespace": self._create_private,
                "CreateHttpNamespace": self._create_http,
                "CreatePublicDnsNamespace": _refuse("public DNS namespaces"),
                "GetNamespace": self._get_namespace,
                "ListNamespaces": self._list_namespaces,
                "DeleteNamespace": self._delete_namespace,
                "GetOperation": self._get_operation,
                "ListOperations": self._list_operations,
                "CreateService": self._create_service,
                "GetService": self._get_service,
                "ListServices": self._list_services,
                "DeleteService": self._delete_service,
                "GetServiceAttributes": self._get_attributes,
                "UpdateServiceAttributes": self._update_attributes,
                "DeleteServiceAttributes": self._delete_attributes,
                "RegisterInstance": self._register,
                "DeregisterInstance": self._deregister,
                "ListInstances": self._list_instances,
                "UpdateInstanceCustomHealthStatus": self._update_health,
                "DiscoverInstances": self._discover,
                "DiscoverInstancesRevision": self._discover_revision,
            },
        )

    def answer(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Answer what a service's caller asks, by another way than boto3's."""
        asked = {
            "DiscoverInstances": self._discover,
            "DiscoverInstancesRevision": self._discover_revision,
            "GetServiceAttributes": self._get_attributes,
            "ListNamespaces": self._list_namespaces,
            "ListServices": self._list_services,
        }
        if operation not in asked:
            raise NotModelled(f"{operation} by a task")
        return asked[operation](params)

    # --------------------------------------------------------------------- ECS's part

    def knows(self, service: str) -> bool:
        """Whether there is a service of this id or ARN."""
        return _id(service) in _stored().services

    def enroll(self, service: str, instance: str, attributes: dict[str, str]) -> None:
        """Register an instance as ECS does, soon."""
        if not self.knows(service):
            raise NotModelled(f"a task whose service registry {service} is gone")
        self.clock.call_later(
            self.delays.instance_seconds, self._put, _id(service), instance, attributes
        )

    def withdraw(self, service: str, instance: str) -> None:
        """Deregister an instance as ECS does, soon; without it nothing happens."""
        self.clock.call_later(
            self.delays.instance_seconds, self._drop, _id(service), instance
        )

    def _put(self, service_id: str, instance: str, attributes: dict[str, str]) -> None:
        """Add an instance, or give one other attributes."""
        service = _stored().services.get(service_id)
        if service is None:
            return
        known = next((i for i in service.instances if i.instance_id == instance), None)
        if known is not None:
            service.instances.remove(known)
        record = ServiceInstance(service_id, instance, attributes=attributes)
        record.creator_request_id = self._ids.uuid("instance")
        record.health_status = attributes.get("AWS_INIT_HEALTH_STATUS", "HEALTHY")
        service.instances.append(record)
        self._changed(service_id)

    def _drop(self, service_id: str, instance: str) -> None:
        service = _stored().services.get(service_id)
        if service is None:
            return
        left = [i for i in service.instances if i.instance_id != instance]
        if len(left) < len(service.instances):
            service.instances[:] = left
            self._changed(service_id)

    def _changed(self, service_id: str) -> None:
        self._revisions[service_id] = self._revisions.get(service_id, 0) + 1

    # ---------------------------------------------------------------------- operations

    def _begin(
        self,
        kind: str,
        targets: Mapping[str, str],
        seconds: float,
        effect: Callable[[], object],
    ) -> dict[str, Any]:
        """Begin what succeeds after some time (GetOperation)."""
        operation = Operation(kind, dict(targets))
        operation.id = self._ids.hexadecimal("operation", 32)
        operation.status = "PENDING"
        operation.created = operation.updated = self.clock.now().timestamp()
        _stored().operations[operation.id] = operation

        def succeed() -> None:
            effect()
            operation.status = "SUCCESS"
            operation.updated = self.clock.now().timestamp()

        self.clock.call_later(seconds, succeed)
        return {"OperationId": operation.id}

    def _get_operation(self, params: dict[str, Any]) -> dict[str, Any]:
        only(params, "OperationId")
        found = _stored().operations.get(params["OperationId"])
        if found is None:
            raise AwsError("OperationNotFound", "No such operation.")
        return {"Operation": _written(found.to_json())}

    def _list_operations(self, params: dict[str, Any]) -> dict[str, Any]:
        """List operations that match every filter (ListOperations)."""
        only(params, "Filters", "MaxResults", "NextToken")
        found = [
            operation.to_json(short=True)
            for operation in _stored().operations.values()
            if _matches(
                params.get("Filters", ()),
                {
                    "NAMESPACE_ID": operation.targets.get("NAMESPACE", ""),
                    "SERVICE_ID": operation.targets.get("SERVICE", ""),
                    "STATUS": operation.status,
                    "TYPE": operation.operation_type,
                },
            )
        ]
        return _page("Operations", found, params)

    # ---------------------------------------------------------------------- namespaces

    def _create_private(self, params: dict[str, Any]) -> dict[str, Any]:
        """Make a namespace of a VPC; the VPC must be there."""
        only(params, "Name", "CreatorRequestId", "Description", "Vpc", "Tags")
        return self._create_namespace(params, "DNS_PRIVATE")

    def _create_http(self, params: dict[str, Any]) -> dict[str, Any]:
        only(params, "Name", "CreatorRequestId", "Description", "Tags")
        return self._create_namespace(params, "HTTP")

    def _create_namespace(self, params: dict[str, Any], kind: str) -> dict[str, Any]:
        """Make a namespace, after some time; a name is given once.

        The same request, while it is under way, is DuplicateRequest with the operation
        (CreatePrivateDnsNamespace, Errors).
        A name can serve several VPCs on AWS; that is not modelled.
        """
        name, request = params["Name"], params["CreatorRequestId"]
        if request in self._making:
            raise AwsError(
                "DuplicateRequest",
                "The operation is already in progress.",
                DuplicateOperationId=self._making[request],
            )
        for known in _stored().namespaces.values():
            if known.name == name:
                raise AwsError(
                    "NamespaceAlreadyExists",
                    "The namespace that you're trying to create already exists.",
                    NamespaceId=known.id,
                    CreatorRequestId=known.creator_request_id,
                )
        zone = {"HostedZoneId": "Z" + self._ids.hexadecimal("zone", 20).upper()}
        namespace = Namespace(
            account_id=ACCOUNT,
            region=REGION,
            name=name,
            ns_type=kind,
            creator_request_id=params["CreatorRequestId"],
            description=params.get("Description", ""),
            dns_properties={} if kind == "HTTP" else zone,
            http_properties={"HttpName": name},
            vpc=params.get("Vpc"),
        )
        namespace.created = self.clock.now().timestamp()

        def make() -> None:
            del self._making[request]
            _stored().namespaces[namespace.id] = namespace
            _stored().tag_resource(namespace.arn, params.get("Tags", []))

        begun = self._begin(
            "CREATE_NAMESPACE",
            {"NAMESPACE": namespace.id},
            self.delays.namespace_seconds,
            make,
        )
        self._making[request] = begun["OperationId"]
        return begun

    def _get_namespace(self, params: dict[str, Any]) -> dict[str, Any]:
        only(params, "Id")
        return {"Namespace": _namespace_shape(_namespace(params["Id"]))}

    def _list_namespaces(self, params: dict[str, Any]) -> dict[str, Any]:
        only(params, "Filters", "MaxResults", "NextToken")
        found = [
            _without(_namespace_shape(namespace), "CreatorRequestId")
            for namespace in _stored().namespaces.values()
            if _matches(
                params.get("Filters", ()),
                {
                    "TYPE": namespace.type,
                    "NAME": namespace.name,
                    "HTTP_NAME": namespace.http_properties["HttpName"],
                },
            )
        ]
        return _page("Namespaces", found, params)

    def _delete_namespace(self, params: dict[str, Any]) -> dict[str, Any]:
        """Delete a namespace without services, after some time (DeleteNamespace)."""
        only(params, "Id")
        namespace = _namespace(params["Id"])
        if _services_of(namespace):
            raise _in_use(namespace.id)

        def delete() -> None:
            _stored().namespaces.pop(namespace.id, None)

        return self._begin(
            "DELETE_NAMESPACE",
            {"NAMESPACE": namespace.id},
            self.delays.namespace_seconds,
            delete,
        )

    # ------------------------------------------------------------------------ services

    def _create_service(self, params: dict[str, Any]) -> dict[str, Any]:
        """Make a service; its name is free in its namespace (CreateService)."""
        only(
            params,
            "Name",
            "NamespaceId",
            "CreatorRequestId",
            "Description",
            "DnsConfig",
            "HealthCheckCustomConfig",
            "Tags",
            "Type",
        )
        dns = params.get("DnsConfig")
        if dns is not None:
            only(dns, "NamespaceId", "RoutingPolicy", "DnsRecords")
            kinds = {record["Type"] for record in dns["DnsRecords"]}
            if kinds != {"A"}:
                raise NotModelled(f"DNS records {', '.join(sorted(kinds))}")
        namespace = _namespace(
            params.get("NamespaceId") or (dns or {}).get("NamespaceId", "")
        )
        if namespace.type == "HTTP" and dns is not None:
            raise AwsError("InvalidInput", "HTTP namespaces have no DNS records.")
        for known in _services_of(namespace):
            if known.name == params["Name"]:
                raise AwsError(
                    "ServiceAlreadyExists",
                    "The service can't be created because a service with the same "
                    "name already exists.",
                    ServiceId=known.id,
                    ServiceArn=known.arn,
                    CreatorRequestId=known.creator_request_id,
                )
        custom = params.get("HealthCheckCustomConfig")
        service = _stored().create_service(
            name=params["Name"],
            namespace_id=namespace.id,
            description=params.get("Description", ""),
            creator_request_id=params["CreatorRequestId"],
            dns_config=dns and {"RoutingPolicy": "MULTIVALUE"} | dns,
            health_check_config=None,
            health_check_custom_config=custom if custom is None else {},
            tags=params.get("Tags", []),
            service_type=params.get("Type") or ("DNS_HTTP" if dns else "HTTP"),
        )
        service.created = self.clock.now().timestamp()
        return {"Service": _service_shape(service)}

    def _get_service(self, params: dict[str, Any]) -> dict[str, Any]:
        only(params, "Id")
        return {"Service": _service_shape(_service(params["Id"]))}

    def _list_services(self, params: dict[str, Any]) -> dict[str, Any]:
        only(params, "Filters", "MaxResults", "NextToken")
        found = [
            _without(_service_shape(service), "CreatorRequestId", "NamespaceId")
            for service in _stored().services.values()
            if _matches(
                params.get("Filters", ()), {"NAMESPACE_ID": service.namespace_id}
            )
        ]
        return _page("Services", found, params)

    def _delete_service(self, params: dict[str, Any]) -> dict[str, Any]:
        """Delete a service without instances (DeleteService)."""
        only(params, "Id")
        service = _service(params["Id"])
        if service.instances or any(s == service.id for s, _ in self._pending):
            raise _in_use(service.id)
        _stored().delete_service(service.id)
        return {}

    # ------------------------------------------------------------- services' attributes

    def attributes(self, service: str) -> dict[str, str]:
        """Return the attributes of a service of this id or ARN."""
        return dict(_service(service).attributes)

    def _get_attributes(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return a service's own attributes (GetServiceAttributes)."""
        only(params, "ServiceId")
        service = _service(params["ServiceId"])
        return {
            "ServiceAttributes": {
                "ServiceArn": service.arn,
                "ResourceOwner": ACCOUNT,
                "Attributes": dict(service.attributes),
            }
        }

    def _update_attributes(self, params: dict[str, Any]) -> dict[str, Any]:
        """Add attributes to a service, or give some other values; others stay.

        UpdateServiceAttributes. That readers see it at once is not documented.
        """
        only(params, "ServiceId", "Attributes")
        service, given = _service(params["ServiceId"]), params["Attributes"]
        if any(
            len(key) > _LONGEST_KEY or len(value) > _LONGEST_VALUE
            for key, value in given.items()
        ):
            raise AwsError("InvalidInput", "An attribute is too long.")
        updated = {**service.attributes, **given}
        if len(updated) > _MOST_ATTRIBUTES:
            raise AwsError(
                "ServiceAttributesLimitExceededException",
                "You've exceeded the quota for the number of attributes.",
            )
        service.attributes = updated
        return {}

    def _delete_attributes(self, params: dict[str, Any]) -> dict[str, Any]:
        """Take attributes from a service (DeleteServiceAttributes).

        One that it has not is taken for gone; what AWS says of it is not documented.
        """
        only(params, "ServiceId", "Attributes")
        service = _service(params["ServiceId"])
        service.attributes = _without(service.attributes, *params["Attributes"])
        return {}

    # ----------------------------------------------------------------------- instances

    def _register(self, params: dict[str, Any]) -> dict[str, Any]:
        """Add an instance, or give one other attributes (RegisterInstance)."""
        only(params, "ServiceId", "InstanceId", "CreatorRequestId", "Attributes")
        service, attributes = _service(params["ServiceId"]), params["Attributes"]
        if service.dns_config and "AWS_INSTANCE_IPV4" not in attributes:
            raise AwsError("InvalidInput", "A records need AWS_INSTANCE_IPV4.")
        return self._change_instance(
            "REGISTER_INSTANCE",
            service,
            params["InstanceId"],
            lambda: self._put(service.id, params["InstanceId"], attributes),
        )

    def _deregister(self, params: dict[str, Any]) -> dict[str, Any]:
        only(params, "ServiceId", "InstanceId")
        service, instance = _service(params["ServiceId"]), params["InstanceId"]
        _instance(service, instance)
        return self._change_instance(
            "DEREGISTER_INSTANCE",
            service,
            instance,
            lambda: self._drop(service.id, instance),
        )

    def _change_instance(
        self, kind: str, service: Service, instance: str, effect: Callable[[], object]
    ) -> dict[str, Any]:
        """Begin a change; there is one of an instance at a time (RegisterInstance)."""
        key = service.id, instance
        if key in self._pending:
            raise AwsError(
                "DuplicateRequest",
                "The operation is already in progress.",
                DuplicateOperationId=self._pending[key],
            )

        def finish() -> None:
            del self._pending[key]
            effect()

        targets = {"SERVICE": service.id, "INSTANCE": instance}
        answer = self._begin(kind, targets, self.delays.instance_seconds, finish)
        self._pending[key] = answer["OperationId"]
        return answer

    def _list_instances(self, params: dict[str, Any]) -> dict[str, Any]:
        only(params, "ServiceId", "MaxResults", "NextToken")
        instances = _service(params["ServiceId"]).instances
        shapes = [{"Id": i.instance_id, "Attributes": i.attributes} for i in instances]
        return _page("Instances", shapes, params)

    def _update_health(self, params: dict[str, Any]) -> dict[str, Any]:
        """Change an instance's health about 30 seconds later.

        HealthCheckCustomConfig; without it there is no health to change.
        """
        only(params, "ServiceId", "InstanceId", "Status")
        service = _service(params["ServiceId"])
        instance = _instance(service, params["InstanceId"])
        if service.health_check_custom_config is None:
            raise AwsError(
                "CustomHealthNotFound",
                "The service has no custom health check.",
            )

        def change() -> None:
            instance.health_status = params["Status"]

        self.clock.call_later(self.delays.custom_health_seconds, change)
        return {}

    # ----------------------------------------------------------------------- discovery

    def _discover(self, params: dict[str, Any]) -> dict[str, Any]:
        """Find instances, in no order, at most 100 unless asked for 1 to 1,000.

        Their health counts only where the service has a health check
        (DiscoverInstances). What the filter is by default is not documented.
        """
        only(
            params,
            "NamespaceName",
            "ServiceName",
            "MaxResults",
            "QueryParameters",
            "OptionalParameters",
            "HealthStatus",
        )
        service = _discoverable(params)
        found = _having(service.instances, params.get("QueryParameters", {}))
        if service.health_check_custom_config is not None:
            if "HealthStatus" not in params:
                raise NotModelled("HealthStatus left out where there is a health check")
            found = _of_health(found, params["HealthStatus"])
        found = _having(found, params.get("OptionalParameters", {})) or found
        self._chance.shuffle(found)
        return {
            "Instances": [
                {
                    "InstanceId": instance.instance_id,
                    "NamespaceName": params["NamespaceName"],
                    "ServiceName": service.name,
                    "HealthStatus": (
                        _WITHOUT_CHECK
                        if service.health_check_custom_config is None
                        else instance.health_status
                    ),
                    "Attributes": instance.attributes,
                }
                for instance in found[: params.get("MaxResults", _PER_PAGE)]
            ],
            "InstancesRevision": self._revisions.get(service.id, 0),
        }

    def _discover_revision(self, params: dict[str, Any]) -> dict[str, Any]:
        """Say how often instances have come, gone or been changed, whatever the health.

        DiscoverInstancesRevision.
        """
        only(params, "NamespaceName", "ServiceName")
        service = _discoverable(params)
        return {"InstancesRevision": self._revisions.get(service.id, 0)}


# ----------------------------------------------------------------------------- records


def _stored() -> Any:
    return servicediscovery_backends[ACCOUNT][REGION]


def _id(name: str) -> str:
    """Return an id, of an id or an ARN."""
    return name.rsplit("/", 1)[-1]


def _namespace(name: str) -> Namespace:
    found = _stored().namespaces.get(_id(name))
    if found is None:
        raise AwsError("NamespaceNotFound", f"No namespace {name} exists.")
    known: Namespace = found
    return known


def _service(name: str) -> Service:
    found = _stored().services.get(_id(name))
    if found is None:
        raise AwsError("ServiceNotFound", f"No service {name} exists.")
    known: Service = found
    return known


def _instance(service: Service, name: str) -> ServiceInstance:
    found = next((i for i in service.instances if i.instance_id == name), None)
    if found is None:
        raise AwsError("InstanceNotFound", f"No instance {name} exists.")
    return found


def _services_of(namespace: Namespace) -> list[Service]:
    every: Iterable[Service] = _stored().services.values()
    return [s for s in every if s.namespace_id == namespace.id]


def _discoverable(params: Mapping[str, Any]) -> Service:
    for namespace in _stored().namespaces.values():
        if namespace.http_properties["HttpName"] == params["NamespaceName"]:
            for service in _services_of(namespace):
                if service.name == params["ServiceName"]:
                    return service
            raise AwsError("ServiceNotFound", "No service of that name exists.")
    raise AwsError("NamespaceNotFound", "No namespace of that name exists.")


def _having(
    instances: Iterable[ServiceInstance], wanted: Mapping[str, str]
) -> list[ServiceInstance]:
    return [i for i in instances if wanted.items() <= i.attributes.items()]


def _of_health(instances: list[ServiceInstance], wanted: str) -> list[ServiceInstance]:
    if wanted not in _HEALTH:
        raise AwsError("InvalidInput", f"HealthStatus cannot be {wanted}.")
    if wanted == "ALL":
        return instances
    state = "UNHEALTHY" if wanted == "UNHEALTHY" else "HEALTHY"
    found = [i for i in instances if i.health_status == state]
    return found or (instances if wanted == "HEALTHY_OR_ELSE_ALL" else found)


# ------------------------------------------------------------------------------ shapes


def _written(shape: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record as the API gives it: no empty members, times as times."""
    return {
        name: datetime.fromtimestamp(value, UTC) if name.endswith("Date") else value
        for name, value in shape.items()
        if value is not None
    }


def _without(shape: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in shape.items() if name not in names}


def _namespace_shape(namespace: Namespace) -> dict[str, Any]:
    shape = _without(_written(namespace.to_json()), "UpdateDate")
    return shape | {"ServiceCount": len(_services_of(namespace))}


def _service_shape(service: Service) -> dict[str, Any]:
    return _written(service.to_json()) | {"InstanceCount": len(service.instances)}


def _matches(filters: Sequence[Mapping[str, Any]], facts: Mapping[str, str]) -> bool:
    """Whether every filter holds; EQ and IN are modelled."""
    for wanted in filters:
        if wanted["Name"] not in facts or wanted.get("Condition", "EQ") not in {
            "EQ",
            "IN",
        }:
            raise NotModelled(f"filter {wanted}")
        if facts[wanted["Name"]] not in {_id(value) for value in wanted["Values"]}:
            return False
    return True


def _page(name: str, found: Sequence[Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return one page, of 100 unless asked for 1 to 100."""
    most = params.get("MaxResults", _PER_PAGE)
    begin = int(params.get("NextToken", 0))
    page: dict[str, Any] = {name: [*found[begin : begin + most]]}
    if len(found) > begin + most:
        page["NextToken"] = str(begin + most)
    return page


def _in_use(name: str) -> AwsError:
    return AwsError(
        "ResourceInUse",
        f"{name} can't be deleted because it contains other resources.",
    )


def _refuse(what: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def refuse(_: dict[str, Any]) -> dict[str, Any]:
        raise NotModelled(what)

    return refuse
