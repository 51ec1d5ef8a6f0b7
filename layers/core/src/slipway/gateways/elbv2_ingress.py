"""Load balancers, their listeners, groups and rules: made, and changed in place.

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
from slipway.gateways.failures import code_of, translated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mypy_boto3_elbv2.client import ElasticLoadBalancingv2Client

TAGS_EACH = 20
"""Resources of one DescribeTags (ELB API reference)."""
LAST_PRIORITY = 50000
NETWORK = "network"
WITHOUT_GROUP = (
    "it has no security group, by which services would let it in, and a Network Load "
    "Balancer takes its first one when it is made only: make another one"
)
"""load-balancer-security-groups (user guide for Network Load Balancers)."""
NOBODYS: Any = {
    "Type": "fixed-response",
    "FixedResponseConfig": {
        "StatusCode": "404",
        "ContentType": "text/plain",
        "MessageBody": "No service answers here.",
    },
}


class Kept:
    """What all kinds share."""

    def __init__(self, client: ElasticLoadBalancingv2Client) -> None:
        self._client = client

    def _await_healthy(self, what: str, group: str, needed: int) -> None:
        """Raise Unavailable until a group has so many healthy targets."""
        with translated(f"DescribeTargetHealth {group}"):
            answer = self._client.describe_target_health(TargetGroupArn=group)
        states = [
            target["TargetHealth"]["State"]
            for target in answer["TargetHealthDescriptions"]
        ]
        healthy = states.count("healthy")
        if healthy < needed:
            said = f"{healthy} of {needed} tasks are healthy"
            raise Unavailable(f"{what} stays closed: {said}")


class Labelled(Kept):
    """What kinds share that carry tags."""

    def _tags(self, arns: Iterable[str]) -> dict[str, dict[str, str]]:
        found = {}
        for part in tags.in_parts(arns, TAGS_EACH):
            with translated(f"DescribeTags of {len(part)} resources"):
                answer = self._client.describe_tags(ResourceArns=part)
            for one in answer["TagDescriptions"]:
                found[one["ResourceArn"]] = tags.read(one["Tags"])
        return found

    def _let_go(self, arn: str) -> None:
        """Take the marks away by which a resource is Slipway's."""
        with translated(f"RemoveTags {arn}"):
            self._client.remove_tags(ResourceArns=[arn], TagKeys=list(tags.OWNERSHIP))

    def tag(self, found: Found, labels: Mapping[str, str]) -> None:
        """Give it these tags, beside others that it has."""
        with translated(f"AddTags {found.name}"):
            self._client.add_tags(ResourceArns=[found.id], Tags=tags.upper(labels))


