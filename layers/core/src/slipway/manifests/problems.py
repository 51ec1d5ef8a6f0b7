"""What is wrong with a manifest, said so that a person can act on it."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

WHOLE_FILE = "(file)"
"""The field of a problem that is not one field's."""

type Path = tuple[str | int, ...]
"""The keys and list indexes that lead to a field."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written: its file, its key or list item, and the way there."""

    file: str
    line: int
    """From 1."""
    column: int
    """From 1."""
    path: Path = ()


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong, in the order in which people read: file, then line."""

    file: str
    line: int
    column: int
    field: str
    """The way to it, such as `rollout.steps[1].weight`."""
    found: str
    allowed: str

    def __str__(self) -> str:
        """Say it in one line that editors can jump from."""
        where = f"{self.file}:{self.line}:{self.column}"
        return f"{where}: {self.field}: {self.found}; {self.allowed}"


def problem_at(
    place: Place, found: str, allowed: str, *, beneath: Path = ()
) -> Problem:
    """Return a problem at a place, or of something that is missing `beneath` it."""
    field = dotted((*place.path, *beneath))
    return Problem(place.file, place.line, place.column, field, found, allowed)


def dotted(path: Path) -> str:
    """Write the way to a field as people do."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".") or WHOLE_FILE


def nearest(word: str, names: Iterable[str]) -> str | None:
    """Return the name that somebody most likely meant, None where none is near."""
    by_lower = {name.lower(): name for name in names}
    close = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.65)
    return by_lower[close[0]] if close else None


def meant(word: str, names: Iterable[str]) -> str:
    """Return `did you mean X? ` where a name is near, else nothing."""
    near = nearest(word, names)
    return f"did you mean {near}? " if near is not None else ""
