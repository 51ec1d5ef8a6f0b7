"""Security groups: who reaches whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slipway.domain.resources import (
    ENVIRONMENT_TAG,
    Found,
    Ids,
    Kind,
    Scope,
    Unknown,
    Wanted,
)
from slipway.errors import Refused
from slipway.gateways import tags
from slipway.gateways.failures import translated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ec2.type_defs import FilterTypeDef

VALUES_EACH = 200
"""Values of a filter (EC2 API reference, DescribeSecurityGroups)."""


class SecurityGroups:
    """The groups of services and load balancers in one VPC."""

    kind = Kind.SECURITY_GROUP

    def __init__(self, client: EC2Client) -> None:
        self._client = client

    def found(self, scope: Scope, wanted: Sequence[Wanted], _: Ids) -> list[Found]:
        """Return the environment's groups, and others that have a wanted name."""
        by_tag = {"Name": f"tag:{ENVIRONMENT_TAG}", "Values": [scope.environment]}
        groups = self._groups(scope, by_tag)
        for names in tags.in_parts([one.name for one in wanted], VALUES_EACH):
            groups |= self._groups(scope, {"Name": "group-name", "Values": names})
        return list(groups.values())

    def make(self, scope: Scope, wanted: Wanted, ids: Ids) -> Found:
        """Make a group that lets nobody in yet."""
        with translated(f"CreateSecurityGroup {wanted.name}"):
            answer = self._client.create_security_group(
                GroupName=wanted.name,
                Description=wanted.once["description"],
                VpcId=ids.value(wanted.facts["vpc"]),
                TagSpecifications=[
                    {
                        "ResourceType": "security-group",
                        "Tags": tags.upper({**scope.tags(wanted)}),
                    }
                ],
            )
        facts = ids.shown(wanted.facts)
        group = answer["GroupId"]
        return Found(self.kind, wanted.name, group, facts, wanted.service)

    def change(self, found: Found, wanted: Wanted, ids: Ids) -> None:
        """Refuse: a group's name and VPC stay as they are."""
        raise Refused(f"{found.name}: EC2 changes no group into {ids.shown(wanted)}")

    def tag(self, found: Found, labels: Mapping[str, str]) -> None:
        """Give it these tags, beside others that it has."""
        _tag(self._client, found, labels)

    def remove(self, found: Found) -> None:
        """Remove a group; refused while another group or a task uses it."""
        with translated(f"DeleteSecurityGroup {found.name}"):
            self._client.delete_security_group(GroupId=found.id)

    def let_go(self, found: Found) -> None:
        """Take the marks away by which a group is Slipway's; its rules stay with it."""
        with translated(f"DeleteTags {found.name}"):
            self._client.delete_tags(
                Resources=[found.id], Tags=[{"Key": key} for key in tags.OWNERSHIP]
            )

    def _groups(self, scope: Scope, chosen: Any) -> dict[str, Found]:
        in_vpc: FilterTypeDef = {"Name": "vpc-id", "Values": [scope.vpc]}
        groups = {}
        with translated(f"DescribeSecurityGroups {scope.vpc}"):
            pages = self._client.get_paginator("describe_security_groups")
            for page in pages.paginate(Filters=[in_vpc, chosen]):
                for group in page["SecurityGroups"]:
                    labels = tags.read(group.get("Tags", ()))
                    groups[group["GroupId"]] = Found(
                        self.kind,
                        group["GroupName"],
                        group["GroupId"],
                        {"vpc": group["VpcId"]},
                        tags.service_of(labels),
                        owned=tags.is_owned(labels, scope),
                        tags=labels,
                    )
        return groups


