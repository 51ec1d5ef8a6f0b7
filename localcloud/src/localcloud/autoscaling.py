"""Application Auto Scaling for ECS services: targets, and policies that track CPU.

Pages are of the Application Auto Scaling user guide unless another book is named.
Not modelled, and refused: other namespaces, step, scheduled and predictive scaling,
customized metrics and request counts, deregistering, suspensions given in part.

CPU is what `load` says: a test's own arithmetic.
"""

from asyncio import TimerHandle
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Any

from localcloud.api import ACCOUNT, AwsError, NotModelled, Router, only
from localcloud.clock import Clock
from localcloud.ecs import Ecs
from localcloud.ecs.records import Service, TaskStatus
from localcloud.identity import Ids, arn

ROLE_ARN = (
    f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/"
    "ecs.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_ECSService"
)
"""The service-linked role, as if it had always been there
(application-auto-scaling-service-linked-roles)."""
DIMENSION = "ecs:service:DesiredCount"
_SUSPENSIONS = (
    "DynamicScalingInSuspended",
    "DynamicScalingOutSuspended",
    "ScheduledScalingSuspended",
)
_COOLDOWN_SECONDS = 300
"""Of scaling in and out, for ECS services, where a policy gives none
(target-tracking-scaling-policy-overview)."""
_MINUTES_HIGH = 3
_MINUTES_LOW = 15
"""Minutes in a row above the target, or below nine tenths of it, after which alarms of
policies act: out quickly, in slowly. That it is so is documented, how many minutes it
takes is not; these are the alarms that AWS makes (target-tracking-scaling-policy-
overview)."""
_LOW = 0.9
_PERIOD_SECONDS = 60.0


@dataclass(slots=True)
class _Target:
    resource: str
    arn: str
    minimum: int
    maximum: int
    suspended: dict[str, bool]
    created_at: datetime


@dataclass(slots=True)
class _Policy:
    name: str
    arn: str
    resource: str
    settings: dict[str, Any]
    created_at: datetime
    high: int = 0
    low: int = 0
    """Minutes in a row."""
    out_at: float = float("-inf")
    in_at: float = float("-inf")
    """When it last scaled, in the clock's modelled seconds."""


