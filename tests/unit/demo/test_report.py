"""build/demo.json has its shape, and is `ok` only if everything is."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from localcloud.demo.report import Report, SceneReport
from localcloud.demo.view import summary
from rich.console import Console

SCENE = SceneReport(
    name="a release that fails",
    expected="rolled-back",
    outcome="rolled-back",
    seconds=21.26,
    sent=1600,
    failed=20,
    complaints=(),
    receipt={"reasons": {"cart": "too many failed"}, "bound": {"requests": 27.4}},
)
REPORT = Report(
    seconds=120.04,
    clock_factor=20.0,
    sent=9000,
    failed=20,
    failed_not_by_bad_release=0,
    found=700,
    found_lost=0,
    scenes=(SCENE,),
    scenes_planned=1,
)


def test_the_file_has_the_shape_it_promises(tmp_path: Path) -> None:
    REPORT.write(tmp_path / "build/demo.json")

    assert json.loads((tmp_path / "build/demo.json").read_text()) == {
        "ok": True,
        "seconds": 120.0,
        "clock_factor": 20.0,
        "traffic": {
            "sent": 9000,
            "failed": 20,
            "failed_not_by_bad_release": 0,
            "found": {"calls": 700, "lost": 0},
        },
        "scenes": [
            {
                "name": "a release that fails",
                "expected": "rolled-back",
                "outcome": "rolled-back",
                "ok": True,
                "seconds": 21.3,
                "requests": {"sent": 1600, "failed": 20},
                "receipt": SCENE.receipt,
            }
        ],
    }


def test_a_scene_with_a_complaint_makes_the_whole_not_ok() -> None:
    bad = replace(SCENE, complaints=("something",))

    assert not replace(REPORT, scenes=(bad,)).ok


def test_a_request_lost_by_slipway_makes_the_whole_not_ok() -> None:
    assert not replace(REPORT, failed_not_by_bad_release=1).ok


@pytest.mark.parametrize("lack", [{"found": 0}, {"found_lost": 1}])
def test_a_call_by_the_registry_that_is_lost_or_never_made_makes_it_not_ok(
    lack: dict[str, int],
) -> None:
    assert not replace(REPORT, **lack).ok  # type: ignore[arg-type]


def test_the_summary_shows_what_callers_by_the_registry_sent_at_each_step() -> None:
    step = {"weight_percent": 10, "share_percent": 10.4, "calls": 260}
    scene = replace(SCENE, receipt={**SCENE.receipt, "found": [step]})
    console = Console(file=StringIO(), width=100)
    console.print(summary(replace(REPORT, scenes=(scene,))))
    text = str(console.file.getvalue())  # type: ignore[attr-defined]
    assert "at 10 %, callers by the registry sent it 10.4 % of 260 calls" in text
    assert "700 calls of services that find others in the registry, 0 without" in text


def test_too_few_requests_make_the_whole_not_ok() -> None:
    assert not replace(REPORT, sent=4999).ok


def test_a_scene_that_was_not_played_makes_the_whole_not_ok() -> None:
    assert not replace(REPORT, scenes_planned=2).ok


def test_the_summary_shows_both_sides_of_the_bound_and_the_reason() -> None:
    console = Console(file=StringIO(), width=80)
    console.print(summary(REPORT))
    text = " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]

    assert "rolled-back 7 min 05 s 1600 20 27.4 ok" in text
    assert "too many failed" in text
    assert "9000 requests sent, 20 failed; 0 of these" in text
