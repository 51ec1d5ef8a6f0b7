"""A small system to roll out into, made at once: for simulations and tests of rollouts.

Real ones, and the demonstration's, are provisioned from manifests. Here the steps to
that are left out, so that thousands of runs begin where a rollout does.

Per environment a cluster, a public and an internal load balancer; per service, in
this order: target groups, rules, slots. Everything goes through boto3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slipway.domain.service import (
    Binding,
    Mode,
    RolloutPolicy,
    Scaling,
    Service,
    Slot,
)
from slipway.domain.task_shape import TaskShape

from localcloud.api import ACCOUNT
from localcloud.clients import client
from localcloud.identity import REGISTRY
from localcloud.monitor import Monitor
from localcloud.network import Network

SECURITY_GROUP = "sg-0a1b2c3d4e5f60718"
"""One for all: pairs of services have no groups of their own yet."""
_FIRST_PRIORITY = 10


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """One service of the system. Requests reach it by host, by path or by both."""

    name: str
    port: int
    host: str | None = None
    """The host header it answers to; `NAME.internal` unless given or public."""
    path: str | None = None
    """A path pattern, such as /api/*."""
    public: bool = False
    """On the public load balancer rather than the internal one."""
    balanced: bool = True
    """False where callers find its tasks by name alone: then no request of the local
    cloud reaches it, and `host`, `path` and `public` mean nothing."""
    network: bool = False
    """On a Network Load Balancer's listener of its own, at `port`; whoever connects is
    led there, so `host`, `path` and `public` mean nothing."""
    sticky: bool = False
    """Whether clients stay with a slot while both have weight."""
    mode: Mode = Mode.CANARY
    environment: Mapping[str, str] = field(default_factory=dict)
    min_tasks: int = 2
    max_tasks: int = 10
    scaling: Scaling | None = None
    cpu_percent: float = 60.0
    """What its policies track, where it has scaling."""
    rollout: RolloutPolicy = field(default_factory=RolloutPolicy)
    tag_pattern: str = "*"
    stop_timeout_seconds: int = 30
    repository: str | None = None
    """Whose images it runs, without the environment; one of its own unless given."""


@dataclass(frozen=True, slots=True)
class SystemSettings:
    """What all services of a system share. Times in seconds."""

    environment: str = "demo"
    public_port: int = 80
    internal_port: int = 80
    health_check_path: str = "/healthz"
    health_interval_seconds: int = 10
    health_timeout_seconds: int = 5
    healthy_threshold: int = 2
    unhealthy_threshold: int = 2
    deregistration_delay_seconds: int = 30
    grace_seconds: int = 30
    """How long failed health checks of a new task do not count."""
    namespace_id: str | None = None
    """The namespace in which services are registered; without it none is."""


@dataclass(frozen=True, slots=True)
class System:
    """What was made; the listeners are where load is sent."""

    settings: SystemSettings
    cluster: str
    public_listener_arn: str
    internal_listener_arn: str
    services: tuple[Service, ...]

    def service(self, name: str) -> Service:
        """Return a service by its name."""
        return next(s for s in self.services if s.name == name)


def create_system(
    network: Network,
    monitor: Monitor,
    specs: Sequence[ServiceSpec],
    settings: SystemSettings | None = None,
) -> System:
    """Make the system through boto3; have the monitor watch its services.

    Nothing runs yet: both slots of each service are at 0, its rule answers 503. The
    caller writes the services into the journal.
    """
    maker = _Maker(network, settings or SystemSettings())
    system = maker.make(specs)
    for service in system.services:
        monitor.watch(service)
    return system


class _Maker:
    def __init__(self, network: Network, settings: SystemSettings) -> None:
        self._network = network
        self._settings = settings
        self._ecr = client("ecr")
        self._ecs = client("ecs")
        self._scaling = client("application-autoscaling")
        self._elb = client("elbv2")
        self._cloud_map = client("servicediscovery")
        self._priority = _FIRST_PRIORITY
        self._repositories: set[str] = set()

    def make(self, specs: Sequence[ServiceSpec]) -> System:
        """Make everything, in the order that AWS asks for."""
        environment = self._settings.environment
        self._ecs.create_cluster(clusterName=environment, tags=_lower(self._tags()))
        public = self._listener(
            f"{environment}-public", "internet-facing", self._settings.public_port
        )
        internal = self._listener(
            f"{environment}-internal", "internal", self._settings.internal_port
        )
        wire = ""
        if any(spec.network for spec in specs):
            wire = self._balancer(f"{environment}-wire", "network", "internet-facing")
        services = tuple(
            self._service(spec, self._bindings(spec, public, internal, wire))
            for spec in specs
        )
        return System(self._settings, environment, public, internal, services)

    def _balancer(self, name: str, kind: Any, scheme: Any) -> str:
        balancer = self._elb.create_load_balancer(
            Name=name,
            Type=kind,
            Scheme=scheme,
            Subnets=[s.subnet_id for s in self._network.subnets],
            Tags=_upper(self._tags()),
        )["LoadBalancers"][0]
        return str(balancer["LoadBalancerArn"])

    def _listener(self, name: str, scheme: Any, port: int) -> str:
        listener = self._elb.create_listener(
            LoadBalancerArn=self._balancer(name, "application", scheme),
            Protocol="HTTP",
            Port=port,
            DefaultActions=[_fixed(404, "no service answers here")],
        )["Listeners"][0]
        rules = self._elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
        taken = [int(rule["Priority"]) for rule in rules if not rule["IsDefault"]]
        self._priority = max([self._priority, *(place + 1 for place in taken)])
        return str(listener["ListenerArn"])

    def _bindings(
        self, spec: ServiceSpec, public: str, internal: str, wire: str
    ) -> tuple[Binding, ...]:
        """Make where a service receives traffic, given listeners and a balancer."""
        if not spec.balanced:
            return ()
        if spec.network:
            return (self._network_binding(spec, wire),)
        return (self._binding(spec, public if spec.public else internal),)

    def _service(self, spec: ServiceSpec, bindings: tuple[Binding, ...]) -> Service:
        registered = self._registered(spec)
        service = Service(
            name=spec.name,
            repository=self._repository(spec),
            registry=REGISTRY,
            slots={slot: f"{spec.name}-{slot}" for slot in Slot},
            task=TaskShape(
                cpu=256,
                memory_mib=512,
                port=spec.port,
                execution_role_arn=self._role("execution"),
                task_role_arn=self._role(spec.name),
                security_group_ids=(SECURITY_GROUP,),
                environment=dict(spec.environment),
                stop_timeout_seconds=spec.stop_timeout_seconds,
            ),
            bindings=bindings,
            min_tasks=spec.min_tasks,
            max_tasks=spec.max_tasks,
            tag_pattern=spec.tag_pattern,
            rollout=spec.rollout,
            scaling=spec.scaling,
            mode=spec.mode,
            registry_service_id=registered["Id"] if registered else None,
        )
        placeholder = self._placeholder(spec, service)
        for slot in Slot:
            self._slot(spec, service, slot, placeholder, registered)
            if spec.scaling is not None:
                self._target(service.slots[slot], spec.cpu_percent)
        return service

    def _registered(self, spec: ServiceSpec) -> Any:
        """Make a service's name in the registry, None where there is no namespace."""
        if self._settings.namespace_id is None:
            return None
        return self._cloud_map.create_service(
            Name=spec.name,
            NamespaceId=self._settings.namespace_id,
            HealthCheckCustomConfig={"FailureThreshold": 1},
            Tags=_upper(self._tags(spec.name)),
        )["Service"]

    def _binding(self, spec: ServiceSpec, listener_arn: str) -> Binding:
        groups = {slot: self._target_group(spec, slot) for slot in Slot}
        rule_arn = self._rule(
            listener_arn,
            spec,
            _conditions(spec),
            _fixed(503, f"{spec.name} has no release yet"),
        )
        parking_arn = self._rule(
            listener_arn,
            spec,
            [_host(f"{spec.name}.park.internal")],
            _forward(dict.fromkeys(groups.values(), 1)),
        )
        return Binding(listener_arn, rule_arn, parking_arn, groups, sticky=spec.sticky)

    def _network_binding(self, spec: ServiceSpec, balancer_arn: str) -> Binding:
        groups = {slot: self._target_group(spec, slot) for slot in Slot}
        vacant = self._target_group(spec, "vacant")
        closed = dict.fromkeys(groups.values(), 0) | {vacant: 1}
        listener = self._elb.create_listener(
            LoadBalancerArn=balancer_arn,
            Protocol="TCP",
            Port=spec.port,
            DefaultActions=[_forward(closed)],
            Tags=_upper(self._tags(spec.name)),
        )["Listeners"][0]
        arn = str(listener["ListenerArn"])
        return Binding(arn, None, None, groups, vacant_group_arn=vacant)

    def _repository(self, spec: ServiceSpec) -> str:
        """Make a repository, unless another service's images come from it already."""
        name = f"{self._settings.environment}/{spec.repository or spec.name}"
        if name not in self._repositories:
            self._ecr.create_repository(repositoryName=name)
            self._repositories.add(name)
        return name

    def _target_group(self, spec: ServiceSpec, of: str) -> str:
        """Make a target group; names have at most 32 characters."""
        settings = self._settings
        group = self._elb.create_target_group(
            Name=f"{settings.environment}-{spec.name}-{of}",
            Protocol="TCP" if spec.network else "HTTP",
            HealthCheckProtocol="HTTP",
            Port=spec.port,
            VpcId=self._network.vpc_id,
            TargetType="ip",
            HealthCheckPath=settings.health_check_path,
            HealthCheckIntervalSeconds=settings.health_interval_seconds,
            HealthCheckTimeoutSeconds=settings.health_timeout_seconds,
            HealthyThresholdCount=settings.healthy_threshold,
            UnhealthyThresholdCount=settings.unhealthy_threshold,
            Tags=_upper(self._tags(spec.name)),
        )["TargetGroups"][0]
        delay = str(settings.deregistration_delay_seconds)
        attributes = {"deregistration_delay.timeout_seconds": delay}
        if spec.network:
            attributes["load_balancing.cross_zone.enabled"] = "true"
        self._elb.modify_target_group_attributes(
            TargetGroupArn=group["TargetGroupArn"], Attributes=_upper(attributes)
        )
        return str(group["TargetGroupArn"])

    def _rule(
        self,
        listener_arn: str,
        spec: ServiceSpec,
        conditions: list[Any],
        action: Any,
    ) -> str:
        rule = self._elb.create_rule(
            ListenerArn=listener_arn,
            Priority=self._priority,
            Conditions=conditions,
            Actions=[action],
            Tags=_upper(self._tags(spec.name)),
        )["Rules"][0]
        self._priority += 1
        return str(rule["RuleArn"])

    def _placeholder(self, spec: ServiceSpec, service: Service) -> str:
        """Register what a slot names before its first release; it is never started."""
        definition = self._ecs.register_task_definition(
            family=f"{self._settings.environment}-{service.name}",
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu=str(service.task.cpu),
            memory=str(service.task.memory_mib),
            executionRoleArn=service.task.execution_role_arn,
            taskRoleArn=self._role(spec.name),
            containerDefinitions=[
                {
                    "name": service.name,
                    "image": f"{REGISTRY}/{service.repository}:placeholder",
                    "essential": True,
                    "portMappings": [{"containerPort": spec.port}],
                }
            ],
            tags=_lower(self._tags(service.name)),
        )["taskDefinition"]
        return str(definition["taskDefinitionArn"])

    def _slot(
        self,
        spec: ServiceSpec,
        service: Service,
        slot: Slot,
        definition_arn: str,
        registered: Any,
    ) -> None:
        self._ecs.create_service(
            cluster=self._settings.environment,
            serviceName=service.slots[slot],
            taskDefinition=definition_arn,
            desiredCount=0,
            launchType="FARGATE",
            loadBalancers=[
                {
                    "targetGroupArn": binding.target_group_arns[slot],
                    "containerName": service.name,
                    "containerPort": spec.port,
                }
                for binding in service.bindings
            ],
            networkConfiguration={
                "awsvpcConfiguration": {
                    "subnets": [s.subnet_id for s in self._network.subnets],
                    "securityGroups": [*service.task.security_group_ids],
                    "assignPublicIp": "DISABLED",
                }
            },
            deploymentConfiguration={
                "deploymentCircuitBreaker": {"enable": True, "rollback": False},
                "minimumHealthyPercent": 100,
                "maximumPercent": 200,
            },
            healthCheckGracePeriodSeconds=self._settings.grace_seconds,
            availabilityZoneRebalancing="ENABLED",
            serviceRegistries=(
                [{"registryArn": registered["Arn"]}] if registered else []
            ),
            propagateTags="SERVICE",
            tags=_lower(self._tags(service.name)),
        )

    def _target(self, ecs_service: str, cpu_percent: float) -> None:
        """Make a slot's scalable target, idle as the slot is, and its policy."""
        which: dict[str, Any] = {
            "ServiceNamespace": "ecs",
            "ResourceId": f"service/{self._settings.environment}/{ecs_service}",
            "ScalableDimension": "ecs:service:DesiredCount",
        }
        self._scaling.register_scalable_target(
            **which,
            MinCapacity=0,
            MaxCapacity=0,
            SuspendedState={
                "DynamicScalingInSuspended": True,
                "DynamicScalingOutSuspended": True,
                "ScheduledScalingSuspended": True,
            },
        )
        self._scaling.put_scaling_policy(
            **which,
            PolicyName=f"{ecs_service}-cpu",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": cpu_percent,
                "PredefinedMetricSpecification": {
                    "PredefinedMetricType": "ECSServiceAverageCPUUtilization"
                },
                "ScaleOutCooldown": 60,
                "ScaleInCooldown": 300,
            },
        )

    def _role(self, name: str) -> str:
        environment = self._settings.environment
        return f"arn:aws:iam::{ACCOUNT}:role/slipway/{environment}/{name}"

    def _tags(self, service: str | None = None) -> dict[str, str]:
        tags = {"slipway:environment": self._settings.environment}
        return tags if service is None else tags | {"slipway:service": service}


def _conditions(spec: ServiceSpec) -> list[Any]:
    conditions = []
    host = spec.host
    if host is None and spec.path is None:
        host = f"{spec.name}.internal"
    if host is not None:
        conditions.append(_host(host))
    if spec.path is not None:
        conditions.append(
            {"Field": "path-pattern", "PathPatternConfig": {"Values": [spec.path]}}
        )
    return conditions


def _host(name: str) -> dict[str, Any]:
    return {"Field": "host-header", "HostHeaderConfig": {"Values": [name]}}


def _fixed(status: int, text: str) -> Any:
    return {
        "Type": "fixed-response",
        "FixedResponseConfig": {
            "StatusCode": str(status),
            "ContentType": "text/plain",
            "MessageBody": text,
        },
    }


def _forward(weights: Mapping[str, int]) -> Any:
    groups = [{"TargetGroupArn": a, "Weight": weight} for a, weight in weights.items()]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}


def _upper(tags: Mapping[str, str]) -> list[Any]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _lower(tags: Mapping[str, str]) -> list[Any]:
    return [{"key": key, "value": value} for key, value in tags.items()]
