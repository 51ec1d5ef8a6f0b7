"""Whether a candidate serves as well as it must.

Failures are requests less successful answers, not errors that somebody counted: a load
balancer's own 502, 503 and 504 carry no target group, and a hung target answers
nothing at all. Successful is any 2xx, 3xx or 4xx answer. Where the application itself
counts, failures are what it says.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from slipway.domain.control import Word
from slipway.domain.diagnosis import Finding, summary
from slipway.domain.service import JudgePolicy, Step

MINUTE = timedelta(minutes=1)
"""The period of load balancer metrics (elb-cloudwatch-metrics), and of all others that
are judged by."""


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
    def empty(self) -> bool:
        """Whether there is nothing to judge yet."""
        return self.end <= self.start


@dataclass(frozen=True, slots=True)
class Evidence:
    """What both sides answered over the same settled minutes."""

    candidate: Traffic
    primary: Traffic
    gap: str | None = None
    """What should have data and has none: then nothing of this passes or fails."""

    def compared(self, earlier: Traffic | None, min_requests: int) -> "Evidence":
        """Compare with an earlier step's primary where this one's has too little."""
        if earlier is None or self.primary.requests >= min_requests:
            return self
        return replace(self, primary=earlier)

    @property
    def facts(self) -> dict[str, float]:
        """The counts, for a receipt."""
        return {
            "candidate_requests": self.candidate.requests,
            "candidate_failures": self.candidate.failures,
            "primary_requests": self.primary.requests,
            "primary_failures": self.primary.failures,
        }


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and its reason."""

    verdict: Verdict
    reason: str


def window(
    policy: JudgePolicy, shifted_at: datetime, now: datetime, *, spread_seconds: int = 0
) -> Window:
    """Return the minutes after a shift that are warm and settled by `now`.

    Without a warm-up the minute of the shift itself counts: what the candidate failed
    in it, it failed. Where weights take `spread_seconds` to be acted on, only what came
    after that counts, as soon as there is some; until then what the candidate failed
    counts, and cannot pass: its bake has not begun.
    """
    settled = now - timedelta(seconds=policy.metric_lateness_seconds)
    end = settled.replace(second=0, microsecond=0)
    spread = _warm(policy, shifted_at + timedelta(seconds=spread_seconds))
    return Window(spread if spread < end else _warm(policy, shifted_at), end)


def _warm(policy: JudgePolicy, at: datetime) -> datetime:
    """Return the first minute that counts of what began then."""
    warm = at + timedelta(seconds=policy.warmup_seconds)
    start = warm.replace(second=0, microsecond=0)
    if policy.warmup_seconds and start < warm:
        start += MINUTE
    return start


def bake_left(
    policy: JudgePolicy,
    step: Step,
    shifted_at: datetime,
    window: Window,
    *,
    spread_seconds: int = 0,
) -> timedelta:
    """Return how much of a step's bake has not settled yet; 0 or less where all has.

    It begins once its weights are acted on.
    """
    unjudged = policy.warmup_seconds + spread_seconds
    bake = timedelta(seconds=unjudged + step.bake_seconds)
    return shifted_at + bake - window.end


def health_left(step: Step, shifted_at: datetime, now: datetime) -> timedelta:
    """Return how much of a bake is left that nothing but health is asked of."""
    return shifted_at + timedelta(seconds=step.bake_seconds) - now


def judge_health(
    *,
    bake_left: timedelta,
    healthy: int | None,
    needed: int,
    findings: Sequence[Finding],
    max_task_failures: int,
) -> Judgement:
    """Judge a candidate on its health alone, for all of its bake.

    `healthy` is None where it could not be read: then nothing passes.
    """
    broken = _broken(healthy, needed, findings, max_task_failures)
    if broken is not None:
        return broken
    baked = bake_left <= timedelta(0)
    if healthy is None:
        return Judgement(
            Verdict.INCONCLUSIVE if baked else Verdict.BAKING,
            "the candidate's tasks could not be counted",
        )
    facts = (
        f"{healthy} healthy of {needed} needed, {len(findings)} task(s) ended badly; "
        "judged on health alone"
    )
    if baked:
        return Judgement(Verdict.PASS, facts)
    return Judgement(Verdict.BAKING, f"{bake_left.total_seconds():.0f} s left; {facts}")


