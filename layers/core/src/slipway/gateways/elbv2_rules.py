"""Listener rules, and where they lead: made, and changed in place.

Weights are not written here: a rollout's are its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from slipway.domain.resources import Found, Ids, Kind, Scope, Wanted
from slipway.errors import Refused, Unavailable
from slipway.gateways import tags
from slipway.gateways.elbv2 import (
    CLOSED,
    routed_to,
    share_of,
    shares_of,
    sticky_seconds,
)
from slipway.gateways.elbv2_kept import Kept, Labelled
from slipway.gateways.failures import code_of, translated

if TYPE_CHECKING:
    from collections.abc import Sequence

LAST_PRIORITY = 50000


class ListenerRules(Labelled):
    """Which requests are whose. A rule has no name: a tag gives it one."""

    kind = Kind.LISTENER_RULE

    def found(self, scope: Scope, wanted: Sequence[Wanted], ids: Ids) -> list[Found]:
        """Return the environment's rules on the listeners that are known.

        With them others that take the requests of wanted ones that are not there.
        """
        there: list[tuple[str, Any]] = []
        for listener in ids.of_kind(Kind.LISTENER):
            there += [(listener.id, rule) for rule in self._rules(listener.id)]
        labels = self._tags(rule["RuleArn"] for _, rule in there)
        groups = ids.of_kind(Kind.TARGET_GROUP)
        found = [
            self._found(listener, rule, labels[rule["RuleArn"]], groups)
            for listener, rule in there
            if tags.is_owned(labels[rule["RuleArn"]], scope)
        ]
        lacking = {one.name for one in wanted} - {one.name for one in found}
        names = {
            _requests(ids.shown(one.facts)): one.name
            for one in wanted
            if one.name in lacking
        }
        own = {one.id for one in found}
        foreign = [
            self._found(*one, {}) for one in there if one[1]["RuleArn"] not in own
        ]
        found += [
            replace(one, name=names[_requests(one.facts)], owned=False)
            for one in foreign
            if _requests(one.facts) in names
        ]
        return found

    def _rules(self, listener_arn: str) -> list[Any]:
        rules: list[Any] = []
        with translated(f"DescribeRules {listener_arn}"):
            pages = self._client.get_paginator("describe_rules")
            for page in pages.paginate(ListenerArn=listener_arn):
                rules += [rule for rule in page["Rules"] if not rule["IsDefault"]]
        return rules

    def _found(
        self,
        listener: str,
        rule: Any,
        labels: dict[str, str],
        groups: Sequence[Found] = (),
    ) -> Found:
        arn = rule["RuleArn"]
        shares = {
            f"share of {group.name}": share_of(rule["Actions"], group.id)
            for group in groups
        }
        facts = {
            "listener": listener,
            "conditions": sorted(map(_condition, rule["Conditions"])),
            "priority": int(rule["Priority"]),
            "groups": _groups(rule["Actions"]),
        }
        name, service = tags.name_in(labels, arn), tags.service_of(labels)
        return Found(
            self.kind,
            name,
            arn,
            facts,
            service,
            adopted=tags.is_adopted(labels),
            tags=labels,
            parts={"actions": rule["Actions"], **shares},
        )

    def make(self, scope: Scope, wanted: Wanted, ids: Ids) -> Found:
        """Make a rule. Where no priority is wanted it gets the first that is free.

        A rule of Slipway's own that has the wanted place goes to a free one.
        """
        facts, once = ids.value(wanted.facts), ids.value(wanted.once)
        labels = scope.tags(wanted)
        there = self._places(facts["listener"])
        free = [n for n in range(1, LAST_PRIORITY + 1) if n not in there]
        if facts.get("priority") in there:
            occupant = there[facts["priority"]]
            self._move(wanted.name, {occupant: free[0]}, ids)
        with translated(f"CreateRule {wanted.name}"):
            try:
                (made,) = self._client.create_rule(
                    ListenerArn=facts["listener"],
                    Priority=facts.get("priority")
                    or free[-1 if once.get("last") else 0],
                    Conditions=_conditions(facts["conditions"]),
                    Actions=[_action(once["forward"])],
                    Tags=tags.upper(labels),
                )["Rules"]
            except ClientError as error:
                if code_of(error) == "PriorityInUse" and "priority" not in facts:
                    said = f"{wanted.name}: somebody else took the rule's place"
                    raise Unavailable(said) from error
                raise
        return self._found(facts["listener"], made, labels)

    def change(self, found: Found, wanted: Wanted, ids: Ids) -> None:
        """Give it other conditions or another place; never other weights.

        A rule of Slipway's own that has that place takes this one's.
        """
        facts = ids.value(wanted.facts)
        if facts["conditions"] != found.facts["conditions"]:
            with translated(f"ModifyRule {found.name}"):
                self._client.modify_rule(
                    RuleArn=found.id, Conditions=_conditions(facts["conditions"])
                )
        if "groups" in facts and facts["groups"] != found.facts["groups"]:
            action = _action(ids.value(wanted.once)["forward"])
            with translated(f"ModifyRule {found.name}"):
                self._client.modify_rule(RuleArn=found.id, Actions=[action])
        if facts.get("priority", found.facts["priority"]) != found.facts["priority"]:
            there = self._places(facts["listener"])
            occupant = there.get(facts["priority"], found.id)
            (own,) = [place for place, arn in there.items() if arn == found.id]
            if occupant != found.id:
                moves = {found.id: facts["priority"], occupant: own}
            else:
                moves = {found.id: facts["priority"]}
            self._move(found.name, moves, ids)

    def _places(self, listener_arn: str) -> dict[int, str]:
        """Return which rule has which priority."""
        return {int(r["Priority"]): r["RuleArn"] for r in self._rules(listener_arn)}

    def _move(self, name: str, places: dict[str, int], ids: Ids) -> None:
        """Give rules other priorities at once; raise Refused where one is foreign."""
        own = {one.id for one in ids.of_kind(self.kind)}
        foreign = sorted(places.keys() - own)
        if foreign:
            raise Refused(
                f"{name} is to have the place of {foreign[0]}, a rule that Slipway "
                "did not make: give one of both another priority"
            )
        with translated(f"SetRulePriorities for {name}"):
            self._client.set_rule_priorities(
                RulePriorities=[
                    {"RuleArn": arn, "Priority": place} for arn, place in places.items()
                ]
            )

    def remove(self, found: Found) -> None:
        """Remove a rule: requests that matched it go on to the next.

        One that was adopted is given back as it is.
        """
        if found.adopted:
            self._let_go(found.id)
            return
        with translated(f"DeleteRule {found.name}"):
            self._client.delete_rule(RuleArn=found.id)


class Routes(Kept):
    """Whether rules lead to tasks, and know both slots' groups; weights are let be."""

    kind = Kind.ROUTE

    def found(self, _: Scope, wanted: Sequence[Wanted], ids: Ids) -> list[Found]:
        """Return whether the wanted rules, that are known, lead anywhere."""
        asked = {one.name: one for one in wanted}
        found = []
        for rule in ids.of_kind(Kind.LISTENER_RULE):
            if rule.name not in asked:
                continue
            named = rule.facts["groups"]
            groups = [group for group, _ in ids.shown(asked[rule.name].once["forward"])]
            facts = {
                "is_open": bool(named),
                "lacks": sorted(set(groups) - set(named)) if named else [],
                "is_sticky": bool(sticky_seconds(rule.parts["actions"])),
            }
            found.append(
                Found(
                    self.kind,
                    rule.name,
                    rule.id,
                    facts,
                    rule.service,
                    parts=rule.parts,
                )
            )
        return found

    def make(self, scope: Scope, wanted: Wanted, ids: Ids) -> Found:
        """Raise Unavailable: a route is its rule's, and that is not there."""
        del scope, ids
        raise Unavailable(f"listener rule {wanted.name} is not there yet")

    def change(self, found: Found, wanted: Wanted, ids: Ids) -> None:
        """Lead to the primary alone; raise Unavailable until it is healthy there.

        A rule that leads somewhere already learns of the groups that it lacks, which
        get no weight, and lets no client stay with a group.
        """
        once = ids.value(wanted.once)
        if found.facts["is_open"]:
            actions = _with(found.parts["actions"], found.facts["lacks"])
            with translated(f"ModifyRule {found.name}"):
                self._client.modify_rule(RuleArn=found.id, Actions=actions)
            return
        self._await_healthy(
            f"listener rule {found.name}", once["healthy_in"], max(once["tasks"], 1)
        )
        with translated(f"ModifyRule {found.name}"):
            self._client.modify_rule(
                RuleArn=found.id, Actions=[_action(once["forward"])]
            )


