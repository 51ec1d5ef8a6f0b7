"""What a run did, a line each, and what of it broke an invariant."""

from dataclasses import dataclass, field
from datetime import datetime

from localcloud.clock import SIMULATION_EPOCH


@dataclass(frozen=True, slots=True)
class Broken:
    """One thing that must not happen and did."""

    invariant: int
    """Its number in docs/architecture.md; 0 for what the journal promises itself."""
    text: str

    def __str__(self) -> str:
        """Say it in one line."""
        return f"invariant {self.invariant}: {self.text}"


@dataclass(slots=True)
class Trace:
    """Lines of time, who and what. The same seed writes the same bytes."""

    lines: list[str] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    ends: list[tuple[str, str]] = field(default_factory=list)
    """Of the rollouts in a world, oldest first: outcome and reason."""
    seen: set[str] = field(default_factory=set)
    """What came about, such as mishaps that did strike and outcomes."""

    def add(self, at: datetime, who: str, what: str) -> None:
        """Write one line; time is counted from the beginning of simulated time."""
        seconds = (at - SIMULATION_EPOCH).total_seconds()
        minutes, rest = divmod(seconds, 60)
        self.lines.append(f"{int(minutes):4d}:{rest:06.3f}  {who:<22} {what}")

    def breaks(self, at: datetime, invariant: int, text: str) -> None:
        """Write down that an invariant was broken; say the same thing once."""
        found = Broken(invariant, text)
        if found not in self.broken:
            self.broken.append(found)
            self.add(at, "!!!", str(found))
