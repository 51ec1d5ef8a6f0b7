"""Load balancers: the health of target groups and the weights of rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slipway.domain.service import ALL_TRAFFIC
from slipway.errors import NotFound, Unavailable
from slipway.gateways.failures import translated

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mypy_boto3_elbv2.client import ElasticLoadBalancingv2Client

    from slipway.domain.service import Binding, Slot
    from slipway.domain.traffic import Weights

ROUTING = ("forward", "fixed-response", "redirect")
"""The action types that end a rule; what stands before them, authentication, stays."""

CLOSED = {
    "Type": "fixed-response",
    "FixedResponseConfig": {
        "StatusCode": "503",
        "ContentType": "text/plain",
        "MessageBody": "No release of this service is healthy yet.",
    },
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, or a listener's default, that is the binding's or names its groups."""

    arn: str
    """The listener's, where that is a Network Load Balancer's."""
    is_default: bool
    actions: Sequence[dict[str, Any]]
    shares: dict[Slot, int] | None
    """None where the rule does not forward to the binding's groups."""
    sticky_seconds: int
    """How long clients stay with a group, whatever its weight; 0 where they do not."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a binding's rules are to say."""

    weights: Weights | None
    """None for closed."""
    sticky_seconds: int


class LoadBalancing:
    """Rules and target groups. Every write is absolute and read back."""

    def __init__(self, client: ElasticLoadBalancingv2Client) -> None:
        self._client = client

    def healthy(self, target_group_arn: str) -> int:
        """Count the targets that are healthy now; 0 where there is no verdict."""
        with translated(f"DescribeTargetHealth {target_group_arn}"):
            answer = self._client.describe_target_health(
                TargetGroupArn=target_group_arn
            )
        return sum(
            target["TargetHealth"]["State"] == "healthy"
            for target in answer["TargetHealthDescriptions"]
        )

    def is_open(self, binding: Binding) -> bool:
        """Whether the binding's own rule forwards to its groups."""
        return any(
            rule.arn == binding.carrier_arn and rule.shares is not None
            for rule in self.rules(binding)
        )

    def route(
        self,
        binding: Binding,
        weights: Weights | None,
        seen: Sequence[Rule] | None = None,
        *,
        sticky_seconds: int = 0,
    ) -> bool:
        """Write `weights` to every rule that names either slot's group.

        None closes the binding's own rule with a fixed response, a network listener by
        its vacant group. `seen` are its rules, where the caller has just read them.
        Clients stay with a group for `sticky_seconds` after their last request. Returns
        whether a write was needed. Raises Unavailable where a rule does not read back
        as written.
        """
        wanted = _Wanted(weights, sticky_seconds)
        before = self.rules(binding) if seen is None else seen
        pending = _unlike(before, binding, wanted)
        for rule in pending:
            self._write(binding, rule, wanted)
        if pending and _unlike(self.rules(binding), binding, wanted):
            raise Unavailable(
                f"{binding.carrier_arn} does not read back as it was written"
            )
        return bool(pending)

    def rules(self, binding: Binding) -> list[Rule]:
        """Read the binding's rules; raise NotFound where its own is gone."""
        if binding.is_network:
            return [self._default_of(binding)]
        rules = []
        with translated(f"DescribeRules {binding.listener_arn}"):
            pages = self._client.get_paginator("describe_rules")
            for page in pages.paginate(ListenerArn=binding.listener_arn):
                for rule in page["Rules"]:
                    shares = _shares(rule["Actions"], binding)
                    own = rule["RuleArn"] == binding.rule_arn
                    if rule["RuleArn"] == binding.parking_rule_arn:
                        continue
                    if own or shares is not None:
                        rules.append(
                            Rule(
                                rule["RuleArn"],
                                rule["IsDefault"],
                                [dict(action) for action in rule["Actions"]],
                                shares,
                                sticky_seconds(rule["Actions"]),
                            )
                        )
        if not any(rule.arn == binding.rule_arn for rule in rules):
            raise NotFound(
                f"listener {binding.listener_arn} has no rule {binding.rule_arn}; "
                "make it again, or correct the record"
            )
        return rules

    def _default_of(self, binding: Binding) -> Rule:
        """Read a network listener: its default action is all that it has."""
        arn = binding.listener_arn
        with translated(f"DescribeListeners {arn}"):
            answer = self._client.describe_listeners(ListenerArns=[arn])
        actions = [dict(one) for one in answer["Listeners"][0]["DefaultActions"]]
        shares = _shares(actions, binding)
        carries = shares is not None and any(shares.values())
        return Rule(
            arn,
            is_default=True,
            actions=actions,
            shares=shares if carries else None,
            sticky_seconds=sticky_seconds(actions),
        )

    def _write(self, binding: Binding, rule: Rule, wanted: _Wanted) -> None:
        actions = routed_to(rule.actions, _action(binding, wanted))
        if rule.is_default:
            with translated(f"ModifyListener {binding.listener_arn}"):
                self._client.modify_listener(
                    ListenerArn=binding.listener_arn, DefaultActions=actions
                )
        else:
            with translated(f"ModifyRule {rule.arn}"):
                self._client.modify_rule(RuleArn=rule.arn, Actions=actions)


