"""What provisioning works with: the composition root of its functions.

It stands apart from the rollouts', which would load its models and clients for nothing.
"""

from dataclasses import dataclass
from functools import cache

from slipway.gateways.acm import Certificates
from slipway.gateways.autoscaling_resources import (
    ScalableTargets,
    ScalingPolicies,
    ScheduledActions,
)
from slipway.gateways.ec2 import SecurityGroupRules, SecurityGroups
from slipway.gateways.ecr import Registry
from slipway.gateways.ecs_resources import Clusters, EcsServices, FirstRevisions
from slipway.gateways.ecs_running import RunningServices
from slipway.gateways.elbv2_giving import AdoptedGroups
from slipway.gateways.elbv2_groups import TargetGroups
from slipway.gateways.elbv2_listeners import Listeners, LoadBalancers
from slipway.gateways.elbv2_network import NetworkListeners, NetworkRoutes
from slipway.gateways.elbv2_room import Room
from slipway.gateways.elbv2_rules import ListenerRules, Routes
from slipway.gateways.events import Events
from slipway.gateways.iam import Roles
from slipway.gateways.journal import Journal
from slipway.gateways.logs import LogGroups
from slipway.gateways.records import Records
from slipway.gateways.route53 import HostedZones
from slipway.gateways.s3 import Manifests
from slipway.gateways.service_quotas import Quotas
from slipway.gateways.servicediscovery import (
    Namespaces,
    RegistryAttributes,
    RegistryServices,
)
from slipway.gateways.stepfunctions import Workflows
from slipway.wiring import Settings, clients, fence


@dataclass(frozen=True, slots=True)
class Estate:
    """Everything that a function works with that provisions."""

    settings: Settings
    journal: Journal
    manifests: Manifests
    events: Events
    provisions: Workflows
    rollouts: Workflows
    clusters: Clusters
    log_groups: LogGroups
    namespaces: Namespaces
    hosted_zones: HostedZones
    certificates: Certificates
    registry_services: RegistryServices
    registry_attributes: RegistryAttributes
    security_groups: SecurityGroups
    security_group_rules: SecurityGroupRules
    load_balancers: LoadBalancers
    listeners: Listeners
    target_groups: TargetGroups
    network_listeners: NetworkListeners
    listener_rules: ListenerRules
    routes: Routes
    adopted_groups: AdoptedGroups
    network_routes: NetworkRoutes
    first_revisions: FirstRevisions
    ecs_services: EcsServices
    running_services: RunningServices
    registry: Registry
    scalable_targets: ScalableTargets
    scaling_policies: ScalingPolicies
    scheduled_actions: ScheduledActions
    records: Records
    roles: Roles
    quotas: Quotas
    room: Room


def estate() -> Estate:
    """Return what provisions this process's environment."""
    return wire(Settings.from_environment())


@cache
def wire(settings: Settings) -> Estate:
    """Return what provisions an environment."""
    client = clients(settings)
    ecs, scaling = client("ecs"), client("application-autoscaling")
    # Rules and listeners change also in a rollout, but for their weights.
    fenced_elb = client("elbv2")
    ec2, elb, cloud_map = client("ec2"), client("elbv2"), client("servicediscovery")
    states, zones = client("stepfunctions"), HostedZones(client("route53"))
    fence(ecs, scaling, fenced_elb, cloud_map)
    journal = Journal(client("dynamodb"), settings.journal_table)
    return Estate(
        settings=settings,
        journal=journal,
        manifests=Manifests(client("s3"), settings.manifest_bucket),
        events=Events(client("events"), settings.environment),
        provisions=Workflows(states, settings.provision_state_machine_arn),
        rollouts=Workflows(states, settings.rollout_state_machine_arn),
        clusters=Clusters(ecs),
        log_groups=LogGroups(client("logs")),
        namespaces=Namespaces(cloud_map),
        hosted_zones=zones,
        certificates=Certificates(client("acm"), zones),
        registry_services=RegistryServices(cloud_map),
        registry_attributes=RegistryAttributes(cloud_map),
        security_groups=SecurityGroups(ec2),
        security_group_rules=SecurityGroupRules(ec2),
        load_balancers=LoadBalancers(elb),
        listeners=Listeners(elb),
        target_groups=TargetGroups(elb),
        network_listeners=NetworkListeners(elb),
        listener_rules=ListenerRules(elb),
        routes=Routes(fenced_elb),
        adopted_groups=AdoptedGroups(fenced_elb),
        network_routes=NetworkRoutes(fenced_elb),
        first_revisions=FirstRevisions(ecs),
        ecs_services=EcsServices(ecs),
        running_services=RunningServices(ecs, settings.cluster),
        registry=Registry(client("ecr")),
        scalable_targets=ScalableTargets(scaling, settings.cluster),
        scaling_policies=ScalingPolicies(scaling),
        scheduled_actions=ScheduledActions(scaling),
        records=Records(journal),
        roles=Roles(client("iam")),
        quotas=Quotas(client("service-quotas")),
        room=Room(elb),
    )
