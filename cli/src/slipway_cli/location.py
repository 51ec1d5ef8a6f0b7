"""Where an environment's journal and cluster are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from slipway.errors import InvalidRecord, NotFound, Refused
from slipway.gateways.ecs import Ecs
from slipway.gateways.elbv2 import LoadBalancing
from slipway.gateways.failures import translated
from slipway.gateways.journal import Journal
from slipway.wiring import CLIENT_CONFIG

from slipway_cli.status import Sources

TABLE_OUTPUT = "JournalTableName"
CLUSTER_PARAMETER = "ClusterName"
"""Names in template.yaml."""


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


def connect(location: Location) -> Sources:
    """Return the sources of an environment.

    Raises NotFound where its stack has to be asked and is not there, InvalidRecord
    where the stack is not one of Slipway's, and botocore's own errors where this
    machine has no region or profile to go by.
    """
    session = boto3.Session(region_name=location.region)

    def client(service: str) -> Any:
        return session.client(service, config=CLIENT_CONFIG)  # type: ignore[call-overload]

    table, cluster = location.journal_table, location.cluster
    if table is None or cluster is None:
        stack = _stack(client("cloudformation"), location.stack_name)
        table = table or _value(stack, "Outputs", "Output", TABLE_OUTPUT)
        cluster = cluster or _value(stack, "Parameters", "Parameter", CLUSTER_PARAMETER)
    return Sources(
        Journal(client("dynamodb"), table),
        Ecs(client("ecs"), cluster),
        LoadBalancing(client("elbv2")),
    )


def _stack(client: Any, name: str) -> Mapping[str, Any]:
    try:
        with translated(f"DescribeStacks {name}"):
            answer = client.describe_stacks(StackName=name)
    except Refused as error:
        # CloudFormation answers ValidationError for a stack that does not exist.
        raise NotFound(
            f"no stack {name} here ({error}); name another --environment or region, or "
            "give both --journal-table and --cluster"
        ) from error
    stack: Mapping[str, Any] = answer["Stacks"][0]
    return stack


def _value(stack: Mapping[str, Any], section: str, word: str, name: str) -> str:
    for entry in stack.get(section, ()):
        if entry[f"{word}Key"] == name:
            return str(entry[f"{word}Value"])
    raise InvalidRecord(
        f"stack {stack['StackName']} has no {word.lower()} {name}: "
        "it was not made from Slipway's template"
    )
