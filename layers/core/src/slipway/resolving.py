"""Resolving, joined: whether a cause goes on, by what the registry holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.domain.gates import gate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slipway.domain.gates import Gate
    from slipway.domain.release import Cause, Image
    from slipway.domain.rollout import Rollout
    from slipway.wiring import App


def gate_of(
    rollout: Rollout, gone: Sequence[str], app: App, *, known: bool = False
) -> Gate:
    """Decide whether a rollout goes on, by what the registry holds now.

    `gone` are images of its release's sidecars that are not there. What the tag names
    counts once: for one that is `known`, a newer push says itself what becomes of it.
    """
    name = rollout.service.name
    return gate(
        rollout.service,
        rollout.cause,
        image=_image(rollout.cause, app, by_digest=known),
        release=rollout.release,
        state=app.journal.state(name),
        watermark=app.journal.watermark(name),
        gone=gone,
    )


def _image(cause: Cause, app: App, *, by_digest: bool) -> Image | None:
    """Return what the tag names now; a person asks for a digest, whatever its tag."""
    if by_digest or cause.ask is not None:
        return app.registry.digest(cause.repository, cause.tag, cause.digest)
    return app.registry.image(cause.repository, cause.tag)
