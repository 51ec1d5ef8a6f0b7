"""S3: buckets in modelled time, their events, and buckets as templates describe them.

moto keeps what is in them. Deployed and never run: lifecycle rules, encryption, blocks
of public access.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Any

from moto.s3.models import FakeDeleteMarker, FakeKey, s3_backends

from localcloud.api import (
    ACCOUNT,
    REGION,
    AwsError,
    Call,
    NotModelled,
    Parameters,
    Router,
    only,
)
from localcloud.clients import client
from localcloud.clock import Clock
from localcloud.events import EventBus
from localcloud.identity import Ids, arn, bucket_arn
from localcloud.template import InvalidTemplate

_NAME = re.compile(r"(?!xn--|sthree-|amzn-s3-demo-)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""What a bucket may be called (bucketnamingrules.html), but for some suffixes."""

_PUTS = ("PutObject", "CopyObject", "CompleteMultipartUpload")
"""What creates an object; an event names it as its reason (ev-events.html)."""

_POLICIES = ("GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy")
_OF_OTHER_EVENTS = frozenset(
    {
        "DeleteObjectTagging",
        "PutObjectAcl",
        "PutObjectRetention",
        "PutObjectTagging",
        "RestoreObject",
    }
)
"""Operations whose events are not modelled (EventBridge.html)."""

_NOTHING_ETAG = "d41d8cd98f00b204e9800998ecf8427e"
"""The MD5 of nothing: what a delete marker has (ev-events.html)."""

_SCHEMA = "1.2"
"""The version of the events' detail (ev-events.html, in October 2026)."""

_CALLER_ADDRESS = "192.0.2.1"
"""Where each call comes from: an address for documentation."""

type _Version = FakeKey | FakeDeleteMarker


