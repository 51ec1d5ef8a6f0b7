"""Making way: a newer cause ends the rollout of an older one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway import clock
from slipway.domain.control import Control, Verb
from slipway.errors import NotFound
from slipway.hearing import wake

if TYPE_CHECKING:
    from slipway.domain.rollout import Rollout
    from slipway.wiring import App


def supersede(rollout: Rollout, holder_id: str, app: App) -> str:
    """Tell an older rollout that holds the lease to end; return what `rollout` does.

    It says so once. One that is promoted, or ends anyhow, is let be: the lease comes
    free by itself.
    """
    name = rollout.service.name
    if not holder_id or holder_id == rollout.id:
        return "a write of the last holder may still be under way"
    waits = f"rollout {holder_id} is under way"
    if not rollout.service.rollout.supersede:
        return waits
    try:
        holder = app.journal.rollout(name, holder_id)
    except NotFound:
        return waits
    if holder.cause.ordered_at >= rollout.cause.ordered_at:
        return waits
    control = Control(
        id=f"superseded-by-{rollout.id}",
        verb=Verb.SUPERSEDE,
        by=f"rollout {rollout.id}",
        why=f"{rollout.cause.tag} is newer than {holder.cause.tag}",
        at=clock.now(),
    )
    if control.id not in {known.id for known in app.journal.controls(holder)}:
        app.journal.put_control(name, holder.id, control, None)
    wake(app, name)
    return f"{waits} and makes way"
