"""Capacity provider strategies: on which kind of Fargate capacity tasks are started.

Tasks of both kinds run alike: that Spot capacity runs short or is taken back is not
modelled.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from localcloud.api import AwsError, NotModelled, only

FARGATE = "FARGATE"
_PROVIDERS = (FARGATE, "FARGATE_SPOT")
_MOST = 20
_LARGEST_BASE = 100_000
_LARGEST_WEIGHT = 1_000

type Strategy = tuple[Mapping[str, Any], ...]
"""Items of capacityProvider, weight and base."""


def providers(names: Sequence[str]) -> tuple[str, ...]:
    """Check names of capacity providers: those of Fargate are modelled."""
    for name in names:
        if name not in _PROVIDERS:
            raise NotModelled(f"capacity provider {name}")
    return tuple(names)


def strategy(items: Sequence[Mapping[str, Any]], available: Iterable[str]) -> Strategy:
    """Check a strategy against the cluster's providers; fill in what it leaves out.

    At most 20 providers, all of the cluster; weights of 0 to 1,000, one of them above
    0; bases of 0 to 100,000, one of them above 0 at most (API reference,
    CapacityProviderStrategyItem).
    """
    for item in items:
        only(item, "capacityProvider", "weight", "base")
    names = providers([item["capacityProvider"] for item in items])
    if not items:
        return ()
    weights = [item.get("weight", 0) for item in items]
    bases = [item.get("base", 0) for item in items]
    if not set(names) <= set(available):
        raise AwsError(
            "InvalidParameterException",
            "The specified capacity provider strategy cannot contain a capacity "
            "provider that is not associated with the cluster. Associate the capacity "
            "provider with the cluster and try again.",
        )
    wrong = (
        len(names) > _MOST
        or len(set(names)) < len(names)
        or any(not 0 <= weight <= _LARGEST_WEIGHT for weight in weights)
        or any(not 0 <= base <= _LARGEST_BASE for base in bases)
        or sum(base > 0 for base in bases) > 1
        or not any(weights)
    )
    if wrong:
        raise AwsError(
            "InvalidParameterException",
            "The specified capacity provider strategy is not valid.",
        )
    return tuple(
        {"capacityProvider": name, "weight": weight, "base": base}
        for name, weight, base in zip(names, weights, bases, strict=True)
    )


def choose(items: Strategy, running: Iterable[str | None]) -> str | None:
    """Say on which provider the next task starts; None without a strategy.

    The base comes first, then tasks beyond it are shared by weight (API reference,
    CapacityProviderStrategyItem). `running` names the provider of each task there is.
    """
    if not items:
        return None
    counts = Counter(running)
    for item in items:
        if counts[item["capacityProvider"]] < item["base"]:
            return str(item["capacityProvider"])

    def filled(item: Mapping[str, Any]) -> float:
        beyond = counts[item["capacityProvider"]] - item["base"]
        return float(beyond / item["weight"])

    chosen = min((item for item in items if item["weight"]), key=filled)
    return str(chosen["capacityProvider"])
