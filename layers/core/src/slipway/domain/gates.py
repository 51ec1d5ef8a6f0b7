"""Whether a cause may become a rollout at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from slipway.domain.release import Cause, Image, Release
from slipway.domain.rollout import Outcome, Rollout, ServiceState
from slipway.domain.service import Service


@dataclass(frozen=True, slots=True)
class Gate:
    """Go on where `outcome` is None; else the rollout ends here with it."""

    outcome: Outcome | None
    reason: str


@dataclass(frozen=True, slots=True)
class Watermark:
    """The newest cause of a service that became a rollout. Never expires."""

    ordered_at: datetime
    rollout_id: str


def gate(
    service: Service,
    cause: Cause,
    *,
    image: Image | None,
    release: Release,
    state: ServiceState | None,
    watermark: Watermark | None,
    gone: Sequence[str] = (),
) -> Gate:
    """Decide whether `cause` goes on.

    `image` is what the registry holds now under the cause's tag, or under its digest
    where a person asks for it; None where nothing. `gone` are images of the release's
    sidecars that the registry does not hold.
    """
    refusal = None if cause.ask else _not_for(service, cause)
    if refusal is not None:
        return Gate(Outcome.REJECTED, refusal)
    if image is None:
        return Gate(
            Outcome.REJECTED,
            f"no image is left under {cause.repository}:{cause.tag}; push a new one",
        )
    if image.digest != cause.digest:
        return Gate(
            Outcome.SUPERSEDED,
            f"{cause.repository}:{cause.tag} is {image.digest} by now",
        )
    stale = too_old(service.name, cause, watermark)
    if stale.outcome is not None:
        serves = state is not None and state.release_id == release.id
        return _serves(service, release) if serves else stale
    if gone:
        return Gate(
            Outcome.REJECTED,
            f"no image is left under {', '.join(gone)}, which {service.name}'s "
            "sidecars run; push it and retry, or change the record and push a new "
            f"{cause.repository}",
        )
    return Gate(None, f"release {release.id} may roll out")


def _not_for(service: Service, cause: Cause) -> str | None:
    """Say why a push is not for a service, None where it is."""
    if cause.repository != service.repository:
        return (
            f"{service.name} runs images of {service.repository}, "
            f"not of {cause.repository}"
        )
    if not service.hears(cause.tag):
        return f"tag {cause.tag} does not match {service.name}'s {service.tag_pattern}"
    return None


def too_old(service: str, cause: Cause, watermark: Watermark | None) -> Gate:
    """Refuse a cause at or before the watermark, unless it is the watermark's own."""
    if watermark is None or cause.ordered_at > watermark.ordered_at:
        return Gate(None, "newer than everything that was rolled out")
    if watermark.rollout_id == cause.rollout_id(service):
        return Gate(None, "this rollout set the watermark itself")
    return Gate(
        Outcome.SUPERSEDED,
        f"{cause.repository}:{cause.tag} of {cause.ordered_at.isoformat()} is not "
        f"newer than what rollout {watermark.rollout_id} brought",
    )


def settled(rollout: Rollout, state: ServiceState | None, *, is_open: bool) -> Gate:
    """Decide, once the lease is held, whether there is anything to roll out.

    `is_open` says whether the service's own rules forward or, where it has none,
    whether it has tasks; it counts where no release is known to serve. Then somebody
    else's does: nothing may be taken from it.
    """
    service, release = rollout.service, rollout.release
    if state is None and is_open:
        close = "close its rules with a fixed response, its listeners by their groups"
        empty = "scale both slots to 0"
        return Gate(
            Outcome.FAILED,
            f"{service.name} has traffic and the journal knows no primary of it: "
            f"restore the journal, or {close if service.bindings else empty}",
        )
    if state is not None and state.release_id == release.id:
        ask = rollout.cause.ask
        if not (ask and ask.moves and state.rollout_id == ask.rollout_id):
            return _serves(service, release)
    return Gate(None, f"the lease is held; release {release.id} may roll out")


def _serves(service: Service, release: Release) -> Gate:
    return Gate(
        Outcome.PROMOTED, f"release {release.id} is {service.name}'s primary already"
    )