class Buckets:
    """The buckets of a local cloud: what moto lacks.

    Once EventBridge is on for a bucket, its events go to the bus; rules deliver them
    late, in any order and more than once, as they do others. On AWS turning it on takes
    some five minutes (enable-event-notifications-eventbridge.html), here none.
    """

    def __init__(self, clock: Clock, router: Router, events: EventBus) -> None:
        self._clock = clock
        self._events = events
        self._notifying: set[str] = set()
        self._system_tags: dict[str, dict[str, str]] = {}
        self._there: set[tuple[str, str | None]] = set()
        """What a deletion under way names, as far as it was there before."""
        self._changes = 0
        self._ids = Ids("buckets")
        router.serve("s3", dict.fromkeys(_POLICIES, _refuse_policies))
        router.serve(
            "s3",
            {
                "PutBucketNotificationConfiguration": self._put_notification,
                "GetBucketNotificationConfiguration": self._get_notification,
            },
        )
        router.watch(self._foresee)
        for operation in _PUTS:
            router.after("s3", operation, partial(self._after_put, operation))
        router.after("s3", "DeleteObject", self._after_delete)
        router.after("s3", "DeleteObjects", self._after_delete)

    def tag(self, bucket: str, stack: str, logical_id: str) -> None:
        """Note the tags that CloudFormation gives a bucket of a stack."""
        self._system_tags[bucket] = {
            "aws:cloudformation:stack-id": arn(
                "cloudformation", f"stack/{stack}/local"
            ),
            "aws:cloudformation:logical-id": logical_id,
            "aws:cloudformation:stack-name": stack,
        }

    def _put_notification(self, params: Parameters) -> dict[str, Any]:
        only(params, "Bucket", "NotificationConfiguration")
        only(params["NotificationConfiguration"], "EventBridgeConfiguration")
        bucket = _existing(params["Bucket"])
        self._notifying.discard(bucket)
        if "EventBridgeConfiguration" in params["NotificationConfiguration"]:
            self._notifying.add(bucket)
        return {}

    def _get_notification(self, params: Parameters) -> dict[str, Any]:
        only(params, "Bucket")
        on = _existing(params["Bucket"]) in self._notifying
        return {"EventBridgeConfiguration": {}} if on else {}

    def _foresee(self, call: Call) -> None:
        """Look at a call before it takes effect."""
        if call.service != "s3":
            return
        bucket = call.params.get("Bucket", "")
        if call.operation == "PutBucketVersioning":
            _refuse_suspension(call.params["VersioningConfiguration"])
        if call.operation in _OF_OTHER_EVENTS and bucket in self._notifying:
            raise NotModelled(f"the event of {call.operation}")
        named = _deletions(call.operation, call.params)
        if len(set(named)) < len(named):
            raise NotModelled("deleting an object twice at once")
        for key, version in named:
            if version is None and _versioned(bucket) and not _versions(bucket, key):
                # S3 makes a delete marker, and moto nothing.
                raise NotModelled(f"deleting {key}, which never was in the bucket")
        self._there = {
            (key, version)
            for key, version in named
            for known in _versions(bucket, key)
            if version in {None, known.version_id}
        }

    def _after_put(self, operation: str, params: Parameters) -> None:
        bucket = params["Bucket"]
        made: Any = self._date(bucket, params["Key"])
        about = {"size": made.size, "etag": made.etag.strip('"')}
        if _versioned(bucket):
            about["version-id"] = made.version_id
        self._tell("Object Created", bucket, params["Key"], about, reason=operation)

    def _after_delete(self, params: Parameters) -> None:
        bucket = params["Bucket"]
        operation = "DeleteObjects" if "Delete" in params else "DeleteObject"
        for key, version in _deletions(operation, params):
            if version is None and _versioned(bucket):
                marker = self._date(bucket, key)
                about = {"etag": _NOTHING_ETAG, "version-id": marker.version_id}
                kind = "Delete Marker Created"
            elif (key, version) in self._there:
                about = {} if version is None else {"version-id": version}
                kind = "Permanently Deleted"
            else:
                continue
            self._tell(
                "Object Deleted",
                bucket,
                key,
                about,
                **{"reason": "DeleteObject", "deletion-type": kind},
            )

    def _tell(
        self,
        detail_type: str,
        bucket: str,
        key: str,
        about: Mapping[str, Any],
        **more: str,
    ) -> None:
        """Put an event of a bucket (ev-events.html).

        Of two events of one key the later has the greater sequencer, as text
        (notification-content-structure.html).
        """
        if bucket not in self._notifying:
            return
        self._changes += 1
        now = self._clock.now()
        sequencer = f"{int(now.timestamp()):08x}{self._changes:08x}"
        request = self._ids.hexadecimal("request", 16).upper()
        described: dict[str, Any] = {"name": bucket}
        if bucket in self._system_tags:
            described["aws-generated-tags"] = self._system_tags[bucket]
        self._events.put(
            {
                "source": "aws.s3",
                "detail-type": detail_type,
                "time": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "resources": [bucket_arn(bucket)],
                "detail": {
                    "version": "0",
                    "event-version": _SCHEMA,
                    "bucket": described,
                    "object": {"key": key, **about, "sequencer": sequencer},
                    "request-id": request,
                    "requester": ACCOUNT,
                    "source-ip-address": _CALLER_ADDRESS,
                    **more,
                },
            }
        )

    def _date(self, bucket: str, key: str) -> _Version:
        """Give the newest version of an object the modelled time, later than others.

        moto takes the version with the latest time as the current one where it lists
        them.
        """
        *older, newest = _versions(bucket, key)
        moment = self._clock.now().replace(tzinfo=None)
        if older and moment <= older[-1].last_modified:
            moment = older[-1].last_modified + timedelta(microseconds=1)
        newest.last_modified = moment
        return newest


def _existing(bucket: str) -> str:
    if bucket not in s3_backends[ACCOUNT]["aws"].buckets:
        message = "The specified bucket does not exist"
        raise AwsError("NoSuchBucket", message, HTTPStatus.NOT_FOUND)
    return bucket


def _refuse_policies(params: Parameters) -> None:
    raise NotModelled(f"the policy of bucket {params['Bucket']}")


def _refuse_suspension(versioning: Mapping[str, Any]) -> None:
    only(versioning, "Status")
    if versioning["Status"] != "Enabled":
        raise NotModelled(f"versioning that is {versioning['Status']}")