@dataclass(slots=True)
class Autoscaling:
    """Keeps ECS services inside bounds, and their load at its target."""

    clock: Clock
    router: Router
    ecs: Ecs
    load: Callable[[str], float | None] = lambda _: None
    """The average CPU of an ECS service by its name, in percent; None is no data."""
    _targets: dict[str, _Target] = field(default_factory=dict)
    _policies: dict[tuple[str, str], _Policy] = field(default_factory=dict)
    _beat: TimerHandle | None = None
    _ids: Ids = field(default_factory=lambda: Ids("autoscaling"))

    def __post_init__(self) -> None:
        """Serve the API."""
        self.router.serve(
            "application-autoscaling",
            {
                "RegisterScalableTarget": self._register,
                "DescribeScalableTargets": self._describe_targets,
                "PutScalingPolicy": self._put_policy,
                "DescribeScalingPolicies": self._describe_policies,
            },
        )

    def close(self) -> None:
        """Scale nothing any more."""
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None

    # ------------------------------------------------------------------------- targets

    def _register(self, params: dict[str, Any]) -> dict[str, Any]:
        """Register or update a target, and pull the desired count inside its bounds.

        So does an update that gives no bounds; what it leaves out stays as it is (API
        reference, RegisterScalableTarget).
        """
        only(
            params,
            "ServiceNamespace",
            "ResourceId",
            "ScalableDimension",
            "MinCapacity",
            "MaxCapacity",
            "SuspendedState",
        )
        _check(params)
        resource = params["ResourceId"]
        service = self._service(resource)
        known = self._targets.get(resource)
        if known is None and not {"MinCapacity", "MaxCapacity"} <= set(params):
            raise AwsError(
                "ValidationException",
                "MinCapacity and MaxCapacity are required to register a target.",
            )
        minimum = params.get("MinCapacity", known.minimum if known else 0)
        maximum = params.get("MaxCapacity", known.maximum if known else 0)
        if not 0 <= minimum <= maximum:
            raise AwsError(
                "ValidationException",
                "Maximum capacity cannot be less than minimum capacity",
            )
        suspended = params.get("SuspendedState")
        if suspended is not None and set(suspended) != set(_SUSPENSIONS):
            raise NotModelled("SuspendedState given in part")
        usual = known.suspended if known else dict.fromkeys(_SUSPENSIONS, False)
        self._targets[resource] = _Target(
            resource,
            known.arn if known else self._target_arn(),
            minimum,
            maximum,
            suspended or usual,
            known.created_at if known else self.clock.now(),
        )
        self._scale(service, min(max(service.desired, minimum), maximum))
        return {"ScalableTargetARN": self._targets[resource].arn}

    def _describe_targets(self, params: dict[str, Any]) -> dict[str, Any]:
        """List targets; what is not registered is left out, without an error.

        API reference, DescribeScalableTargets.
        """
        only(params, "ServiceNamespace", "ResourceIds", "ScalableDimension")
        _check(params)
        wanted = params.get("ResourceIds", list(self._targets))
        found = [self._targets[r] for r in wanted if r in self._targets]
        return {
            "ScalableTargets": [
                {
                    "ServiceNamespace": "ecs",
                    "ResourceId": target.resource,
                    "ScalableDimension": DIMENSION,
                    "MinCapacity": target.minimum,
                    "MaxCapacity": target.maximum,
                    "RoleARN": ROLE_ARN,
                    "CreationTime": target.created_at,
                    "SuspendedState": target.suspended,
                    "ScalableTargetARN": target.arn,
                }
                for target in found
            ]
        }

    # ------------------------------------------------------------------------ policies

    def _put_policy(self, params: dict[str, Any]) -> dict[str, Any]:
        """Make or replace a policy of a target (API reference, PutScalingPolicy)."""
        only(
            params,
            "PolicyName",
            "PolicyType",
            "ServiceNamespace",
            "ResourceId",
            "ScalableDimension",
            "TargetTrackingScalingPolicyConfiguration",
        )
        _check(params)
        resource, name = params["ResourceId"], params["PolicyName"]
        if params.get("PolicyType") != "TargetTrackingScaling":
            raise NotModelled(f"policy type {params.get('PolicyType')}")
        settings = params["TargetTrackingScalingPolicyConfiguration"]
        only(
            settings,
            "TargetValue",
            "PredefinedMetricSpecification",
            "ScaleOutCooldown",
            "ScaleInCooldown",
            "DisableScaleIn",
        )
        metric = settings["PredefinedMetricSpecification"]["PredefinedMetricType"]
        if metric != "ECSServiceAverageCPUUtilization":
            raise NotModelled(f"predefined metric {metric}")
        if resource not in self._targets:
            raise AwsError(
                "ObjectNotFoundException",
                f"No scalable target registered for resource ID: {resource}",
            )
        known = self._policies.get((resource, name))
        policy = _Policy(
            name,
            known.arn
            if known
            else arn("autoscaling", f"scalingPolicy:{self._ids.uuid('policy')}"),
            resource,
            settings,
            known.created_at if known else self.clock.now(),
        )
        self._policies[resource, name] = policy
        if self._beat is None:
            self._beat = self.clock.call_later(_PERIOD_SECONDS, self._evaluate)
        return {"PolicyARN": policy.arn, "Alarms": []}

    def _describe_policies(self, params: dict[str, Any]) -> dict[str, Any]:
        only(params, "ServiceNamespace", "ResourceId", "ScalableDimension")
        _check(params)
        resource = params.get("ResourceId")
        return {
            "ScalingPolicies": [
                {
                    "PolicyARN": policy.arn,
                    "PolicyName": policy.name,
                    "ServiceNamespace": "ecs",
                    "ResourceId": policy.resource,
                    "ScalableDimension": DIMENSION,
                    "PolicyType": "TargetTrackingScaling",
                    "TargetTrackingScalingPolicyConfiguration": policy.settings,
                    "CreationTime": policy.created_at,
                }
                for policy in self._policies.values()
                if resource in (None, policy.resource)
            ]
        }

    # ------------------------------------------------------------------------ tracking

    def _evaluate(self) -> None:
        """Look at every policy's metric, minute by minute."""
        self._beat = self.clock.call_later(_PERIOD_SECONDS, self._evaluate)
        for policy in self._policies.values():
            service = self._service(policy.resource)
            value = self.load(service.name)
            goal = float(policy.settings["TargetValue"])
            above = value is not None and value > goal
            below = value is not None and value < _LOW * goal
            policy.high = policy.high + 1 if above else 0
            policy.low = policy.low + 1 if below else 0
            if value is not None and policy.high >= _MINUTES_HIGH:
                self._out(policy, service, value / goal)
            elif value is not None and policy.low >= _MINUTES_LOW:
                self._in(policy, service, value / goal)

    def _out(self, policy: _Policy, service: Service, ratio: float) -> None:
        """Add tasks in proportion, within the maximum.

        It starts from the running count (ECS guide, service-auto-scaling). A suspended
        kind of scaling does nothing, and alarms in breach act as soon as it resumes
        (application-auto-scaling-suspend-resume-scaling).
        """
        target = self._targets[policy.resource]
        wait = policy.settings.get("ScaleOutCooldown", _COOLDOWN_SECONDS)
        rests = self.clock.time() < policy.out_at + wait
        if target.suspended["DynamicScalingOutSuspended"] or rests:
            return
        wanted = min(ceil(_running(service) * ratio), target.maximum)
        if wanted > service.desired:
            policy.out_at = self.clock.time()
            self._scale(service, wanted)

    def _in(self, policy: _Policy, service: Service, ratio: float) -> None:
        """Take tasks away in proportion, within the minimum.

        Between two such the cooldown passes, and after one that added tasks, too
        (target-tracking-scaling-policy-overview).
        """
        target = self._targets[policy.resource]
        wait = policy.settings.get("ScaleInCooldown", _COOLDOWN_SECONDS)
        rests = self.clock.time() < max(policy.in_at, policy.out_at) + wait
        off = policy.settings.get("DisableScaleIn", False)
        if target.suspended["DynamicScalingInSuspended"] or rests or off:
            return
        wanted = max(ceil(_running(service) * ratio), target.minimum)
        if wanted < service.desired:
            policy.in_at = self.clock.time()
            self._scale(service, wanted)

    def _target_arn(self) -> str:
        unique = self._ids.hexadecimal("target", 32)
        return arn("application-autoscaling", f"scalable-target/{unique}")

    def _service(self, resource: str) -> Service:
        kind, cluster, name = resource.split("/")
        if kind != "service":
            raise AwsError("ValidationException", f"Unsupported resource: {resource}")
        try:
            return self.ecs.service(name, cluster)
        except AwsError as error:
            raise AwsError(
                "ValidationException", f"ECS service doesn't exist: {resource}"
            ) from error

    def _scale(self, service: Service, count: int) -> None:
        if count != service.desired:
            self.ecs.scale(service, count)


def _running(service: Service) -> int:
    return sum(t.status is TaskStatus.RUNNING and t.wanted for t in service.tasks)


def _check(params: dict[str, Any]) -> None:
    if params["ServiceNamespace"] != "ecs":
        raise NotModelled(f"service namespace {params['ServiceNamespace']}")
    if params.get("ScalableDimension", DIMENSION) != DIMENSION:
        raise NotModelled(f"scalable dimension {params['ScalableDimension']}")
