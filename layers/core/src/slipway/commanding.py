"""Carrying out what people command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway import clock
from slipway.domain.control import (
    REPEATING,
    STEERING,
    STOPS,
    Answer,
    Command,
    Control,
    Freeze,
    Verb,
)
from slipway.domain.release import Ask, Cause
from slipway.domain.rollout import Outcome
from slipway.errors import NotFound
from slipway.hearing import wake
from slipway.starting import newest_moment, start

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from slipway.domain.rollout import Rollout, ServiceState
    from slipway.gateways.journal import Entry
    from slipway.wiring import App


def obey(command: Command, app: App) -> Answer:
    """Carry out a command once, however often word of it comes; wake who waits."""
    answer = app.journal.answer(command.service, command.id)
    if answer is None:
        decided = _carry_out(command, app)
        # Where the same command was carried out beside this one, the first one counts.
        answer = app.journal.answer(command.service, command.id) or decided
    if answer.accepted:
        wake(app, command.service)
    return answer


def _carry_out(command: Command, app: App) -> Answer:
    if command.service is not None:
        try:
            app.journal.service(command.service)
        except NotFound as unknown:
            return _refuse(command, f"{unknown}; correct the name", app)
    if command.verb in STEERING:
        return _steer(command, app)
    if command.verb in REPEATING:
        return _repeat(command, app)
    return _freeze(command, app)


# ----------------------------------------------------- a rollout under way


def _steer(command: Command, app: App) -> Answer:
    service = command.service or ""
    entries = app.journal.rollouts(service)
    under_way = [e.rollout for e in entries if e.outcome is None]
    if command.rollout_id is None:
        lease = app.journal.lease(service)
        holders = [r for r in under_way if lease and r.id == lease.rollout_id]
        meant = holders or under_way[-1:]
    else:
        meant = [r for r in under_way if r.id == command.rollout_id]
    if command.verb is Verb.APPROVE and command.rollout_id is None:
        return _refuse(command, _unnamed(service, under_way), app)
    if not meant:
        which = command.rollout_id or "any"
        return _refuse(command, f"{service} has no rollout under way ({which})", app)
    rollout = meant[0]
    if command.verb is Verb.PROMOTE and command.rollout_id is None:
        # That would approve it, too, by what is asked of it now.
        recorded = app.journal.find_service(service) or rollout.service
        if recorded.rollout.gates.approval and rollout.sides is None:
            return _refuse(command, _unnamed(service, under_way), app)
    if command.verb is Verb.APPROVE and rollout.sides is not None:
        return _refuse(command, f"too late: rollout {rollout.id} has begun", app)
    step = command.step
    if command.verb is Verb.SKIP and step is None:
        step = _present_step(rollout, app)
    control = Control(
        command.id, command.verb, command.by, command.why, clock.now(), step
    )
    reason = f"rollout {rollout.id} heeds: {control}"
    answer = Answer(
        command, accepted=True, reason=reason, at=control.at, rollout_id=rollout.id
    )
    if app.journal.put_control(service, rollout.id, control, answer):
        return answer
    late = f"too late: rollout {rollout.id} is promoted or closed already"
    hint = "; undo it instead" if command.verb in STOPS else ""
    return _refuse(command, late + hint, app)


def _unnamed(service: str, under_way: Sequence[Rollout]) -> str:
    """Say which rollouts wait: nobody should approve what he did not see."""
    waiting = [f"{r.id} ({r.version})" for r in under_way if r.sides is None]
    there = f"there is {', '.join(waiting)}" if waiting else "none waits"
    return f"say by its id which rollout of {service} may begin; {there}"


def _present_step(rollout: Rollout, app: App) -> int:
    """Return the step that a rollout is in, by what it did last; the first before."""
    names = [mark.name for mark in app.journal.marks(rollout)]
    steps = [int(n.rpartition("-")[2]) for n in names if n.startswith("capacity-")]
    return max(steps, default=0)


# ----------------------------------------------------- a release once more


def _repeat(command: Command, app: App) -> Answer:
    service = command.service or ""
    frozen = app.journal.freezes(service)
    if frozen:
        return _refuse(command, f"{service} is {frozen[0]}; unfreeze it first", app)
    entries = app.journal.rollouts(service)
    state = app.journal.state(service)
    if command.verb is Verb.RETRY:
        found = _to_retry(command, entries)
    elif command.verb is Verb.MOVE:
        found = _to_move(command, entries, state)
    else:
        found = _to_return_to(command, entries, state.release_id if state else None)
    if isinstance(found, str):
        return _refuse(command, found, app)
    at = newest_moment(service, app)
    cause = Cause(
        found.cause.repository,
        found.cause.tag,
        found.cause.digest,
        found.cause.pushed_at,
        Ask(
            command.id,
            command.by,
            command.why,
            at,
            found.id,
            moves=command.verb is Verb.MOVE,
        ),
    )
    rollout_id = start(service, cause, app)
    reason = f"rollout {rollout_id} brings release {found.release.id} once more"
    answer = Answer(
        command,
        accepted=True,
        reason=reason,
        at=clock.now(),
        rollout_id=rollout_id,
    )
    app.journal.put_answer(answer)
    return answer


def _to_retry(command: Command, entries: Sequence[Entry]) -> Rollout | str:
    """Return the rollout to try again: the one named, or the newest that failed."""
    ended = [e.rollout for e in entries if e.outcome not in (None, Outcome.PROMOTED)]
    if command.rollout_id is not None:
        ended = [r for r in ended if r.id == command.rollout_id]
    if not ended:
        which = command.rollout_id or "any"
        return f"{command.service} has no rollout that ended unpromoted ({which})"
    return max(ended, key=_order)


def _order(rollout: Rollout) -> datetime:
    """Order rollouts as they began: one that was made earlier may have waited."""
    return rollout.cause.ordered_at


def _to_move(
    command: Command, entries: Sequence[Entry], state: ServiceState | None
) -> Rollout | str:
    """Return the rollout of the release that serves."""
    serving = [e.rollout for e in entries if state and e.rollout.id == state.rollout_id]
    return serving[0] if serving else f"no release of {command.service} serves yet"


def _to_return_to(
    command: Command, entries: Sequence[Entry], serving: str | None
) -> Rollout | str:
    """Return a rollout of the release to go back to: the one before, or the named.

    One that never began, for its release served already, brought none.
    """
    promoted = [
        e.rollout
        for e in entries
        if e.outcome is Outcome.PROMOTED and e.rollout.sides is not None
    ]
    if command.to is not None:
        named = [r for r in promoted if r.release.id == command.to]
        if not named:
            return f"release {command.to} was never promoted in {command.service}"
        return max(named, key=_order)
    earlier = [r for r in promoted if r.release.id != serving]
    if not earlier:
        return f"{command.service} has no earlier release to go back to"
    return max(earlier, key=_order)


# ----------------------------------------------------- freezing


def _freeze(command: Command, app: App) -> Answer:
    what = command.service or "the environment"
    if command.verb is Verb.FREEZE:
        freeze = Freeze(command.id, command.by, command.why, clock.now())
        reason = f"{what} is {freeze}"
    else:
        freeze = None
        reason = f"{what} goes on, by {command.by}: {command.why}"
    app.journal.freeze(command.service, freeze)
    answer = Answer(command, accepted=True, reason=reason, at=clock.now())
    app.journal.put_answer(answer)
    return answer


def _refuse(command: Command, reason: str, app: App) -> Answer:
    answer = Answer(command, accepted=False, reason=reason, at=clock.now())
    app.journal.put_answer(answer)
    return answer
