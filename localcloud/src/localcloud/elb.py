"""Elastic Load Balancing: targets, their health, and what the data plane is told.

Load balancers, listeners, rules and target groups are moto's records. Targets live
here: health checks, draining, and the delay until nodes act on a change. Pages cited
are of the user guide for Application Load Balancers; Network Load Balancers have pages
of the same names with the same answers. These act late on weights, and connections last
until they end: only new ones are modelled.

Not modelled: slow start, stickiness of targets, cross-zone settings, target group
health thresholds, targets that are not IP addresses.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from localcloud import routing
from localcloud.api import AwsError, Router, only
from localcloud.background import Background
from localcloud.clock import Clock
from localcloud.delays import Delays
from localcloud.network import Network
from localcloud.seams import (
    DataPlane,
    ListenerView,
    RoutingView,
    Target,
    TaskRuntime,
)

_ROUTING_WRITES = (
    "CreateListener",
    "CreateRule",
    "ModifyListener",
    "ModifyRule",
    "DeleteListener",
    "DeleteLoadBalancer",
    "DeleteRule",
    "SetRulePriorities",
)
_GOLDEN = 0.6180339887
"""Spreads first checks over an interval: its multiples never bunch."""


class Health(StrEnum):
    """States of a target (target-group-health-checks)."""

    INITIAL = "initial"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNUSED = "unused"
    DRAINING = "draining"


_REASONS = {
    Health.INITIAL: (
        "Elb.InitialHealthChecking",
        "Initial health checks in progress",
    ),
    Health.UNHEALTHY: ("Target.FailedHealthChecks", "Health checks failed"),
    Health.UNUSED: (
        "Target.NotInUse",
        "Target group is not configured to receive traffic from the load balancer",
    ),
    Health.DRAINING: (
        "Target.DeregistrationInProgress",
        "Target deregistration is in progress",
    ),
}


@dataclass(slots=True)
class _Registered:
    """One registered or draining target."""

    group_arn: str
    target: Target
    state: Health = Health.INITIAL
    passes: int = 0
    failures: int = 0
    checks: asyncio.Task[Any] | None = None
    drained: asyncio.Event | None = None


class Elb:
    """Targets of all target groups, and the one that tells the data plane."""

    def __init__(  # noqa: PLR0917  a composition root passes its parts
        self,
        clock: Clock,
        router: Router,
        runtime: TaskRuntime,
        data_plane: DataPlane,
        network: Network,
        delays: Delays,
    ) -> None:
        self._clock = clock
        self._runtime = runtime
        self._data_plane = data_plane
        self._network = network
        self._delays = delays
        self._background = Background()
        self._targets: dict[tuple[str, Target], _Registered] = {}
        self._checked = 0
        self._attached = routing.attached()
        self._told: RoutingView | None = None
        self._heard: RoutingView | None = None
        self._acting: dict[str, ListenerView] = {}
        """How each network listener routes, whatever its weights are by now."""
        self._listeners: list[Callable[[], object]] = []
        router.serve(
            "elbv2",
            {
                "RegisterTargets": self._register_targets,
                "DeregisterTargets": self._deregister_targets,
                "DescribeTargetHealth": self._describe_target_health,
            },
        )
        router.after("elbv2", "DeleteTargetGroup", self._forget)
        for operation in _ROUTING_WRITES:
            router.after("elbv2", operation, lambda _: self._rules_changed())

    async def close(self) -> None:
        """End all health checks."""
        await self._background.close()

    def on_health(self, listener: Callable[[], object]) -> None:
        """Call back, without arguments, whenever any target's health has changed."""
        self._listeners.append(listener)

    def attached(self, group_arn: str) -> bool:
        """Whether a listener rule names the group; only then has it a verdict."""
        return group_arn in self._attached

    def health(self, group_arn: str, target: Target) -> Health:
        """Return a target's state as DescribeTargetHealth would."""
        found = self._targets.get((group_arn, target))
        if found is None:
            return Health.UNUSED
        if found.state is not Health.DRAINING and not self.attached(group_arn):
            return Health.UNUSED
        return found.state

    def healthy(self, group_arn: str) -> int:
        """Count the group's targets that are healthy at this moment."""
        return sum(
            self.health(group_arn, t.target) is Health.HEALTHY
            for t in self._of(group_arn)
        )

    def register(self, group_arn: str, target: Target) -> None:
        """Register a target; registering it twice changes nothing.

        A target that drains becomes a new one.
        """
        routing.target_group(group_arn)
        known = self._targets.get((group_arn, target))
        if known is not None and known.state is not Health.DRAINING:
            return
        registered = _Registered(group_arn, target)
        self._targets[group_arn, target] = registered
        if known is not None and known.drained is not None:
            known.drained.set()
        self._check_if_attached(registered)
        self._changed()

    def deregister(self, group_arn: str, target: Target) -> asyncio.Event:
        """Begin to drain a target; the event is set when it is gone.

        No new request reaches it, but for the time that nodes take to hear of it. It
        stays draining for the whole delay, even when idle
        (edit-target-group-attributes, deregistration delay).
        """
        registered = self._targets.get((group_arn, target))
        if registered is None:
            gone = asyncio.Event()
            gone.set()
            return gone
        if registered.drained is not None:
            return registered.drained
        drained = asyncio.Event()
        if registered.checks is not None:
            registered.checks.cancel()
        registered.state, registered.drained = Health.DRAINING, drained
        delay = routing.target_group(group_arn).deregistration_delay_seconds
        self._clock.call_later(delay, self._remove, registered)
        self._changed()
        return drained

    def _remove(self, registered: _Registered) -> None:
        key = registered.group_arn, registered.target
        if self._targets.get(key) is registered:
            del self._targets[key]
        if registered.drained is not None:
            registered.drained.set()

    def _forget(self, params: dict[str, Any]) -> None:
        """Forget the targets of a group that was deleted: they go with it.

        They are not drained: nothing sends them anything (DeleteTargetGroup).
        """
        for registered in list(self._of(params["TargetGroupArn"])):
            if registered.checks is not None:
                registered.checks.cancel()
            self._remove(registered)
        self._changed()

    def _of(self, group_arn: str) -> Iterator[_Registered]:
        return (t for t in self._targets.values() if t.group_arn == group_arn)

    # ------------------------------------------------------------------- health checks

    def _rules_changed(self) -> None:
        self._attached = routing.attached()
        for registered in self._targets.values():
            self._check_if_attached(registered)
        self._changed()

    def _check_if_attached(self, registered: _Registered) -> None:
        """Begin or end checking: only groups that a rule names are checked."""
        if registered.state is Health.DRAINING:
            return
        wanted = self.attached(registered.group_arn)
        if wanted and registered.checks is None:
            registered.checks = self._background.begin(
                self._check(registered), f"health checks of {registered.target.address}"
            )
        if not wanted and registered.checks is not None:
            registered.checks.cancel()
            registered.checks, registered.state = None, Health.INITIAL
            registered.passes = registered.failures = 0

    async def _check(self, registered: _Registered) -> None:
        """Check one target for ever, the first time within an interval."""
        self._checked += 1
        settings = routing.target_group(registered.group_arn).health_check
        first = (self._checked * _GOLDEN) % 1.0
        await self._clock.sleep(first * settings.interval_seconds)
        while True:
            settings = routing.target_group(registered.group_arn).health_check
            began = self._clock.time()
            passed = await self._probe(registered.target, settings)
            self._judge(registered, settings, passed=passed)
            spent = self._clock.time() - began
            await self._clock.sleep(max(0.0, settings.interval_seconds - spent))

    async def _probe(self, target: Target, settings: routing.HealthCheck) -> bool:
        resident = self._network.resident(target.address)
        if resident is None or resident.port != target.port:
            return False
        return await self._runtime.probe(
            resident, settings.path, settings.timeout_seconds
        )

    def _judge(
        self, registered: _Registered, settings: routing.HealthCheck, *, passed: bool
    ) -> None:
        """Count a check; change the state where a threshold is reached.

        A new target needs one passed check; an unhealthy one as many in a row as the
        healthy threshold says (target-group-health-checks).
        """
        if passed:
            registered.passes, registered.failures = registered.passes + 1, 0
        else:
            registered.passes, registered.failures = 0, registered.failures + 1
        before = registered.state
        needed = 1 if before is Health.INITIAL else settings.healthy_threshold
        if registered.passes >= needed:
            registered.state = Health.HEALTHY
        elif registered.failures >= settings.unhealthy_threshold:
            registered.state = Health.UNHEALTHY
        if registered.state is not before:
            self._changed()

    # ------------------------------------------------------------ what nodes are told

    def view(self) -> RoutingView:
        """Return what requests will meet once every node has heard of it."""
        listeners = routing.listeners()
        groups = sorted({g for v in listeners for r in v.rules for g in r.weights})
        return RoutingView(
            listeners=listeners, targets={g: self._receivers(g) for g in groups}
        )

    def _receivers(self, group_arn: str) -> tuple[Target, ...]:
        """Return the healthy targets or, where there are none, all that stay.

        A group without a healthy target fails open (target-group-health-checks).
        """
        staying = [t for t in self._of(group_arn) if t.state is not Health.DRAINING]
        healthy = [t for t in staying if t.state is Health.HEALTHY]
        return tuple(t.target for t in healthy or staying)

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()
        view = self.view()
        if view != self._told:
            before = self._told.listeners if self._told is not None else ()
            self._told = view
            self._clock.call_later(self._delays.propagation_seconds, self._tell, view)
            for one in view.listeners:
                if one.is_network and one not in before:
                    self._acting.setdefault(one.listener_arn, one)
                    lag = self._delays.network_weights_seconds
                    self._clock.call_later(lag, self._act, one)

    def _act(self, listener: ListenerView) -> None:
        """Let the nodes of a network listener go by weights that it had a while ago."""
        if self._acting[listener.listener_arn] != listener:
            self._acting[listener.listener_arn] = listener
            if self._heard is not None:
                self._tell(self._heard)

    def _tell(self, view: RoutingView) -> None:
        self._heard = view
        acting = (self._acting.get(one.listener_arn, one) for one in view.listeners)
        self._data_plane.apply(replace(view, listeners=tuple(acting)))

    # ---------------------------------------------------------------------- operations

    def _register_targets(self, params: dict[str, Any]) -> dict[str, Any]:
        only(params, "TargetGroupArn", "Targets")
        for target in self._named(params):
            self.register(params["TargetGroupArn"], target)
        return {}

    def _deregister_targets(self, params: dict[str, Any]) -> dict[str, Any]:
        """Begin to drain; a target that is not registered is no error."""
        only(params, "TargetGroupArn", "Targets")
        for target in self._named(params):
            self.deregister(params["TargetGroupArn"], target)
        return {}

    def _named(self, params: dict[str, Any]) -> list[Target]:
        port = routing.target_group(params["TargetGroupArn"]).port
        for target in params["Targets"]:
            only(target, "Id", "Port")
            if target["Id"].startswith("i-"):
                raise AwsError(
                    "InvalidTarget", f"The IP address '{target['Id']}' is not valid"
                )
        return [Target(t["Id"], int(t.get("Port", port))) for t in params["Targets"]]

    def _describe_target_health(self, params: dict[str, Any]) -> dict[str, Any]:
        only(params, "TargetGroupArn", "Targets")
        group = routing.target_group(params["TargetGroupArn"])
        if params.get("Targets"):
            asked = self._named(params)
        else:
            asked = [t.target for t in self._of(group.arn)]
        return {
            "TargetHealthDescriptions": [
                {
                    "Target": {"Id": target.address, "Port": target.port},
                    "HealthCheckPort": str(target.port),
                    "TargetHealth": self._described(group.arn, target),
                }
                for target in asked
            ]
        }

    def _described(self, group_arn: str, target: Target) -> dict[str, str]:
        if (group_arn, target) not in self._targets:
            return {
                "State": Health.UNUSED,
                "Reason": "Target.NotRegistered",
                "Description": "Target is not registered to the target group",
            }
        state = self.health(group_arn, target)
        if state not in _REASONS:
            return {"State": state}
        reason, description = _REASONS[state]
        return {"State": state, "Reason": reason, "Description": description}
