"""What a `Step Functions Execution Status Change` event says of a rollout's death."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slipway.domain.rollout import Outcome
from slipway.errors import InvalidRecord


@dataclass(frozen=True, slots=True)
class Death:
    """An execution of the rollout workflow that ended without an answer."""

    service: str
    rollout_id: str
    outcome: Outcome
    """How the rollout is to be recorded once it is restored."""
    reason: str


STOPPED = "ABORTED"
"""The status of an execution that somebody stopped."""


def read_death(event: Mapping[str, Any]) -> Death:
    """Read a death; raise InvalidRecord, naming what is wrong, for another event."""
    try:
        detail = event["detail"]
        given = json.loads(detail["input"])
        status = str(detail["status"])
        why = detail.get("cause") or detail.get("error") or "no reason was given"
        return Death(
            service=given["service"],
            rollout_id=given["rollout_id"],
            outcome=Outcome.ABORTED if status == STOPPED else Outcome.ROLLED_BACK,
            reason=f"its execution ended {status}: {why}",
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidRecord(f"not the end of a rollout: {error!r}") from error
