"""What the automation decided and why: the marks of its rollouts in the journal."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from slipway.gateways.journal import Entry, Journal


@dataclass(frozen=True, slots=True)
class Decision:
    """One mark of a rollout, or its outcome, in the automation's own words."""

    at: datetime
    service: str
    name: str
    reason: str


class Decisions:
    """Reads each mark once, in order of time."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._seen: set[tuple[str, str]] = set()
        self._closed: set[str] = set()
        self.entries: list[Decision] = []

    def read_new(self, services: Iterable[str], now: datetime) -> list[Decision]:
        """Return what is new in the journal about some services."""
        new = [
            decision
            for service in services
            for entry in self._journal.rollouts(service)
            if entry.rollout.id not in self._closed
            for decision in self._of(entry, now)
        ]
        new.sort(key=lambda decision: decision.at)
        self.entries += new
        return new

    def add(self, decision: Decision) -> None:
        """Note what no rollout decided."""
        self.entries.append(decision)

    def _of(self, entry: Entry, now: datetime) -> Iterable[Decision]:
        rollout = entry.rollout
        for mark in self._journal.marks(rollout):
            if (rollout.id, mark.name) not in self._seen:
                self._seen.add((rollout.id, mark.name))
                yield Decision(mark.at, rollout.service.name, mark.name, mark.reason)
        if entry.outcome is not None:
            self._closed.add(rollout.id)
            name = f"recorded as {entry.outcome}"
            yield Decision(now, rollout.service.name, name, entry.reason or "")
