"""What a rollout's release holds: images by what they are, not by what names them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from slipway.domain.release import image_in, release_of

if TYPE_CHECKING:
    from slipway.domain.release import Cause, Release
    from slipway.domain.service import Service
    from slipway.domain.task_shape import Sidecar
    from slipway.gateways.ecr import Registry
    from slipway.wiring import App


@dataclass(frozen=True, slots=True)
class Pinned:
    """A release, and which images of its sidecars are gone."""

    release: Release
    gone: tuple[str, ...]
    """As they are written; these the release holds unchanged."""


def release_for(cause: Cause, service: Service, app: App) -> Pinned:
    """Return an image's release, or the earlier one that a person asks for."""
    if cause.ask is not None and not cause.ask.anew:
        asked = app.journal.rollout(service.name, cause.ask.rollout_id).release
        return pinned(asked, service.registry, app.registry)
    subnet_ids = service.subnet_ids or app.settings.subnet_ids
    release = release_of(service, cause.digest, subnet_ids=subnet_ids)
    return pinned(release, service.registry, app.registry)


def pinned(release: Release, host: str, registry: Registry) -> Pinned:
    """Look up the sidecars' images that are in the registry `host`, and pin them.

    An image in another registry stays as it is written. Where that is a tag, ECS
    resolves it once for each deployment, by its first task, and all others run what
    that found (Amazon ECS Developer Guide, deployment-type-ecs, container image
    resolution). So tasks of a slot are equal, and a return to an earlier release may
    bring another image. Who minds writes the digest.
    """
    found = [(s, _pinned(s, host, registry)) for s in release.task.sidecars]
    sidecars = tuple(now or before for before, now in found)
    gone = tuple(before.image for before, now in found if now is None)
    return Pinned(replace(release, task=replace(release.task, sidecars=sidecars)), gone)


def _pinned(sidecar: Sidecar, host: str, registry: Registry) -> Sidecar | None:
    """Return a sidecar whose image cannot change any more; None where it is gone."""
    named = image_in(host, sidecar.image)
    if named is None:
        return sidecar
    image = (
        registry.digest(named.repository, named.tag, named.digest)
        if named.digest
        else registry.image(named.repository, named.tag)
    )
    if image is None:
        return None
    return replace(sidecar, image=f"{host}/{named.repository}@{image.digest}")
