"""Restoring: the way back to the primary, move by move (invariants 2 and 8)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from slipway.domain.restore import Move, NextMove, Situation, next_move
from slipway.domain.service import NETWORK_SETTLE_SECONDS, WEIGHTS_SETTLE_SECONDS, Slot
from slipway.domain.traffic import Weights, least_weights, most_carried, weights

A, B = Slot.A, Slot.B
BASE = 4
LOOK_SECONDS = 5
TIMEOUT_SECONDS = 60


def decide(
    *,
    desired: tuple[int, int] = (BASE, BASE),
    healthy: tuple[int, int] = (BASE, BASE),
    shares: Weights | None = None,
    primary: Slot | None = A,
    since_shift: float | None = None,
    since_begin: float = 0,
    settle_seconds: int = WEIGHTS_SETTLE_SECONDS,
    sticky: bool = False,
) -> NextMove:
    return next_move(
        Situation(
            desired=dict(zip(Slot, desired, strict=True)),
            healthy=dict(zip(Slot, healthy, strict=True)),
            weights=weights(A, 50) if shares is None else shares,
            settle_seconds=settle_seconds,
            sticky=sticky,
        ),
        primary=primary,
        candidate=B,
        is_open=shares != {},
        base=BASE,
        since_shift=None if since_shift is None else timedelta(seconds=since_shift),
        since_begin=timedelta(seconds=since_begin),
        timeout_seconds=TIMEOUT_SECONDS,
    )


def test_capacity_comes_first() -> None:
    move = decide(desired=(3, BASE))
    assert move == NextMove(Move.SCALE_UP, A, "slot a has 3 of 4 tasks")


def test_capacity_comes_first_even_where_the_primary_has_all_weight() -> None:
    assert decide(desired=(3, 0), shares=weights(A, 100)).move is Move.SCALE_UP


@pytest.mark.parametrize("healthy", [BASE, 0])
def test_clients_that_may_stay_with_the_candidate_are_let_go(healthy: int) -> None:
    """No weight rises, so no health is asked for."""
    all_to_a = weights(A, 100)
    move = decide(healthy=(healthy, 1), shares=all_to_a, sticky=True)
    assert move == NextMove(Move.GIVE_TRAFFIC, A, "clients may stay with slot b")
    assert decide(shares=all_to_a).move is Move.REMOVE_CANDIDATE


def test_health_comes_before_weight() -> None:
    assert decide(healthy=(3, BASE)).move is Move.AWAIT_HEALTH
    assert decide(healthy=(BASE, 0)).move is Move.GIVE_TRAFFIC


def test_a_primary_that_scaled_out_gets_more_once_it_is_as_healthy_as_large() -> None:
    move = decide(desired=(6, BASE), healthy=(5, BASE))
    assert move == NextMove(Move.AWAIT_HEALTH, A, "slot a has 5 healthy of 6 needed")
    late = decide(desired=(6, BASE), healthy=(5, BASE), since_begin=61)
    assert late.move is Move.GIVE_UP
    assert decide(desired=(6, BASE), healthy=(6, 0)).move is Move.GIVE_TRAFFIC


def test_a_primary_with_all_weight_needs_none() -> None:
    move = decide(healthy=(0, 0), shares=weights(A, 100))
    assert move.move is Move.REMOVE_CANDIDATE


@pytest.mark.parametrize(
    ("since_shift", "move"),
    [
        (0, Move.AWAIT_WEIGHTS),
        (WEIGHTS_SETTLE_SECONDS - 1, Move.AWAIT_WEIGHTS),
        (WEIGHTS_SETTLE_SECONDS, Move.REMOVE_CANDIDATE),
        (None, Move.REMOVE_CANDIDATE),
    ],
)
def test_the_candidate_goes_once_no_load_balancer_acts_on_old_weights(
    since_shift: float | None, move: Move
) -> None:
    answer = decide(shares=weights(A, 100), since_shift=since_shift)
    assert answer.move is move


def test_it_goes_later_where_load_balancers_act_later() -> None:
    late = NETWORK_SETTLE_SECONDS
    for since_shift, move in (
        (late - 1, Move.AWAIT_WEIGHTS),
        (late, Move.REMOVE_CANDIDATE),
    ):
        answer = decide(
            shares=weights(A, 100), since_shift=since_shift, settle_seconds=late
        )
        assert answer.move is move


def test_it_is_done_when_the_primary_alone_serves() -> None:
    assert decide(desired=(BASE, 0), shares=weights(A, 100)).move is Move.DONE


def test_a_share_in_any_rule_is_traffic_still_to_be_taken_back() -> None:
    shares = least_weights([weights(A, 100), weights(A, 99)])
    assert decide(desired=(BASE, 0), shares=shares).move is Move.GIVE_TRAFFIC


def test_a_primary_that_rules_do_not_name_gets_its_traffic_back() -> None:
    assert decide(shares={}).move is Move.GIVE_TRAFFIC


def test_health_is_awaited_up_to_the_timeout_and_not_beyond() -> None:
    waiting = decide(healthy=(3, BASE), since_begin=TIMEOUT_SECONDS)
    assert waiting.move is Move.AWAIT_HEALTH
    over = decide(healthy=(3, BASE), since_begin=TIMEOUT_SECONDS + 1)
    assert over.move is Move.GIVE_UP
    assert "slot b keeps what it carries" in over.reason


def test_enough_health_is_welcome_after_the_timeout_too() -> None:
    late = decide(since_begin=TIMEOUT_SECONDS + 1)
    assert late.move is Move.GIVE_TRAFFIC


def test_a_little_health_is_the_last_resort_where_the_other_slot_has_none() -> None:
    some = decide(healthy=(1, 0), since_begin=TIMEOUT_SECONDS + 1)
    assert some.move is Move.GIVE_TRAFFIC
    assert some.reason.startswith("last resort")
    early = decide(healthy=(1, 0), since_begin=TIMEOUT_SECONDS)
    assert early.move is Move.AWAIT_HEALTH


def test_a_primary_that_serves_alone_without_full_health_is_not_restored() -> None:
    alone = {"desired": (BASE, 0), "healthy": (3, 0), "shares": weights(A, 100)}
    assert decide(**alone).move is Move.AWAIT_HEALTH
    late = decide(**alone, since_begin=TIMEOUT_SECONDS + 1)
    assert late.move is Move.GIVE_UP
    assert late.reason == "slot a serves alone with 3 healthy of 4 needed"


def test_rules_of_others_keep_no_restore_of_a_first_release_from_its_end() -> None:
    seen = Situation(desired={A: 0, B: 1}, healthy={A: 0, B: 0}, weights=weights(A, 50))
    step = next_move(
        seen,
        primary=None,
        candidate=B,
        is_open=False,
        base=BASE,
        since_shift=None,
        since_begin=timedelta(0),
        timeout_seconds=TIMEOUT_SECONDS,
    )
    assert step.move is Move.REMOVE_CANDIDATE


def test_without_any_health_there_is_nothing_left_but_a_person() -> None:
    none = decide(healthy=(0, 0), since_begin=TIMEOUT_SECONDS + 1)
    assert none.move is Move.GIVE_UP


def test_a_first_release_that_failed_ends_in_a_closed_rule() -> None:
    first = decide(primary=None, shares=weights(B, 100))
    assert first == NextMove(Move.CLOSE_RULE, None, "no release was ever healthy")
    assert decide(primary=None, shares={}).move is Move.REMOVE_CANDIDATE
    assert decide(primary=None, shares={}, desired=(0, 0)).move is Move.DONE


# ------------------------------------------------------------------ the whole way back


@dataclass
class Obedient:
    """A cloud that does what it is told; tasks come up by and by, or never."""

    desired: dict[Slot, int]
    healthy: dict[Slot, int]
    rules: list[Weights]
    """The slots' shares in each rule that forwards to them."""
    seconds: int = 0
    shifted_at: int | None = None
    given_without_health: bool = False
    made: list[Move] = field(default_factory=list)

    def situation(self) -> Situation:
        """Say what a look sees."""
        return Situation(
            dict(self.desired), dict(self.healthy), least_weights(self.rules)
        )

    def pass_time(self, come_up: Callable[[], int]) -> None:
        """Wait until the next look; `come_up` says how many tasks turn healthy."""
        self.seconds += LOOK_SECONDS
        for slot, count in self.desired.items():
            self.healthy[slot] = min(count, self.healthy[slot] + come_up())

    def obey(self, step: NextMove, candidate: Slot) -> None:
        """Do what a move says; it must be one that harms nobody."""
        self.made.append(step.move)
        match step.move:
            case Move.SCALE_UP:
                assert step.primary is not None
                self.desired[step.primary] = BASE
            case Move.GIVE_TRAFFIC:
                assert step.primary is not None
                self._give(step.primary)
            case Move.CLOSE_RULE:
                self.rules, self.shifted_at = [], self.seconds
            case Move.REMOVE_CANDIDATE:
                self._remove(candidate)
            case _:
                pass

    def _give(self, primary: Slot) -> None:
        if self.healthy[primary] < max(BASE, self.desired[primary]):
            assert self.seconds > TIMEOUT_SECONDS
            assert self.healthy[primary] > 0
            assert self.healthy[primary] > self.healthy[primary.other]
            self.given_without_health = True
        self.rules = [weights(primary, 100) for _ in self.rules or [None]]
        self.shifted_at = self.seconds

    def _remove(self, candidate: Slot) -> None:
        assert most_carried(self.rules, candidate) == 0
        if self.shifted_at is not None:
            assert self.seconds - self.shifted_at >= WEIGHTS_SETTLE_SECONDS
        self.desired[candidate] = 0


