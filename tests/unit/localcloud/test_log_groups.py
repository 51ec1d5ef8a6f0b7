"""Log groups: made, kept for so many days, tagged, removed."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from localcloud.api import NotModelled

from tests.unit.localcloud.compute import client, compute_cloud, virtual

NAME = "/slipway/shop/cart"
ARN = f"arn:aws:logs:eu-west-1:111122223333:log-group:{NAME}"


def logs() -> Any:
    return client("logs")


def described() -> list[dict[str, Any]]:
    answer = logs().describe_log_groups(logGroupNamePrefix="/slipway/shop/")
    found: list[dict[str, Any]] = answer["logGroups"]
    return found


def code(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return caught.value.response["Error"]["Code"]


@virtual
async def test_a_group_is_made_kept_and_removed() -> None:
    async with compute_cloud() as cloud:
        logs().create_log_group(logGroupName=NAME, tags={"team": "red"})
        logs().put_retention_policy(logGroupName=NAME, retentionInDays=14)
        [group] = described()
        assert (group["logGroupName"], group["retentionInDays"]) == (NAME, 14)
        assert (group["logGroupArn"], group["arn"]) == (ARN, ARN + ":*")
        assert group["creationTime"] == int(cloud.clock.now().timestamp() * 1000)
        with pytest.raises(ClientError) as caught:
            logs().create_log_group(logGroupName=NAME)
        assert code(caught) == "ResourceAlreadyExistsException"
        logs().delete_log_group(logGroupName=NAME)
        assert described() == []
        with pytest.raises(ClientError) as caught:
            logs().delete_log_group(logGroupName=NAME)
        assert code(caught) == "ResourceNotFoundException"


@virtual
async def test_tags_of_a_group_change_and_go_with_it() -> None:
    async with compute_cloud():
        logs().create_log_group(logGroupName=NAME, tags={"team": "red"})
        logs().tag_resource(resourceArn=ARN, tags={"team": "blue", "x": "y"})
        logs().untag_resource(resourceArn=ARN, tagKeys=["x"])
        assert logs().list_tags_for_resource(resourceArn=ARN)["tags"] == {
            "team": "blue"
        }
        logs().delete_log_group(logGroupName=NAME)
        with pytest.raises(ClientError) as caught:
            logs().list_tags_for_resource(resourceArn=ARN)
        assert code(caught) == "ResourceNotFoundException"
        logs().create_log_group(logGroupName=NAME)
        assert logs().list_tags_for_resource(resourceArn=ARN)["tags"] == {}


@virtual
async def test_what_logs_refuses_is_refused() -> None:
    async with compute_cloud():
        logs().create_log_group(logGroupName=NAME)
        with pytest.raises(ClientError) as caught:
            logs().put_retention_policy(logGroupName=NAME, retentionInDays=15)
        assert code(caught) == "InvalidParameterException"
        with pytest.raises(ClientError) as caught:
            logs().put_retention_policy(logGroupName=NAME + "x", retentionInDays=14)
        assert code(caught) == "ResourceNotFoundException"
        with pytest.raises(ClientError) as caught:
            logs().tag_resource(resourceArn=ARN + ":*", tags={"a": "b"})
        assert code(caught) == "ResourceNotFoundException"
        assert "retentionInDays" not in described()[0]


@virtual
async def test_what_is_in_a_group_is_not_modelled() -> None:
    async with compute_cloud():
        logs().create_log_group(logGroupName=NAME)
        with pytest.raises(NotModelled, match="CreateLogStream"):
            logs().create_log_stream(logGroupName=NAME, logStreamName="one")
