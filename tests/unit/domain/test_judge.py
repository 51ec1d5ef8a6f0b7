"""The judge: what passes, what fails, and that silence never passes (invariant 7)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.domain.diagnosis import Finding
from slipway.domain.judge import (
    Evidence,
    Judgement,
    Traffic,
    Verdict,
    Window,
    bake_left,
    hold,
    judge,
    window,
)
from slipway.domain.service import JudgePolicy, Step

from tests.builders import (
    START,
    a_finding,
    a_judge_policy,
    after,
    some_evidence,
    some_traffic,
)

BAKED = timedelta(0)
BAKING = timedelta(seconds=1)
STEP = Step(10, 300)
REQUESTS = st.integers(min_value=0, max_value=5000)
PERCENTS = st.floats(min_value=0, max_value=100)
POLICIES = st.builds(
    a_judge_policy,
    max_failure_percent=PERCENTS,
    max_increase_percent=PERCENTS,
    min_requests=st.integers(min_value=1, max_value=500),
)
LEFT = st.sampled_from([BAKED, BAKING, timedelta(minutes=-5), timedelta(minutes=5)])
WORSE = [Verdict.PASS, Verdict.BAKING, Verdict.INCONCLUSIVE, Verdict.FAIL]


@st.composite
def traffic(draw: st.DrawFn) -> Traffic:
    """Return what a slot answered; answers may also outnumber requests."""
    return Traffic(draw(REQUESTS), draw(REQUESTS))


def judged(
    evidence: Evidence | None,
    *,
    policy: JudgePolicy | None = None,
    step: Step = STEP,
    left: timedelta = BAKED,
    healthy: int = 4,
    needed: int = 4,
    findings: Sequence[Finding] = (),
    max_task_failures: int = 0,
) -> Judgement:
    return judge(
        policy or a_judge_policy(),
        step,
        bake_left=left,
        evidence=evidence,
        healthy=healthy,
        needed=needed,
        findings=findings,
        max_task_failures=max_task_failures,
    )


def of_thousand(candidate: float, primary: float = 0) -> Evidence:
    """Return evidence with so many failures of 1000 requests each."""
    return some_evidence(
        candidate=some_traffic(failures=candidate),
        primary=some_traffic(failures=primary),
    )


# ------------------------------------------------------------------ failures


def test_failures_are_the_requests_without_a_successful_answer() -> None:
    hung = Traffic(requests=200, successful=150)
    assert (hung.failures, hung.failure_percent) == (50, 25)
    assert str(hung) == "50 of 200 failed (25.00 %)"


def test_answers_that_outnumber_requests_are_no_failures() -> None:
    assert Traffic(requests=10, successful=12).failures == 0


def test_no_requests_are_no_failures() -> None:
    assert Traffic(0, 0).failure_percent == 0


def test_evidence_is_told_in_counts() -> None:
    assert of_thousand(20, 3).facts == {
        "candidate_requests": 1000,
        "candidate_failures": 20,
        "primary_requests": 1000,
        "primary_failures": 3,
    }


# ------------------------------------------------------------------ verdicts


def test_a_candidate_as_good_as_the_primary_passes_once_all_has_settled() -> None:
    assert judged(of_thousand(0)).verdict is Verdict.PASS
    baking = judged(of_thousand(0), left=BAKING)
    assert baking.verdict is Verdict.BAKING
    assert baking.reason.startswith("1 s left")


@pytest.mark.parametrize(
    ("candidate", "primary", "verdict"),
    [
        (10, 0, Verdict.PASS),  # at the limit of 1 %
        (11, 0, Verdict.FAIL),
        (15, 10, Verdict.INCONCLUSIVE),  # 1.5 % against 1 %: not more than 0.5 points
        (16, 10, Verdict.FAIL),
        (900, 900, Verdict.INCONCLUSIVE),  # both are broken: neither proven nor blamed
        (300, 900, Verdict.PASS),  # the better one of two broken ones
    ],
)
def test_failures_count_over_the_limit_and_over_the_primarys(
    candidate: int, primary: int, verdict: Verdict
) -> None:
    answer = judged(of_thousand(candidate, primary))
    assert answer.verdict is verdict
    assert f"{candidate} of 1000 failed" in answer.reason


def test_failures_fail_it_before_the_bake_is_over() -> None:
    assert judged(of_thousand(500), left=BAKING).verdict is Verdict.FAIL


def test_a_primary_with_too_few_requests_excuses_nothing() -> None:
    failing = some_traffic(49, failures=49)
    evidence = some_evidence(candidate=some_traffic(failures=20), primary=failing)
    answer = judged(evidence)
    assert answer.verdict is Verdict.FAIL
    assert "too little on the primary" in answer.reason


def test_too_few_requests_of_the_candidate_prove_nothing_either_way() -> None:
    for failures in (0, 49):
        few = some_evidence(candidate=some_traffic(49, failures=failures))
        assert judged(few).verdict is Verdict.INCONCLUSIVE
        assert judged(few, left=BAKING).verdict is Verdict.BAKING
    assert judged(some_evidence(candidate=some_traffic(50))).verdict is Verdict.PASS


def test_no_answer_of_cloudwatch_is_inconclusive_at_the_end_of_the_bake() -> None:
    assert judged(None).verdict is Verdict.INCONCLUSIVE
    assert judged(None, left=BAKING).verdict is Verdict.BAKING


@pytest.mark.parametrize("evidence", [None, of_thousand(0)], ids=["silent", "good"])
@pytest.mark.parametrize("bake_seconds", [0, 300])
def test_a_task_that_ended_badly_fails_it_at_once(
    evidence: Evidence | None, bake_seconds: int
) -> None:
    answer = judged(
        evidence, step=Step(10, bake_seconds), left=BAKING, findings=[a_finding()]
    )
    assert answer.verdict is Verdict.FAIL
    assert "1 task(s) of the candidate ended badly" in answer.reason


def test_as_many_bad_ends_as_allowed_do_not_fail_it() -> None:
    answer = judged(of_thousand(0), findings=[a_finding()], max_task_failures=1)
    assert answer.verdict is Verdict.PASS


@pytest.mark.parametrize("bake_seconds", [0, 300])
def test_less_health_than_its_weight_needs_fails_it_at_once(bake_seconds: int) -> None:
    answer = judged(of_thousand(0), step=Step(10, bake_seconds), healthy=3)
    assert answer.verdict is Verdict.FAIL
    assert "3 healthy targets; its weight needs 4" in answer.reason


def test_a_step_without_a_bake_asks_for_no_evidence() -> None:
    answer = judged(None, step=Step(100, 0), left=BAKING)
    assert (answer.verdict, answer.reason) == (Verdict.PASS, "this step has no bake")


@given(POLICIES, LEFT, traffic(), st.one_of(st.none(), traffic()))
def test_silence_never_passes(
    policy: JudgePolicy, left: timedelta, primary: Traffic, candidate: Traffic | None
) -> None:
    evidence = Evidence(candidate, primary) if candidate else None
    answer = judged(evidence, policy=policy, left=left)
    if candidate is None or candidate.requests < policy.min_requests:
        settled = left <= timedelta(0)
        expected = Verdict.INCONCLUSIVE if settled else Verdict.BAKING
        assert answer.verdict is expected


@given(POLICIES, LEFT, traffic(), traffic())
def test_nothing_passes_before_its_bake_has_settled(
    policy: JudgePolicy, left: timedelta, candidate: Traffic, primary: Traffic
) -> None:
    answer = judged(Evidence(candidate, primary), policy=policy, left=left)
    if left > timedelta(0):
        assert answer.verdict in (Verdict.BAKING, Verdict.FAIL)
    else:
        assert answer.verdict is not Verdict.BAKING


@given(POLICIES, LEFT, REQUESTS, st.tuples(REQUESTS, REQUESTS), traffic())
def test_more_failures_never_make_a_better_verdict(
    policy: JudgePolicy,
    left: timedelta,
    requests: int,
    failures: tuple[int, int],
    primary: Traffic,
) -> None:
    better, worse = (
        judged(
            Evidence(some_traffic(requests, failures=count), primary),
            policy=policy,
            left=left,
        )
        for count in sorted(min(count, requests) for count in failures)
    )
    assert WORSE.index(better.verdict) <= WORSE.index(worse.verdict)


@given(POLICIES, REQUESTS, st.tuples(REQUESTS, REQUESTS), traffic())
def test_a_worse_primary_never_makes_a_worse_verdict(
    policy: JudgePolicy, requests: int, failures: tuple[int, int], candidate: Traffic
) -> None:
    good, bad = (
        judged(
            Evidence(candidate, some_traffic(requests, failures=count)), policy=policy
        )
        for count in sorted(min(count, requests) for count in failures)
    )
    assert WORSE.index(bad.verdict) <= WORSE.index(good.verdict)


@given(POLICIES, LEFT, traffic(), traffic())
def test_a_candidate_is_blamed_only_beyond_both_limits(
    policy: JudgePolicy, left: timedelta, candidate: Traffic, primary: Traffic
) -> None:
    answer = judged(Evidence(candidate, primary), policy=policy, left=left)
    if answer.verdict is Verdict.FAIL:
        assert candidate.failure_percent > policy.max_failure_percent
        assert candidate.requests >= policy.min_requests
        if primary.requests >= policy.min_requests:
            limit = primary.failure_percent + policy.max_increase_percent
            assert candidate.failure_percent > limit


# ------------------------------------------------------------------ minutes


@pytest.mark.parametrize(
    ("shifted", "warmup", "start"),
    [
        (0, 0, 0),
        (20, 0, 0),  # the minute of the shift counts where nothing warms up
        (0, 30, 60),
        (30, 30, 60),  # warm on the minute
        (31, 30, 120),
    ],
)
def test_the_first_minute_judged_is_the_first_that_is_warm(
    shifted: int, warmup: int, start: int
) -> None:
    policy = a_judge_policy(warmup_seconds=warmup)
    assert window(policy, after(shifted), after(600)).start == after(start)


@pytest.mark.parametrize(("now", "end"), [(599, 420), (600, 480), (659, 480)])
def test_the_last_minute_judged_is_the_last_that_has_settled(
    now: int, end: int
) -> None:
    assert window(a_judge_policy(), START, after(now)).end == after(end)


def test_there_is_nothing_to_judge_until_a_minute_has_settled() -> None:
    assert window(a_judge_policy(), START, after(239)).empty
    assert not window(a_judge_policy(), START, after(240)).empty
    assert Window(START, START).empty


@given(
    shifted=st.integers(min_value=0, max_value=10_000),
    looked=st.integers(min_value=0, max_value=10_000),
    warmup=st.integers(min_value=0, max_value=600),
    lateness=st.integers(min_value=0, max_value=600),
)
def test_every_judged_minute_is_whole_warm_and_settled(
    shifted: int, looked: int, warmup: int, lateness: int
) -> None:
    policy = a_judge_policy(warmup_seconds=warmup, metric_lateness_seconds=lateness)
    now = after(shifted + looked)
    minutes = window(policy, after(shifted), now)
    assert minutes.start.second == minutes.end.second == 0
    assert minutes.end <= now - timedelta(seconds=lateness)
    warm = after(shifted + warmup)
    if warmup:
        assert warm <= minutes.start < warm + timedelta(minutes=1)
    else:
        assert minutes.start <= warm < minutes.start + timedelta(minutes=1)


@pytest.mark.parametrize(("now", "left"), [(449, 60), (450, 0), (509, 0), (510, -60)])
def test_a_bake_is_over_when_its_last_minute_has_settled(now: int, left: int) -> None:
    policy = a_judge_policy(warmup_seconds=60, metric_lateness_seconds=90)
    minutes = window(policy, START, after(now))
    assert bake_left(policy, Step(10, 300), START, minutes) == timedelta(seconds=left)


# ------------------------------------------------------------------ holding

HELD = Judgement(Verdict.INCONCLUSIVE, "too few")


@pytest.mark.parametrize("since", [None, START])
def test_an_inconclusive_step_holds_while_there_is_patience(
    since: datetime | None,
) -> None:
    assert hold(HELD, since, after(3600), 3600) == HELD


def test_an_inconclusive_step_has_failed_once_patience_is_gone() -> None:
    answer = hold(HELD, START, after(3601), 3600)
    assert answer == Judgement(Verdict.FAIL, "unproven for 3600 s: too few")
