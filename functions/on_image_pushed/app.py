"""Start a rollout of every service that a pushed image is for.

An execution's name comes from its cause, so the same push starts each rollout once.
"""

from typing import Any

from slipway.domain.pushes import read_push
from slipway.domain.release import Cause
from slipway.errors import FinalError, NotFound, NotMeant
from slipway.reaction import reaction, reject
from slipway.stage import PAYLOAD_VERSION
from slipway.telemetry import logger
from slipway.wiring import App


def run(event: dict[str, Any], app: App) -> None:
    """Read the event, ask the registry what is true, start what hears the tag."""
    push = read_push(event)
    names = app.journal.services_of_repository(push.repository)
    if not names:
        raise NotMeant(f"no service runs images of {push.repository}")
    image = app.registry.image(push.repository, push.tag)
    if image is None:
        raise NotFound(f"{push.repository}:{push.tag} is gone; push it again")
    cause = Cause(image.repository, image.tag, image.digest, image.pushed_at)
    for name in names:
        try:
            _start(name, cause, app)
        except FinalError as error:
            reject(error, service_name=name)


def _start(name: str, cause: Cause, app: App) -> None:
    if not app.journal.service(name).hears(cause.tag):
        return
    rollout_id = cause.rollout_id(name)
    started = app.rollouts.start(
        rollout_id,
        {
            "payload_version": PAYLOAD_VERSION,
            "service": name,
            "rollout_id": rollout_id,
            "cause": {
                "repository": cause.repository,
                "tag": cause.tag,
                "digest": cause.digest,
                "pushed_at": cause.pushed_at.isoformat(),
            },
        },
    )
    facts = {"service_name": name, "rollout_id": rollout_id}
    logger.info("rollout started" if started else "rollout is known", extra=facts)


handler = reaction(run)
