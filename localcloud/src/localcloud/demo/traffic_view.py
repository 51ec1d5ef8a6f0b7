"""What each slot carries at this moment: the rows of the live view."""

import time
from collections import Counter
from collections.abc import Callable, Sequence

from slipway.domain.service import Binding, Service, Slot

from localcloud.demo.access_log import Hop
from localcloud.demo.processes import Tenancy
from localcloud.demo.view import SlotRow
from localcloud.seams import RoutingView

WINDOW_SECONDS = 60.0
"""Modelled time over which rates are taken."""
LAG_SECONDS = 0.3
"""Real time until a request's row has certainly been read."""


def slot_rows(
    services: Sequence[Service],
    view: RoutingView,
    tenancies: Sequence[Tenancy],
    hops: Sequence[Hop],
    *,
    healthy: Callable[[str], int],
    factor: float,
) -> list[SlotRow]:
    """Return a row for each slot, weights as the load balancers act on them."""
    until = time.time() - LAG_SECONDS
    requests, failed = _recent(hops, until - WINDOW_SECONDS / factor, until)
    return [
        _row(
            service,
            slot,
            view=view,
            tenancies=tenancies,
            requests=requests,
            failed=failed,
            healthy=healthy,
        )
        for service in services
        for slot in Slot
    ]


def _recent(
    hops: Sequence[Hop], since: float, until: float
) -> tuple[Counter[str], Counter[str]]:
    requests: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for hop in reversed(hops):
        ended = hop.start + hop.seconds
        if ended < since:
            break
        if hop.target_group is not None and ended < until:
            requests[hop.target_group] += 1
            failed[hop.target_group] += not hop.succeeded
    return requests, failed


def _row(
    service: Service,
    slot: Slot,
    *,
    view: RoutingView,
    tenancies: Sequence[Tenancy],
    requests: Counter[str],
    failed: Counter[str],
    healthy: Callable[[str], int],
) -> SlotRow:
    binding = service.bindings[0]
    group = binding.target_group_arns[slot]
    running = [
        each
        for each in tenancies
        if each.until is None and each.ecs_service == service.slots[slot]
    ]
    count = requests[group]
    return SlotRow(
        service=service.name,
        slot=slot,
        release=", ".join(sorted({each.version for each in running})),
        tasks=len(running),
        healthy=healthy(group),
        weight_percent=_weight(binding, group, view),
        requests_per_minute=count * 60 / WINDOW_SECONDS,
        failed_percent=100 * failed[group] / count if count else None,
    )


def _weight(binding: Binding, group: str, view: RoutingView) -> int | None:
    for listener in view.listeners:
        for rule in listener.rules:
            if binding.carrier_arn in {rule.rule_arn, listener.listener_arn}:
                total = sum(rule.weights.values())
                return round(100 * rule.weights[group] / total) if total else None
    return None
