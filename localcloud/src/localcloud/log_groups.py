"""CloudWatch Logs: groups, their retention and tags, and nothing inside them.

Groups are moto's records; pages are of the CloudWatch Logs API reference. What moto
lets through and AWS refuses is refused here. What functions log is not here: see
`Functions.logs`.
"""

from typing import Any

from moto.logs.models import logs_backends

from localcloud.api import ACCOUNT, REGION, AwsError, NotModelled, Router
from localcloud.clock import Clock
from localcloud.identity import arn

_MODELLED = frozenset(
    {
        "CreateLogGroup",
        "DescribeLogGroups",
        "DeleteLogGroup",
        "PutRetentionPolicy",
        "DeleteRetentionPolicy",
        "ListTagsForResource",
        "TagResource",
        "UntagResource",
    }
)
_RETENTION_DAYS = frozenset(
    {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827}
    | {2192, 2557, 2922, 3288, 3653}
)
"""Possible values (PutRetentionPolicy)."""


class LogGroups:
    """Stands before moto's log groups."""

    def __init__(self, clock: Clock, router: Router) -> None:
        self._clock = clock
        router.before(self._check)
        router.after("logs", "CreateLogGroup", self._date)
        router.after("logs", "DeleteLogGroup", _forget_tags)

    def _check(
        self, service: str, operation: str, params: dict[str, Any], _: str | None
    ) -> None:
        if service != "logs":
            return
        if operation not in _MODELLED:
            raise NotModelled(f"logs:{operation}")
        days = params.get("retentionInDays")
        if days is not None and days not in _RETENTION_DAYS:
            raise AwsError(
                "InvalidParameterException", f"Invalid retention value: {days} days."
            )
        if "resourceArn" in params:
            _check_group(params["resourceArn"])

    def _date(self, params: dict[str, Any]) -> None:
        """Let a new group begin on this cloud's clock."""
        group = _groups()[params["logGroupName"]]
        group.creation_time = self._clock.now().replace(tzinfo=None)


def _check_group(name: str) -> None:
    """Refuse the ARN of a group that is not there; it does not end in `:*`.

    ListTagsForResource, TagResource.
    """
    prefix = arn("logs", "log-group:")
    if not name.startswith(prefix) or name.removeprefix(prefix) not in _groups():
        raise AwsError(
            "ResourceNotFoundException", "The specified resource does not exist."
        )


def _forget_tags(params: dict[str, Any]) -> None:
    """Let no group of the same name inherit what a deleted one was tagged with."""
    name = arn("logs", f"log-group:{params['logGroupName']}")
    logs_backends[ACCOUNT][REGION].tagger.delete_all_tags_for_resource(name)


def _groups() -> Any:
    return logs_backends[ACCOUNT][REGION].groups
