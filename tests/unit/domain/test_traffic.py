"""Traffic: no weight rises without the health to carry it (invariant 1)."""

from dataclasses import replace
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.domain.rollout import Outcome, Sides
from slipway.domain.service import WEIGHTS_SETTLE_SECONDS, Binding, Mode, Slot
from slipway.domain.traffic import (
    LONGEST_STAY,
    STICKY_SECONDS,
    Weights,
    known_until,
    least_weights,
    may_carry,
    most_carried,
    splits,
    stays,
    step_shares,
    weights,
)

from tests.builders import (
    a_binding,
    a_mark,
    a_network_binding,
    a_rollout,
    a_service,
    after,
    some_sides,
)

A, B = Slot.A, Slot.B
SHARES = st.integers(min_value=0, max_value=100)
HEALTHY = st.fixed_dictionaries(
    {
        slot: st.lists(st.integers(min_value=0, max_value=12), max_size=3)
        for slot in Slot
    }
)
SPLITS = st.builds(weights, st.sampled_from(Slot), SHARES)


@st.composite
def shifts(draw: st.DrawFn) -> tuple[Weights, Weights]:
    """Return weights that are wanted and those before: often close, at times none."""
    wanted = draw(SPLITS)
    near = wanted[A] + draw(st.integers(min_value=-2, max_value=2))
    close = weights(A, min(100, max(0, near)))
    return wanted, draw(st.sampled_from([close, close, draw(SPLITS), {}]))


def test_weights_give_the_other_slot_the_rest() -> None:
    assert weights(B, 10) == {B: 10, A: 90}


def test_without_rules_a_step_takes_nothing_from_the_old_slot() -> None:
    by_name = a_service(bindings=(), mode=Mode.BATCHES)
    assert step_shares(by_name, B, 10) == {B: 10}
    assert step_shares(a_service(mode=Mode.BATCHES), B, 10) == {B: 10, A: 90}


@pytest.mark.parametrize(("healthy", "allowed"), [(0, False), (1, True)])
def test_without_rules_the_candidates_health_alone_lets_a_step_go_on(
    healthy: int, *, allowed: bool
) -> None:
    permission = may_carry({B: 10}, {B: [healthy]}, current={}, base=4)
    assert permission.allowed is allowed


@given(st.sampled_from(Slot), SHARES)
def test_weights_always_add_up_to_all_of_the_traffic(slot: Slot, share: int) -> None:
    split = weights(slot, share)
    assert split[slot] == share
    assert sum(split.values()) == 100


def test_the_least_of_rules_that_differ_is_taken_for_each_slot() -> None:
    assert least_weights([{A: 90, B: 10}, {A: 50, B: 50}]) == {A: 50, B: 10}
    assert least_weights([{A: 100}]) == {A: 100, B: 0}
    assert least_weights([]) == {}


def test_the_most_that_any_rule_sends_is_what_a_slot_carries() -> None:
    rules = [{A: 100, B: 0}, {A: 99, B: 1}, {A: 100}]
    assert most_carried(rules, B) == 1
    assert most_carried([], B) == 0


def test_a_rise_with_enough_healthy_targets_is_allowed() -> None:
    permission = may_carry(
        {A: 50, B: 50}, {A: [4], B: [2]}, current={A: 90, B: 10}, base=4
    )
    assert permission.allowed
    assert permission.reason == "enough healthy tasks for a 50 %, b 50 %"


def test_a_rise_without_enough_healthy_targets_is_not_allowed() -> None:
    permission = may_carry(
        {A: 50, B: 50}, {A: [4], B: [1]}, current={A: 90, B: 10}, base=4
    )
    assert not permission.allowed
    assert "slot b has 1 healthy tasks; 50 % of the traffic needs 2" in (
        permission.reason
    )


def test_the_binding_with_fewest_healthy_targets_decides() -> None:
    healthy = {A: [4, 4], B: [4, 1]}
    assert not may_carry({A: 50, B: 50}, healthy, current={}, base=4).allowed


@pytest.mark.parametrize("healthy_b", [[0], []], ids=["none healthy", "no group"])
def test_a_slot_that_rises_from_nothing_needs_a_verdict(healthy_b: list[int]) -> None:
    healthy = {A: [4], B: healthy_b}
    assert not may_carry({A: 99, B: 1}, healthy, current={A: 100}, base=4).allowed


