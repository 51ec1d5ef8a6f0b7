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
from localcloud.cloudmap import CloudMap
from localcloud.delays import Delays, OpenQuestions
from localcloud.ecs import capacity, settings, tagging
from localcloud.ecs.capacity import Strategy
from localcloud.ecs.clusters import Cluster, Clusters
from localcloud.ecs.definitions import TaskDefinitions
from localcloud.ecs.lifecycle import Lifecycle
from localcloud.ecs.notices import Notices, service_shape, task_shape
from localcloud.ecs.past import Past
from localcloud.ecs.records import Service, Task, TaskDefinition
from localcloud.ecs.scheduler import Scheduler
from localcloud.ecs.settings import Settings
from localcloud.ecs.tagging import Tagging
from localcloud.elb import Elb
from localcloud.identity import arn
from localcloud.images import EventSink, Images
from localcloud.network import Network
from localcloud.seams import TaskRuntime

_STOPPED_TASKS_SHOW = timedelta(hours=1)
"""Stopped tasks can be described for about an hour (API reference, DescribeTasks)."""

_SERVICES_PER_CALL = 10
_SERVICES_PER_PAGE = 10
_MOST_PER_PAGE = 100
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
        cloud_map: CloudMap,
        runtime: TaskRuntime,
        network: Network,
        delays: Delays,
        open_questions: OpenQuestions,
    ) -> None:
        self._clock = clock
        self._delays = delays
        self._definitions = TaskDefinitions(clock, router)
        self._settings = Settings(elb, network, cloud_map)
        self._questions = open_questions
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
            changed=self._note,
        )
        self._lifecycle = Lifecycle(
            clock=clock,
            runtime=runtime,
            images=images,
            elb=elb,
            cloud_map=cloud_map,
            network=network,
            delays=delays,
            notices=notices,
            changed=self._scheduler.task_changed,
        )
        self._scheduler.lifecycle = self._lifecycle
        self._clusters = Clusters(router, self._known_services, self.tasks)
        Tagging(router, {"cluster": self._clusters.find, "service": self._to_tag})
        elb.on_health(self._scheduler.wake_all)
        router.serve(
            "ecs",
            {
                "CreateService": self._create_service,
                "UpdateService": self._update_service,
                "DeleteService": self._delete_service,
                "DescribeServices": self._describe_services,
                "ListServices": self._list_services,
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
        """Return a service by name or ARN; any cluster's where none is given.

        Those that were deleted are found as long as they are shown.
        """
        found = [
            s
            for s in self._known_services()
            if name in (s.name, s.arn)
            and (cluster is None or s.cluster_arn == self._clusters.find(cluster).arn)
        ]
        if not found:
            raise AwsError("ServiceNotFoundException", "Service not found.")
        return found[0]

    def scale(self, service: Service, count: int) -> None:
        """Set a desired count, as Application Auto Scaling does."""
        if service.status != "ACTIVE":
            raise AwsError("ServiceNotActiveException", "Service was not ACTIVE.")
        service.resize(count, self._clock.time())
        self._past.note(service)
        self._scheduler.wake(service)

    def tasks(self) -> tuple[Task, ...]:
        """Return every task that has not been forgotten, in order of creation."""
        return tuple(self._tasks.values())

    def _known_services(self) -> tuple[Service, ...]:
        """Return every service that can be described."""
        oldest = self._clock.time() - self._delays.inactive_service_seconds
        return tuple(s for s in self._services.values() if s.inactive_since > oldest)

    def _to_tag(self, name: str) -> Service:
        """Return a service whose tags can be read and changed."""
        service = self._services.get(name)
        if service is None:
            raise AwsError(
                "ResourceNotFoundException", "The specified resource wasn't found."
            )
        if service.status == "INACTIVE":
            raise AwsError(
                "InvalidParameterException", "The specified service is inactive."
            )
        return service

    def _note(self, changed: Service | Task) -> None:
        """Let reads see a change, unless another service has taken the name."""
        if isinstance(changed, Task) or self._services[changed.arn] is changed:
            self._past.note(changed)

    def _remember(self, task: Task) -> None:
        oldest = self._clock.now() - _STOPPED_TASKS_SHOW
        for known in list(self._tasks.values()):
            if known.stopped_at is not None and known.stopped_at < oldest:
                del self._tasks[known.arn]
                self._past.forget(known)
        self._tasks[task.arn] = task

    # ------------------------------------------------------------------------ services

    def _create_service(self, params: dict[str, Any]) -> dict[str, Any]:
        """Make a service. Its name is free where one of that name is INACTIVE.

        API reference, CreateService and DeleteService. A service has a launch type or
        a capacity provider strategy, its cluster's unless given. Without both there is
        the launch type EC2, which is not modelled.
        """
        only(
            params,
            "cluster",
            "serviceName",
            "taskDefinition",
            "desiredCount",
            "launchType",
            "capacityProviderStrategy",
            "platformVersion",
            "loadBalancers",
            "serviceRegistries",
            "networkConfiguration",
            "deploymentConfiguration",
            "deploymentController",
            "schedulingStrategy",
            "healthCheckGracePeriodSeconds",
            "availabilityZoneRebalancing",
            "propagateTags",
            "enableECSManagedTags",
            "enableExecuteCommand",
            "tags",
        )
        settings.check_usual(params)
        cluster = self._clusters.find(params.get("cluster"))
        name = params["serviceName"]
        service_arn = arn("ecs", f"service/{cluster.name}/{name}")
        self._check_free(service_arn)
        configuration = settings.deployment_configuration(params)
        definition = self._definitions.active(params["taskDefinition"])
        service = Service(
            arn=service_arn,
            name=name,
            cluster_arn=cluster.arn,
            desired=params.get("desiredCount", 0),
            load_balancers=self._settings.load_balancers(
                params.get("loadBalancers", ())
            ),
            registries=self._settings.registries(params.get("serviceRegistries", ())),
            strategy=_strategy(params, cluster),
            platform=settings.platform(params.get("platformVersion", settings.LATEST)),
            subnets=self._settings.subnets(params["networkConfiguration"]),
            network=params["networkConfiguration"],
            created_at=self._clock.now(),
            min_percent=configuration.get("minimumHealthyPercent", 100),
            max_percent=configuration.get("maximumPercent", 200),
            breaker=settings.breaker(configuration),
            rollback=settings.rollback(configuration),
            grace_seconds=float(params.get("healthCheckGracePeriodSeconds", 0)),
            rebalancing=settings.rebalancing(
                params.get("availabilityZoneRebalancing", "ENABLED")
            ),
            tags=tagging.checked(params.get("tags", ())),
            propagate_tags=settings.propagated(params.get("propagateTags", "NONE")),
            managed_tags=params.get("enableECSManagedTags", False),
        )
        settings.check_ports(definition, (*service.load_balancers, *service.registries))
        self._services[service.arn] = service
        self._scheduler.deploy(service, definition)
        return {"service": service_shape(service)}

    def _check_free(self, service_arn: str) -> None:
        known = self._services.get(service_arn)
        if known is not None and known.status == "ACTIVE":
            raise AwsError(
                "InvalidParameterException",
                "Creation of service was not idempotent.",
            )
        if known is not None and known.status == "DRAINING":
            raise AwsError(
                "InvalidParameterException",
                "Unable to Start a service that is still Draining.",
            )

    def _update_service(self, params: dict[str, Any]) -> dict[str, Any]:
        """Change a service (API reference, UpdateService): all of it or nothing.

        Another task definition, network configuration, platform version, list of load
        balancers or list of registries starts a deployment, as forceNewDeployment
        does. All else does not: tags and capacity providers hold for new tasks only.
        """
        only(
            params,
            "cluster",
            "service",
            "desiredCount",
            "taskDefinition",
            "capacityProviderStrategy",
            "platformVersion",
            "loadBalancers",
            "serviceRegistries",
            "forceNewDeployment",
            "networkConfiguration",
            "deploymentConfiguration",
            "healthCheckGracePeriodSeconds",
            "availabilityZoneRebalancing",
            "propagateTags",
            "enableECSManagedTags",
            "enableExecuteCommand",
        )
        settings.check_usual(params)
        cluster = self._clusters.find(params.get("cluster"))
        service = self._active(params["service"], cluster.arn)
        change = self._change(service, cluster, params)
        forced = params.get("forceNewDeployment", False)
        if (
            change["strategy"] != service.strategy
            and not forced
            and self._questions.strategy_change_has_to_be_forced
        ):
            raise AwsError(
                "InvalidParameterException",
                "When switching from launch type to capacity provider strategy on an "
                "existing service, or making a change to a capacity provider strategy "
                "on a service that is already using one, you must force a new "
                "deployment.",
            )
        definition = change.pop("definition")
        renewed = _redeployed(service, definition, change)
        service.resize(change.pop("desired"), self._clock.time())
        for name, value in change.items():
            setattr(service, name, value)
        if renewed or forced:
            self._scheduler.deploy(service, definition)
        self._past.note(service)
        self._scheduler.wake(service)
        return {"service": service_shape(service)}

    def _change(
        self, service: Service, cluster: Cluster, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return what the service is to be, checked; nothing is written yet."""
        definition = service.primary.definition
        if "taskDefinition" in params:
            definition = self._definitions.active(params["taskDefinition"])
        balancers, registries = service.load_balancers, service.registries
        if "loadBalancers" in params:
            balancers = self._settings.load_balancers(params["loadBalancers"])
        if "serviceRegistries" in params:
            registries = self._settings.registries(params["serviceRegistries"])
        settings.check_ports(definition, (*balancers, *registries))
        strategy = service.strategy
        if "capacityProviderStrategy" in params:
            given = params["capacityProviderStrategy"]
            strategy = capacity.strategy(given, cluster.providers)
        subnets, network = service.subnets, service.network
        if "networkConfiguration" in params:
            network = params["networkConfiguration"]
            subnets = self._settings.subnets(network)
        configuration = settings.deployment_configuration(params)
        breaker, rollback = service.breaker, service.rollback
        if "deploymentCircuitBreaker" in configuration:
            breaker = settings.breaker(configuration)
            rollback = settings.rollback(configuration)
        return {
            "definition": definition,
            "desired": params.get("desiredCount", service.desired),
            "load_balancers": balancers,
            "registries": registries,
            "strategy": strategy,
            "platform": settings.platform(
                params.get("platformVersion", service.platform)
            ),
            "subnets": subnets,
            "network": network,
            "breaker": breaker,
            "rollback": rollback,
            "min_percent": configuration.get(
                "minimumHealthyPercent", service.min_percent
            ),
            "max_percent": configuration.get("maximumPercent", service.max_percent),
            "grace_seconds": float(
                params.get("healthCheckGracePeriodSeconds", service.grace_seconds)
            ),
            "rebalancing": settings.rebalancing(
                params.get("availabilityZoneRebalancing", service.rebalancing)
            ),
            "propagate_tags": settings.propagated(
                params.get("propagateTags", service.propagate_tags)
            ),
            "managed_tags": params.get("enableECSManagedTags", service.managed_tags),
        }

    def _active(self, name: str, cluster_arn: str) -> Service:
        service = self.service(name, cluster_arn)
        if service.status != "ACTIVE":
            raise AwsError("ServiceNotActiveException", "Service was not ACTIVE.")
        return service

    def _delete_service(self, params: dict[str, Any]) -> dict[str, Any]:
        """Delete a service that is scaled to 0, or any by force.

        It is DRAINING while it has tasks to stop, then INACTIVE; that can be seen for
        some time (API reference, DeleteService). It is DRAINING for a moment also
        where it has no task.
        """
        only(params, "cluster", "service", "force")
        cluster = self._clusters.find(params.get("cluster"))
        service = self.service(params["service"], cluster.arn)
        if service.status == "INACTIVE":
            raise AwsError("ServiceNotFoundException", "Service not found.")
        if service.desired and not params.get("force"):
            raise AwsError(
                "InvalidParameterException",
                "The service cannot be stopped while it is scaled above 0.",
            )
        service.status = "DRAINING"
        service.resize(0, self._clock.time())
        self._past.note(service)
        self._scheduler.wake(service)
        return {"service": service_shape(service)}

    def _list_services(self, params: dict[str, Any]) -> dict[str, Any]:
        """List a cluster's active services, 10 a page unless asked for 1 to 100.

        Those that drain are not among them (API reference, ListServices and
        DeleteService).
        """
        only(params, "cluster", "maxResults", "nextToken")
        cluster = self._clusters.find(params.get("cluster"))
        shapes = [
            self._past.look(s)
            for s in self._known_services()
            if s.cluster_arn == cluster.arn
        ]
        arns = [s["serviceArn"] for s in shapes if s and s["status"] == "ACTIVE"]
        most = params.get("maxResults", _SERVICES_PER_PAGE)
        if not 1 <= most <= _MOST_PER_PAGE:
            raise AwsError(
                "InvalidParameterException",
                "Max results should be between 1 and 100 inclusive.",
            )
        begin = int(params.get("nextToken", 0))
        page: dict[str, Any] = {"serviceArns": arns[begin : begin + most]}
        if len(arns) > begin + most:
            page["nextToken"] = str(begin + most)
        return page

    def _describe_services(self, params: dict[str, Any]) -> dict[str, Any]:
        only(params, "cluster", "services", "include")
        cluster_arn = self._clusters.find(params.get("cluster")).arn
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
        cluster_arn = self._clusters.find(params.get("cluster")).arn
        chosen = [t for t in self.tasks() if t.service.cluster_arn == cluster_arn]
        if "serviceName" in params:
            service = self.service(params["serviceName"], cluster_arn)
            chosen = [t for t in chosen if t.service.arn == service.arn]
        status = params.get("desiredStatus", "RUNNING")
        looks = [self._past.look(task) for task in chosen]
        arns = [s["taskArn"] for s in looks if s and s["desiredStatus"] == status]
        if len(arns) > params.get("maxResults", _TASKS_PER_CALL):
            raise NotModelled("ListTasks beyond its first page")
        return {"taskArns": arns}

    def _describe_tasks(self, params: dict[str, Any]) -> dict[str, Any]:
        only(params, "cluster", "tasks", "include")
        cluster_arn = self._clusters.find(params.get("cluster")).arn
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
            # Containers have no health checks here: there is never a verdict.
            shape["healthStatus"] = "UNKNOWN"
            if "TAGS" in params.get("include", ()):
                shape["tags"] = [dict(t) for t in task.tags]
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
        task = self._task(
            self._clusters.find(params.get("cluster")).arn, params["task"]
        )
        if task is None:
            raise AwsError(
                "InvalidParameterException", "The referenced task was not found."
            )
        reason = params.get("reason", "Task stopped by user")
        self._lifecycle.stop(task, "UserInitiated", reason)
        return {"task": task_shape(task)}


def _strategy(params: Mapping[str, Any], cluster: Cluster) -> Strategy:
    """Return a new service's strategy, empty where it has a launch type."""
    given = params.get("capacityProviderStrategy")
    if "launchType" in params:
        if given:
            raise AwsError(
                "InvalidParameterException",
                "Specifying both a launch type and capacity provider strategy is not "
                "supported. Remove one and try again.",
            )
        if params["launchType"] != "FARGATE":
            raise NotModelled(f"launch type {params['launchType']}")
        return ()
    strategy = capacity.strategy(given or cluster.strategy, cluster.providers)
    if not strategy:
        raise NotModelled("launch type EC2, which is what there is without any")
    return strategy


def _redeployed(
    service: Service, definition: TaskDefinition, change: Mapping[str, Any]
) -> bool:
    """Whether a change starts a deployment (API reference, UpdateService)."""
    unordered = settings.unordered
    return (
        definition is not service.primary.definition
        or change["platform"] != service.platform
        or settings.comparable(change["network"])
        != settings.comparable(service.network)
        or unordered(change["load_balancers"]) != unordered(service.load_balancers)
        or unordered(change["registries"]) != unordered(service.registries)
    )