def restore(cloud: Obedient, primary: Slot | None, come_up: Callable[[], int]) -> Move:
    """Make moves until there is none left; return the last one."""
    candidate = primary.other if primary else B
    looks = (TIMEOUT_SECONDS + 2 * WEIGHTS_SETTLE_SECONDS) // LOOK_SECONDS + 10
    for _ in range(looks):
        shifted = cloud.shifted_at
        step = next_move(
            cloud.situation(),
            primary=primary,
            candidate=candidate,
            is_open=bool(cloud.situation().weights),
            base=BASE,
            since_shift=None
            if shifted is None
            else timedelta(seconds=cloud.seconds - shifted),
            since_begin=timedelta(seconds=cloud.seconds),
            timeout_seconds=TIMEOUT_SECONDS,
        )
        cloud.obey(step, candidate)
        if step.move in (Move.DONE, Move.GIVE_UP):
            return step.move
        cloud.pass_time(come_up)
    pytest.fail(f"no end after {looks} looks: {cloud.made}")


COUNTS = st.integers(min_value=0, max_value=2 * BASE)
RULES = st.lists(
    st.builds(weights, st.just(A), st.integers(min_value=0, max_value=100)), max_size=3
)


@st.composite
def clouds(draw: st.DrawFn) -> Obedient:
    """Return a cloud as any rollout may have left it, and people besides."""
    desired = {slot: draw(COUNTS) for slot in Slot}
    healthy = {slot: min(draw(COUNTS), desired[slot]) for slot in Slot}
    return Obedient(desired, healthy, draw(RULES))


