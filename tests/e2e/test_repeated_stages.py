"""Every stage run twice equals once."""

from collections.abc import Callable
from typing import Any

import pytest
from localcloud.clock import run_virtual

from tests.e2e import stories
from tests.e2e.stories import Story


@pytest.mark.parametrize(
    "tell", [stories.good, stories.failing, stories.silent, stories.scaled]
)
def test_every_stage_run_twice_writes_and_ends_as_if_run_once(
    tell: Callable[..., Any], request: pytest.FixtureRequest
) -> None:
    """Invariant 10: also where a stage died between its write and its answer."""
    once: Story = request.getfixturevalue(tell.__name__)
    twice: Story = run_virtual(tell(twice=True))
    assert twice.outcome is once.outcome
    assert twice.weights == once.weights
    assert twice.desired == once.desired
    assert twice.pages == once.pages
    assert twice.done() == once.done()
    assert _written(twice) == _written(once)


def _written(story: Story) -> list[tuple[Any, ...]]:
    """Return what was changed, in order; ARNs differ from world to world."""
    return [
        (call.operation, call.params.get("desiredCount"), "Actions" in call.params)
        for call in story.writes
    ]
