"""Names of resources: ARNs, ids and timestamps in AWS's forms."""

import hashlib
from collections import Counter
from datetime import UTC, datetime
from uuid import UUID

from localcloud.api import ACCOUNT, REGION

REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"


def arn(service: str, resource: str) -> str:
    """Return an ARN in the local cloud's account and Region."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def bucket_arn(name: str) -> str:
    """Return a bucket's ARN: it names neither Region nor account."""
    return f"arn:aws:s3:::{name}"


def timestamp(moment: datetime) -> str:
    """Return a moment as events write it, such as 2026-01-05T09:00:00.123Z."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


class Ids:
    """Ids that look random and are the same in each run: one sequence per prefix."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._issued: Counter[str] = Counter()

    def hexadecimal(self, kind: str, length: int) -> str:
        """Return the next id of a kind: `length` hexadecimal digits, at most 64."""
        self._issued[kind] += 1
        text = f"{self._prefix}/{kind}/{self._issued[kind]}"
        return hashlib.sha256(text.encode()).hexdigest()[:length]

    def decimal(self, kind: str, length: int) -> str:
        """Return the next id of a kind: `length` decimal digits, at most 70."""
        digits = str(int(self.hexadecimal(kind, 64), 16))
        return digits[:length].rjust(length, "1")

    def uuid(self, kind: str) -> str:
        """Return the next id of a kind in the form of a UUID."""
        return str(UUID(self.hexadecimal(kind, 32)))
