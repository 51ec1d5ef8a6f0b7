"""Resolving: the release that a cause brings to a service, and whether it may."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from slipway.domain.gates import Gate, gate
from slipway.domain.rollout import Outcome
from slipway.errors import NotFound
from slipway.pinning import release_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slipway.domain.release import Cause, Image
    from slipway.domain.rollout import Rollout
    from slipway.wiring import App


def gate_of(rollout: Rollout, gone: Sequence[str], app: App) -> Gate:
    """Decide whether a rollout goes on, by what the registry holds now.

    `gone` are images of its release's sidecars that are not there.
    """
    name = rollout.service.name
    return gate(
        rollout.service,
        rollout.cause,
        image=_image(rollout.cause, app),
        release=rollout.release,
        state=app.journal.state(name),
        watermark=app.journal.watermark(name),
        gone=gone,
    )


def _image(cause: Cause, app: App) -> Image | None:
    """Return what the tag names now; a person asks for a digest, whatever its tag."""
    if cause.ask is not None:
        return app.registry.digest(cause.repository, cause.tag, cause.digest)
    return app.registry.image(cause.repository, cause.tag)


def as_recorded(rollout: Rollout, app: App) -> tuple[Rollout, Gate]:
    """Return a rollout as its service is recorded now, until it has begun.

    A push may wait for days, and manifests go on meanwhile: bounds, rules, what shapes
    tasks, and what keeps it back. With it whether it may roll out there.
    """
    if rollout.sides is not None:
        return rollout, Gate(None, "it has begun: its service stays as it was then")
    try:
        service = app.journal.service(rollout.service.name)
    except NotFound:
        reason = f"there is no service {rollout.service.name} any more"
        return rollout, Gate(Outcome.REJECTED, reason)
    if service == rollout.service:
        return rollout, Gate(None, "the service is recorded as it was")
    found = release_for(rollout.cause, service, app)
    renewed = replace(rollout, service=service, release=found.release)
    return renewed, gate_of(renewed, found.gone, app)
