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


def slot_rows(  # noqa: PLR0913  each is another source
    services: Sequence[Service],
    view: RoutingView,
    tenancies: Sequence[Tenancy],
    hops: Sequence[Hop],
    *,
    healthy: Callable[[str], int],
    factor: float,
) -> list[SlotRow]:
    """Return a row for each slot, weights as the load balancers act on them."""
    requests, failed = _recent(hops, time.time() - WINDOW_SECONDS / factor)
    return [
        _row(service, slot, view, tenancies, requests, failed, healthy)
        for service in services
        for slot in Slot
    ]


def _recent(hops: Sequence[Hop], since: float) -> tuple[Counter[str], Counter[str]]:
    requests: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for hop in reversed(hops):
        if hop.start + hop.seconds < since:
            break
        if hop.target_group is not None:
            requests[hop.target_group] += 1
            failed[hop.target_group] += not hop.succeeded
    return requests, failed


def _row(  # noqa: PLR0913  each is another source
    service: Service,
    slot: Slot,
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
            if rule.rule_arn == binding.rule_arn:
                total = sum(rule.weights.values())
                return round(100 * rule.weights[group] / total) if total else None
    return None
