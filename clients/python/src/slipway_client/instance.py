"""One task of a service, as the registry lists it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Instance:
    """A task's address. Two are equal where the same task has the same address.

    `slot` is the name of the ECS service that the task belongs to and `zone` its
    availability zone, both as ECS writes them; each is empty where it wrote none.
    """

    service: str
    id: str
    address: str
    port: int
    slot: str = ""
    zone: str = ""
    attributes: Mapping[str, str] = field(
        default_factory=dict, compare=False, repr=False
    )

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.service} {self.id} at {host}:{self.port}"


def read_instance(
    service: str, instance_id: str, attributes: Mapping[str, str], port: int | None
) -> Instance | None:
    """Return an instance of the registry's attributes, None where it has no address.

    Their names are those that ECS writes ("Use service discovery to connect Amazon ECS
    services with DNS names"). ECS writes a port only for services with SRV records, so
    `port` stands in where the attribute is missing.
    """
    address = attributes.get("AWS_INSTANCE_IPV4") or attributes.get("AWS_INSTANCE_IPV6")
    written = attributes.get("AWS_INSTANCE_PORT", "")
    own_port = int(written) if written.isdecimal() else port
    if not address or own_port is None:
        return None
    return Instance(
        service=service,
        id=instance_id,
        address=address,
        port=own_port,
        slot=attributes.get("ECS_SERVICE_NAME", ""),
        zone=attributes.get("AVAILABILITY_ZONE", ""),
        attributes=dict(attributes),
    )
