"""Whether a candidate serves as well as it must.

Failures are requests less successful answers, not errors that somebody counted: a load
balancer's own 502, 503 and 504 carry no target group, and a hung target answers
nothing at all. Successful is any 2xx, 3xx or 4xx answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from slipway.domain.diagnosis import Finding, summary
from slipway.domain.service import JudgePolicy, Step

MINUTE = timedelta(minutes=1)
"""The period of load balancer metrics (elb-cloudwatch-metrics)."""


class Verdict(StrEnum):
    """What a look at a baking candidate says."""

    BAKING = "baking"
    PASS = "pass"  # noqa: S105  not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one slot answered over some settled minutes."""

    requests: float
    successful: float

    @property
    def failures(self) -> float:
        """Requests that no successful answer belongs to, at least 0."""
        return max(0.0, self.requests - self.successful)

    @property
    def failure_percent(self) -> float:
        """Failures in percent of requests; 0 of none."""
        return 100.0 * self.failures / self.requests if self.requests else 0.0

    def __str__(self) -> str:
        """Say it as people do."""
        return (
            f"{self.failures:.0f} of {self.requests:.0f} failed "
            f"({self.failure_percent:.2f} %)"
        )


@dataclass(frozen=True, slots=True)
class Window:
    """Whole minutes to judge: [start, end). Empty where end is not after start."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        """The length, at least 0."""
        return max(0.0, (self.end - self.start).total_seconds())


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was measured over a window; None where a query failed."""

    candidate: Traffic
    primary: Traffic


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and its reason."""

    verdict: Verdict
    reason: str


def window(policy: JudgePolicy, shifted_at: datetime, now: datetime) -> Window:
    """Return the minutes after a shift that are warm and settled by `now`."""
    warm = shifted_at + timedelta(seconds=policy.warmup_seconds)
    start = _minute(warm + MINUTE - timedelta(microseconds=1))
    end = _minute(now - timedelta(seconds=policy.metric_lateness_seconds))
    return Window(start, end)


def judge(  # noqa: PLR0911  each return is one reason
    policy: JudgePolicy,
    step: Step,
    *,
    window: Window,
    evidence: Evidence | None,
    healthy: int,
    needed: int,
    findings: Sequence[Finding],
    max_task_failures: int,
) -> Judgement:
    """Judge a candidate that carries `step`'s weight.

    A task that ended badly, or health below what the weight needs, fails it at once.
    A failure rate counts as soon as there are samples enough. To pass, the whole bake
    must have settled, with samples enough. Everything else at its end is inconclusive.
    """
    if len(findings) > max_task_failures:
        return Judgement(Verdict.FAIL, summary(findings))
    if healthy < needed:
        return Judgement(
            Verdict.FAIL,
            f"the candidate has {healthy} healthy targets; its weight needs {needed}",
        )
    baked = window.seconds >= step.bake_seconds
    if step.bake_seconds == 0:
        return Judgement(Verdict.PASS, "this step has no bake")
    if evidence is None:
        return Judgement(
            Verdict.INCONCLUSIVE if baked else Verdict.BAKING,
            "CloudWatch did not answer the query completely",
        )
    candidate, primary = evidence.candidate, evidence.primary
    if candidate.requests < policy.min_requests:
        return Judgement(
            Verdict.INCONCLUSIVE if baked else Verdict.BAKING,
            f"{candidate.requests:.0f} requests are too few to judge; "
            f"{policy.min_requests} are needed",
        )
    comparable = primary.requests >= policy.min_requests
    baseline = primary.failure_percent if comparable else 0.0
    against = f"the primary: {primary}" if comparable else "too little on the primary"
    facts = f"the candidate: {candidate}; {against}"
    if candidate.failure_percent > policy.max_failure_percent:
        if candidate.failure_percent > baseline + policy.max_increase_percent:
            return Judgement(Verdict.FAIL, f"more failures than allowed; {facts}")
        if candidate.failure_percent >= baseline:
            return Judgement(
                Verdict.INCONCLUSIVE if baked else Verdict.BAKING,
                f"both sides fail more than allowed; {facts}",
            )
    if baked:
        return Judgement(Verdict.PASS, facts)
    return Judgement(
        Verdict.BAKING, f"{window.seconds:.0f} of {step.bake_seconds} s; {facts}"
    )


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
