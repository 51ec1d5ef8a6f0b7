"""Admission, joined: what keeps a push back, read from the journal and CloudWatch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway import clock
from slipway.domain.admission import (
    AWAITS_ALARMS,
    AWAITS_APPROVAL,
    AWAITS_HOURS,
    at_its_turn,
    before_its_turn,
    is_gated,
)
from slipway.domain.gates import too_old
from slipway.domain.pace import Turn
from slipway.gateways.events import APPROVAL_WANTED
from slipway.hearing import word_of
from slipway.stage import moments, note
from slipway.superseding import supersede

if TYPE_CHECKING:
    from slipway.domain.admission import KeptBack
    from slipway.domain.control import Word
    from slipway.domain.rollout import Rollout
    from slipway.wiring import App


def unready(rollout: Rollout, word: Word, app: App) -> Turn | None:
    """Return why a push may not take its place in the queue of starts yet.

    A rollout under way is let be.
    """
    kept = before_its_turn(rollout, word, clock.now())
    if kept is None or _has_begun(rollout, app):
        return None
    return _keep_back(rollout, kept, app)


def alarmed(
    rollout: Rollout, word: Word, starts_at: str | None, app: App
) -> Turn | None:
    """Return why a push may not begin though its turn has come.

    An older push under way is ended all the same: it may be why an alarm rings.
    """
    names = rollout.service.rollout.gates.alarms
    if not names or not is_gated(rollout, word) or _has_begun(rollout, app):
        return None
    since = moments(rollout, app).get(AWAITS_ALARMS)
    kept = at_its_turn(rollout, app.alarms.states(names), since, clock.now())
    if kept is None:
        return None
    lease = app.journal.lease(rollout.service.name)
    if lease is not None and kept.outcome is None:
        name = rollout.service.name
        under_way = app.journal.find_rollout(name, lease.rollout_id)
        if under_way and is_gated(under_way, word_of(under_way, app)):
            supersede(rollout, under_way.id, app)
    return _keep_back(rollout, kept, app, starts_at)


def _has_begun(rollout: Rollout, app: App) -> bool:
    """Whether a rollout holds its lease: it may be asked again."""
    lease = app.journal.lease(rollout.service.name)
    return lease is not None and lease.rollout_id == rollout.id


def _keep_back(
    rollout: Rollout, kept: KeptBack, app: App, starts_at: str | None = None
) -> Turn:
    """Note what a push waits for; end older ones that wait, too."""
    name = rollout.service.name
    stale = too_old(name, rollout.cause, app.journal.watermark(name))
    if stale.outcome is not None:
        return Turn(starts_at, 0, stale.reason, stale.outcome)
    if kept.outcome is None:
        _end_older(rollout, app)
        if kept.mark == AWAITS_APPROVAL:
            _ask_for_approval(rollout, kept.reason, app)
        # Hours may come and go while it is paused or frozen.
        note(app, rollout, kept.mark, kept.reason, again=kept.mark == AWAITS_HOURS)
    return Turn(starts_at, kept.wait_seconds, kept.reason, kept.outcome)


def _end_older(rollout: Rollout, app: App) -> None:
    """End older pushes that wait, too; not what people asked for, or let begin."""
    name, lease = rollout.service.name, app.journal.lease(rollout.service.name)
    for other in app.journal.open_rollouts(name):
        known = app.journal.find_rollout(name, other.rollout_id)
        if known is None or known.sides or (lease and lease.rollout_id == known.id):
            continue
        word = word_of(known, app)
        if is_gated(known, word) and word.approval is None:
            supersede(rollout, known.id, app)


def _ask_for_approval(rollout: Rollout, reason: str, app: App) -> None:
    if AWAITS_APPROVAL in moments(rollout, app):
        return
    cause, release = rollout.cause, rollout.release
    facts = {
        "service": rollout.service.name,
        "rollout_id": rollout.id,
        "release": release.id,
        "tag": cause.tag,
        "digest": cause.digest,
        "reason": reason,
    }
    app.events.announce(APPROVAL_WANTED, facts)
