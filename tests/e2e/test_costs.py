"""What a good rollout costs: AWS calls and state transitions, and a small mass push."""

from collections import Counter

from localcloud.rates import DOCUMENTED

from benchmarks.mass_push import mass_push
from benchmarks.one_rollout import POLICY, one_rollout
from tests.e2e.stories import Story

MOST_CALLS = {
    "RegisterTaskDefinition": 1,
    "DescribeTaskDefinition": 1,
    "UpdateService": 4,
    "DescribeServices": 21,
    "ModifyRule": 3,
    "DescribeRules": 9,
    "DescribeTargetHealth": 24,
    "GetMetricData": 3,
    "DescribeImages": 2,
    "UpdateServiceAttributes": 6,
    "StartExecution": 1,
    "PutEvents": 1,
}
"""Of three steps with a look a minute, but for the journal's; each is exact today."""
MOST_JOURNAL_CALLS = 315
FEW = 4


def test_a_good_rollout_makes_so_many_calls_and_no_more(good: Story) -> None:
    """Invariant 11."""
    made = _made(good)
    journal = sum(made.pop(name) for name in list(made) if name in JOURNAL)
    assert dict(made) == MOST_CALLS
    assert 0 < journal <= MOST_JOURNAL_CALLS


def test_a_good_rollout_is_billed_few_transitions(good: Story) -> None:
    billed = [e.progress.transitions + e.progress.retries for e in good.executions]
    assert sum(billed) == 97
    assert max(billed) == 25


async def test_a_rollout_costs_little_time_of_its_own_and_less_than_a_cent() -> None:
    measured = await one_rollout()
    # Each step waits for health and for its verdict, each noticed by the next look.
    looks = 2 * len(POLICY.steps) * POLICY.look_seconds
    assert 0 < measured.time.overhead_seconds < looks
    assert measured.dollars["total"] < 0.01
    assert measured.history_events < 1000


async def test_a_push_for_many_starves_nobody_and_throttles_none_to_death() -> None:
    """Invariant 11: rates as much smaller as there are fewer services than 100."""
    rates = [rate.slowed(100 / FEW) for rate in DOCUMENTED]
    measured = await mass_push(FEW, POLICY, rates)
    assert measured.outcomes == {"promoted": FEW}
    assert (measured.violations, measured.restores, measured.dead_letters) == (0, 0, 0)
    assert any(group.throttled for group in measured.groups)
    assert measured.seconds < 2 * measured.floor_seconds


JOURNAL = {"GetItem", "PutItem", "Query", "TransactWriteItems", "UpdateItem"}


def _made(story: Story) -> Counter[str]:
    begin = story.receipt.pushed_at
    return Counter(c.operation for c in story.calls if c.caller and c.at >= begin)
