"""The registry says what rules have, step by step; without it all goes on."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from localcloud.api import AwsError, Call, Fault
from slipway.domain.announcement import VERSION_KEY, weights_told
from slipway.domain.control import Verb
from slipway.domain.lease import WRITE_TERM
from slipway.domain.rollout import Outcome
from slipway.domain.service import Mode, Slot
from slipway.wiring import REGISTRY_CONFIG
from slipway_client import Discovery, Pace

from tests.e2e.road import ATTENTIVE, SHORT, Road, client, road
from tests.e2e.stories import repeat_stages

ALL_A = {"orders-a": 100, "orders-b": 0}
ALL_B = {"orders-a": 0, "orders-b": 100}
NEITHER = {"orders-a": 0, "orders-b": 0}
STEPS = [
    ALL_A,
    {"orders-a": 90, "orders-b": 10},
    {"orders-a": 50, "orders-b": 50},
    ALL_B,
]
PICKS = 2000


def noted(world: Road) -> list[Any]:
    """Note each weight that the registry is told, as long as it is another one."""
    told: list[Any] = []

    def note(params: dict[str, Any]) -> None:
        weights = weights_told(params["Attributes"])
        if told[-1:] != [weights]:
            told.append(weights)

    world.cloud.router.after("servicediscovery", "UpdateServiceAttributes", note)
    return told


def away(
    world: Road, code: str = "InternalFailure", status: int = 500
) -> Callable[[], None]:
    """Let the registry answer nobody's writes; return what ends that."""
    out = [True]

    def refuse(service: str, operation: str, *_: Any) -> None:
        if out and (service, operation) == TELLING:
            raise AwsError(code, "the registry is away", status)

    world.cloud.router.before(refuse)
    return out.clear


def silent(call: Call) -> Fault | None:
    """Let no write to the registry be answered."""
    if (call.service, call.operation) != TELLING:
        return None
    return Fault(
        takes_effect=False,
        silence_seconds=REGISTRY_CONFIG.read_timeout,
        failure=ReadTimeoutError(endpoint_url="https://aws"),
    )


TELLING = ("servicediscovery", "UpdateServiceAttributes")


# ---------------------------------------------------------------------- step by step


async def test_a_first_release_gets_all_and_nobody_has_any_before() -> None:
    async with road() as world:
        told = noted(world)
        await world.first_release()
        assert told == [NEITHER, ALL_A]
        assert world.told()[f"{VERSION_KEY}orders-a"] == "v1"


@pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])
async def test_weights_in_the_registry_follow_each_step(*, twice: bool) -> None:
    """Invariant 1, by the monitor: none rises above what the slot's rule has."""
    async with road() as world:
        if twice:
            repeat_stages(world.cloud.functions)
        await world.first_release()
        told = noted(world)
        entry = await world.ended(world.push("v2"))
        assert entry.outcome is Outcome.PROMOTED, entry.reason
        assert told == STEPS
        assert world.told_weights() == ALL_B
        versions = {k: v for k, v in world.told().items() if VERSION_KEY in k}
        assert versions == {
            f"{VERSION_KEY}orders-a": "v1",
            f"{VERSION_KEY}orders-b": "v2",
        }


async def test_the_registry_is_told_after_the_rule_and_what_the_rule_has() -> None:
    """Invariant 1: no caller is led to a slot before the load balancers are."""
    async with road() as world:
        await world.first_release()
        rules: list[tuple[Any, Any]] = []

        def compare(params: dict[str, Any]) -> None:
            rule = {world.service.slots[s]: w for s, w in world.weights().items()}
            rules.append((weights_told(params["Attributes"]), rule))

        world.cloud.router.after(*TELLING, compare)
        await world.ended(world.push("v2", fail_every=5))
        await world.ended(world.push("v3"))
        assert [told for told, _ in rules] == [rule for _, rule in rules]


async def test_weights_go_back_with_a_bad_release() -> None:
    """Invariant 2."""
    async with road(ATTENTIVE) as world:
        await world.first_release()
        told = noted(world)
        entry = await world.ended(world.push("v2", fail_every=5))
        assert entry.outcome is Outcome.ROLLED_BACK
        assert told == [*STEPS[:2], ALL_A]


async def test_a_release_that_never_gets_healthy_never_gets_a_weight() -> None:
    """Invariant 1."""
    async with road(SHORT) as world:
        told = noted(world)
        entry = await world.ended(world.push("v1", crash_at_start=True))
        assert entry.outcome is Outcome.ROLLED_BACK
        assert told == [NEITHER]


