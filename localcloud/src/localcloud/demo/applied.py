"""A scene of manifests as it was played, and its report."""

from dataclasses import dataclass
from typing import Any

from slipway.domain.planning import Plan
from slipway.domain.rollout import Outcome
from slipway.gateways.journal import Entry

from localcloud.demo import scenes
from localcloud.demo.applying import Run
from localcloud.demo.report import SceneReport, receipt_as_json
from localcloud.demo.scenes import Applied, ObservedRun


@dataclass(frozen=True, slots=True)
class PlayedRun:
    """Manifests that were applied. Times are real, seconds of the Unix epoch."""

    scene: Applied
    began: float
    ended: float
    run: Run
    left: Plan
    """What there was to do after."""
    writes: list[str]
    """Calls that changed the system."""
    entry: Entry | None
    """The rollout that followed."""
    said: str | None
    """What users were greeted with after."""
    violations: list[str]

    @property
    def outcome(self) -> Outcome | None:
        """How the rollout that followed ended."""
        return self.entry.outcome if self.entry else None

    def report(self, sent: int, failed: int) -> SceneReport:
        """Return what the scene came to, with so many requests in its time."""
        observed = ObservedRun(
            result=self.run.result,
            verbs=self.run.verbs.keys(),
            left=[str(change) for change in (*self.left.changes, *self.left.refusals)],
            writes=self.writes,
            problems=self.run.problems,
            outcome=self.outcome,
            said=self.said,
            failed=failed,
            violations=self.violations,
        )
        rolls_out = self.scene.edit is not None
        result, outcome = self.run.result or "none", self.outcome or "none"
        return SceneReport(
            name=self.scene.name,
            expected="done, promoted" if rolls_out else "done",
            outcome=f"{result}, {outcome}" if rolls_out else str(result),
            seconds=self.ended - self.began,
            sent=sent,
            failed=failed,
            complaints=scenes.applied_complaints(self.scene, observed),
            receipt=self._receipt(),
        )

    def _receipt(self) -> dict[str, Any]:
        """Return what the run, and the rollout after it, did; times are modelled."""
        entry, reason, rollouts = self.entry, self.run.summary, {}
        if entry is not None:
            reason = f"{reason}; then {entry.reason}"
            if entry.receipt is not None:
                rollouts = {entry.rollout.id: receipt_as_json(entry.receipt)}
        return {
            "reasons": {self.run.applied.run: reason},
            "provision": self.run.as_json() | {"writes": len(self.writes)},
            "rollouts": rollouts,
        }
