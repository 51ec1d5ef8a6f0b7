"""What a bucket tells EventBridge of its objects."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError
from localcloud.api import AwsError, Fault, NotModelled
from localcloud.cloud import LocalCloud
from localcloud.events import Delivery

from localcloud import blocking
from tests.integration.localcloud.small_cloud import play

NAME = "slipway-manifests"
TOLD = {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
VERSIONED = {"VersioningConfiguration": {"Status": "Enabled"}}
QUEUE_POLICY = {
    "Type": "AWS::SQS::QueuePolicy",
    "Properties": {
        "Queues": [{"Ref": "Changes"}],
        "PolicyDocument": {
            "Statement": {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": "*",
            }
        },
    },
}
RULE = {
    "Type": "AWS::Events::Rule",
    "Properties": {
        "EventPattern": {
            "source": ["aws.s3"],
            "detail-type": ["Object Created", "Object Deleted"],
            "detail": {
                "bucket": {"name": [{"Ref": "Manifests"}]},
                "object": {"key": [{"prefix": "services/"}]},
            },
        },
        "Targets": [{"Id": "queue", "Arn": {"Fn::GetAtt": ["Changes", "Arn"]}}],
    },
}


def s3() -> Any:
    return boto3.client("s3", region_name="eu-west-1")


@pytest.fixture
def bucket(tmp_path: Path) -> Callable[..., None]:
    """Run a scene with a cloud that has the bucket NAME, a rule and a queue."""

    def run(scene: Callable[[LocalCloud, Any], Any], **properties: Any) -> None:
        given = properties or VERSIONED | {"NotificationConfiguration": TOLD}
        resources = {
            "Manifests": {"Type": "AWS::S3::Bucket", "Properties": given},
            "Changes": {"Type": "AWS::SQS::Queue"},
            "Policy": QUEUE_POLICY,
            "Rule": RULE,
        }
        template = tmp_path / "template.yaml"
        template.write_text(yaml.safe_dump({"Resources": resources}))

        async def whole(cloud: LocalCloud) -> None:
            await scene(cloud, s3())

        play(whole, template=template, parameters={})

    return run


type InBucket = Callable[..., None]


def told(cloud: LocalCloud) -> list[dict[str, Any]]:
    return [event for event in cloud.events.log if event["source"] == "aws.s3"]


def details(cloud: LocalCloud) -> list[tuple[str, str, str]]:
    """Return each event's type, key and what else tells it from others."""
    return [
        (
            event["detail-type"],
            event["detail"]["object"]["key"],
            event["detail"].get("deletion-type", event["detail"]["reason"]),
        )
        for event in told(cloud)
    ]


def test_a_created_object_is_told_in_the_shape_that_aws_documents(
    bucket: InBucket,
) -> None:
    async def scene(cloud: LocalCloud, client: Any) -> None:
        await cloud.clock.sleep(1.5)
        made = client.put_object(Bucket=NAME, Key="services/a b.yaml", Body=b"hello")
        (event,) = told(cloud)
        detail = event["detail"]
        assert int(detail["object"].pop("sequencer"), 16) > 0
        assert len(detail.pop("request-id")) == 16
        assert len(event.pop("id")) == 36
        assert event == {
            "version": "0",
            "detail-type": "Object Created",
            "source": "aws.s3",
            "account": "111122223333",
            "time": "2026-01-05T09:00:01Z",
            "region": "eu-west-1",
            "resources": ["arn:aws:s3:::slipway-manifests"],
            "detail": {
                "version": "0",
                "event-version": "1.2",
                "bucket": {
                    "name": "slipway-manifests",
                    "aws-generated-tags": {
                        "aws:cloudformation:stack-id": (
                            "arn:aws:cloudformation:eu-west-1:111122223333:stack/"
                            "slipway/local"
                        ),
                        "aws:cloudformation:logical-id": "Manifests",
                        "aws:cloudformation:stack-name": "slipway",
                    },
                },
                "object": {
                    "key": "services/a b.yaml",
                    "size": 5,
                    "etag": "5d41402abc4b2a76b9719d911017c592",
                    "version-id": made["VersionId"],
                },
                "requester": "111122223333",
                "source-ip-address": "192.0.2.1",
                "reason": "PutObject",
            },
        }

    bucket(scene)


