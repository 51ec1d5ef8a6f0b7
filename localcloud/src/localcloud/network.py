"""Subnets, zones and addresses: where tasks are placed.

Subnets are those of moto's default VPC, one a zone. Tasks get loopback addresses, so
that in the demo each can be a process that listens on its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_address
from typing import Any

from moto.ec2.models import ec2_backends

from localcloud.api import ACCOUNT, REGION
from localcloud.seams import TaskSpec

_RANGES = ("127.0.16.0/22", "127.0.20.0/22", "127.0.24.0/22")


class AddressesExhausted(Exception):
    """A subnet has no free address left."""


@dataclass(frozen=True, slots=True)
class Subnet:
    """One subnet, in its own availability zone."""

    subnet_id: str
    zone: str
    """Such as eu-west-1a."""
    addresses: IPv4Network


class Network:
    """Three subnets; who has which address."""

    def __init__(self) -> None:
        defaults = sorted(
            (s for s in _moto_subnets() if s.default_for_az),
            key=lambda subnet: str(subnet.availability_zone),
        )
        self.vpc_id = str(defaults[0].vpc_id)
        self.subnets = tuple(
            Subnet(str(d.id), str(d.availability_zone), IPv4Network(addresses))
            for d, addresses in zip(defaults, _RANGES, strict=False)
        )
        self._next = {s.subnet_id: _endless(s.addresses) for s in self.subnets}
        self._taken: set[str] = set()
        self._residents: dict[str, TaskSpec] = {}

    def subnet(self, subnet_id: str) -> Subnet | None:
        """Return a subnet by its id."""
        return next((s for s in self.subnets if s.subnet_id == subnet_id), None)

    def zone_of(self, address: str) -> str:
        """Return the zone that an address is in."""
        return next(s.zone for s in self.subnets if ip_address(address) in s.addresses)

    def take(self, subnet: Subnet) -> str:
        """Take the subnet's next address; one that was given back comes last."""
        for _ in range(subnet.addresses.num_addresses):
            address = next(self._next[subnet.subnet_id])
            if address not in self._taken:
                self._taken.add(address)
                return address
        raise AddressesExhausted(subnet.subnet_id)

    def give_back(self, address: str) -> None:
        """Free an address that nobody uses any more."""
        self._taken.discard(address)

    def move_in(self, task: TaskSpec) -> None:
        """Say that a task answers at its address from now on."""
        self._residents[task.address] = task

    def move_out(self, address: str) -> None:
        """Say that nobody answers at an address any more."""
        self._residents.pop(address, None)

    def resident(self, address: str) -> TaskSpec | None:
        """Return the task whose containers run at an address now."""
        return self._residents.get(address)


def _moto_subnets() -> list[Any]:
    backend = ec2_backends[ACCOUNT][REGION]
    return list(backend.describe_subnets())


def _endless(addresses: IPv4Network) -> Iterator[str]:
    """Return a subnet's addresses in order, again and again.

    AWS keeps the first four and the last of each subnet (Amazon VPC User Guide,
    subnet-sizing).
    """
    first, last = int(addresses.network_address) + 4, int(addresses.broadcast_address)
    usable = [str(type(addresses.network_address)(n)) for n in range(first, last)]
    while True:
        yield from usable
