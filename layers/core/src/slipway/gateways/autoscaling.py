"""Application Auto Scaling: the scalable targets of a microservice's slots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.domain.scaling import Suspended, Target
from slipway.errors import NotFound
from slipway.gateways.failures import translated

if TYPE_CHECKING:
    from mypy_boto3_application_autoscaling.client import (
        ApplicationAutoScalingClient,
    )


class Autoscaling:
    """One cluster's scalable targets. Every write is absolute.

    A write pulls the desired count inside its bounds at once, also where it only
    suspends (API reference, RegisterScalableTarget).
    """

    def __init__(self, client: ApplicationAutoScalingClient, cluster: str) -> None:
        self._client = client
        self._cluster = cluster

    def observe(self, *ecs_services: str) -> dict[str, Target]:
        """Return up to 50 services' targets in one call, without those that lack."""
        names = {f"service/{self._cluster}/{name}": name for name in ecs_services}
        with translated(f"DescribeScalableTargets {', '.join(ecs_services)}"):
            answer = self._client.describe_scalable_targets(
                ServiceNamespace="ecs",
                ResourceIds=list(names),
                ScalableDimension="ecs:service:DesiredCount",
            )
        targets = {}
        for found in answer["ScalableTargets"]:
            state = found.get("SuspendedState", {})
            targets[names[found["ResourceId"]]] = Target(
                found["MinCapacity"],
                found["MaxCapacity"],
                Suspended(
                    scale_in=state.get("DynamicScalingInSuspended", False),
                    scale_out=state.get("DynamicScalingOutSuspended", False),
                    scheduled=state.get("ScheduledScalingSuspended", False),
                ),
            )
        return targets

    def require(self, *ecs_services: str) -> dict[str, Target]:
        """Return targets by service; raise NotFound where one is missing."""
        targets = self.observe(*ecs_services)
        missing = [name for name in ecs_services if name not in targets]
        if missing:
            raise NotFound(
                f"cluster {self._cluster} has no scalable target for "
                f"{', '.join(missing)}; register it, or take scaling off the record"
            )
        return targets

    def register(self, ecs_service: str, target: Target) -> None:
        """Give a service's target its bounds and suspensions."""
        suspended = target.suspended
        with translated(f"RegisterScalableTarget {ecs_service}"):
            self._client.register_scalable_target(
                ServiceNamespace="ecs",
                ResourceId=f"service/{self._cluster}/{ecs_service}",
                ScalableDimension="ecs:service:DesiredCount",
                MinCapacity=target.min_tasks,
                MaxCapacity=target.max_tasks,
                SuspendedState={
                    "DynamicScalingInSuspended": suspended.scale_in,
                    "DynamicScalingOutSuspended": suspended.scale_out,
                    "ScheduledScalingSuspended": suspended.scheduled,
                },
            )
