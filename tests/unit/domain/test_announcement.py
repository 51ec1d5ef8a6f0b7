"""What the registry is told of a service."""

import json
from dataclasses import replace

import pytest
from slipway.domain.announcement import (
    LONGEST_KEY,
    VERSION_KEY,
    WEIGHTS_KEY,
    announcement,
    weights_told,
    written,
)
from slipway.domain.service import Mode, Slot
from slipway.domain.traffic import weights
from slipway_client.weights import PROTOCOL_KEY, read_weights
from slipway_client.weights import WEIGHTS_KEY as READ_KEY

from tests import builders

ORDERS = builders.a_service()
"""Its slots are called orders-a and orders-b."""
BY_NAME = replace(ORDERS, bindings=(), mode=Mode.BATCHES)


def test_weights_are_told_by_ecs_service_as_the_client_reads_them() -> None:
    told = announcement(ORDERS, weights(Slot.B, 10), Slot.B, "v2")
    assert read_weights(told[READ_KEY]) == {"orders-a": 90, "orders-b": 10}
    assert READ_KEY == WEIGHTS_KEY


def test_closed_rules_give_neither_slot_anything() -> None:
    told = announcement(ORDERS, None, Slot.A, "v1")
    assert weights_told(told) == {"orders-a": 0, "orders-b": 0}


def test_a_service_without_rules_has_versions_and_no_weights() -> None:
    told = announcement(BY_NAME, weights(Slot.B, 100), Slot.B, "v2")
    assert told == {f"{VERSION_KEY}orders-b": "v2"}


def test_a_rollout_tells_its_own_slots_version_and_no_other() -> None:
    told = announcement(ORDERS, weights(Slot.B, 50), Slot.B, "v2")
    versions = {key for key in told if key.startswith(VERSION_KEY)}
    assert versions == {f"{VERSION_KEY}orders-b"}


def test_a_name_too_long_for_a_key_costs_the_version_and_not_the_weights() -> None:
    name = "x" * (LONGEST_KEY - len(VERSION_KEY) + 1)
    told = written({name: 100}, {name: "v1", name[1:]: "v2"})
    assert set(told) == {WEIGHTS_KEY, VERSION_KEY + name[1:]}


def test_the_protocol_is_told_where_it_is_known() -> None:
    assert written(None, {}, "grpc") == {PROTOCOL_KEY: "grpc"}
    assert written(None, {}) == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [('{"a": 1}', {"a": 1}), ("all to a", "all to a"), (None, None)],
)
def test_what_cannot_be_read_is_shown_as_it_is(text: str | None, found: object) -> None:
    attributes = {} if text is None else {WEIGHTS_KEY: text}
    assert weights_told(attributes) == found


def test_a_release_goes_by_its_tag_and_without_one_by_its_id() -> None:
    rollout = builders.a_rollout()
    assert rollout.version == rollout.cause.tag
    untagged = replace(rollout, cause=replace(rollout.cause, tag=""))
    assert untagged.version == rollout.release.id


def test_weights_in_json_are_the_same_text_each_time() -> None:
    told = written({"b": 1, "a": 2}, {})
    assert told[WEIGHTS_KEY] == json.dumps({"a": 2, "b": 1})
