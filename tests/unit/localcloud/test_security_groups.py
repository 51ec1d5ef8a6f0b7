"""Security groups: exact rules, and groups that cannot go while they are used."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.unit.localcloud.compute import Cloud, client, compute_cloud, virtual

TAGS = [{"Key": "slipway:environment", "Value": "shop"}]


def ec2() -> Any:
    return client("ec2")


def code(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return caught.value.response["Error"]["Code"]


def group(cloud: Cloud, name: str, **more: Any) -> str:
    made = ec2().create_security_group(
        GroupName=name,
        Description=name,
        **{"VpcId": cloud.compute.network.vpc_id} | more,
    )
    return str(made["GroupId"])


def allow(source: str, port: int = 80, text: str | None = "a call") -> dict[str, Any]:
    pair = {"GroupId": source} | ({} if text is None else {"Description": text})
    ports = {"FromPort": port, "ToPort": port}
    return {"IpProtocol": "tcp", **ports, "UserIdGroupPairs": [pair]}


def authorize(target: str, *permissions: dict[str, Any]) -> list[dict[str, Any]]:
    answer = ec2().authorize_security_group_ingress(
        GroupId=target,
        IpPermissions=[*permissions],
        TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": TAGS}],
    )
    rules: list[dict[str, Any]] = answer["SecurityGroupRules"]
    return rules


def rules(*filters: tuple[str, str]) -> list[dict[str, Any]]:
    answer = ec2().describe_security_group_rules(
        Filters=[{"Name": name, "Values": [value]} for name, value in filters]
    )
    return [r for r in answer["SecurityGroupRules"] if not r["IsEgress"]]


def permissions(target: str) -> list[dict[str, Any]]:
    [found] = ec2().describe_security_groups(GroupIds=[target])["SecurityGroups"]
    shown: list[dict[str, Any]] = found["IpPermissions"]
    return shown


@virtual
async def test_a_group_is_made_once_in_a_vpc_that_is_there() -> None:
    async with compute_cloud() as cloud:
        tagged = [{"ResourceType": "security-group", "Tags": TAGS}]
        made = group(cloud, "cart", TagSpecifications=tagged)
        vpc = cloud.compute.network.vpc_id
        filters = [
            {"Name": "tag:slipway:environment", "Values": ["shop"]},
            {"Name": "vpc-id", "Values": [vpc]},
            {"Name": "group-name", "Values": ["cart"]},
        ]
        [found] = ec2().describe_security_groups(Filters=filters)["SecurityGroups"]
        assert (found["GroupId"], found["Tags"]) == (made, TAGS)
        with pytest.raises(ClientError) as caught:
            group(cloud, "cart")
        assert code(caught) == "InvalidGroup.Duplicate"
        with pytest.raises(ClientError) as caught:
            group(cloud, "till", VpcId="vpc-0123456789abcdef0")
        assert code(caught) == "InvalidVpcID.NotFound"


@virtual
async def test_a_rule_is_shown_as_it_was_made_in_every_reading() -> None:
    async with compute_cloud() as cloud:
        cart, shop = group(cloud, "cart"), group(cloud, "shop")
        [made] = authorize(cart, allow(shop))
        [read] = rules(("group-id", cart), ("tag:slipway:environment", "shop"))
        for rule in (made, read):
            assert rule["SecurityGroupRuleId"] == made["SecurityGroupRuleId"]
            assert rule["ReferencedGroupInfo"]["GroupId"] == shop
            assert (rule["FromPort"], rule["ToPort"]) == (80, 80)
            assert (rule["Description"], rule["Tags"]) == ("a call", TAGS)
        [permission] = permissions(cart)
        [pair] = permission["UserIdGroupPairs"]
        assert (pair["GroupId"], pair["Description"]) == (shop, "a call")
        named = [{"Name": "ip-permission.group-id", "Values": [shop]}]
        [found] = ec2().describe_security_groups(Filters=named)["SecurityGroups"]
        assert found["GroupId"] == cart


@virtual
async def test_a_rule_that_is_there_is_refused_whatever_is_said_of_it() -> None:
    async with compute_cloud() as cloud:
        cart, shop = group(cloud, "cart"), group(cloud, "shop")
        authorize(cart, allow(shop))
        for text in ("a call", "another", None):
            with pytest.raises(ClientError) as caught:
                authorize(cart, allow(shop, 81), allow(shop, text=text))
            assert code(caught) == "InvalidPermission.Duplicate"
        assert [r["FromPort"] for r in rules(("group-id", cart))] == [80]
        with pytest.raises(ClientError) as caught:
            authorize(cart, allow("sg-0123456789abcdef0"))
        assert code(caught) == "InvalidGroup.NotFound"


@virtual
async def test_ranges_and_groups_are_rules_of_their_own() -> None:
    async with compute_cloud() as cloud:
        cart, shop = group(cloud, "cart"), group(cloud, "shop")
        both = allow(shop) | {"IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
        made = authorize(cart, both)
        assert [r.get("CidrIpv4") for r in made] == ["10.0.0.0/8", None]
        assert len(rules(("group-id", cart))) == 2


@virtual
async def test_rules_are_revoked_without_their_description_or_by_id_all_or_none() -> (
    None
):
    async with compute_cloud() as cloud:
        cart, shop = group(cloud, "cart"), group(cloud, "shop")
        authorize(cart, allow(shop, 80), allow(shop, 81), allow(shop, 82))
        with pytest.raises(ClientError) as caught:
            ec2().revoke_security_group_ingress(
                GroupId=cart, IpPermissions=[allow(shop), allow(shop, 99)]
            )
        assert code(caught) == "InvalidPermission.NotFound"
        assert len(rules(("group-id", cart))) == 3
        answer = ec2().revoke_security_group_ingress(
            GroupId=cart, IpPermissions=[allow(shop, text=None)]
        )
        [gone] = answer["RevokedSecurityGroupRules"]
        assert (gone["ReferencedGroupId"], gone["FromPort"]) == (shop, 80)
        last = rules(("group-id", cart))[-1]["SecurityGroupRuleId"]
        for expected in (None, "InvalidSecurityGroupRuleId.NotFound"):
            try:
                ec2().revoke_security_group_ingress(
                    GroupId=cart, SecurityGroupRuleIds=[last]
                )
                outcome = None
            except ClientError as error:
                outcome = error.response["Error"]["Code"]
            assert outcome == expected
        assert [r["FromPort"] for r in rules(("group-id", cart))] == [81]


@virtual
async def test_a_changed_rule_says_the_same_in_every_reading() -> None:
    async with compute_cloud() as cloud:
        cart, shop = group(cloud, "cart"), group(cloud, "shop")
        [made] = authorize(cart, allow(shop))
        name = made["SecurityGroupRuleId"]
        change = {
            "IpProtocol": "tcp",
            "FromPort": 443,
            "ToPort": 443,
            "ReferencedGroupId": shop,
            "Description": "secure",
        }
        ec2().modify_security_group_rules(
            GroupId=cart,
            SecurityGroupRules=[
                {"SecurityGroupRuleId": name, "SecurityGroupRule": change}
            ],
        )
        [rule] = rules(("group-id", cart))
        assert (rule["FromPort"], rule["Description"]) == (443, "secure")
        [permission] = permissions(cart)
        assert permission["FromPort"] == 443
        assert permission["UserIdGroupPairs"][0]["Description"] == "secure"


@virtual
async def test_a_group_takes_sixty_rules() -> None:
    async with compute_cloud() as cloud:
        cart, shop = group(cloud, "cart"), group(cloud, "shop")
        authorize(cart, *(allow(shop, port) for port in range(60)))
        with pytest.raises(ClientError) as caught:
            authorize(cart, allow(shop, 60))
        assert code(caught) == "RulesPerSecurityGroupLimitExceeded"


@virtual
async def test_a_group_stays_while_another_groups_rule_names_it() -> None:
    async with compute_cloud() as cloud:
        cart, shop = group(cloud, "cart"), group(cloud, "shop")
        authorize(cart, allow(shop), allow(cart))
        with pytest.raises(ClientError) as caught:
            ec2().delete_security_group(GroupId=shop)
        assert code(caught) == "DependencyViolation"
        ec2().delete_security_group(GroupId=cart)
        ec2().delete_security_group(GroupId=shop)
        with pytest.raises(ClientError) as caught:
            ec2().delete_security_group(GroupId=shop)
        assert code(caught) == "InvalidGroup.NotFound"


@virtual
async def test_a_group_stays_while_a_load_balancer_or_task_has_it() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        made = group(cloud, "cart")
        [balancer] = client("elbv2").create_load_balancer(
            Name="own",
            Subnets=[s.subnet_id for s in cloud.compute.network.subnets],
            SecurityGroups=[made],
        )["LoadBalancers"]

        def delete() -> str | None:
            try:
                ec2().delete_security_group(GroupId=made)
            except ClientError as error:
                return str(error.response["Error"]["Code"])
            return None

        assert delete() == "DependencyViolation"
        client("elbv2").delete_load_balancer(
            LoadBalancerArn=balancer["LoadBalancerArn"]
        )
        network = cloud.describe("cart-a")["networkConfiguration"]
        network["awsvpcConfiguration"]["securityGroups"] = [made]
        client("ecs").update_service(
            cluster="demo", service="cart-a", networkConfiguration=network
        )
        cloud.launch("cart", "a", {"app": "cart", "version": "v1"}, 1)
        await cloud.settled("cart-a", 1)
        cloud.scale("cart-a", 0)
        assert delete() == "DependencyViolation"
        await cloud.clock.sleep(60)
        assert delete() is None


@virtual
async def test_networks_that_are_not_there_have_their_own_errors() -> None:
    async with compute_cloud() as cloud:
        network = cloud.compute.network
        filters = [{"Name": "vpc-id", "Values": [network.vpc_id]}]
        shown = ec2().describe_subnets(Filters=filters)["Subnets"]
        zones = {s["SubnetId"]: s["AvailabilityZone"] for s in shown}
        assert zones == {s.subnet_id: s.zone for s in network.subnets}
        [vpc] = ec2().describe_vpcs(VpcIds=[network.vpc_id])["Vpcs"]
        assert vpc["State"] == "available"
        with pytest.raises(ClientError) as caught:
            ec2().describe_subnets(SubnetIds=["subnet-0123456789abcdef0"])
        assert code(caught) == "InvalidSubnetID.NotFound"
        with pytest.raises(ClientError) as caught:
            ec2().describe_vpcs(VpcIds=["vpc-0123456789abcdef0"])
        assert code(caught) == "InvalidVpcID.NotFound"