@given(clouds(), st.sampled_from(Slot), st.integers(min_value=1, max_value=BASE))
@settings(max_examples=200)
def test_a_cloud_that_obeys_always_ends_with_the_primary_alone_at_full_capacity(
    cloud: Obedient, primary: Slot, at_once: int
) -> None:
    assert restore(cloud, primary, lambda: at_once) is Move.DONE
    assert cloud.desired[primary] >= BASE
    assert cloud.desired[primary.other] == 0
    assert all(most_carried([rule], primary) == 100 for rule in cloud.rules)
    assert cloud.rules
    assert not cloud.given_without_health


@given(clouds(), st.sampled_from(Slot), st.data())
@settings(max_examples=200)
def test_whatever_comes_up_or_not_the_way_back_ends_and_takes_no_health_for_granted(
    cloud: Obedient, primary: Slot, data: st.DataObject
) -> None:
    before = list(cloud.rules)
    luck = st.sampled_from([0, 0, 0, 1])
    last = restore(cloud, primary, lambda: data.draw(luck))
    if last is Move.GIVE_UP:
        assert cloud.rules == before
        assert Move.REMOVE_CANDIDATE not in cloud.made
        assert cloud.healthy[primary] < max(BASE, cloud.desired[primary])
        assert cloud.healthy[primary.other] > 0 or cloud.healthy[primary] == 0
    else:
        assert cloud.desired[primary.other] == 0


@given(clouds())
def test_a_first_release_that_failed_ends_with_nothing_running_behind_a_closed_rule(
    cloud: Obedient,
) -> None:
    assert restore(cloud, None, lambda: 0) is Move.DONE
    assert cloud.rules == []
    assert cloud.desired[B] == 0


