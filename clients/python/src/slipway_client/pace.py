"""How often the registry is asked, and how long its answers are good for."""

from dataclasses import dataclass, fields
from random import Random


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds, all above 0 but `trust_seconds`, which may be 0.

    The defaults ask, for each service that a process calls, the revision every 10 s
    and the list every 30 s. AWS takes 3,000 and 1,000 a second of these from an account
    and region ("AWS Cloud Map service quotas"), so they serve some 30,000 pairs of
    process and service. Nothing is published about GetServiceAttributes.
    """

    interval_seconds: float = 10
    """Between looks at the revision: how soon a new or stopped task is noticed."""

    full_seconds: float = 30
    """Between reads of the list where the revision rests: changes of health do not move
    it."""

    weights_seconds: float = 30
    """Between reads of the weights: how soon a step of a rollout reaches callers."""

    most_wait_seconds: float = 120
    """The longest wait between attempts while the registry is away."""

    stale_seconds: float = 60
    """The age from which a list is told to be stale, once until it is fresh again."""

    trust_seconds: float = 300
    """The age from which a list is used only for instances that were verified within
    as many seconds, where the service has a check (`verify`). 0 checks each use."""

    def __post_init__(self) -> None:
        for each in fields(self):
            seconds = getattr(self, each.name)
            if seconds < 0 or (seconds == 0 and each.name != "trust_seconds"):
                raise ValueError(f"{each.name} is {seconds}: it must be above 0")


def jittered(seconds: float, chance: Random) -> float:
    """Return a wait that differs from caller to caller: up to a fifth more or less."""
    return seconds * chance.uniform(0.8, 1.2)


def backoff(first_seconds: float, failures: int, most: float, chance: Random) -> float:
    """Return the wait after so many failures (from 1): it doubles, up to `most`."""
    return jittered(min(most, first_seconds * 2 ** min(failures - 1, 16)), chance)
