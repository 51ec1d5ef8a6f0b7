"""Start a rollout of every service that a pushed image is for.

An execution's name comes from its cause, so the same push starts each rollout once.
"""

from typing import Any

from slipway.domain.pushes import read_push
from slipway.domain.release import Cause
from slipway.errors import NotFound, NotMeant, SlipwayError
from slipway.reaction import UNUSABLE, reaction, reject
from slipway.starting import start
from slipway.wiring import App


def run(event: dict[str, Any], app: App) -> None:
    """Read the event, ask the registry what is true, start what hears the tag."""
    push = read_push(event)
    names = app.journal.services_of_repository(push.repository)
    if not names:
        raise NotMeant(f"no service runs images of {push.repository}")
    image = app.registry.image(push.repository, push.tag)
    if image is None:
        raise NotFound(f"{push.repository}:{push.tag} is gone; push an image")
    cause = Cause(image.repository, image.tag, image.digest, image.pushed_at)
    problem = None
    for name in names:
        try:
            if app.journal.service(name).hears(cause.tag):
                start(name, cause, app)
        except UNUSABLE as error:
            reject(error, service_name=name)
        except SlipwayError as error:
            problem = error
    if problem is not None:
        raise problem


handler = reaction(run)
