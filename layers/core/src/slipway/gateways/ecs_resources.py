"""The cluster, and both ECS services of each microservice: made and kept in shape.

Which release runs is written by rollouts alone; how many tasks, by them and by
autoscaling, where there is any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slipway.domain.adoption import Breaker
from slipway.domain.resources import ADOPTED_TAG, Found, Ids, Kind, Scope, Wanted
from slipway.errors import NotFound, Refused, Unavailable
from slipway.gateways import tags
from slipway.gateways.ecs import RELEASE_TAG
from slipway.gateways.failures import translated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_ecs.client import ECSClient

SERVICES_EACH = 10
"""Services of one DescribeServices (ECS API reference)."""
LISTED = 100
"""Services of one page of ListServices, at most."""
PLACEHOLDER = "placeholder"
FARGATE = "FARGATE"
"""The name of a capacity provider and of a launch type, both for the same tasks."""


class Clusters:
    """The environment's cluster."""

    kind = Kind.CLUSTER

    def __init__(self, client: ECSClient) -> None:
        self._client = client

    def found(self, scope: Scope, wanted: Sequence[Wanted], _: Ids) -> list[Found]:
        """Return the clusters that have a wanted name."""
        names = [one.name for one in wanted]
        with translated(f"DescribeClusters {', '.join(names)}"):
            answer = self._client.describe_clusters(clusters=names, include=["TAGS"])
        return [
            self._found(one, scope)
            for one in answer["clusters"]
            if one["status"] == "ACTIVE"
        ]

    def _found(self, one: Any, scope: Scope) -> Found:
        labels = tags.read(one.get("tags", []))
        return Found(
            self.kind,
            one["clusterName"],
            one["clusterArn"],
            {"capacity_providers": sorted(one.get("capacityProviders", []))},
            owned=tags.is_owned(labels, scope),
            tags=labels,
        )

    def make(self, scope: Scope, wanted: Wanted, ids: Ids) -> Found:
        """Make an empty cluster."""
        with translated(f"CreateCluster {wanted.name}"):
            made = self._client.create_cluster(
                clusterName=wanted.name,
                capacityProviders=wanted.facts["capacity_providers"],
                tags=tags.lower(scope.tags(wanted)),
            )["cluster"]
        facts = ids.shown(wanted.facts)
        return Found(self.kind, wanted.name, made["clusterArn"], facts)

    def change(self, found: Found, wanted: Wanted, ids: Ids) -> None:
        """Give it other capacity providers."""
        del ids
        with translated(f"PutClusterCapacityProviders {found.name}"):
            self._client.put_cluster_capacity_providers(
                cluster=found.name,
                capacityProviders=wanted.facts["capacity_providers"],
                defaultCapacityProviderStrategy=[],
            )

    def tag(self, found: Found, labels: Mapping[str, str]) -> None:
        """Give it these tags, beside others that it has."""
        _tag(self._client, found, labels)

    def remove(self, found: Found) -> None:
        """Remove a cluster; refused while services are in it."""
        with translated(f"DeleteCluster {found.name}"):
            self._client.delete_cluster(cluster=found.name)


class FirstRevisions:
    """What a slot names before its service's first release. It is never started."""

    kind = Kind.TASK_DEFINITION

    def __init__(self, client: ECSClient) -> None:
        self._client = client

    def found(self, scope: Scope, wanted: Sequence[Wanted], _: Ids) -> list[Found]:
        """Return the families that have a revision, whichever."""
        services = {one.name: one.service for one in wanted}
        prefix = f"{scope.environment}_"
        if len(services) == 1:
            (prefix,) = services
        found = []
        with translated(f"ListTaskDefinitionFamilies {prefix}"):
            pages = self._client.get_paginator("list_task_definition_families")
            for page in pages.paginate(familyPrefix=prefix, status="ACTIVE"):
                found += [
                    Found(self.kind, name, name, {}, services[name])
                    for name in page["families"]
                    if name in services
                ]
        return found

    def make(self, scope: Scope, wanted: Wanted, ids: Ids) -> Found:
        """Register a revision without an image that exists."""
        del ids
        once = wanted.once
        container: Any = {
            "name": once["container"],
            "image": f"{PLACEHOLDER}:none",
            "essential": True,
        }
        if once["port"] is not None:
            container["portMappings"] = [{"containerPort": once["port"]}]
        with translated(f"RegisterTaskDefinition {wanted.name}"):
            self._client.register_task_definition(
                family=wanted.name,
                requiresCompatibilities=["FARGATE"],
                networkMode="awsvpc",
                cpu="256",
                memory="512",
                executionRoleArn=once["execution_role"],
                containerDefinitions=[container],
                tags=tags.lower({**scope.tags(wanted), RELEASE_TAG: PLACEHOLDER}),
            )
        return Found(self.kind, wanted.name, wanted.name, {}, wanted.service)

    def change(self, found: Found, wanted: Wanted, ids: Ids) -> None:
        """Nothing: it has no facts."""

    def remove(self, found: Found) -> None:
        """Nothing: revisions cost nothing, and tell what ran."""


