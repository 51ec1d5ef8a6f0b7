"""Every AWS call of a rollout, with every fault: `make faults`.

A good and a bad release are each rolled out once undisturbed; that says which function
makes which calls. Then each of these calls meets each fault, in a world of its own, at
its first occurrence after the push. Writes build/faults.json and docs/faults.md; the
exit code is 1 where an end is wrong.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from multiprocessing import Pool
from pathlib import Path
from random import Random

from botocore.exceptions import ReadTimeoutError
from localcloud.api import AwsError, Call, Fault
from localcloud.blocking import Killed

from tests.simulation import worlds
from tests.simulation.misfortunes import READ_TIMEOUT_SECONDS, short
from tests.simulation.plans import Act, Plan

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "build" / "faults.json"
PAGE = ROOT / "docs" / "faults.md"
PUSHED_AT = 300
"""When the release under test is pushed; the first one serves by then."""
LONG_SECONDS = 120
"""Longer than the SDK's attempts, and than several of a workflow's."""
LATE_SECONDS = 9
SWEEPS = 3
"""At least, after the end of each rollout."""
WORLDS_PER_PROCESS = 50

type Strike = Callable[[float], Fault | None]
"""The fault of a call, by the modelled seconds since the first one met it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One way in which a call can go wrong."""

    name: str
    text: str
    strike: Strike


@dataclass(frozen=True, slots=True)
class Cell:
    """One call of one function on one road, and one fault."""

    road: str
    function: str
    call: str
    fault: str


@dataclass(frozen=True, slots=True)
class End:
    """What became of a cell's rollout."""

    cell: Cell
    outcome: str
    reason: str
    struck: int
    """How many calls met the fault."""
    violations: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        """Whether it ended as without the fault, or safely where that cannot be."""
        return (
            not self.violations
            and self.struck > 0
            and self.outcome in allowed(self.cell)
        )


def _once(fault: Callable[[], Fault]) -> Strike:
    return lambda since: fault() if since == 0 else None


def _refused(code: str, status: int = 400) -> Fault:
    return Fault(takes_effect=False, failure=AwsError(code, "as planned", status))


def _silent(*, effect: bool, late: float = 0.0) -> Fault:
    return Fault(
        takes_effect=effect,
        lands_seconds=late,
        silence_seconds=READ_TIMEOUT_SECONDS,
        failure=ReadTimeoutError(endpoint_url="https://aws"),
    )


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "throttled",
            "refused with ThrottlingException, once",
            _once(lambda: _refused("ThrottlingException")),
        ),
        Kind(
            "throttled long",
            f"refused with ThrottlingException for {LONG_SECONDS} s",
            lambda t: _refused("ThrottlingException") if t < LONG_SECONDS else None,
        ),
        Kind(
            "server error",
            "answered with 500, once",
            _once(lambda: _refused("InternalError", 500)),
        ),
        Kind(
            "unavailable long",
            f"answered with 503 for {LONG_SECONDS} s",
            lambda t: _refused("ServiceUnavailable", 503) if t < LONG_SECONDS else None,
        ),
        Kind(
            "denied",
            "denied once, as after a change of IAM that was taken back",
            _once(lambda: _refused("AccessDeniedException")),
        ),
        Kind(
            "lost before",
            "no effect and no answer, once",
            _once(lambda: _silent(effect=False)),
        ),
        Kind(
            "lost after",
            "its effect and no answer, once",
            _once(lambda: _silent(effect=True)),
        ),
        Kind(
            "late",
            f"no answer, and its effect {LATE_SECONDS} s later, after its retry",
            _once(lambda: _silent(effect=True, late=LATE_SECONDS)),
        ),
        Kind(
            "killed before",
            "the function dies before it, once",
            _once(lambda: Fault(takes_effect=False, failure=Killed())),
        ),
        Kind(
            "killed after",
            "the function dies after its effect, once",
            _once(lambda: Fault(failure=Killed())),
        ),
    )
}
HEAD = """\
# Faults

Every AWS call of a rollout, by the function that makes it, with every fault at its
first occurrence: how the rollout ended. `make faults` plays each in a world of its own,
through boto3 and the real state machines, and writes this page. The invariants of
[architecture.md](architecture.md) are checked in each at every write and at rest.

| fault | the call is |
|---|---|"""
LEGEND = """\
In the tables: **p** promoted, **r** rolled back, **f** failed with a person called,
**!** wrong, **=** no other than the fault before it, for a call that only reads. The
second one has the calls that only a restore makes."""
ROADS = {"promoted": "good", "rolled-back": "fails every fifth"}
"""By how it ends undisturbed, how the release behaves."""


PATIENT = frozenset(
    {
        "AcquireLease",
        "OnImagePushed",
        "RecordRollout",
        "ResolveRelease",
        "Restore",
        "RetireSlot",
    }
)
"""Functions that are tried again for hours: nothing is better than to wait."""
OF_WRITES = frozenset({"lost after", "late", "killed after"})
"""Faults that say nothing new about a call that only reads."""
READING = ("Get", "Describe", "Query")


def allowed(cell: Cell) -> frozenset[str]:
    """Return the outcomes that are right for a cell.

    A denied call is final, so the rollout goes back; where that is too late because it
    was promoted, or where restoring itself is denied, a person is called. Minutes
    without an answer between launch and promotion may lead back, too.
    """
    if cell.fault == "denied":
        return frozenset({cell.road, "rolled-back", "failed"})
    if cell.fault.endswith("long") and cell.function not in PATIENT:
        return frozenset({cell.road, "rolled-back"})
    return frozenset({cell.road})


