"""What sizes slots: scalable targets, policies, scheduled bounds."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime

from slipway.domain.resources import Kind, Ref, Wanted
from slipway.domain.scaling import IDLE, resting
from slipway.domain.service import Scaling, Slot
from slipway.manifests.bindings import HttpRule
from slipway.manifests.records import ServiceRecord
from slipway.provision.standing import Standing, serves

_METRICS = {
    "cpu": "ECSServiceAverageCPUUtilization",
    "memory": "ECSServiceAverageMemoryUtilization",
    "requests": "ALBRequestCountPerTarget",
}


def scaling(
    service: ServiceRecord, standing: Standing, now: datetime
) -> Iterator[Wanted]:
    """Give both slots' scalable targets, policies and scheduled bounds.

    An idle slot has the same, for it may serve next; its target suspends them.

    A rollout has bounds of its own: those of a service in rollout are not compared.
    """
    if service.scaling is None:
        return
    name = service.manifest.name
    for slot in Slot:
        is_serving = serves(service, standing, slot)
        bounds = asdict(resting(service.scaling.at(now)) if is_serving else IDLE)
        ecs_service = service.slots[slot]
        yield Wanted(
            Kind.SCALABLE_TARGET,
            ecs_service,
            f"autoscaling sizes {name}" if is_serving else "an idle slot has no tasks",
            {} if standing.in_rollout else bounds,
            once=bounds,
            service=name,
        )
        yield from _policies(service, slot, ecs_service)
        yield from _scheduled(service.scaling, name, ecs_service, now)


def _policies(service: ServiceRecord, slot: Slot, ecs_service: str) -> Iterator[Wanted]:
    count = service.manifest.count
    targets = {
        "cpu": count.cpu_percentage,
        "memory": count.memory_percentage,
        "requests": count.requests,
    }
    for metric, target in targets.items():
        if target is None:
            continue
        yield Wanted(
            Kind.SCALING_POLICY,
            f"{ecs_service}-{metric}",
            f"{metric} per task is kept at {target:g}",
            {
                "of": ecs_service,
                "metric": _METRICS[metric],
                "target": float(target),
                "label": _label(service, slot) if metric == "requests" else None,
                "scale_out_seconds": count.cooldown.out,
                "scale_in_seconds": count.cooldown.in_,
            },
            frozenset({"of"}),
            service=service.manifest.name,
        )


def _scheduled(
    scaling: Scaling, service: str, ecs_service: str, now: datetime
) -> Iterator[Wanted]:
    """Give the times at which a slot that serves gets other bounds.

    What has come and will not come again is not wanted any more.
    """
    for number, one in enumerate(scaling.schedule, start=1):
        if one.is_over(now):
            continue
        yield Wanted(
            Kind.SCHEDULED_ACTION,
            f"{ecs_service}-{number}",
            f"{one.min_tasks} to {one.max_tasks} tasks from then on",
            {
                "of": ecs_service,
                "at": one.at,
                "timezone": one.timezone,
                "min_tasks": one.min_tasks,
                "max_tasks": one.max_tasks,
            },
            frozenset({"of"}),
            service=service,
            whole=True,
        )


def _label(service: ServiceRecord, slot: Slot) -> list[Ref]:
    """Return whose requests are counted: those of the first rule's target group."""
    first = next(i for i in service.ingress if isinstance(i.rule, HttpRule))
    group = service.target_groups[first.path][slot]
    return [
        Ref(Kind.LOAD_BALANCER, first.load_balancer, "label"),
        Ref(Kind.TARGET_GROUP, group, "label"),
    ]
