"""Records of services in the journal, as resources that are kept like others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.domain.resources import Found, Ids, Kind, Scope, Wanted, flat
from slipway.errors import InvalidRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slipway.gateways.journal import Journal


class Records:
    """What rollouts go by. Each is the environment's own: the journal is."""

    kind = Kind.RECORD

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def found(self, _: Scope, wanted: Sequence[Wanted], __: Ids) -> list[Found]:
        """Return the records of the wanted services.

        One that cannot be read is written anew, as if it said nothing.
        """
        found = []
        for name in (one.name for one in wanted):
            try:
                record = self._journal.find_service(name)
            except InvalidRecord:
                found.append(Found(self.kind, name, name, {}, name))
                continue
            if record is not None:
                parts = {"record": record}
                facts = dict(flat(record))
                found.append(Found(self.kind, name, name, facts, name, parts=parts))
        return found

    def make(self, _: Scope, wanted: Wanted, ids: Ids) -> Found:
        """Store a record."""
        del ids
        self._journal.put_service(wanted.once["record"])
        return Found(self.kind, wanted.name, wanted.name, wanted.facts, wanted.name)

    def change(self, found: Found, wanted: Wanted, _: Ids) -> None:
        """Store another record in its place."""
        self._journal.put_service(wanted.once["record"], found.parts.get("record"))

    def remove(self, found: Found) -> None:
        """Forget a record; what rolled out stays known."""
        self._journal.remove_service(found.name)
