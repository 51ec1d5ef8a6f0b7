"""The monitor: watches every write and notes each that breaks an invariant.

It reads the local cloud's own state at the moment of the write, so it sees what AWS
would have done with it, not what the writer believed.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any

from slipway.domain.announcement import WEIGHTS_KEY
from slipway.domain.service import Binding, Service, Slot

from localcloud import routing
from localcloud.api import Call, Parameters, Router
from localcloud.clock import Clock
from localcloud.cloudmap import CloudMap
from localcloud.ecs import Ecs
from localcloud.ecs.records import TaskStatus
from localcloud.elb import Elb

A_MOMENT_SECONDS = 0.5
"""Between a read and the write that rests on it, some calls of 0.03 s at most: what
changes in it nobody can know of, for AWS has no conditional writes."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One write, or one state of rest, that breaks an invariant."""

    at: datetime
    invariant: int
    """Its number in docs/architecture.md."""
    text: str


class Monitor:
    """Checks invariants 1, 2 and 6 for the services it watches."""

    def __init__(
        self, clock: Clock, router: Router, ecs: Ecs, elb: Elb, cloud_map: CloudMap
    ) -> None:
        self._clock = clock
        self._ecs = ecs
        self._elb = elb
        self._cloud_map = cloud_map
        self._services: dict[str, Service] = {}
        self._primaries: dict[str, Slot] = {}
        """By rule or network listener, the slot that last had all the weight."""
        self.promoted: Callable[[str], Slot | None] = lambda _: None
        """Says by a service's name which slot its last promotion made the primary;
        where it does not know, weights tell. A service without rules has none then."""
        self.violations: list[Violation] = []
        router.watch(self._check)

    def watch(self, service: Service) -> None:
        """Check writes to this service from now on."""
        self._services[service.name] = service

    def at_rest(self) -> list[Violation]:
        """Check that idle slots have no capacity and no weight; return what is found.

        To be called when no rollout runs. What is found is noted too.
        """
        found = [
            violation
            for service in self._services.values()
            for violation in (
                [v for b in service.bindings for v in self._idle(service, b)]
                if service.bindings
                else self._idle_by_name(service)
            )
        ]
        self.violations += found
        return found

    def _idle(self, service: Service, binding: Binding) -> list[Violation]:
        weights = self._weights(binding)
        primary = _heaviest(weights)
        found = []
        for slot in Slot:
            if slot is primary:
                continue
            desired = self._desired(service, slot)
            if desired or weights[slot]:
                found.append(
                    self._violation(
                        6,
                        f"{service.slots[slot]} is idle with desired count {desired} "
                        f"and weight {weights[slot]}",
                    )
                )
        return found

    def _idle_by_name(self, service: Service) -> list[Violation]:
        """Check a service without rules: all slots but its primary have no tasks."""
        primary = self.promoted(service.name)
        return [
            self._violation(6, f"{name} is idle with desired count {desired}")
            for slot, name in service.slots.items()
            if slot is not primary and (desired := self._desired(service, slot))
        ]

    # -------------------------------------------------------------------------- writes

    def _check(self, call: Call) -> None:
        params, writer = call.params, call.caller or "a client"
        match call.service, call.operation:
            case "elbv2", "ModifyRule":
                self._check_rule(params["RuleArn"], params.get("Actions", []), writer)
            case "elbv2", "ModifyListener":
                for listener in routing.listeners():
                    if listener.listener_arn == params["ListenerArn"]:
                        default = listener.rules[-1].rule_arn
                        actions = params.get("DefaultActions", [])
                        self._check_rule(default, actions, writer)
                        self._check_rule(params["ListenerArn"], actions, writer)
            case "ecs", "UpdateService":
                self._check_capacity(params, writer)
            case "servicediscovery", "UpdateServiceAttributes":
                # A write that lands late was in order when it was sent.
                late = (self._clock.now() - call.at).total_seconds()
                if late < A_MOMENT_SECONDS:
                    self._check_told(params, writer)

    def _check_rule(
        self, rule_arn: str, actions: list[dict[str, Any]], writer: str
    ) -> None:
        for service in self._services.values():
            for binding in service.bindings:
                if binding.carrier_arn == rule_arn and actions:
                    self._check_weights(service, binding, actions, writer)

    def _check_weights(
        self,
        service: Service,
        binding: Binding,
        actions: list[dict[str, Any]],
        writer: str,
    ) -> None:
        """Hold invariant 1 where a target group's share of requests rises.

        The last resort of invariant 2 is no violation: requests leave a side that has
        no healthy target for one that has.
        """
        before = self._weights(binding)
        stored = routing.weights(actions)
        after = {s: stored.get(binding.target_group_arns[s], 0) for s in Slot}
        needed = self._needed(service, self._primary(service, binding, before))
        for slot in Slot:
            share = _share(after, slot)
            if share <= _share(before, slot):
                continue
            healthy = self._elb.healthy(binding.target_group_arns[slot])
            other = self._elb.healthy(binding.target_group_arns[slot.other])
            enough = ceil(share * needed)
            last_resort = before[slot.other] > 0 and other == 0 and healthy > 0
            if healthy < enough and not last_resort:
                self.violations.append(
                    self._violation(
                        1,
                        f"{writer} raised {service.slots[slot]} to {share:.0%} with "
                        f"{healthy} healthy targets of {enough} needed",
                    )
                )

    def _check_told(self, params: Parameters, writer: str) -> None:
        """Hold invariant 1 where the registry is told a slot's weight.

        None rises there above what the slot has in an open rule.
        """
        known = self._cloud_map.attributes(params["ServiceId"])
        before, after = _told(known), _told(params["Attributes"])
        for service in self._services.values():
            if service.registry_service_id != params["ServiceId"]:
                continue
            for slot, name in service.slots.items():
                share = _part(after, name)
                for weights in map(self._weights, service.bindings):
                    has = _share(weights, slot)
                    if any(weights.values()) and share > max(has, _part(before, name)):
                        self.violations.append(
                            self._violation(
                                1,
                                f"{writer} told the registry {share:.0%} of {name}, "
                                f"whose rule gives it {has:.0%}",
                            )
                        )

    def _check_capacity(self, params: Parameters, writer: str) -> None:
        """Hold invariant 1 where a slot that still carries weight is made smaller."""
        if "desiredCount" not in params:
            return
        name = params["service"].rsplit("/", 1)[-1]
        for service in self._services.values():
            slot = service.slot_of(name)
            if slot is None:
                continue
            desired, lowered = self._desired(service, slot), params["desiredCount"]
            if lowered >= desired:
                continue
            if not service.bindings:
                self._check_by_name(service, slot, lowered, writer)
            for binding in service.bindings:
                weights = self._weights(binding)
                primary = self._primary(service, binding, weights)
                size = lowered if slot is primary else self._size(service, primary)
                share = _share(weights, slot)
                enough = ceil(share * max(size, service.min_tasks))
                if lowered < enough:
                    self.violations.append(
                        self._violation(
                            1,
                            f"{writer} lowered {name} from {desired} to {lowered} "
                            f"while it carries {share:.0%} and needs {enough}",
                        )
                    )

    def _check_by_name(
        self, service: Service, slot: Slot, lowered: int, writer: str
    ) -> None:
        """Hold invariant 1 where a service without rules is made smaller.

        Whoever has tasks gets requests. So its primary stays as large as the service
        must be, and the other slot is made smaller only beside a primary that runs all
        it should, unless it runs nothing itself.
        """
        primary = self.promoted(service.name)
        if primary is None:
            return
        if slot is primary:
            left, enough = lowered, service.min_tasks
        elif not self._running(service, slot):
            return
        else:
            left = self._running(service, primary)
            enough = self._needed(service, primary)
        if left < enough:
            self.violations.append(
                self._violation(
                    1,
                    f"{writer} lowered {service.slots[slot]} to {lowered}: "
                    f"{service.slots[primary]} has {left} tasks of {enough} needed",
                )
            )

    # ------------------------------------------------------------------------ readings

    def _weights(self, binding: Binding) -> Mapping[Slot, int]:
        rule = routing.carrier(binding.listener_arn, binding.rule_arn)
        stored = rule.weights if rule is not None else {}
        return {s: stored.get(binding.target_group_arns[s], 0) for s in Slot}

    def _primary(
        self, service: Service, binding: Binding, weights: Mapping[Slot, int]
    ) -> Slot | None:
        """Return the slot that a rollout comes from; None before a first release.

        By weights it is the one that last had it all, for as long as any is shared.
        """
        for slot in Slot:
            if _share(weights, slot) == 1:
                self._primaries[binding.carrier_arn] = slot
        if not any(weights.values()):
            return None
        promoted = self.promoted(service.name)
        if promoted is not None:
            return promoted
        return self._primaries.get(binding.carrier_arn, _heaviest(weights))

    def _running(self, service: Service, slot: Slot) -> int:
        known = self._ecs.service(service.slots[slot])
        return sum(task.status is TaskStatus.RUNNING for task in known.tasks)

    def _desired(self, service: Service, slot: Slot) -> int:
        return self._ecs.service(service.slots[slot]).desired

    def _size(self, service: Service, primary: Slot | None) -> int:
        return self._desired(service, primary) if primary is not None else 0

    def _needed(self, service: Service, primary: Slot | None) -> int:
        """Return how many healthy tasks carry all of the service's requests.

        A primary that has just grown counts as it was.
        """
        if primary is None:
            return service.min_tasks
        known = self._ecs.service(service.slots[primary])
        grown_just_now = self._clock.time() - known.resized_at < A_MOMENT_SECONDS
        size = known.desired
        if grown_just_now:
            size = min(size, known.desired_before)
        return max(size, service.min_tasks)

    def _violation(self, invariant: int, text: str) -> Violation:
        return Violation(self._clock.now(), invariant, text)


def _heaviest(weights: Mapping[Slot, int]) -> Slot | None:
    """Return the slot with the largest weight, None where neither has any."""
    heaviest = max(Slot, key=lambda slot: weights[slot])
    return heaviest if weights[heaviest] else None


def _told(attributes: Mapping[str, str]) -> Mapping[str, float]:
    """Return the weights that attributes tell; what cannot be read tells none."""
    try:
        weights = json.loads(attributes.get(WEIGHTS_KEY, "{}"))
    except ValueError:
        return {}
    return weights if isinstance(weights, dict) else {}


def _part(weights: Mapping[str, float], name: str) -> float:
    total = sum(weights.values())
    return weights.get(name, 0) / total if total else 0.0


def _share(weights: Mapping[Slot, int], slot: Slot) -> float:
    total = sum(weights.values())
    return weights[slot] / total if total else 0.0
