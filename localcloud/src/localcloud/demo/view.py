"""The demonstration on a terminal: live, or line by line where there is none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Self

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from localcloud.demo.decisions import Decision
from localcloud.demo.report import Report, SceneReport

ROWS_ABOVE_DECISIONS = 10
"""Headings, rules and margins of the live view."""
DECISIONS_AT_LEAST = 3


@dataclass(frozen=True, slots=True)
class SlotRow:
    """One slot of one service at this moment."""

    service: str
    slot: str
    release: str
    """What its tasks run; empty where it has none."""
    tasks: int
    healthy: int
    weight_percent: int | None
    """None while the rule answers by itself."""
    requests_per_minute: float
    """Modelled minutes, as in CloudWatch."""
    failed_percent: float | None
    """None without requests."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything there is to see at one moment."""

    now: datetime
    """Modelled."""
    since_begin_seconds: float
    """Modelled."""
    real_seconds: float
    clock_factor: float
    scene: str
    story: str
    sent: int
    failed: int
    slots: Sequence[SlotRow]
    decisions: Sequence[Decision]
    played: Sequence[SceneReport] = field(default=())


class Screen:
    """Shows pictures on a terminal; prints decisions as lines anywhere else."""

    def __init__(self, console: Console, *, plain: bool = False) -> None:
        self._console = console
        self._live: Live | None = None
        if console.is_terminal and not plain:
            self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, picture: Picture) -> None:
        """Replace what is shown."""
        if self._live is not None:
            lines = self._console.height
            self._live.update(render(picture, lines), refresh=True)

    def scene_begins(self, number: int, of: int, name: str, story: str) -> None:
        """Announce a scene."""
        self._line(Text(f"Scene {number} of {of}: {name}", "bold"))
        self._line(Text(f"  {story}", "dim"))

    def scene_ended(self, report: SceneReport) -> None:
        """Say what a scene came to."""
        self._line(_verdict(report))

    def decided(self, decisions: Sequence[Decision]) -> None:
        """Print decisions, where there is no live view to show them."""
        for decision in decisions:
            self._line(_sentence(decision))

    def _line(self, text: Text) -> None:
        if self._live is None:
            self._console.print(text, soft_wrap=True, overflow="ignore")


def render(picture: Picture, lines: int) -> RenderableType:
    """Return the whole live view, `lines` high at most where that can be."""
    clock = (
        f"modelled time {picture.now:%H:%M:%S}, "
        f"{_minutes(picture.since_begin_seconds)} in; "
        f"1 s real is {picture.clock_factor:g} s modelled; "
        f"{picture.real_seconds:.0f} s real"
    )
    head = Text.assemble(
        (picture.scene, "bold"),
        f": {picture.story}\n",
        (f"{clock}\n", "dim"),
        f"load: {picture.sent} requests answered, ",
        (f"{picture.failed} failed", "red" if picture.failed else "green"),
        no_wrap=True,
        overflow="ellipsis",
    )
    played = [_verdict(report) for report in picture.played]
    rest = lines - ROWS_ABOVE_DECISIONS - len(picture.slots) - len(played)
    decisions = picture.decisions[-max(rest, DECISIONS_AT_LEAST) :]
    return Group(
        Rule("Slipway", align="left"),
        head,
        _slots(picture.slots),
        Rule("what the automation decides, and why", align="left"),
        *(_sentence(each) for each in decisions),
        *played,
    )


def _slots(rows: Sequence[SlotRow]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in ("service", "slot", "release"):
        table.add_column(name, no_wrap=True)
    for name in ("weight", "tasks", "healthy", "req/min", "failed"):
        table.add_column(name, justify="right", no_wrap=True)
    service = ""
    for row in rows:
        failed = row.failed_percent
        table.add_row(
            row.service if row.service != service else "",
            row.slot,
            row.release or "-",
            "-" if row.weight_percent is None else f"{row.weight_percent} %",
            str(row.tasks),
            str(row.healthy),
            f"{row.requests_per_minute:.0f}",
            Text(
                "-" if failed is None else f"{failed:.1f} %",
                "bold red" if failed else "",
            ),
            style="" if row.weight_percent else "dim",
        )
        service = row.service
    return table


def _sentence(decision: Decision) -> Text:
    return Text.assemble(
        (f"  {decision.at:%H:%M:%S} ", "dim"),
        (f"{decision.service} ", "cyan"),
        (f"{decision.name}: ", "bold"),
        decision.reason,
        no_wrap=True,
        overflow="ellipsis",
    )


def _verdict(report: SceneReport) -> Text:
    good = report.ok
    text = Text.assemble(
        ("  ok  " if good else "  NOT OK  ", "bold green" if good else "bold red"),
        f"{report.name}: {report.outcome}, "
        f"{report.failed} of {report.sent} requests failed",
    )
    for complaint in report.complaints:
        text.append(f"\n      {complaint}", "red")
    return text


def summary(report: Report) -> RenderableType:
    """Return what a person reads when all is over."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in ("scene", "outcome"):
        table.add_column(name, no_wrap=True)
    for name in ("modelled", "sent", "failed", "bound"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for scene in report.scenes:
        limit = scene.receipt.get("bound")
        table.add_row(
            scene.name,
            scene.outcome,
            _minutes(scene.seconds * report.clock_factor),
            str(scene.sent),
            str(scene.failed),
            f"{limit['requests']:.1f}" if limit else "",
            Text("ok", "green") if scene.ok else Text("NOT OK", "bold red"),
        )
    return Group(
        table,
        *_reasons(report),
        Text(),
        Text(
            f"{report.sent} requests sent, {report.failed} failed; "
            f"{report.failed_not_by_bad_release} of these were not the fault of a bad "
            "release."
        ),
        Text(
            f"{report.found} calls of services that find others in the registry, "
            f"{report.found_lost} without an answer."
        ),
        Text.assemble(
            ("All is well. ", "bold green")
            if report.ok
            else ("Not all is well. ", "bold red"),
            f"{report.seconds:.0f} s real; one of them is "
            f"{report.clock_factor:g} s of modelled time.",
        ),
    )


def _reasons(report: Report) -> Iterator[Text]:
    """Yield why each rollout that was no first one ended so, and all complaints."""
    for scene in report.scenes:
        reasons = scene.receipt.get("reasons", {})
        if len(reasons) == 1:
            (reason,) = reasons.values()
            yield Text.assemble((f"{scene.name}: ", "bold"), reason)
        for each in scene.receipt.get("found", ()):
            yield Text(
                f"  at {each['weight_percent']} %, callers by the registry sent it "
                f"{each['share_percent']} % of {each['calls']} calls"
            )
        for complaint in scene.complaints:
            yield Text(f"{scene.name}: {complaint}", "red")
    for complaint in report.complaints:
        yield Text(complaint, "red")


def _minutes(seconds: float) -> str:
    return f"{seconds // 60:.0f} min {seconds % 60:02.0f} s"