def _requests(facts: Any) -> str:
    """Return which requests a rule takes, in a form to compare."""
    return str((facts["listener"], facts["conditions"]))


_VALUES = {
    "host-header": "HostHeaderConfig",
    "path-pattern": "PathPatternConfig",
    "http-header": "HttpHeaderConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "source-ip": "SourceIpConfig",
}


def _condition(condition: Any) -> list[Any]:
    """Return a condition as desired ones are written; see provision.bindings."""
    field = condition["Field"]
    config = condition.get(_VALUES.get(field, ""), {})
    values = config.get("Values") or condition.get("Values", [])
    return [field, config.get("HttpHeaderName", ""), sorted(values)]


def _conditions(conditions: Sequence[Any]) -> list[Any]:
    written = []
    for field, header, values in conditions:
        named = {"HttpHeaderName": header} if header else {}
        written.append({"Field": field, _VALUES[field]: {**named, "Values": values}})
    return written


def _groups(actions: Sequence[Any]) -> list[str]:
    """Return the groups that a rule forwards to, sorted."""
    found: list[str] = []
    for action in actions:
        if action["Type"] == "forward":
            config = action.get("ForwardConfig", {}).get("TargetGroups", [])
            found += [g["TargetGroupArn"] for g in config] or [action["TargetGroupArn"]]
    return sorted(found)


def _with(actions: Sequence[Any], lacking: Sequence[str]) -> list[Any]:
    """Return a rule's actions in which `lacking` groups have a weight of 0."""
    known = shares_of(actions)
    shares = [*known.items(), *((arn, 0) for arn in lacking)]
    return routed_to(actions, _action(shares))


def _action(shares: Sequence[Any] | None) -> Any:
    """Return what a new rule does: a fixed answer while no release is healthy."""
    if shares is None:
        return CLOSED
    groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in shares]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
