"""The judge against random traffic: what passes, passed in truth.

Some services are judged by their application's own metric, which may say nothing of
failures, or only of those that there are; then weights may be acted on late, too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, cast

from botocore.exceptions import ClientError
from localcloud.clock import SIMULATION_EPOCH
from slipway.domain import control, judge
from slipway.domain.control import Control, Verb, Word
from slipway.domain.diagnosis import Finding, Trouble
from slipway.domain.judge import Judgement, Verdict
from slipway.domain.service import (
    ApplicationMetric,
    Binding,
    JudgePolicy,
    Slot,
    Step,
)
from slipway.gateways.cloudwatch import Measurements

from tests.simulation.trace import Trace

MINUTE = timedelta(minutes=1)
MINUTES = 40
CANDIDATE = Slot.B
LOOK_SECONDS = 20
_BALANCER = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener/app/x/1/2"
_GROUPS = {slot: f"arn:aws:x:y:z:targetgroup/orders-{slot}/1" for slot in Slot}
_BINDINGS = (Binding(_BALANCER, "rule", "parking", _GROUPS),)
_SLOTS = {slot: f"orders-{slot}" for slot in Slot}
_METRIC = ApplicationMetric("shop", "Asked", "Failed")
SPREAD_SECONDS = 600
_BAD = Finding("task/1", Trouble.CRASHED, "Essential container in task exited")


@dataclass(frozen=True, slots=True)
class _Minute:
    """What became of one slot's requests in a minute."""

    requests: int
    target_errors: int
    """500 and above, answered by the target."""
    unanswered: int
    """Answered by the load balancer, if at all: no target group counts these."""

    @property
    def failures(self) -> int:
        return self.target_errors + self.unanswered


class _CloudWatch:
    """Answers as CloudWatch does: late, and at times in part or not at all."""

    def __init__(
        self, minutes: dict[Slot, list[_Minute]], lateness: int, says: str
    ) -> None:
        self.minutes = minutes
        self.says = says
        self.lateness = timedelta(seconds=lateness)
        self.now = SIMULATION_EPOCH
        self.trouble = ""

    def get_paginator(self, operation: str) -> "_CloudWatch":
        """Return what pages through an answer."""
        assert operation == "get_metric_data"
        return self

    def paginate(
        self,
        *,
        MetricDataQueries: Sequence[Any],  # noqa: N803  the SDK's
        StartTime: datetime,  # noqa: N803  the SDK's
        EndTime: datetime,  # noqa: N803  the SDK's
    ) -> Iterator[dict[str, Any]]:
        """Return one page."""
        if self.trouble == "error":
            error = {"Error": {"Code": "InternalServiceFault", "Message": ""}}
            raise ClientError(cast("Any", error), "GetMetricData")
        results = [
            {
                "Id": query["Id"],
                "StatusCode": "PartialData"
                if self.trouble == "partial"
                else "Complete",
                "Values": self._values(query["MetricStat"], StartTime, EndTime),
            }
            for query in MetricDataQueries
        ]
        yield {"MetricDataResults": results}

    def _values(self, stat: Any, start: datetime, end: datetime) -> list[float]:
        metric = stat["Metric"]
        which = metric["Dimensions"][0]["Value"]
        slot = next(s for s in Slot if which == _SLOTS[s] or _GROUPS[s].endswith(which))
        values = [
            self._value(minute, metric["MetricName"])
            for number, minute in enumerate(self.minutes[slot])
            if start <= (began := SIMULATION_EPOCH + number * MINUTE) < end
            and began + MINUTE + self.lateness <= self.now
        ]
        return [float(value) for value in values if value is not None]

    def _value(self, minute: _Minute, name: str) -> int | None:
        if name not in {_METRIC.requests, _METRIC.failures}:
            return _count(minute, name)
        return _counted(minute, name, self.says)


def _count(minute: _Minute, name: str) -> int:
    match name:
        case "RequestCount":
            return minute.requests
        case "HTTPCode_Target_2XX_Count":
            return minute.requests - minute.failures
        case "HTTPCode_Target_5XX_Count":
            return minute.target_errors
    return 0


def _counted(minute: _Minute, name: str, says: str) -> int | None:
    """Return what the application says of a minute, None where nothing."""
    if name == _METRIC.requests:
        return minute.requests
    if says == "nothing" or (says == "failures alone" and not minute.failures):
        return None
    return minute.failures


