"""ECR: pushes, tags, digests and the events they send."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from localcloud.images import ImageMissing

from tests.unit.localcloud.compute import Cloud, client, compute_cloud, virtual

V1 = {"app": "cart", "version": "v1"}
V2 = {"app": "cart", "version": "v2"}


def _describe(**image_id: str) -> dict[str, Any]:
    answer = client("ecr").describe_images(repositoryName="shop", imageIds=[image_id])
    return answer["imageDetails"][0]


def _with_repository(cloud: Cloud) -> Cloud:
    client("ecr").create_repository(repositoryName="shop")
    return cloud


@virtual
async def test_a_push_sends_an_event_with_repository_tag_and_digest() -> None:
    async with compute_cloud() as cloud:
        digest = _with_repository(cloud).compute.images.push("shop", "v1", V1)
        [event] = cloud.events.events
        assert event["source"] == "aws.ecr"
        assert event["resources"] == []
        assert event["detail"] == {
            "result": "SUCCESS",
            "repository-name": "shop",
            "image-digest": digest,
            "action-type": "PUSH",
            "image-tag": "v1",
        }


@virtual
async def test_an_image_is_found_by_tag_and_by_digest() -> None:
    async with compute_cloud() as cloud:
        digest = _with_repository(cloud).compute.images.push("shop", "v1", V1)
        assert _describe(imageTag="v1") == _describe(imageDigest=digest)
        assert _describe(imageTag="v1")["imageDigest"] == digest
        assert cloud.compute.images.image("shop", digest) == V1


@virtual
async def test_a_tag_moves_and_its_image_keeps_when_it_was_pushed() -> None:
    async with compute_cloud() as cloud:
        images = _with_repository(cloud).compute.images
        first = images.push("shop", "v1", V1)
        pushed_at = _describe(imageDigest=first)["imagePushedAt"]
        await cloud.clock.sleep(60)
        images.push("shop", "latest", V2)
        images.push("shop", "latest", V1)
        moved = _describe(imageTag="latest")
        assert moved["imageDigest"] == first
        assert moved["imagePushedAt"] == pushed_at
        later = _describe(imageDigest=images.push("shop", "v2", V2))
        assert later["imagePushedAt"] - pushed_at == timedelta(seconds=60)


@virtual
async def test_the_same_image_under_the_same_tag_is_refused_and_sends_nothing() -> None:
    async with compute_cloud() as cloud:
        images = _with_repository(cloud).compute.images
        images.push("shop", "v1", V1)
        with pytest.raises(ClientError, match="ImageAlreadyExistsException"):
            client("ecr").put_image(
                repositoryName="shop",
                imageTag="v1",
                imageManifest='{"version": "v1", "app": "cart"}',
            )
        assert len(cloud.events.events) == 1


@pytest.mark.parametrize(
    ("repository", "image_id", "code"),
    [
        ("none", {"imageTag": "v1"}, "RepositoryNotFoundException"),
        ("shop", {"imageTag": "v9"}, "ImageNotFoundException"),
        ("shop", {"imageDigest": "sha256:" + "0" * 64}, "ImageNotFoundException"),
    ],
)
@virtual
async def test_what_is_not_there_has_its_own_error(
    repository: str, image_id: dict[str, str], code: str
) -> None:
    async with compute_cloud() as cloud:
        _with_repository(cloud).compute.images.push("shop", "v1", V1)
        with pytest.raises(ClientError) as caught:
            client("ecr").describe_images(
                repositoryName=repository, imageIds=[image_id]
            )
        assert caught.value.response["Error"]["Code"] == code


@virtual
async def test_a_deleted_image_cannot_be_pulled() -> None:
    async with compute_cloud() as cloud:
        images = _with_repository(cloud).compute.images
        digest = images.push("shop", "v1", V1)
        client("ecr").batch_delete_image(
            repositoryName="shop", imageIds=[{"imageDigest": digest}]
        )
        with pytest.raises(ImageMissing, match="not found"):
            images.image("shop", digest)
        assert cloud.events.events[-1]["detail"]["action-type"] == "DELETE"


def _pages(**params: Any) -> list[list[dict[str, Any]]]:
    pages = (
        client("ecr")
        .get_paginator("describe_images")
        .paginate(repositoryName="shop", **params)
    )
    return [page["imageDetails"] for page in pages]


@virtual
async def test_images_are_listed_by_pages_and_by_whether_they_have_a_tag() -> None:
    async with compute_cloud() as cloud:
        images = _with_repository(cloud).compute.images
        digests = [images.push("shop", "latest", {"n": n}) for n in range(103)]
        kept = images.push("shop", "kept", {"n": 0})
        assert [len(page) for page in _pages()] == [100, 3]
        assert [i["imageDigest"] for page in _pages() for i in page] == digests
        [tagged] = _pages(filter={"tagStatus": "TAGGED"})
        assert [(i["imageDigest"], i["imageTags"]) for i in tagged] == [
            (kept, ["kept"]),
            (digests[-1], ["latest"]),
        ]
        untagged = _pages(
            filter={"tagStatus": "UNTAGGED"}, PaginationConfig={"PageSize": 60}
        )
        assert [len(page) for page in untagged] == [60, 41]
        assert all("imageTags" not in image for page in untagged for image in page)
        assert len(_pages(filter={"tagStatus": "ANY"}, maxResults=1000)[0]) == 103


@pytest.mark.parametrize(
    "params",
    [
        {"maxResults": 5, "imageIds": [{"imageTag": "v1"}]},
        {"nextToken": "5", "imageIds": [{"imageTag": "v1"}]},
        {"nextToken": "five"},
        {"maxResults": 1001},
    ],
)
@virtual
async def test_pages_that_cannot_be_are_refused(params: dict[str, Any]) -> None:
    async with compute_cloud() as cloud:
        _with_repository(cloud).compute.images.push("shop", "v1", V1)
        with pytest.raises(ClientError, match="InvalidParameterException"):
            client("ecr").describe_images(repositoryName="shop", **params)


@virtual
async def test_tag_and_digest_have_to_name_the_same_image() -> None:
    async with compute_cloud() as cloud:
        digest = _with_repository(cloud).compute.images.push("shop", "v1", V1)
        assert _describe(imageTag="v1", imageDigest=digest)["imageDigest"] == digest
        with pytest.raises(ClientError, match="ImageNotFoundException"):
            _describe(imageTag="v2", imageDigest=digest)
