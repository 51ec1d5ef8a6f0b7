"""Slipway's own events on the default bus."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from slipway.errors import Unavailable
from slipway.gateways.failures import translated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_events.client import EventBridgeClient

    from slipway.domain.control import Command

SOURCE = "slipway"
PROVISIONED = "Environment Provisioned"
FINISHED = "Rollout Finished"
NEEDS_A_PERSON = "Rollout Needs A Person"
APPROVAL_WANTED = "Rollout Awaits Approval"
COMMAND_SOURCE = "slipway.command"
COMMAND = "Slipway Command"


class Events:
    """Word to whoever listens. Delivered at least once."""

    def __init__(self, client: EventBridgeClient, environment: str) -> None:
        self._client = client
        self._environment = environment

    def announce(self, detail_type: str, detail: Mapping[str, str | None]) -> None:
        """Put one event; raise Unavailable where the bus did not take it."""
        self._put(SOURCE, detail_type, detail)

    def command(self, command: Command) -> None:
        """Send a command, as a person would; Slipway answers in the journal."""
        self._put(COMMAND_SOURCE, COMMAND, asdict(command))

    def _put(self, source: str, detail_type: str, detail: Mapping[str, Any]) -> None:
        with translated(f"PutEvents {detail_type}"):
            answer = self._client.put_events(
                Entries=[
                    {
                        "Source": source,
                        "DetailType": detail_type,
                        "Detail": json.dumps(
                            {"environment": self._environment, **detail}
                        ),
                    }
                ]
            )
        if answer["FailedEntryCount"]:
            raise Unavailable(f"PutEvents {detail_type}: {answer['Entries'][0]}")
