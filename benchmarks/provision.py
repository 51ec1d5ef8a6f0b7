"""Many services made from manifests, with every documented API rate; then kept so.

Half of them are on each of two load balancers: 50 services take the 100 target groups
that one may have (load-balancer-limits). Each calls the next one.
"""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcloud.rates import DOCUMENTED, Rate, Rates

from tests.e2e.grounds import BOOKKEEPING, READS, environment, grounds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from localcloud.api import Call

    from tests.e2e.grounds import Grounds, Manifest


@dataclass(frozen=True, slots=True)
class Pass:
    """One run: modelled seconds, and calls by kind."""

    seconds: float
    reads: int
    writes: int
    throttled: int
    called: dict[str, int]
    """How often each call was made, the most frequent first; throttled ones count."""


@dataclass(frozen=True, slots=True)
class Provisioned:
    """What it took to make so many services, and to see that nothing is to be done."""

    services: int
    first: Pass
    second: Pass


async def provision(count: int, rates_on: Sequence[Rate] = DOCUMENTED) -> Provisioned:
    """Provision `count` services from nothing, then run once more."""
    async with grounds() as made:
        made.upload(*manifests(count, made))
        rates = Rates(made.cloud.clock, rates_on)
        made.cloud.router.before(rates.check)
        first = await _measured(made, rates)
        # Word of the uploads starts a run of its own.
        await made.provisioned()
        second = await _measured(made, rates)
    return Provisioned(count, first, second)


def manifests(count: int, made: Grounds) -> Sequence[Manifest]:
    """Describe an environment of `count` services."""
    balancer: dict[str, Any] = {
        "scheme": "internal",
        "create": True,
        "listeners": [{"port": 80}],
    }
    balancers = {"left": balancer, "right": deepcopy(balancer)}
    return [
        environment(made.cloud.network, load_balancers=balancers),
        *(_service(number, count) for number in range(count)),
    ]


def _service(number: int, count: int) -> Manifest:
    name = f"service-{number:03}"
    return {
        "name": name,
        "image": {"location": f"test/{name}", "port": 8080},
        "http": {
            "load_balancer": "left" if number % 2 else "right",
            "healthcheck": "/healthz",
        },
        "calls": [f"service-{(number + 1) % count:03}"] if count > 1 else [],
        "count": {"range": "2-10", "cpu_percentage": 60},
    }


async def _measured(made: Grounds, rates: Rates) -> Pass:
    calls, throttled = made.calls, _throttled(rates)
    began = made.cloud.clock.time()
    report = await made.run()
    assert report.result == "done", report
    seconds = made.cloud.clock.time() - began
    ours = [c for c in made.cloud.router.calls[calls:] if c.caller is not None]
    return Pass(
        round(seconds, 1),
        sum(_reads(call) for call in ours),
        sum(not _reads(call) and call.service not in BOOKKEEPING for call in ours),
        _throttled(rates) - throttled,
        dict(Counter(map(str, ours)).most_common()),
    )


def _throttled(rates: Rates) -> int:
    return sum(bucket.throttled for bucket in rates.buckets)


def _reads(call: Call) -> bool:
    return call.operation.startswith(READS)
