"""What the journal knows of a service when its resources are asked for."""

from dataclasses import dataclass

from slipway.domain.release import Release
from slipway.domain.rollout import ServiceState
from slipway.domain.service import Slot
from slipway.manifests.records import ServiceRecord


@dataclass(frozen=True, slots=True)
class Standing:
    """What the journal knows of a service; nothing of a new one."""

    state: ServiceState | None = None
    revision: str | None = None
    """The task definition of the release that serves."""
    release: Release | None = None
    """The release that serves."""
    rollout_id: str | None = None
    """A rollout under way."""
    as_adopted: bool = False
    """Whether what serves is what was there before Slipway."""
    version: str = ""
    """What people call the release that serves."""

    @property
    def in_rollout(self) -> bool:
        """Whether a rollout is under way."""
        return self.rollout_id is not None


NEW = Standing()


def serves(service: ServiceRecord, standing: Standing, slot: Slot) -> bool:
    """Whether a slot serves; an adopted one did so before the journal knew of it."""
    if standing.state is not None:
        return slot is standing.state.primary
    return service.manifest.adopted is not None and slot is Slot.A


def as_adopted(service: ServiceRecord, standing: Standing) -> bool:
    """Whether the tasks that serve are those that were there before Slipway.

    Nothing that would replace them is compared then.
    """
    is_new = standing.state is None and service.manifest.adopted is not None
    return is_new or standing.as_adopted
