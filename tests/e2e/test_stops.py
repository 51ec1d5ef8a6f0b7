"""Executions that are stopped, or whose time is over, at every state of a rollout."""

from collections.abc import Sequence

import pytest
from localcloud.states import Execution
from slipway.domain.rollout import Outcome

from tests.e2e.road import SHORT, Road, road

type Place = tuple[str, str]
"""A state machine and one of its states."""
ROUNDS = 40
"""Sweeps a minute apart, within which everything has come to an end."""


@pytest.mark.parametrize(
    ("flaws", "how", "workflows"),
    [
        ({}, "stopped", {"Rollout", "Admit", "Step"}),
        ({"fail_every": 5}, "timed out", {"Rollout", "Admit", "Step", "Restore"}),
    ],
    ids=["good", "bad"],
)
async def test_a_rollout_that_ends_at_any_state_leaves_one_release_serving(
    flaws: dict[str, int], how: str, workflows: set[str]
) -> None:
    """Invariant 2. What ended before it was stored is found by the sweep."""
    async with road(SHORT, at_rest=False) as world:
        await world.first_release()
        met: list[Place] = []
        world.cloud.states.follow(lambda e, s: met.append((e.machine.name, s)))
        await world.ended(world.push("v2", **flaws))
        places = list(dict.fromkeys(met))
        assert {name for name, _ in places} == {
            f"slipway-{workflow}StateMachine" for workflow in workflows
        }
        for number, place in enumerate(places, start=3):
            cut = _cut(world, place, how)
            digest = world.push(f"v{number}", **flaws)
            await _settle(world, digest)
            _assert_one_serves(world, digest, place)
            assert cut == [place]


def _cut(world: Road, place: Place, how: str) -> Sequence[Place]:
    """End the next execution that comes to a place, there and then."""
    cut: list[Place] = []
    states = world.cloud.states

    def end(execution: Execution, state: str) -> None:
        if cut or (execution.machine.name, state) != place:
            return
        cut.append(place)
        if how == "stopped":
            states.stop(execution.arn, cause="a test stopped it")
        else:
            states.time_out(execution.arn)

    states.follow(end)
    return cut


async def _settle(world: Road, digest: str) -> None:
    """Let time go by, and the sweep run, until an image's rollout has ended."""
    for _ in range(ROUNDS):
        await world.pause(60)
        world.sweep()
        running = any(
            execution.status == "RUNNING"
            for execution in world.cloud.states.executions.values()
        )
        known = world.entries(digest)
        if known and not running and all(entry.outcome for entry in known):
            return
    raise TimeoutError(f"the rollout of {digest} has no end")


def _assert_one_serves(world: Road, digest: str, place: Place) -> None:
    state = world.journal.state("orders")
    assert state is not None
    serving = state.primary
    assert world.weights() == {serving: 100, serving.other: 0}, place
    assert world.desired() == {serving: 4, serving.other: 0}, place
    assert world.healthy(serving) == 4, place
    assert world.journal.lease("orders") is None, place
    entry = world.entry(digest)
    promoted = state.rollout_id == entry.rollout.id
    assert (entry.outcome is Outcome.PROMOTED) == promoted, (place, entry.reason)
