"""Slipway's own events, and the workflows that it starts."""

import json
from typing import Any

import pytest
from localcloud.api import AwsError
from localcloud.background import Background
from localcloud.events import EventBus
from slipway.errors import Refused, Throttled, Unavailable
from slipway.gateways.events import FINISHED, Events
from slipway.gateways.stepfunctions import Workflows

from tests.integration.gateways.world import World, a_world
from tests.unit.localcloud.compute import client, virtual

MACHINE = "arn:aws:states:eu-west-1:111122223333:stateMachine:test-rollout"
INPUT = {"service": "orders", "payload_version": 1}


@virtual
async def test_word_goes_out_with_the_environment_it_is_from() -> None:
    async with a_world() as world:
        bus = EventBus(world.cloud.clock, Background())
        world.cloud.router.serve("events", bus.operations)
        facts = {"service": "orders", "outcome": "promoted", "reason": None}
        Events(client("events"), "test").announce(FINISHED, facts)
        [event] = bus.log
        assert event["source"] == "slipway"
        assert event["detail-type"] == "Rollout Finished"
        assert event["detail"] == {"environment": "test", **facts}


@virtual
async def test_an_event_that_the_bus_did_not_take_may_be_sent_again() -> None:
    async with a_world() as world:
        failed = {
            "FailedEntryCount": 1,
            "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "x"}],
        }
        world.cloud.router.serve("events", {"PutEvents": lambda _: failed})
        with pytest.raises(Unavailable, match="InternalFailure"):
            Events(client("events"), "test").announce(FINISHED, {})


@virtual
async def test_a_bus_that_asks_to_slow_down_may_be_asked_again() -> None:
    async with a_world() as world:
        world.cloud.router.serve("events", {"PutEvents": lambda _: {}})
        world.refuse("PutEvents", "ThrottlingException")
        with pytest.raises(Throttled, match="PutEvents Rollout Finished"):
            Events(client("events"), "test").announce(FINISHED, {})


def _workflows(world: World) -> tuple[Workflows, dict[str, Any]]:
    """Return workflows that start each name once, and what was started."""
    started: dict[str, Any] = {}

    def start(params: dict[str, Any]) -> dict[str, Any]:
        if params["name"] in started:
            raise AwsError("ExecutionAlreadyExists", "x")
        if " " in params["name"]:
            raise AwsError("InvalidName", "x")
        started[params["name"]] = params
        arn = MACHINE.replace("stateMachine", "execution") + f":{params['name']}"
        return {"executionArn": arn, "startDate": world.cloud.clock.now()}

    world.cloud.router.serve("stepfunctions", {"StartExecution": start})
    return Workflows(client("stepfunctions"), MACHINE), started


@virtual
async def test_a_workflow_is_started_once_by_its_name() -> None:
    async with a_world() as world:
        workflows, started = _workflows(world)
        assert workflows.start("orders-1", INPUT)
        assert not workflows.start("orders-1", INPUT)
        assert started["orders-1"]["stateMachineArn"] == MACHINE
        assert json.loads(started["orders-1"]["input"]) == INPUT


@virtual
async def test_a_workflow_that_cannot_be_started_is_not_taken_for_known() -> None:
    async with a_world() as world:
        workflows, _ = _workflows(world)
        with pytest.raises(Refused, match="InvalidName"):
            workflows.start("orders 1", INPUT)