def applies(call: str, kind: str) -> bool:
    """Whether a fault says something new about a call, such as ecs:UpdateService."""
    reads = call.partition(":")[2].startswith(READING)
    return not (reads and kind in OF_WRITES)


def plan(road: str) -> Plan:
    """Return a plan with the release that takes this road."""
    pushes = Act(0, "push", 1), Act(PUSHED_AT, "push", 2, flaw=ROADS[road])
    return Plan(1, 2, pushes)


def cells() -> list[Cell]:
    """Return every call with every fault; what both roads make is on the first one."""
    known: set[tuple[str, str]] = set()
    found: list[Cell] = []
    for road in ROADS:
        new = [made for made in calls(road) if made not in known]
        known.update(new)
        found += [
            Cell(road, function, call, kind)
            for function, call in new
            for kind in KINDS
            if applies(call, kind)
        ]
    return found


def calls(road: str) -> list[tuple[str, str]]:
    """Return which function makes which calls for a release on this road."""
    made: set[tuple[str, str]] = set()

    def note(call: Call) -> None:
        if _is_ours(call):
            made.add((short(call.caller), str(call)))

    worlds.play(plan(road), disturb=note, rounds=SWEEPS)
    return sorted(made)


def run(cell: Cell) -> End:
    """Let a cell's call meet its fault."""
    strike, struck = KINDS[cell.fault].strike, []
    began: list[float] = []

    def meet(call: Call) -> Fault | None:
        if not _is_ours(call):
            return None
        if (short(call.caller), str(call)) != (cell.function, cell.call):
            return None
        now = call.at.timestamp()
        if not began:
            began.append(now)
        elif now == began[0]:
            return None
        fault = strike(now - began[0])
        if fault is not None:
            struck.append(str(call))
        return fault

    trace = worlds.play(plan(cell.road), disturb=meet, rounds=SWEEPS)
    outcome, reason = trace.ends[-1] if trace.ends else ("none", "")
    violations = tuple(map(str, trace.broken))
    return End(cell, outcome, reason, len(struck), violations)


def _is_ours(call: Call) -> bool:
    """Whether a call belongs to the rollout of the second release."""
    request = call.request
    named = isinstance(request, dict) and "rollout_id" in request
    began = call.at.timestamp() - worlds.SIMULATION_EPOCH.timestamp()
    return began >= PUSHED_AT and (named or "OnImagePushed" in (call.caller or ""))


def main() -> int:
    """Play all cells, or a sample of them; write the report, and the page for all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, help="so many cells, drawn from a seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--again", action="store_true", help="only what the last report has not right"
    )
    asked = parser.parse_args()
    began, chosen = time.monotonic(), cells()
    if asked.sample is not None:
        chosen = Random(asked.seed).sample(chosen, asked.sample)  # noqa: S311
    known = _last_right(chosen) if asked.again else []
    right = {end.cell for end in known}
    chosen = [cell for cell in chosen if cell not in right]
    with Pool(maxtasksperchild=WORLDS_PER_PROCESS) as processes:
        ends = known + processes.map(run, chosen, chunksize=1)
    wrong = [end for end in ends if not end.is_right]
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(
        json.dumps(
            {
                "cells": len(ends),
                "wrong": len(wrong),
                "seconds": round(time.monotonic() - began, 1),
                "ends": [asdict(end) for end in ends],
            },
            indent=1,
        )
        + "\n"
    )
    if asked.sample is None:
        PAGE.write_text(page(ends))
    for end in wrong:
        sys.stdout.write(f"{end}\n")
    sys.stdout.write(f"{len(ends)} cells, {len(wrong)} of them end wrong\n")
    return 1 if wrong else 0


def _last_right(chosen: Sequence[Cell]) -> list[End]:
    """Return the right ends of the last report, of cells that there still are."""
    stored = json.loads(REPORT.read_text())["ends"]
    ends = [
        End(**(end | {"cell": Cell(**end["cell"]), "violations": ()}))
        for end in stored
        if not end["violations"]
    ]
    return [end for end in ends if end.is_right and end.cell in chosen]


def page(ends: Sequence[End]) -> str:
    """Return the page that says how every cell ended."""
    kinds = [f"| {kind.name} | {kind.text} |" for kind in KINDS.values()]
    lines = [HEAD, *kinds, "", LEGEND, ""]
    for road, flaw in ROADS.items():
        of_road = [end for end in ends if end.cell.road == road]
        lines += [
            f"## A release that is {road}",
            "",
            f"The release: {flaw}.",
            "",
            f"| function | call | {' | '.join(KINDS)} |",
            f"|---|---|{'---|' * len(KINDS)}",
        ]
        rows = sorted({(end.cell.function, end.cell.call) for end in of_road})
        by_cell = {end.cell: end for end in of_road}
        for function, call in rows:
            letters = [
                _letter(by_cell.get(Cell(road, function, call, kind))) for kind in KINDS
            ]
            lines.append(f"| {function} | {call} | {' | '.join(letters)} |")
        lines.append("")
    return "\n".join(lines)


def _letter(end: End | None) -> str:
    if end is None:
        return "="
    return end.outcome[0] if end.is_right else "!"


if __name__ == "__main__":
    sys.exit(main())
