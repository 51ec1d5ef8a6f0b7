"""Bringing back services whose rollout died: stopped, timed out or failed itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.domain.payload_history import PAYLOADS
from slipway.telemetry import logger

if TYPE_CHECKING:
    from slipway.domain.rollout import Outcome
    from slipway.gateways.journal import Open
    from slipway.wiring import App


def recover(known: Open, why: str, outcome: Outcome, app: App) -> bool:
    """Restore after an open rollout whose execution is gone; False where it runs.

    Each attempt has a number, taken by a conditional write, so two reports of one
    death start one restore.
    """
    rollout_id, attempt = known.rollout_id, known.attempt
    name = _name(rollout_id, attempt)
    if app.restores.is_running(name) if attempt else app.rollouts.is_running(name):
        return False
    if not app.journal.next_attempt(known):
        return False
    app.restores.start(
        _name(rollout_id, attempt + 1),
        {
            "payload_version": PAYLOADS.newest,
            "service": known.service,
            "rollout_id": rollout_id,
            "reason": why,
            "outcome": outcome,
        },
    )
    facts = {"service_name": known.service, "rollout_id": rollout_id, "reason": why}
    logger.info("recovery started", extra={**facts, "attempt": attempt + 1})
    return True


def _name(rollout_id: str, attempt: int) -> str:
    return f"{rollout_id}-recover-{attempt}" if attempt else rollout_id
