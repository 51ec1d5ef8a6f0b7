"""Token buckets: bursts, refills, shared accounts, and what is documented."""

from dataclasses import replace
from datetime import timedelta

import pytest
from localcloud.api import AwsError
from localcloud.clock import Clock, run_virtual
from localcloud.rates import DOCUMENTED, Rate, Rates

MODIFY = Rate("modify", "elbv2", frozenset({"ModifyRule"}), 2, 0.5, "a page")
READ = Rate("read", "elbv2", frozenset({"DescribeRules"}), 3, 1, "a page")
ACCOUNT = Rate("account", "elbv2", frozenset(), 3, 1, "a page")


def _passes(
    rates: Rates, operation: str = "ModifyRule", service: str = "elbv2"
) -> bool:
    try:
        rates.check(service, operation, {}, None)
    except AwsError:
        return False
    return True


def test_a_throttled_call_gets_the_error_of_its_service() -> None:
    async def scene() -> None:
        clock = Clock()
        rates = Rates(clock, [replace(MODIFY, burst=1)])
        assert _passes(rates)
        with pytest.raises(AwsError, match="Rate exceeded") as refused:
            rates.check("elbv2", "ModifyRule", {}, None)
        assert refused.value.code == "ThrottlingException"

    run_virtual(scene())


def test_a_full_bucket_takes_its_burst_and_no_more() -> None:
    async def scene() -> None:
        rates = Rates(Clock(), [MODIFY])
        assert [_passes(rates) for _ in range(3)] == [True, True, False]

    run_virtual(scene())


def test_tokens_come_back_at_the_sustained_rate() -> None:
    async def scene() -> None:
        clock = Clock()
        rates = Rates(clock, [MODIFY])
        assert all(_passes(rates) for _ in range(2))
        await clock.sleep(1.5)
        assert not _passes(rates)
        await clock.sleep(0.5)
        assert _passes(rates)
        assert not _passes(rates)

    run_virtual(scene())


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    async def scene() -> None:
        clock = Clock()
        rates = Rates(clock, [MODIFY])
        await clock.sleep(timedelta(hours=1).total_seconds())
        assert [_passes(rates) for _ in range(3)] == [True, True, False]

    run_virtual(scene())


def test_all_operations_of_an_account_share_its_bucket() -> None:
    async def scene() -> None:
        rates = Rates(Clock(), [ACCOUNT, READ, MODIFY])
        assert [_passes(rates, "DescribeRules") for _ in range(2)] == [True, True]
        assert _passes(rates, "ModifyRule")
        assert not _passes(rates, "ModifyRule")
        account, _, modify = rates.buckets
        assert (account.throttled, modify.throttled) == (1, 0)

    run_virtual(scene())


def test_a_throttled_call_takes_no_token() -> None:
    async def scene() -> None:
        rates = Rates(Clock(), [ACCOUNT, MODIFY])
        assert [_passes(rates) for _ in range(5)] == [True, True, False, False, False]
        assert _passes(rates, "DescribeRules")
        account, modify = rates.buckets
        assert (account.taken, modify.taken, modify.throttled) == (3, 2, 3)
        assert account.by_operation == {"ModifyRule": 2, "DescribeRules": 1}

    run_virtual(scene())


def test_calls_of_other_services_are_free() -> None:
    async def scene() -> None:
        rates = Rates(Clock(), [ACCOUNT])
        assert all(_passes(rates, "PutItem", "dynamodb") for _ in range(10))

    run_virtual(scene())


def test_a_slowed_bucket_is_as_much_smaller_as_slower() -> None:
    slow = Rate("read", "elbv2", frozenset(), 40, 10, "a page").slowed(2)
    assert (slow.burst, slow.per_second) == (20, 5)


def test_a_slowed_bucket_still_holds_what_one_stage_asks_for() -> None:
    assert Rate("read", "elbv2", frozenset(), 40, 10, "a page").slowed(100).burst == 6
    assert MODIFY.slowed(100).burst == 2


def test_a_floor_is_what_comes_after_the_burst() -> None:
    assert MODIFY.seconds_for(2) == 0
    assert MODIFY.seconds_for(12) == pytest.approx(20)


@pytest.mark.parametrize(
    ("service", "operation", "burst", "per_second"),
    [
        ("ecs", "UpdateService", 50, 5),
        ("ecs", "RegisterTaskDefinition", 20, 1),
        ("elbv2", "DescribeTargetHealth", 40, 10),
        ("elbv2", "ModifyRule", 20, 3),
        ("cloudwatch", "GetMetricData", 500, 500),
        ("stepfunctions", "StartExecution", 1300, 300),
    ],
)
def test_the_documented_rate_of_a_call_is_known(
    service: str, operation: str, burst: float, per_second: float
) -> None:
    covering = [rate for rate in DOCUMENTED if rate.covers(service, operation)]
    assert (burst, per_second) in {(rate.burst, rate.per_second) for rate in covering}
