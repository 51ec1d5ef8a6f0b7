"""The service scheduler: keeps tasks running and replaces them in deployments.

ECS's rolling controller on Fargate (ECS guide, deployment-type-ecs) with its circuit
breaker (deployment-circuit-breaker). Zones: tasks start in the zone that has the
fewest and are taken from the one that has the most, so that there is nothing left for
zone rebalancing to do.

Not modelled: the breaker's rollback and own thresholds, alarms, task protection,
placement failures, and that Spot capacity runs short. A task that fails its health
checks is stopped before its replacement starts; ECS starts that first where
maximumPercent has room for it.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil

from localcloud.api import NotModelled
from localcloud.background import Background
from localcloud.clock import Clock
from localcloud.delays import Delays, OpenQuestions
from localcloud.ecs import capacity
from localcloud.ecs.lifecycle import Lifecycle
from localcloud.ecs.notices import Notices
from localcloud.ecs.records import (
    Deployment,
    RolloutState,
    Service,
    Task,
    TaskDefinition,
    TaskStatus,
)
from localcloud.elb import Elb, Health
from localcloud.identity import Ids, arn

_SCHEDULER = "ServiceSchedulerInitiated"


@dataclass(slots=True)
class Scheduler:
    """Acts on each service a moment after something about it has changed."""

    clock: Clock
    delays: Delays
    open_questions: OpenQuestions
    elb: Elb
    notices: Notices
    background: Background
    services: Mapping[str, Service]
    """Every service by its ARN."""
    remember: Callable[[Task], None]
    """Called with each new task."""
    changed: Callable[[Service | Task], None]
    """Called with a service or task after each change of what reads show of it."""
    lifecycle: Lifecycle = field(init=False)
    _due: set[Service] = field(default_factory=set)
    _ids: Ids = field(default_factory=lambda: Ids("ecs"))

    def wake(self, service: Service) -> None:
        """Look at a service soon; waking it twice before then is once."""
        if service not in self._due:
            self._due.add(service)
            self.clock.call_later(self.delays.scheduling_seconds, self._look, service)

    def wake_all(self) -> None:
        """Look at every service soon: target health has changed."""
        for service in self.services.values():
            self.wake(service)

    def deploy(self, service: Service, definition: TaskDefinition) -> Deployment:
        """Begin a deployment; the one before it is replaced."""
        now = self.clock.now()
        deployment = Deployment(
            f"ecs-svc/{self._ids.decimal('deployment', 19)}",
            definition,
            now,
            now,
            service.load_balancers,
            service.registries,
        )
        service.deployments.insert(0, deployment)
        service.failed_starts, service.no_start_before = 0, 0.0
        self._conclude(service, deployment, RolloutState.IN_PROGRESS, "in progress")
        self.changed(service)
        self.wake(service)
        return deployment

    def task_changed(self, task: Task) -> None:
        """Take note of a task's new status or intent."""
        service = task.service
        if task.status is TaskStatus.RUNNING and task.wanted:
            service.failed_starts = 0
            self.clock.call_later(service.grace_seconds, self.wake, service)
        if task.status is TaskStatus.DEPROVISIONING and task.started_at is None:
            self._throttle(task)
        if task.status is TaskStatus.STOPPED:
            service.tasks.remove(task)
            self._count_failure(task)
        self.changed(task)
        self.changed(service)
        self.wake(service)

    # ------------------------------------------------------------------ failed tasks

    def _throttle(self, task: Task) -> None:
        """Pause before the next start, longer each time (service-throttle-logic).

        Only tasks that never reached RUNNING count.
        """
        service = task.service
        if task.intent is None or task.intent.code == _SCHEDULER:
            return
        pause = min(
            self.delays.restart_pause_seconds * 2**service.failed_starts,
            self.delays.restart_pause_max_seconds,
        )
        service.failed_starts += 1
        service.no_start_before = self.clock.time() + pause
        self.clock.call_later(pause, self.wake, service)

    def _count_failure(self, task: Task) -> None:
        """Count a task that stopped by itself for the circuit breaker."""
        if task.intent is None or task.intent.code in {_SCHEDULER, "UserInitiated"}:
            return
        counts = self.open_questions.breaker_counts_exits_of_healthy_tasks
        if not task.was_healthy or counts:
            self._fail(task.deployment)

    def _fail(self, deployment: Deployment) -> None:
        if deployment.state is RolloutState.IN_PROGRESS:
            deployment.failed_tasks += 1

    # ------------------------------------------------------------ looking at a service

    def _look(self, service: Service) -> None:
        self._due.discard(service)
        self._note_health(service)
        self._stop_unhealthy(service)
        self._break_circuit(service)
        self._stop_replaced(service)
        self._stop_surplus(service)
        self._start_missing(service)
        self._forget_replaced(service)
        if service.status == "ACTIVE":
            self._complete(service)
        self._end(service)
        self.changed(service)

    def _healthy(self, task: Task) -> bool:
        return task.status is TaskStatus.RUNNING and all(
            self.elb.health(group, target) is Health.HEALTHY
            for group, target in task.targets
        )

    def _note_health(self, service: Service) -> None:
        """Start the count of failures anew where a task is found healthy."""
        for task in _wanted(service):
            if not task.was_healthy and self._healthy(task):
                task.was_healthy = True
                task.deployment.failed_tasks = 0

    def _stop_unhealthy(self, service: Service) -> None:
        """Stop tasks that fail health checks after the grace period.

        ECS guide, service-load-balancing and troubleshoot-service-load-balancers.
        """
        for task in _wanted(service):
            ready_at = task.started_clock + service.grace_seconds
            if task.status is not TaskStatus.RUNNING or self.clock.time() < ready_at:
                continue
            for group, target in task.targets:
                if self.elb.health(group, target) is Health.UNHEALTHY:
                    where = f"failed ELB health checks in (target-group {group})"
                    self.notices.remark(service, f"(task {task.task_id}) {where}")
                    self._fail(task.deployment)
                    self.lifecycle.stop(task, _SCHEDULER, f"Task {where}")

    def _break_circuit(self, service: Service) -> None:
        deployment = service.primary
        if (
            service.breaker
            and deployment.state is RolloutState.IN_PROGRESS
            and deployment.failed_tasks >= service.breaker_threshold
        ):
            if service.rollback:
                raise NotModelled("the deployment circuit breaker's rollback")
            self.notices.remark(
                service,
                f"({deployment.deployment_id}) deployment failed: tasks failed "
                "to start.",
            )
            self._conclude(service, deployment, RolloutState.FAILED, "")

    def _stop_replaced(self, service: Service) -> None:
        """Stop tasks of older deployments, as minimumHealthyPercent allows.

        A failed deployment replaces nothing any more; tasks beyond the desired count
        go even then.
        """
        wanted = _wanted(service)
        old = [t for t in wanted if t.deployment is not service.primary]
        spare = len(wanted) - service.desired
        if service.primary.state is RolloutState.FAILED:
            for task in old[: max(0, spare)]:
                self._stop(task)
            return
        healthy = sum(self._healthy(t) for t in wanted)
        needed = ceil(service.desired * service.min_percent / 100)
        for task in old:
            if self._healthy(task):
                if healthy <= needed:
                    continue
                healthy -= 1
            self._stop(task)

    def _stop_surplus(self, service: Service) -> None:
        """Scale in: first what is not up, then from the fullest zone, newest first."""
        mine = [t for t in _wanted(service) if t.deployment is service.primary]
        while len(mine) > service.desired:
            zones = Counter(t.subnet.zone for t in mine)
            chosen = max(
                mine,
                key=lambda t: (
                    not self._healthy(t),
                    zones[t.subnet.zone],
                    t.created_at,
                    mine.index(t),
                ),
            )
            mine.remove(chosen)
            self._stop(chosen)

    def _stop(self, task: Task) -> None:
        deployment_id = task.deployment.deployment_id
        reason = f"Scaling activity initiated by (deployment {deployment_id})"
        self.lifecycle.stop(task, _SCHEDULER, reason)

    def _start_missing(self, service: Service) -> None:
        """Start tasks up to the desired count, as maximumPercent allows."""
        primary, wanted = service.primary, _wanted(service)
        if primary.state is RolloutState.FAILED:
            return
        if self.clock.time() < service.no_start_before:
            return
        most = service.desired * service.max_percent // 100
        mine = sum(t.deployment is primary for t in wanted)
        missing = min(service.desired - mine, most - len(wanted))
        for _ in range(missing):
            self._start(service)
        if missing > 0:
            self.notices.remark(service, f"has started {missing} tasks.")

    def _start(self, service: Service) -> None:
        mine = [t for t in _wanted(service) if t.deployment is service.primary]
        filled = Counter(t.subnet for t in mine)
        subnet = min(service.subnets, key=lambda s: filled[s])
        cluster = service.cluster_arn.rsplit("/", 1)[1]
        task = Task(
            arn=arn("ecs", f"task/{cluster}/{self._ids.hexadecimal('task', 32)}"),
            service=service,
            deployment=service.primary,
            definition=service.primary.definition,
            subnet=subnet,
            identity=self._identity(cluster),
            created_at=self.clock.now(),
            provider=capacity.choose(service.strategy, (t.provider for t in mine)),
            tags=_tags(service),
            security_groups=tuple(
                service.network["awsvpcConfiguration"].get("securityGroups", ())
            ),
        )
        service.tasks.append(task)
        self.remember(task)
        self.background.begin(self.lifecycle.live(task), f"life of {task.arn}")

    def _identity(self, cluster: str) -> dict[str, str]:
        digits = self._ids.hexadecimal("mac", 10)
        pairs = [digits[i : i + 2] for i in range(0, 10, 2)]
        container = f"container/{cluster}/{self._ids.uuid('container')}"
        return {
            "attachment": self._ids.uuid("attachment"),
            "interface": "eni-" + self._ids.hexadecimal("interface", 17),
            "mac": ":".join(["02", *pairs]),
            "container": arn("ecs", container),
            "runtime": self._ids.hexadecimal("runtime", 32) + "-0000000001",
        }

    def _forget_replaced(self, service: Service) -> None:
        alive = {id(t.deployment) for t in service.tasks}
        primary, *older = service.deployments
        service.deployments[:] = [primary, *(d for d in older if id(d) in alive)]

    def _complete(self, service: Service) -> None:
        """Complete a deployment that has all it wants, and is alone.

        At a desired count of 0 that is true once no task is left.
        """
        primary = service.primary
        mine = [t for t in _wanted(service) if t.deployment is primary]
        alone = all(t.deployment is primary for t in service.tasks)
        full = len(mine) == service.desired and all(self._healthy(t) for t in mine)
        steady = alone and full and (service.desired > 0 or not service.tasks)
        if steady and not service.steady:
            self.notices.remark(service, "has reached a steady state.")
        service.steady = steady
        if steady and primary.state is RolloutState.IN_PROGRESS:
            self._conclude(service, primary, RolloutState.COMPLETED, "completed")

    def _end(self, service: Service) -> None:
        """Make a deleted service INACTIVE once its tasks stop or have stopped.

        API reference, DeleteService.
        """
        over = {TaskStatus.STOPPING, TaskStatus.DEPROVISIONING, TaskStatus.STOPPED}
        if service.status == "DRAINING" and all(
            t.status in over for t in service.tasks
        ):
            service.status, service.inactive_since = "INACTIVE", self.clock.time()

    def _conclude(
        self, service: Service, deployment: Deployment, state: RolloutState, word: str
    ) -> None:
        deployment.state = state
        deployment.updated_at = self.clock.now()
        deployment.reason = (
            "ECS deployment circuit breaker: tasks failed to start."
            if state is RolloutState.FAILED
            else f"ECS deployment {deployment.deployment_id} {word}."
        )
        self.notices.deployment_changed(service, deployment)


def _tags(service: Service) -> tuple[Mapping[str, str], ...]:
    """Return what a task of the service is tagged with at its start.

    propagateTags says which tags it inherits (API reference, CreateService); ECS's
    own name its cluster and service (ECS guide, ecs-using-tags).
    """
    definition = service.primary.definition
    sources = {"SERVICE": service.tags, "TASK_DEFINITION": definition.tags}
    tags = sources.get(service.propagate_tags, ())
    if not service.managed_tags:
        return tags
    own = {
        "aws:ecs:clusterName": service.cluster_arn.rsplit("/", 1)[1],
        "aws:ecs:serviceName": service.name,
    }
    return (*tags, *({"key": k, "value": v} for k, v in own.items()))


def _wanted(service: Service) -> list[Task]:
    return [t for t in service.tasks if t.wanted]
