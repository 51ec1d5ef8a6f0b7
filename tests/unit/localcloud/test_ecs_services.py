"""Services from CreateService to INACTIVE: what they keep, show and redeploy for."""

from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import ClientError
from localcloud.api import NotModelled
from localcloud.delays import Delays, OpenQuestions

from tests.unit.localcloud.compute import (
    SHOP,
    Cloud,
    client,
    compute_cloud,
    virtual,
)

V1 = {"app": "cart", "version": "v1"}
PORT = {"containerName": "cart", "containerPort": 7070}
SPOT = [{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}]
MIXED = [
    {"capacityProvider": "FARGATE", "weight": 1, "base": 1},
    {"capacityProvider": "FARGATE_SPOT", "weight": 3, "base": 0},
]
TAGS = [{"key": "slipway:service", "value": "cart"}]


def code(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return caught.value.response["Error"]["Code"]


async def prepared(cloud: Cloud) -> dict[str, Any]:
    """Make the system; return what a third service of it can be made with."""
    cloud.system()
    cloud_map = client("servicediscovery")
    cloud_map.create_http_namespace(Name="shop")
    await cloud.clock.sleep(31)
    client("ecs").put_cluster_capacity_providers(
        cluster="demo",
        capacityProviders=["FARGATE", "FARGATE_SPOT"],
        defaultCapacityProviderStrategy=[],
    )
    known = cloud.describe("cart-a")
    return {
        "cluster": "demo",
        "serviceName": "cart-c",
        "taskDefinition": "demo-cart",
        "desiredCount": 0,
        "launchType": "FARGATE",
        "loadBalancers": known["loadBalancers"],
        "networkConfiguration": known["networkConfiguration"],
    }


def registry(**more: Any) -> dict[str, Any]:
    """Make a Cloud Map service for the container's port."""
    cloud_map = client("servicediscovery")
    [namespace] = cloud_map.list_namespaces()["Namespaces"]
    made = cloud_map.create_service(Name="cart", NamespaceId=namespace["Id"])
    return {"registryArn": made["Service"]["Arn"], **PORT, **more}


def create(settings: dict[str, Any], **more: Any) -> dict[str, Any]:
    for name in [n for n, value in more.items() if value is None]:
        settings = {k: v for k, v in settings.items() if k != name}
        more.pop(name)
    made: dict[str, Any] = client("ecs").create_service(**settings | more)["service"]
    return made


def update(slot: str, **changes: Any) -> dict[str, Any]:
    answer = client("ecs").update_service(cluster="demo", service=slot, **changes)
    changed: dict[str, Any] = answer["service"]
    return changed


def delete(slot: str, **more: Any) -> dict[str, Any]:
    answer = client("ecs").delete_service(cluster="demo", service=slot, **more)
    deleted: dict[str, Any] = answer["service"]
    return deleted


@virtual
async def test_a_service_is_shown_with_all_that_it_was_made_of() -> None:
    async with compute_cloud() as cloud:
        base = await prepared(cloud)
        taken = {
            "serviceRegistries": [registry()],
            "capacityProviderStrategy": MIXED,
            "platformVersion": "1.4.0",
            "healthCheckGracePeriodSeconds": 45,
            "availabilityZoneRebalancing": "DISABLED",
            "propagateTags": "TASK_DEFINITION",
            "enableECSManagedTags": True,
            "enableExecuteCommand": False,
            "deploymentConfiguration": {
                "deploymentCircuitBreaker": {"enable": True, "rollback": False},
                "maximumPercent": 150,
                "minimumHealthyPercent": 50,
                "strategy": "ROLLING",
            },
        }
        create(base, launchType=None, tags=TAGS, **taken)
        shown = cloud.describe("cart-c")
        expected = taken | {
            "loadBalancers": base["loadBalancers"],
            "networkConfiguration": base["networkConfiguration"],
            "status": "ACTIVE",
        }
        assert {name: shown[name] for name in expected} == expected
        assert "launchType" not in shown
        assert "tags" not in shown
        [tagged] = client("ecs").describe_services(
            cluster="demo", services=["cart-c"], include=["TAGS"]
        )["services"]
        assert tagged["tags"] == TAGS


@virtual
async def test_a_second_service_of_a_name_is_refused_while_the_first_is_active() -> (
    None
):
    async with compute_cloud() as cloud:
        base = await prepared(cloud)
        with pytest.raises(ClientError, match="was not idempotent") as caught:
            create(base, serviceName="cart-a")
        assert code(caught) == "InvalidParameterException"


@virtual
async def test_without_launch_type_or_strategy_the_clusters_default_holds() -> None:
    async with compute_cloud() as cloud:
        base = await prepared(cloud)
        with pytest.raises(NotModelled, match="EC2"):
            create(base, launchType=None)
        client("ecs").put_cluster_capacity_providers(
            cluster="demo",
            capacityProviders=["FARGATE_SPOT"],
            defaultCapacityProviderStrategy=SPOT,
        )
        assert create(base, launchType=None)["capacityProviderStrategy"] == SPOT


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"registries": [{}, {}]}, "at most 1"),
        ({"registries": [{"port": 1}]}, "not both"),
        ({"registries": [{"registryArn": "srv-0"}]}, "srv-0 exists"),
        ({"propagateTags": "MINE"}, "propagateTags"),
        ({"capacityProviderStrategy": SPOT}, "both a launch type"),
        ({"tags": [{"key": "aws:x", "value": ""}]}, "tags are not valid"),
        ({"group": {"containerName": "cast"}}, "cast does not exist"),
        ({"group": {"containerPort": 1}}, "container port 1 defined"),
        ({"groups": 6}, "at most 5"),
    ],
)
@virtual
async def test_what_ecs_refuses_is_refused_and_leaves_nothing(
    change: dict[str, Any], text: str
) -> None:
    async with compute_cloud() as cloud:
        base = await prepared(cloud)
        group = base["loadBalancers"][0]
        if "group" in change:
            change = {"loadBalancers": [group | change["group"]]}
        if "groups" in change:
            change = {"loadBalancers": [group] * change["groups"]}
        if "registries" in change:
            known = registry()
            change = {"serviceRegistries": [known | r for r in change["registries"]]}
        with pytest.raises(ClientError, match=text) as caught:
            create(base, **change)
        assert code(caught) == "InvalidParameterException"
        listed = client("ecs").list_services(cluster="demo")["serviceArns"]
        assert not [name for name in listed if name.endswith("cart-c")]


