"""Answers of operations that are served here, in the wire format of their service.

moto's serializers write every protocol, member by member. Most services speak JSON, and
there a shape whose members are called as the model calls them is written at one stroke.
"""

import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model

type Written = tuple[int, dict[str, str], str | bytes]
"""A status, headers and a body."""


def written(model: OperationModel, answer: Mapping[str, Any]) -> Written:
    """Write an answer that fits its model."""
    service, operation = model.service_model.service_name, model.name
    protocol = model.service_model.resolved_protocol
    if protocol == "json" and _is_plain(service, operation):
        status = int(model.http.get("responseCode", 200))
        return status, {}, json.dumps(answer, default=_text_or_number)
    serializer = get_serializer_class(service, protocol)(_model(service, operation))
    made = serializer.serialize(answer)
    return made["status_code"], dict(made["headers"]), made["body"]


def _text_or_number(value: object) -> float | str:
    """Return bytes in base64 and times in seconds since 1970, to the millisecond."""
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        whole = aware.replace(microsecond=0).timestamp()
        return whole + (value.microsecond // 1000) / 1000
    raise TypeError(f"{value!r} has no place in an answer")


@cache
def _model(service: str, operation: str) -> Any:
    """Return moto's model of an operation: reading it is slow."""
    return get_service_model(service).operation_model(operation)


@cache
def _is_plain(service: str, operation: str) -> bool:
    """Whether all members go by their own names, and times by seconds.

    Blobs have to be bytes there: text would not become base64.
    """
    shape = _model(service, operation).output_shape
    return shape is None or _plain(shape, set())


def _plain(shape: Shape, seen: set[str]) -> bool:
    if shape.name in seen:
        return True
    seen.add(shape.name)
    if "timestampFormat" in shape.serialization:
        return False
    match shape:
        case StructureShape():
            # A document is any JSON, and has no members of its own.
            return all(
                one.serialization.get("name", name) == name and _plain(one, seen)
                for name, one in shape.members.items()
            )
        case ListShape():
            return _plain(shape.member, seen)
        case MapShape():
            return _plain(shape.key, seen) and _plain(shape.value, seen)
        case _:
            return True
