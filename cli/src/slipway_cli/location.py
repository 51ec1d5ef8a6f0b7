"""Where an environment's journal, cluster and event bus are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
from slipway.errors import InvalidRecord, NotFound, Refused
from slipway.estate import Estate, wire
from slipway.gateways.ecs import Ecs
from slipway.gateways.elbv2 import LoadBalancing
from slipway.gateways.events import Events
from slipway.gateways.failures import translated
from slipway.gateways.journal import Journal
from slipway.wiring import CLIENT_CONFIG, Settings

from slipway_cli.status import Sources

TABLE_OUTPUT = "JournalTableName"
CLUSTER_PARAMETER = "ClusterName"
BUCKET_OUTPUT = "ManifestBucketName"
PROVISION_OUTPUT = "ProvisionStateMachineArn"
"""Names in template.yaml."""

type Clients = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Location:
    """What is given, and what to look up; None where it is not given."""

    environment: str
    journal_table: str | None = None
    cluster: str | None = None
    region: str | None = None

    @property
    def stack_name(self) -> str:
        """The stack that is asked for what is not given (samconfig.toml)."""
        return f"slipway-{self.environment}"


@dataclass(frozen=True, slots=True)
class Channel:
    """Where commands are sent, and where their answers are."""

    environment: str
    journal: Journal
    events: Events
    caller: Callable[[], str]
    """Asks AWS for the ARN of whoever runs this."""


def connect(location: Location) -> Sources:
    """Return the sources of an environment.

    Raises NotFound where its stack has to be asked and is not there, InvalidRecord
    where the stack is not one of Slipway's, and botocore's own errors where this
    machine has no region or profile to go by.
    """
    clients = _clients(location)
    stack = _Stack(clients, location.stack_name)
    return Sources(
        _journal(location, clients, stack),
        Ecs(clients("ecs"), location.cluster or stack.cluster),
        LoadBalancing(clients("elbv2")),
    )


def open_channel(location: Location) -> Channel:
    """Return the channel of an environment; raises what `connect` raises."""
    clients = _clients(location)
    stack = _Stack(clients, location.stack_name)
    return Channel(
        location.environment,
        _journal(location, clients, stack),
        Events(clients("events"), location.environment),
        lambda: _caller(clients("sts")),
    )


def open_estate(location: Location) -> Estate:
    """Return what provisions an environment; raises what `connect` raises."""
    clients = _clients(location)
    stack = _Stack(clients, location.stack_name)
    return wire(
        Settings(
            environment=location.environment,
            region=clients("sts").meta.region_name,
            cluster=location.cluster or stack.cluster,
            journal_table=location.journal_table or stack.table,
            subnet_ids=(),
            rollout_state_machine_arn="",
            restore_state_machine_arn="",
            provision_state_machine_arn=stack.provision_machine,
            manifest_bucket=stack.bucket,
        )
    )


def open_clients(location: Location) -> Clients:
    """Return what makes AWS's clients for a person's own use."""
    return _clients(location)


def open_journal(location: Location) -> Journal:
    """Return the journal of an environment; raises what `connect` raises."""
    clients = _clients(location)
    return _journal(location, clients, _Stack(clients, location.stack_name))


def _clients(location: Location) -> Clients:
    session = boto3.Session(region_name=location.region)

    def client(service: str) -> Any:
        return session.client(service, config=CLIENT_CONFIG)  # type: ignore[call-overload]

    return client


def _caller(sts: Any) -> str:
    with translated("GetCallerIdentity"):
        return str(sts.get_caller_identity()["Arn"])


class _Stack:
    """An environment's stack, asked once and only where something has to be known."""

    def __init__(self, clients: Clients, name: str) -> None:
        self._clients = clients
        self._name = name

    @property
    def table(self) -> str:
        return self._value("Outputs", "Output", TABLE_OUTPUT)

    @property
    def cluster(self) -> str:
        return self._value("Parameters", "Parameter", CLUSTER_PARAMETER)

    @property
    def bucket(self) -> str:
        return self._value("Outputs", "Output", BUCKET_OUTPUT)

    @property
    def provision_machine(self) -> str:
        return self._value("Outputs", "Output", PROVISION_OUTPUT)

    @cached_property
    def _facts(self) -> Mapping[str, Any]:
        try:
            with translated(f"DescribeStacks {self._name}"):
                answer = self._clients("cloudformation").describe_stacks(
                    StackName=self._name
                )
        except Refused as error:
            # CloudFormation answers ValidationError for a stack that does not exist.
            raise NotFound(
                f"no stack {self._name} here ({error}); name another --environment or "
                "region, or give --journal-table (for status, --cluster too)"
            ) from error
        facts: Mapping[str, Any] = answer["Stacks"][0]
        return facts

    def _value(self, section: str, word: str, name: str) -> str:
        for entry in self._facts.get(section, ()):
            if entry[f"{word}Key"] == name:
                return str(entry[f"{word}Value"])
        raise InvalidRecord(
            f"stack {self._name} has no {word.lower()} {name}: "
            "it was not made from Slipway's template"
        )


def _journal(location: Location, clients: Clients, stack: _Stack) -> Journal:
    return Journal(clients("dynamodb"), location.journal_table or stack.table)
