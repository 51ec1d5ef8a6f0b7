"""How much of a load balancer is taken, by whomever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slipway.domain.quotas import Taken
from slipway.gateways.failures import translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_elbv2.client import ElasticLoadBalancingv2Client


class Room:
    """The rules and target groups of load balancers, Slipway's own and others'."""

    def __init__(self, client: ElasticLoadBalancingv2Client) -> None:
        self._client = client

    def taken(self, load_balancer_arn: str) -> Taken:
        """Return which rules and groups a load balancer has, of all its listeners.

        Default rules do not count, and their groups do (load-balancer-limits).
        """
        there = [
            rule
            for listener in self._listeners(load_balancer_arn)
            for rule in self._rules(listener)
        ]
        return Taken(
            frozenset(one["RuleArn"] for one in there if not one["IsDefault"]),
            frozenset(group for one in there for group in _groups(one["Actions"])),
        )

    def _listeners(self, arn: str) -> list[str]:
        with translated(f"DescribeListeners of {arn}"):
            pages = self._client.get_paginator("describe_listeners")
            return [
                one["ListenerArn"]
                for page in pages.paginate(LoadBalancerArn=arn)
                for one in page["Listeners"]
            ]

    def _rules(self, listener: str) -> list[Any]:
        with translated(f"DescribeRules {listener}"):
            pages = self._client.get_paginator("describe_rules")
            return [
                rule
                for page in pages.paginate(ListenerArn=listener)
                for rule in page["Rules"]
            ]


def _groups(actions: Sequence[Any]) -> Iterator[str]:
    """Give the target groups that actions name, in either way of writing."""
    for action in actions:
        if "TargetGroupArn" in action:
            yield action["TargetGroupArn"]
        for one in action.get("ForwardConfig", {}).get("TargetGroups", ()):
            yield one["TargetGroupArn"]
