"""A run of provisioning: what it goes by, and what came of it."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Result(StrEnum):
    """How a run ended."""

    DONE = "done"
    """What manifests say is so; a release that they ask for may be on its way."""
    WAITING = "waiting"
    """So it is, but for services in which a rollout is under way."""
    REFUSED = "refused"
    """Nothing was written: manifests do not hold, or cannot be."""
    FAILED = "failed"
    """It ended half-way; run again, it goes on from there."""


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """One file of the manifests' bucket, as it was at one moment."""

    path: str
    version: str


def run_name(versions: Iterable[Version]) -> str:
    """Return the name of the run that goes by these files: equal files, equal name.

    Deletions are to be among them, or a file that was added and deleted again would
    leave the name of a run that was.
    """
    text = "\n".join(f"{one.path} {one.version}" for one in sorted(versions))
    return f"provision-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class Removal:
    """What takes a whole environment away says beside that."""

    logs: bool = False
    """Whether log groups go too, with all entries in them."""


@dataclass(frozen=True, slots=True)
class ProvisionRequest:
    """Which run a stage belongs to, and which files it goes by."""

    payload_version: int
    run: str
    versions: tuple[Version, ...] = ()
    services: tuple[str, ...] = ()
    """For the stages that work on some services."""
    removal: Removal | None = None
    """Nothing is wanted any more; None where manifests say what is."""
    result: Result | None = None
    problems: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()
    """The last three are for the stage that records."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The run whose turn it is."""

    run: str
    seen_at: datetime
    """When it last said that it is there."""
    until: datetime
    """From then on the next run need not wait for it."""

    def is_silent(self, now: datetime) -> bool:
        """Whether it was silent for so long that it may be dead."""
        return self.until <= now


@dataclass(frozen=True, slots=True)
class Report:
    """One run: its name, and its result."""

    run: str
    result: Result
    at: datetime
    problems: tuple[str, ...] = ()
    """Why it refused or failed."""
    waits: tuple[str, ...] = ()
    """Services that it left, each with the reason."""
