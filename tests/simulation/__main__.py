"""Play random examples: `make simulate EXAMPLES=20000`.

Most are of the pure models; each twentieth is a whole world through boto3. Writes
build/simulation.json. A seed whose example breaks an invariant is printed with its
trace, a world's with as few acts as break the same, and can be played again by itself;
the exit code is 1 then.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path

from tests.simulation import models, worlds
from tests.simulation.models import MODELS
from tests.simulation.plans import VARIANTS, draw, variant_of
from tests.simulation.trace import Trace

REPORT = Path(__file__).parents[2] / "build" / "simulation.json"
WORLD = "world"
CHUNK = 100
"""Examples that a process plays before it asks for more."""
WORLDS_EACH = 20
"""Of so many examples one is a world."""
SHOWN = 3
"""Broken examples of each kind that are printed, the shortest first."""
WORLDS_PER_PROCESS = 50
"""A process that played so many gives its memory back."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What is kept of an example."""

    model: str
    """One of the models, or `world, KIND`."""
    seed: int
    broken: tuple[int, ...]
    """Invariants, by their numbers."""
    seen: tuple[str, ...]
    lines: int


def main() -> int:
    """Play what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="of the first example")
    parser.add_argument("--replay", type=int, help="play the example of one seed")
    parser.add_argument(
        "--model", choices=[*sorted(MODELS), WORLD], help="to replay, not drawn"
    )
    parser.add_argument(
        "--kind", choices=[*VARIANTS], help="of a world's service, not drawn"
    )
    parser.add_argument("--acts", help="of a world, such as 0,2,5; all unless given")
    asked = parser.parse_args()
    if asked.replay is None:
        return _play_all(asked.seed, asked.examples)
    trace = _replay(asked.replay, asked.model, asked.kind, asked.acts)
    _say(*trace.lines)
    return 1 if trace.broken else 0


def _replay(seed: int, model: str | None, kind: str | None, acts: str | None) -> Trace:
    if model != WORLD:
        return models.example(seed, model=model)
    plan = draw(seed, kind or variant_of(seed))
    if acts is not None:
        kept = {int(number) for number in acts.split(",")}
        plan = plan.without(*set(range(len(plan.acts))) - kept)
    return worlds.play(plan)


def _play_all(first: int, count: int) -> int:
    began = time.monotonic()
    of_worlds = count // WORLDS_EACH
    with ProcessPoolExecutor() as processes:
        seeds = range(first, first + count - of_worlds)
        outlines = list(processes.map(_of_model, seeds, chunksize=CHUNK))
    with Pool(maxtasksperchild=WORLDS_PER_PROCESS) as processes:
        seeds = range(first, first + of_worlds)
        for outline in processes.imap(_of_world, seeds):
            outlines.append(outline)
            if outline.broken:
                _say(f"world {outline.seed} breaks {outline.broken}")
    report = {
        "examples": count,
        "models": _counted(outline.model for outline in outlines),
        "seed": first,
        "outcomes_in_worlds": _counted(
            name for o in outlines if _is_world(o) for name in o.seen
        ),
        "violations": _counted(str(n) for o in outlines for n in o.broken),
        "broken_seeds": {
            kind: [o.seed for o in outlines if o.broken and o.model == kind]
            for kind in sorted({o.model for o in outlines if o.broken})
        },
        "seconds": round(time.monotonic() - began, 1),
    }
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2) + "\n")
    broken = sorted((o for o in outlines if o.broken), key=lambda o: o.lines)
    for world in (True, False):
        of_kind = [o for o in broken if _is_world(o) is world]
        for outline in of_kind[:SHOWN]:
            _show(outline)
    _say(
        f"{count} examples from seed {first}, {of_worlds} of them worlds: "
        f"{len(broken)} broken, {report['seconds']} s; "
        f"{REPORT.relative_to(Path.cwd())} has the figures"
    )
    return 1 if broken else 0


def _show(broken: Outline) -> None:
    """Print a broken example, a world without the acts that it does not need."""
    again = f"--replay {broken.seed} --model {broken.model.partition(',')[0]}"
    if _is_world(broken):
        whole = draw(broken.seed, variant_of(broken.seed))
        plan = worlds.smallest(whole)
        kept = [str(n) for n, act in enumerate(whole.acts) if act in plan.acts]
        trace, again = worlds.play(plan), f"{again} --acts {','.join(kept)}"
    else:
        trace = models.example(broken.seed, model=broken.model)
    _say(*trace.lines, f"again: uv run python -m tests.simulation {again}", "")


def _of_model(seed: int) -> Outline:
    trace = models.example(seed)
    return _outline(trace.lines[0].split()[-1], seed, trace)


def _of_world(seed: int) -> Outline:
    variant = variant_of(seed)
    return _outline(f"{WORLD}, {variant}", seed, worlds.example(seed, variant))


def _is_world(outline: Outline) -> bool:
    return outline.model.startswith(WORLD)


def _outline(model: str, seed: int, trace: Trace) -> Outline:
    broken = tuple(found.invariant for found in trace.broken)
    return Outline(model, seed, broken, tuple(sorted(trace.seen)), len(trace.lines))


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
