"""What the client's tests share: a registry in this process, and a clock."""

from collections.abc import Iterator

import pytest

from tests.unit.client.registry import Clock, CloudMap, cloud_map


@pytest.fixture
def registry() -> Iterator[CloudMap]:
    """Return a registry with nothing in its namespace."""
    with cloud_map() as made:
        yield made


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands until a test moves it."""
    return Clock()
