"""Tags of ECS resources: what a call may set, and how sets of them change."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from localcloud.api import AwsError, NotModelled, Router, only

type Tags = tuple[Mapping[str, str], ...]
"""As ECS writes them: a key and a value each."""

_MOST = 50
_LONGEST_KEY = 128
_LONGEST_VALUE = 256


class Tagged(Protocol):
    """A cluster or a service."""

    tags: Tags


def checked(tags: Sequence[Mapping[str, str]]) -> Tags:
    """Refuse tags beyond ECS's bounds (API reference, Tag and TagResource).

    At most 50 a resource, each key once; keys of 1 to 128 characters, values of at
    most 256; none begins with `aws:`.
    """
    keys = [tag.get("key", "") for tag in tags]
    wrong = (
        len(keys) > _MOST
        or len(set(keys)) < len(keys)
        or any(not 0 < len(key) <= _LONGEST_KEY for key in keys)
        or any(len(tag.get("value", "")) > _LONGEST_VALUE for tag in tags)
        or any(key.lower().startswith("aws:") for key in keys)
    )
    if wrong:
        raise AwsError("InvalidParameterException", "Some tags are not valid.")
    return tuple({"key": t["key"], "value": t.get("value", "")} for t in tags)


def merged(before: Tags, more: Tags) -> Tags:
    """Add tags to others; a key that was there takes the new value."""
    by_key = {tag["key"]: tag for tag in before} | {tag["key"]: tag for tag in more}
    return checked(tuple(by_key.values()))


def without(before: Tags, keys: Iterable[str]) -> Tags:
    """Remove tags by their keys; a key that is not there is no error."""
    gone = frozenset(keys)
    return tuple(tag for tag in before if tag["key"] not in gone)


class Tagging:
    """TagResource, UntagResource and ListTagsForResource, for clusters and services."""

    def __init__(
        self, router: Router, find: Mapping[str, Callable[[str], Tagged]]
    ) -> None:
        self._find = find
        """How to find a resource by its ARN, by the kind that its ARN names."""
        router.serve(
            "ecs",
            {
                "TagResource": self._tag,
                "UntagResource": self._untag,
                "ListTagsForResource": self._list,
            },
        )

    def _resource(self, params: Mapping[str, Any]) -> Tagged:
        name = str(params["resourceArn"])
        kind = name.rsplit(":", 1)[-1].split("/", 1)[0]
        if kind not in self._find:
            raise NotModelled(f"tags of {name}")
        return self._find[kind](name)

    def _tag(self, params: dict[str, Any]) -> dict[str, Any]:
        """Add tags; those that are not given stay (API reference, TagResource)."""
        only(params, "resourceArn", "tags")
        resource = self._resource(params)
        resource.tags = merged(resource.tags, checked(params["tags"]))
        return {}

    def _untag(self, params: dict[str, Any]) -> dict[str, Any]:
        only(params, "resourceArn", "tagKeys")
        resource = self._resource(params)
        resource.tags = without(resource.tags, params["tagKeys"])
        return {}

    def _list(self, params: dict[str, Any]) -> dict[str, Any]:
        only(params, "resourceArn")
        return {"tags": [dict(tag) for tag in self._resource(params).tags]}
