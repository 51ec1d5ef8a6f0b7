"""Slipway's own events on the default bus."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from slipway.errors import Unavailable
from slipway.gateways.failures import translated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_events.client import EventBridgeClient

SOURCE = "slipway"
FINISHED = "Rollout Finished"
NEEDS_A_PERSON = "Rollout Needs A Person"


class Events:
    """Word to whoever listens. Delivered at least once."""

    def __init__(self, client: EventBridgeClient, environment: str) -> None:
        self._client = client
        self._environment = environment

    def announce(self, detail_type: str, detail: Mapping[str, str | None]) -> None:
        """Put one event; raise Unavailable where the bus did not take it."""
        with translated(f"PutEvents {detail_type}"):
            answer = self._client.put_events(
                Entries=[
                    {
                        "Source": SOURCE,
                        "DetailType": detail_type,
                        "Detail": json.dumps(
                            {"environment": self._environment, **detail}
                        ),
                    }
                ]
            )
        if answer["FailedEntryCount"]:
            raise Unavailable(f"PutEvents {detail_type}: {answer['Entries'][0]}")