def _deletions(operation: str, params: Parameters) -> list[tuple[str, str | None]]:
    """Return the keys that a call deletes, with a version where it names one."""
    objects: list[Parameters] = []
    if operation == "DeleteObject":
        objects = [params]
    elif operation == "DeleteObjects":
        objects = params["Delete"]["Objects"]
    return [(each["Key"], each.get("VersionId")) for each in objects]


def _versioned(bucket: str) -> bool:
    known = s3_backends[ACCOUNT]["aws"].buckets.get(bucket)
    return known is not None and bool(known.is_versioned)


def _versions(bucket: str, key: str) -> list[_Version]:
    """Return the versions of an object as moto has them, oldest first."""
    known = s3_backends[ACCOUNT]["aws"].buckets.get(bucket)
    return [] if known is None else list(known.keys.getlist(key, []))


def make_bucket(name: str, properties: Mapping[str, Any]) -> None:
    """Make a bucket with the properties of AWS::S3::Bucket."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise InvalidTemplate(f"a bucket cannot be called {name}")
    s3 = client("s3")
    s3.create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    if "OwnershipControls" in properties:
        s3.put_bucket_ownership_controls(
            Bucket=name, OwnershipControls=properties["OwnershipControls"]
        )
    if "PublicAccessBlockConfiguration" in properties:
        s3.put_public_access_block(
            Bucket=name,
            PublicAccessBlockConfiguration=properties["PublicAccessBlockConfiguration"],
        )
    if "VersioningConfiguration" in properties:
        s3.put_bucket_versioning(
            Bucket=name, VersioningConfiguration=properties["VersioningConfiguration"]
        )
    if "BucketEncryption" in properties:
        s3.put_bucket_encryption(
            Bucket=name,
            ServerSideEncryptionConfiguration=_encryption(
                properties["BucketEncryption"]
            ),
        )
    if "LifecycleConfiguration" in properties:
        only(properties["LifecycleConfiguration"], "Rules")
        rules = [_rule(rule) for rule in properties["LifecycleConfiguration"]["Rules"]]
        s3.put_bucket_lifecycle_configuration(
            Bucket=name, LifecycleConfiguration={"Rules": rules}
        )
    if "NotificationConfiguration" in properties:
        s3.put_bucket_notification_configuration(
            Bucket=name,
            NotificationConfiguration=_notification(
                properties["NotificationConfiguration"]
            ),
        )
    if "Tags" in properties:
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": properties["Tags"]})


def _notification(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a template notifies of as the API has it: all events, or none."""
    only(given, "EventBridgeConfiguration")
    switch = given.get("EventBridgeConfiguration", {"EventBridgeEnabled": False})
    only(switch, "EventBridgeEnabled")
    on = str(switch.get("EventBridgeEnabled", True)).lower() == "true"
    return {"EventBridgeConfiguration": {}} if on else {}


def _encryption(given: Mapping[str, Any]) -> dict[str, Any]:
    only(given, "ServerSideEncryptionConfiguration")
    rules = []
    for rule in given["ServerSideEncryptionConfiguration"]:
        only(rule, "ServerSideEncryptionByDefault", "BucketKeyEnabled")
        by_default = rule["ServerSideEncryptionByDefault"]
        if by_default != {"SSEAlgorithm": "AES256"}:
            raise NotModelled(f"encryption {by_default}")
        rules.append(
            {
                "ApplyServerSideEncryptionByDefault": by_default,
                "BucketKeyEnabled": rule.get("BucketKeyEnabled", False),
            }
        )
    return {"Rules": rules}


def _rule(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a lifecycle rule of a template as the API has it."""
    same = ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload")
    only(
        given,
        "Id",
        "Status",
        "Prefix",
        "ExpirationInDays",
        "ExpiredObjectDeleteMarker",
        *same,
    )
    rule: dict[str, Any] = {
        "Status": given["Status"],
        "Filter": {"Prefix": given.get("Prefix", "")},
        **{key: given[key] for key in same if key in given},
    }
    if "Id" in given:
        rule["ID"] = given["Id"]
    if "ExpirationInDays" in given:
        rule["Expiration"] = {"Days": given["ExpirationInDays"]}
    elif "ExpiredObjectDeleteMarker" in given:
        rule["Expiration"] = {
            "ExpiredObjectDeleteMarker": given["ExpiredObjectDeleteMarker"]
        }
    return rule
