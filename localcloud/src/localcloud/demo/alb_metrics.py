"""What the load balancers' access log becomes in CloudWatch. Pure.

Source: elasticloadbalancing/latest/application, load-balancer-cloudwatch-metrics.html.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from localcloud.demo.access_log import Hop
from localcloud.routing import dimension

NAMESPACE = "AWS/ApplicationELB"
ELB_CODES = frozenset({500, 502, 503, 504})
"""Answers of the load balancer itself that have a metric each."""


@dataclass(frozen=True, slots=True)
class Count:
    """So many of something, at a modelled time."""

    name: str
    dimensions: Mapping[str, str]
    at: datetime
    value: int


def counts(hops: Iterable[Hop], modelled: Callable[[float], datetime]) -> list[Count]:
    """Return the metrics of some rows, summed where metric and minute are the same.

    `modelled` turns a real time of the log into a modelled one. A request counts when
    it ends, as it is then that its row is written.
    """
    sums: Counter[tuple[str, str | None, str, datetime]] = Counter()
    for hop in hops:
        minute = modelled(hop.start + hop.seconds).replace(second=0, microsecond=0)
        for name, group in _metrics(hop):
            sums[name, group, hop.load_balancer, minute] += 1
    return [
        Count(name, _dimensions(group, load_balancer), minute, value)
        for (name, group, load_balancer, minute), value in sums.items()
    ]


def _metrics(hop: Hop) -> Iterator[tuple[str, str | None]]:
    """Yield the metrics of one row, each with its target group or without one."""
    group = hop.target_group and dimension(hop.target_group)
    if hop.upstream is not None:
        # Only where the load balancer could choose a target.
        yield "RequestCount", None
        yield "RequestCount", group
    if hop.answered:
        name = f"HTTPCode_Target_{hop.status // 100}XX_Count"
        yield name, None
        yield name, group
    elif group is None:
        yield "HTTP_Fixed_Response_Count", None
    else:
        # The load balancer's own answers carry no target group.
        yield from ((name, None) for name in _own_answer(hop.status))


def _own_answer(status: int) -> Iterator[str]:
    if status == 0:
        # The client went away, 460 in the access log (load-balancer-troubleshooting).
        yield "HTTPCode_ELB_4XX_Count"
        return
    yield f"HTTPCode_ELB_{status // 100}XX_Count"
    if status in ELB_CODES:
        yield f"HTTPCode_ELB_{status}_Count"


def _dimensions(group: str | None, load_balancer: str) -> Mapping[str, str]:
    if group is None:
        return {"LoadBalancer": load_balancer}
    return {"TargetGroup": group, "LoadBalancer": load_balancer}
