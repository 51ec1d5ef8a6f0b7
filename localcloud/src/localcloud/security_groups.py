"""EC2's security groups: rules, and what keeps a group from being deleted.

Groups and rules are moto's records; pages are of the EC2 API reference. Where moto
differs from AWS an operation is served here, or checked before moto answers it. The
VPC counts as one that somebody made, though moto's is a default VPC.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from moto.ec2.models import ec2_backends
from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupRule
from moto.elbv2.models import elbv2_backends

from localcloud.api import ACCOUNT, REGION, AwsError, NotModelled, Router, only
from localcloud.ecs.records import Task, TaskStatus

_MOST_RULES = 60
"""Inbound rules of a group (Amazon VPC quotas, amazon-vpc-limits)."""

type _Key = tuple[str, int | None, int | None, str]
"""What makes two rules the same: protocol, ports and source, whatever is said of it."""


class SecurityGroups:
    """Stands before moto's security groups."""

    def __init__(self, router: Router, tasks: Callable[[], Iterable[Task]]) -> None:
        self._tasks = tasks
        router.serve(
            "ec2",
            {
                "AuthorizeSecurityGroupIngress": self._authorize,
                "RevokeSecurityGroupIngress": self._revoke,
            },
        )
        router.before(self._check)
        router.after("ec2", "ModifySecurityGroupRules", _describe_alike)

    def _check(
        self, service: str, operation: str, params: dict[str, Any], _: str | None
    ) -> None:
        if service != "ec2":
            return
        if operation == "CreateSecurityGroup" and "VpcId" in params:
            if params["VpcId"] not in _ec2().vpcs:
                raise AwsError(
                    "InvalidVpcID.NotFound",
                    f"The vpc ID '{params['VpcId']}' does not exist",
                )
        elif operation == "DeleteSecurityGroup":
            self._check_unused(_group(params))

    def _check_unused(self, group: SecurityGroup) -> None:
        """Refuse to delete a group that something uses (DeleteSecurityGroup).

        That is a rule of another group, a load balancer, or the network interface of
        a task that has not stopped.
        """
        if group.name == "default":
            raise AwsError(
                "CannotDelete",
                f'the specified group: "{group.id}" name: "default" cannot be deleted '
                "by a user",
            )
        named = any(
            rule.source_group.get("GroupId") == group.id
            for other in _every_group()
            for rule in (*other.ingress_rules, *other.egress_rules)
            if other.id != group.id
        )
        balanced = any(
            group.id in (balancer.security_groups or ())
            for balancer in elbv2_backends[ACCOUNT][REGION].load_balancers.values()
        )
        worn = any(
            group.id in task.security_groups
            for task in self._tasks()
            if task.status is not TaskStatus.STOPPED
        )
        if named or balanced or worn:
            raise AwsError(
                "DependencyViolation", f"resource {group.id} has a dependent object"
            )

    def _authorize(self, params: dict[str, Any]) -> dict[str, Any]:
        """Add rules, all or none; one that is there already is refused.

        AuthorizeSecurityGroupIngress. A description does not make a rule another.
        """
        only(params, "GroupId", "IpPermissions", "TagSpecifications")
        group = _group(params)
        tags = {
            tag["Key"]: tag["Value"]
            for wanted in params.get("TagSpecifications", ())
            for tag in wanted["Tags"]
        }
        rules = [_rule(group, *one, tags) for one in _spread(params["IpPermissions"])]
        keys = [_key(rule) for rule in (*group.ingress_rules, *rules)]
        if len(set(keys)) < len(keys):
            raise AwsError(
                "InvalidPermission.Duplicate",
                "the specified rule already exists in the security group",
            )
        if len(keys) > _MOST_RULES:
            raise AwsError(
                "RulesPerSecurityGroupLimitExceeded",
                "The maximum number of rules per security group has been reached.",
            )
        group.ingress_rules.extend(rules)
        return {"Return": True, "SecurityGroupRules": [_shape(rule) for rule in rules]}

    def _revoke(self, params: dict[str, Any]) -> dict[str, Any]:
        """Remove rules, all or none, by their ids or by what they allow.

        RevokeSecurityGroupIngress. A description need not be given.
        """
        only(params, "GroupId", "IpPermissions", "SecurityGroupRuleIds")
        group = _group(params)
        by_id = {rule.id: rule for rule in group.ingress_rules}
        by_key = {_key(rule): rule for rule in group.ingress_rules}
        gone = []
        for name in params.get("SecurityGroupRuleIds", ()):
            if name not in by_id:
                raise AwsError(
                    "InvalidSecurityGroupRuleId.NotFound",
                    f"The security group rule ID '{name}' does not exist",
                )
            gone.append(by_id[name])
        for one in _spread(params.get("IpPermissions", ())):
            rule = by_key.get(_key(_rule(group, *one, {})))
            if rule is None:
                raise AwsError(
                    "InvalidPermission.NotFound",
                    "The specified rule does not exist in this security group.",
                )
            gone.append(rule)
        ids = {rule.id for rule in gone}
        group.ingress_rules = [r for r in group.ingress_rules if r.id not in ids]
        return {
            "Return": True,
            "RevokedSecurityGroupRules": [_revoked(_shape(rule)) for rule in gone],
        }


