"""Following a rollout to its end."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from slipway import clock
from slipway.domain.control import word
from slipway.domain.rollout import Mark, Outcome, Rollout
from slipway.errors import NotFound
from slipway.gateways.journal import Entry, Journal

from slipway_cli.lookup import Wanted, pick
from slipway_cli.patience import until

POLL_SECONDS = 5
BEGIN_SECONDS = 60
"""How long a rollout that is named by its id may take to appear in the journal."""


@dataclass(frozen=True, slots=True)
class Followed:
    """What was seen of a rollout until it ended, or until time was up."""

    rollout: Rollout | None = None
    """None where it did not begin in time."""
    marks: tuple[Mark, ...] = ()
    hold: str | None = None
    """Why it stayed where it was when it was last seen."""
    outcome: Outcome | None = None
    """None where it did not end in time."""
    reason: str | None = None


@dataclass(slots=True)
class Follower:
    """Looks at one rollout of a service again and again, telling what is new."""

    journal: Journal
    service: str
    wanted: Wanted
    tell: Callable[[str], None]
    seen: Followed = field(default_factory=Followed)

    def find(self) -> Rollout | None:
        """Return the rollout that is meant, None while it has not begun."""
        if self.seen.rollout is None:
            lease = self.journal.lease(self.service)
            holder = lease.rollout_id if lease else None
            entry = pick(self.journal.rollouts(self.service), self.wanted, holder)
            if entry is not None:
                self._begin(entry)
        return self.seen.rollout

    def look(self) -> Outcome | None:
        """Tell what the rollout did since the last look; return how it ended."""
        rollout = self.find()
        if rollout is None:
            return None
        # The outcome first: what comes before it is in the journal by then.
        outcome = self.journal.outcome(rollout)
        marks = self.journal.marks(rollout)
        hold = None if outcome else self._hold(rollout)
        for mark in marks:
            if mark not in self.seen.marks:
                self.tell(f"{mark.at:%Y-%m-%d %H:%M:%SZ} {mark.name}: {mark.reason}")
        if hold != self.seen.hold and not outcome:
            self.tell(f"it stays where it is: {hold}" if hold else "it goes on")
        reason = self._reason(rollout) if outcome else None
        self.seen = Followed(rollout, tuple(marks), hold, outcome, reason)
        return outcome

    def _begin(self, entry: Entry) -> None:
        rollout = entry.rollout
        self.seen = Followed(rollout)
        what = f"{rollout.cause.tag}, release {rollout.release.id}"
        self.tell(f"rollout {rollout.id} of {self.service} ({what})")

    def _hold(self, rollout: Rollout) -> str | None:
        controls = self.journal.controls(rollout)
        return word(controls, self.journal.freezes(self.service)).hold

    def _reason(self, rollout: Rollout) -> str | None:
        entries = self.journal.rollouts(self.service)
        return next((e.reason for e in entries if e.rollout.id == rollout.id), None)


def follow(
    journal: Journal,
    service: str,
    wanted: Wanted,
    *,
    timeout_seconds: float,
    tell: Callable[[str], None],
    is_coming: bool = False,
) -> Followed:
    """Wait for the end of a rollout, giving each new thing it does to `tell`.

    Raises NotFound where nothing can be waited for: a service without rollouts, or an
    id that no rollout has within a minute, unless it `is_coming` for sure.
    """
    follower = Follower(journal, service, wanted, tell)
    end = clock.now() + timedelta(seconds=timeout_seconds)
    if wanted.digest is None and not is_coming:
        patience = BEGIN_SECONDS if wanted.rollout_id else 0
        found = until(
            follower.find,
            timeout_seconds=min(patience, timeout_seconds),
            every_seconds=POLL_SECONDS,
        )
        if found is None:
            raise NotFound(_nothing(service, wanted))
    left = (end - clock.now()).total_seconds()
    until(follower.look, timeout_seconds=left, every_seconds=POLL_SECONDS)
    return follower.seen


def _nothing(service: str, wanted: Wanted) -> str:
    if wanted.rollout_id is None:
        return (
            f"{service} has no rollout yet; push an image, or give the --digest of one "
            "that is to come"
        )
    return (
        f"{service} has no rollout {wanted.rollout_id}; correct the id, or leave it "
        "out to wait for the rollout under way"
    )
