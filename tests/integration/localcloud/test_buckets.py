"""Buckets: as templates describe them, through boto3, and under functions' roles."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError
from localcloud.api import NotModelled, actions
from localcloud.cloud import LocalCloud
from localcloud.template import InvalidTemplate

from localcloud import blocking
from tests.integration.localcloud.small_cloud import play

BUCKET = {
    "Type": "AWS::S3::Bucket",
    "Properties": {
        "BucketName": {"Fn::Sub": "manifests-${AWS::AccountId}"},
        "VersioningConfiguration": {"Status": "Enabled"},
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
            ]
        },
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "LifecycleConfiguration": {
            "Rules": [
                {
                    "Id": "old",
                    "Status": "Enabled",
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 90},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                }
            ]
        },
        "Tags": [{"Key": "slipway:environment", "Value": "test"}],
    },
}
PLAIN = {"Type": "AWS::S3::Bucket"}
POLICY = {
    "Type": "AWS::S3::BucketPolicy",
    "Properties": {
        "Bucket": {"Ref": "Manifests"},
        "PolicyDocument": {
            "Statement": {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [{"Fn::GetAtt": ["Manifests", "Arn"]}],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        },
    },
}
NAME = "manifests-111122223333"


def deployed(folder: Path, **resources: Any) -> Path:
    template = folder / "template.yaml"
    outputs = {
        "Name": {"Value": {"Ref": "Manifests"}},
        "Arn": {"Value": {"Fn::GetAtt": ["Manifests", "Arn"]}},
    }
    given = resources or {"Manifests": BUCKET, "Policy": POLICY}
    template.write_text(yaml.safe_dump({"Resources": given, "Outputs": outputs}))
    return template


def s3() -> Any:
    return boto3.client("s3", region_name="eu-west-1")


def code(call: Callable[[], Any]) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call()
    response = caught.value.response
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    return response["Error"]["Code"], status


@pytest.fixture
def bucket(tmp_path: Path) -> Callable[[Callable[[LocalCloud, Any], Any]], None]:
    """Run a scene with a cloud that has the bucket NAME, and a client."""

    def run(scene: Callable[[LocalCloud, Any], Any]) -> None:
        async def whole(cloud: LocalCloud) -> None:
            await scene(cloud, s3())

        play(whole, template=deployed(tmp_path), parameters={})

    return run


type InBucket = Callable[[Callable[[LocalCloud, Any], Any]], None]


def test_a_bucket_is_made_as_the_template_says(bucket: InBucket) -> None:
    async def scene(cloud: LocalCloud, client: Any) -> None:
        assert cloud.stack.outputs == {"Name": NAME, "Arn": f"arn:aws:s3:::{NAME}"}
        assert cloud.stack.buckets == {"Manifests": NAME}
        given = BUCKET["Properties"]
        assert isinstance(given, dict)
        assert client.get_bucket_location(Bucket=NAME)["LocationConstraint"] == (
            "eu-west-1"
        )
        assert client.get_bucket_versioning(Bucket=NAME)["Status"] == "Enabled"
        block = client.get_public_access_block(Bucket=NAME)
        assert (
            block["PublicAccessBlockConfiguration"]
            == (given["PublicAccessBlockConfiguration"])
        )
        (rule,) = client.get_bucket_lifecycle_configuration(Bucket=NAME)["Rules"]
        assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90}
        assert client.get_bucket_tagging(Bucket=NAME)["TagSet"] == given["Tags"]
        encryption = client.get_bucket_encryption(Bucket=NAME)
        (rule,) = encryption["ServerSideEncryptionConfiguration"]["Rules"]
        assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"

    bucket(scene)


def test_a_bucket_without_a_name_has_one_of_its_stack(tmp_path: Path) -> None:
    async def scene(cloud: LocalCloud) -> None:
        assert cloud.stack.outputs["Name"] == "slipway-manifests"
        s3().put_object(Bucket="slipway-manifests", Key="a", Body=b"a")
        assert "VersionId" not in s3().get_object(Bucket="slipway-manifests", Key="a")

    play(scene, template=deployed(tmp_path, Manifests=PLAIN), parameters={})


def with_properties(**more: Any) -> dict[str, Any]:
    return {"Manifests": {"Type": "AWS::S3::Bucket", "Properties": more}}


def with_statement(**more: Any) -> dict[str, Any]:
    statement = {"Effect": "Deny", "Action": "s3:*", "Principal": "*"} | more
    policy = {"Bucket": {"Ref": "Manifests"}}
    policy["PolicyDocument"] = {"Statement": [statement]}  # type: ignore[dict-item]
    made = {"Type": "AWS::S3::BucketPolicy", "Properties": policy}
    return {"Manifests": PLAIN, "Policy": made}


@pytest.mark.parametrize(
    ("resources", "error", "text"),
    [
        (with_properties(WebsiteConfiguration={}), NotModelled, "WebsiteConfiguration"),
        (
            with_properties(VersioningConfiguration={"Status": "Suspended"}),
            NotModelled,
            "versioning that is Suspended",
        ),
        (
            with_properties(
                BucketEncryption={
                    "ServerSideEncryptionConfiguration": [
                        {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
                    ]
                }
            ),
            NotModelled,
            "encryption {'SSEAlgorithm': 'aws:kms'}",
        ),
        (
            with_properties(
                LifecycleConfiguration={
                    "Rules": [{"Status": "Enabled", "Transitions": []}]
                }
            ),
            NotModelled,
            "parameter Transitions",
        ),
        (
            with_properties(BucketName="Manifests"),
            InvalidTemplate,
            "a bucket cannot be called Manifests",
        ),
        (with_statement(), NotModelled, "a bucket policy's statement"),
        (
            with_statement(
                Effect="Allow", Condition={"Bool": {"aws:SecureTransport": "false"}}
            ),
            NotModelled,
            "a bucket policy's statement",
        ),
        (
            with_statement(Condition={"Bool": {"aws:SecureTransport": "true"}}),
            NotModelled,
            "a bucket policy's statement",
        ),
        (
            {
                "Manifests": PLAIN,
                "Policy": {
                    "Type": "AWS::S3::BucketPolicy",
                    "Properties": {"Bucket": "other", "PolicyDocument": {}},
                },
            },
            InvalidTemplate,
            "no bucket is called other",
        ),
    ],
)
def test_what_a_bucket_cannot_be_is_refused(
    tmp_path: Path, resources: Any, error: type[Exception], text: str
) -> None:
    async def scene(_cloud: LocalCloud) -> None:
        raise AssertionError("it was deployed")

    with pytest.raises(error) as caught:
        play(scene, template=deployed(tmp_path, **resources), parameters={})
    assert text in str(caught.value)


def test_an_update_keeps_what_a_bucket_holds_and_changes_none(tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    changed.mkdir()

    async def scene(cloud: LocalCloud) -> None:
        s3().put_object(Bucket="slipway-manifests", Key="a", Body=b"a")
        cloud.update(deployed(tmp_path, Manifests=PLAIN))
        body = s3().get_object(Bucket="slipway-manifests", Key="a")["Body"]
        assert body.read() == b"a"
        with pytest.raises(NotModelled, match="an update of bucket Manifests"):
            cloud.update(deployed(changed, **with_properties(Tags=[])))

    play(scene, template=deployed(tmp_path, Manifests=PLAIN), parameters={})


def test_bodies_go_in_and_out_whatever_they_are(
    bucket: InBucket, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"from a file")
    long = bytes(range(256)) * 10_000

    async def scene(_cloud: LocalCloud, client: Any) -> None:
        with file.open("rb") as opened:
            bodies = {
                "services/büro & co.yaml": b"plain",
                "empty": b"",
                "stream": io.BytesIO(b"from a stream"),
                "file": opened,
                "long": long,
            }
            for key, body in bodies.items():
                client.put_object(Bucket=NAME, Key=key, Body=body, ContentType="text/x")
        read = {
            key: client.get_object(Bucket=NAME, Key=key)["Body"].read()
            for key in bodies
        }
        assert read == {
            "services/büro & co.yaml": b"plain",
            "empty": b"",
            "stream": b"from a stream",
            "file": b"from a file",
            "long": long,
        }
        head = client.head_object(Bucket=NAME, Key="long")
        assert (head["ContentLength"], head["ContentType"]) == (len(long), "text/x")
        listed = client.list_objects_v2(Bucket=NAME, Prefix="services/")["Contents"]
        assert [(o["Key"], o["Size"]) for o in listed] == [
            ("services/büro & co.yaml", 5)
        ]

    bucket(scene)


def test_lists_come_in_pages(bucket: InBucket) -> None:
    async def scene(_cloud: LocalCloud, client: Any) -> None:
        keys = [f"services/{number:02}.yaml" for number in range(12)]
        for key in reversed(keys):
            client.put_object(Bucket=NAME, Key=key, Body=b"x")
        client.put_object(Bucket=NAME, Key="environment.yaml", Body=b"x")
        for operation, member in (
            ("list_objects_v2", "Contents"),
            ("list_object_versions", "Versions"),
        ):
            pages = list(
                client.get_paginator(operation).paginate(
                    Bucket=NAME, Prefix="services/", PaginationConfig={"PageSize": 5}
                )
            )
            assert [len(page[member]) for page in pages] == [5, 5, 2]
            assert [o["Key"] for page in pages for o in page[member]] == keys

    bucket(scene)


def test_versions_are_kept_also_those_that_a_delete_hides(bucket: InBucket) -> None:
    async def scene(_cloud: LocalCloud, client: Any) -> None:
        first = client.put_object(Bucket=NAME, Key="a", Body=b"1")["VersionId"]
        second = client.put_object(Bucket=NAME, Key="a", Body=b"2")["VersionId"]
        gone = client.delete_object(Bucket=NAME, Key="a")
        assert gone["DeleteMarker"]

        def read(version: str) -> bytes:
            found = client.get_object(Bucket=NAME, Key="a", VersionId=version)
            assert found["VersionId"] == version
            return bytes(found["Body"].read())

        assert (read(first), read(second)) == (b"1", b"2")
        assert code(lambda: client.get_object(Bucket=NAME, Key="a")) == (
            "NoSuchKey",
            404,
        )
        assert code(lambda: client.head_object(Bucket=NAME, Key="a")) == ("404", 404)
        assert "Contents" not in client.list_objects_v2(Bucket=NAME)
        listed = client.list_object_versions(Bucket=NAME)
        assert [(v["VersionId"], v["IsLatest"]) for v in listed["Versions"]] == [
            (second, False),
            (first, False),
        ]
        (marker,) = listed["DeleteMarkers"]
        assert (marker["VersionId"], marker["IsLatest"]) == (gone["VersionId"], True)
        client.delete_object(Bucket=NAME, Key="a", VersionId=gone["VersionId"])
        assert client.get_object(Bucket=NAME, Key="a")["VersionId"] == second

    bucket(scene)


def test_objects_have_the_modelled_time(bucket: InBucket) -> None:
    async def scene(cloud: LocalCloud, client: Any) -> None:
        def times() -> list[datetime]:
            listed = client.list_object_versions(Bucket=NAME)
            every = listed.get("Versions", []) + listed.get("DeleteMarkers", [])
            return sorted(v["LastModified"] for v in every)

        await cloud.clock.sleep(60)
        client.put_object(Bucket=NAME, Key="a", Body=b"1")
        await cloud.clock.sleep(60)
        client.copy_object(Bucket=NAME, Key="b", CopySource=f"{NAME}/a")
        await cloud.clock.sleep(60)
        client.delete_objects(Bucket=NAME, Delete={"Objects": [{"Key": "a"}]})
        assert times() == [
            cloud.clock.epoch + timedelta(seconds=seconds) for seconds in (60, 120, 180)
        ]
        found = client.head_object(Bucket=NAME, Key="b")["LastModified"]
        assert found == cloud.clock.epoch + timedelta(seconds=120)

    bucket(scene)


def test_one_seed_gives_the_same_versions() -> None:
    async def scene(_cloud: LocalCloud) -> str:
        client = s3()
        client.create_bucket(
            Bucket="some",
            CreateBucketConfiguration={"LocationConstraint": "eu-west-1"},
        )
        client.put_bucket_versioning(
            Bucket="some", VersioningConfiguration={"Status": "Enabled"}
        )
        return str(client.put_object(Bucket="some", Key="a", Body=b"")["VersionId"])

    assert play(scene) == play(scene)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda client: client.delete_object(Bucket=NAME, Key="never"),
            "deleting never, which never was in the bucket",
        ),
        (
            lambda client: client.put_bucket_versioning(
                Bucket=NAME, VersioningConfiguration={"Status": "Suspended"}
            ),
            "versioning that is Suspended",
        ),
        (
            lambda client: client.get_bucket_policy(Bucket=NAME),
            f"the policy of bucket {NAME}",
        ),
    ],
)
def test_calls_that_moto_answers_otherwise_than_s3_are_refused(
    bucket: InBucket, call: Callable[[Any], Any], text: str
) -> None:
    async def scene(cloud: LocalCloud, client: Any) -> None:
        with pytest.raises(NotModelled, match=text):
            call(client)
        cloud.router.not_modelled.clear()

    bucket(scene)


# --------------------------------------------------------------------------------- IAM


@dataclass
class Caller:
    """A function with a role."""

    allowed: tuple[str, ...]
    name: str = "f"
    request: Any = None

    def allows(self, action: str) -> bool:
        """Say whether the role allows an action."""
        return action in self.allowed


def a_version(version: str | None = None) -> dict[str, str]:
    return {"Bucket": "b", "Key": "k"} | ({"VersionId": version} if version else {})


@pytest.mark.parametrize(
    ("operation", "params", "needed"),
    [
        ("ListObjectsV2", {"Bucket": "b"}, {"s3:ListBucket"}),
        ("HeadBucket", {"Bucket": "b"}, {"s3:ListBucket"}),
        ("ListObjectVersions", {"Bucket": "b"}, {"s3:ListBucketVersions"}),
        ("GetObject", a_version(), {"s3:GetObject"}),
        ("GetObject", a_version("v"), {"s3:GetObjectVersion"}),
        ("HeadObject", a_version(), {"s3:GetObject"}),
        ("HeadObject", a_version("v"), {"s3:GetObject", "s3:GetObjectVersion"}),
        ("PutObject", a_version(), {"s3:PutObject"}),
        (
            "PutObject",
            a_version() | {"Tagging": "a=b"},
            {"s3:PutObject", "s3:PutObjectTagging"},
        ),
        ("DeleteObject", a_version(), {"s3:DeleteObject"}),
        ("DeleteObject", a_version("v"), {"s3:DeleteObjectVersion"}),
        (
            "DeleteObjects",
            {"Delete": {"Objects": [{"Key": "a"}, {"Key": "b", "VersionId": "v"}]}},
            {"s3:DeleteObject", "s3:DeleteObjectVersion"},
        ),
        (
            "CopyObject",
            a_version() | {"CopySource": "b/k?versionId=v"},
            {"s3:GetObjectVersion", "s3:PutObject"},
        ),
        ("UploadPart", a_version(), {"s3:PutObject"}),
        ("GetBucketEncryption", {"Bucket": "b"}, {"s3:GetEncryptionConfiguration"}),
        (
            "PutBucketNotificationConfiguration",
            {"Bucket": "b"},
            {"s3:PutBucketNotification"},
        ),
    ],
)
def test_roles_name_what_s3_asks_for_as_iam_does(
    operation: str, params: dict[str, Any], needed: set[str]
) -> None:
    async def scene(_cloud: LocalCloud) -> None:
        model = s3().meta.service_model
        assert set(actions(model, operation, params)) == needed
        with pytest.raises(NotModelled, match="the IAM action of s3:RestoreObject"):
            actions(model, "RestoreObject", params)

    play(scene)


def test_a_function_may_do_with_objects_what_its_role_allows(bucket: InBucket) -> None:
    async def scene(_cloud: LocalCloud, client: Any) -> None:
        client.put_object(Bucket=NAME, Key="a", Body=b"1")
        calls = {
            "s3:GetObject": lambda: client.get_object(Bucket=NAME, Key="a"),
            "s3:ListBucket": lambda: client.list_objects_v2(Bucket=NAME),
            "s3:PutObject": lambda: client.put_object(Bucket=NAME, Key="b", Body=b"2"),
        }
        for action, call in calls.items():
            await blocking.spawn(call, owner=Caller((action,)))
            with pytest.raises(ClientError) as caught:
                await blocking.spawn(call, owner=Caller(()))
            assert caught.value.response["Error"] == {
                "Code": "AccessDenied",
                "Message": f"the role of function f does not allow {action}",
            }
            status = caught.value.response["ResponseMetadata"]["HTTPStatusCode"]
            assert status == 403

    bucket(scene)


def test_who_may_not_list_a_bucket_does_not_learn_what_is_missing(
    bucket: InBucket,
) -> None:
    async def scene(_cloud: LocalCloud, client: Any) -> None:
        calls = (
            lambda: client.get_object(Bucket=NAME, Key="none"),
            lambda: client.head_object(Bucket=NAME, Key="none"),
        )

        async def ends(*allowed: str) -> list[tuple[str, int]]:
            found = []
            for call in calls:
                with pytest.raises(ClientError) as caught:
                    await blocking.spawn(call, owner=Caller(allowed))
                response = caught.value.response
                status = response["ResponseMetadata"]["HTTPStatusCode"]
                found.append((response["Error"]["Code"], status))
            return found

        assert await ends("s3:GetObject") == [("AccessDenied", 403), ("403", 403)]
        assert await ends("s3:GetObject", "s3:ListBucket") == [
            ("NoSuchKey", 404),
            ("404", 404),
        ]

    bucket(scene)
