"""What an `ECR Image Action` event says, checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slipway.errors import InvalidRecord, NotMeant

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Push:
    """A hint that a tag may name another image than before."""

    repository: str
    tag: str
    digest: str


def read_push(event: Mapping[str, Any]) -> Push:
    """Read a push; raise InvalidRecord, naming the field, for what is not one.

    Raises NotMeant for a push without a tag: one of an image for several platforms
    reports its parts too.
    """
    detail = event.get("detail")
    if not isinstance(detail, dict):
        raise InvalidRecord("the event has no detail, so it is not from ECR")
    if "image-tag" not in detail:
        raise NotMeant("the image has no tag: a part of one for several platforms")
    facts = {}
    for field in ("repository-name", "image-tag", "image-digest"):
        value = detail.get(field)
        if not isinstance(value, str) or not value:
            raise InvalidRecord(f"detail.{field} is missing, so nothing can roll out")
        facts[field] = value
    if not DIGEST.fullmatch(facts["image-digest"]):
        raise InvalidRecord(
            f"detail.image-digest is {facts['image-digest']!r}, "
            "not sha256: and 64 hexadecimal digits"
        )
    return Push(facts["repository-name"], facts["image-tag"], facts["image-digest"])
