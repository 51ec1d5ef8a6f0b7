"""What the demonstration says at its end: build/demo.json, and a summary to read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from slipway.domain.receipt import Receipt

MINIMUM_REQUESTS = 5000
"""Fewer prove too little."""


@dataclass(frozen=True, slots=True)
class SceneReport:
    """One scene as played."""

    name: str
    expected: str
    outcome: str
    seconds: float
    """Real time."""
    sent: int
    failed: int
    complaints: Sequence[str]
    receipt: Mapping[str, Any]

    @property
    def ok(self) -> bool:
        """Whether it did what it must."""
        return not self.complaints


@dataclass(frozen=True, slots=True)
class Report:
    """All of it. Times are real ones."""

    seconds: float
    clock_factor: float
    sent: int
    failed: int
    failed_not_by_bad_release: int
    found: int
    """Calls between services that find each other in the registry."""
    found_lost: int
    """Of these, the ones that no task answered."""
    scenes: Sequence[SceneReport]
    scenes_planned: int

    @property
    def complaints(self) -> list[str]:
        """What stands against the whole, scenes aside."""
        found = []
        if len(self.scenes) < self.scenes_planned:
            found.append(f"{len(self.scenes)} of {self.scenes_planned} scenes played")
        if self.sent < MINIMUM_REQUESTS:
            found.append(f"{self.sent} requests are fewer than {MINIMUM_REQUESTS}")
        if self.failed_not_by_bad_release:
            found.append(
                f"{self.failed_not_by_bad_release} requests failed by no bad release"
            )
        if not self.found:
            found.append("no service found another in the registry")
        if self.found_lost:
            found.append(f"{self.found_lost} calls by the registry got no answer")
        return found

    @property
    def ok(self) -> bool:
        """Whether every scene, and the whole, did what they must."""
        return not self.complaints and all(scene.ok for scene in self.scenes)

    def as_json(self) -> dict[str, Any]:
        """Return the content of build/demo.json."""
        return {
            "ok": self.ok,
            "seconds": round(self.seconds, 1),
            "clock_factor": self.clock_factor,
            "traffic": {
                "sent": self.sent,
                "failed": self.failed,
                "failed_not_by_bad_release": self.failed_not_by_bad_release,
                "found": {"calls": self.found, "lost": self.found_lost},
            },
            "scenes": [
                {
                    "name": scene.name,
                    "expected": scene.expected,
                    "outcome": scene.outcome,
                    "ok": scene.ok,
                    "seconds": round(scene.seconds, 1),
                    "requests": {"sent": scene.sent, "failed": scene.failed},
                    "receipt": scene.receipt,
                }
                for scene in self.scenes
            ],
        }

    def write(self, path: Path) -> None:
        """Write build/demo.json."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_json(), indent=2) + "\n")


def receipt_as_json(receipt: Receipt) -> dict[str, Any]:
    """Return a rollout's receipt as JSON has it."""
    plain = asdict(receipt)
    plain["pushed_at"] = receipt.pushed_at.isoformat()
    plain["marks"] = [
        {"name": mark.name, "at": mark.at.isoformat(), "reason": mark.reason}
        for mark in receipt.marks
    ]
    return plain
