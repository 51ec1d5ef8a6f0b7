"""Starting rollouts: one execution for each cause and service."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from slipway import clock
from slipway.domain.payload_history import PAYLOADS
from slipway.telemetry import logger

if TYPE_CHECKING:
    from datetime import datetime

    from slipway.domain.provision_run import Removal
    from slipway.domain.release import Cause
    from slipway.estate import Estate
    from slipway.wiring import App


TICK = timedelta(microseconds=1)
"""The least by which one cause is newer than another."""

PROVISION_PAYLOAD = 1
"""The version of what provision runs are started with."""


def start_provision(name: str, app: Estate, removal: Removal | None = None) -> bool:
    """Start a provision run; return False where that name was used before.

    A `removal` takes the whole environment away.
    """
    request: dict[str, object] = {"payload_version": PROVISION_PAYLOAD, "run": name}
    if removal is not None:
        request["removal"] = asdict(removal)
    return app.provisions.start(name, request)


def newest_moment(service: str, app: App) -> datetime:
    """Return now, or later: after every cause that rolled out in a service."""
    return max(clock.now(), next_moment(service, app))


def next_moment(service: str, app: App | Estate) -> datetime:
    """Return the moment after every cause that rolled out, before all that did not."""
    watermark = app.journal.watermark(service)
    return clock.now() if watermark is None else watermark.ordered_at + TICK


def start(service: str, cause: Cause, app: App | Estate) -> str:
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