class EcsServices:
    """The slots."""

    kind = Kind.ECS_SERVICE

    def __init__(self, client: ECSClient) -> None:
        self._client = client

    def found(self, scope: Scope, wanted: Sequence[Wanted], _: Ids) -> list[Found]:
        """Return the services that have a wanted name; none without the cluster."""
        try:
            return self._described(scope, [one.name for one in wanted])
        except NotFound:
            return []

    def all(self, scope: Scope) -> list[Found]:
        """Return every service of the cluster; none where that is not there."""
        names: list[str] = []
        try:
            with translated(f"ListServices {scope.cluster}"):
                pages = self._client.get_paginator("list_services")
                for page in pages.paginate(
                    cluster=scope.cluster, PaginationConfig={"PageSize": LISTED}
                ):
                    names += [arn.rpartition("/")[2] for arn in page["serviceArns"]]
        except NotFound:
            return []
        return self._described(scope, names)

    def _described(self, scope: Scope, names: Sequence[str]) -> list[Found]:
        found = []
        for part in tags.in_parts(names, SERVICES_EACH):
            with translated(f"DescribeServices {', '.join(part)}"):
                answer = self._client.describe_services(
                    cluster=scope.cluster, services=part, include=["TAGS"]
                )
            found += [
                self._found(one, scope)
                for one in answer["services"]
                if one["status"] == "ACTIVE"
            ]
        return found

    def _found(self, one: Any, scope: Scope) -> Found:
        labels = tags.read(one.get("tags", []))
        settings = one["deploymentConfiguration"]
        breaker = settings.get("deploymentCircuitBreaker", {})
        facts = {
            "capacity": _shares(one),
            "target_groups": sorted(
                (
                    {
                        "group": b["targetGroupArn"],
                        "container": b["containerName"],
                        "port": b["containerPort"],
                    }
                    for b in one.get("loadBalancers", [])
                ),
                key=lambda b: b["group"],
            ),
            "registries": [r["registryArn"] for r in one.get("serviceRegistries", [])],
            "deployment": {
                "min_percent": settings.get("minimumHealthyPercent"),
                "max_percent": settings.get("maximumPercent"),
            },
            "breaker": {
                "enabled": breaker.get("enable", False),
                "rollback": breaker.get("rollback", False),
            },
            "rebalancing": one.get("availabilityZoneRebalancing"),
            "grace_seconds": one.get("healthCheckGracePeriodSeconds"),
            "tasks": one["desiredCount"],
        }
        return Found(
            self.kind,
            one["serviceName"],
            one["serviceArn"],
            facts,
            tags.service_of(labels),
            owned=tags.is_owned(labels, scope),
            adopted=tags.is_adopted(labels),
            tags=labels,
            parts={
                "cluster": scope.cluster,
                "running": one["runningCount"],
                "desired": one["desiredCount"],
                "security_groups": one.get("networkConfiguration", {})
                .get("awsvpcConfiguration", {})
                .get("securityGroups", []),
                "breaker": labels.get(ADOPTED_TAG),
            },
        )

    def make(self, scope: Scope, wanted: Wanted, ids: Ids) -> Found:
        """Make a slot: empty, or with the tasks of the release that serves.

        Raises Unavailable while one of that name, which was removed, drains.
        """
        once = ids.value(wanted.once)
        try:
            with translated(f"CreateService {wanted.name}"):
                made = self._client.create_service(
                    cluster=scope.cluster,
                    serviceName=wanted.name,
                    taskDefinition=once["task_definition"],
                    networkConfiguration={
                        "awsvpcConfiguration": {
                            "subnets": once["subnets"],
                            "securityGroups": once["security_groups"],
                            "assignPublicIp": "DISABLED",
                        }
                    },
                    propagateTags="SERVICE",
                    tags=tags.lower(scope.tags(wanted)),
                    **_settings(
                        {**once, **ids.value(wanted.facts), "tasks": once["tasks"]}
                    ),
                )["service"]
        except Refused as refused:
            if self._drains(scope, wanted.name):
                raise Unavailable(f"{wanted.name}, the last one, drains") from refused
            raise
        return self._found(made, scope)

    def _drains(self, scope: Scope, name: str) -> bool:
        with translated(f"DescribeServices {name}"):
            answer = self._client.describe_services(
                cluster=scope.cluster, services=[name]
            )
        return any(one["status"] == "DRAINING" for one in answer["services"])

    def change(self, found: Found, wanted: Wanted, ids: Ids) -> None:
        """Change what differs and nothing else: the revision stays as it is.

        Other target groups or another registry let ECS replace the tasks, old ones
        staying until new ones are healthy (UpdateService). Other capacity providers
        hold for new tasks, or where ECS takes them in no other way replace all tasks.
        """
        settings, was = ids.value(wanted.facts), found.facts
        unlike = {key: value for key, value in settings.items() if value != was[key]}
        if "breaker" in unlike or "deployment" in unlike:
            unlike |= {key: settings[key] for key in ("breaker", "deployment")}
        try:
            self._update(found, **_settings(unlike))
        except Refused:
            if "capacity" not in unlike:
                raise
            self._update(found, forceNewDeployment=True, **_settings(unlike))

    def tag(self, found: Found, labels: Mapping[str, str]) -> None:
        """Give it these tags, beside others that it has; new tasks get them, too."""
        _tag(self._client, found, labels)

    def empty(self, found: Found) -> None:
        """Let a slot run no tasks: ECS drains them before it stops them."""
        self._update(found, desiredCount=0)

    def give_back(self, found: Found) -> None:
        """Let a slot be as it was before Slipway, and Slipway's no more."""
        was = Breaker(found.parts["breaker"])
        breaker = {
            "enabled": was is not Breaker.OFF,
            "rollback": was is Breaker.ROLLS_BACK,
        }
        if breaker != found.facts["breaker"]:
            facts = {"deployment": found.facts["deployment"], "breaker": breaker}
            self._update(found, **_settings(facts))
        with translated(f"UntagResource {found.name}"):
            self._client.untag_resource(
                resourceArn=found.id, tagKeys=list(tags.OWNERSHIP)
            )

    def _update(self, found: Found, **settings: Any) -> None:
        with translated(f"UpdateService {found.name}"):
            self._client.update_service(
                cluster=found.parts["cluster"], service=found.name, **settings
            )

    def remove(self, found: Found) -> None:
        """Remove a slot; refused while it has tasks."""
        with translated(f"DeleteService {found.name}"):
            self._client.delete_service(
                cluster=found.parts["cluster"], service=found.name
            )