class LoadBalancers(Labelled):
    """Load balancers: those that Slipway makes, and those that it is told of."""

    kind = Kind.LOAD_BALANCER

    def found(self, scope: Scope, wanted: Sequence[Wanted], _: Ids) -> list[Found]:
        """Return the environment's own, and those that are wanted by ARN or name."""
        told = {one.facts.get("arn"): one.name for one in wanted}
        names = {one.once["name"]: one.name for one in wanted if one.owned}
        there: list[Any] = []
        with translated("DescribeLoadBalancers"):
            pages = self._client.get_paginator("describe_load_balancers")
            for page in pages.paginate():
                there += page["LoadBalancers"]
        labels = self._tags(one["LoadBalancerArn"] for one in there)
        found = []
        for one in there:
            arn = one["LoadBalancerArn"]
            owned = tags.is_owned(labels[arn], scope)
            name = told.get(arn) or names.get(one["LoadBalancerName"])
            if owned and name is None:
                name = tags.name_in(labels[arn], one["LoadBalancerName"])
            if name is not None:
                known = self._found(name, one, owned=owned)
                found.append(replace(known, tags=labels[arn]))
        return found

    def _found(self, name: str, one: Any, *, owned: bool) -> Found:
        """Return it; one that lets nobody in by its group can never be given any."""
        arn, groups = one["LoadBalancerArn"], one.get("SecurityGroups", [])
        bare = one["Type"] == NETWORK and not groups
        facts = {
            "type": one["Type"],
            "scheme": one["Scheme"],
            "arn": arn,
            "subnets": sorted(z["SubnetId"] for z in one["AvailabilityZones"]),
            "security_groups": groups,
        }
        label = arn.partition(":loadbalancer/")[2]
        parts = {"label": label, "dns_name": one.get("DNSName", "")}
        if groups:
            parts["security_group"] = groups[0]
        fault = WITHOUT_GROUP if bare else ""
        return Found(self.kind, name, arn, facts, owned=owned, parts=parts, fault=fault)

    def make(self, scope: Scope, wanted: Wanted, ids: Ids) -> Found:
        """Make a load balancer without listeners."""
        facts = ids.value(wanted.facts)
        with translated(f"CreateLoadBalancer {wanted.name}"):
            (made,) = self._client.create_load_balancer(
                Name=wanted.once["name"],
                Type=facts["type"],
                Scheme=facts["scheme"],
                Subnets=facts["subnets"],
                SecurityGroups=facts.get("security_groups", []),
                Tags=tags.upper(scope.tags(wanted)),
            )["LoadBalancers"]
        return self._found(wanted.name, made, owned=True)

    def change(self, found: Found, wanted: Wanted, ids: Ids) -> None:
        """Put it into other subnets, or give it other groups."""
        facts = ids.value(wanted.facts)
        if facts["subnets"] != found.facts["subnets"]:
            with translated(f"SetSubnets {found.name}"):
                self._client.set_subnets(
                    LoadBalancerArn=found.id, Subnets=facts["subnets"]
                )
        groups = facts.get("security_groups", [])
        if groups != found.facts["security_groups"]:
            with translated(f"SetSecurityGroups {found.name}"):
                self._client.set_security_groups(
                    LoadBalancerArn=found.id, SecurityGroups=groups
                )

    def remove(self, found: Found) -> None:
        """Remove a load balancer with its listeners."""
        with translated(f"DeleteLoadBalancer {found.name}"):
            self._client.delete_load_balancer(LoadBalancerArn=found.id)


class Listening(Labelled):
    """What listeners share, whatever they speak."""

    def _listening(self, ids: Ids, *, network: bool) -> Iterator[tuple[Found, Any]]:
        """Give the listeners of the load balancers that are known, of one type."""
        for balancer in ids.of_kind(Kind.LOAD_BALANCER):
            if (balancer.facts["type"] == NETWORK) is not network:
                continue
            with translated(f"DescribeListeners {balancer.name}"):
                pages = self._client.get_paginator("describe_listeners")
                for page in pages.paginate(LoadBalancerArn=balancer.id):
                    for one in page["Listeners"]:
                        yield balancer, one

    def remove(self, found: Found) -> None:
        """Listen there no more; one that somebody else made is let go."""
        if found.adopted:
            self._let_go(found.id)
            return
        with translated(f"DeleteListener {found.name}"):
            self._client.delete_listener(ListenerArn=found.id)


