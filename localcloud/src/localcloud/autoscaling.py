"""Application Auto Scaling for ECS services: targets, and policies that track.

Pages are of the Application Auto Scaling user guide unless another book is named.
Not modelled, and refused: other namespaces, step and predictive scaling, customized
and high-resolution metrics, suspensions given in part.

What is tracked is what `load`, `memory` and `requests` say: a test's own arithmetic.
"""

from asyncio import TimerHandle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Any

from localcloud import routing
from localcloud.api import ACCOUNT, AwsError, NotModelled, Router, only
from localcloud.clock import Clock
from localcloud.ecs import Ecs
from localcloud.ecs.records import Service, TaskStatus
from localcloud.identity import Ids, arn
from localcloud.scheduled_actions import ScheduledActions, page

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
_CPU = "ECSServiceAverageCPUUtilization"
_MEMORY = "ECSServiceAverageMemoryUtilization"
_REQUESTS = "ALBRequestCountPerTarget"
_MOST_TAGS = 50
_PERIOD_SECONDS = 60.0


@dataclass(slots=True)
class _Target:
    resource: str
    arn: str
    minimum: int
    maximum: int
    suspended: dict[str, bool]
    created_at: datetime
    tags: dict[str, str]


@dataclass(slots=True)
class _Policy:
    name: str
    arn: str
    resource: str
    settings: dict[str, Any]
    created_at: datetime
    ratio: float | None = None
    """Its metric by its goal, at the last look; None without data."""
    high: int = 0
    low: int = 0
    """Minutes in a row."""
    out_at: float = float("-inf")
    in_at: float = float("-inf")
    """When it last scaled, in the clock's modelled seconds."""

    @property
    def metric(self) -> str:
        """The predefined metric that it tracks."""
        return str(self._specification["PredefinedMetricType"])

    @property
    def label(self) -> str | None:
        """The resource label, of a policy that tracks requests."""
        return self._specification.get("ResourceLabel")

    @property
    def scales_in(self) -> bool:
        """Whether it may take tasks away."""
        return not self.settings.get("DisableScaleIn", False)

    @property
    def _specification(self) -> dict[str, Any]:
        found: dict[str, Any] = self.settings["PredefinedMetricSpecification"]
        return found


