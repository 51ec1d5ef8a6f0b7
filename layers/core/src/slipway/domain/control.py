"""What people say to rollouts, and what a rollout makes of it.

A command is a person's wish; a control is one that a rollout has to heed. Controls are
only ever added, so that the same ones always mean the same, in whatever order word of
them came.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from slipway.domain.rollout import Outcome
from slipway.errors import InvalidRecord

LONGEST_TEXT = 500
"""Characters of a reason, a name or an id that are kept."""


class Verb(StrEnum):
    """What a command asks for."""

    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"
    SKIP = "skip"
    APPROVE = "approve"
    """Let a push begin that waits for approval."""
    ABORT = "abort"
    SUPERSEDE = "supersede"
    """Said by a newer rollout, never by a person."""
    RETRY = "retry"
    UNDO = "undo"
    MOVE = "move"
    """Let the release that serves do so from the other slot."""
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"


STOPS = {Verb.ABORT: Outcome.ABORTED, Verb.SUPERSEDE: Outcome.SUPERSEDED}
"""Controls that end a rollout, and how it is to be recorded then."""
STEERING = frozenset(
    {
        Verb.PAUSE,
        Verb.RESUME,
        Verb.PROMOTE,
        Verb.SKIP,
        Verb.APPROVE,
        Verb.ABORT,
        Verb.SUPERSEDE,
    }
)
"""What is said to one rollout under way."""
REPEATING = frozenset({Verb.RETRY, Verb.UNDO, Verb.MOVE})
"""What starts a rollout of a release that was tried before."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command. Its id makes it the same, however often word of it comes."""

    id: str
    verb: Verb
    service: str | None
    """None for the whole environment, which can be frozen and unfrozen."""
    by: str
    why: str
    rollout_id: str | None = None
    """Which rollout is meant; None for the one under way, or the last one."""
    step: int | None = None
    """Which step to skip, from 0; None for the one it is in."""
    to: str | None = None
    """Which release an undo goes to; None for the one before the present one."""


@dataclass(frozen=True, slots=True)
class Control:
    """What one rollout has to heed."""

    id: str
    """The id of its command."""
    verb: Verb
    by: str
    why: str
    at: datetime
    step: int | None = None

    def __str__(self) -> str:
        """Say who wants what, and why."""
        step = "" if self.step is None else f" of step {self.step}"
        return f"{self.verb}{step} by {self.by}: {self.why}"


@dataclass(frozen=True, slots=True)
class Freeze:
    """A service or an environment whose rollouts must not go on."""

    id: str
    by: str
    why: str
    since: datetime

    def __str__(self) -> str:
        """Say who froze it, and why."""
        return f"frozen by {self.by}: {self.why}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a command."""

    command: Command
    accepted: bool
    reason: str
    at: datetime
    rollout_id: str | None = None
    """The rollout that heeds it, or that it started."""


@dataclass(frozen=True, slots=True)
class Word:
    """All that was said to a rollout, as of one moment."""

    stop: Control | None
    hold: str | None
    """Why the rollout must stay where it is; None where it may go on."""
    promote: Control | None
    approval: Control | None
    """The first approval; who promotes approves."""
    skipped: Mapping[int, Control]
    heard: str
    """Changes whenever something else was said."""

    @property
    def outcome(self) -> Outcome | None:
        """How a rollout that was stopped is to be recorded."""
        return STOPS[self.stop.verb] if self.stop else None

    def hurry(self, step: int) -> Control | None:
        """Return who ended the bake of a step early, None where nobody did."""
        return self.promote or self.skipped.get(step)

    def following(self, step: int, steps: int) -> int | None:
        """Return the step after `step` of `steps`, None where it was the last.

        A promotion at once goes straight to the last step.
        """
        last = steps - 1
        if step >= last:
            return None
        return last if self.promote else step + 1


def word(
    controls: Sequence[Control], freezes: Sequence[Freeze], holder: str = ""
) -> Word:
    """Return what `controls` and `freezes` mean together.

    `holder` is the rollout that holds the service's lease: one that waits its turn
    listens for that, too. The first stop counts, and the last of pause and resume.
    """
    ordered = sorted(controls, key=lambda control: (control.at, control.id))

    def first(verbs: Collection[Verb]) -> Control | None:
        return next((c for c in ordered if c.verb in verbs), None)

    pausing = [c for c in ordered if c.verb in (Verb.PAUSE, Verb.RESUME)]
    paused = pausing[-1] if pausing and pausing[-1].verb is Verb.PAUSE else None
    holds = [str(held) for held in (paused, *freezes) if held is not None]
    said = [holder, *(c.id for c in ordered), *(f.id for f in freezes)]
    return Word(
        stop=first(STOPS),
        hold="; ".join(holds) or None,
        promote=first({Verb.PROMOTE}),
        approval=first({Verb.APPROVE, Verb.PROMOTE}),
        skipped={
            c.step: c for c in ordered if c.verb is Verb.SKIP and c.step is not None
        },
        heard=hashlib.sha256("\n".join(said).encode()).hexdigest()[:16],
    )


def read_command(event: Mapping[str, Any], environment: str) -> Command | None:
    """Read a `Slipway Command` event, None where it is for another environment.

    Raises InvalidRecord, naming the field, for an event of another shape.
    """
    detail = event.get("detail")
    if not isinstance(detail, dict):
        raise InvalidRecord("the event has no detail, so it is no command")
    if _text(detail, "environment") != environment:
        return None
    verb = _verb(detail)
    service = detail.get("service")
    if service is None and verb not in (Verb.FREEZE, Verb.UNFREEZE):
        raise InvalidRecord(f"detail.service is missing: {verb} is for one service")
    step = detail.get("step")
    if step is not None and (isinstance(step, bool) or not isinstance(step, int)):
        raise InvalidRecord(f"detail.step must be a whole number, not {step!r}")
    return Command(
        id=_text(detail, "id"),
        verb=verb,
        service=None if service is None else _text(detail, "service"),
        by=_text(detail, "by"),
        why=_text(detail, "why"),
        rollout_id=_maybe(detail, "rollout_id"),
        step=step,
        to=_maybe(detail, "to"),
    )


def _verb(detail: Mapping[str, Any]) -> Verb:
    known = sorted(set(Verb) - {Verb.SUPERSEDE})
    text = _text(detail, "verb")
    if text not in known:
        raise InvalidRecord(f"detail.verb must be one of {', '.join(known)}: {text!r}")
    return Verb(text)


def _text(detail: Mapping[str, Any], field: str) -> str:
    value = detail.get(field)
    if not isinstance(value, str) or not value.strip():
        raise InvalidRecord(f"detail.{field} is missing, so nothing can be done")
    if len(value) > LONGEST_TEXT:
        raise InvalidRecord(f"detail.{field} is longer than {LONGEST_TEXT} characters")
    return value


def _maybe(detail: Mapping[str, Any], field: str) -> str | None:
    return None if detail.get(field) is None else _text(detail, field)