@pytest.mark.parametrize(
    "change",
    [
        {"enableExecuteCommand": True},
        {"schedulingStrategy": "DAEMON"},
        {"deploymentController": {"type": "CODE_DEPLOY"}},
        {"platformVersion": "1.3.0"},
        {"launchType": "EC2"},
    ],
)
@virtual
async def test_what_is_not_modelled_is_said_so(change: dict[str, Any]) -> None:
    async with compute_cloud() as cloud:
        base = await prepared(cloud)
        with pytest.raises(NotModelled):
            create(base, **change)


# --------------------------------------------------------------------------- updates


def both_groups(cloud: Cloud) -> list[dict[str, Any]]:
    slots = [cloud.describe(slot)["loadBalancers"][0] for slot in ("cart-a", "cart-b")]
    return [dict(slot) for slot in slots]


@pytest.mark.parametrize(
    ("change", "redeploys"),
    [
        ({"loadBalancers": "both"}, True),
        ({"loadBalancers": []}, True),
        ({"serviceRegistries": "new"}, True),
        ({"platformVersion": "1.4.0"}, True),
        ({"platformVersion": "LATEST", "serviceRegistries": []}, False),
        ({"propagateTags": "NONE"}, False),
        ({"enableECSManagedTags": True}, False),
        ({"availabilityZoneRebalancing": "DISABLED"}, False),
        ({"capacityProviderStrategy": SPOT}, False),
        ({"healthCheckGracePeriodSeconds": 1}, False),
    ],
)
@virtual
async def test_an_update_shows_at_once_and_redeploys_where_the_reference_says_so(
    change: dict[str, Any], *, redeploys: bool
) -> None:
    async with compute_cloud() as cloud:
        await prepared(cloud)
        if change.get("loadBalancers") == "both":
            change = {"loadBalancers": both_groups(cloud)}
        if change.get("serviceRegistries") == "new":
            change = {"serviceRegistries": [registry()]}
        before = cloud.deployment("cart-a")["id"]
        changed = update("cart-a", **change)
        assert {name: changed[name] for name in change} == change
        assert (changed["deployments"][0]["id"] != before) is redeploys


