"""What ECS says of tasks and deployments: API shapes and EventBridge events."""

from typing import Any

from localcloud.api import ACCOUNT, REGION
from localcloud.clock import Clock
from localcloud.ecs.records import Deployment, RolloutState, Service, Task, TaskStatus
from localcloud.identity import Ids, timestamp
from localcloud.images import EventSink

_EVENT_NAMES = {
    RolloutState.IN_PROGRESS: "SERVICE_DEPLOYMENT_IN_PROGRESS",
    RolloutState.COMPLETED: "SERVICE_DEPLOYMENT_COMPLETED",
    RolloutState.FAILED: "SERVICE_DEPLOYMENT_FAILED",
}


def task_shape(task: Task) -> dict[str, Any]:
    """Return a task as DescribeTasks gives it; times are datetimes.

    Of its containers the main one alone is there: sidecars are not run.
    """
    settings = task.definition.settings
    architecture = settings.get("runtimePlatform", {}).get("cpuArchitecture", "X86_64")
    shape: dict[str, Any] = {
        "attachments": [_attachment(task)],
        "attributes": [{"name": "ecs.cpu-architecture", "value": architecture.lower()}],
        "availabilityZone": task.subnet.zone,
        "clusterArn": task.service.cluster_arn,
        "containers": [_container(task)],
        "cpu": settings["cpu"],
        "createdAt": task.created_at,
        "desiredStatus": "RUNNING" if task.wanted else "STOPPED",
        "enableExecuteCommand": False,
        "ephemeralStorage": settings.get("ephemeralStorage", {"sizeInGiB": 20}),
        "group": f"service:{task.service.name}",
        "lastStatus": str(task.status),
        "launchType": "FARGATE",
        "memory": settings["memory"],
        "overrides": {
            "containerOverrides": [{"name": task.definition.container["name"]}]
        },
        "platformVersion": "1.4.0",
        "startedBy": task.deployment.deployment_id,
        "taskArn": task.arn,
        "taskDefinitionArn": task.definition.arn,
        "version": task.version,
    }
    if task.provider is not None:
        shape["capacityProviderName"] = task.provider
    if task.connected_at is not None:
        shape |= {"connectivity": "CONNECTED", "connectivityAt": task.connected_at}
    times = {
        "pullStartedAt": task.pull_started_at,
        "pullStoppedAt": task.pull_stopped_at,
        "startedAt": task.started_at,
        "stoppingAt": task.stopping_at,
        "stoppedAt": task.stopped_at,
    }
    shape |= {name: at for name, at in times.items() if at is not None}
    if task.intent is not None:
        shape |= {"stopCode": task.intent.code, "stoppedReason": task.intent.reason}
    return shape


def _attachment(task: Task) -> dict[str, Any]:
    """Describe the network interface: at PROVISIONING its subnet is all there is."""
    details = [{"name": "subnetId", "value": task.subnet.subnet_id}]
    status = "PRECREATED"
    if task.address is not None:
        stopped = task.status is TaskStatus.STOPPED
        status = "DELETED" if stopped else "ATTACHED"
        host = "ip-" + task.address.replace(".", "-")
        details += [
            {"name": "networkInterfaceId", "value": task.identity["interface"]},
            {"name": "macAddress", "value": task.identity["mac"]},
            {"name": "privateDnsName", "value": f"{host}.{REGION}.compute.internal"},
            {"name": "privateIPv4Address", "value": task.address},
        ]
    return {
        "id": task.identity["attachment"],
        "type": "eni",
        "status": status,
        "details": details,
    }


def _container(task: Task) -> dict[str, Any]:
    definition = task.definition.container
    shape: dict[str, Any] = {
        "containerArn": task.identity["container"],
        "taskArn": task.arn,
        "name": definition["name"],
        "image": definition["image"],
        "lastStatus": _container_status(task),
        "networkInterfaces": [],
        "cpu": str(definition.get("cpu", 0)),
    }
    if task.image_digest is not None:
        shape["imageDigest"] = task.image_digest
        shape["runtimeId"] = task.identity["runtime"]
    if task.address is not None:
        shape["networkInterfaces"] = [
            {
                "attachmentId": task.identity["attachment"],
                "privateIpv4Address": task.address,
            }
        ]
    if task.exit_code is not None:
        shape["exitCode"] = task.exit_code
    return shape


def _container_status(task: Task) -> str:
    if task.exit_code is not None or task.status is TaskStatus.STOPPED:
        return "STOPPED"
    if task.status in {TaskStatus.PROVISIONING, TaskStatus.PENDING}:
        return "PENDING"
    return "RUNNING"


