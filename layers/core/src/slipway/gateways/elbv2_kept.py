"""What the kinds of Elastic Load Balancing share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.errors import Unavailable
from slipway.gateways import tags
from slipway.gateways.failures import translated

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_elbv2.client import ElasticLoadBalancingv2Client

    from slipway.domain.resources import Found

TAGS_EACH = 20
"""Resources of one DescribeTags (ELB API reference)."""


class Kept:
    """What all kinds share."""

    def __init__(self, client: ElasticLoadBalancingv2Client) -> None:
        self._client = client

    def _await_healthy(self, what: str, group: str, needed: int) -> None:
        """Raise Unavailable until a group has so many healthy targets."""
        with translated(f"DescribeTargetHealth {group}"):
            answer = self._client.describe_target_health(TargetGroupArn=group)
        states = [
            target["TargetHealth"]["State"]
            for target in answer["TargetHealthDescriptions"]
        ]
        healthy = states.count("healthy")
        if healthy < needed:
            said = f"{healthy} of {needed} tasks are healthy"
            raise Unavailable(f"{what} stays closed: {said}")


class Labelled(Kept):
    """What kinds share that carry tags."""

    def _tags(self, arns: Iterable[str]) -> dict[str, dict[str, str]]:
        found = {}
        for part in tags.in_parts(arns, TAGS_EACH):
            with translated(f"DescribeTags of {len(part)} resources"):
                answer = self._client.describe_tags(ResourceArns=part)
            for one in answer["TagDescriptions"]:
                found[one["ResourceArn"]] = tags.read(one["Tags"])
        return found

    def _let_go(self, arn: str) -> None:
        """Take the marks away by which a resource is Slipway's."""
        with translated(f"RemoveTags {arn}"):
            self._client.remove_tags(ResourceArns=[arn], TagKeys=list(tags.OWNERSHIP))

    def tag(self, found: Found, labels: Mapping[str, str]) -> None:
        """Give it these tags, beside others that it has."""
        with translated(f"AddTags {found.name}"):
            self._client.add_tags(ResourceArns=[found.id], Tags=tags.upper(labels))
