"""ECS's API: definitions, errors, and what is refused because it is not modelled."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from localcloud.api import NotModelled
from localcloud.delays import Delays
from localcloud.fixture import create_system

from tests.unit.localcloud.compute import (
    SHOP,
    Cloud,
    client,
    compute_cloud,
    virtual,
)

V1 = {"app": "cart", "version": "v1"}


@virtual
async def test_a_family_names_its_newest_active_revision() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        cloud.register("cart", V1)
        newest = cloud.register("cart", V1 | {"version": "v2"}, "v2")
        found = client("ecs").describe_task_definition(taskDefinition="demo-cart")
        assert found["taskDefinition"]["taskDefinitionArn"] == newest
        assert found["taskDefinition"]["revision"] == 3
        client("ecs").deregister_task_definition(taskDefinition=newest)
        found = client("ecs").describe_task_definition(taskDefinition="demo-cart")
        assert found["taskDefinition"]["revision"] == 2


@virtual
async def test_tags_of_a_definition_are_given_when_asked_for() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        found = client("ecs").describe_task_definition(
            taskDefinition="demo-cart:1", include=["TAGS"]
        )
        assert {"key": "slipway:service", "value": "cart"} in found["tags"]
        found = client("ecs").describe_task_definition(taskDefinition="demo-cart:1")
        assert "tags" not in found


@virtual
async def test_tags_of_a_service_are_those_of_its_tasks() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        cloud.launch("cart", "a", V1, 1)
        await cloud.settled("cart-a", 1)
        [task] = cloud.tasks("cart-a")
        [described] = client("ecs").describe_tasks(
            cluster="demo", tasks=[task["taskArn"]], include=["TAGS"]
        )["tasks"]
        assert {"key": "slipway:environment", "value": "demo"} in described["tags"]


@virtual
async def test_what_is_missing_is_listed_among_the_failures() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        answer = client("ecs").describe_services(
            cluster="demo", services=["cart-a", "none-a"]
        )
        assert [s["serviceName"] for s in answer["services"]] == ["cart-a"]
        assert [f["reason"] for f in answer["failures"]] == ["MISSING"]
        answer = client("ecs").describe_tasks(cluster="demo", tasks=["0" * 32])
        assert [f["reason"] for f in answer["failures"]] == ["MISSING"]


@pytest.mark.parametrize(
    ("cluster", "service", "code"),
    [
        ("none", "cart-a", "ClusterNotFoundException"),
        ("demo", "none-a", "ServiceNotFoundException"),
    ],
)
@virtual
async def test_updates_of_what_is_not_there_fail(
    cluster: str, service: str, code: str
) -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        with pytest.raises(ClientError) as caught:
            client("ecs").update_service(
                cluster=cluster, service=service, desiredCount=1
            )
        assert caught.value.response["Error"]["Code"] == code


@virtual
async def test_a_service_is_refused_while_no_rule_names_its_target_group() -> None:
    async with compute_cloud() as cloud:
        system = create_system(cloud.compute.network, cloud.compute.monitor, [SHOP])
        known = cloud.describe("cart-a")
        binding = system.service("cart").bindings[0]
        client("elbv2").delete_rule(RuleArn=binding.parking_rule_arn)
        with pytest.raises(ClientError, match="does not have an associated"):
            client("ecs").create_service(
                cluster="demo",
                serviceName="cart-c",
                taskDefinition="demo-cart",
                launchType="FARGATE",
                loadBalancers=known["loadBalancers"],
                networkConfiguration=known["networkConfiguration"],
            )


@pytest.mark.parametrize(
    "change",
    [
        {"capacityProviderStrategy": [{"capacityProvider": "mine"}]},
        {"deploymentConfiguration": {"strategy": "CANARY"}},
        {
            "deploymentConfiguration": {
                "alarms": {"alarmNames": [], "enable": True, "rollback": True}
            }
        },
    ],
)
@virtual
async def test_a_parameter_that_is_not_modelled_raises(change: dict[str, Any]) -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        with pytest.raises(NotModelled):
            client("ecs").update_service(cluster="demo", service="cart-a", **change)


@virtual
async def test_the_breaker_says_whether_it_rolls_back() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        breaker = {"enable": True, "rollback": True}
        client("ecs").update_service(
            cluster="demo",
            service="cart-a",
            deploymentConfiguration={"deploymentCircuitBreaker": breaker},
        )
        (known,) = client("ecs").describe_services(cluster="demo", services=["cart-a"])[
            "services"
        ]
        settings = known["deploymentConfiguration"]
        assert settings["deploymentCircuitBreaker"] == breaker


@virtual
async def test_tasks_are_listed_by_desired_status() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        cloud.launch("cart", "a", V1, 2)
        await cloud.settled("cart-a", 2)
        victim = cloud.tasks("cart-a")[0]["taskArn"]
        client("ecs").stop_task(cluster="demo", task=victim)
        assert victim not in {t["taskArn"] for t in cloud.tasks("cart-a")}
        assert [t["taskArn"] for t in cloud.tasks("cart-a", "STOPPED")] == [victim]
        assert cloud.tasks("cart-b") == []


# -------------------------------------------------------------------- reads that lag


def counts(cloud: Cloud) -> tuple[int, int]:
    described = cloud.describe("cart-a")
    return described["desiredCount"], described["runningCount"]


@virtual
async def test_reads_are_up_to_date_unless_they_lag() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        cloud.launch("cart", "a", V1, 2)
        assert counts(cloud) == (2, 0)


@virtual
async def test_services_and_tasks_are_read_as_they_were() -> None:
    async with compute_cloud(Delays(ecs_read_lag_seconds=60)) as cloud:
        cloud.system()
        answer = client("ecs").describe_services(cluster="demo", services=["cart-a"])
        assert [f["reason"] for f in answer["failures"]] == ["MISSING"]
        await cloud.clock.sleep(60)
        assert counts(cloud) == (0, 0)
        cloud.launch("cart", "a", V1, 2)
        await cloud.clock.sleep(59)
        assert counts(cloud) == (0, 0)
        assert cloud.tasks("cart-a") == []
        first = cloud.compute.ecs.tasks()[0]
        answer = client("ecs").describe_tasks(cluster="demo", tasks=[first.arn])
        assert [f["reason"] for f in answer["failures"]] == ["MISSING"]
        await cloud.clock.sleep(1)
        assert counts(cloud) == (2, 0)
        await cloud.clock.sleep(60)
        assert counts(cloud) == (2, 2)
        assert len(cloud.tasks("cart-a")) == 2
        cloud.scale("cart-a", 1)
        await cloud.clock.sleep(30)
        assert {t.wanted for t in cloud.compute.ecs.tasks()} == {True, False}
        assert len(cloud.tasks("cart-a")) == 2
        assert counts(cloud) == (2, 2)
        await cloud.clock.sleep(60)
        assert len(cloud.tasks("cart-a")) == 1
        assert len(cloud.tasks("cart-a", "STOPPED")) == 1


@virtual
async def test_an_update_answers_with_what_it_has_changed_even_then() -> None:
    async with compute_cloud(Delays(ecs_read_lag_seconds=60)) as cloud:
        cloud.system()
        await cloud.clock.sleep(100)
        answer = client("ecs").update_service(
            cluster="demo", service="cart-a", desiredCount=3
        )
        assert answer["service"]["desiredCount"] == 3
        assert counts(cloud) == (0, 0)


@virtual
async def test_the_lag_can_be_changed_on_the_way() -> None:
    async with compute_cloud() as cloud:
        ecs = cloud.compute.ecs
        cloud.system()
        cloud.launch("cart", "a", V1, 1)
        await cloud.settled("cart-a", 1)
        ecs.read_lag_seconds = 10
        cloud.scale("cart-a", 2)
        assert counts(cloud) == (1, 1)
        await cloud.clock.sleep(10)
        assert counts(cloud) == (2, 1)
        ecs.read_lag_seconds = 300
        cloud.scale("cart-a", 3)
        await cloud.clock.sleep(299)
        assert counts(cloud) == (2, 1)
        ecs.read_lag_seconds = 0
        assert counts(cloud) == (3, 3)
        assert ecs.read_lag_seconds == 0
