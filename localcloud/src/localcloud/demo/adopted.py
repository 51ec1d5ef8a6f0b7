"""The scene in which a service made by hand is adopted, as played, and its report."""

from dataclasses import dataclass

from slipway.domain.planning import Plan
from slipway.domain.provision_run import Result
from slipway_cli.applying import Applied

from localcloud.demo.report import SceneReport
from localcloud.demo.scenes import Adopted


@dataclass(frozen=True, slots=True)
class PlayedAdoption:
    """A service that was adopted. Times are real, seconds of the Unix epoch."""

    scene: Adopted
    began: float
    ended: float
    applied: Applied | None
    """None where it was not steady in time, or was refused."""
    problem: str
    """Why it was refused."""
    restarted: int
    """Tasks that ran before and do not any more."""
    sent: int
    """Requests to the service alone, while it was adopted."""
    failed: int
    left: Plan | None
    """What there was to do after."""
    violations: list[str]

    @property
    def result(self) -> Result | None:
        """How the run ended that took it over."""
        report = self.applied.report if self.applied else None
        return report.result if report else None

    def report(self, sent: int, failed: int) -> SceneReport:
        """Return what the scene came to, with so many other requests in its time."""
        return SceneReport(
            name=self.scene.name,
            expected="done",
            outcome=str(self.result or "none"),
            seconds=self.ended - self.began,
            sent=sent + self.sent,
            failed=failed + self.failed,
            complaints=self._complaints(failed),
            receipt={
                "reasons": {"adopted": f"{self.sent} requests, {self.failed} failed"},
                "rollouts": {},
            },
        )

    def _complaints(self, failed: int) -> list[str]:
        found = [self.problem] if self.problem else []
        if self.result is not Result.DONE:
            found.append(f"the run: {self.result or 'no end in time'}, not done")
        if self.restarted:
            found.append(f"{self.restarted} tasks were replaced")
        if not self.sent:
            found.append("nobody asked the service: nothing was shown")
        if self.failed + failed:
            found.append(f"{self.failed + failed} requests failed")
        left = (*self.left.changes, *self.left.refusals) if self.left else ()
        found += [f"left to do: {text}" for text in left]
        return found + [f"violation: {text}" for text in self.violations]