@virtual
async def test_new_groups_get_new_tasks_and_old_tasks_stay_where_they_are() -> None:
    async with compute_cloud() as cloud:
        await prepared(cloud)
        cloud.launch("cart", "a", V1, 2)
        await cloud.settled("cart-a", 2)
        groups = both_groups(cloud)
        first, second = (group["targetGroupArn"] for group in groups)
        update("cart-a", loadBalancers=[groups[1]])
        assert cloud.compute.elb.healthy(first) == 2
        await cloud.settled("cart-a", 2)
        await cloud.clock.sleep(60)
        left = client("elbv2").describe_target_health(TargetGroupArn=first)
        assert left["TargetHealthDescriptions"] == []
        assert cloud.compute.elb.healthy(second) == 2


@virtual
async def test_a_refused_update_changes_nothing() -> None:
    async with compute_cloud() as cloud:
        await prepared(cloud)
        before = cloud.describe("cart-a")
        with pytest.raises(ClientError):
            update(
                "cart-a",
                desiredCount=3,
                healthCheckGracePeriodSeconds=1,
                loadBalancers=[both_groups(cloud)[0] | {"containerPort": 1}],
            )
        assert cloud.describe("cart-a") == before


@virtual
async def test_tasks_start_on_the_base_first_and_then_by_weight() -> None:
    async with compute_cloud() as cloud:
        await prepared(cloud)
        update("cart-a", capacityProviderStrategy=MIXED)
        cloud.launch("cart", "a", V1, 5)
        await cloud.settled("cart-a", 5)
        providers = [t["capacityProviderName"] for t in cloud.tasks("cart-a")]
        assert Counter(providers) == {"FARGATE": 2, "FARGATE_SPOT": 3}
        assert providers[0] == "FARGATE"
        assert {t["launchType"] for t in cloud.tasks("cart-a")} == {"FARGATE"}
        with pytest.raises(ClientError) as caught:
            client("ecs").put_cluster_capacity_providers(
                cluster="demo",
                capacityProviders=["FARGATE"],
                defaultCapacityProviderStrategy=[],
            )
        assert code(caught) == "ResourceInUseException"


@virtual
async def test_a_strategy_holds_for_new_tasks_only() -> None:
    async with compute_cloud() as cloud:
        await prepared(cloud)
        cloud.launch("cart", "a", V1, 1)
        await cloud.settled("cart-a", 1)
        update("cart-a", capacityProviderStrategy=SPOT)
        cloud.scale("cart-a", 2)
        await cloud.settled("cart-a", 2)
        old, new = cloud.tasks("cart-a")
        assert "capacityProviderName" not in old
        assert new["capacityProviderName"] == "FARGATE_SPOT"
        changed = update("cart-a", capacityProviderStrategy=[])
        assert changed["launchType"] == "FARGATE"


