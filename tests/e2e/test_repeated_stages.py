"""Every stage run twice equals once (invariant 10)."""

from typing import Any

import pytest
from localcloud.api import Call
from slipway.domain.rollout import Outcome

from tests.e2e import stories
from tests.e2e.road import Road
from tests.e2e.stories import Story


@pytest.mark.parametrize("name", ["good", "failing", "silent"])
def test_every_stage_run_twice_writes_and_ends_as_if_run_once(
    name: str, request: pytest.FixtureRequest
) -> None:
    once: Story = request.getfixturevalue(name)
    twice: Story = request.getfixturevalue(f"{name}_twice")
    assert twice.outcome is once.outcome
    assert twice.weights == once.weights
    assert twice.desired == once.desired
    assert twice.pages == once.pages
    assert twice.done() == once.done()
    assert _what(twice.writes) == _what(once.writes)
