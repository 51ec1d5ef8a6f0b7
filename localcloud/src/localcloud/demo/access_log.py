"""The load balancers' access log: one row for each request at each load balancer."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Hop:
    """One request at one load balancer. Times are real, seconds of the Unix epoch."""

    trace: str
    """X-Amzn-Trace-Id, the same at every hop of a user's request; may be empty."""
    request: str
    """This hop's own id."""
    start: float
    seconds: float
    load_balancer: str
    """app/NAME/ID."""
    host: str
    rule: str
    target_group: str | None
    """ARN; none where the rule answers by itself."""
    upstream: str | None
    """address:port of the target; none where there was no target to choose."""
    status: int
    """0 where the client went away before the answer."""
    flags: str
    """Envoy's response flags, such as UH (no target), UC (target closed)."""
    answered: bool
    """Whether the status is the target's own; otherwise the load balancer made it."""

    @property
    def succeeded(self) -> bool:
        """Whether the answer counts as a success: 2xx, 3xx or 4xx of the target."""
        return self.answered and 200 <= self.status < 500  # noqa: PLR2004  HTTP


FOUND = "found in the registry"
"""Stands for the load balancer of a call that met none."""


def read_call(line: str) -> Hop:
    """Read one row of a caller by the registry (examples/boutique/finder.py)."""
    row: dict[str, Any] = json.loads(line)
    return Hop(
        trace=row["trace"],
        request="",
        start=row["start"],
        seconds=row["seconds"],
        load_balancer=FOUND,
        host=row["service"],
        rule="",
        target_group=None,
        upstream=row["upstream"],
        status=row["status"],
        flags=row.get("error", ""),
        answered=row["upstream"] is not None,
    )


def read_hop(line: str) -> Hop:
    """Read one row of the log as envoy_config writes it."""
    row: dict[str, Any] = json.loads(line)
    return Hop(
        trace=row["trace"] or "",
        request=row["request"],
        start=float(row["start"]),
        seconds=row["milliseconds"] / 1000,
        load_balancer=row["load_balancer"],
        host=row["host"] or "",
        rule=row["rule"] or "",
        target_group=row["target_group"],
        upstream=row["upstream"],
        status=row["status"] or 0,
        flags=row["flags"] or "",
        answered=row["details"] == "via_upstream",
    )
