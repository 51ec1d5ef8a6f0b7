"""The composition root: the environment is read and clients are made here, once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from slipway.fence import FENCED, TOLD, doubt, guard
from slipway.gateways.autoscaling import Autoscaling
from slipway.gateways.cloudwatch import Measurements
from slipway.gateways.cloudwatch_alarms import Alarms
from slipway.gateways.ecr import Registry
from slipway.gateways.ecs import Ecs
from slipway.gateways.elbv2 import LoadBalancing
from slipway.gateways.events import Events
from slipway.gateways.journal import Journal
from slipway.gateways.servicediscovery import CloudMap
from slipway.gateways.stepfunctions import Tokens, Workflows

if TYPE_CHECKING:
    from collections.abc import Callable

CLIENT_CONFIG = Config(
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 4},
)
"""One attempt ends within 7 s, a call within about 30 s with all its attempts: before
the function does, and before its time to write is over."""

REGISTRY_CONFIG = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 2},
)
"""For telling the registry, for which nothing waits long: within about 7 s."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the template tells every function."""

    environment: str
    region: str
    cluster: str
    journal_table: str
    subnet_ids: tuple[str, ...]
    rollout_state_machine_arn: str
    restore_state_machine_arn: str
    provision_state_machine_arn: str = ""
    manifest_bucket: str = ""

    @classmethod
    def from_environment(cls) -> Settings:
        """Read the process's environment; a missing variable is a broken deployment."""
        return cls(
            environment=os.environ["SLIPWAY_ENVIRONMENT"],
            region=os.environ["AWS_REGION"],
            cluster=os.environ["SLIPWAY_CLUSTER"],
            journal_table=os.environ["SLIPWAY_JOURNAL_TABLE"],
            subnet_ids=tuple(os.environ["SLIPWAY_SUBNET_IDS"].split(",")),
            rollout_state_machine_arn=os.environ.get(
                "SLIPWAY_ROLLOUT_STATE_MACHINE_ARN", ""
            ),
            restore_state_machine_arn=os.environ.get(
                "SLIPWAY_RESTORE_STATE_MACHINE_ARN", ""
            ),
            provision_state_machine_arn=os.environ.get(
                "SLIPWAY_PROVISION_STATE_MACHINE_ARN", ""
            ),
            manifest_bucket=os.environ.get("SLIPWAY_MANIFEST_BUCKET", ""),
        )


@dataclass(frozen=True, slots=True)
class App:
    """Everything a function works with."""

    settings: Settings
    journal: Journal
    registry: Registry
    ecs: Ecs
    autoscaling: Autoscaling
    load_balancing: LoadBalancing
    cloud_map: CloudMap
    measurements: Measurements
    alarms: Alarms
    events: Events
    rollouts: Workflows
    restores: Workflows
    tokens: Tokens


def app() -> App:
    """Return the app of this process's environment."""
    return _wire(Settings.from_environment())


def clients(settings: Settings) -> Callable[..., Any]:
    """Return what makes boto3 clients of a process's settings, by service."""
    session = boto3.Session(region_name=settings.region)

    def client(service: str, config: Config = CLIENT_CONFIG) -> Any:
        return session.client(service, config=config)  # type: ignore[call-overload]

    return client


def fence(*clients: Any) -> None:
    """Let no call of these clients that changes what serves begin without the lease."""
    for fenced in clients:
        for call in (*FENCED, *TOLD):
            fenced.meta.events.register(f"request-created.{call}", guard)
        for call in FENCED:
            fenced.meta.events.register(f"needs-retry.{call}", doubt)


@cache
def _wire(settings: Settings) -> App:
    client = clients(settings)
    ecs, scaling, load_balancers, states, cloudwatch = (
        client("ecs"),
        client("application-autoscaling"),
        client("elbv2"),
        client("stepfunctions"),
        client("cloudwatch"),
    )
    cloud_map = client("servicediscovery", REGISTRY_CONFIG)
    fence(ecs, scaling, load_balancers, cloud_map)
    return App(
        settings=settings,
        journal=Journal(client("dynamodb"), settings.journal_table),
        registry=Registry(client("ecr")),
        ecs=Ecs(ecs, settings.cluster),
        autoscaling=Autoscaling(scaling, settings.cluster),
        load_balancing=LoadBalancing(load_balancers),
        cloud_map=CloudMap(cloud_map),
        measurements=Measurements(cloudwatch),
        alarms=Alarms(cloudwatch),
        events=Events(client("events"), settings.environment),
        rollouts=Workflows(states, settings.rollout_state_machine_arn),
        restores=Workflows(states, settings.restore_state_machine_arn),
        tokens=Tokens(states),
    )