@dataclass(frozen=True, slots=True)
class _Case:
    """One step at its weight."""

    policy: JudgePolicy
    step: Step
    shifted: datetime
    patience: int
    minutes: dict[Slot, list[_Minute]]
    controls: tuple[Control, ...]
    sick_from: datetime | None
    bad_from: datetime | None
    says: str = ""
    """What the application says of its failures; all, unless told otherwise."""
    spread_seconds: int = 0

    def truth(self, now: datetime) -> dict[Slot, tuple[int, int]]:
        """Return requests and failures of both slots in the minutes that count."""
        begin, end = self.counting(now)
        counted = {}
        for slot, minutes in self.minutes.items():
            inside = [
                minute
                for number, minute in enumerate(minutes)
                if self._counts(SIMULATION_EPOCH + number * MINUTE, begin, end)
            ]
            counted[slot] = (
                sum(m.requests for m in inside),
                sum(m.failures for m in inside),
            )
        return counted

    def counting(self, now: datetime) -> tuple[datetime, datetime]:
        """Return from when to when minutes count: late ones as soon as there is one."""
        begin = self.shifted + timedelta(seconds=self.policy.warmup_seconds)
        end = now - timedelta(seconds=self.policy.metric_lateness_seconds)
        late = begin + timedelta(seconds=self.spread_seconds)
        known = [SIMULATION_EPOCH + number * MINUTE for number in range(MINUTES)]
        acted = any(self._counts(began, late, end) for began in known)
        return late if acted else begin, end

    def says_enough(self, now: datetime) -> bool:
        """Return whether failures have data where the candidate has requests."""
        begin, end = self.counting(now)
        return self.policy.metric is None or any(
            _counted(minute, _METRIC.failures, self.says) is not None
            for number, minute in enumerate(self.minutes[CANDIDATE])
            if self._counts(SIMULATION_EPOCH + number * MINUTE, begin, end)
        )

    def _counts(self, began: datetime, begin: datetime, end: datetime) -> bool:
        first = began >= begin or (
            not self.policy.warmup_seconds and began > begin - MINUTE
        )
        return first and began + MINUTE <= end

    def stopped(self, now: datetime) -> bool:
        """Return whether anybody stopped the rollout until now."""
        return any(c.verb is Verb.ABORT and c.at <= now for c in self.controls)

    def word(self, now: datetime) -> Word:
        """Return what was said until now."""
        return control.word([c for c in self.controls if c.at <= now], [])


def judging(random: Random, trace: Trace) -> None:
    """Bake one step, look by look, until a verdict; compare it with the truth."""
    case = _case(random)
    lateness = random.choice((0, 30, case.policy.metric_lateness_seconds))
    watch = _CloudWatch(case.minutes, lateness, case.says)
    measurements = Measurements(cast("Any", watch))
    trace.add(
        case.shifted,
        "step",
        f"{case.policy} bake={case.step.bake_seconds} patience={case.patience}",
    )
    held: datetime | None = None
    now = case.shifted
    while now < SIMULATION_EPOCH + (MINUTES - 2) * MINUTE:
        now += timedelta(seconds=LOOK_SECONDS)
        watch.now = now
        watch.trouble = random.choice(("", "", "", "", "error", "partial"))
        answer = _look(case, measurements, now, held)
        trace.add(now, "judge", f"{answer.verdict}: {answer.reason}")
        if answer.verdict is Verdict.INCONCLUSIVE:
            held = held or now
        if answer.verdict is Verdict.PASS:
            _hold_pass(case, now, watch.trouble, trace)
        if answer.verdict is Verdict.FAIL:
            _hold_fail(case, now, held, trace)
        if answer.verdict in (Verdict.PASS, Verdict.FAIL):
            trace.seen.add(str(answer.verdict))
            return
    if case.word(now).hold is None:
        trace.breaks(now, 0, "a step that nobody holds found no end")


def _look(
    case: _Case, measurements: Measurements, now: datetime, held: datetime | None
) -> Judgement:
    policy, spread = case.policy, case.spread_seconds
    settled = judge.window(policy, case.shifted, now, spread_seconds=spread)
    evidence = (
        measurements.counted(policy.metric, _SLOTS, CANDIDATE, settled)
        if policy.metric
        else measurements.evidence(_BINDINGS, CANDIDATE, settled)
    )
    found = judge.judge(
        policy,
        case.step,
        bake_left=judge.bake_left(
            policy, case.step, case.shifted, settled, spread_seconds=spread
        ),
        evidence=evidence,
        healthy=0 if case.sick_from and now >= case.sick_from else 1,
        needed=1,
        findings=[_BAD] if case.bad_from and now >= case.bad_from else [],
        max_task_failures=0,
    )
    return judge.steer(
        found,
        case.word(now),
        0,
        held_since=held,
        now=now,
        patience=case.patience,
    )