class SecurityGroupRules:
    """Who is let into the environment's own groups, whoever wrote that there.

    A rule is known by what it says, so there is nothing of it to change: one that was
    altered is one too many, and another one missing.
    """

    kind = Kind.SECURITY_GROUP_RULE

    def __init__(self, client: EC2Client) -> None:
        self._client = client

    def found(self, scope: Scope, wanted: Sequence[Wanted], ids: Ids) -> list[Found]:
        """Return every inbound rule of the environment's groups.

        A rule that nobody wants goes by its id.
        """
        del scope
        names = {}
        for one in wanted:
            try:
                names[_said(ids.value(one.facts))] = one.name
            except Unknown:
                continue
        groups = [g for g in ids.of_kind(Kind.SECURITY_GROUP) if g.owned]
        services = {group.id: group.service for group in groups}
        rules = []
        for part in tags.in_parts(services, VALUES_EACH):
            with translated(f"DescribeSecurityGroupRules of {len(part)} groups"):
                pages = self._client.get_paginator("describe_security_group_rules")
                for page in pages.paginate(
                    Filters=[{"Name": "group-id", "Values": part}]
                ):
                    rules += [
                        self._found(rule, names, services)
                        for rule in page["SecurityGroupRules"]
                        if not rule["IsEgress"]
                    ]
        return rules

    def _found(
        self,
        rule: Any,
        names: Mapping[tuple[str, ...], str],
        services: Mapping[str, str | None],
    ) -> Found:
        facts = _facts(rule)
        rule_id, group = rule["SecurityGroupRuleId"], rule["GroupId"]
        name, labels = names.get(_said(facts), rule_id), tags.read(rule.get("Tags", ()))
        return Found(
            self.kind,
            name,
            rule_id,
            facts,
            services[group],
            # One that somebody wrote by hand is kept as it is.
            tags=labels if ENVIRONMENT_TAG in labels else None,
            parts={"group": group},
        )

    def make(self, scope: Scope, wanted: Wanted, ids: Ids) -> Found:
        """Let somebody in."""
        facts = ids.value(wanted.facts)
        port, source = facts["port"], facts["source"]
        permission: Any = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}
        told = {"Description": wanted.reason}
        if "cidr" in source:
            permission["IpRanges"] = [{"CidrIp": source["cidr"], **told}]
        else:
            permission["UserIdGroupPairs"] = [{"GroupId": source["group"], **told}]
        with translated(f"AuthorizeSecurityGroupIngress {wanted.name}"):
            answer = self._client.authorize_security_group_ingress(
                GroupId=facts["of"],
                IpPermissions=[permission],
                TagSpecifications=[
                    {
                        "ResourceType": "security-group-rule",
                        "Tags": tags.upper(scope.tags(wanted)),
                    }
                ],
            )
        (rule,) = answer["SecurityGroupRules"]
        return self._found(
            rule, {_said(facts): wanted.name}, {facts["of"]: wanted.service}
        )

    def change(self, found: Found, wanted: Wanted, ids: Ids) -> None:
        """Refuse: rules are known by what they say."""
        raise Refused(f"{found.name} does not become {ids.shown(wanted.facts)}")

    def tag(self, found: Found, labels: Mapping[str, str]) -> None:
        """Give it these tags, beside others that it has."""
        _tag(self._client, found, labels)

    def remove(self, found: Found) -> None:
        """Let somebody in no more."""
        with translated(f"RevokeSecurityGroupIngress {found.name}"):
            self._client.revoke_security_group_ingress(
                GroupId=found.parts["group"], SecurityGroupRuleIds=[found.id]
            )


def _tag(client: EC2Client, found: Found, labels: Mapping[str, str]) -> None:
    with translated(f"CreateTags {found.name}"):
        client.create_tags(Resources=[found.id], Tags=tags.upper(labels))


def _facts(rule: Any) -> dict[str, Any]:
    """Return what a rule says; one that Slipway would not write as a text of it."""
    first, last = rule.get("FromPort"), rule.get("ToPort")
    port = first
    if rule["IpProtocol"] != "tcp" or first != last:
        port = f"{rule['IpProtocol']} {first}-{last}"
    source: dict[str, Any]
    if "ReferencedGroupInfo" in rule:
        source = {"group": rule["ReferencedGroupInfo"]["GroupId"]}
    else:
        ranges = ("CidrIpv4", "CidrIpv6", "PrefixListId")
        source = {"cidr": next((rule[r] for r in ranges if rule.get(r)), "")}
    return {"of": rule["GroupId"], "source": source, "port": port}


def _said(facts: Mapping[str, Any]) -> tuple[str, ...]:
    (kind, source), *_ = facts["source"].items()
    return facts["of"], kind, source, str(facts["port"])
