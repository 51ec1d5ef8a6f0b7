"""A registry for the client's tests: Cloud Map as moto plays it, in this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectTimeoutError
from moto import mock_aws
from slipway_client import Discovery

NAMESPACE = "boutique.internal"


@dataclass
class Clock:
    """A clock that tests set."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        """Return the time, in seconds."""
        return self.seconds

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds


@dataclass
class CloudMap:
    """The registry of one namespace, and what was asked of it."""

    client: Any
    namespace_id: str
    calls: list[str] = field(default_factory=list)
    failing: dict[str, str] = field(default_factory=dict)
    """Error codes by operation, "" for no answer. "*" is for every operation."""

    def create(self, service: str) -> str:
        """Make a service; return its id."""
        answer = self.client.create_service(Name=service, NamespaceId=self.namespace_id)
        return str(answer["Service"]["Id"])

    def register(
        self,
        service_id: str,
        task: str,
        *,
        slot: str = "cart-a",
        zone: str = "eu-west-1a",
        address: str = "10.0.0.1",
        port: int | None = 8080,
    ) -> None:
        """Register a task as ECS does, healthy."""
        attributes = {
            "AWS_INSTANCE_IPV4": address,
            "AVAILABILITY_ZONE": zone,
            "REGION": "eu-west-1",
            "ECS_SERVICE_NAME": slot,
            "ECS_CLUSTER_NAME": "boutique",
            "ECS_TASK_DEFINITION_FAMILY": slot,
        }
        if port is not None:
            attributes["AWS_INSTANCE_PORT"] = str(port)
        self.client.register_instance(
            ServiceId=service_id, InstanceId=task, Attributes=attributes
        )
        self.health(service_id, task, "HEALTHY")

    def health(self, service_id: str, task: str, status: str) -> None:
        """Set a task's health."""
        self.client.update_instance_custom_health_status(
            ServiceId=service_id, InstanceId=task, Status=status
        )

    def deregister(self, service_id: str, task: str) -> None:
        """Take a task out."""
        self.client.deregister_instance(ServiceId=service_id, InstanceId=task)

    def write(self, service_id: str, **attributes: str) -> None:
        """Write attributes of the service, each under `slipway:`."""
        self.client.update_service_attributes(
            ServiceId=service_id,
            Attributes={f"slipway:{key}": value for key, value in attributes.items()},
        )

    def discovery(self, clock: Clock, **options: Any) -> Discovery:
        """Return a Discovery of this registry without a thread, by a seeded chance."""
        return Discovery(
            NAMESPACE,
            client=self.client,
            clock=clock,
            **{"chance": seeded(1), "background": False, "zone": ""} | options,
        )

    def before_call(self, model: Any, **_: Any) -> tuple[Any, Any] | None:
        """Note what the client asks, and let it fail where it is to."""
        self.calls.append(model.name)
        code = self.failing.get(model.name, self.failing.get("*"))
        if code is None:
            return None
        if not code:
            raise ConnectTimeoutError(endpoint_url="https://registry")
        http = AWSResponse("https://registry", 400, {}, None)
        return http, {"Error": {"Code": code, "Message": "by the test"}}


def seeded(seed: int) -> Random:
    """Return a chance that is the same each time."""
    return Random(seed)  # noqa: S311


@cache
def session() -> boto3.Session:
    """Return a session, made once: it reads the descriptions of AWS's services."""
    return boto3.Session(
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106
    )


def boto_client() -> Any:
    """Return a client with credentials that are good for nothing."""
    return session().client("servicediscovery")


@contextmanager
def cloud_map() -> Iterator[CloudMap]:
    """Give a registry with the namespace and nothing in it."""
    with mock_aws():
        client = boto_client()
        client.create_http_namespace(Name=NAMESPACE)
        (namespace,) = client.list_namespaces()["Namespaces"]
        registry = CloudMap(client, namespace["Id"])
        client.meta.events.register(
            "before-call.servicediscovery", registry.before_call
        )
        yield registry
