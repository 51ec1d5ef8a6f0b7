"""The demonstration as a whole, in short: from manifests to a changed one."""

import asyncio
from io import StringIO
from pathlib import Path

from localcloud.demo.performance import Performance, Settings
from localcloud.demo.report import Report
from localcloud.demo.scenes import UNDER_LOAD, Scene
from localcloud.demo.view import Screen
from rich.console import Console

SHORT = [
    scene for scene in UNDER_LOAD if not isinstance(scene, Scene) or scene.never_serves
]
MADE = {
    "cluster": 1,
    "log group": 1,
    "namespace": 1,
    "security group": 6,
    "load balancer": 2,
    "security group rule": 11,
    "registry service": 4,
    "listener": 2,
    "target group": 8,
    "listener rule": 8,
    "task definition": 4,
    "ECS service": 8,
    "registry attributes": 4,
    "record": 4,
}


def play(folder: Path, said: StringIO) -> Report:
    settings = Settings(
        repository=Path(__file__).parents[3], folder=folder, factor=30.0, rate=60.0
    )
    screen = Screen(Console(file=said, width=200), plain=True)
    return asyncio.run(Performance(settings, screen, SHORT).run())


def test_manifests_become_services_and_nothing_is_lost(tmp_path: Path) -> None:
    said = StringIO()
    report = play(tmp_path, said)

    made, first, crashing, changed, adopted, again = report.scenes
    assert adopted.outcome == "done"
    assert adopted.sent > 0
    assert [scene.complaints for scene in report.scenes] == [[]] * 6
    assert (report.failed, report.failed_not_by_bad_release) == (0, 0)

    provision = made.receipt["provision"]
    assert (made.outcome, made.sent, provision["resources"]) == ("done", 0, MADE)
    assert provision["planned"] == {"make": sum(MADE.values())}
    assert "manifests apply: uploaded environment.yaml" in said.getvalue()

    assert (first.outcome, first.sent) == ("promoted", 0)
    assert crashing.outcome == "rolled-back"
    assert crashing.sent > 0
    marks = crashing.receipt["rollouts"]["currencyservice:v2"]["marks"]
    names = [mark["name"] for mark in marks]
    assert "launched" in names
    assert "shifted-0" not in names
    assert "currencyservice restored: " in said.getvalue()

    assert changed.outcome == "done, promoted"
    assert changed.receipt["provision"]["uploaded"] == ["services/frontend.yaml"]
    assert changed.sent > 0
    assert again.outcome == "done"
    assert again.receipt["provision"]["writes"] == 0
