"""Play random examples of the models: `make simulate EXAMPLES=20000`.

Writes build/simulation.json. A seed whose example breaks an invariant is printed with
its trace and can be played again by itself; the exit code is 1 then.
"""

import argparse
import json
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.simulation.models import MODELS, example
from tests.simulation.trace import Trace

REPORT = Path(__file__).parents[2] / "build" / "simulation.json"
CHUNK = 100
"""Examples that a process plays before it asks for more."""
SHOWN = 5
"""Broken examples that are printed, the shortest first."""


def main() -> int:
    """Play what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="of the first example")
    parser.add_argument("--replay", type=int, help="play the example of one seed")
    parser.add_argument("--model", choices=sorted(MODELS), help="to replay, not drawn")
    asked = parser.parse_args()
    if asked.replay is not None:
        trace = example(asked.replay, model=asked.model)
        _say(*trace.lines)
        return 1 if trace.broken else 0
    return _play_all(asked.seed, asked.examples)


def _play_all(first: int, count: int) -> int:
    began = time.monotonic()
    with ProcessPoolExecutor() as processes:
        traces = list(
            processes.map(_outline, range(first, first + count), chunksize=CHUNK)
        )
    seconds = time.monotonic() - began
    models = Counter(model for model, _, _ in traces)
    violations = Counter(number for _, numbers, _ in traces for number in numbers)
    broken = sorted(
        (length, seed)
        for seed, (_, numbers, length) in enumerate(traces, first)
        if numbers
    )
    report = {
        "examples": count,
        "models": dict(sorted(models.items())),
        "seed": first,
        "violations": {str(k): n for k, n in sorted(violations.items())},
        "broken_seeds": [seed for _, seed in broken],
        "seconds": round(seconds, 1),
    }
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2) + "\n")
    for _, seed in broken[:SHOWN]:
        again = f"again: uv run python -m tests.simulation --replay {seed}"
        _say(*example(seed).lines, again, "")
    _say(
        f"{count} examples from seed {first}: {len(broken)} broken, {seconds:.1f} s; "
        f"{REPORT.relative_to(Path.cwd())} has the figures"
    )
    return 1 if broken else 0


def _outline(seed: int) -> tuple[str, list[int], int]:
    """Return an example's model, the invariants it broke, and its trace's length."""
    trace = example(seed)
    return _model(trace), [b.invariant for b in trace.broken], len(trace.lines)


def _say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _model(trace: Trace) -> str:
    return trace.lines[0].split()[-1]


if __name__ == "__main__":
    sys.exit(main())
