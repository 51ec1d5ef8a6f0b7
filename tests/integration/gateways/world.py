"""What gateways talk to: tables that moto keeps, and the local cloud's compute half."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
from localcloud.api import AwsError
from localcloud.fixture import ServiceSpec, System
from moto import mock_aws
from slipway.domain.service import Binding, Service, Slot
from slipway.gateways.cloudwatch import Measurements
from slipway.gateways.ecr import Registry
from slipway.gateways.ecs import Ecs
from slipway.gateways.elbv2 import LoadBalancing
from slipway.gateways.journal import Journal

from tests.builders import REGION
from tests.unit.localcloud.compute import Cloud, client, compute_cloud

TABLE = "journal"
ORDERS = ServiceSpec("orders", 8080, host="orders.example.com", public=True)
GOOD = {"app": "orders", "version": "v1", "start_seconds": 8}


@contextmanager
def dynamodb() -> Iterator[Any]:
    """Start an empty DynamoDB; yield its client."""
    with mock_aws():
        yield _client()


@cache
def _client() -> Any:
    """Return a client for every DynamoDB to come: it keeps nothing of them."""
    return boto3.client("dynamodb", region_name=REGION)


def make_table(client: Any, name: str = TABLE) -> Journal:
    """Make a table, keyed as template.yaml has it; return the empty journal in it."""
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")
        ],
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
    )
    return Journal(client, name)


@dataclass
class World:
    """A cloud with one service called orders, and the gateways to it."""

    cloud: Cloud
    system: System
    ecs: Ecs
    load_balancing: LoadBalancing
    measurements: Measurements
    registry: Registry

    @property
    def service(self) -> Service:
        """Orders, as the fixture made it."""
        return self.system.service("orders")

    @property
    def binding(self) -> Binding:
        """Where orders gets its traffic."""
        return self.service.bindings[0]

    def group(self, slot: Slot) -> str:
        """Return a slot's target group."""
        return self.binding.target_group_arns[slot]

    def count(self, service: str, operation: str) -> int:
        """Count the calls of an operation so far."""
        calls = self.cloud.router.calls
        return sum((c.service, c.operation) == (service, operation) for c in calls)

    def refuse(self, operation: str, code: str) -> None:
        """Answer every call of an operation with an error from now on."""

        def hook(_: str, called: str, *__: Any) -> None:
            if called == operation:
                raise AwsError(code, "the test says so")

        self.cloud.router.before(hook)

    def rule(self, arn: str | None = None) -> list[dict[str, Any]]:
        """Return a rule's actions: the service's own, unless another is named."""
        arn = arn or self.binding.rule_arn
        return client("elbv2").describe_rules(RuleArns=[arn])["Rules"][0]["Actions"]

    def write_rule(self, actions: list[dict[str, Any]]) -> None:
        """Write the actions of the service's own rule."""
        client("elbv2").modify_rule(RuleArn=self.binding.rule_arn, Actions=actions)


@asynccontextmanager
async def a_world() -> AsyncIterator[World]:
    """Start a cloud in which nothing runs yet."""
    async with compute_cloud() as cloud:
        system = cloud.system([ORDERS])
        yield World(
            cloud,
            system,
            Ecs(client("ecs"), system.cluster),
            LoadBalancing(client("elbv2")),
            Measurements(client("cloudwatch")),
            Registry(client("ecr")),
        )
