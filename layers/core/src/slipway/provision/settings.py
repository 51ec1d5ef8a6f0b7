"""Whether an environment's file belongs to this deployment of Slipway."""

from typing import Protocol

from slipway.manifests.environment import Environment


class Deployed(Protocol):
    """What this deployment is for."""

    @property
    def environment(self) -> str:
        """The environment's name."""

    @property
    def cluster(self) -> str:
        """The cluster's name."""

    @property
    def region(self) -> str:
        """The region."""


def misplaced(environment: Environment, deployed: Deployed) -> tuple[str, ...]:
    """Return what in environment.yaml is of another environment than this one."""
    pairs = (
        ("name", environment.name, deployed.environment),
        ("cluster", environment.cluster.name, deployed.cluster),
        ("region", environment.region, deployed.region),
    )
    return tuple(
        f"environment.yaml: {key}: {said}, and this Slipway was deployed for {ours}: "
        "correct one of both"
        for key, said, ours in pairs
        if said != ours
    )
