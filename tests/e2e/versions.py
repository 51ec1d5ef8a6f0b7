"""Later versions of Slipway, to be deployed over this one.

A later version is a copy of all that ships, with its own payloads: the next one renames
the task token, the one after adds a field that a stage relies on, the third renames
what a look had heard. Its definitions, functions and history of payloads are all
changed, so that a rollout goes wrong where an upgrade of its payload is missing.
"""

import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from slipway.domain.payload_history import PAYLOADS

from tests.e2e.road import TEMPLATE

THIS = PAYLOADS.newest
"""The payloads' version of the code under test."""

SHIPPED = ("functions", "layers/core/src", "statemachines")

type Change = tuple[str, str, str]
"""A file, what stands in it, and what a later version has instead."""

STAGE = "layers/core/src/slipway/stage.py"
AWAIT_WORD = "functions/await_word/app.py"
CHANGES: tuple[tuple[str, tuple[Change, ...]], ...] = (
    (
        'Upgrade(renamed={"token": "task_token"})',
        (
            (STAGE, '    token: str = ""', '    task_token: str = ""'),
            (AWAIT_WORD, "request.token", "request.task_token"),
            ("statemachines/admit.asl.yaml", '"token":', '"task_token":'),
            ("statemachines/step.asl.yaml", '"token":', '"task_token":'),
        ),
    ),
    (
        'Upgrade(added={"pace": "usual"})',
        (
            (STAGE, "    step: int = 0", '    step: int = 0\n    pace: str = ""'),
            (
                "layers/core/src/slipway/starting.py",
                '"service": service,',
                '"service": service, "pace": "usual",',
            ),
            (
                "functions/set_capacity/app.py",
                "    service, sides =",
                '    assert request.pace == "usual", request\n    service, sides =',
            ),
        ),
    ),
    (
        'Upgrade(renamed={"heard": "word"})',
        (
            (STAGE, '    heard: str = ""', '    word: str = ""'),
            (AWAIT_WORD, "request.heard", "request.word"),
            ("statemachines/admit.asl.yaml", '{"heard":', '{"word":'),
            ("statemachines/step.asl.yaml", '{"heard":', '{"word":'),
        ),
    ),
)
"""What each version after this one changes."""

_FOLDERS: list[TemporaryDirectory[str]] = []
"""They go away with the process."""


@cache
def ahead(count: int) -> Path:
    """Return the template of the version so many after this one; 0 is this one."""
    if count == 0:
        return TEMPLATE
    upgrades = "".join(f"        {upgrade},\n" for upgrade, _ in CHANGES[:count])
    history = "layers/core/src/slipway/domain/payload_history.py"
    end = "    )\n)\n"
    return copy_of(
        TEMPLATE.parent,
        *(change for _, changes in CHANGES[:count] for change in changes),
        (history, end, f"{upgrades}{end}"),
    )


def copy_of(tree: Path, *changes: Change) -> Path:
    """Return the template of a copy of all that ships, with these changes in it."""
    kept = TemporaryDirectory(prefix="slipway-changed-")
    _FOLDERS.append(kept)
    folder = Path(kept.name)
    ignored = shutil.ignore_patterns("__pycache__")
    for shipped in SHIPPED:
        shutil.copytree(tree / shipped, folder / shipped, ignore=ignored)
    shutil.copy(tree / TEMPLATE.name, folder)
    for path, old, new in changes:
        text = (folder / path).read_text()
        assert old in text, f"{path} has no {old!r}: change tests/e2e/versions.py"
        (folder / path).write_text(text.replace(old, new))
    return folder / TEMPLATE.name
