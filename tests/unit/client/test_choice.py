"""Who gets the next request: weights of slots, zones, and chance."""

from collections import Counter
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from slipway_client.choice import choose, in_zone, shares
from slipway_client.instance import Instance

from tests.unit.client.registry import seeded

ZONES = ("a", "b", "c")
SLOTS = ("cart-a", "cart-b", "cart-c")


def instance(number: int, slot: str = "cart-a", zone: str = "a") -> Instance:
    return Instance("cart", f"task-{number}", f"10.0.0.{number}", 8080, slot, zone)


places = st.lists(st.tuples(st.sampled_from(SLOTS), st.sampled_from(ZONES)), min_size=1)
weightings = st.fixed_dictionaries({slot: st.integers(1, 1000) for slot in SLOTS})


def instances(placed: Sequence[tuple[str, str]]) -> list[Instance]:
    return [instance(n, slot, zone) for n, (slot, zone) in enumerate(placed)]


def choice(
    among: Sequence[Instance],
    weights: Mapping[str, float] | None = None,
    *,
    zone: str = "",
    away: Mapping[Instance, float] | None = None,
    seed: int = 1,
) -> Instance | None:
    return choose(
        among, weights, zone, away_since=(away or {}).get, chance=seeded(seed)
    )


@given(places, weightings, st.sampled_from(["", *ZONES, "elsewhere"]))
def test_a_slot_gets_its_weight_whatever_its_number_and_zone(
    placed: list[tuple[str, str]], weights: dict[str, int], zone: str
) -> None:
    present = {slot for slot, _ in placed}
    whole = sum(weights[slot] for slot in present)
    got: Counter[str] = Counter()
    for each, share in shares(instances(placed), weights, zone):
        assert share > 0
        got[each.slot] += share  # type: ignore[assignment]
    assert got == {s: pytest.approx(weights[s] / whole) for s in present}


@given(places)
def test_callers_in_all_zones_together_load_every_instance_alike(
    placed: list[tuple[str, str]],
) -> None:
    among = instances(placed)
    zones = {zone for _, zone in placed}
    loads: dict[Instance, float] = dict.fromkeys(among, 0.0)
    for zone in zones:
        for each, share in in_zone(among, zone):
            loads[each] += share / len(zones)
    assert loads == {each: pytest.approx(1 / len(among)) for each in among}


@given(places, st.sampled_from(ZONES))
def test_a_zone_with_its_part_of_the_instances_keeps_its_callers(
    placed: list[tuple[str, str]], zone: str
) -> None:
    among = instances(placed)
    own = [each for each in among if each.zone == zone]
    assume(len(own) * len({zone for _, zone in placed}) >= len(among))
    assert {each for each, _ in in_zone(among, zone)} == set(own)


def test_a_zone_with_few_instances_keeps_what_these_can_carry() -> None:
    among = [instance(1, zone="a"), *(instance(n, zone="b") for n in range(2, 5))]
    divided = dict(in_zone(among, "a"))
    assert divided[among[0]] == pytest.approx(0.5)
    assert [divided[each] for each in among[1:]] == pytest.approx([1 / 6] * 3)


@pytest.mark.parametrize("zone", ["", "elsewhere"])
def test_a_caller_of_no_such_zone_divides_evenly(zone: str) -> None:
    among = [instance(1, zone="a"), instance(2, zone="b"), instance(3, zone="")]
    assert [share for _, share in in_zone(among, zone)] == pytest.approx([1 / 3] * 3)


def test_requests_are_drawn_by_their_shares() -> None:
    chance = seeded(7)
    among = [instance(1), *(instance(n, "cart-b") for n in range(2, 6))]
    drawn = Counter(
        choose(
            among,
            {"cart-a": 90, "cart-b": 10},
            "",
            away_since=lambda _: None,
            chance=chance,
        )
        for _ in range(10_000)
    )
    assert drawn[among[0]] == pytest.approx(9000, abs=150)
    assert [drawn[each] for each in among[1:]] == pytest.approx([250] * 4, abs=75)


def test_one_seed_makes_the_same_choices() -> None:
    among = [instance(n) for n in range(50)]
    first = [choice(among, seed=seed) for seed in range(20)]
    assert first == [choice(among, seed=seed) for seed in range(20)]
    assert len(set(first)) > 10


@pytest.mark.parametrize("weights", [{"cart-a": 5}, {"cart-a": 5, "cart-b": 0}])
def test_a_slot_without_a_weight_gets_nothing_while_another_has_one(
    weights: dict[str, float],
) -> None:
    among = [instance(1), *(instance(n, "cart-b") for n in range(2, 30))]
    assert {choice(among, weights, seed=n) for n in range(100)} == {among[0]}


def test_a_slot_without_a_weight_gets_everything_where_nothing_else_is() -> None:
    among = [instance(1, "cart-b"), instance(2, "cart-b")]
    got = {choice(among, {"cart-a": 100}, seed=n) for n in range(50)}
    assert got == set(among)


@pytest.mark.parametrize("weights", [None, {}, {"cart-a": 0, "cart-b": 0}])
def test_without_weights_all_instances_count_equally(
    weights: dict[str, float] | None,
) -> None:
    among = [instance(1), instance(2, "cart-b"), instance(3, "cart-b")]
    drawn = Counter(choice(among, weights, seed=n) for n in range(3000))
    assert list(drawn.values()) == pytest.approx([1000] * 3, abs=120)


def test_an_instance_that_is_put_aside_gets_nothing() -> None:
    among = [instance(1), instance(2)]
    got = {choice(among, away={among[0]: 5.0}, seed=n) for n in range(50)}
    assert got == {among[1]}


def test_a_slot_that_is_all_put_aside_leaves_its_share_to_the_others() -> None:
    among = [instance(1), instance(2, "cart-b")]
    weights = {"cart-a": 99, "cart-b": 1}
    assert choice(among, weights, away={among[0]: 5.0}) == among[1]


def test_where_all_are_put_aside_the_least_recently_failed_comes_first() -> None:
    among = [instance(1), instance(2), instance(3)]
    away = {among[0]: 30.0, among[1]: 10.0, among[2]: 20.0}
    assert choice(among, away=away) == among[1]


def test_a_put_aside_instance_with_weight_comes_before_one_without() -> None:
    among = [instance(1), instance(2, "cart-b")]
    weights = {"cart-a": 100, "cart-b": 0}
    assert choice(among, weights, away={among[0]: 5.0}) == among[0]


def test_nobody_is_chosen_of_nobody() -> None:
    assert choice([]) is None