def deployment_shape(service: Service, deployment: Deployment) -> dict[str, Any]:
    """Return a deployment as DescribeServices gives it.

    A deployment that is being replaced wants what it still has: the rolling
    controller lowers it step by step.
    """
    tasks = [t for t in service.tasks if t.deployment is deployment]
    primary = deployment is service.primary
    return {
        "id": deployment.deployment_id,
        "status": "PRIMARY" if primary else "ACTIVE",
        "taskDefinition": deployment.definition.arn,
        "desiredCount": service.desired if primary else sum(t.wanted for t in tasks),
        "pendingCount": sum(t.status.starting for t in tasks),
        "runningCount": sum(t.status is TaskStatus.RUNNING for t in tasks),
        "failedTasks": deployment.failed_tasks,
        "createdAt": deployment.created_at,
        "updatedAt": deployment.updated_at,
        **_capacity(service),
        "platformVersion": "1.4.0",
        "networkConfiguration": service.network,
        "rolloutState": str(deployment.state),
        "rolloutStateReason": deployment.reason,
    }


def _capacity(service: Service) -> dict[str, Any]:
    """Return the launch type or the strategy: a service has one of them.

    API reference, CreateService.
    """
    if not service.strategy:
        return {"launchType": "FARGATE"}
    return {"capacityProviderStrategy": [dict(item) for item in service.strategy]}


def service_shape(service: Service) -> dict[str, Any]:
    """Return a service as DescribeServices gives it, tags aside.

    An inactive one has no deployments: as seen, no page says so.
    """
    active = service.status != "INACTIVE"
    deployments = service.deployments if active else []
    return {
        "serviceArn": service.arn,
        "serviceName": service.name,
        "clusterArn": service.cluster_arn,
        "status": service.status,
        "desiredCount": service.desired,
        "pendingCount": sum(t.status.starting for t in service.tasks),
        "runningCount": sum(t.status is TaskStatus.RUNNING for t in service.tasks),
        **_capacity(service),
        "platformVersion": service.platform,
        "platformFamily": "Linux",
        "taskDefinition": service.primary.definition.arn,
        "loadBalancers": [dict(b) for b in service.load_balancers],
        "serviceRegistries": [dict(r) for r in service.registries],
        "networkConfiguration": service.network,
        "healthCheckGracePeriodSeconds": int(service.grace_seconds),
        "availabilityZoneRebalancing": service.rebalancing,
        "schedulingStrategy": "REPLICA",
        "deploymentController": {"type": "ECS"},
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": {
                "enable": service.breaker,
                "rollback": service.rollback,
            },
            "maximumPercent": service.max_percent,
            "minimumHealthyPercent": service.min_percent,
            "strategy": "ROLLING",
        },
        "enableECSManagedTags": service.managed_tags,
        "enableExecuteCommand": False,
        "propagateTags": service.propagate_tags,
        "deployments": [deployment_shape(service, d) for d in deployments],
        "events": list(service.events),
        "createdAt": service.created_at,
    }


class Notices:
    """Sends the events of ECS guide, ecs_cwe_events, and keeps services' own lists.

    Events of the type ECS Service Action are not sent.
    """

    def __init__(self, clock: Clock, events: EventSink) -> None:
        self._clock = clock
        self._events = events
        self._ids = Ids("ecs-events")

    def task_changed(self, task: Task) -> None:
        """Send ECS Task State Change; `detail.version` orders a task's events.

        ECS guide, ecs_task_events. Health is not part of it.
        """
        task.updated_at = self._clock.now()
        detail = _written(task_shape(task) | {"updatedAt": task.updated_at})
        self._send("ECS Task State Change", task.arn, detail)

    def deployment_changed(self, service: Service, deployment: Deployment) -> None:
        """Send ECS Deployment State Change.

        ECS guide, ecs_service_deployment_events.
        """
        failed = deployment.state is RolloutState.FAILED
        self._send(
            "ECS Deployment State Change",
            service.arn,
            {
                "eventType": "ERROR" if failed else "INFO",
                "eventName": _EVENT_NAMES[deployment.state],
                "deploymentId": deployment.deployment_id,
                "updatedAt": timestamp(deployment.updated_at),
                "reason": deployment.reason,
            },
        )

    def remark(self, service: Service, text: str) -> None:
        """Add a line to the service's own list of events, as DescribeServices shows."""
        service.events.insert(
            0,
            {
                "id": self._ids.uuid("remark"),
                "createdAt": self._clock.now(),
                "message": f"(service {service.name}) {text}",
            },
        )
        del service.events[100:]

    def _send(self, detail_type: str, resource: str, detail: dict[str, Any]) -> None:
        self._events.put(
            {
                "version": "0",
                "id": self._ids.uuid("event"),
                "detail-type": detail_type,
                "source": "aws.ecs",
                "account": ACCOUNT,
                "time": self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
                "region": REGION,
                "resources": [resource],
                "detail": detail,
            }
        )


def _written(shape: dict[str, Any]) -> dict[str, Any]:
    """Return a shape with its times as events write them."""
    return {
        name: timestamp(value) if hasattr(value, "isoformat") else value
        for name, value in shape.items()
    }
