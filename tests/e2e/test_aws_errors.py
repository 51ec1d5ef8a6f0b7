"""AWS that throttles or fails for a while delays a rollout, and no more."""

from collections import Counter
from typing import Any

from localcloud.api import AwsError
from slipway.domain.rollout import Outcome
from slipway.domain.service import Slot

from tests.e2e.road import SHORT, Road, road

SDK_ATTEMPTS = 4
"""Of one call (slipway.wiring); after that many the stage fails and is run again."""

CALLS = [
    ("ecr", "DescribeImages", "ThrottlingException"),
    ("dynamodb", "TransactWriteItems", "ThrottlingException"),
    ("ecs", "RegisterTaskDefinition", "ThrottlingException"),
    ("ecs", "UpdateService", "ThrottlingException"),
    ("ecs", "DescribeServices", "ThrottlingException"),
    ("elbv2", "DescribeRules", "Throttling"),
    ("elbv2", "DescribeTargetHealth", "Throttling"),
    ("elbv2", "ModifyRule", "Throttling"),
    ("cloudwatch", "GetMetricData", "Throttling"),
]


async def test_a_rollout_survives_each_of_its_calls_being_throttled() -> None:
    """Invariant 11: the SDK tries again, and then Step Functions does."""
    async with road(SHORT) as world:
        flow = await world.first_release()
        refused = _fail_first(world, Counter())
        entry = await world.ended(world.push("v2"))
        assert entry.outcome is Outcome.PROMOTED
        assert refused == {call[:2]: SDK_ATTEMPTS for call in CALLS}
        assert flow.totals.failed == 0


async def test_a_restore_survives_each_of_its_calls_being_throttled() -> None:
    """Invariants 8 and 11."""
    async with road(SHORT) as world:
        flow = await world.first_release()
        refused: Counter[tuple[str, str]] = Counter()
        world.when["judged-0"] = lambda: _fail_first(world, refused)
        entry = await world.ended(world.push("v2", fail_every=5))
        assert entry.outcome is Outcome.ROLLED_BACK
        assert refused["ecs", "UpdateService"] == SDK_ATTEMPTS
        assert refused["elbv2", "ModifyRule"] == SDK_ATTEMPTS
        assert world.weights() == {Slot.A: 100, Slot.B: 0}
        assert flow.totals.failed_unrouted == 0


async def test_a_call_that_is_denied_ends_the_rollout_at_the_old_release() -> None:
    """Invariant 2: what trying again cannot mend leads to the restore at once."""
    async with road(SHORT) as world:
        flow = await world.first_release()

        def deny(service: str, operation: str, _: Any, caller: str | None) -> None:
            if (service, operation) == ("elbv2", "ModifyRule") and "Shift" in str(
                caller
            ):
                raise AwsError("AccessDenied", "not authorized", 403)

        world.cloud.router.before(deny)
        entry = await world.ended(world.push("v2"))
        assert entry.outcome is Outcome.ROLLED_BACK
        assert "not authorized" in (entry.reason or "")
        assert world.highest[Slot.B] == 0
        assert flow.totals.failed == 0


async def test_a_push_whose_start_is_denied_for_now_is_not_lost() -> None:
    """A deployment's rights take a while to be known everywhere."""
    async with road(SHORT) as world:
        denied = 0

        def deny(_: str, operation: str, __: Any, ___: str | None) -> None:
            nonlocal denied
            if operation == "StartExecution" and not denied:
                denied += 1
                raise AwsError("AccessDeniedException", "not authorized", 400)

        world.cloud.router.before(deny)
        entry = await world.ended(world.push())
        assert (denied, entry.outcome) == (1, Outcome.PROMOTED)
        assert world.rejections() == []


def _fail_first(
    world: Road, refused: Counter[tuple[str, str]]
) -> Counter[tuple[str, str]]:
    """Throttle the first calls of each kind; count in `refused` how many were."""

    def throttle(service: str, operation: str, _: Any, caller: str | None) -> None:
        for name, called, code in CALLS:
            if (service, operation) != (name, called) or caller is None:
                continue
            if refused[service, operation] < SDK_ATTEMPTS:
                refused[service, operation] += 1
                raise AwsError(code, "Rate exceeded")

    world.cloud.router.before(throttle)
    return refused
