"""IAM's names for S3's operations, which often are others.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
(Required permissions for Amazon S3 API operations).
"""

from collections.abc import Mapping
from typing import Any

_SAME_NAME = frozenset(
    {
        "AbortMultipartUpload",
        "CreateBucket",
        "DeleteBucket",
        "DeleteObject",
        "DeleteObjectTagging",
        "GetBucketLocation",
        "GetBucketOwnershipControls",
        "GetBucketTagging",
        "GetBucketVersioning",
        "GetObject",
        "GetObjectTagging",
        "PutBucketOwnershipControls",
        "PutBucketTagging",
        "PutBucketVersioning",
        "PutObject",
        "PutObjectTagging",
    }
)
_OTHER_NAME: Mapping[str, str] = {
    "CompleteMultipartUpload": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "ListBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListParts": "ListMultipartUploadParts",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "UploadPart": "PutObject",
}
_OF_A_VERSION: Mapping[str, str] = {
    "DeleteObject": "DeleteObjectVersion",
    "DeleteObjectTagging": "DeleteObjectVersionTagging",
    "GetObject": "GetObjectVersion",
    "GetObjectTagging": "GetObjectVersionTagging",
    "PutObjectTagging": "PutObjectVersionTagging",
}
"""Where the call names a version."""

_MORE: Mapping[str, str] = {
    "Tagging": "PutObjectTagging",
    "ACL": "PutObjectAcl",
    "ObjectLockMode": "PutObjectRetention",
    "ObjectLockLegalHoldStatus": "PutObjectLegalHold",
}
"""What a parameter of a call that puts an object needs in addition."""


def s3_actions(operation: str, params: Mapping[str, Any]) -> list[str] | None:
    """Name the actions that a call needs; None where this page does not know.

    A HeadObject that names a version needs s3:GetObject by that page, and
    s3:GetObjectVersion as GetObject does by others: here both.
    """
    if operation == "DeleteObjects":
        given = params["Delete"]["Objects"]
        names = {_named("DeleteObject", one) for one in given}
    elif operation == "CopyObject":
        source = str(params["CopySource"])
        version = {"VersionId": source} if "versionId=" in source else {}
        names = {_named("GetObject", version), "PutObject"}
    elif operation == "HeadObject":
        names = {"GetObject", _named("GetObject", params)}
    elif operation in _SAME_NAME:
        names = {_named(operation, params)}
    elif operation in _OTHER_NAME:
        names = {_OTHER_NAME[operation]}
    else:
        return None
    if "PutObject" in names:
        names |= {more for parameter, more in _MORE.items() if parameter in params}
    return [f"s3:{name}" for name in sorted(names)]


def _named(operation: str, params: Mapping[str, Any]) -> str:
    if params.get("VersionId") is None:
        return operation
    return _OF_A_VERSION.get(operation, operation)