async def test_a_caller_by_the_client_package_sends_each_slot_its_share() -> None:
    async with road(SHORT) as world:
        await world.first_release()
        with Discovery(
            "test.internal",
            zone="",
            background=False,
            client=client("servicediscovery"),
            clock=world.cloud.clock.time,
            chance=Random(1),  # noqa: S311  chance that can be repeated
            pace=Pace(weights_seconds=10),
        ) as discovery:
            orders = discovery.service("orders", port=8080)
            assert {orders.pick().slot for _ in range(PICKS)} == {"orders-a"}
            digest = world.push("v2")
            await world.until(lambda: world.healthy(Slot.B))
            assert {orders.pick().slot for _ in range(PICKS)} == {"orders-a"}
            await world.reached(digest, "shifted-0")
            await world.pause(30)
            picked = Counter(orders.pick().slot for _ in range(PICKS))
            assert picked["orders-b"] / PICKS == pytest.approx(0.1, abs=0.02)
            await world.ended(digest)
            await world.pause(30)
            assert {orders.pick().slot for _ in range(PICKS)} == {"orders-b"}


# ------------------------------------------------------------- services without rules


async def test_a_service_without_rules_has_no_weights_for_its_tasks_count_all() -> None:
    async with road(balanced=False, mode=Mode.BATCHES) as world:
        told = noted(world)
        await world.ended(world.push())
        entry = await world.ended(world.push("v2"))
        assert entry.outcome is Outcome.PROMOTED
        assert told == [None]
        assert world.told()[f"{VERSION_KEY}orders-b"] == "v2"


async def test_a_service_with_rules_that_rolls_in_batches_tells_their_weights() -> None:
    async with road(mode=Mode.BATCHES) as world:
        await world.ended(world.push())
        told = noted(world)
        await world.ended(world.push("v2"))
        assert told == STEPS


# ------------------------------------------------------------------ without a registry


FAULTS = pytest.mark.parametrize(
    ("code", "status"),
    [
        ("InternalFailure", 500),
        ("ThrottlingException", 400),
        ("AccessDeniedException", 400),
        ("ServiceNotFound", 400),
    ],
)


@FAULTS
async def test_a_rollout_without_a_registry_ends_as_ever_and_is_told_later(
    code: str, status: int
) -> None:
    async with road(SHORT) as world:
        flow = await world.first_release()
        digest = world.push("v2")
        await world.reached(digest, "launched")
        back = away(world, code, status)
        await world.reached(digest, "promoted")
        assert world.told_weights() == ALL_A
        back()
        entry = await world.ended(digest)
        assert entry.outcome is Outcome.PROMOTED, entry.reason
        assert world.told_weights() == ALL_B
        assert world.logged("the registry was not told")
        assert flow.totals.failed == 0
        assert world.pages() == []


async def test_a_restore_needs_no_registry_and_takes_no_longer_without_it() -> None:
    """Invariant 8."""
    seconds = []
    for is_away in (False, True):
        async with road(SHORT) as world:
            await world.first_release()
            digest = world.push("v2", fail_every=5)
            await world.reached(digest, "shifted-0")
            if is_away:
                away(world)
            await world.reached(digest, "judged-0")
            judged = world.cloud.clock.time()
            await world.reached(digest, "restored")
            seconds.append(world.cloud.clock.time() - judged)
            entry = await world.ended(digest)
            assert entry.outcome is Outcome.ROLLED_BACK
            assert world.weights() == {Slot.A: 100, Slot.B: 0}
            assert (world.told_weights() == ALL_A) is not is_away
    assert seconds[1] - seconds[0] < 15


async def test_a_weight_that_was_left_is_taken_back_before_the_next_candidate() -> None:
    """Invariant 1: a stale weight must not reach a candidate that is not healthy."""
    async with road(SHORT) as world:
        await world.first_release()
        digest = world.push("v2", fail_every=5)
        await world.reached(digest, "shifted-0")
        back = away(world)
        await world.ended(digest)
        assert world.told_weights() == STEPS[1]
        back()
        at_launch: list[Any] = []
        world.cloud.router.after(
            "ecs", "UpdateService", lambda _: at_launch.append(world.told_weights())
        )
        entry = await world.ended(world.push("v3"))
        assert entry.outcome is Outcome.PROMOTED
        assert at_launch[0] == ALL_A


async def test_a_registry_that_falls_silent_holds_up_no_restore() -> None:
    """Invariant 8: an attempt without answer leaves no doubt that others wait for."""
    async with road(SHORT) as world:
        await world.first_release()
        world.cloud.router.disturb = silent
        digest = world.push("v2")
        await world.reached(digest, "shifted-0")
        world.say(Verb.ABORT)
        began = world.cloud.clock.time()
        await world.reached(digest, "restore-give-traffic")
        assert world.cloud.clock.time() - began < WRITE_TERM.total_seconds() / 2
        assert (await world.ended(digest)).outcome is Outcome.ABORTED


async def test_a_record_of_before_knows_no_registry_and_tells_none() -> None:
    async with road(SHORT) as world:
        before = replace(world.service, registry_service_id=None)
        world.journal.put_service(before)
        await world.first_release()
        entry = await world.ended(world.push("v2"))
        assert entry.outcome is Outcome.PROMOTED
        assert world.told() == {}