def _hold_pass(case: _Case, now: datetime, trouble: str, trace: Trace) -> None:
    """Hold a pass to settled minutes and samples enough, or to a person's word."""
    word, truth = case.word(now), case.truth(now)
    requests, failures = truth[CANDIDATE]
    if case.stopped(now):
        trace.breaks(now, 2, "a stopped rollout passed its step")
    if word.hold:
        trace.breaks(now, 0, "a paused rollout passed its step")
    if _ended_badly(case, now):
        trace.breaks(now, 13, "a candidate passed whose tasks ended or are sick")
    percent, limit = _percents(case, now)
    over = requests >= case.policy.min_requests and percent > limit
    if word.hurry(0):
        return
    if over:
        trace.breaks(
            now,
            13,
            f"passed with {failures} of {requests} failed; {limit:.2f} % allowed",
        )
    if case.step.bake_seconds == 0:
        return
    policy = case.policy
    bake = timedelta(
        seconds=policy.warmup_seconds
        + case.spread_seconds
        + case.step.bake_seconds
        + policy.metric_lateness_seconds
    )
    if now - case.shifted < bake:
        trace.breaks(now, 7, "passed before its bake had settled")
    if not case.says_enough(now):
        trace.breaks(now, 7, "passed though nothing was said of failures")
    if requests < policy.min_requests or trouble:
        trace.breaks(now, 7, f"passed on {requests} requests, {trouble or 'all known'}")


def _hold_fail(case: _Case, now: datetime, held: datetime | None, trace: Trace) -> None:
    """Hold a failure to a cause."""
    percent, _ = _percents(case, now)
    baseline = _baseline(case, now)
    patience = timedelta(seconds=case.patience)
    causes = (
        case.stopped(now),
        _ended_badly(case, now),
        percent > case.policy.max_failure_percent
        and percent > baseline + case.policy.max_increase_percent,
        held is not None and now - held > patience,
    )
    if not any(causes):
        trace.breaks(now, 0, f"failed with {percent:.2f} % failures and no cause")


def _ended_badly(case: _Case, now: datetime) -> bool:
    moments = (case.sick_from, case.bad_from)
    return any(moment is not None and moment <= now for moment in moments)


def _percents(case: _Case, now: datetime) -> tuple[float, float]:
    """Return how much of its requests the candidate fails, and how much it may.

    Above the allowed share it must be better than the primary.
    """
    requests, failures = case.truth(now)[CANDIDATE]
    percent = 100 * failures / requests if requests else 0.0
    most, baseline = case.policy.max_failure_percent, _baseline(case, now)
    limit = max(most, baseline - 1e-9)
    return percent, limit


def _baseline(case: _Case, now: datetime) -> float:
    requests, failures = case.truth(now)[CANDIDATE.other]
    if requests < case.policy.min_requests:
        return 0.0
    return 100 * failures / requests


def _case(random: Random) -> _Case:
    policy = JudgePolicy(
        min_requests=random.choice((1, 20, 60, 200)),
        warmup_seconds=random.choice((0, 30, 60)),
        metric_lateness_seconds=random.choice((60, 120)),
    )
    shifted = SIMULATION_EPOCH + timedelta(seconds=random.randint(60, 240))
    rates = random.choice((0.0, 0.0, 0.004, 0.012, 0.03, 0.3, 1.0))
    case = _Case(
        policy,
        Step(10, random.choice((60, 90, 180))),
        shifted,
        random.choice((60, 300)),
        {
            CANDIDATE: _minutes(random, random.choice((0, 2, 60, 200)), rates),
            CANDIDATE.other: _minutes(
                random,
                random.choice((0, 60, 500)),
                random.choice((0.0, 0.0, rates, 0.02)),
            ),
        },
        (),
        _sometime(random, shifted),
        _sometime(random, shifted),
    )
    case = replace(case, controls=_controls(random, shifted))
    if random.random() < 0.6:
        return case
    return replace(
        case,
        policy=replace(policy, metric=_METRIC),
        says=random.choice(("", "", "nothing", "failures alone")),
        spread_seconds=random.choice((0, SPREAD_SECONDS)),
    )


def _minutes(random: Random, requests: int, failing: float) -> list[_Minute]:
    """Return minutes of traffic that fails so often, from some minute on."""
    kind, since = random.choice(("target", "balancer")), random.choice((0, 0, 4, 6))
    minutes = []
    for number in range(MINUTES):
        count = requests if random.random() < 0.9 else 0
        failed = round(count * failing) if number >= since else 0
        answered = failed if kind == "target" else 0
        minutes.append(_Minute(count, answered, failed - answered))
    return minutes


def _sometime(random: Random, shifted: datetime) -> datetime | None:
    if random.random() < 0.9:
        return None
    return shifted + timedelta(seconds=random.randint(0, 600))


def _controls(random: Random, shifted: datetime) -> tuple[Control, ...]:
    verbs = (Verb.PAUSE, Verb.RESUME, Verb.SKIP, Verb.PROMOTE, Verb.ABORT)
    return tuple(
        Control(
            f"c{number}",
            random.choice(verbs),
            "ann",
            "why not",
            shifted + timedelta(seconds=random.randint(0, 900)),
            0,
        )
        for number in range(random.choice((0, 0, 0, 1, 2, 3)))
    )
