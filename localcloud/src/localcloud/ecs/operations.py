"""The operations of ECS's API that Slipway and its demo use.

Answers follow the ECS API reference. Reads of services and tasks lag as long as
`read_lag_seconds` says; those of task definitions are always up to date.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from localcloud.api import AwsError, NotModelled, Router, only
from localcloud.background import Background
from localcloud.clock import Clock
from localcloud.delays import Delays, OpenQuestions
from localcloud.ecs.definitions import TaskDefinitions
from localcloud.ecs.lifecycle import Lifecycle
from localcloud.ecs.notices import Notices, service_shape, task_shape
from localcloud.ecs.past import Past
from localcloud.ecs.records import Service, Task
from localcloud.ecs.scheduler import Scheduler
from localcloud.elb import Elb
from localcloud.identity import arn
from localcloud.images import EventSink, Images
from localcloud.network import Network, Subnet
from localcloud.seams import TaskRuntime

_STOPPED_TASKS_SHOW = timedelta(hours=1)
"""Stopped tasks can be described for about an hour (API reference, DescribeTasks)."""

_SERVICES_PER_CALL = 10
_TASKS_PER_CALL = 100


class Ecs:
    """Clusters, services and tasks."""

    def __init__(  # noqa: PLR0917  a composition root passes its parts
        self,
        clock: Clock,
        router: Router,
        events: EventSink,
        images: Images,
        elb: Elb,
        runtime: TaskRuntime,
        network: Network,
        delays: Delays,
        open_questions: OpenQuestions,
    ) -> None:
        self._clock = clock
        self._elb = elb
        self._network = network
        self._definitions = TaskDefinitions(clock, router)
        self._clusters: dict[str, str] = {}
        self._services: dict[str, Service] = {}
        self._tasks: dict[str, Task] = {}
        self._past = Past(
            clock, self._services, self._tasks, delays.ecs_read_lag_seconds
        )
        self._background = Background()
        notices = Notices(clock, events)
        self._scheduler = Scheduler(
            clock=clock,
            delays=delays,
            open_questions=open_questions,
            elb=elb,
            notices=notices,
            background=self._background,
            services=self._services,
            remember=self._remember,
            changed=self._past.note,
        )
        self._lifecycle = Lifecycle(
            clock=clock,
            runtime=runtime,
            images=images,
            elb=elb,
            network=network,
            delays=delays,
            notices=notices,
            changed=self._scheduler.task_changed,
        )
        self._scheduler.lifecycle = self._lifecycle
        elb.on_health(self._scheduler.wake_all)
        router.serve(
            "ecs",
            {
                "CreateCluster": self._create_cluster,
                "CreateService": self._create_service,
                "UpdateService": self._update_service,
                "DescribeServices": self._describe_services,
                "ListTasks": self._list_tasks,
                "DescribeTasks": self._describe_tasks,
                "StopTask": self._stop_task,
            },
        )

    @property
    def read_lag_seconds(self) -> float:
        """How long ago DescribeServices, DescribeTasks and ListTasks look.

        May be set at any time; a longer lag reaches back to when it was set.
        """
        return self._past.lag_seconds

    @read_lag_seconds.setter
    def read_lag_seconds(self, seconds: float) -> None:
        self._past.lag_seconds = seconds

    async def close(self) -> None:
        """Let go of all tasks; stopping what runs is the runtime's to do."""
        await self._background.close()

    def service(self, name: str, cluster: str | None = None) -> Service:
        """Return a service by name or ARN; any cluster's where none is given."""
        found = [
            s
            for s in self._services.values()
            if name in (s.name, s.arn)
            and (cluster is None or s.cluster_arn == self._cluster(cluster))
        ]
        if not found:
            raise AwsError("ServiceNotFoundException", "Service not found.")
        return found[0]

    def scale(self, service: Service, count: int) -> None:
        """Set a desired count, as Application Auto Scaling does."""
        service.resize(count, self._clock.time())
        self._past.note(service)
        self._scheduler.wake(service)

    def tasks(self) -> tuple[Task, ...]:
        """Return every task that has not been forgotten, in order of creation."""
        return tuple(self._tasks.values())

    def _remember(self, task: Task) -> None:
        oldest = self._clock.now() - _STOPPED_TASKS_SHOW
        for known in list(self._tasks.values()):
            if known.stopped_at is not None and known.stopped_at < oldest:
                del self._tasks[known.arn]
                self._past.forget(known)
        self._tasks[task.arn] = task

    def _cluster(self, name: str | None) -> str:
        """Return a cluster's ARN by name or ARN."""
        short = (name or "default").rsplit("/", 1)[-1]
        if short not in self._clusters:
            raise AwsError("ClusterNotFoundException", "Cluster not found.")
        return self._clusters[short]

    def _create_cluster(self, params: dict[str, Any]) -> dict[str, Any]:
        only(params, "clusterName", "tags")
        name = params.get("clusterName", "default")
        cluster_arn = self._clusters.setdefault(name, arn("ecs", f"cluster/{name}"))
        return {
            "cluster": {
                "clusterArn": cluster_arn,
                "clusterName": name,
                "status": "ACTIVE",
            }
        }

    # ------------------------------------------------------------------------ services

    def _create_service(self, params: dict[str, Any]) -> dict[str, Any]:
        only(
            params,
            "cluster",
            "serviceName",
            "taskDefinition",
            "desiredCount",
            "launchType",
            "loadBalancers",
            "networkConfiguration",
            "deploymentConfiguration",
            "healthCheckGracePeriodSeconds",
            "availabilityZoneRebalancing",
            "propagateTags",
            "tags",
        )
        if params.get("launchType") != "FARGATE":
            raise NotModelled("launchType other than FARGATE")
        cluster_arn, name = self._cluster(params.get("cluster")), params["serviceName"]
        if any(
            s.name == name and s.cluster_arn == cluster_arn
            for s in self._services.values()
        ):
            raise AwsError(
                "InvalidParameterException",
                "Creation of service was not idempotent.",
            )
        configuration = _deployment_configuration(params)
        service = Service(
            arn=arn("ecs", f"service/{cluster_arn.rsplit('/', 1)[1]}/{name}"),
            name=name,
            cluster_arn=cluster_arn,
            desired=params.get("desiredCount", 0),
            load_balancers=self._load_balancers(params),
            subnets=self._subnets(params),
            network=params["networkConfiguration"],
            created_at=self._clock.now(),
            min_percent=configuration.get("minimumHealthyPercent", 100),
            max_percent=configuration.get("maximumPercent", 200),
            breaker=_breaker(configuration),
            grace_seconds=float(params.get("healthCheckGracePeriodSeconds", 0)),
            rebalancing=params.get("availabilityZoneRebalancing", "ENABLED"),
            tags=tuple(params.get("tags", ())),
            propagate_tags=params.get("propagateTags", "NONE"),
        )
        definition = self._definitions.active(params["taskDefinition"])
        self._services[service.arn] = service
        self._scheduler.deploy(service, definition)
        return {"service": service_shape(service)}

    def _load_balancers(self, params: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
        """Check bindings: a group that no rule names is refused (CreateService)."""
        bindings = tuple(params.get("loadBalancers", ()))
        for binding in bindings:
            only(binding, "targetGroupArn", "containerName", "containerPort")
            group = binding["targetGroupArn"]
            if not self._elb.attached(group):
                raise AwsError(
                    "InvalidParameterException",
                    f"The target group with targetGroupArn {group} does not have an "
                    "associated load balancer.",
                )
        return bindings

    def _subnets(self, params: Mapping[str, Any]) -> tuple[Subnet, ...]:
        only(params["networkConfiguration"], "awsvpcConfiguration")
        settings = params["networkConfiguration"]["awsvpcConfiguration"]
        only(settings, "subnets", "securityGroups", "assignPublicIp")
        found = {name: self._network.subnet(name) for name in settings["subnets"]}
        missing = [name for name, subnet in found.items() if subnet is None]
        if missing:
            raise AwsError(
                "InvalidParameterException",
                f"The subnet ID '{missing[0]}' does not exist",
            )
        return tuple(s for s in found.values() if s is not None)

    def _update_service(self, params: dict[str, Any]) -> dict[str, Any]:
        """Change a service (API reference, UpdateService).

        Another task definition, another network configuration or forceNewDeployment
        starts a deployment; a count alone does not.
        """
        only(
            params,
            "cluster",
            "service",
            "desiredCount",
            "taskDefinition",
            "forceNewDeployment",
            "networkConfiguration",
            "deploymentConfiguration",
            "healthCheckGracePeriodSeconds",
        )
        service = self._named(params.get("cluster"), params["service"])
        definition = service.primary.definition
        if "taskDefinition" in params:
            definition = self._definitions.active(params["taskDefinition"])
        if "deploymentConfiguration" in params:
            configuration = _deployment_configuration(params)
            if "deploymentCircuitBreaker" in configuration:
                service.breaker = _breaker(configuration)
            service.min_percent = configuration.get(
                "minimumHealthyPercent", service.min_percent
            )
            service.max_percent = configuration.get(
                "maximumPercent", service.max_percent
            )
        if "healthCheckGracePeriodSeconds" in params:
            service.grace_seconds = float(params["healthCheckGracePeriodSeconds"])
        count = params.get("desiredCount", service.desired)
        service.resize(count, self._clock.time())
        changed = definition is not service.primary.definition
        if "networkConfiguration" in params:
            network = params["networkConfiguration"]
            changed = changed or _settings(network) != _settings(service.network)
            service.subnets, service.network = self._subnets(params), network
        if changed or params.get("forceNewDeployment"):
            self._scheduler.deploy(service, definition)
        self._past.note(service)
        self._scheduler.wake(service)
        return {"service": service_shape(service)}

    def _named(self, cluster: str | None, name: str) -> Service:
        return self.service(name, self._cluster(cluster))

    def _describe_services(self, params: dict[str, Any]) -> dict[str, Any]:
        only(params, "cluster", "services", "include")
        cluster_arn = self._cluster(params.get("cluster"))
        if len(params["services"]) > _SERVICES_PER_CALL:
            raise AwsError(
                "InvalidParameterException",
                "Services cannot have more than 10 elements",
            )
        found, failures = [], []
        for name in params["services"]:
            service, shape = self._seen(name, cluster_arn)
            if service is None or shape is None:
                short = name.rsplit("/", 1)[-1]
                cluster = cluster_arn.rsplit("/", 1)[1]
                missing = arn("ecs", f"service/{cluster}/{short}")
                failures.append({"arn": missing, "reason": "MISSING"})
                continue
            if "TAGS" in params.get("include", ()):
                shape["tags"] = [dict(t) for t in service.tags]
            found.append(shape)
        return {"services": found, "failures": failures}

    def _seen(
        self, name: str, cluster_arn: str
    ) -> tuple[Service | None, dict[str, Any] | None]:
        """Return a service and what a read shows of it, each None where missing."""
        try:
            service = self.service(name, cluster_arn)
        except AwsError:
            return None, None
        return service, self._past.look(service)

    # --------------------------------------------------------------------------- tasks

    def _list_tasks(self, params: dict[str, Any]) -> dict[str, Any]:
        """List by desired status, RUNNING unless asked (API reference, ListTasks)."""
        only(params, "cluster", "serviceName", "desiredStatus", "maxResults")
        cluster_arn = self._cluster(params.get("cluster"))
        chosen = [t for t in self.tasks() if t.service.cluster_arn == cluster_arn]
        if "serviceName" in params:
            service = self.service(params["serviceName"], cluster_arn)
            chosen = [t for t in chosen if t.service is service]
        status = params.get("desiredStatus", "RUNNING")
        looks = [self._past.look(task) for task in chosen]
        arns = [s["taskArn"] for s in looks if s and s["desiredStatus"] == status]
        if len(arns) > params.get("maxResults", _TASKS_PER_CALL):
            raise NotModelled("ListTasks beyond its first page")
        return {"taskArns": arns}

    def _describe_tasks(self, params: dict[str, Any]) -> dict[str, Any]:
        only(params, "cluster", "tasks", "include")
        cluster_arn = self._cluster(params.get("cluster"))
        if len(params["tasks"]) > _TASKS_PER_CALL:
            raise AwsError(
                "InvalidParameterException", "Tasks cannot have more than 100 elements"
            )
        found, failures = [], []
        for name in params["tasks"]:
            task = self._task(cluster_arn, name)
            shape = None if task is None else self._past.look(task)
            if task is None or shape is None:
                cluster, short = cluster_arn.rsplit("/", 1)[1], name.rsplit("/", 1)[-1]
                missing = arn("ecs", f"task/{cluster}/{short}")
                failures.append({"arn": missing, "reason": "MISSING"})
                continue
            if "TAGS" in params.get("include", ()):
                shape["tags"] = [dict(t) for t in _tags(task)]
            found.append(shape)
        return {"tasks": found, "failures": failures}

    def _task(self, cluster_arn: str, name: str) -> Task | None:
        return next(
            (
                t
                for t in self.tasks()
                if name in (t.arn, t.task_id) and t.service.cluster_arn == cluster_arn
            ),
            None,
        )

    def _stop_task(self, params: dict[str, Any]) -> dict[str, Any]:
        only(params, "cluster", "task", "reason")
        task = self._task(self._cluster(params.get("cluster")), params["task"])
        if task is None:
            raise AwsError(
                "InvalidParameterException", "The referenced task was not found."
            )
        reason = params.get("reason", "Task stopped by user")
        self._lifecycle.stop(task, "UserInitiated", reason)
        return {"task": task_shape(task)}


def _tags(task: Task) -> tuple[Mapping[str, str], ...]:
    """Return a task's tags (API reference, CreateService, propagateTags)."""
    sources = {"SERVICE": task.service.tags, "TASK_DEFINITION": task.definition.tags}
    return sources.get(task.service.propagate_tags, ())


def _settings(network: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what counts of a network configuration, in a form to compare."""
    settings = network["awsvpcConfiguration"]
    return (
        frozenset(settings["subnets"]),
        frozenset(settings.get("securityGroups", ())),
        settings.get("assignPublicIp", "DISABLED"),
    )


def _deployment_configuration(params: Mapping[str, Any]) -> Mapping[str, Any]:
    configuration: Mapping[str, Any] = params.get("deploymentConfiguration", {})
    only(
        configuration,
        "deploymentCircuitBreaker",
        "maximumPercent",
        "minimumHealthyPercent",
        "strategy",
    )
    if configuration.get("strategy", "ROLLING") != "ROLLING":
        raise NotModelled(f"deployment strategy {configuration['strategy']}")
    return configuration


def _breaker(configuration: Mapping[str, Any]) -> bool:
    breaker = configuration.get("deploymentCircuitBreaker", {})
    only(breaker, "enable", "rollback")
    if breaker.get("rollback"):
        raise NotModelled("the deployment circuit breaker's rollback")
    return bool(breaker.get("enable"))
