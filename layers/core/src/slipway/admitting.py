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
    if kept is None:
        return None
    holder = _holder(rollout, app)
    if holder == rollout.id:
        return None
    return _keep_back(rollout, kept, holder, app)


def alarmed(
    rollout: Rollout, word: Word, starts_at: str | None, app: App
) -> Turn | None:
    """Return why a push may not begin though its turn has come.

    An older push under way is ended all the same: it may be why an alarm rings.
    """
    names = rollout.service.rollout.gates.alarms
    if not names or not is_gated(rollout, word):
        return None
    holder = _holder(rollout, app)
    if holder == rollout.id:
        return None
    since = moments(rollout, app).get(AWAITS_ALARMS)
    kept = at_its_turn(rollout, app.alarms.states(names), since, clock.now())
    if kept is None:
        return None
    if holder is not None and kept.outcome is None:
        under_way = app.journal.find_rollout(rollout.service.name, holder)
        if under_way and is_gated(under_way, word_of(under_way, app)):
            supersede(rollout, holder, app)
    return _keep_back(rollout, kept, holder, app, starts_at)


def _holder(rollout: Rollout, app: App) -> str | None:
    """Return which rollout has the lease: this one, where it has begun before."""
    lease = app.journal.lease(rollout.service.name)
    return lease.rollout_id if lease else None


def _keep_back(
    rollout: Rollout,
    kept: KeptBack,
    holder: str | None,
    app: App,
    starts_at: str | None = None,
) -> Turn:
    """Note what a push waits for; end older ones that wait, too."""
    name = rollout.service.name
    stale = too_old(name, rollout.cause, app.journal.watermark(name))
    if stale.outcome is not None:
        return Turn(starts_at, 0, stale.reason, stale.outcome)
    if kept.outcome is None:
        _end_older(rollout, holder, app)
        if kept.mark == AWAITS_APPROVAL:
            _ask_for_approval(rollout, kept.reason, app)
        # Hours may come and go while it is paused or frozen.
        note(app, rollout, kept.mark, kept.reason, again=kept.mark == AWAITS_HOURS)
    return Turn(starts_at, kept.wait_seconds, kept.reason, kept.outcome)


def _end_older(rollout: Rollout, holder: str | None, app: App) -> None:
    """End older pushes that wait, too; not what people asked for, or let begin."""
    name = rollout.service.name
    for other in app.journal.open_rollouts(name):
        known = app.journal.find_rollout(name, other.rollout_id)
        if known is None or known.sides or known.id == holder:
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