def test_a_delete_marker_is_told_with_its_version(bucket: InBucket) -> None:
    async def scene(cloud: LocalCloud, client: Any) -> None:
        client.put_object(Bucket=NAME, Key="a", Body=b"hello")
        gone = client.delete_object(Bucket=NAME, Key="a")
        event = told(cloud)[-1]
        assert event["detail-type"] == "Object Deleted"
        assert event["detail"]["reason"] == "DeleteObject"
        assert event["detail"]["deletion-type"] == "Delete Marker Created"
        assert event["detail"]["object"] == {
            "key": "a",
            "etag": "d41d8cd98f00b204e9800998ecf8427e",
            "version-id": gone["VersionId"],
            "sequencer": event["detail"]["object"]["sequencer"],
        }

    bucket(scene)


def test_a_version_that_is_gone_for_good_is_told_so_once(bucket: InBucket) -> None:
    async def scene(cloud: LocalCloud, client: Any) -> None:
        first = client.put_object(Bucket=NAME, Key="a", Body=b"1")["VersionId"]
        for _ in range(2):
            client.delete_object(Bucket=NAME, Key="a", VersionId=first)
        event = told(cloud)[-1]
        assert details(cloud)[1:] == [("Object Deleted", "a", "Permanently Deleted")]
        assert set(event["detail"]["object"]) == {"key", "version-id", "sequencer"}
        assert event["detail"]["object"]["version-id"] == first

    bucket(scene)


def test_without_versions_objects_are_gone_for_good(bucket: InBucket) -> None:
    async def scene(cloud: LocalCloud, client: Any) -> None:
        client.put_object(Bucket=NAME, Key="a", Body=b"1")
        for _ in range(2):
            client.delete_object(Bucket=NAME, Key="a")
        assert details(cloud) == [
            ("Object Created", "a", "PutObject"),
            ("Object Deleted", "a", "Permanently Deleted"),
        ]
        for event in told(cloud):
            assert "version-id" not in event["detail"]["object"]

    bucket(scene, NotificationConfiguration=TOLD)


def test_each_object_of_a_call_and_each_way_to_make_one_is_told(
    bucket: InBucket,
) -> None:
    async def scene(cloud: LocalCloud, client: Any) -> None:
        first = client.put_object(Bucket=NAME, Key="a", Body=b"1")["VersionId"]
        client.copy_object(Bucket=NAME, Key="b", CopySource=f"{NAME}/a")
        upload = {"Bucket": NAME, "Key": "c"}
        upload["UploadId"] = client.create_multipart_upload(**upload)["UploadId"]
        part = client.upload_part(**upload, PartNumber=1, Body=b"3")
        client.complete_multipart_upload(
            **upload,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
        )
        names = [{"Key": "a", "VersionId": first}, {"Key": "b"}, {"Key": "c"}]
        client.delete_objects(Bucket=NAME, Delete={"Objects": names, "Quiet": True})
        assert details(cloud) == [
            ("Object Created", "a", "PutObject"),
            ("Object Created", "b", "CopyObject"),
            ("Object Created", "c", "CompleteMultipartUpload"),
            ("Object Deleted", "a", "Permanently Deleted"),
            ("Object Deleted", "b", "Delete Marker Created"),
            ("Object Deleted", "c", "Delete Marker Created"),
        ]

    bucket(scene)


def test_sequencers_grow_with_what_happens_also_in_one_moment(
    bucket: InBucket,
) -> None:
    async def scene(cloud: LocalCloud, client: Any) -> None:
        for _ in range(3):
            client.put_object(Bucket=NAME, Key="a", Body=b"1")
        await cloud.clock.sleep(60)
        client.delete_object(Bucket=NAME, Key="a")
        order = [event["detail"]["object"]["sequencer"] for event in told(cloud)]
        assert order == sorted(set(order))
        assert len(order) == 4

    bucket(scene)


