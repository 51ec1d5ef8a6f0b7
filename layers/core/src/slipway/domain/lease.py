"""Who may change a service: one rollout at a time, fenced.

AWS takes writes to ECS and load balancers without conditions, so a holder must be known
to have stopped writing before another one starts. Before its writes a stage stores
until when it may begin one; the SDK begins none after that; the lease goes to nobody
else before. No clock ends a lease: it passes on when its rollout is closed, or to the
recovery of a rollout whose execution died.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

WRITE_TERM = timedelta(seconds=45)
"""How long a stage may write before it has to ask again."""

LAST_WRITE = timedelta(seconds=10)
"""How long before the end of its term a stage begins its last write: longer than one
attempt of the SDK (7 s), and than what two machines' clocks may be apart."""

LAST_TERM = timedelta(seconds=40)
"""How old a run of a stage may be where it begins a term: so the term ends before its
workflow gives it up, after 90 s, and runs the stage again. An older run that still goes
on would write by what it read long ago."""


@dataclass(frozen=True, slots=True)
class Term:
    """Until when a stage may write."""

    until: datetime
    before: datetime
    """Until when an earlier run of the holder may, in the past where none does."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A service's lease as stored."""

    service: str
    rollout_id: str
    fence: int
    """Grows by one with each holder, and with each time one takes it again."""
    write_until: datetime
