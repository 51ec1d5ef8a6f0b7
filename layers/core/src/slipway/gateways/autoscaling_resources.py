"""Application Auto Scaling: scalable targets and what sizes them, made and kept."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from slipway.domain.resources import Found, Ids, Kind, Scope, Wanted
from slipway.domain.scaling import Suspended, Target
from slipway.gateways import tags
from slipway.gateways.autoscaling import Autoscaling
from slipway.gateways.failures import translated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_application_autoscaling.client import (
        ApplicationAutoScalingClient,
    )

TARGETS_EACH = 50
"""Targets of one DescribeScalableTargets."""
DIMENSION: Any = {
    "ServiceNamespace": "ecs",
    "ScalableDimension": "ecs:service:DesiredCount",
}


class ScalableTargets:
    """The bounds of each slot. Giving bounds pulls its desired count inside at once."""

    kind = Kind.SCALABLE_TARGET

    def __init__(self, client: ApplicationAutoScalingClient, cluster: str) -> None:
        self._client = client
        self._targets = Autoscaling(client, cluster)

    def found(self, scope: Scope, wanted: Sequence[Wanted], ids: Ids) -> list[Found]:
        """Return the targets of the wanted slots, and of all that are known."""
        slots = [one for one in ids.of_kind(Kind.ECS_SERVICE) if one.owned]
        services = {one.name: one.service for one in slots}
        services |= {one.name: one.service for one in wanted}
        found = []
        for part in tags.in_parts(services, TARGETS_EACH):
            for name, target in self._targets.observe(*part).items():
                facts = asdict(target)
                resource = _resource(scope.cluster, name)
                found.append(Found(self.kind, name, resource, facts, services[name]))
        return found

    def make(self, scope: Scope, wanted: Wanted, ids: Ids) -> Found:
        """Register a slot."""
        resource = _resource(scope.cluster, wanted.name)
        made = Found(self.kind, wanted.name, resource, {}, wanted.service)
        self.change(made, wanted, ids)
        return made

    def change(self, found: Found, wanted: Wanted, ids: Ids) -> None:
        """Give a slot its bounds."""
        del ids
        bounds = wanted.once
        target = Target(
            bounds["min_tasks"], bounds["max_tasks"], Suspended(**bounds["suspended"])
        )
        self._targets.register(found.name, target)

    def remove(self, found: Found) -> None:
        """Forget a slot, and all that sizes it."""
        with translated(f"DeregisterScalableTarget {found.name}"):
            self._client.deregister_scalable_target(ResourceId=found.id, **DIMENSION)


class ScalingPolicies:
    """What sizes each slot."""

    kind = Kind.SCALING_POLICY

    def __init__(self, client: ApplicationAutoScalingClient) -> None:
        self._client = client

    def found(self, scope: Scope, wanted: Sequence[Wanted], ids: Ids) -> list[Found]:
        """Return all policies of the slots that are known.

        They have no tags: those whose names begin with the slot's are Slipway's own.
        """
        del wanted
        slots = _slots(scope, ids)
        if not slots:
            return []
        only, found = _only(slots), []
        with translated(f"DescribeScalingPolicies {scope.cluster}"):
            pages = self._client.get_paginator("describe_scaling_policies")
            for page in pages.paginate(**DIMENSION, **only):
                found += [
                    _found(one, slots[one["ResourceId"]])
                    for one in page["ScalingPolicies"]
                    if one["ResourceId"] in slots
                ]
        return found

    def make(self, scope: Scope, wanted: Wanted, ids: Ids) -> Found:
        """Let a metric size a slot; a policy of that name is replaced."""
        facts = ids.value(wanted.facts)
        resource = _resource(scope.cluster, facts["of"])
        made = Found(self.kind, wanted.name, resource, {}, wanted.service)
        self.change(made, wanted, ids)
        return made

    def change(self, found: Found, wanted: Wanted, ids: Ids) -> None:
        """Give it another target or other rests."""
        facts = ids.value(wanted.facts)
        metric: Any = {"PredefinedMetricType": facts["metric"]}
        if facts["label"]:
            metric["ResourceLabel"] = "/".join(facts["label"])
        with translated(f"PutScalingPolicy {found.name}"):
            self._client.put_scaling_policy(
                PolicyName=found.name,
                ResourceId=found.id,
                PolicyType="TargetTrackingScaling",
                TargetTrackingScalingPolicyConfiguration={
                    "TargetValue": facts["target"],
                    "PredefinedMetricSpecification": metric,
                    "ScaleOutCooldown": facts["scale_out_seconds"],
                    "ScaleInCooldown": facts["scale_in_seconds"],
                },
                **DIMENSION,
            )

    def remove(self, found: Found) -> None:
        """Let a metric size a slot no more."""
        with translated(f"DeleteScalingPolicy {found.name}"):
            self._client.delete_scaling_policy(
                PolicyName=found.name, ResourceId=found.id, **DIMENSION
            )


class ScheduledActions:
    """The times at which each slot gets other bounds, unless its target suspends them.

    AWS suspends them together with all that they would do to capacity (API reference,
    SuspendedState), so one of an idle slot starts no tasks.
    """

    kind = Kind.SCHEDULED_ACTION

    def __init__(self, client: ApplicationAutoScalingClient) -> None:
        self._client = client

    def found(self, scope: Scope, wanted: Sequence[Wanted], ids: Ids) -> list[Found]:
        """Return all scheduled actions of the slots that are known.

        They have no tags: those whose names begin with the slot's are Slipway's own.
        """
        del wanted
        slots = _slots(scope, ids)
        if not slots:
            return []
        only, found = _only(slots), []
        with translated(f"DescribeScheduledActions {scope.cluster}"):
            pages = self._client.get_paginator("describe_scheduled_actions")
            for page in pages.paginate(**DIMENSION, **only):
                found += [
                    _found_action(one, slots[one["ResourceId"]])
                    for one in page["ScheduledActions"]
                    if one["ResourceId"] in slots
                ]
        return found

    def make(self, scope: Scope, wanted: Wanted, ids: Ids) -> Found:
        """Let bounds change at some times; an action of that name is replaced."""
        resource = _resource(scope.cluster, wanted.facts["of"])
        made = Found(self.kind, wanted.name, resource, {}, wanted.service)
        self.change(made, wanted, ids)
        return made

    def change(self, found: Found, wanted: Wanted, ids: Ids) -> None:
        """Give it other times or bounds."""
        del ids
        facts = wanted.facts
        with translated(f"PutScheduledAction {found.name}"):
            self._client.put_scheduled_action(
                ScheduledActionName=found.name,
                ResourceId=found.id,
                Schedule=facts["at"],
                Timezone=facts["timezone"],
                ScalableTargetAction={
                    "MinCapacity": facts["min_tasks"],
                    "MaxCapacity": facts["max_tasks"],
                },
                **DIMENSION,
            )

    def remove(self, found: Found) -> None:
        """Let bounds change no more at its times."""
        with translated(f"DeleteScheduledAction {found.name}"):
            self._client.delete_scheduled_action(
                ScheduledActionName=found.name, ResourceId=found.id, **DIMENSION
            )


def _slots(scope: Scope, ids: Ids) -> dict[str, Found]:
    """Return the slots that are known to scale, by their resource ids."""
    return {
        _resource(scope.cluster, one.name): one
        for one in ids.of_kind(Kind.SCALABLE_TARGET)
    }


def _only(slots: Mapping[str, Found]) -> Any:
    """Return what to ask for: one slot alone, else all there are."""
    return {"ResourceId": next(iter(slots))} if len(slots) == 1 else {}


def _found_action(action: Any, slot: Found) -> Found:
    bounds = action.get("ScalableTargetAction", {})
    # Start and end are never given: one that has them is not as it is to be.
    limits = {
        key: str(action[key]) for key in ("StartTime", "EndTime") if key in action
    }
    facts = {
        "of": slot.name,
        "at": action["Schedule"],
        "timezone": action.get("Timezone", "UTC"),
        "min_tasks": bounds.get("MinCapacity"),
        "max_tasks": bounds.get("MaxCapacity"),
        **limits,
    }
    name, resource = action["ScheduledActionName"], action["ResourceId"]
    owned = name.startswith(f"{slot.name}-")
    return Found(
        Kind.SCHEDULED_ACTION, name, resource, facts, slot.service, owned=owned
    )


def _found(policy: Any, slot: Found) -> Found:
    config = policy.get("TargetTrackingScalingPolicyConfiguration", {})
    metric = config.get("PredefinedMetricSpecification", {})
    # A label is that of a load balancer, app/NAME/ID, and that of a target group.
    label = metric.get("ResourceLabel", "").replace("/targetgroup/", "|targetgroup/")
    facts = {
        "of": slot.name,
        "metric": metric.get("PredefinedMetricType"),
        "target": config.get("TargetValue"),
        "label": label.split("|") if label else None,
        "scale_out_seconds": config.get("ScaleOutCooldown"),
        "scale_in_seconds": config.get("ScaleInCooldown"),
    }
    name, resource = policy["PolicyName"], policy["ResourceId"]
    owned = name.startswith(f"{slot.name}-")
    return Found(Kind.SCALING_POLICY, name, resource, facts, slot.service, owned=owned)


def _resource(cluster: str, ecs_service: str) -> str:
    return f"service/{cluster}/{ecs_service}"
