"""Starting rollouts: one execution for each cause and service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.domain.payload_history import PAYLOADS
from slipway.telemetry import logger

if TYPE_CHECKING:
    from slipway.domain.release import Cause
    from slipway.wiring import App


def start(service: str, cause: Cause, app: App) -> str:
    """Start the rollout of a cause, once however often it is reported; return its id.

    The execution's name comes from the cause.
    """
    rollout_id = cause.rollout_id(service)
    started = app.rollouts.start(
        rollout_id,
        {
            "payload_version": PAYLOADS.newest,
            "service": service,
            "rollout_id": rollout_id,
            "cause": cause.as_json(),
        },
    )
    facts = {"service_name": service, "rollout_id": rollout_id}
    logger.info("rollout started" if started else "rollout is known", extra=facts)
    return rollout_id
