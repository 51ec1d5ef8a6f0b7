"""What the registry's texts mean to the client, and what they cannot."""

import pytest
from slipway_client import Instance, Pace, accepts
from slipway_client.instance import read_instance
from slipway_client.weights import read_weights

WRITTEN = {
    "AWS_INSTANCE_IPV4": "10.0.0.9",
    "AWS_INSTANCE_PORT": "9090",
    "AVAILABILITY_ZONE": "eu-west-1b",
    "ECS_SERVICE_NAME": "cart-b",
    "slipway:version": "7",
}


def test_an_instance_is_what_ecs_writes() -> None:
    found = read_instance("cart", "task-1", WRITTEN, None)
    assert found == Instance("cart", "task-1", "10.0.0.9", 9090, "cart-b", "eu-west-1b")
    assert found.attributes["slipway:version"] == "7"
    assert str(found) == "cart task-1 at 10.0.0.9:9090"


def test_a_port_that_ecs_did_not_write_is_the_callers() -> None:
    written = {"AWS_INSTANCE_IPV6": "fd00::9"}
    found = read_instance("cart", "task-1", written, 80)
    assert found == Instance("cart", "task-1", "fd00::9", 80)
    assert str(found) == "cart task-1 at [fd00::9]:80"


@pytest.mark.parametrize("missing", ["AWS_INSTANCE_IPV4", "AWS_INSTANCE_PORT"])
def test_without_address_or_port_there_is_no_instance(missing: str) -> None:
    written = {key: value for key, value in WRITTEN.items() if key != missing}
    assert read_instance("cart", "task-1", written, None) is None


def test_weights_are_a_number_for_each_slot() -> None:
    assert read_weights('{"cart-a": 90, "cart-b": 0.5}') == {
        "cart-a": 90,
        "cart-b": 0.5,
    }


@pytest.mark.parametrize(
    "text", ["", "90", "[1]", '{"a": -1}', '{"a": true}', '{"a": "1"}', '{"a": NaN}']
)
def test_other_texts_are_no_weights(text: str) -> None:
    with pytest.raises(ValueError, match=r"weight|Expecting"):
        read_weights(text)


@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        ({"slipway-service": "cart"}, True),
        ({"Slipway-Service": "cart"}, True),
        ({"Slipway-Service": "shipping"}, False),
        ({"slipway-service": ""}, False),
        ({"host": "shipping"}, True),
    ],
)
def test_a_server_accepts_what_names_it_or_nobody(
    headers: dict[str, str],
    accepted: bool,  # noqa: FBT001
) -> None:
    assert accepts(headers, "cart") is accepted


def test_a_pace_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="interval_seconds is 0"):
        Pace(interval_seconds=0)
    assert Pace(trust_seconds=0).trust_seconds == 0