class Listeners(Listening):
    """Ports of Application Load Balancers."""

    kind = Kind.LISTENER

    def found(self, scope: Scope, wanted: Sequence[Wanted], ids: Ids) -> list[Found]:
        """Return the listeners of the load balancers that are known."""
        there = [
            (f"{balancer.name}:{one['Port']}", one)
            for balancer, one in self._listening(ids, network=False)
        ]
        labels = self._tags(one["ListenerArn"] for _, one in there)
        asked = {w.name: ids.shown(w.facts.get("certificates", [])) for w in wanted}
        return [
            self._found(
                name,
                one,
                asked.get(name, []),
                labels[one["ListenerArn"]],
                scope,
            )
            for name, one in there
        ]

    def _found(
        self,
        name: str,
        one: Any,
        asked: Sequence[str],
        labels: dict[str, str],
        scope: Scope,
    ) -> Found:
        owned = tags.is_owned(labels, scope)
        facts: dict[str, Any] = {"protocol": one["Protocol"]}
        if owned and one["Protocol"] == "HTTPS":
            facts["certificates"] = self._certificates(one["ListenerArn"], asked)
        return Found(
            self.kind,
            name,
            one["ListenerArn"],
            facts,
            tags.service_of(labels),
            owned=owned,
            adopted=tags.is_adopted(labels),
            tags=labels,
        )

    def _certificates(self, arn: str, asked: Sequence[str]) -> list[str]:
        """Return each certificate once, the default first.

        The others have no order of their own: those that are asked for come as asked.
        """
        found: list[Any] = []
        with translated(f"DescribeListenerCertificates {arn}"):
            pages = self._client.get_paginator("describe_listener_certificates")
            for page in pages.paginate(ListenerArn=arn):
                found += page["Certificates"]
        places = {one: place for place, one in enumerate(asked)}
        found.sort(
            key=lambda one: (
                not one["IsDefault"],
                places.get(one["CertificateArn"], len(places)),
                one["CertificateArn"],
            )
        )
        return list(dict.fromkeys(one["CertificateArn"] for one in found))

    def make(self, scope: Scope, wanted: Wanted, ids: Ids) -> Found:
        """Listen, and answer 404 where no rule matches."""
        once, facts = ids.value(wanted.once), ids.value(wanted.facts)
        labels = scope.tags(wanted)
        first, *more = asked = facts.get("certificates", []) or [None]
        with translated(f"CreateListener {wanted.name}"):
            (made,) = self._client.create_listener(
                LoadBalancerArn=once["of"],
                Port=once["port"],
                Protocol=facts["protocol"],
                Certificates=[{"CertificateArn": first}] if first else [],
                DefaultActions=[NOBODYS],
                Tags=tags.upper(labels),
            )["Listeners"]
        self._add(made["ListenerArn"], more)
        return self._found(wanted.name, made, asked, labels, scope)

    def change(self, found: Found, wanted: Wanted, ids: Ids) -> None:
        """Give it another protocol, or other certificates."""
        facts = ids.value(wanted.facts)
        first, *more = facts.get("certificates", []) or [None]
        with translated(f"ModifyListener {found.name}"):
            self._client.modify_listener(
                ListenerArn=found.id,
                Protocol=facts["protocol"],
                Certificates=[{"CertificateArn": first}] if first else [],
            )
        self._add(found.id, more)
        surplus = {*found.facts.get("certificates", [])} - {first, *more}
        if surplus:
            with translated(f"RemoveListenerCertificates {found.name}"):
                self._client.remove_listener_certificates(
                    ListenerArn=found.id,
                    Certificates=[{"CertificateArn": one} for one in sorted(surplus)],
                )

    def _add(self, arn: str, certificates: Sequence[str]) -> None:
        if certificates:
            with translated(f"AddListenerCertificates {arn}"):
                self._client.add_listener_certificates(
                    ListenerArn=arn,
                    Certificates=[{"CertificateArn": one} for one in certificates],
                )


