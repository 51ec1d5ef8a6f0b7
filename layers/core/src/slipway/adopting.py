"""Adopting: what an ECS service ran before Slipway becomes its first release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway import clock
from slipway.domain.adoption import adoption, release_that_runs, unlike
from slipway.domain.release import image_in
from slipway.errors import Refused, Unavailable
from slipway.fence import borrowed

if TYPE_CHECKING:
    from slipway.domain.adoption import Running
    from slipway.domain.release import Image, Release
    from slipway.domain.service import Service, Slot
    from slipway.estate import Estate


def adopt(service: Service, slot: Slot, app: Estate) -> str:
    """Remember what runs in a slot as the release that serves; return it in words.

    Nothing of the service is changed. Raises Unavailable until its tasks are of one
    deployment, and Refused where the next release would be of another shape.
    """
    ecs_service = service.slots[slot]
    with borrowed(service.name, app):
        running = app.running_services.running(ecs_service)
        if not running.is_steady:
            raise Unavailable(f"{ecs_service} is not steady: it is waited for")
        release = checked(service, running, app)
        image = image_of(service, release, running, app)
        rollout = adoption(service, release, image, at=clock.now())
        app.journal.adopt(rollout, running.revision, clock.now())
    return f"release {release.id} of {service.name} is {running.revision}"


def checked(service: Service, running: Running, app: Estate) -> Release:
    """Return what runs as a release of the service; raise Refused where it is not."""
    try:
        release = release_that_runs(service, running)
    except ValueError as error:
        raise Refused(f"{service.name}: {error}") from error
    others = unlike(running.definition, release, region=app.settings.region)
    if others:
        raise Refused(
            f"{service.name} runs what its manifest does not tell: {'; '.join(others)}"
        )
    return release


def image_of(
    service: Service, release: Release, running: Running, app: Estate
) -> Image:
    """Return the image that serves; raise Refused where the registry has lost it."""
    digest = release.image.partition("@")[2]
    own = service.task.container_name or service.name
    containers = running.definition["containerDefinitions"]
    written = next(one["image"] for one in containers if one["name"] == own)
    named = image_in(service.registry, written)
    if named is None or named.repository != service.repository:
        raise Refused(
            f"{service.name} runs {written}, and its manifest names "
            f"{service.repository}: correct image.location"
        )
    image = app.registry.digest(service.repository, named.tag, digest)
    if image is None:
        raise Refused(
            f"{service.repository}@{digest}, which {service.name} runs, is no longer "
            "in the registry: deploy an image that is there"
        )
    return image
