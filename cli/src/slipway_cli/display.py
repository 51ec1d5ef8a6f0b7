"""A status as people read it, and as programs do."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from slipway.domain.rollout import Outcome

from slipway_cli.status import Role, RolloutStatus, ServiceStatus, SlotStatus

ROLE_STYLES = {Role.PRIMARY: "bold green", Role.CANDIDATE: "yellow", Role.IDLE: "dim"}
GOOD_ENDS = frozenset({Outcome.PROMOTED, Outcome.SUPERSEDED})


def as_json(environment: str, services: Sequence[ServiceStatus], now: datetime) -> str:
    """Return one JSON document; times in ISO 8601."""
    document = {
        "environment": environment,
        "at": now,
        "services": [asdict(service) for service in services],
    }
    return json.dumps(document, default=_text, indent=2)


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} has no place in a status")


def as_tables(
    environment: str, services: Sequence[ServiceStatus], now: datetime
) -> RenderableType:
    """Return a table of all slots, and a line for each rollout and problem."""
    if not services:
        return Text(f"Environment {environment} has no services yet.")
    return Group(_table(environment, services), *_lines(services, now))


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
        " / ".join(f"{share} %" for share in slot.weight_percents) or "closed",
        slot.launch.lower().replace("_", " "),
    )


def _lines(services: Iterable[ServiceStatus], now: datetime) -> Iterable[Text]:
    for service in services:
        if service.problem is not None:
            yield _line(service.name, "cannot be read", service.problem, "red")
        for rollout in service.rollouts:
            yield _line(service.name, *_progress(rollout, now), "yellow")
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
    return f"{what} rolls out: {rollout.last_mark}, {ago:.0f} s ago", (
        rollout.reason or ""
    )


def _line(service: str, what: str, why: str, style: str) -> Text:
    parts: list[Any] = [(service, "bold"), " ", (what, style)]
    return Text.assemble(*parts, f": {why}" if why else "")
