"""A rollout: one attempt to make a release the primary."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from slipway.domain.release import Cause, Release
from slipway.domain.service import ALL_TRAFFIC, Service, Slot, Step


class Outcome(StrEnum):
    """How a rollout ended."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolled-back"
    ABORTED = "aborted"
    SUPERSEDED = "superseded"
    REJECTED = "rejected"
    FAILED = "failed"
    """A person is needed."""


@dataclass(frozen=True, slots=True)
class Sides:
    """Which slot is what in a rollout; known once the lease is held."""

    primary: Slot | None
    """None where no release was ever healthy."""
    candidate: Slot
    base_tasks: int
    """Tasks that all the traffic needed when the rollout began."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """What a rollout is about. The service is as it was when the rollout began."""

    id: str
    service: Service
    cause: Cause
    release: Release
    created_at: datetime
    sides: Sides | None = None

    @property
    def known_sides(self) -> Sides:
        """The sides, of a rollout that holds its lease."""
        if self.sides is None:
            msg = f"rollout {self.id} does not hold the lease of {self.service.name}"
            raise ValueError(msg)
        return self.sides

    @property
    def version(self) -> str:
        """What people call the release: its image's tag."""
        return self.cause.tag or self.release.id

    @property
    def steps(self) -> tuple[Step, ...]:
        """The plan. A first release has no old one to keep, so all comes at once."""
        if self.known_sides.primary is None:
            return (Step(weight_percent=ALL_TRAFFIC, bake_seconds=0),)
        steps = self.service.rollout.steps
        if not steps or steps[-1].weight_percent != ALL_TRAFFIC:
            return (*steps, Step(weight_percent=ALL_TRAFFIC, bake_seconds=0))
        return steps


@dataclass(frozen=True, slots=True)
class ServiceState:
    """Which release serves, and from which slot."""

    primary: Slot
    release_id: str
    rollout_id: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Mark:
    """Something a rollout did, once, and when."""

    name: str
    at: datetime
    reason: str
    facts: Mapping[str, float] = field(default_factory=dict)
    """What was counted: requests and failures of both sides, where it was judged."""