@dataclass(slots=True)
class Autoscaling:
    """Keeps ECS services inside bounds, and their load at its target."""

    clock: Clock
    router: Router
    ecs: Ecs
    load: Callable[[str], float | None] = lambda _: None
    """The average CPU of an ECS service by its name, in percent; None is no data."""
    memory: Callable[[str], float | None] = lambda _: None
    """The average memory of an ECS service by its name, in percent."""
    requests: Callable[[str], float | None] = lambda _: None
    """Requests a minute of each target of a group, by the policy's resource label."""
    _targets: dict[str, _Target] = field(default_factory=dict)
    _policies: dict[tuple[str, str], _Policy] = field(default_factory=dict)
    _scheduled: ScheduledActions = field(init=False)
    _beat: TimerHandle | None = None
    _ids: Ids = field(default_factory=lambda: Ids("autoscaling"))

    def __post_init__(self) -> None:
        """Serve the API."""
        self._scheduled = ScheduledActions(self.clock, self._act)
        self.router.serve(
            "application-autoscaling",
            {
                "RegisterScalableTarget": self._register,
                "DescribeScalableTargets": self._describe_targets,
                "PutScalingPolicy": self._put_policy,
                "DescribeScalingPolicies": self._describe_policies,
                "DeleteScalingPolicy": self._delete_policy,
                "DeregisterScalableTarget": self._deregister,
                "PutScheduledAction": self._put_action,
                "DescribeScheduledActions": self._describe_actions,
                "DeleteScheduledAction": self._delete_action,
                "TagResource": self._tag,
                "UntagResource": self._untag,
                "ListTagsForResource": self._list_tags,
            },
        )

    def close(self) -> None:
        """Scale nothing any more."""
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None
        self._scheduled.close()

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
            "Tags",
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
        if known is not None and "Tags" in params:
            raise NotModelled("Tags in an update of a scalable target")
        usual = known.suspended if known else dict.fromkeys(_SUSPENSIONS, False)
        self._targets[resource] = _Target(
            resource,
            known.arn if known else self._target_arn(),
            minimum,
            maximum,
            suspended or usual,
            known.created_at if known else self.clock.now(),
            known.tags if known else _checked(params.get("Tags", {})),
        )
        self._scale(service, min(max(service.desired, minimum), maximum))
        return {"ScalableTargetARN": self._targets[resource].arn}

    def _describe_targets(self, params: dict[str, Any]) -> dict[str, Any]:
        """List targets; what is not registered is left out, without an error.

        API reference, DescribeScalableTargets.
        """
        only(
            params,
            "ServiceNamespace",
            "ResourceIds",
            "ScalableDimension",
            "MaxResults",
            "NextToken",
        )
        _check(params)
        wanted = params.get("ResourceIds", list(self._targets))
        found = [self._targets[r] for r in wanted if r in self._targets]
        shapes = [
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
        return page("ScalableTargets", shapes, params)

    def _deregister(self, params: dict[str, Any]) -> dict[str, Any]:
        """Forget a target, its policies and its scheduled actions.

        API reference, DeregisterScalableTarget. The count stays as it is.
        """
        only(params, "ServiceNamespace", "ResourceId", "ScalableDimension")
        _check(params)
        resource = params["ResourceId"]
        del self._targets[self._registered(resource).resource]
        for key in [key for key in self._policies if key[0] == resource]:
            del self._policies[key]
        self._scheduled.forget(resource)
        return {}

    def _registered(self, resource: str) -> _Target:
        if resource not in self._targets:
            raise AwsError(
                "ObjectNotFoundException",
                f"No scalable target registered for resource ID: {resource}",
            )
        return self._targets[resource]

    # ---------------------------------------------------------------------------- tags

    def _tagged(self, params: dict[str, Any]) -> _Target:
        for target in self._targets.values():
            if target.arn == params["ResourceARN"]:
                return target
        raise AwsError(
            "ResourceNotFoundException",
            f"No scalable target has the ARN {params['ResourceARN']}",
            ResourceName=params["ResourceARN"],
        )

    def _tag(self, params: dict[str, Any]) -> dict[str, Any]:
        """Add tags, or give them other values (API reference, TagResource)."""
        only(params, "ResourceARN", "Tags")
        target = self._tagged(params)
        target.tags = _checked(target.tags | params["Tags"])
        return {}

    def _untag(self, params: dict[str, Any]) -> dict[str, Any]:
        only(params, "ResourceARN", "TagKeys")
        target = self._tagged(params)
        gone = set(params["TagKeys"])
        target.tags = {k: v for k, v in target.tags.items() if k not in gone}
        return {}

    def _list_tags(self, params: dict[str, Any]) -> dict[str, Any]:
        only(params, "ResourceARN")
        return {"Tags": self._tagged(params).tags}

    # --------------------------------------------------------------- scheduled actions

    def _put_action(self, params: dict[str, Any]) -> dict[str, Any]:
        """Keep a scheduled action of a target."""
        only(
            params,
            "ServiceNamespace",
            "ScheduledActionName",
            "ResourceId",
            "ScalableDimension",
            "Schedule",
            "Timezone",
            "StartTime",
            "EndTime",
            "ScalableTargetAction",
        )
        _check(params)
        self._registered(params["ResourceId"])
        self._scheduled.put(params)
        return {}

    def _describe_actions(self, params: dict[str, Any]) -> dict[str, Any]:
        only(
            params,
            "ServiceNamespace",
            "ScheduledActionNames",
            "ResourceId",
            "ScalableDimension",
            "MaxResults",
            "NextToken",
        )
        _check(params)
        return page("ScheduledActions", self._scheduled.find(params), params)

    def _delete_action(self, params: dict[str, Any]) -> dict[str, Any]:
        only(
            params,
            "ServiceNamespace",
            "ScheduledActionName",
            "ResourceId",
            "ScalableDimension",
        )
        _check(params)
        self._scheduled.delete(params["ResourceId"], params["ScheduledActionName"])
        return {}

    def _act(self, resource: str, bounds: Mapping[str, int]) -> None:
        """Give a target the bounds of an action whose time has come.

        Its count is pulled inside them at once (user guide, scheduled scaling). While
        they are suspended, actions do nothing, and what they would have done is not
        done later (application-auto-scaling-suspend-resume-scaling).
        """
        target = self._targets[resource]
        if target.suspended["ScheduledScalingSuspended"]:
            return
        try:
            service = self._service(resource)
        except AwsError:
            return  # the service was deleted, its target is left over
        target.minimum = bounds.get("MinCapacity", target.minimum)
        target.maximum = bounds.get("MaxCapacity", target.maximum)
        if target.minimum > target.maximum:
            raise NotModelled("one bound of an action beyond the target's other")
        self._scale(service, min(max(service.desired, target.minimum), target.maximum))

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
        self._registered(resource)
        self._check_metric(resource, settings["PredefinedMetricSpecification"])
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

    def _check_metric(self, resource: str, metric: dict[str, Any]) -> None:
        """Check what is tracked: requests need the label of a group of the service.

        API reference, PredefinedMetricSpecification.
        """
        only(metric, "PredefinedMetricType", "ResourceLabel")
        kind, label = metric["PredefinedMetricType"], metric.get("ResourceLabel")
        if kind not in {_CPU, _MEMORY, _REQUESTS}:
            raise NotModelled(f"predefined metric {kind}")
        if kind != _REQUESTS:
            if label is not None:
                raise AwsError(
                    "ValidationException", f"{kind} does not take a resource label."
                )
            return
        balancer, found, group = (label or "").partition("/targetgroup/")
        balancers = {view.load_balancer for view in routing.listeners()}
        groups = {
            routing.dimension(binding["targetGroupArn"])
            for binding in self._service(resource).load_balancers
        }
        if (
            not found
            or balancer not in balancers
            or f"targetgroup/{group}" not in groups
        ):
            raise AwsError(
                "ValidationException",
                f"The resource label {label} names no target group of {resource}.",
            )

    def _describe_policies(self, params: dict[str, Any]) -> dict[str, Any]:
        """List policies of a target, of some names or all.

        API reference, DescribeScalingPolicies.
        """
        only(
            params,
            "ServiceNamespace",
            "PolicyNames",
            "ResourceId",
            "ScalableDimension",
            "MaxResults",
            "NextToken",
        )
        _check(params)
        resource, names = params.get("ResourceId"), params.get("PolicyNames")
        shapes = [
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
            and (not names or policy.name in names)
        ]
        return page("ScalingPolicies", shapes, params)

    def _delete_policy(self, params: dict[str, Any]) -> dict[str, Any]:
        """Remove a policy (API reference, DeleteScalingPolicy)."""
        only(
            params, "ServiceNamespace", "PolicyName", "ResourceId", "ScalableDimension"
        )
        _check(params)
        key = params["ResourceId"], params["PolicyName"]
        if self._policies.pop(key, None) is None:
            raise AwsError(
                "ObjectNotFoundException",
                f"No scaling policy found for resource: {key[0]}, name: {key[1]}",
            )
        return {}

    # ------------------------------------------------------------------------ tracking

    def _evaluate(self) -> None:
        """Look at every policy's metric, minute by minute.

        Of several policies of a target any may add tasks, and the largest count wins;
        tasks are taken away only where all that may do so agree
        (target-tracking-scaling-policy-overview).
        """
        self._beat = self.clock.call_later(_PERIOD_SECONDS, self._evaluate)
        for resource in list(self._targets):
            policies = [p for p in self._policies.values() if p.resource == resource]
            try:
                service = self._service(resource)
            except AwsError:
                continue  # the service was deleted, its target is left over
            for policy in policies:
                self._look(policy, service)
            for policy in policies:
                if policy.ratio is not None and policy.high >= _MINUTES_HIGH:
                    self._out(policy, service, policy.ratio)
            self._in([p for p in policies if p.scales_in], service)

    def _look(self, policy: _Policy, service: Service) -> None:
        """Count minutes in a row above the goal, and those clearly below it."""
        if policy.metric == _REQUESTS:
            value = self.requests(policy.label or "")
        elif policy.metric == _MEMORY:
            value = self.memory(service.name)
        else:
            value = self.load(service.name)
        goal = float(policy.settings["TargetValue"])
        policy.ratio = None if value is None else value / goal
        above = value is not None and value > goal
        below = value is not None and value < _LOW * goal
        policy.high = policy.high + 1 if above else 0
        policy.low = policy.low + 1 if below else 0

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

    def _in(self, policies: list[_Policy], service: Service) -> None:
        """Take tasks away in proportion, within the minimum.

        Between two such the cooldown passes, and after one that added tasks, too
        (target-tracking-scaling-policy-overview).
        """
        low = [p for p in policies if p.low >= _MINUTES_LOW]
        ratios = [p.ratio for p in low if p.ratio is not None]
        if not ratios or len(ratios) < len(policies):
            return
        target = self._targets[policies[0].resource]
        now = self.clock.time()
        rests = any(
            now
            < max(p.in_at, p.out_at)
            + p.settings.get("ScaleInCooldown", _COOLDOWN_SECONDS)
            for p in policies
        )
        if target.suspended["DynamicScalingInSuspended"] or rests:
            return
        wanted = max(ceil(_running(service) * max(ratios)), target.minimum)
        if wanted < service.desired:
            for policy in policies:
                policy.in_at = now
            self._scale(service, wanted)

    def _target_arn(self) -> str:
        unique = self._ids.hexadecimal("target", 32)
        return arn("application-autoscaling", f"scalable-target/{unique}")

    def _service(self, resource: str) -> Service:
        kind, cluster, name = resource.split("/")
        if kind != "service":
            raise AwsError("ValidationException", f"Unsupported resource: {resource}")
        try:
            service = self.ecs.service(name, cluster)
        except AwsError as error:
            raise AwsError(
                "ValidationException", f"ECS service doesn't exist: {resource}"
            ) from error
        if service.status != "ACTIVE":
            raise AwsError(
                "ValidationException", f"ECS service is not active: {resource}"
            )
        return service

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


def _checked(tags: dict[str, str]) -> dict[str, str]:
    """Refuse more than 50 tags (API reference, TagResource)."""
    if len(tags) > _MOST_TAGS:
        raise AwsError("TooManyTagsException", "A resource has at most 50 tags.")
    return tags
