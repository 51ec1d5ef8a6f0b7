"""Whose fault a failed request was. Pure.

The load generator's rows and the load balancers' rows are joined by trace id. A failed
request is the bad release's fault only if every failure along its chain is explained
by it: a hop fails by the bad release where its target ran that release, and passes a
failure on where a good target answered 502 because a service that it asked had failed.
Whatever else went wrong, and whatever left no row, counts against Slipway.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from localcloud.demo.access_log import Hop
from localcloud.demo.processes import Tenancy

PASSED_ON = 502
"""What a service of the boutique answers when a service that it asked failed."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as the load generator saw it. Times as in Hop."""

    trace: str
    start: float
    seconds: float
    status: int | None
    """None where no answer came."""

    @property
    def failed(self) -> bool:
        """Whether the user did not get what they asked for."""
        return self.status != 200  # noqa: PLR2004  the only good answer there is


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed request and its cause."""

    sent: Sent
    by_bad_release: bool
    reason: str


class Directory:
    """Which release had an address at a time."""

    def __init__(self, tenancies: Iterable[Tenancy]) -> None:
        self._by_upstream: dict[str, list[Tenancy]] = defaultdict(list)
        for tenancy in sorted(tenancies, key=lambda each: each.since):
            self._by_upstream[tenancy.upstream].append(tenancy)

    def digest(self, upstream: str, at: float) -> str | None:
        """Return the digest of the release at `upstream`, or none."""
        tenancies = self._by_upstream.get(upstream, [])
        index = bisect_right(tenancies, at, key=lambda each: each.since) - 1
        return tenancies[index].digest if index >= 0 else None


def failures(
    sent: Iterable[Sent],
    hops: Iterable[Hop],
    directory: Directory,
    bad_digests: Collection[str],
) -> list[Failure]:
    """Return each failed request with its cause, in the order sent."""
    failed = [each for each in sent if each.failed]
    chains = _chains(hops, {each.trace for each in failed})
    return [
        Failure(each, *_verdict(each, chains[each.trace], directory, bad_digests))
        for each in failed
    ]


def _chains(
    hops: Iterable[Hop], traces: Collection[str]
) -> Mapping[str, Sequence[Hop]]:
    chains: dict[str, list[Hop]] = defaultdict(list)
    for hop in hops:
        if hop.trace in traces:
            chains[hop.trace].append(hop)
    return chains


def _verdict(
    sent: Sent,
    chain: Sequence[Hop],
    directory: Directory,
    bad_digests: Collection[str],
) -> tuple[bool, str]:
    if not chain:
        return False, "no load balancer has seen it"
    broken = [hop for hop in chain if not hop.succeeded]
    if not broken:
        return False, f"every hop succeeded, yet the answer was {sent.status}"
    by_bad = []
    for hop in broken:
        digest = directory.digest(hop.upstream, hop.start) if hop.upstream else None
        if digest is None:
            return False, f"{hop.host}: {hop.status} {hop.flags}, no known target"
        if digest in bad_digests:
            by_bad.append(hop)
        elif not (hop.answered and hop.status == PASSED_ON):
            return False, f"{hop.host}: {hop.status} {hop.flags} by a good release"
    if not by_bad:
        return False, "good releases answered 502 and no bad one took part"
    return True, f"{by_bad[0].host}: {by_bad[0].status} by the bad release"
