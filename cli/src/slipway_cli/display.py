"""What the command shows, as people read it and as programs do."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from slipway.domain.control import REPEATING, Command
from slipway.domain.provision_run import Result
from slipway.domain.rollout import Outcome

from slipway_cli.commands import Reply
from slipway_cli.exits import Exit
from slipway_cli.following import Followed
from slipway_cli.lookup import Wanted
from slipway_cli.status import (
    Frozen,
    ProvisionStatus,
    Role,
    RolloutStatus,
    Scope,
    ServiceStatus,
    SlotStatus,
)

ROLE_STYLES = {Role.PRIMARY: "bold green", Role.CANDIDATE: "yellow", Role.IDLE: "dim"}
RUN_STYLES = {
    Result.DONE: "green",
    Result.WAITING: "yellow",
    Result.REFUSED: "red",
    Result.FAILED: "red",
}
PROVISIONING = "provisioning"
GOOD_ENDS = frozenset({Outcome.PROMOTED, Outcome.SUPERSEDED})
AGAIN = "correct it and push again, or try the same again by `slipway retry`"
ADVICE = {
    Outcome.PROMOTED: "",
    Outcome.ROLLED_BACK: AGAIN,
    Outcome.ABORTED: AGAIN,
    Outcome.SUPERSEDED: "wait for the newer one, by `slipway wait` without an id",
    Outcome.REJECTED: "correct what the reason names, and push again",
    Outcome.FAILED: "a person is needed: docs/operations.md says what to do",
}
"""What to do after each end."""
type Facts = dict[str, object]


# ----------------------------------------------------- for programs


def as_json(facts: Mapping[str, object]) -> str:
    """Return one JSON document; times in ISO 8601."""
    return json.dumps(facts, default=_text, indent=2)


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} has no place in a document")


def status_facts(
    environment: str,
    services: Sequence[ServiceStatus],
    provision: ProvisionStatus,
    now: datetime,
) -> Facts:
    """Return a status as data."""
    return {
        "environment": environment,
        "at": now,
        "provision": asdict(provision),
        "services": [asdict(service) for service in services],
    }


def reply_facts(reply: Reply, environment: str) -> Facts:
    """Return a command and its answer as data."""
    answer = asdict(reply.answer) if reply.answer else None
    if answer is not None:
        del answer["command"]
    return {
        "environment": environment,
        "command": asdict(reply.command),
        "answer": answer,
        "problem": reply.problem,
    }


def followed_facts(followed: Followed) -> Facts:
    """Return what was seen of a rollout as data."""
    rollout = followed.rollout
    return {
        "rollout_id": rollout.id if rollout else None,
        "release_id": rollout.release.id if rollout else None,
        "tag": rollout.cause.tag if rollout else None,
        "digest": rollout.cause.digest if rollout else None,
        "marks": [asdict(mark) for mark in followed.marks],
        "hold": followed.hold,
        "outcome": followed.outcome,
        "reason": followed.reason,
    }


# ----------------------------------------------------- commands and waiting, for people


def say(text: str, code: Exit) -> None:
    """Print a line: in red, and where errors go, unless all is well."""
    good = code is Exit.DONE
    typer.secho(text, fg=None if good else "red", err=not good)


def teller(*, as_document: bool) -> Callable[[str], None]:
    """Return what prints the news of a rollout: nothing beside a document."""
    return (lambda _: None) if as_document else typer.echo


def named(command: Command, environment: str) -> str:
    """Say what was commanded, and of what."""
    return f"{command.verb} {command.service or f'environment {environment}'}"


def replied(reply: Reply, environment: str, *, waited: bool) -> str:
    """Say what was decided and why, or what to do where nobody knows."""
    command, answer = reply.command, reply.answer
    what = named(command, environment)
    status = f"slipway status {command.service or ''}".rstrip()
    look = f"`{status} --environment {environment}`"
    again = f"repeat it with --id {command.id}, which counts once, to see the answer"
    if answer is None and not waited:
        return f"{what}: sent as command {command.id}; {again}"
    if answer is None:
        why = f" ({reply.problem})" if reply.problem else ""
        return (
            f"{what}: no answer yet{why}, and it may still be taken: "
            f"look with {look}, or {again}; if none ever comes, see the log of "
            "OnCommandFunction and its dead letters"
        )
    if not answer.accepted:
        return f"{what}: refused: {answer.reason}; see {look}"
    lines = [f"{what}: accepted: {answer.reason}"]
    if command.verb in REPEATING:
        lines.append(f"rollout: {answer.rollout_id}")
    return "\n".join(lines)


def ended(followed: Followed, service: str, wanted: Wanted, environment: str) -> str:
    """Say how a rollout ended, or that it goes on, and what to do then."""
    rollout = followed.rollout
    if rollout is None:
        what = wanted.rollout_id or wanted.digest
        return (
            f"no rollout of {what} began in {service} in time: see that its tag is one "
            "that the service rolls out, then wait again"
        )
    if followed.outcome is None:
        last = followed.marks[-1].name if followed.marks else "nothing yet"
        state = followed.hold or f"it did last: {last}"
        return (
            f"rollout {rollout.id} has not ended in time and goes on ({state}): wait "
            f"again by `slipway wait {service} --rollout {rollout.id} "
            f"--environment {environment}`"
        )
    advice = ADVICE[followed.outcome]
    how = f"rollout {rollout.id} was {followed.outcome}: {followed.reason}"
    return f"{how}; {advice}" if advice else how


# ----------------------------------------------------- a status, for people


def as_tables(
    environment: str,
    services: Sequence[ServiceStatus],
    provision: ProvisionStatus,
    now: datetime,
) -> RenderableType:
    """Return a table of all slots, and a line for each rollout, run and problem."""
    runs = tuple(_runs(provision, now))
    if not services:
        return Group(Text(f"Environment {environment} has no services yet."), *runs)
    return Group(_table(environment, services), *_lines(services, now), *runs)


def _table(environment: str, services: Iterable[ServiceStatus]) -> Table:
    table = Table(title=f"Environment {environment}", title_justify="left")
    for heading in ("Service", "Slot", "Role", "Release", "Revision"):
        table.add_column(heading, overflow="fold")
    for heading in ("Desired", "Running", "Healthy", "Weight"):
        table.add_column(heading, justify="right")
    table.add_column("Launch")
    for service in services:
        for number, slot in enumerate(service.slots):
            table.add_row(
                service.name if number == 0 else "",
                *_cells(slot),
                style=ROLE_STYLES[slot.role],
                end_section=number == len(service.slots) - 1,
            )
        if service.problem is not None:
            table.add_row(service.name, *["?"] * 9, style="red", end_section=True)
    return table


def _cells(slot: SlotStatus) -> tuple[str, ...]:
    return (
        slot.ecs_service,
        slot.role,
        slot.release_id or "-",
        slot.revision,
        str(slot.desired),
        str(slot.running),
        str(slot.healthy),
        _weights(slot.weight_percents),
        slot.launch.lower().replace("_", " "),
    )


def _weights(percents: tuple[int, ...] | None) -> str:
    """Say what rules send; without rules whoever has tasks gets requests."""
    if percents is None:
        return "by tasks"
    return " / ".join(f"{share} %" for share in percents) or "closed"


def _lines(services: Iterable[ServiceStatus], now: datetime) -> Iterable[Text]:
    for service in services:
        if service.problem is not None:
            yield _line(service.name, "cannot be read", service.problem, "red")
        for frozen in service.frozen:
            yield _line(service.name, _freeze(frozen), frozen.why, "cyan")
        for rollout in service.rollouts:
            yield _line(service.name, *_progress(rollout, now), "yellow")
            yield from _said(service.name, rollout)
        if service.last is not None:
            last = service.last
            what = f"{last.tag} (release {last.release_id}) was {last.outcome}"
            style = "green" if last.outcome in GOOD_ENDS else "red"
            yield _line(service.name, what, last.reason, style)


def _progress(rollout: RolloutStatus, now: datetime) -> tuple[str, str]:
    what = f"{rollout.tag} (release {rollout.release_id})"
    if rollout.last_mark is None or rollout.last_mark_at is None:
        state = "has just begun" if rollout.holds_lease else "waits its turn"
        return f"{what} {state}", f"rollout {rollout.rollout_id}"
    ago = (now - rollout.last_mark_at).total_seconds()
    does = "rolls out" if rollout.holds_lease else "waits"
    said = f"{what} {does}: {rollout.last_mark}, {ago:.0f} s ago"
    return said, rollout.reason or ""


def _said(service: str, rollout: RolloutStatus) -> Iterable[Text]:
    if rollout.stop is not None:
        yield _line(service, f"{rollout.tag} is to end", str(rollout.stop), "red")
    elif rollout.hold is not None:
        yield _line(service, f"{rollout.tag} stays where it is", rollout.hold, "cyan")


def _runs(provision: ProvisionStatus, now: datetime) -> Iterable[Text]:
    """Say how provisioning stands, each problem and each wait in a line."""
    if provision.problem is not None:
        yield _line(PROVISIONING, "cannot be read", provision.problem, "red")
    turn, last = provision.under_way, provision.last
    if turn is not None and provision.is_silent:
        what = f"run {turn.run} fell silent at {_moment(turn.seen_at)}"
        yield _line(PROVISIONING, what, "the next run goes on from there", "red")
    elif turn is not None:
        ago = (now - turn.seen_at).total_seconds()
        what = f"run {turn.run} is under way, last seen {ago:.0f} s ago"
        yield _line(PROVISIONING, what, "", "yellow")
    if last is None:
        return
    what = f"was {last.result} at {_moment(last.at)}"
    yield _line(PROVISIONING, what, f"run {last.run}", RUN_STYLES[last.result])
    for problem in last.problems:
        yield Text(f"  {problem}", "red")
    for wait in last.waits:
        yield Text(f"  {wait}", "yellow")


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%SZ}"


def _freeze(frozen: Frozen) -> str:
    what = " with its environment" if frozen.scope is Scope.ENVIRONMENT else ""
    since = f"since {_moment(frozen.since)}"
    return f"is frozen{what} by {frozen.by}, {since}"


def _line(service: str, what: str, why: str, style: str) -> Text:
    parts: list[Any] = [(service, "bold"), " ", (what, style)]
    return Text.assemble(*parts, f": {why}" if why else "")
