"""Hearing what people say to a rollout, and waking rollouts that wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.domain.control import Word, word
from slipway.gateways.journal import NOBODY

if TYPE_CHECKING:
    from slipway.domain.rollout import Rollout
    from slipway.wiring import App


def word_of(rollout: Rollout, app: App, *, holder: str | None = None) -> Word:
    """Return what was said to a rollout up to now.

    `holder` is who holds the lease, where that is not the rollout itself.
    """
    return word(
        app.journal.controls(rollout),
        app.journal.freezes(rollout.service.name),
        rollout.id if holder is None else holder,
    )


def waiting_word(rollout: Rollout, app: App) -> Word:
    """Return what was said to a rollout that may not hold its lease yet."""
    lease = app.journal.lease(rollout.service.name)
    return word_of(rollout, app, holder=lease.rollout_id if lease else NOBODY)


def wake(app: App, service: str | None) -> None:
    """Wake the rollouts of a service, or of all, to look again now.

    Whoever says something stores it first and wakes then; whoever waits stores its
    token first and listens then. So one of the two sees the other.
    """
    for waiting in app.journal.open_rollouts(service):
        token = app.journal.token(waiting.service, waiting.rollout_id)
        if token is not None:
            app.tokens.wake(token)
