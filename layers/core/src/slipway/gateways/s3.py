"""Manifests, as they lie in the environment's bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slipway.domain.provision_run import Version
from slipway.gateways.failures import translated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_s3.client import S3Client


class Manifests:
    """A versioned bucket: what was read once can be read again, whatever came since."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def latest(self) -> list[Version]:
        """Return every file's newest version, without those that were deleted."""
        return self._newest("Versions")

    def marks(self) -> list[Version]:
        """Return every file's newest version, deletions among them.

        No two moments have the same marks unless nothing happened in between: a file
        that was added and deleted again leaves its deletion.
        """
        return self._newest("Versions", "DeleteMarkers")

    def _newest(self, *sections: str) -> list[Version]:
        found: list[Version] = []
        with translated(f"ListObjectVersions {self._bucket}"):
            pages = self._client.get_paginator("list_object_versions")
            for page in pages.paginate(Bucket=self._bucket):
                listed: Mapping[str, Any] = page
                found += [
                    Version(one["Key"], one["VersionId"])
                    for section in sections
                    for one in listed.get(section, [])
                    if one["IsLatest"]
                ]
        return sorted(found)

    def put(self, path: str, content: bytes) -> None:
        """Upload one file."""
        with translated(f"PutObject {path}"):
            self._client.put_object(Bucket=self._bucket, Key=path, Body=content)

    def delete(self, path: str) -> None:
        """Take one file away; its versions stay readable."""
        with translated(f"DeleteObject {path}"):
            self._client.delete_object(Bucket=self._bucket, Key=path)

    def read(self, versions: Sequence[Version]) -> Mapping[str, bytes]:
        """Return the content of these versions by path."""
        files = {}
        for one in versions:
            with translated(f"GetObject {one.path}"):
                answer = self._client.get_object(
                    Bucket=self._bucket, Key=one.path, VersionId=one.version
                )
                files[one.path] = answer["Body"].read()
        return files
