"""Finding what somebody names."""

from collections.abc import Sequence
from dataclasses import dataclass

from slipway.errors import NotFound
from slipway.gateways.journal import Entry, Journal


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rollout is meant; without any of it, the one under way or the last one."""

    rollout_id: str | None = None
    digest: str | None = None
    """Of the image that it brings; the newest of several rollouts."""


def require_service(journal: Journal, name: str) -> None:
    """Raise NotFound, with the names that there are, for a service that is unknown."""
    known = journal.services()
    if name not in known:
        listed = ", ".join(known) or "none"
        raise NotFound(
            f"the journal has no service {name}; it has {listed}: correct the name, "
            "or name another --environment"
        )


def pick(entries: Sequence[Entry], wanted: Wanted, holder: str | None) -> Entry | None:
    """Return the rollout that is meant out of a service's, oldest first.

    Of several that are open it is the one that holds the lease, else the newest; where
    none is open, the newest.
    """
    meant = [entry for entry in entries if _fits(entry, wanted)]
    is_open = [entry for entry in meant if entry.outcome is None]
    holding = [entry for entry in is_open if entry.rollout.id == holder]
    return next(iter(holding or is_open[-1:] or meant[-1:]), None)


def _fits(entry: Entry, wanted: Wanted) -> bool:
    rollout = entry.rollout
    return wanted.rollout_id in (None, rollout.id) and wanted.digest in (
        None,
        rollout.cause.digest,
    )