def _broken(
    healthy: int | None,
    needed: int,
    findings: Sequence[Finding],
    max_task_failures: int,
) -> Judgement | None:
    """Fail a candidate whose tasks say enough, whatever its requests do."""
    if len(findings) > max_task_failures:
        return Judgement(Verdict.FAIL, summary(findings))
    if healthy is not None and healthy < needed:
        return Judgement(
            Verdict.FAIL,
            f"the candidate has {healthy} healthy tasks; its share needs {needed}",
        )
    return None


def judge(  # noqa: PLR0911  each return is one reason
    policy: JudgePolicy,
    step: Step,
    *,
    bake_left: timedelta,
    evidence: Evidence | None,
    healthy: int,
    needed: int,
    findings: Sequence[Finding],
    max_task_failures: int,
) -> Judgement:
    """Judge a candidate that carries its step's weight.

    A task that ended badly, or health below what the weight needs, fails it at once.
    A failure rate counts as soon as there are samples enough. To pass, the whole bake
    must have settled, with samples enough. Everything else at its end is inconclusive.
    """
    broken = _broken(healthy, needed, findings, max_task_failures)
    if broken is not None:
        return broken
    if step.bake_seconds == 0:
        return Judgement(Verdict.PASS, "this step has no bake")
    baked = bake_left <= timedelta(0)
    if evidence is None:
        return Judgement(
            Verdict.INCONCLUSIVE if baked else Verdict.BAKING,
            "CloudWatch did not answer the query completely",
        )
    if evidence.gap is not None:
        unproven = Verdict.INCONCLUSIVE if baked else Verdict.BAKING
        return Judgement(unproven, evidence.gap)
    candidate, primary = evidence.candidate, evidence.primary
    by = f"; judged by {policy.metric}" if policy.metric else ""
    if candidate.requests < policy.min_requests:
        return Judgement(
            Verdict.INCONCLUSIVE if baked else Verdict.BAKING,
            f"{candidate.requests:.0f} requests are too few to judge; "
            f"{policy.min_requests} are needed{by}",
        )
    comparable = primary.requests >= policy.min_requests
    baseline = primary.failure_percent if comparable else 0.0
    against = f"the primary: {primary}" if comparable else "too little on the primary"
    facts = f"the candidate: {candidate}; {against}{by}"
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
    return Judgement(Verdict.BAKING, f"{bake_left.total_seconds():.0f} s left; {facts}")


def steer(
    judgement: Judgement,
    word: Word,
    step: int,
    *,
    held_since: datetime | None,
    now: datetime,
    patience: int,
) -> Judgement:
    """Heed what people say: a failure stays one, whatever they say.

    A pause or freeze holds the step without end; who ends its bake early takes silence
    upon himself.
    """
    if word.stop is not None:
        return Judgement(Verdict.FAIL, str(word.stop))
    if judgement.verdict is Verdict.FAIL:
        return judgement
    if word.hold is not None:
        return Judgement(Verdict.BAKING, f"{word.hold}; {judgement.reason}")
    hurried = word.hurry(step)
    if hurried is not None:
        return Judgement(Verdict.PASS, f"{hurried}; {judgement.reason}")
    if judgement.verdict is Verdict.INCONCLUSIVE:
        return hold(judgement, held_since, now, patience)
    return judgement


def hold(
    judgement: Judgement, held_since: datetime | None, now: datetime, patience: int
) -> Judgement:
    """Hold an inconclusive step for up to `patience` seconds; then it has failed."""
    if held_since is not None and now - held_since > timedelta(seconds=patience):
        reason = f"unproven for {patience} s: {judgement.reason}"
        return Judgement(Verdict.FAIL, reason)
    return judgement