def _tag(client: ECSClient, found: Found, labels: Mapping[str, str]) -> None:
    with translated(f"TagResource {found.name}"):
        client.tag_resource(resourceArn=found.id, tags=tags.lower(labels))


def _shares(service: Any) -> list[Any]:
    """Return shares of capacity providers; a launch type is one that has it all."""
    if service.get("launchType") == FARGATE:
        return [[FARGATE, 0, 1]]
    return sorted(
        [s["capacityProvider"], s.get("base", 0), s.get("weight", 0)]
        for s in service.get("capacityProviderStrategy", [])
    )


def _settings(facts: Any) -> Any:
    """Return facts as CreateService and UpdateService take them."""
    settings: dict[str, Any] = {}
    if "capacity" in facts:
        settings["capacityProviderStrategy"] = [
            {"capacityProvider": provider, "base": base, "weight": weight}
            for provider, base, weight in facts["capacity"]
        ]
    if "target_groups" in facts:
        settings["loadBalancers"] = [
            {
                "targetGroupArn": binding["group"],
                "containerName": binding["container"],
                "containerPort": binding["port"],
            }
            for binding in facts["target_groups"]
        ]
    if "registries" in facts:
        settings["serviceRegistries"] = [
            {"registryArn": arn} for arn in facts["registries"]
        ]
    if "breaker" in facts:
        settings["deploymentConfiguration"] = {
            "minimumHealthyPercent": facts["deployment"]["min_percent"],
            "maximumPercent": facts["deployment"]["max_percent"],
            "deploymentCircuitBreaker": {
                "enable": facts["breaker"]["enabled"],
                "rollback": facts["breaker"]["rollback"],
            },
        }
    if "tasks" in facts:
        settings["desiredCount"] = facts["tasks"]
    if "rebalancing" in facts:
        settings["availabilityZoneRebalancing"] = facts["rebalancing"]
    if "grace_seconds" in facts:
        settings["healthCheckGracePeriodSeconds"] = facts["grace_seconds"]
    return settings
