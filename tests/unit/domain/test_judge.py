"""The judge: what passes, what fails, and that silence never passes (invariant 7)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.domain.control import Control, Freeze, Verb, word
from slipway.domain.diagnosis import Finding
from slipway.domain.judge import (
    Evidence,
    Judgement,
    Traffic,
    Verdict,
    Window,
    bake_left,
    health_left,
    hold,
    judge,
    judge_health,
    steer,
    window,
)
from slipway.domain.service import JudgePolicy, Step

from tests.builders import (
    START,
    a_control,
    a_finding,
    a_freeze,
    a_judge_policy,
    a_metric,
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


FEW = some_traffic(49)


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


def test_what_has_no_data_and_should_proves_nothing_however_good_the_rest() -> None:
    for failures in (0, 500):
        gap = replace(of_thousand(failures), gap="Failed has no data")
        answer = judged(gap)
        assert answer.verdict is Verdict.INCONCLUSIVE
        assert answer.reason == "Failed has no data"
        assert judged(gap, left=BAKING).verdict is Verdict.BAKING


def test_a_gap_stays_one_when_an_earlier_primary_is_compared_with() -> None:
    gap = replace(some_evidence(primary=Traffic(0, 0)), gap="Failed has no data")
    earlier = some_traffic(failures=5)
    assert gap.compared(earlier, 50) == replace(gap, primary=earlier)


def test_reasons_name_the_applications_own_metric() -> None:
    policy = a_judge_policy(metric=a_metric())
    by = "; judged by Asked and Failed of shop"
    for evidence in (of_thousand(0), of_thousand(500), some_evidence(candidate=FEW)):
        assert judged(evidence, policy=policy).reason.endswith(by)
        assert "judged by" not in judged(evidence).reason


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
    assert "3 healthy tasks; its share needs 4" in answer.reason


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


@pytest.mark.parametrize(
    ("now", "start"),
    [
        (240, 60),  # weights still spread: what it fails counts
        (839, 60),  # the first minute after that has not settled
        (840, 660),
        (2000, 660),
    ],
)
def test_once_weights_are_acted_on_only_what_came_since_counts(
    now: int, start: int
) -> None:
    found = window(a_judge_policy(), START, after(now), spread_seconds=600)
    assert found.start == after(start)
    assert not found.empty


@pytest.mark.parametrize("warmup", [0, 30])
def test_a_bake_begins_when_its_weights_are_acted_on(warmup: int) -> None:
    policy = a_judge_policy(warmup_seconds=warmup)
    for now in range(0, 1500, 30):
        found = window(policy, START, after(now), spread_seconds=600)
        left = bake_left(policy, Step(10, 60), START, found, spread_seconds=600)
        if left <= BAKED:
            assert found.start >= after(600)
            assert found.end >= after(600 + warmup + 60)
        else:
            assert found.end < after(600 + warmup + 60)


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


# ------------------------------------------------------------------ what people say

VERBS = [Verb.PAUSE, Verb.RESUME, Verb.PROMOTE, Verb.SKIP]
"""All that people may say to a rollout but to stop."""
VERDICTS = st.builds(Judgement, st.sampled_from(Verdict), st.just("as it looks"))
SAID = st.lists(
    st.builds(
        a_control,
        st.sampled_from(VERBS),
        control_id=st.uuids().map(str),
        at=st.integers(min_value=0, max_value=600).map(after),
        step=st.sampled_from([None, 0, 1]),
    ),
    max_size=5,
)


def steered(
    judgement: Judgement | Verdict,
    *controls: Control,
    freezes: Sequence[Freeze] = (),
    step: int = 0,
    held_since: datetime | None = None,
    now: datetime = START,
) -> Judgement:
    if isinstance(judgement, Verdict):
        judgement = Judgement(judgement, "as it looks")
    return steer(
        judgement,
        word(controls, freezes),
        step,
        held_since=held_since,
        now=now,
        patience=3600,
    )


@given(VERDICTS)
def test_where_nobody_says_anything_the_judgement_stands(judgement: Judgement) -> None:
    assert steered(judgement) == judgement


@given(SAID, st.lists(st.builds(a_freeze), max_size=1))
def test_a_failure_stays_one_whatever_people_say(
    said: Sequence[Control], freezes: Sequence[Freeze]
) -> None:
    failed = Judgement(Verdict.FAIL, "more failures than allowed")
    assert steered(failed, *said, freezes=freezes) == failed


@pytest.mark.parametrize("verb", [Verb.ABORT, Verb.SUPERSEDE])
@pytest.mark.parametrize("verdict", Verdict)
def test_a_stop_ends_any_step_and_says_who_wants_it(
    verdict: Verdict, verb: Verb
) -> None:
    promote = a_control(Verb.PROMOTE, control_id="c-0")
    answer = steered(verdict, promote, a_control(verb, why="it is wrong"))
    assert answer == Judgement(Verdict.FAIL, f"{verb} by ana: it is wrong")


@pytest.mark.parametrize("verdict", [v for v in Verdict if v is not Verdict.FAIL])
@pytest.mark.parametrize("hours", [0, 2, 1000])
def test_a_pause_holds_without_end(verdict: Verdict, hours: int) -> None:
    answer = steered(
        verdict, a_control(Verb.PAUSE), held_since=START, now=after(hours * 3600)
    )
    assert answer.verdict is Verdict.BAKING
    assert answer.reason == "pause by ana: the database is ill; as it looks"


@pytest.mark.parametrize("hurry", [Verb.PROMOTE, Verb.SKIP])
def test_nobody_hurries_past_a_pause_or_a_freeze(hurry: Verb) -> None:
    ahead = a_control(hurry, control_id="c-2", at=after(9), step=0)
    assert steered(Verdict.PASS, a_control(), ahead).verdict is Verdict.BAKING
    frozen = steered(Verdict.PASS, ahead, freezes=[a_freeze()])
    assert frozen.verdict is Verdict.BAKING
    assert frozen.reason.startswith("frozen by ana: no changes on Black Friday")


def test_after_a_pause_the_rollout_is_judged_as_before() -> None:
    resumed = [a_control(), a_control(Verb.RESUME, control_id="c-2", at=after(9))]
    for verdict in (Verdict.PASS, Verdict.BAKING, Verdict.INCONCLUSIVE):
        assert steered(verdict, *resumed) == Judgement(verdict, "as it looks")


@pytest.mark.parametrize("verdict", [Verdict.BAKING, Verdict.INCONCLUSIVE])
def test_who_skips_a_step_takes_its_silence_upon_himself(verdict: Verdict) -> None:
    skip = a_control(Verb.SKIP, step=1)
    expected = Judgement(
        Verdict.PASS, "skip of step 1 by ana: the database is ill; as it looks"
    )
    late = after(9999)
    assert steered(verdict, skip, step=1, held_since=START, now=late) == expected
    assert steered(verdict, skip, step=0).verdict is verdict
    assert steered(verdict, skip, step=2).verdict is verdict


@pytest.mark.parametrize("step", [0, 1, 2])
def test_a_promotion_at_once_ends_the_bake_of_every_step(step: int) -> None:
    answer = steered(Verdict.BAKING, a_control(Verb.PROMOTE), step=step)
    assert answer.verdict is Verdict.PASS
    assert answer.reason.startswith("promote by ana")


def test_an_unproven_step_fails_at_the_end_of_patience_unless_people_say_more() -> None:
    late = after(3601)
    silent = steered(Verdict.INCONCLUSIVE, held_since=START, now=late)
    assert silent.verdict is Verdict.FAIL
    resumed = steered(
        Verdict.INCONCLUSIVE, a_control(Verb.RESUME), held_since=START, now=late
    )
    assert resumed == silent
    assert steered(Verdict.BAKING, held_since=START, now=late).verdict is Verdict.BAKING


# ------------------------------------------------------------------- on health alone


def health_judged(
    healthy: int | None = 4,
    *,
    left: timedelta = BAKED,
    findings: Sequence[Finding] = (),
    max_task_failures: int = 0,
) -> Judgement:
    return judge_health(
        bake_left=left,
        healthy=healthy,
        needed=4,
        findings=findings,
        max_task_failures=max_task_failures,
    )


def test_health_that_holds_for_all_of_a_bake_passes_and_says_what_was_judged() -> None:
    assert health_judged(left=BAKING).verdict is Verdict.BAKING
    assert health_judged() == Judgement(
        Verdict.PASS,
        "4 healthy of 4 needed, 0 task(s) ended badly; judged on health alone",
    )


@pytest.mark.parametrize("left", [BAKED, BAKING])
def test_less_health_than_its_share_needs_fails_it_at_once(left: timedelta) -> None:
    answer = health_judged(3, left=left)
    assert answer.verdict is Verdict.FAIL
    assert "3 healthy tasks; its share needs 4" in answer.reason


@pytest.mark.parametrize(
    ("allowed", "verdict"), [(0, Verdict.FAIL), (1, Verdict.FAIL), (2, Verdict.PASS)]
)
def test_more_bad_ends_than_allowed_fail_it_however_many_are_healthy(
    allowed: int, verdict: Verdict
) -> None:
    two = [a_finding("task-1"), a_finding("task-2")]
    assert health_judged(findings=two, max_task_failures=allowed).verdict is verdict


def test_tasks_that_could_not_be_counted_never_pass() -> None:
    """Invariant 7."""
    assert health_judged(None, left=BAKING).verdict is Verdict.BAKING
    unread = health_judged(None)
    assert unread.verdict is Verdict.INCONCLUSIVE
    assert "could not be counted" in unread.reason
    bad = health_judged(None, findings=[a_finding()])
    assert bad.verdict is Verdict.FAIL


def test_a_bake_without_requests_is_over_when_its_time_is_over() -> None:
    """No warm-up and no metrics that settle late."""
    assert health_left(STEP, START, after(299)) == BAKING
    assert health_left(STEP, START, after(300)) == BAKED
