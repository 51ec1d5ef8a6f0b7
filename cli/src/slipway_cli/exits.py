"""What the command's exit codes say: here and nowhere else."""

from collections.abc import Mapping
from enum import IntEnum

from slipway.domain.rollout import Outcome


class Exit(IntEnum):
    """How the command ended."""

    DONE = 0
    """All was done; where a rollout was waited for, it was promoted."""
    ERROR = 1
    """Something is missing, broken, denied or out of reach."""
    USAGE = 2
    """The command line is wrong: nothing was done."""
    ROLLED_BACK = 3
    ABORTED = 4
    SUPERSEDED = 5
    REJECTED = 6
    FAILED = 7
    TIMED_OUT = 8
    """The rollout did not end, or no answer came, in the time given."""
    REFUSED = 9
    """Slipway answered, and does not do what was asked for."""
    INVALID = 10
    """Manifests were read, and not all of them hold."""


CHANGES = 2
"""What `plan` alone ends with where there is something to do; its wrong usage is an
ERROR."""

ENDS: Mapping[Outcome, Exit] = {
    Outcome.PROMOTED: Exit.DONE,
    Outcome.ROLLED_BACK: Exit.ROLLED_BACK,
    Outcome.ABORTED: Exit.ABORTED,
    Outcome.SUPERSEDED: Exit.SUPERSEDED,
    Outcome.REJECTED: Exit.REJECTED,
    Outcome.FAILED: Exit.FAILED,
}
"""What waiting for a rollout ends with."""


def of(outcome: Outcome | None) -> Exit:
    """Return what waiting for a rollout ends with; None where it did not end."""
    return Exit.TIMED_OUT if outcome is None else ENDS[outcome]