@pytest.mark.parametrize("refused", [False, True])
@virtual
async def test_whether_a_strategy_can_change_without_force_is_open(
    *, refused: bool
) -> None:
    questions = OpenQuestions(strategy_change_has_to_be_forced=refused)
    async with compute_cloud(questions=questions) as cloud:
        await prepared(cloud)
        before = cloud.deployment("cart-a")["id"]
        if refused:
            with pytest.raises(ClientError, match="must force a new deployment"):
                update("cart-a", capacityProviderStrategy=SPOT)
            assert "capacityProviderStrategy" not in cloud.describe("cart-a")
        else:
            update("cart-a", capacityProviderStrategy=SPOT)
            assert cloud.deployment("cart-a")["id"] == before
        update("cart-a", capacityProviderStrategy=MIXED, forceNewDeployment=True)
        assert cloud.describe("cart-a")["capacityProviderStrategy"] == MIXED
        assert cloud.deployment("cart-a")["id"] != before


# ------------------------------------------------------------------------------ tags


@virtual
async def test_tasks_keep_the_tags_that_they_were_started_with() -> None:
    async with compute_cloud() as cloud:
        await prepared(cloud)
        arn = cloud.describe("cart-a")["serviceArn"]
        update("cart-a", enableECSManagedTags=True)
        cloud.launch("cart", "a", V1, 1)
        await cloud.settled("cart-a", 1)
        [task] = cloud.tasks("cart-a")
        ecs = client("ecs")
        ecs.tag_resource(resourceArn=arn, tags=[{"key": "team", "value": "red"}])
        shown = ecs.list_tags_for_resource(resourceArn=arn)["tags"]
        assert {"key": "team", "value": "red"} in shown
        [described] = ecs.describe_tasks(
            cluster="demo", tasks=[task["taskArn"]], include=["TAGS"]
        )["tasks"]
        tags = {tag["key"]: tag["value"] for tag in described["tags"]}
        assert "team" not in tags
        assert tags["slipway:service"] == "cart"
        assert tags["aws:ecs:serviceName"] == "cart-a"
        assert tags["aws:ecs:clusterName"] == "demo"


@virtual
async def test_tags_of_what_is_not_there_are_an_error() -> None:
    async with compute_cloud() as cloud:
        await prepared(cloud)
        arn = cloud.describe("cart-a")["serviceArn"]
        with pytest.raises(ClientError) as caught:
            client("ecs").list_tags_for_resource(resourceArn=arn + "x")
        assert code(caught) == "ResourceNotFoundException"
        delete("cart-a")
        await cloud.clock.sleep(2)
        with pytest.raises(ClientError, match="is inactive"):
            client("ecs").list_tags_for_resource(resourceArn=arn)


# ---------------------------------------------------------------------------- the end


@virtual
async def test_a_service_is_not_deleted_while_tasks_are_desired_unless_forced() -> None:
    async with compute_cloud() as cloud:
        await prepared(cloud)
        cloud.launch("cart", "a", V1, 1)
        await cloud.settled("cart-a", 1)
        with pytest.raises(ClientError, match="scaled above 0"):
            delete("cart-a")
        assert cloud.describe("cart-a")["status"] == "ACTIVE"
        assert delete("cart-a", force=True)["desiredCount"] == 0


@virtual
async def test_a_deleted_service_drains_and_is_inactive_once_its_tasks_stop() -> None:
    async with compute_cloud() as cloud:
        base = await prepared(cloud)
        cloud.launch("cart", "a", V1, 2)
        await cloud.settled("cart-a", 2)
        cloud.scale("cart-a", 0)
        assert delete("cart-a")["status"] == "DRAINING"
        assert delete("cart-a")["status"] == "DRAINING"
        await cloud.clock.sleep(10)
        assert cloud.describe("cart-a")["status"] == "DRAINING"
        assert cloud.describe("cart-a")["runningCount"] == 0
        listed = client("ecs").list_services(cluster="demo")["serviceArns"]
        assert [name.rsplit("/", 1)[1] for name in listed] == ["cart-b"]
        with pytest.raises(ClientError, match="still Draining"):
            create(base, serviceName="cart-a")
        with pytest.raises(ClientError) as caught:
            update("cart-a", desiredCount=1)
        assert code(caught) == "ServiceNotActiveException"
        await cloud.clock.sleep(60)
        gone = cloud.describe("cart-a")
        assert (gone["status"], gone["deployments"]) == ("INACTIVE", [])
        assert gone["taskDefinition"]
        with pytest.raises(ClientError) as caught:
            delete("cart-a")
        assert code(caught) == "ServiceNotFoundException"


