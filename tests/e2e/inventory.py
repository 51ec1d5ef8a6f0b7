"""What AWS has of one environment, told by names: two of the same are equal.

Every id and ARN is written as the name of what it stands for, so that a resource that
was made anew is like the one that was lost. What is there twice is listed twice.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from localcloud.api import ACCOUNT, REGION

from tests.e2e.grounds import Grounds
from tests.e2e.road import client

type Inventory = dict[str, Any]


def inventory(made: Grounds, cluster: str = "test") -> Inventory:
    """Return what there is, by kind, sorted."""
    journal, ids = made.journal, dict[str, str]()
    services = {n: _plain(asdict(journal.service(n))) for n in journal.services()}
    kinds = {
        "security groups": list(_groups(ids)),
        "load balancers": list(_balancers(ids)),
        "target groups": list(_target_groups(ids)),
        "registry": list(_registry(ids)),
        "cluster": list(_cluster(cluster)),
        "slots": list(_slots(cluster)),
        "scaling": list(_scaling()),
        "log groups": list(_log_groups()),
        "records": sorted(services.items()),
    }
    return {kind: _named(found, ids) for kind, found in kinds.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


def _named(found: list[Any], ids: Mapping[str, str]) -> list[Any]:
    text = json.dumps(found, default=str)
    for known in sorted(ids, key=len, reverse=True):
        text = text.replace(known, ids[known])
    return sorted(json.loads(text), key=json.dumps)


def _tags(tags: Any) -> dict[str, str]:
    return {
        tag.get("Key", tag.get("key", "")): tag.get("Value", tag.get("value", ""))
        for tag in tags
    }


def _groups(ids: dict[str, str]) -> Iterator[Any]:
    ec2 = client("ec2")
    groups = ec2.describe_security_groups()["SecurityGroups"]
    ids |= {one["GroupId"]: f"<group {one['GroupName']}>" for one in groups}
    rules = ec2.describe_security_group_rules()["SecurityGroupRules"]
    for group in groups:
        mine = [one for one in rules if one["GroupId"] == group["GroupId"]]
        yield {
            "name": group["GroupName"],
            "tags": _tags(group.get("Tags", [])),
            "rules": sorted(
                (
                    {
                        "protocol": one["IpProtocol"],
                        "ports": [one.get("FromPort"), one.get("ToPort")],
                        "from": ids.get(
                            one.get("ReferencedGroupInfo", {}).get("GroupId", ""),
                            one.get("CidrIpv4", ""),
                        ),
                        "egress": one["IsEgress"],
                        "tags": _tags(one.get("Tags", [])),
                    }
                    for one in mine
                ),
                key=json.dumps,
            ),
        }


def _balancers(ids: dict[str, str]) -> Iterator[Any]:
    elb = client("elbv2")
    balancers = elb.describe_load_balancers()["LoadBalancers"]
    for one in balancers:
        arn, name = one["LoadBalancerArn"], one["LoadBalancerName"]
        ids[arn] = f"<load balancer {name}>"
        ids[arn.partition(":loadbalancer/")[2]] = f"<label of {name}>"
        listeners = []
        for listener in elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]:
            port = listener["Port"]
            ids[listener["ListenerArn"]] = f"<listener {name}:{port}>"
            listeners.append(
                {
                    "port": port,
                    "protocol": listener["Protocol"],
                    "certificates": listener.get("Certificates", []),
                    "tags": _tags_of(listener["ListenerArn"]),
                    "rules": sorted(_rules(listener["ListenerArn"], ids), key=str),
                }
            )
        yield {
            "name": name,
            "scheme": one["Scheme"],
            "type": one["Type"],
            "subnets": sorted(zone["SubnetId"] for zone in one["AvailabilityZones"]),
            "groups": one.get("SecurityGroups", []),
            "tags": _tags_of(arn),
            "listeners": sorted(listeners, key=lambda listener: listener["port"]),
        }


def _rules(listener: str, ids: dict[str, str]) -> Iterator[Any]:
    for rule in client("elbv2").describe_rules(ListenerArn=listener)["Rules"]:
        tags = {} if rule["IsDefault"] else _tags_of(rule["RuleArn"])
        ids[rule["RuleArn"]] = f"<rule {tags.get('slipway:name', 'default')}>"
        yield {
            "priority": rule["Priority"],
            "conditions": rule["Conditions"],
            "actions": [_action(action) for action in rule["Actions"]],
            "tags": tags,
        }


def _action(action: Any) -> Any:
    if action["Type"] != "forward":
        return action
    # One group alone may be named without the rest.
    alone = {"TargetGroups": [{"TargetGroupArn": action.get("TargetGroupArn")}]}
    config = action.get("ForwardConfig", alone)
    shares = {g["TargetGroupArn"]: g.get("Weight", 1) for g in config["TargetGroups"]}
    stay = config.get("TargetGroupStickinessConfig", {})
    return shares | ({"sticky": stay} if stay.get("Enabled") else {})


def _tags_of(arn: str) -> dict[str, str]:
    answer = client("elbv2").describe_tags(ResourceArns=[arn])
    return _tags(answer["TagDescriptions"][0]["Tags"])


def _target_groups(ids: dict[str, str]) -> Iterator[Any]:
    elb = client("elbv2")
    for one in elb.describe_target_groups()["TargetGroups"]:
        arn, name = one["TargetGroupArn"], one["TargetGroupName"]
        ids[arn] = f"<target group {name}>"
        ids[arn.rpartition(":")[2]] = f"<label of {name}>"
        attributes = elb.describe_target_group_attributes(TargetGroupArn=arn)
        yield {
            **{k: v for k, v in one.items() if k != "LoadBalancerArns"},
            "attributes": _tags(attributes["Attributes"]),
            "tags": _tags_of(arn),
        }


def _registry(ids: dict[str, str]) -> Iterator[Any]:
    cloud_map = client("servicediscovery")
    for one in cloud_map.list_namespaces()["Namespaces"]:
        ids[one["Id"]] = f"<namespace {one['Name']}>"
        tags = cloud_map.list_tags_for_resource(ResourceARN=one["Arn"])["Tags"]
        yield {"namespace": one["Name"], "type": one["Type"], "tags": _tags(tags)}
    for one in cloud_map.list_services()["Services"]:
        ids[one["Arn"]] = f"<registry service {one['Name']}>"
        ids[one["Id"]] = f"<id of registry service {one['Name']}>"
        tags = cloud_map.list_tags_for_resource(ResourceARN=one["Arn"])["Tags"]
        yield {
            "service": one["Name"],
            "description": one.get("Description"),
            "dns": one.get("DnsConfig"),
            "says": cloud_map.get_service_attributes(ServiceId=one["Id"])[
                "ServiceAttributes"
            ]["Attributes"],
            "tags": _tags(tags),
        }


def _cluster(name: str) -> Iterator[Any]:
    ecs = client("ecs")
    for one in ecs.describe_clusters(clusters=[name], include=["TAGS"])["clusters"]:
        yield {
            "name": one["clusterName"],
            "providers": sorted(one["capacityProviders"]),
            "tags": _tags(one["tags"]),
        }
    families = ecs.list_task_definition_families(status="ACTIVE")["families"]
    yield {"families": sorted(families)}


_OF_A_SLOT = (
    "serviceName",
    "desiredCount",
    "capacityProviderStrategy",
    "loadBalancers",
    "serviceRegistries",
    "networkConfiguration",
    "healthCheckGracePeriodSeconds",
    "availabilityZoneRebalancing",
    "deploymentConfiguration",
    "propagateTags",
)


def _slots(cluster: str) -> Iterator[Any]:
    ecs = client("ecs")
    for arn in ecs.list_services(cluster=cluster, maxResults=100)["serviceArns"]:
        (one,) = ecs.describe_services(
            cluster=cluster, services=[arn], include=["TAGS"]
        )["services"]
        # Which revision an empty slot names is of no effect.
        revision = one["taskDefinition"].rpartition("/")[2]
        family = revision.partition(":")[0]
        yield {
            **{key: one[key] for key in _OF_A_SLOT if key in one},
            "runs": revision if one["desiredCount"] else family,
            "tags": _tags(one.get("tags", [])),
        }


def _scaling() -> Iterator[Any]:
    scaling = client("application-autoscaling")
    targets = scaling.describe_scalable_targets(ServiceNamespace="ecs")
    for one in targets["ScalableTargets"]:
        yield {
            "target": one["ResourceId"],
            "bounds": [one["MinCapacity"], one["MaxCapacity"]],
            "suspended": one["SuspendedState"],
        }
    policies = scaling.describe_scaling_policies(ServiceNamespace="ecs")
    for one in policies["ScalingPolicies"]:
        yield {
            "policy": one["PolicyName"],
            "of": one["ResourceId"],
            "settings": one["TargetTrackingScalingPolicyConfiguration"],
        }
    actions = scaling.describe_scheduled_actions(ServiceNamespace="ecs")
    for one in actions["ScheduledActions"]:
        yield {
            "action": one["ScheduledActionName"],
            "of": one["ResourceId"],
            "at": [one["Schedule"], one.get("Timezone")],
            "until": str(one.get("EndTime")),
            "bounds": one["ScalableTargetAction"],
        }


def _log_groups() -> Iterator[Any]:
    logs = client("logs")
    for one in logs.describe_log_groups()["logGroups"]:
        arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{one['logGroupName']}"
        yield {
            "name": one["logGroupName"],
            "retention": one.get("retentionInDays"),
            "tags": logs.list_tags_for_resource(resourceArn=arn)["tags"],
        }
