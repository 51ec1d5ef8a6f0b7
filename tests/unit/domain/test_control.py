"""Commands and controls: what people say, in whatever order word of it comes."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.domain.control import (
    LONGEST_TEXT,
    REPEATING,
    STEERING,
    STOPS,
    Control,
    Freeze,
    Verb,
    read_command,
    word,
)
from slipway.domain.rollout import Outcome
from slipway.errors import InvalidRecord

from tests.builders import (
    START,
    a_command,
    a_control,
    a_freeze,
    after,
    an_event,
    without,
)

PAUSE, RESUME, PROMOTE = Verb.PAUSE, Verb.RESUME, Verb.PROMOTE
SKIP, ABORT, SUPERSEDE = Verb.SKIP, Verb.ABORT, Verb.SUPERSEDE
APPROVE = Verb.APPROVE
FOR_PEOPLE = [verb for verb in Verb if verb is not SUPERSEDE]

CONTROLS = st.lists(
    st.builds(
        a_control,
        st.sampled_from(sorted(STEERING)),
        control_id=st.sampled_from([f"c-{n}" for n in range(20)]),
        # Few moments, so that some are said at the same one.
        at=st.integers(min_value=0, max_value=5).map(after),
        step=st.sampled_from([None, 0, 1]),
    ),
    max_size=8,
    unique_by=lambda control: control.id,
)


def said(*verbs: Verb) -> list[Control]:
    """Return controls said one after the other, a second apart."""
    return [
        a_control(
            verb, control_id=f"c-{n}", at=after(n), step=0 if verb is SKIP else None
        )
        for n, verb in enumerate(verbs)
    ]


# ------------------------------------------------------------------ one word of many


@given(CONTROLS.flatmap(lambda them: st.tuples(st.just(them), st.permutations(them))))
def test_the_same_controls_are_the_same_word_in_whatever_order_they_came(
    orders: tuple[Sequence[Control], Sequence[Control]],
) -> None:
    one, other = orders
    freezes = [a_freeze()]
    assert word(one, freezes, "orders-1") == word(other, freezes, "orders-1")


def test_where_nothing_was_said_the_rollout_goes_on_by_its_plan() -> None:
    nothing = word([], [])
    assert (nothing.stop, nothing.hold, nothing.promote) == (None, None, None)
    assert (nothing.outcome, nothing.skipped) == (None, {})


@pytest.mark.parametrize(
    ("verbs", "outcome"),
    [
        ((ABORT,), Outcome.ABORTED),
        ((SUPERSEDE,), Outcome.SUPERSEDED),
        ((ABORT, SUPERSEDE), Outcome.ABORTED),
        ((SUPERSEDE, ABORT), Outcome.SUPERSEDED),
        ((PROMOTE, ABORT, RESUME), Outcome.ABORTED),
    ],
)
def test_the_first_stop_counts(verbs: Sequence[Verb], outcome: Outcome) -> None:
    answer = word(said(*verbs), [])
    assert answer.outcome is outcome
    first = next(control for control in said(*verbs) if control.verb in STOPS)
    assert answer.stop == first


def test_of_two_stops_at_the_same_moment_the_lower_id_counts() -> None:
    stops = [a_control(ABORT, control_id="b"), a_control(SUPERSEDE, control_id="a")]
    assert word(stops, []).outcome is Outcome.SUPERSEDED


@pytest.mark.parametrize(
    ("verbs", "held"),
    [
        ((PAUSE,), True),
        ((RESUME,), False),
        ((PAUSE, RESUME), False),
        ((RESUME, PAUSE), True),
        ((PAUSE, RESUME, PAUSE), True),
        ((PAUSE, PAUSE, RESUME), False),
        ((PAUSE, PROMOTE, SKIP), True),
    ],
)
def test_the_last_of_pause_and_resume_counts(
    verbs: Sequence[Verb], *, held: bool
) -> None:
    assert (word(said(*verbs), []).hold is not None) is held


@pytest.mark.parametrize(
    ("verbs", "number"),
    [
        ((), None),
        ((PAUSE, SKIP, ABORT), None),
        ((APPROVE,), 0),
        ((PROMOTE,), 0),
        ((RESUME, APPROVE, PROMOTE), 1),
        ((PROMOTE, APPROVE, APPROVE), 0),
    ],
)
def test_who_promotes_approves_and_the_first_to_do_so_counts(
    verbs: Sequence[Verb], number: int | None
) -> None:
    controls = said(*verbs)
    wanted = None if number is None else controls[number]
    assert word(controls, []).approval == wanted


def test_a_hold_says_who_wants_it_and_why_all_of_them() -> None:
    everywhere = a_freeze(freeze_id="c-9", by="ben", why="the region is ill")
    assert word([a_control()], []).hold == "pause by ana: the database is ill"
    assert word([], [a_freeze()]).hold == "frozen by ana: no changes on Black Friday"
    assert word([a_control()], [everywhere, a_freeze()]).hold == (
        "pause by ana: the database is ill; frozen by ben: the region is ill; "
        "frozen by ana: no changes on Black Friday"
    )


def test_a_resume_does_not_lift_a_freeze() -> None:
    assert word(said(PAUSE, RESUME), [a_freeze()]).hold == str(a_freeze())


def test_the_steps_to_skip_are_named_one_by_one() -> None:
    skips = [a_control(SKIP, control_id=f"c-{n}", step=n) for n in (0, 2)]
    nowhere = a_control(SKIP, control_id="c-9", step=None)
    assert word([*skips, nowhere], []).skipped == {0: skips[0], 2: skips[1]}


@pytest.mark.parametrize("step", [0, 1, 2])
def test_a_step_is_hurried_by_its_skip_or_by_a_promotion_at_once(step: int) -> None:
    skip = a_control(SKIP, step=1)
    promote = a_control(PROMOTE, control_id="c-2")
    assert word([], []).hurry(step) is None
    assert word([skip], []).hurry(step) == (skip if step == 1 else None)
    assert word([promote, skip], []).hurry(step) == promote


@pytest.mark.parametrize(
    ("verbs", "following"),
    [
        ((), [1, 2, None]),
        ((SKIP,), [1, 2, None]),
        ((PROMOTE,), [2, 2, None]),
        ((PROMOTE, PAUSE), [2, 2, None]),
    ],
)
def test_after_a_step_comes_the_next_one_or_the_last_at_once(
    verbs: Sequence[Verb], following: list[int | None]
) -> None:
    answer = word(said(*verbs), [])
    assert [answer.following(step, 3) for step in range(3)] == following


def test_after_a_step_that_the_plan_does_not_have_comes_none() -> None:
    assert word([], []).following(5, 3) is None
    assert word([], []).following(0, 1) is None


def test_a_control_and_a_freeze_say_who_wants_what() -> None:
    assert str(a_control(ABORT, by="ana", why="it is wrong")) == (
        "abort by ana: it is wrong"
    )
    assert str(a_control(SKIP, step=1)) == "skip of step 1 by ana: the database is ill"
    assert str(a_freeze(by="ben", why="audit")) == "frozen by ben: audit"


# ------------------------------------------------------------------ what was heard


def test_each_thing_said_changes_what_was_heard() -> None:
    controls = said(PAUSE, RESUME, PROMOTE, ABORT)
    freezes = [a_freeze(freeze_id="f-1"), a_freeze(freeze_id="f-2")]
    situations: list[tuple[Sequence[Control], Sequence[Freeze], str]] = [
        (chosen, frozen, holder)
        for many in range(len(controls) + 1)
        for chosen in combinations(controls, many)
        for few in range(len(freezes) + 1)
        for frozen in combinations(freezes, few)
        for holder in ("", "orders-1", "orders-2")
    ]
    heard = {word(c, f, holder).heard for c, f, holder in situations}
    assert len(heard) == len(situations) == 16 * 4 * 3


def test_a_freeze_lifted_and_laid_on_again_is_heard_as_another() -> None:
    before = word([], [a_freeze(freeze_id="f-1")]).heard
    assert word([], [a_freeze(freeze_id="f-2")]).heard != before
    assert word([], [a_freeze(freeze_id="f-1", since=after(9))]).heard == before


# ------------------------------------------------------------------ reading commands


@pytest.mark.parametrize("verb", FOR_PEOPLE)
def test_every_verb_that_people_may_use_is_read(verb: Verb) -> None:
    assert read_command(an_event("command", verb=verb), "test") == a_command(verb)


def test_each_verb_is_for_one_thing() -> None:
    freezing = {Verb.FREEZE, Verb.UNFREEZE}
    assert STEERING | REPEATING | freezing == set(Verb)
    assert len(STEERING) + len(REPEATING) + len(freezing) == len(Verb)
    assert set(STOPS) <= STEERING


@pytest.mark.parametrize(
    "command",
    [
        a_command(SKIP, step=2, rollout_id="orders-1"),
        a_command(Verb.UNDO, to="0123456789ab"),
        a_command(Verb.FREEZE, service=None),
        a_command(Verb.UNFREEZE),
    ],
    ids=lambda command: command.verb,
)
def test_a_command_is_read_as_it_was_sent(command: Any) -> None:
    assert read_command(an_event("command", **asdict(command)), "test") == command


@pytest.mark.parametrize("field", ["rollout_id", "step", "to"])
def test_what_a_command_may_leave_out_is_none(field: str) -> None:
    assert read_command(without(an_event("command"), field), "test") == a_command()


def test_an_environment_is_frozen_where_no_service_is_named() -> None:
    freeze = an_event("command", verb="freeze")
    for event in (
        an_event("command", verb="freeze", service=None),
        without(freeze, "service"),
    ):
        command = read_command(event, "test")
        assert command is not None
        assert command.service is None


def test_a_command_for_another_environment_is_not_ours() -> None:
    assert read_command(an_event("command", environment="prod"), "test") is None
    broken = an_event("command", environment="prod", verb="explode")
    assert read_command(broken, "test") is None


@pytest.mark.parametrize("field", ["environment", "id", "verb", "by", "why"])
@pytest.mark.parametrize("value", [None, "", "  ", 7, ["ana"]], ids=repr)
def test_a_field_that_is_missing_or_no_text_is_named(field: str, value: Any) -> None:
    with pytest.raises(InvalidRecord, match=rf"detail\.{field} is missing"):
        read_command(an_event("command", **{field: value}), "test")


@pytest.mark.parametrize("field", ["rollout_id", "to", "service"])
@pytest.mark.parametrize("value", ["", 7, {}], ids=repr)
def test_a_field_that_may_be_none_is_named_where_it_is_no_text(
    field: str, value: Any
) -> None:
    with pytest.raises(InvalidRecord, match=rf"detail\.{field} is missing"):
        read_command(an_event("command", **{field: value}), "test")


@pytest.mark.parametrize(
    "verb", [v for v in FOR_PEOPLE if v not in (Verb.FREEZE, Verb.UNFREEZE)]
)
def test_only_a_freeze_is_for_the_whole_environment(verb: Verb) -> None:
    event = an_event("command", verb=verb, service=None)
    with pytest.raises(InvalidRecord, match=rf"service is missing: {verb} is for one"):
        read_command(event, "test")


@pytest.mark.parametrize("verb", ["explode", "Pause", "supersede"])
def test_a_verb_that_people_may_not_use_is_refused_with_those_they_may(
    verb: str,
) -> None:
    with pytest.raises(InvalidRecord) as refused:
        read_command(an_event("command", verb=verb), "test")
    assert str(refused.value) == (
        "detail.verb must be one of abort, approve, freeze, move, pause, promote, "
        f"resume, retry, skip, undo, unfreeze: '{verb}'"
    )


@pytest.mark.parametrize("step", ["1", 1.5, True, [1]], ids=repr)
def test_a_step_that_is_no_whole_number_is_refused(step: Any) -> None:
    with pytest.raises(InvalidRecord, match=r"detail\.step must be a whole number"):
        read_command(an_event("command", verb="skip", step=step), "test")


@pytest.mark.parametrize("field", ["id", "by", "why", "service", "rollout_id", "to"])
def test_a_text_that_is_too_long_is_named(field: str) -> None:
    longest = an_event("command", **{field: "x" * LONGEST_TEXT})
    assert read_command(longest, "test") is not None
    with pytest.raises(InvalidRecord, match=rf"detail\.{field} is longer than 500"):
        read_command(an_event("command", **{field: "x" * (LONGEST_TEXT + 1)}), "test")


@pytest.mark.parametrize("event", [{}, {"detail": None}, {"detail": "pause"}], ids=str)
def test_an_event_without_detail_is_no_command(event: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecord, match="no detail, so it is no command"):
        read_command(event, "test")


def test_the_sample_event_is_ordinary() -> None:
    assert read_command(an_event("command"), "test") == a_command()
    assert a_control().at == START
