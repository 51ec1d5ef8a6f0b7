"""Checks state machines: `python -m localcloud.asl FILE...`; 1 where one is wrong.

Errors are what Step Functions or the local cloud would not run; the house's own rules
come with them.
"""

import sys
from pathlib import Path

from localcloud.asl import InvalidDefinition, house_rules, load


def findings(path: Path) -> list[str]:
    """List what is wrong with one file."""
    try:
        return house_rules(load(path.read_text(), str(path)))
    except InvalidDefinition as error:
        return [f"{path}: {finding}" for finding in error.findings]


def main(names: list[str]) -> int:
    """Print all findings; return the exit code."""
    found = [finding for name in names for finding in findings(Path(name))]
    for finding in found:
        sys.stdout.write(f"{finding}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
