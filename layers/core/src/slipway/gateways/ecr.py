"""The image registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.domain.release import Image
from slipway.errors import NotFound
from slipway.gateways.failures import translated

if TYPE_CHECKING:
    from mypy_boto3_ecr.client import ECRClient
    from mypy_boto3_ecr.type_defs import ImageDetailTypeDef, ImageIdentifierTypeDef


class Registry:
    """What ECR holds, read by tag: events are hints, this is the truth."""

    def __init__(self, client: ECRClient) -> None:
        self._client = client

    def image(self, repository: str, tag: str) -> Image | None:
        """Return what `tag` names now, None where the tag or repository is gone."""
        details = self._details(f"{repository}:{tag}", repository, {"imageTag": tag})
        return _image(repository, tag, details) if details else None

    def digest(self, repository: str, tag: str, digest: str) -> Image | None:
        """Return an image by its digest, whatever `tag` names now; None if gone."""
        what = f"{repository}@{digest}"
        details = self._details(what, repository, {"imageDigest": digest})
        return _image(repository, tag, details) if details else None

    def tagged(self, repository: str) -> list[Image]:
        """Return all images of a repository by each of their tags, newest first."""
        images: list[Image] = []
        try:
            with translated(f"DescribeImages {repository}"):
                pages = self._client.get_paginator("describe_images").paginate(
                    repositoryName=repository, filter={"tagStatus": "TAGGED"}
                )
                for page in pages:
                    for details in page["imageDetails"]:
                        images += [
                            _image(repository, tag, details)
                            for tag in details.get("imageTags", ())
                        ]
        except NotFound:
            return []
        return sorted(images, key=lambda i: (i.pushed_at, i.tag), reverse=True)

    def _details(
        self, what: str, repository: str, image: ImageIdentifierTypeDef
    ) -> ImageDetailTypeDef | None:
        try:
            with translated(f"DescribeImages {what}"):
                answer = self._client.describe_images(
                    repositoryName=repository, imageIds=[image]
                )
        except NotFound:
            return None
        return answer["imageDetails"][0]


def _image(repository: str, tag: str, details: ImageDetailTypeDef) -> Image:
    return Image(repository, tag, details["imageDigest"], details["imagePushedAt"])
