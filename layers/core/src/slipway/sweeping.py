"""What the sweep looks after: events are hints, and some never come."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from slipway import clock
from slipway.domain.provision_run import Result, run_name
from slipway.domain.release import Cause, Image
from slipway.domain.rollout import Outcome, Rollout
from slipway.errors import SlipwayError
from slipway.pinning import release_for
from slipway.reaction import UNUSABLE, reject
from slipway.recovering import recover
from slipway.starting import start, start_provision

if TYPE_CHECKING:
    from datetime import datetime

    from slipway.domain.service import Service
    from slipway.estate import Estate
    from slipway.wiring import App

ROUND_MINUTES = 15
"""Each service's images are looked through once in so many minutes."""

QUICK_ATTEMPTS = 3
"""Recoveries that follow each other by the minute; later ones once a round."""


def recover_dead(now: datetime, app: App) -> None:
    """Restore after every open rollout whose execution is gone."""
    for known in app.journal.open_rollouts():
        if known.attempt < QUICK_ATTEMPTS or now.minute % ROUND_MINUTES == 0:
            why = "its execution is gone and no word of that came"
            recover(known, why, Outcome.ROLLED_BACK, app)


def start_missed(now: datetime, app: App) -> None:
    """Start rollouts of images that were pushed and of which no word came."""
    images: dict[str, list[Image]] = {}
    problem: SlipwayError | None = None
    for name in app.journal.services():
        if _turn(name) != now.minute % ROUND_MINUTES:
            continue
        try:
            service = app.journal.service(name)
            if service.repository not in images:
                images[service.repository] = app.registry.tagged(service.repository)
            _start_newest(service, images[service.repository], app)
        except UNUSABLE as error:
            reject(error, service_name=name)
        except SlipwayError as error:
            problem = error
    if problem is not None:
        raise problem


def provision_missed(app: Estate) -> None:
    """Start provisioning where manifests changed and no word of that came.

    And where a run left services to rollouts: once these have ended.
    """
    marks = app.manifests.marks()
    if not marks:
        return
    name, last = run_name(marks), app.journal.last_provision()
    if app.journal.provision(name) is None:
        start_provision(name, app)
    elif last and last.run.startswith(name) and last.result is Result.WAITING:
        # Not where the last run took the environment away.
        waits = " ".join(last.waits)
        if not any(one.rollout_id in waits for one in app.journal.open_rollouts()):
            start_provision(f"{name}-{last.at:%y%m%d%H%M%S}", app)


def _start_newest(service: Service, images: list[Image], app: App) -> None:
    newest = next((image for image in images if service.hears(image.tag)), None)
    if newest is None:
        return
    watermark = app.journal.watermark(service.name)
    if watermark is not None and newest.pushed_at <= watermark.ordered_at:
        return
    cause = Cause(newest.repository, newest.tag, newest.digest, newest.pushed_at)
    rollout_id = start(service.name, cause, app)
    if not app.rollouts.is_running(rollout_id):
        # It may have ended before it was stored. As it is open now, it is recovered.
        release = release_for(cause, service, app).release
        app.journal.begin(Rollout(rollout_id, service, cause, release, clock.now()))


def _turn(service: str) -> int:
    """Return the minute of a round in which a service's images are looked through."""
    return hashlib.sha256(service.encode()).digest()[0] % ROUND_MINUTES
