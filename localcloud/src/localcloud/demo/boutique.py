"""The system that the demonstration runs: the manifests in examples/demo."""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml
from slipway.manifests.reading import ENVIRONMENT_FILE, SERVICES, SUFFIX
from slipway.manifests.records import EnvironmentRecord
from slipway_cli.manifests import contents, read_folder

from localcloud.network import Network

MANIFESTS = Path("examples/demo")
PROGRAMS = Path("examples/boutique")
"""Both in the checkout."""


class InvalidSystem(Exception):
    """The demonstration's manifests do not hold, or are not what it plays."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A variable in a service's manifest that gets another value."""

    service: str
    variable: str
    value: str


@dataclass(frozen=True, slots=True)
class Boutique:
    """Manifests, and the programs that play the services and their users."""

    manifests: Path
    """The folder that is applied."""
    app: Path
    """The program that plays each service."""
    load_generator: Path
    """The program that asks the entry service."""

    @classmethod
    def copied(cls, repository: Path, folder: Path) -> "Boutique":
        """Copy the manifests into `folder`, which is not there yet."""
        (folder / SERVICES).mkdir(parents=True)
        for path, content in contents(repository / MANIFESTS, ENVIRONMENT_FILE).items():
            (folder / path).write_bytes(content)
        programs = repository / PROGRAMS
        return cls(folder, programs / "app.py", programs / "loadgenerator.py")

    def settle(self, network: Network) -> None:
        """Put the ids of the network that there is in the place of the examples."""
        path = self.manifests / ENVIRONMENT_FILE
        text = path.read_text()
        written = yaml.safe_load(text)
        there_are = [subnet.subnet_id for subnet in network.subnets]
        ids = dict(zip(written["subnets"], there_are, strict=True))
        for example, there_is in {written["vpc"]: network.vpc_id, **ids}.items():
            text = text.replace(example, there_is)
        path.write_text(text)

    def record(self) -> EnvironmentRecord:
        """Return what the manifests say now; raise InvalidSystem."""
        reading = read_folder(self.manifests, ENVIRONMENT_FILE)
        if reading.record is None:
            raise InvalidSystem("\n".join(map(str, reading.problems)))
        return reading.record

    def edit(self, edit: Edit) -> None:
        """Write another value over that of a variable."""
        path = self.manifests / f"{SERVICES}{edit.service}{SUFFIX}"
        text, found = re.subn(
            rf"(?m)^(  {re.escape(edit.variable)}: ).*$",
            lambda line: line[1] + edit.value,
            path.read_text(),
        )
        if found != 1:
            raise InvalidSystem(f"{path} has {edit.variable} {found} times, not once")
        path.write_text(text)


def entry_host(record: EnvironmentRecord) -> str:
    """Return what users call the system: the host of the one public rule."""
    balancers = record.environment.load_balancers
    hosts = [
        host
        for service in record.services
        for ingress in service.ingress
        for host in ingress.hosts
        if balancers[ingress.load_balancer].scheme == "internet-facing"
    ]
    if len(hosts) != 1:
        raise InvalidSystem(f"one public host is meant, not {len(hosts)}")
    return hosts[0]
