"""Who may change a service: one rollout at a time, fenced.

AWS takes writes without conditions, so a holder that lost its lease must be known to
have stopped writing before another one starts. Before each batch of writes the holder
stores until when it may write; it runs in a function whose timeout is shorter than
that; a takeover waits past it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

TERM = timedelta(minutes=15)
"""How long a lease lasts without a look that renews it."""

WRITE_TERM = timedelta(seconds=90)
"""How long a holder may write. Longer than every stage's function timeout (60 s)."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A service's lease as stored."""

    service: str
    rollout_id: str
    fence: int
    """Grows by one with each holder."""
    expires_at: datetime
    write_until: datetime

    def free(self, now: datetime) -> bool:
        """Whether another rollout may take it over."""
        return now > max(self.expires_at, self.write_until)
