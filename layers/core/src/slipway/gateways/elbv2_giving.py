"""Giving back what was adopted: rules lead to the adopted group alone again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slipway.domain.service import ALL_TRAFFIC
from slipway.errors import Refused
from slipway.gateways.elbv2 import routed_to, shares_of
from slipway.gateways.elbv2_kept import Labelled
from slipway.gateways.failures import translated

if TYPE_CHECKING:
    from collections.abc import Collection


class AdoptedGroups(Labelled):
    """Target groups that were there before Slipway."""

    def lead_alone(
        self, listener_arn: str, groups: Collection[str], parked: Collection[str]
    ) -> None:
        """Take other groups out of each rule, and the default, that leads to `groups`.

        But of those in `parked`, which no request matches. Raises Refused where another
        group has a share of requests: they would go elsewhere.
        """
        rules: list[Any] = []
        with translated(f"DescribeRules {listener_arn}"):
            pages = self._client.get_paginator("describe_rules")
            for page in pages.paginate(ListenerArn=listener_arn):
                rules += page["Rules"]
        for rule in rules:
            shares = shares_of(rule["Actions"])
            mine = shares.keys() & set(groups)
            others = shares.keys() - mine
            if not mine or not others or rule["RuleArn"] in parked:
                continue
            if any(shares[other] for other in others):
                raise Refused(
                    f"{rule['RuleArn']} sends requests to {', '.join(sorted(others))}: "
                    "bring them back by `slipway release-from` first"
                )
            (group, *_) = sorted(mine)
            config = {
                "TargetGroups": [{"TargetGroupArn": group, "Weight": ALL_TRAFFIC}]
            }
            actions = routed_to(
                rule["Actions"], {"Type": "forward", "ForwardConfig": config}
            )
            if rule["IsDefault"]:
                with translated(f"ModifyListener {listener_arn}"):
                    self._client.modify_listener(
                        ListenerArn=listener_arn, DefaultActions=actions
                    )
            else:
                with translated(f"ModifyRule {rule['RuleArn']}"):
                    self._client.modify_rule(RuleArn=rule["RuleArn"], Actions=actions)

    def let_go(self, arn: str) -> None:
        """Take the marks away by which a group, or a listener, is Slipway's."""
        self._let_go(arn)
