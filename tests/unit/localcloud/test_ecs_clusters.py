"""Clusters: what they are made of, their capacity providers, their end and tags."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from localcloud.api import NotModelled

from tests.unit.localcloud.compute import client, compute_cloud, virtual

SPOT_FIRST = [
    {"capacityProvider": "FARGATE", "base": 1, "weight": 1},
    {"capacityProvider": "FARGATE_SPOT", "weight": 3, "base": 0},
]
BOTH = ["FARGATE", "FARGATE_SPOT"]
TAGS = [{"key": "slipway:environment", "value": "shop"}]
ON = [{"name": "containerInsights", "value": "enabled"}]


def create(**more: Any) -> dict[str, Any]:
    settings = {
        "clusterName": "shop",
        "capacityProviders": BOTH,
        "defaultCapacityProviderStrategy": SPOT_FIRST,
        "settings": ON,
        "tags": TAGS,
    }
    answer: dict[str, Any] = client("ecs").create_cluster(**settings | more)["cluster"]
    return answer


def described(*include: str) -> dict[str, Any]:
    answer = client("ecs").describe_clusters(clusters=["shop"], include=[*include])
    [cluster] = answer["clusters"]
    found: dict[str, Any] = cluster
    return found


def code(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return caught.value.response["Error"]["Code"]


@virtual
async def test_a_cluster_is_shown_as_it_was_made() -> None:
    async with compute_cloud():
        made = create()
        assert made["clusterArn"].endswith(":cluster/shop")
        plain = described()
        assert (plain["status"], plain["tags"], plain["settings"]) == ("ACTIVE", [], [])
        assert plain["capacityProviders"] == BOTH
        assert plain["defaultCapacityProviderStrategy"] == SPOT_FIRST
        full = described("TAGS", "SETTINGS")
        assert (full["tags"], full["settings"]) == (TAGS, ON)


@virtual
async def test_making_it_again_answers_with_it_and_making_another_fails() -> None:
    async with compute_cloud():
        assert create()["clusterArn"] == create()["clusterArn"]
        with pytest.raises(ClientError, match="inconsistent"):
            create(tags=[])


@virtual
async def test_a_cluster_that_is_not_there_is_a_failure() -> None:
    async with compute_cloud():
        answer = client("ecs").describe_clusters(clusters=["shop"])
        assert answer["clusters"] == []
        assert [f["reason"] for f in answer["failures"]] == ["MISSING"]


@pytest.mark.parametrize("part", ["STATISTICS", "ATTACHMENTS", "CONFIGURATIONS"])
@virtual
async def test_parts_of_a_cluster_that_are_not_modelled_raise(part: str) -> None:
    async with compute_cloud():
        create()
        with pytest.raises(NotModelled, match=part):
            described(part)


@pytest.mark.parametrize(
    "strategy",
    [
        [{"capacityProvider": "FARGATE", "weight": 0}],
        [{"capacityProvider": "FARGATE", "weight": 1001}],
        [
            {"capacityProvider": "FARGATE", "base": 1, "weight": 1},
            {"capacityProvider": "FARGATE_SPOT", "base": 1, "weight": 1},
        ],
    ],
)
@virtual
async def test_a_strategy_out_of_bounds_is_refused(
    strategy: list[dict[str, Any]],
) -> None:
    async with compute_cloud():
        with pytest.raises(ClientError, match="is not valid"):
            create(defaultCapacityProviderStrategy=strategy)


@virtual
async def test_a_strategy_names_providers_of_its_cluster_only() -> None:
    async with compute_cloud():
        with pytest.raises(ClientError, match="not associated with the cluster"):
            create(capacityProviders=["FARGATE"])
        with pytest.raises(NotModelled, match="mine"):
            create(capacityProviders=["mine"])


@virtual
async def test_providers_and_their_default_strategy_are_replaced_as_a_whole() -> None:
    async with compute_cloud():
        create()
        client("ecs").put_cluster_capacity_providers(
            cluster="shop",
            capacityProviders=["FARGATE"],
            defaultCapacityProviderStrategy=[],
        )
        assert described()["capacityProviders"] == ["FARGATE"]
        assert described()["defaultCapacityProviderStrategy"] == []


@virtual
async def test_a_cluster_with_services_cannot_be_deleted() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        with pytest.raises(ClientError) as caught:
            client("ecs").delete_cluster(cluster="demo")
        assert code(caught) == "ClusterContainsServicesException"
        for slot in ("cart-a", "cart-b"):
            client("ecs").delete_service(cluster="demo", service=slot)
        await cloud.clock.sleep(2)
        gone = client("ecs").delete_cluster(cluster="demo")["cluster"]
        assert gone["status"] == "INACTIVE"


@virtual
async def test_a_deleted_cluster_is_seen_as_inactive_and_its_name_is_free() -> None:
    async with compute_cloud():
        create()
        client("ecs").delete_cluster(cluster="shop")
        assert described("TAGS")["status"] == "INACTIVE"
        assert described("TAGS")["tags"] == []
        with pytest.raises(ClientError) as caught:
            client("ecs").list_services(cluster="shop")
        assert code(caught) == "ClusterNotFoundException"
        create(tags=[])
        assert described()["status"] == "ACTIVE"


@virtual
async def test_tags_of_a_cluster_are_added_replaced_and_removed() -> None:
    async with compute_cloud():
        name, ecs = create()["clusterArn"], client("ecs")
        more = [{"key": "team", "value": "red"}]
        ecs.tag_resource(resourceArn=name, tags=more)
        assert ecs.list_tags_for_resource(resourceArn=name)["tags"] == TAGS + more
        ecs.tag_resource(resourceArn=name, tags=[{"key": "team", "value": "blue"}])
        ecs.untag_resource(resourceArn=name, tagKeys=["slipway:environment", "none"])
        assert described("TAGS")["tags"] == [{"key": "team", "value": "blue"}]


@pytest.mark.parametrize(
    "tags",
    [
        [{"key": "aws:mine", "value": ""}],
        [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}],
        [{"key": f"k{n}", "value": ""} for n in range(50)],
    ],
)
@virtual
async def test_tags_out_of_bounds_are_refused(tags: list[dict[str, str]]) -> None:
    async with compute_cloud():
        name = create()["clusterArn"]
        with pytest.raises(ClientError, match="tags are not valid"):
            client("ecs").tag_resource(resourceArn=name, tags=tags)
        assert described("TAGS")["tags"] == TAGS
