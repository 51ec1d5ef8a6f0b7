"""The image registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.domain.release import Image
from slipway.errors import NotFound
from slipway.gateways.failures import translated

if TYPE_CHECKING:
    from mypy_boto3_ecr.client import ECRClient


class Registry:
    """What ECR holds, read by tag: events are hints, this is the truth."""

    def __init__(self, client: ECRClient) -> None:
        self._client = client

    def image(self, repository: str, tag: str) -> Image | None:
        """Return what `tag` names now, None where the tag or repository is gone."""
        try:
            with translated(f"DescribeImages {repository}:{tag}"):
                answer = self._client.describe_images(
                    repositoryName=repository, imageIds=[{"imageTag": tag}]
                )
        except NotFound:
            return None
        details = answer["imageDetails"][0]
        return Image(repository, tag, details["imageDigest"], details["imagePushedAt"])