class TargetGroups(Labelled):
    """The target groups of bindings. Names are unique in an account's region."""

    kind = Kind.TARGET_GROUP

    def found(self, scope: Scope, wanted: Sequence[Wanted], _: Ids) -> list[Found]:
        """Return the environment's groups, and others that have a wanted name."""
        names = {one.name for one in wanted}
        there: list[Any] = []
        with translated("DescribeTargetGroups"):
            pages = self._client.get_paginator("describe_target_groups")
            for page in pages.paginate():
                there += [
                    one
                    for one in page["TargetGroups"]
                    if one["TargetGroupName"] in names
                    or one["TargetGroupName"].startswith(f"{scope.environment}-")
                ]
        labels = self._tags(one["TargetGroupArn"] for one in there)
        return [
            self._found(
                one,
                labels[one["TargetGroupArn"]],
                scope,
                # A call for each: only for those that are compared.
                whole=one["TargetGroupName"] in names,
            )
            for one in there
        ]

    def _found(
        self, one: Any, labels: dict[str, str], scope: Scope, *, whole: bool
    ) -> Found:
        arn = one["TargetGroupArn"]
        owned = tags.is_owned(labels, scope)
        matcher = one.get("Matcher", {})
        facts = {
            "protocol": one["Protocol"],
            "version": one.get("ProtocolVersion"),
            "vpc": one["VpcId"],
            "target_type": one["TargetType"],
            "health": {
                "protocol": one["HealthCheckProtocol"],
                "path": one.get("HealthCheckPath"),
                "port": one["HealthCheckPort"],
                "codes": matcher.get("HttpCode") or matcher.get("GrpcCode"),
                "interval_seconds": one["HealthCheckIntervalSeconds"],
                "timeout_seconds": one["HealthCheckTimeoutSeconds"],
                "healthy_threshold": one["HealthyThresholdCount"],
                "unhealthy_threshold": one["UnhealthyThresholdCount"],
            },
        }
        if owned and whole:
            facts |= self._attributes(arn)
        parts = {"label": arn.rpartition(":")[2]}
        name, service = one["TargetGroupName"], tags.service_of(labels)
        return Found(
            self.kind,
            name,
            arn,
            facts,
            service,
            owned=owned,
            adopted=tags.is_adopted(labels),
            tags=labels,
            parts=parts,
        )

    def _attributes(self, arn: str) -> dict[str, Any]:
        with translated(f"DescribeTargetGroupAttributes {arn}"):
            answer = self._client.describe_target_group_attributes(TargetGroupArn=arn)
        values = {one["Key"]: one["Value"] for one in answer["Attributes"]}
        return {
            _DELAY_FACT: int(values[_DELAY]),
            _ZONES_FACT: values.get(_ZONES) == "true",
        }

    def make(self, scope: Scope, wanted: Wanted, ids: Ids) -> Found:
        """Make a group without targets."""
        facts, labels = ids.value(wanted.facts), scope.tags(wanted)
        with translated(f"CreateTargetGroup {wanted.name}"):
            (made,) = self._client.create_target_group(
                Name=wanted.name,
                Protocol=facts["protocol"],
                Port=wanted.once["port"],
                VpcId=facts["vpc"],
                TargetType=facts["target_type"],
                Tags=tags.upper(labels),
                **({"ProtocolVersion": facts["version"]} if facts["version"] else {}),
                **_checks(facts),
            )["TargetGroups"]
        self._set_attributes(made["TargetGroupArn"], facts)
        return self._found(made, labels, scope, whole=False)

    def change(self, found: Found, wanted: Wanted, ids: Ids) -> None:
        """Ask targets in another way, or let them finish for another time."""
        facts = ids.value(wanted.facts)
        if facts["health"] != found.facts["health"]:
            with translated(f"ModifyTargetGroup {found.name}"):
                self._client.modify_target_group(
                    TargetGroupArn=found.id, **_checks(facts)
                )
        if any(
            facts[key] != found.facts[key]
            for key in (_DELAY_FACT, _ZONES_FACT)
            if key in facts
        ):
            self._set_attributes(found.id, facts)

    def _set_attributes(self, arn: str, facts: Any) -> None:
        values = {_DELAY: str(facts[_DELAY_FACT])}
        if _ZONES_FACT in facts:
            values[_ZONES] = str(facts[_ZONES_FACT]).lower()
        with translated(f"ModifyTargetGroupAttributes {arn}"):
            self._client.modify_target_group_attributes(
                TargetGroupArn=arn,
                Attributes=[{"Key": k, "Value": v} for k, v in values.items()],
            )

    def remove(self, found: Found) -> None:
        """Remove a group; refused while a rule names it. An adopted one is let go."""
        if found.adopted:
            self._let_go(found.id)
            return
        with translated(f"DeleteTargetGroup {found.name}"):
            self._client.delete_target_group(TargetGroupArn=found.id)


_DELAY = "deregistration_delay.timeout_seconds"
_DELAY_FACT = "deregistration_delay_seconds"
_ZONES = "load_balancing.cross_zone.enabled"
_ZONES_FACT = "cross_zone"


def _checks(facts: Any) -> Any:
    """Return how targets are asked, as ELB takes it."""
    health = facts["health"]
    kind = "GrpcCode" if facts["version"] == "GRPC" else "HttpCode"
    asked = {"HealthCheckPath": health["path"], "Matcher": {kind: health["codes"]}}
    return {
        **(asked if health["path"] is not None else {}),
        "HealthCheckProtocol": health["protocol"],
        "HealthCheckPort": health["port"],
        "HealthCheckIntervalSeconds": health["interval_seconds"],
        "HealthCheckTimeoutSeconds": health["timeout_seconds"],
        "HealthyThresholdCount": health["healthy_threshold"],
        "UnhealthyThresholdCount": health["unhealthy_threshold"],
    }


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
