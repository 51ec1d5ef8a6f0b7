"""Log groups that services write to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.domain.resources import Found, Ids, Kind, Scope, Wanted
from slipway.gateways import tags
from slipway.gateways.failures import translated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_logs.client import CloudWatchLogsClient


class LogGroups:
    """Groups by name. What Slipway made is kept, with its entries, when nobody asks."""

    kind = Kind.LOG_GROUP

    def __init__(self, client: CloudWatchLogsClient) -> None:
        self._client = client

    def found(self, scope: Scope, wanted: Sequence[Wanted], _: Ids) -> list[Found]:
        """Return the groups that have a wanted name."""
        found = []
        for one in wanted:
            with translated(f"DescribeLogGroups {one.name}"):
                groups = self._client.describe_log_groups(logGroupNamePrefix=one.name)
                for group in groups["logGroups"]:
                    if group["logGroupName"] != one.name:
                        continue
                    arn = group["arn"].removesuffix(":*")
                    answer = self._client.list_tags_for_resource(resourceArn=arn)
                    found.append(
                        Found(
                            self.kind,
                            one.name,
                            arn,
                            {"retention_days": group.get("retentionInDays")},
                            one.service,
                            owned=tags.is_owned(answer["tags"], scope),
                            tags=answer["tags"],
                        )
                    )
        return found

    def make(self, scope: Scope, wanted: Wanted, ids: Ids) -> Found:
        """Make a group, and say how long its entries are kept."""
        with translated(f"CreateLogGroup {wanted.name}"):
            self._client.create_log_group(
                logGroupName=wanted.name, tags=scope.tags(wanted)
            )
        made = Found(self.kind, wanted.name, wanted.name, {}, wanted.service)
        self.change(made, wanted, ids)
        return made

    def change(self, found: Found, wanted: Wanted, ids: Ids) -> None:
        """Say how long entries are kept."""
        del ids
        with translated(f"PutRetentionPolicy {found.name}"):
            self._client.put_retention_policy(
                logGroupName=found.name,
                retentionInDays=wanted.facts["retention_days"],
            )

    def tag(self, found: Found, labels: Mapping[str, str]) -> None:
        """Give it these tags, beside others that it has."""
        with translated(f"TagResource {found.name}"):
            self._client.tag_resource(resourceArn=found.id, tags=dict(labels))

    def remove(self, found: Found) -> None:
        """Remove a group and all entries in it."""
        with translated(f"DeleteLogGroup {found.name}"):
            self._client.delete_log_group(logGroupName=found.name)
