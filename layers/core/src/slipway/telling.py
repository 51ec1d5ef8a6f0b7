"""The registry is told what a rollout has just made so; without it all goes on.

Callers that choose by the registry's weights then go by older ones for a while. The
next stage that writes tells it anew, and so does the next rollout before it launches
anything; provisioning compares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway import clock
from slipway.domain.announcement import announcement
from slipway.domain.service import ALL_TRAFFIC
from slipway.domain.traffic import STICKY_SECONDS, splits, stays, weights
from slipway.errors import LeaseLost, SlipwayError
from slipway.fence import writing
from slipway.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slipway.domain.rollout import Rollout
    from slipway.domain.service import Binding, Slot
    from slipway.domain.traffic import Weights
    from slipway.gateways.elbv2 import Rule
    from slipway.wiring import App


def lead(
    rollout: Rollout,
    shares: Weights | None,
    app: App,
    rules: Sequence[tuple[Binding, Sequence[Rule] | None]] | None = None,
) -> None:
    """Write weights to all rules, None to close them; then tell the registry.

    In this order no caller is led to a slot before the load balancers are. `rules` are
    those that were just read. Clients stay with a slot only while both have a share.
    """
    kept = STICKY_SECONDS if splits(shares) and _may_stay(rollout, app) else 0
    for binding, seen in rules or [(b, None) for b in rollout.service.bindings]:
        stay = kept if stays(rollout.service, binding) else 0
        app.load_balancing.route(binding, shares, seen, sticky_seconds=stay)
    tell(rollout, shares, app)


def _may_stay(rollout: Rollout, app: App) -> bool:
    """Whether no client is known to a slot any more by an earlier rollout.

    Else those whom it had led to this slot would all come back to the candidate,
    however small its share.
    """
    service = rollout.service
    if not service.sticky:
        return False
    until = app.journal.known_until(service.name)
    return until is None or until <= clock.now()


def tell(rollout: Rollout, shares: Weights | None, app: App) -> None:
    """Write what the rules have to the registry, None where they are closed.

    Called inside `writing`, after the rules were written. What fails is logged.
    """
    service, candidate = rollout.service, rollout.known_sides.candidate
    if service.registry_service_id is None:
        return
    told = announcement(service, shares, candidate, rollout.version)
    try:
        app.cloud_map.tell(service.registry_service_id, told)
    except LeaseLost:
        raise
    except SlipwayError as error:
        # A registry that is away must change no rollout's end.
        logger.warning("the registry was not told", extra={"reason": str(error)})


def tell_primary(rollout: Rollout, primary: Slot | None, app: App) -> None:
    """Tell the registry, inside `writing`, that a slot has it all, None for neither."""
    tell(rollout, weights(primary, ALL_TRAFFIC) if primary else None, app)


def tell_at_last(rollout: Rollout, primary: Slot | None, fence: int, app: App) -> None:
    """Tell the registry once more who has it all, where nothing else is written.

    A lease that is somebody else's by now is theirs to tell by.
    """
    if rollout.service.registry_service_id is None:
        return
    try:
        with writing(rollout, fence, app):
            tell_primary(rollout, primary, app)
    except LeaseLost as error:
        logger.warning("the registry was not told", extra={"reason": str(error)})