def routed_to(actions: Sequence[Any], last: Any) -> list[Any]:
    """Return a rule's actions with another end; authentication before it stays."""
    kept = [_kept(action) for action in actions if action["Type"] not in ROUTING]
    return [*kept, {**last, "Order": len(kept) + 1}]


def shares_of(actions: Sequence[Any]) -> dict[str, int]:
    """Return the groups that a rule's actions forward to, and their weights.

    A group that is alone there has 100, whatever weight that is.
    """
    forward = _forward_in(actions)
    if forward is None:
        return {}
    groups = forward.get("ForwardConfig", {}).get("TargetGroups") or [forward]
    if len(groups) == 1 and groups[0].get("Weight", 1):
        return {groups[0]["TargetGroupArn"]: ALL_TRAFFIC}
    return {g["TargetGroupArn"]: g.get("Weight", 1) for g in groups}


def share_of(actions: Sequence[Any], group_arn: str) -> int:
    """Return the share of a group in what actions forward, in percent."""
    weights = shares_of(actions)
    whole = sum(weights.values())
    return percent(weights.get(group_arn, 0), whole) if whole else 0


def shares_in(rules: Iterable[Rule]) -> list[Weights]:
    """Return the slots' shares in each rule that forwards to them."""
    return [rule.shares for rule in rules if rule.shares is not None]


def _unlike(rules: Sequence[Rule], binding: Binding, wanted: _Wanted) -> list[Rule]:
    """Return the rules that do not yet say what is wanted."""
    if wanted.weights is None:
        own = [r for r in rules if r.arn == binding.carrier_arn]
        return [r for r in own if r.shares is not None]
    said = dict(wanted.weights), wanted.sticky_seconds
    return [r for r in rules if (r.shares, r.sticky_seconds) != said]


def forward(
    shares: Iterable[tuple[str, int]], *, sticky_seconds: int = 0
) -> dict[str, Any]:
    """Return the action that forwards to groups by weight.

    Whoever came before goes by weight too, unless clients are to stay for some seconds:
    that outranks a weight of 0.
    """
    stay: dict[str, Any] = {"Enabled": bool(sticky_seconds)}
    if sticky_seconds:
        stay["DurationSeconds"] = sticky_seconds
    return {
        "Type": "forward",
        "ForwardConfig": {
            "TargetGroups": [
                {"TargetGroupArn": arn, "Weight": weight} for arn, weight in shares
            ],
            "TargetGroupStickinessConfig": stay,
        },
    }


def _action(binding: Binding, wanted: _Wanted) -> dict[str, Any]:
    if wanted.weights is None:
        return _closed(binding)
    groups = sorted(binding.target_group_arns.items())
    return forward(
        [(arn, wanted.weights[slot]) for slot, arn in groups],
        sticky_seconds=wanted.sticky_seconds,
    )


def _closed(binding: Binding) -> dict[str, Any]:
    """Return what answers while no release is healthy.

    A network listener can only forward (API_Action, fixed-response). Weights of 0 alone
    are not documented there, so all of it goes to a group that has no targets.
    """
    if binding.vacant_group_arn is None:
        return CLOSED
    groups = sorted(binding.target_group_arns.values())
    return forward([*((arn, 0) for arn in groups), (binding.vacant_group_arn, 1)])


def _forward_in(actions: Sequence[Any]) -> dict[str, Any] | None:
    """Return a rule's forward action, None where it answers by itself."""
    return next((a for a in actions if a["Type"] == "forward"), None)


def _shares(actions: Sequence[Any], binding: Binding) -> dict[Slot, int] | None:
    """Return each slot's share in percent in a rule's forward action."""
    weight = shares_of(actions)
    if not weight.keys() & set(binding.target_group_arns.values()):
        return None
    total = sum(weight.values())
    return {
        slot: percent(weight.get(arn, 0), total)
        for slot, arn in binding.target_group_arns.items()
    }


def _kept(action: dict[str, Any]) -> dict[str, Any]:
    """Return an action to be written again; OIDC secrets are never read, so kept."""
    if action["Type"] != "authenticate-oidc":
        return action
    config = {**action["AuthenticateOidcConfig"], "UseExistingClientSecret": True}
    return {**action, "AuthenticateOidcConfig": config}


def percent(weight: int, total: int) -> int:
    """Return a share in whole percent; 0 and 100 only where it is none or all."""
    if weight in (0, total):
        return ALL_TRAFFIC if weight else 0
    return min(max(round(ALL_TRAFFIC * weight / total), 1), ALL_TRAFFIC - 1)


def sticky_seconds(actions: Sequence[Any]) -> int:
    """Return how long a rule's forward action keeps clients with their group.

    0 where it does not, 1 where it does not say how long.
    """
    config = (_forward_in(actions) or {}).get("ForwardConfig", {})
    stay = config.get("TargetGroupStickinessConfig", {})
    return int(stay.get("DurationSeconds") or 1) if stay.get("Enabled") else 0
