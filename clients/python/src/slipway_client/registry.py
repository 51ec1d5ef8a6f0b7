"""AWS Cloud Map, the registry: the only user of boto3."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from slipway_client.errors import RegistryAway, UnknownService
from slipway_client.instance import Instance, read_instance

log = logging.getLogger(__name__)

MOST_INSTANCES = 1000
"""Instances that one service can have ("AWS Cloud Map service quotas"), and the most
that DiscoverInstances returns: it has no further pages, and gives 100 unless asked."""

UNKNOWN = {"NamespaceNotFound", "ServiceNotFound"}


@dataclass(frozen=True, slots=True)
class Listing:
    """A service's instances, and the revision of the registry that they stand in."""

    instances: tuple[Instance, ...]
    revision: int | None


def cloud_map() -> Any:
    """Return a client for the registry, of the surrounding region and credentials.

    One attempt a call and short time-outs: the refresher's own pace is the retry.
    """
    return boto3.client(
        "servicediscovery",
        config=Config(
            connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1}
        ),
    )


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise AWS's errors as ours."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        kind = UnknownService if code in UNKNOWN else RegistryAway
        raise kind(f"{what}: {code}") from error
    except BotoCoreError as error:
        raise RegistryAway(f"{what}: {error}") from error


class Registry:
    """What the registry says about the services of one namespace.

    `client` is boto3's for `servicediscovery`. Raises RegistryAway or UnknownService.
    """

    def __init__(self, client: Any, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    def revision(self, service: str) -> int:
        """Return a number that moves when an instance comes or goes.

        Changes of health do not move it (API reference, DiscoverInstancesRevision).
        """
        with translated(f"DiscoverInstancesRevision of {service}"):
            answer = self._client.discover_instances_revision(
                NamespaceName=self._namespace, ServiceName=service
            )
        return int(answer["InstancesRevision"])

    def instances(self, service: str, port: int | None) -> Listing:
        """Return a service's healthy instances, or all where none is healthy.

        `port` is for instances that are registered without one.
        """
        with translated(f"DiscoverInstances of {service}"):
            answer = self._client.discover_instances(
                NamespaceName=self._namespace,
                ServiceName=service,
                MaxResults=MOST_INSTANCES,
                HealthStatus="HEALTHY_OR_ELSE_ALL",
            )
        found: list[Instance] = []
        for item in answer["Instances"]:
            attributes = item.get("Attributes", {})
            instance = read_instance(service, item["InstanceId"], attributes, port)
            if instance is None:
                log.warning(
                    "%s: instance %s is left out, it has no address or no port",
                    service,
                    item["InstanceId"],
                )
            else:
                found.append(instance)
        return Listing(tuple(found), answer.get("InstancesRevision"))

    def service_id(self, service: str) -> str:
        """Return a service's id, which its attributes are asked by.

        Reads the lists of namespaces and services, once: callers keep the id.
        """
        with translated(f"the id of {service}"):
            namespace = self._namespace_id()
            pages = self._client.get_paginator("list_services").paginate(
                Filters=[{"Name": "NAMESPACE_ID", "Values": [namespace]}]
            )
            for page in pages:
                for item in page["Services"]:
                    if item["Name"] == service:
                        return str(item["Id"])
        raise UnknownService(f"{self._namespace} has no service {service}")

    def attributes(self, service_id: str) -> Mapping[str, str]:
        """Return the attributes of the service itself (GetServiceAttributes)."""
        with translated(f"GetServiceAttributes of {service_id}"):
            answer = self._client.get_service_attributes(ServiceId=service_id)
        found: Mapping[str, str] = answer["ServiceAttributes"].get("Attributes", {})
        return found

    def _namespace_id(self) -> str:
        pages = self._client.get_paginator("list_namespaces").paginate(
            Filters=[{"Name": "HTTP_NAME", "Values": [self._namespace]}]
        )
        for page in pages:
            for item in page["Namespaces"]:
                http = item.get("Properties", {}).get("HttpProperties", {})
                if http.get("HttpName", item["Name"]) == self._namespace:
                    return str(item["Id"])
        raise UnknownService(f"there is no namespace {self._namespace}")