def test_events_reach_queues_by_rules_late_and_more_than_once(
    bucket: InBucket,
) -> None:
    async def scene(cloud: LocalCloud, client: Any) -> None:
        def disturb(delivery: Delivery) -> list[Delivery]:
            return [delivery, delivery]

        cloud.events.disturb = disturb
        client.put_object(Bucket=NAME, Key="services/a.yaml", Body=b"1")
        client.put_object(Bucket=NAME, Key="elsewhere/b.yaml", Body=b"1")
        queue = cloud.stack.queues["Changes"]
        assert list(queue.messages) == []
        await cloud.clock.sleep(5)
        keys = [json.loads(m.body)["detail"]["object"]["key"] for m in queue.messages]
        assert keys == ["services/a.yaml", "services/a.yaml"]

    bucket(scene)


@pytest.mark.parametrize(
    "properties",
    [
        VERSIONED,
        {
            "NotificationConfiguration": {
                "EventBridgeConfiguration": {"EventBridgeEnabled": False}
            }
        },
    ],
)
def test_a_bucket_tells_nothing_unless_it_is_asked_to(
    bucket: InBucket, properties: dict[str, Any]
) -> None:
    async def scene(cloud: LocalCloud, client: Any) -> None:
        assert "EventBridgeConfiguration" not in (
            client.get_bucket_notification_configuration(Bucket=NAME)
        )
        client.put_object(Bucket=NAME, Key="a", Body=b"1")
        client.delete_object(Bucket=NAME, Key="a")
        assert told(cloud) == []

    bucket(scene, **properties)


def test_a_call_can_ask_a_bucket_to_tell_and_to_stop(bucket: InBucket) -> None:
    async def scene(cloud: LocalCloud, client: Any) -> None:
        def ask(**configuration: Any) -> None:
            client.put_bucket_notification_configuration(
                Bucket=NAME, NotificationConfiguration=configuration
            )

        ask(EventBridgeConfiguration={})
        answer = client.get_bucket_notification_configuration(Bucket=NAME)
        assert answer["EventBridgeConfiguration"] == {}
        client.put_object(Bucket=NAME, Key="a", Body=b"1")
        ask()
        client.put_object(Bucket=NAME, Key="b", Body=b"1")
        assert details(cloud) == [("Object Created", "a", "PutObject")]
        with pytest.raises(ClientError, match="NoSuchBucket"):
            client.get_bucket_notification_configuration(Bucket="none")

    bucket(scene, **VERSIONED)


def test_only_what_takes_effect_is_told(bucket: InBucket) -> None:
    async def scene(cloud: LocalCloud, client: Any) -> None:
        def put() -> Any:
            return client.put_object(Bucket=NAME, Key="a", Body=b"1")

        put()
        with pytest.raises(ClientError, match="PreconditionFailed"):
            client.put_object(Bucket=NAME, Key="a", Body=b"1", IfNoneMatch="*")
        assert len(told(cloud)) == 1
        busy = AwsError("InternalError", "we failed", 400)
        faults = [Fault(failure=busy, takes_effect=False), Fault(failure=busy)]
        cloud.router.disturb = lambda _: faults.pop(0)
        for expected in (1, 2):
            with pytest.raises(ClientError, match="InternalError"):
                await blocking.spawn(put, owner=Anybody())
            await cloud.clock.sleep(1)
            assert len(told(cloud)) == expected

    bucket(scene)


class Anybody:
    """A function that may do everything."""

    name = "f"
    request = None

    def allows(self, _action: str) -> bool:
        """Say yes."""
        return True


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda client: client.put_object_tagging(
                Bucket=NAME, Key="a", Tagging={"TagSet": []}
            ),
            "the event of PutObjectTagging",
        ),
        (
            lambda client: client.delete_objects(
                Bucket=NAME, Delete={"Objects": [{"Key": "a"}, {"Key": "a"}]}
            ),
            "deleting an object twice at once",
        ),
        (
            lambda client: client.put_bucket_notification_configuration(
                Bucket=NAME,
                NotificationConfiguration={
                    "QueueConfigurations": [
                        {"QueueArn": "q", "Events": ["s3:ObjectCreated:*"]}
                    ]
                },
            ),
            "parameter QueueConfigurations",
        ),
    ],
)
def test_events_that_are_not_modelled_are_refused(
    bucket: InBucket, call: Callable[[Any], Any], text: str
) -> None:
    async def scene(cloud: LocalCloud, client: Any) -> None:
        client.put_object(Bucket=NAME, Key="a", Body=b"1")
        with pytest.raises(NotModelled, match=text):
            call(client)
        cloud.router.not_modelled.clear()

    bucket(scene)
