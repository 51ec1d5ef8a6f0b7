"""The composition root: the environment is read and clients are made here, once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from slipway.gateways.cloudwatch import Measurements
from slipway.gateways.ecr import Registry
from slipway.gateways.ecs import Ecs
from slipway.gateways.elbv2 import LoadBalancing
from slipway.gateways.events import Events
from slipway.gateways.journal import Journal
from slipway.gateways.stepfunctions import Workflows

CLIENT_CONFIG = Config(
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 4},
)
"""A call ends within about 30 s with all its attempts: before the function does, and
long before its lease's time to write."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the template tells every function."""

    environment: str
    region: str
    cluster: str
    journal_table: str
    subnet_ids: tuple[str, ...]
    rollout_state_machine_arn: str

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
        )


@dataclass(frozen=True, slots=True)
class App:
    """Everything a function works with."""

    settings: Settings
    journal: Journal
    registry: Registry
    ecs: Ecs
    load_balancing: LoadBalancing
    measurements: Measurements
    events: Events
    rollouts: Workflows


def app() -> App:
    """Return the app of this process's environment."""
    return _wire(Settings.from_environment())


@cache
def _wire(settings: Settings) -> App:
    session = boto3.Session(region_name=settings.region)

    def client(service: str) -> Any:
        return session.client(service, config=CLIENT_CONFIG)  # type: ignore[call-overload]

    return App(
        settings=settings,
        journal=Journal(client("dynamodb"), settings.journal_table),
        registry=Registry(client("ecr")),
        ecs=Ecs(client("ecs"), settings.cluster),
        load_balancing=LoadBalancing(client("elbv2")),
        measurements=Measurements(client("cloudwatch")),
        events=Events(client("events"), settings.environment),
        rollouts=Workflows(client("stepfunctions"), settings.rollout_state_machine_arn),
    )