# ----------------------------------------------------------------------------- records


def _ec2() -> Any:
    return ec2_backends[ACCOUNT][REGION]


def _every_group() -> Iterator[SecurityGroup]:
    for groups in _ec2().groups.values():
        yield from groups.values()


def _group(params: Mapping[str, Any]) -> SecurityGroup:
    """Return the group that a call is about, or names as a source."""
    if "GroupId" not in params:
        raise NotModelled("security groups by their names")
    for group in _every_group():
        if group.id == params["GroupId"]:
            return group
    raise AwsError(
        "InvalidGroup.NotFound",
        f"The security group '{params['GroupId']}' does not exist",
    )


def _spread(
    permissions: Iterable[Mapping[str, Any]],
) -> Iterator[tuple[Mapping[str, Any], dict[str, str], dict[str, str]]]:
    """Yield a permission once for each of its sources: a range or a group."""
    for permission in permissions:
        only(
            permission,
            "IpProtocol",
            "FromPort",
            "ToPort",
            "UserIdGroupPairs",
            "IpRanges",
            "Ipv6Ranges",
        )
        for name in ("IpRanges", "Ipv6Ranges"):
            for ip_range in permission.get(name, ()):
                yield permission, dict(ip_range), {}
        for pair in permission.get("UserIdGroupPairs", ()):
            only(pair, "GroupId", "UserId", "Description")
            if pair.get("UserId", ACCOUNT) != ACCOUNT:
                raise NotModelled("security groups of other accounts")
            _group(pair)
            source = {"GroupId": pair["GroupId"], "UserId": ACCOUNT}
            described = {k: v for k, v in pair.items() if k == "Description"}
            yield permission, described, source | described


def _rule(
    group: SecurityGroup,
    permission: Mapping[str, Any],
    ip_range: dict[str, str],
    source: dict[str, str],
    tags: dict[str, str],
) -> SecurityGroupRule:
    return SecurityGroupRule(
        group.ec2_backend,
        permission["IpProtocol"],
        group.id,
        permission.get("FromPort"),
        permission.get("ToPort"),
        ip_range,
        source,
        is_egress=False,
        tags=tags,
    )


def _key(rule: SecurityGroupRule) -> _Key:
    source = rule.cidr_ipv4 or rule.cidr_ipv6 or rule.source_group["GroupId"]
    return str(rule.ip_protocol), rule.from_port, rule.to_port, source


def _describe_alike(params: dict[str, Any]) -> None:
    """Let a group's permissions show the description that a rule has been given.

    moto keeps it twice, and ModifySecurityGroupRules changes one of them.
    """
    for rule in _group(params).ingress_rules:
        if rule.source_group:
            rule.source_group.pop("Description", None)
            if rule.description is not None:
                rule.source_group["Description"] = rule.description


def _shape(rule: SecurityGroupRule) -> dict[str, Any]:
    """Return a rule as SecurityGroupRule says."""
    shape = {
        "SecurityGroupRuleId": rule.id,
        "GroupId": rule.group_id,
        "GroupOwnerId": ACCOUNT,
        "IsEgress": False,
        "IpProtocol": rule.ip_protocol,
        "FromPort": -1 if rule.from_port is None else rule.from_port,
        "ToPort": -1 if rule.to_port is None else rule.to_port,
        "CidrIpv4": rule.cidr_ipv4,
        "CidrIpv6": rule.cidr_ipv6,
        "Description": rule.description,
        "Tags": [{"Key": t["key"], "Value": t["value"]} for t in rule.get_tags()],
    }
    if rule.source_group:
        names = ("GroupId", "UserId")
        shape["ReferencedGroupInfo"] = {n: rule.source_group[n] for n in names}
    return {name: value for name, value in shape.items() if value is not None}


def _revoked(shape: dict[str, Any]) -> dict[str, Any]:
    """Return a removed rule as RevokedSecurityGroupRule says."""
    other = {"ReferencedGroupInfo", "Tags", "GroupOwnerId"}
    revoked = {name: value for name, value in shape.items() if name not in other}
    if "ReferencedGroupInfo" in shape:
        revoked["ReferencedGroupId"] = shape["ReferencedGroupInfo"]["GroupId"]
    return revoked