def test_a_slot_that_keeps_or_loses_weight_may_be_ill() -> None:
    healthy = {A: [0], B: [4]}
    current: Weights = {A: 90, B: 10}
    assert may_carry({A: 0, B: 100}, healthy, current=current, base=4).allowed
    assert may_carry({A: 90, B: 10}, {A: [0], B: [0]}, current=current, base=4).allowed


def test_opening_a_closed_rule_is_a_rise_for_every_slot_with_a_share() -> None:
    healthy = {A: [0], B: [4]}
    assert may_carry({A: 0, B: 100}, healthy, current={}, base=4).allowed
    assert not may_carry({A: 1, B: 99}, healthy, current={}, base=4).allowed


@given(shifts(), HEALTHY, st.integers(min_value=1, max_value=12))
def test_no_share_ever_rises_without_its_part_of_the_base_healthy(
    shift: tuple[Weights, Weights], healthy: dict[Slot, list[int]], base: int
) -> None:
    wanted, current = shift
    permission = may_carry(wanted, healthy, current=current, base=base)
    short = [
        slot
        for slot, share in wanted.items()
        if share > current.get(slot, 0)
        and min(healthy[slot], default=0) < ceil(share * base / 100)
    ]
    assert permission.allowed is not bool(short)
    if short:
        assert any(f"slot {slot} has" in permission.reason for slot in short)


STICKY = replace(a_binding(), sticky=True)


def test_there_is_a_slot_to_stay_with_only_while_both_have_a_share() -> None:
    assert all(splits(weights(A, share)) for share in range(1, 100))
    for whole in (weights(A, 100), weights(B, 100), {A: 50}, {}, None):
        assert not splits(whole)


@pytest.mark.parametrize(
    ("marks", "since"),
    [
        ({}, 0),
        ({"shifted-0": 60, "restored": 300}, 300),
        ({"shifted-1": 60, "restore-give-up": 900}, 900),
        ({"shifted-2": 60, "promoted": 300, "retired": 900}, 300),
    ],
)
def test_clients_are_known_for_so_long_after_one_slot_had_it_all(
    marks: dict[str, int], since: int
) -> None:
    noted = [a_mark(name, at=after(seconds)) for name, seconds in marks.items()]
    rollout = a_rollout(service=a_service(bindings=(STICKY,)), sides=some_sides())
    lasting = WEIGHTS_SETTLE_SECONDS + STICKY_SECONDS
    promoted = Outcome.PROMOTED if "promoted" in marks else Outcome.ROLLED_BACK
    assert known_until(rollout, noted, promoted) == after(since + lasting)


def test_clients_may_be_known_for_days_where_a_person_has_to_mend_things() -> None:
    marks = [a_mark("promoted", at=after(300)), a_mark("refused", at=after(900))]
    rollout = a_rollout(service=a_service(bindings=(STICKY,)), sides=some_sides())
    wanted = after(900) + LONGEST_STAY
    assert known_until(rollout, marks, Outcome.FAILED) == wanted


@pytest.mark.parametrize(
    ("bindings", "sides"),
    [
        ((a_binding(),), some_sides()),
        ((), some_sides()),
        ((STICKY,), None),
        ((STICKY,), some_sides(primary=None)),
    ],
    ids=["nobody stays", "no rules", "no lease", "nothing to share"],
)
def test_a_rollout_that_lets_nobody_stay_leaves_nobody_known(
    bindings: tuple[Binding, ...], sides: Sides | None
) -> None:
    mode = Mode.CANARY if bindings else Mode.BATCHES
    service = a_service(bindings=bindings, mode=mode)
    for outcome in (Outcome.PROMOTED, Outcome.FAILED):
        rollout = a_rollout(service=service, sides=sides)
        assert known_until(rollout, [], outcome) is None


def test_rules_of_a_listener_that_share_their_groups_let_clients_stay_alike() -> None:
    beside = replace(STICKY, sticky=False, rule_arn="another")
    elsewhere = replace(beside, listener_arn="another")
    service = a_service(bindings=(STICKY, beside, elsewhere, a_binding(1)))
    found = [stays(service, binding) for binding in service.bindings]
    assert found == [True, True, False, False]


def test_one_binding_is_enough_for_clients_to_stay_and_connections_need_none() -> None:
    assert a_service(bindings=(a_binding(), STICKY)).sticky
    with pytest.raises(ValueError, match="connections stay where they are"):
        replace(a_network_binding(), sticky=True)
