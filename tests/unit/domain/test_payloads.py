"""Payloads of five versions: the last three go on, all of them can be closed."""

from typing import Any

import pytest
from slipway.domain.payload_history import PAYLOADS
from slipway.domain.payloads import LASTING, Payloads, Upgrade
from slipway.errors import UnsupportedPayload

from tests.builders import START

FIVE = Payloads(
    (
        Upgrade(renamed={"weight": "share"}),
        Upgrade(added={"pace": "usual"}),
        Upgrade(renamed={"share": "portion"}, added={"zones": 3}),
        Upgrade(renamed={"pace": "tempo"}),
    )
)
LAST = {"service": "orders", "rollout_id": "orders-1"}
NEWEST = {
    "payload_version": 5,
    **LAST,
    "portion": 10,
    "tempo": "usual",
    "zones": 3,
}


def of(version: int, **more: Any) -> dict[str, Any]:
    return {"payload_version": version, **LAST, **more}


@pytest.mark.parametrize(
    "payload",
    [
        of(3, share=10, pace="usual"),
        of(4, portion=10, pace="usual", zones=3),
        of(5, portion=10, tempo="usual", zones=3),
    ],
)
def test_a_payload_of_the_last_two_versions_becomes_one_of_this(
    payload: dict[str, Any],
) -> None:
    assert FIVE.carry_on(payload) == NEWEST


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_payload_is_too_old_to_go_on(version: int) -> None:
    why = f"version {version} is too old: .* writes version 5 and .* from version 3 on"
    with pytest.raises(UnsupportedPayload, match=why):
        FIVE.carry_on(of(version))


def test_a_newer_payload_is_not_guessed_at() -> None:
    with pytest.raises(UnsupportedPayload, match="version 6 is newer than 5"):
        FIVE.carry_on(of(6))


@pytest.mark.parametrize("version", [None, "3", 3.0, True, 0, -1])
def test_what_is_no_version_is_refused(version: Any) -> None:
    with pytest.raises(UnsupportedPayload, match="is none"):
        FIVE.carry_on({**LAST, "payload_version": version})


@pytest.mark.parametrize("version", [-1, 0, 1, 2, 3, 4, 5, 6, 99, None, "old"])
def test_a_payload_of_any_version_can_be_closed(version: Any) -> None:
    payload = {**LAST, "payload_version": version, "share": 10, "fence": 7}
    assert FIVE.close(payload) == {**LAST, "payload_version": 5, "fence": 7}


def test_a_payload_may_be_of_two_versions_at_once() -> None:
    """A newer nested workflow adds its own names to what an older one gave it."""
    assert FIVE.carry_on(of(3, portion=10, tempo="usual")) == NEWEST


def test_where_both_names_are_there_the_newer_one_counts() -> None:
    assert FIVE.carry_on(of(3, share=10, portion=50, pace="usual"))["portion"] == 50


def test_what_an_upgrade_does_not_know_is_kept() -> None:
    payload = of(3, share=10, pace="usual", look_seconds=15)
    assert FIVE.carry_on(payload) == {**NEWEST, "look_seconds": 15}


@pytest.mark.parametrize("upgrade", FIVE.upgrades)
def test_an_upgrade_made_twice_is_made_once(upgrade: Upgrade) -> None:
    payload = of(1, weight=10, share=20, pace="slow")
    once = upgrade.apply(payload)
    assert upgrade.apply(once) == once
    assert payload == of(1, weight=10, share=20, pace="slow")


@pytest.mark.parametrize("name", sorted(LASTING))
def test_what_restoring_needs_cannot_be_changed(name: str) -> None:
    for change in (
        {"renamed": {name: "other"}},
        {"renamed": {"other": name}},
        {"added": {name: 1}},
    ):
        with pytest.raises(ValueError, match=f"{name} must stay"):
            Upgrade(**change)


@pytest.mark.parametrize(
    "later", [Upgrade(added={"weight": 1}), Upgrade(renamed={"share": "weight"})]
)
def test_a_name_that_is_gone_never_comes_back(later: Upgrade) -> None:
    with pytest.raises(ValueError, match="weight meant something before"):
        Payloads((Upgrade(renamed={"weight": "share"}), later))


def test_the_first_versions_reach_back_to_the_first() -> None:
    assert [Payloads(FIVE.upgrades[:n]).oldest for n in range(5)] == [1, 1, 1, 2, 3]
    assert Payloads().carry_on(of(1)) == of(1)


def test_this_slipway_writes_what_it_reads() -> None:
    assert PAYLOADS.carry_on(of(PAYLOADS.newest)) == of(PAYLOADS.newest)


def test_a_rollout_of_version_1_had_its_turn_long_ago() -> None:
    assert PAYLOADS.carry_on(of(1))["starts_at"] < START.isoformat()
