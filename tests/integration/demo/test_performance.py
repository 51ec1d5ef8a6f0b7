"""The demonstration as a whole, in short: first releases, then one that crashes."""

import asyncio
from io import StringIO
from pathlib import Path

from localcloud.demo.performance import Performance, Settings
from localcloud.demo.report import Report
from localcloud.demo.scenes import UNDER_LOAD
from localcloud.demo.view import Screen
from rich.console import Console

CRASHING = [scene for scene in UNDER_LOAD if scene.never_serves]


def play(folder: Path, said: StringIO) -> Report:
    settings = Settings(
        repository=Path(__file__).parents[3], folder=folder, factor=30.0, rate=60.0
    )
    screen = Screen(Console(file=said, width=200), plain=True)
    return asyncio.run(Performance(settings, screen, CRASHING).run())


def test_a_crashing_release_is_rolled_back_and_nothing_is_lost(tmp_path: Path) -> None:
    said = StringIO()
    report = play(tmp_path, said)

    first, crashing = report.scenes
    assert first.complaints == []
    assert (first.outcome, first.sent) == ("promoted", 0)
    assert crashing.complaints == []
    assert crashing.outcome == "rolled-back"
    assert crashing.sent > 0
    assert (report.failed, report.failed_not_by_bad_release) == (0, 0)
    marks = crashing.receipt["rollouts"]["currencyservice:v2"]["marks"]
    names = [mark["name"] for mark in marks]
    assert "launched" in names
    assert "shifted-0" not in names
    assert "currencyservice restored: " in said.getvalue()
