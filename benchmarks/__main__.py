"""Run the benchmarks: `make bench SERVICES=100`. Writes build/benchmarks.json."""

import argparse
import json
import logging
import time
from dataclasses import asdict
from pathlib import Path

from localcloud.clock import run_virtual
from localcloud.rates import DOCUMENTED

from benchmarks.mass_push import mass_push
from benchmarks.one_rollout import POLICY, one_rollout
from benchmarks.provision import provision

REPORT = Path(__file__).parents[1] / "build" / "benchmarks.json"
FULL = 100
"""Services of the mass push; fewer meet rates as much smaller."""


def main() -> None:
    """Measure, print what was measured, and keep it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--services", type=int, default=FULL)
    count = parser.parse_args().services
    logging.disable(logging.CRITICAL)
    began = time.monotonic()
    rates = [rate.slowed(FULL / count) for rate in DOCUMENTED]
    measured = {
        "one_rollout": asdict(run_virtual(one_rollout())),
        "mass_push": asdict(run_virtual(mass_push(count, POLICY, rates))),
        "provision": [
            asdict(run_virtual(provision(some)))
            for some in sorted({max(1, count // 4), max(1, count // 2), count})
        ],
        "took_seconds": round(time.monotonic() - began, 1),
    }
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(measured, indent=2) + "\n")
    print(REPORT.read_text(), end="")  # noqa: T201  a person waits for it


if __name__ == "__main__":
    main()
