"""How a caller learns its own zone: told, or of the task's metadata."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest
from slipway_client.zone import METADATA_URI, own_zone

from tests.unit.client.registry import Clock, CloudMap
from tests.unit.client.tasks import closed, serving

TASK = b'{"Cluster": "boutique", "AvailabilityZone": "eu-west-1b", "Containers": []}'


@contextmanager
def metadata(status: int, body: bytes) -> Iterator[tuple[dict[str, str], list[str]]]:
    """Serve the task's metadata; give the environment, and what was asked for."""
    asked: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> bool:
        asked.append(handler.path)
        handler.send_response(status)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
        return False

    with serving("metadata", act=answer) as task:
        yield {METADATA_URI: f"http://{task.address}:{task.port}/v4/abc"}, asked


def test_the_zone_is_that_of_the_tasks_metadata() -> None:
    with metadata(200, TASK) as (environ, asked):
        assert own_zone(environ) == "eu-west-1b"
    assert asked == ["/v4/abc/task"]


def test_outside_of_ecs_there_is_no_zone() -> None:
    assert own_zone({}) == ""


@pytest.mark.parametrize(("status", "body"), [(500, TASK), (200, b"<html>")])
def test_metadata_that_says_nothing_may_say_something_later(
    status: int, body: bytes
) -> None:
    with metadata(status, body) as (environ, _):
        assert own_zone(environ) is None


def test_metadata_that_cannot_be_reached_may_be_later() -> None:
    with closed() as gone:
        environ = {METADATA_URI: f"http://{gone.address}:{gone.port}/v4/abc"}
        assert own_zone(environ) is None


def test_a_caller_prefers_its_own_zone_and_asks_for_it_once(
    registry: CloudMap, clock: Clock
) -> None:
    service_id = registry.create("cart")
    for n, zone in enumerate(["eu-west-1a", "eu-west-1b"]):
        registry.register(service_id, f"t{n}", zone=zone)
    with metadata(200, TASK) as (environ, asked):
        service = registry.discovery(clock, zone=None, environ=environ).service("cart")
        picked = Counter(service.pick().zone for _ in range(50))
    assert picked == {"eu-west-1b": 50}
    assert len(asked) == 1


def test_metadata_that_was_away_is_asked_again_after_a_while(
    registry: CloudMap, clock: Clock
) -> None:
    registry.register(registry.create("cart"), "t1")
    with metadata(500, b"") as (environ, asked):
        service = registry.discovery(clock, zone=None, environ=environ).service("cart")
        for _ in range(10):
            service.pick()
        assert len(asked) == 1
        clock.forward(30)
        service.pick()
        assert len(asked) == 2


def test_a_zone_that_was_told_is_not_asked_for(
    registry: CloudMap, clock: Clock
) -> None:
    registry.register(registry.create("cart"), "t1")
    with metadata(200, TASK) as (environ, asked):
        discovery = registry.discovery(clock, zone="eu-west-1a", environ=environ)
        discovery.service("cart").pick()
    assert asked == []