@pytest.mark.parametrize("lag", [0, 5])
@virtual
async def test_a_name_is_free_again_while_old_tasks_still_stop(lag: float) -> None:
    delays = Delays(ecs_read_lag_seconds=lag, deprovisioning_seconds=60)
    async with compute_cloud(delays) as cloud:
        base = await prepared(cloud)
        cloud.launch("cart", "a", V1, 1)
        await cloud.settled("cart-a", 1)
        delete("cart-a", force=True)
        while cloud.describe("cart-a")["status"] != "INACTIVE":
            await cloud.clock.sleep(1)
        revision = cloud.register("cart", V1 | {"version": "v2"}, "v2")
        create(base, serviceName="cart-a", desiredCount=1, taskDefinition=revision)
        await cloud.clock.sleep(lag + 1)
        await cloud.settled("cart-a", 1)
        await cloud.clock.sleep(60)
        assert cloud.describe("cart-a")["status"] == "ACTIVE"
        assert [t["lastStatus"] for t in cloud.tasks("cart-a")] == ["RUNNING"]
        assert [t["lastStatus"] for t in cloud.tasks("cart-a", "STOPPED")] == [
            "STOPPED"
        ]


@virtual
async def test_an_inactive_service_is_seen_for_a_while_and_then_missing() -> None:
    async with compute_cloud(Delays(inactive_service_seconds=100)) as cloud:
        await prepared(cloud)
        delete("cart-a")
        await cloud.clock.sleep(90)
        assert cloud.describe("cart-a")["status"] == "INACTIVE"
        await cloud.clock.sleep(20)
        answer = client("ecs").describe_services(cluster="demo", services=["cart-a"])
        assert [f["reason"] for f in answer["failures"]] == ["MISSING"]


@virtual
async def test_reads_that_lag_show_the_service_before_under_the_same_name() -> None:
    async with compute_cloud(Delays(ecs_read_lag_seconds=60)) as cloud:
        cloud.system([SHOP])
        await cloud.clock.sleep(60)
        group = cloud.describe("cart-a")
        delete("cart-a")
        await cloud.clock.sleep(50)
        assert cloud.describe("cart-a")["status"] == "ACTIVE"
        await cloud.clock.sleep(20)
        client("ecs").create_service(
            cluster="demo",
            serviceName="cart-a",
            taskDefinition="demo-cart",
            launchType="FARGATE",
            loadBalancers=group["loadBalancers"],
            networkConfiguration=group["networkConfiguration"],
        )
        assert cloud.describe("cart-a")["status"] == "INACTIVE"
        await cloud.clock.sleep(61)
        assert cloud.describe("cart-a")["status"] == "ACTIVE"


@virtual
async def test_services_are_listed_page_by_page() -> None:
    async with compute_cloud() as cloud:
        base = await prepared(cloud)
        for number in range(12):
            create(base, serviceName=f"more-{number}")
        ecs = client("ecs")
        first = ecs.list_services(cluster="demo")
        assert len(first["serviceArns"]) == 10
        last = ecs.list_services(cluster="demo", nextToken=first["nextToken"])
        assert len(last["serviceArns"]) == 4
        assert "nextToken" not in last
        pages = ecs.get_paginator("list_services").paginate(
            cluster="demo", PaginationConfig={"PageSize": 3}
        )
        arns = [name for page in pages for name in page["serviceArns"]]
        assert len(arns) == len(set(arns)) == 14
        with pytest.raises(ClientError, match="between 1 and 100"):
            ecs.list_services(cluster="demo", maxResults=101)
