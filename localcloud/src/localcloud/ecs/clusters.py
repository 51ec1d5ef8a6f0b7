"""Clusters: their settings, their capacity providers, their end.

Pages are of the ECS API reference. Not modelled, and refused: execute command
configuration, Service Connect defaults, statistics, attachments, capacity providers
other than Fargate's.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.api import AwsError, NotModelled, Router, only
from localcloud.ecs import capacity, tagging
from localcloud.ecs.capacity import Strategy
from localcloud.ecs.records import Service, Task, TaskStatus
from localcloud.ecs.tagging import Tags
from localcloud.identity import arn

_CLUSTERS_PER_CALL = 100
_INSIGHTS = ("enhanced", "enabled", "disabled")


@dataclass(slots=True, eq=False)
class Cluster:
    """One cluster. A deleted one stays as INACTIVE until its name is taken again."""

    arn: str
    name: str
    tags: Tags
    settings: tuple[Mapping[str, str], ...]
    providers: tuple[str, ...]
    strategy: Strategy
    """What services get that name neither a launch type nor a strategy."""
    active: bool = True


@dataclass(slots=True)
class Clusters:
    """The account's clusters, by their names."""

    router: Router
    services: Callable[[], Iterable[Service]]
    """Every service that has not been forgotten."""
    tasks: Callable[[], Iterable[Task]]
    """Every task that has not been forgotten."""
    _clusters: dict[str, Cluster] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Serve the API."""
        self.router.serve(
            "ecs",
            {
                "CreateCluster": self._create,
                "DescribeClusters": self._describe,
                "PutClusterCapacityProviders": self._put_providers,
                "DeleteCluster": self._delete,
            },
        )

    def find(self, name: str | None) -> Cluster:
        """Return an active cluster by name or ARN, `default` unless named."""
        found = self._clusters.get(_short(name or "default"))
        if found is None or not found.active or not _names(found, name):
            raise AwsError("ClusterNotFoundException", "Cluster not found.")
        return found

    def _create(self, params: dict[str, Any]) -> dict[str, Any]:
        """Make a cluster; one that is there and the same is the answer.

        What becomes of a call that differs from the cluster there is not documented:
        here it is refused.
        """
        only(
            params,
            "clusterName",
            "tags",
            "settings",
            "capacityProviders",
            "defaultCapacityProviderStrategy",
        )
        name = params.get("clusterName", "default")
        providers = capacity.providers(params.get("capacityProviders", ()))
        wanted = Cluster(
            arn=arn("ecs", f"cluster/{name}"),
            name=name,
            tags=tagging.checked(params.get("tags", ())),
            settings=_settings(params.get("settings", ())),
            providers=providers,
            strategy=capacity.strategy(
                params.get("defaultCapacityProviderStrategy", ()), providers
            ),
        )
        known = self._clusters.get(name)
        if known is None or not known.active:
            self._clusters[name] = known = wanted
        elif _made_of(known) != _made_of(wanted):
            raise AwsError(
                "InvalidParameterException",
                "Arguments on this idempotent request are inconsistent with arguments "
                "used in previous request(s).",
            )
        return {"cluster": self._shape(known, ("TAGS", "SETTINGS"))}

    def _describe(self, params: dict[str, Any]) -> dict[str, Any]:
        """Describe clusters, also those deleted (DescribeClusters, DeleteCluster)."""
        only(params, "clusters", "include")
        include = params.get("include", ())
        for part in include:
            if part not in {"TAGS", "SETTINGS"}:
                raise NotModelled(f"DescribeClusters with {part}")
        names = params.get("clusters") or ["default"]
        if len(names) > _CLUSTERS_PER_CALL:
            raise AwsError(
                "InvalidParameterException",
                "Clusters cannot have more than 100 elements",
            )
        found, failures = [], []
        for name in names:
            known = self._clusters.get(_short(name))
            if known is None or not _names(known, name):
                missing = arn("ecs", f"cluster/{_short(name)}")
                failures.append({"arn": missing, "reason": "MISSING"})
            else:
                found.append(self._shape(known, include))
        return {"clusters": found, "failures": failures}

    def _put_providers(self, params: dict[str, Any]) -> dict[str, Any]:
        """Replace the providers and the default strategy, both as a whole.

        One that a task uses cannot be left out (PutClusterCapacityProviders).
        """
        only(params, "cluster", "capacityProviders", "defaultCapacityProviderStrategy")
        cluster = self.find(params["cluster"])
        providers = capacity.providers(params["capacityProviders"])
        strategy = capacity.strategy(
            params["defaultCapacityProviderStrategy"], providers
        )
        used = {t.provider for t in self._running(cluster)} - {None}
        if not used <= set(providers):
            raise AwsError(
                "ResourceInUseException",
                "The specified capacity provider is in use and cannot be removed.",
            )
        cluster.providers, cluster.strategy = providers, strategy
        return {"cluster": self._shape(cluster, ("TAGS", "SETTINGS"))}

    def _delete(self, params: dict[str, Any]) -> dict[str, Any]:
        """Make a cluster INACTIVE, unless it has services or tasks (DeleteCluster)."""
        only(params, "cluster")
        cluster = self.find(params["cluster"])
        if any(s.status != "INACTIVE" for s in self._inside(cluster)):
            raise AwsError(
                "ClusterContainsServicesException",
                "The Cluster cannot be deleted while Services are active.",
            )
        if any(self._running(cluster)):
            raise AwsError(
                "ClusterContainsTasksException",
                "The Cluster cannot be deleted while Tasks are active.",
            )
        cluster.active, cluster.tags = False, ()
        return {"cluster": self._shape(cluster, ("SETTINGS",))}

    def _inside(self, cluster: Cluster) -> list[Service]:
        return [s for s in self.services() if s.cluster_arn == cluster.arn]

    def _running(self, cluster: Cluster) -> list[Task]:
        return [
            t
            for t in self.tasks()
            if t.service.cluster_arn == cluster.arn
            and t.status is not TaskStatus.STOPPED
        ]

    def _shape(self, cluster: Cluster, include: Iterable[str]) -> dict[str, Any]:
        tasks = self._running(cluster)
        return {
            "clusterArn": cluster.arn,
            "clusterName": cluster.name,
            "status": "ACTIVE" if cluster.active else "INACTIVE",
            "registeredContainerInstancesCount": 0,
            "runningTasksCount": sum(t.status is TaskStatus.RUNNING for t in tasks),
            "pendingTasksCount": sum(t.status.starting for t in tasks),
            "activeServicesCount": sum(
                s.status == "ACTIVE" for s in self._inside(cluster)
            ),
            "statistics": [],
            "tags": [dict(t) for t in cluster.tags] if "TAGS" in include else [],
            "settings": (
                [dict(s) for s in cluster.settings] if "SETTINGS" in include else []
            ),
            "capacityProviders": [*cluster.providers],
            "defaultCapacityProviderStrategy": [dict(i) for i in cluster.strategy],
        }


def _short(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def _names(cluster: Cluster, name: str | None) -> bool:
    """Whether a name or ARN is the cluster's own."""
    return name is None or name in {cluster.name, cluster.arn}


def _made_of(cluster: Cluster) -> tuple[Any, ...]:
    """Return what CreateCluster gives a cluster, in a form to compare."""
    return (
        {tag["key"]: tag["value"] for tag in cluster.tags},
        cluster.settings,
        frozenset(cluster.providers),
        cluster.strategy,
    )


def _settings(settings: Iterable[Mapping[str, str]]) -> tuple[Mapping[str, str], ...]:
    """Check settings; Container Insights are off unless set (ClusterSetting)."""
    given = tuple(settings)
    for setting in given:
        known = setting.get("name") == "containerInsights"
        if not known or setting.get("value") not in _INSIGHTS:
            raise AwsError("InvalidParameterException", "Invalid cluster setting.")
    return given or ({"name": "containerInsights", "value": "disabled"},)
