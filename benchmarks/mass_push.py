"""Many services rolled out at once by one push, every documented API rate on.

All services' records name one repository, as a shop of one image does. Half of them
are on each of two load balancers: 50 services take the 100 target groups that one
may have (load-balancer-limits).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.rates import DOCUMENTED, Bucket, Rate, Rates
from slipway.domain.receipt import RESTORE_BEGAN
from slipway.domain.rollout import Outcome

from benchmarks.one_rollout import POLICY
from tests.e2e.road import (
    POLL_SECONDS,
    REQUESTS_PER_SECOND,
    Road,
    host_of,
    road,
    spec,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from localcloud.fixture import ServiceSpec
    from slipway.domain.service import RolloutPolicy
    from slipway.gateways.journal import Entry

REPOSITORY = "shop"
LONGEST_SECONDS = 4 * 3600

UNAVOIDABLE = {
    "RegisterTaskDefinition": 1,
    "UpdateService": 4,
    "DescribeServices": 3,
    "ModifyRule": 3,
    "DescribeRules": 6,
    "DescribeTargetHealth": 3,
}
"""Calls without which no rollout of three steps over four tasks goes: a revision; a
launch, two rises and the retirement; each step's counts, its rule before and after the
write, the health that invariant 1 asks for at the write, and the write."""


@dataclass(frozen=True, slots=True)
class Course:
    """How one service fared, in modelled seconds since the push."""

    service: str
    launched_seconds: float
    promoted_seconds: float
    longest_wait_seconds: float
    """The most that the time between two of its marks was above the same time of a
    rollout that had AWS for itself."""


@dataclass(frozen=True, slots=True)
class Group:
    """What a bucket of calls saw."""

    name: str
    burst: float
    per_second: float
    calls: int
    """Let through."""
    throttled: int
    floor_seconds: float
    """How long the unavoidable calls of all rollouts take, from a full bucket."""
    spent_seconds: float
    """How long the calls take that were let through."""
    page: str


@dataclass(frozen=True, slots=True)
class MassPush:
    """What came of one push for many services."""

    services: int
    outcomes: dict[str, int]
    violations: int
    """Writes that broke an invariant."""
    dead_letters: int
    restores: int
    """Rollouts that went back, for whatever reason."""
    retries: int
    """Stages that a workflow tried again."""
    alone_seconds: float
    """From push to promotion of one rollout without any limit."""
    floor_seconds: float
    """`alone_seconds`, and the longest of the groups' floors."""
    seconds: float
    """From push to the last promotion."""
    fastest: Course
    slowest: Course
    longest_wait_seconds: float
    groups: list[Group]


async def mass_push(
    count: int = 100,
    policy: RolloutPolicy = POLICY,
    rates: Sequence[Rate] = DOCUMENTED,
) -> MassPush:
    """Push once for `count` services; see how long it takes until all have ended."""
    alone, _, _ = await _push(1, policy, ())
    entries, buckets, seen = await _push(count, policy, rates)
    usual = _course(alone[0], {})
    courses = [_course(e, _gaps(alone[0])) for e in entries if _has_promoted(e)]
    courses.sort(key=lambda course: course.promoted_seconds)
    groups = [_group(bucket, count) for bucket in buckets if bucket.taken]
    return MassPush(
        services=count,
        outcomes=dict(Counter(str(entry.outcome) for entry in entries)),
        alone_seconds=usual.promoted_seconds,
        floor_seconds=usual.promoted_seconds
        + max((group.floor_seconds for group in groups), default=0),
        seconds=courses[-1].promoted_seconds,
        fastest=courses[0],
        slowest=courses[-1],
        longest_wait_seconds=max(course.longest_wait_seconds for course in courses),
        restores=sum(RESTORE_BEGAN in _moments(entry) for entry in entries),
        groups=groups,
        **seen,
    )


async def _push(
    count: int, policy: RolloutPolicy, rates: Sequence[Rate]
) -> tuple[list[Entry], list[Bucket], dict[str, int]]:
    """See first releases without limits; then limit calls, and push once for all."""
    more = [_spec(number, count, policy) for number in range(1, count)]
    async with road(policy, *more, at_rest=False, repository=REPOSITORY) as world:
        await _ended(world, world.push())
        for service in world.system.services:
            world.traffic.send(
                service.bindings[0].listener_arn,
                REQUESTS_PER_SECOND,
                host=host_of(service.name),
            )
        await world.pause(120)
        known = set(world.cloud.states.executions)
        limits = Rates(world.cloud.clock, rates)
        world.cloud.router.before(limits.check)
        digest = world.push("v2")
        await _ended(world, digest)
        executions = world.cloud.states.executions.items()
        names = [service.name for service in world.system.services]
        return (
            [world.entry(digest, name) for name in names],
            limits.buckets,
            {
                "violations": len(world.cloud.monitor.violations),
                "dead_letters": len(world.dead_letters()),
                "retries": sum(
                    e.progress.retries for arn, e in executions if arn not in known
                ),
            },
        )


def _spec(number: int, count: int, policy: RolloutPolicy) -> ServiceSpec:
    public = number < count / 2
    return spec(f"s{number:03}", policy, public=public, repository=REPOSITORY)


async def _ended(world: Road, digest: str) -> None:
    """Wait until each service's rollout of an image has ended."""
    total = len(world.system.services)

    def over() -> bool:
        ours = [e for e in world.rollouts() if digest in e.input]
        return len(ours) == total and all(e.status != "RUNNING" for e in ours)

    for _ in range(LONGEST_SECONDS // POLL_SECONDS):
        await world.pause(POLL_SECONDS)
        if over():
            return
    raise TimeoutError(f"not all have ended within {LONGEST_SECONDS} s")


def _moments(entry: Entry) -> dict[str, datetime]:
    marks = entry.receipt.marks if entry.receipt else ()
    return {mark.name: mark.at for mark in marks}


def _has_promoted(entry: Entry) -> bool:
    return entry.outcome is Outcome.PROMOTED


def _gaps(entry: Entry) -> dict[str, float]:
    """Return the seconds before each mark since the mark before it, or the push."""
    times = [entry.rollout.cause.pushed_at, *_moments(entry).values()]
    return {
        name: (at - before).total_seconds()
        for (name, at), before in zip(_moments(entry).items(), times, strict=False)
    }


def _course(entry: Entry, usual: dict[str, float]) -> Course:
    receipt = entry.receipt
    assert receipt is not None
    return Course(
        entry.rollout.service.name,
        receipt.launched_seconds or 0,
        receipt.promoted_seconds or 0,
        max(gap - usual.get(name, 0) for name, gap in _gaps(entry).items()),
    )


def _group(bucket: Bucket, count: int) -> Group:
    rate = bucket.rate
    least = sum(
        calls
        for operation, calls in UNAVOIDABLE.items()
        if operation in bucket.by_operation
    )
    return Group(
        rate.name,
        rate.burst,
        rate.per_second,
        bucket.taken,
        bucket.throttled,
        round(rate.seconds_for(count * least), 1),
        round(rate.seconds_for(bucket.taken), 1),
        rate.page,
    )