@given(clouds(), st.sampled_from(Slot))
def test_each_kind_of_move_is_made_in_its_order(cloud: Obedient, primary: Slot) -> None:
    assume(least_weights(cloud.rules).get(primary, 0) < 100)
    restore(cloud, primary, lambda: 1)
    order = [m for m in Move if m is not Move.CLOSE_RULE]
    assert cloud.made == sorted(cloud.made, key=order.index)


# ----------------------------------------------------------- a service without rules


def by_name(
    desired: tuple[int, int] = (BASE, 1),
    healthy: tuple[int, int] = (BASE, 1),
    *,
    primary: Slot | None = A,
    since_begin: float = 0,
) -> NextMove:
    return next_move(
        Situation(
            desired=dict(zip(Slot, desired, strict=True)),
            healthy=dict(zip(Slot, healthy, strict=True)),
            weights={},
            weighted=False,
        ),
        primary=primary,
        candidate=B,
        is_open=False,
        base=BASE,
        since_shift=None,
        since_begin=timedelta(seconds=since_begin),
        timeout_seconds=TIMEOUT_SECONDS,
    )


LATE = TIMEOUT_SECONDS + 1


@pytest.mark.parametrize(
    ("desired", "healthy", "seconds", "move"),
    [
        ((3, 1), (3, 1), 0, Move.SCALE_UP),
        ((3, 0), (3, 0), LATE, Move.SCALE_UP),
        ((4, 1), (3, 1), 0, Move.AWAIT_HEALTH),
        ((6, 1), (5, 1), 0, Move.AWAIT_HEALTH),  # it grew: for whatever reason
        ((4, 1), (4, 0), 0, Move.REMOVE_CANDIDATE),
        ((4, 1), (4, 1), LATE, Move.REMOVE_CANDIDATE),
        ((4, 1), (3, 1), LATE, Move.GIVE_UP),
        ((4, 1), (0, 0), LATE, Move.GIVE_UP),
        ((4, 1), (1, 0), LATE, Move.REMOVE_CANDIDATE),  # the last resort
        ((4, 0), (3, 0), 0, Move.AWAIT_HEALTH),
        ((4, 0), (3, 0), LATE, Move.GIVE_UP),
        ((4, 0), (4, 0), 0, Move.DONE),
    ],
)
def test_without_rules_the_candidate_goes_once_the_primary_does_without_it(
    desired: tuple[int, int], healthy: tuple[int, int], seconds: int, move: Move
) -> None:
    assert by_name(desired, healthy, since_begin=seconds).move is move


def test_without_rules_a_first_release_that_failed_just_goes() -> None:
    assert by_name((1, 0), (0, 0), primary=None).move is Move.DONE
    assert by_name((0, 1), (0, 0), primary=None).move is Move.REMOVE_CANDIDATE


@given(clouds(), st.sampled_from(Slot), st.data())
@settings(max_examples=200)
def test_without_rules_the_way_back_ends_and_takes_no_capacity_that_is_needed(
    cloud: Obedient, primary: Slot, data: st.DataObject
) -> None:
    luck = st.sampled_from([0, 0, 1, 2])
    other = primary.other
    for _ in range(2 * TIMEOUT_SECONDS // LOOK_SECONDS):
        step = next_move(
            Situation(dict(cloud.desired), dict(cloud.healthy), {}, weighted=False),
            primary=primary,
            candidate=other,
            is_open=False,
            base=BASE,
            since_shift=None,
            since_begin=timedelta(seconds=cloud.seconds),
            timeout_seconds=TIMEOUT_SECONDS,
        )
        if step.move is Move.REMOVE_CANDIDATE:
            whole = cloud.healthy[primary] >= max(BASE, cloud.desired[primary])
            assert whole or cloud.healthy[other] == 0 < cloud.healthy[primary]
            cloud.desired[other] = 0
        if step.move is Move.SCALE_UP:
            cloud.desired[primary] = BASE
        if step.move in (Move.DONE, Move.GIVE_UP):
            break
        cloud.pass_time(lambda: data.draw(luck))
    assert step.move in (Move.DONE, Move.GIVE_UP)
    if step.move is Move.DONE:
        assert cloud.desired[other] == 0
        assert cloud.healthy[primary] >= BASE
