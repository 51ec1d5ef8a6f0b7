"""Tags, in the two forms that AWS's services have them."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import batched
from typing import Any

from slipway.domain.resources import (
    ADOPTED_TAG,
    ENVIRONMENT_TAG,
    NAME_TAG,
    SERVICE_TAG,
    Scope,
)


def upper(tags: Mapping[str, str]) -> list[Any]:
    """Return tags with `Key` and `Value`, as ELB, EC2 and Cloud Map take them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def lower(tags: Mapping[str, str]) -> list[Any]:
    """Return tags with `key` and `value`, as ECS takes them."""
    return [{"key": key, "value": value} for key, value in tags.items()]


def read(tags: Iterable[Any]) -> dict[str, str]:
    """Return tags of either form."""
    return {
        tag.get("Key", tag.get("key", "")): tag.get("Value", tag.get("value", ""))
        for tag in tags
    }


def is_owned(tags: Mapping[str, str], scope: Scope) -> bool:
    """Whether what carries these tags is the environment's own."""
    return tags.get(ENVIRONMENT_TAG) == scope.environment


def is_adopted(tags: Mapping[str, str]) -> bool:
    """Whether what carries these tags was there before Slipway."""
    return ADOPTED_TAG in tags


def service_of(tags: Mapping[str, str]) -> str | None:
    """Return the service that tags name, None where they name none."""
    return tags.get(SERVICE_TAG)


def name_in(tags: Mapping[str, str], otherwise: str) -> str:
    """Return the name that tags give."""
    return tags.get(NAME_TAG, otherwise)


OWNERSHIP = (ENVIRONMENT_TAG, SERVICE_TAG, NAME_TAG, ADOPTED_TAG)
"""The tags that make something Slipway's: what is given back has none of them."""


def in_parts[T](items: Iterable[T], most: int) -> Sequence[list[T]]:
    """Return items in lists of at most so many as one call takes."""
    return [list(part) for part in batched(items, most, strict=False)]
