"""Requests over real sockets: what is sent where, and what is tried again."""

import errno
import http.client
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from slipway_client import (
    AnswerLost,
    Instance,
    Misdirected,
    NoInstance,
    Pace,
    Service,
    Unreachable,
    verify_by_http,
)

from tests.unit.client.registry import Clock, CloudMap
from tests.unit.client.tasks import Task, break_off, closed, serving, silent


def service_of(
    registry: CloudMap,
    clock: Clock,
    tasks: Mapping[str, Task],
    *,
    first: str = "",
    pace: Pace | None = None,
    **options: Any,
) -> Service:
    """Return the service `cart` with these tasks, each a slot of its own name.

    All weight is at the slot `first`, so its task gets what comes; the others get
    something only after it.
    """
    service_id = registry.create("cart")
    for name, task in tasks.items():
        registry.register(
            service_id, name, slot=name, address=task.address, port=task.port
        )
    if first:
        registry.write(service_id, weights=f'{{"{first}": 1}}')
    service = registry.discovery(clock, pace=pace).service("cart", **options)
    service.pick()
    return service


def instance(service: Service, task: str) -> Instance:
    return next(i for i in service.instances if i.id == task)


def test_a_request_arrives_whole_and_names_its_service(
    registry: CloudMap, clock: Clock
) -> None:
    with serving("cart") as task:
        service = service_of(registry, clock, {"t1": task})
        answer = service.request(
            "POST", "/items?n=1", b"apples", {"content-type": "text/plain"}
        )
    assert (answer.status, answer.body, answer.instance.id) == (200, b"cart", "t1")
    assert answer.headers["Slipway-Service"] == "cart"
    (got,) = task.handled
    assert (got.method, got.path, got.body) == ("POST", "/items?n=1", b"apples")
    assert got.headers["slipway-service"] == "cart"
    assert got.headers["content-type"] == "text/plain"


def test_a_name_that_was_passed_on_is_replaced(
    registry: CloudMap, clock: Clock
) -> None:
    with serving("cart") as task:
        service = service_of(registry, clock, {"t1": task})
        service.request("GET", "/", headers={"Slipway-Service": "frontend"})
    assert len(task.handled) == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_could_not_be_connected_to_is_put_aside_and_another_is_asked(
    registry: CloudMap, clock: Clock, method: str
) -> None:
    with serving("cart") as task, closed() as gone:
        service = service_of(registry, clock, {"gone": gone, "t1": task}, first="gone")
        assert service.request(method, "/", b"x").body == b"cart"
        assert service.pick().id == "gone", "weights bind as long as nothing else is"
    assert len(task.handled) == 1


def test_an_instance_that_is_put_aside_returns_after_a_while(
    registry: CloudMap, clock: Clock
) -> None:
    with serving("cart") as task:
        service = service_of(registry, clock, {"t1": task, "t2": task})
        first = instance(service, "t1")
        service.failed(first)
        assert {service.pick().id for _ in range(50)} == {"t2"}
        clock.forward(5)
        assert {service.pick().id for _ in range(50)} == {"t1", "t2"}


def test_all_put_aside_are_used_anyway_and_an_answer_brings_one_back(
    registry: CloudMap, clock: Clock
) -> None:
    with serving("cart") as task:
        service = service_of(registry, clock, {"t1": task, "t2": task})
        service.failed(instance(service, "t2"))
        clock.forward(1)
        service.failed(instance(service, "t1"))
        assert service.request("GET", "/").instance.id == "t2"
        assert {service.pick().id for _ in range(50)} == {"t2"}


def test_a_request_puts_aside_what_it_could_not_connect_to(
    registry: CloudMap, clock: Clock
) -> None:
    with serving("cart") as task, closed() as gone:
        service = service_of(registry, clock, {"gone": gone, "t1": task})
        for _ in range(20):
            service.request("GET", "/")
        assert {service.pick().id for _ in range(50)} == {"t1"}


def test_an_answer_ends_the_growth_of_the_time_aside(
    registry: CloudMap, clock: Clock
) -> None:
    with serving("cart") as task:
        service = service_of(registry, clock, {"t1": task, "t2": task})
        first = instance(service, "t1")
        for seconds in (5, 10):
            service.failed(first)
            clock.forward(seconds)
        assert "t1" in {service.request("GET", "/").instance.id for _ in range(20)}
        service.failed(first)
        clock.forward(5)
        assert "t1" in {service.pick().id for _ in range(50)}


def test_a_silent_address_is_given_up_soon(
    registry: CloudMap, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slipway_client.sending.CONNECT_SECONDS", 0.05)
    with serving("cart") as task, silent() as gone:
        service = service_of(registry, clock, {"gone": gone, "t1": task}, first="gone")
        began = time.monotonic()
        assert service.request("POST", "/", timeout=30).instance.id == "t1"
    assert time.monotonic() - began < 15


def test_an_answer_may_take_longer_than_a_connection(
    registry: CloudMap, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slipway_client.sending.CONNECT_SECONDS", 0.05)
    late = threading.Event()

    def wait(_: BaseHTTPRequestHandler) -> bool:
        late.wait(0.2)
        return True

    with serving("cart", act=wait) as task:
        service = service_of(registry, clock, {"t1": task})
        assert service.request("GET", "/", timeout=10).status == 200


def test_where_nobody_can_be_reached_it_says_who_was_tried(
    registry: CloudMap, clock: Clock
) -> None:
    with closed("127.0.0.9") as one, closed("127.0.0.10") as two:
        service = service_of(registry, clock, {"t1": one, "t2": two})
        with pytest.raises(Unreachable, match=r"t\d at .*; .* t\d at ") as failed:
            service.request("GET", "/")
    assert "127.0.0.9" in str(failed.value)
    assert "127.0.0.10" in str(failed.value)


def test_no_more_instances_are_tried_than_allowed(
    registry: CloudMap, clock: Clock
) -> None:
    with closed() as gone:
        tasks = {f"t{n}": gone for n in range(9)}
        service = service_of(registry, clock, tasks)
        with pytest.raises(Unreachable) as failed:
            service.request("GET", "/", attempts=4)
    assert str(failed.value).count("could not be connected to") == 4


def test_the_callers_own_trouble_is_nobodys_failure(
    registry: CloudMap, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving("cart") as task:
        service = service_of(registry, clock, {"t1": task, "t2": task})

        def connect(_: Any) -> None:
            raise OSError(errno.EMFILE, "too many open files")

        with monkeypatch.context() as patch:
            patch.setattr(http.client.HTTPConnection, "connect", connect)
            with pytest.raises(OSError, match="too many open files"):
                service.request("GET", "/")
        assert {service.pick().id for _ in range(50)} == {"t1", "t2"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
def test_a_broken_connection_is_tried_again_where_that_is_safe(
    registry: CloudMap, clock: Clock, method: str
) -> None:
    with serving("cart", act=break_off) as bad, serving("cart") as good:
        service = service_of(registry, clock, {"bad": bad, "t1": good}, first="bad")
        assert service.request(method, "/").instance.id == "t1"
    assert len(bad.received) == len(good.handled) == 1


def test_a_request_that_may_have_been_received_is_never_sent_twice(
    registry: CloudMap, clock: Clock
) -> None:
    with serving("cart", act=break_off) as bad, serving("cart") as good:
        service = service_of(registry, clock, {"bad": bad, "t1": good}, first="bad")
        with pytest.raises(AnswerLost, match="POST to cart bad at"):
            service.request("POST", "/", b"pay")
    assert len(bad.received) == 1
    assert good.received == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_answer_that_is_late_is_not_asked_of_another(
    registry: CloudMap, clock: Clock, method: str
) -> None:
    over = threading.Event()

    def wait(_: BaseHTTPRequestHandler) -> bool:
        over.wait(10)
        return False

    with serving("cart", act=wait) as slow, serving("cart") as good:
        service = service_of(registry, clock, {"slow": slow, "t1": good}, first="slow")
        with pytest.raises(TimeoutError):
            service.request(method, "/", timeout=0.05)
        over.set()
    assert good.received == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_address_of_another_service_is_dropped_and_another_is_asked(
    registry: CloudMap, clock: Clock, method: str
) -> None:
    with serving("mail") as foreign, serving("cart") as task:
        service = service_of(registry, clock, {"t1": foreign, "t2": task}, first="t1")
        assert service.request(method, "/", b"x").body == b"cart"
        assert {service.pick().id for _ in range(50)} == {"t2"}
        clock.forward(36)
        assert {service.pick().id for _ in range(50)} == {"t2"}, "listed again"
    assert foreign.handled == []
    assert len(foreign.received) == 1


def test_what_is_dropped_is_not_used_for_want_of_others(
    registry: CloudMap, clock: Clock
) -> None:
    with serving("mail") as foreign:
        service = service_of(registry, clock, {"t1": foreign})
        with pytest.raises(Unreachable, match=r"t1 at .* is mail"):
            service.request("GET", "/")
        with pytest.raises(NoInstance, match="1 answer for another service"):
            service.request("GET", "/")
    assert len(foreign.received) == 1


def test_a_task_that_is_registered_anew_gets_requests_again(
    registry: CloudMap, clock: Clock
) -> None:
    with serving("mail") as foreign, serving("cart") as task:
        service = service_of(registry, clock, {"t1": foreign})
        service.misdirected(instance(service, "t1"))
        (found,) = registry.client.list_services()["Services"]
        registry.deregister(found["Id"], "t1")
        registry.register(found["Id"], "t1", address=task.address, port=task.port)
        clock.forward(36)
        assert service.request("GET", "/").body == b"cart"


def test_an_answer_that_names_another_service_is_never_given_out(
    registry: CloudMap, clock: Clock
) -> None:
    with serving("mail", checks=False) as foreign, serving("cart") as task:
        tasks = {"t1": foreign, "t2": task}
        service = service_of(registry, clock, tasks, first="t1")
        with pytest.raises(Misdirected, match=r"POST to cart t1 at .* by mail"):
            service.request("POST", "/", b"pay")
        assert task.received == []
        assert service.request("POST", "/", b"pay").body == b"cart"


def test_of_an_answer_that_names_another_service_a_get_is_tried_again(
    registry: CloudMap, clock: Clock
) -> None:
    with serving("mail", checks=False) as foreign, serving("cart") as task:
        tasks = {"t1": foreign, "t2": task}
        service = service_of(registry, clock, tasks, first="t1")
        assert service.request("GET", "/").body == b"cart"


def refuse(handler: BaseHTTPRequestHandler, name: str | None) -> bool:
    """Answer 421, with or without a name."""
    handler.send_response(421)
    if name is not None:
        handler.send_header("slipway-service", name)
    handler.send_header("content-length", "0")
    handler.end_headers()
    return False


def test_a_refusal_without_a_name_is_another_services(
    registry: CloudMap, clock: Clock
) -> None:
    with (
        serving("mail", act=lambda handler: refuse(handler, None)) as foreign,
        serving("cart") as task,
    ):
        tasks = {"t1": foreign, "t2": task}
        service = service_of(registry, clock, tasks, first="t1")
        assert service.request("POST", "/", b"pay").body == b"cart"


def test_a_refusal_that_a_service_passes_on_is_its_answer(
    registry: CloudMap, clock: Clock
) -> None:
    with serving("cart", act=lambda handler: refuse(handler, "cart")) as task:
        service = service_of(registry, clock, {"t1": task})
        assert service.request("GET", "/").status == 421
        assert service.pick().id == "t1"


# -------------------------------------------------------------- lists that are old


def outage(registry: CloudMap, clock: Clock, seconds: float) -> None:
    registry.failing["*"] = ""
    clock.forward(seconds)


def test_an_old_list_is_used_for_instances_that_pass_their_check_only(
    registry: CloudMap, clock: Clock
) -> None:
    with serving("mail") as foreign, serving("cart") as task, closed() as gone:
        service = service_of(
            registry,
            clock,
            {"t1": foreign, "t2": task, "t3": gone},
            verify=verify_by_http("/health"),
        )
        outage(registry, clock, 301)
        for _ in range(20):
            assert service.request("POST", "/", b"pay").instance.id == "t2"
    assert {got.method for got in foreign.received} <= {"HEAD"}
    checks = [got.path for got in task.received if got.method == "HEAD"]
    assert checks == ["/health"], "passed once, it is good for a while"


def test_a_list_within_its_bound_needs_no_check(
    registry: CloudMap, clock: Clock
) -> None:
    with serving("cart") as task:
        service = service_of(registry, clock, {"t1": task}, verify=verify_by_http())
        outage(registry, clock, 300)
        service.request("GET", "/")
    assert [got.method for got in task.received] == ["GET"]


def test_a_request_that_was_answered_by_name_is_a_check_passed(
    registry: CloudMap, clock: Clock
) -> None:
    with serving("cart") as task:
        service = service_of(registry, clock, {"t1": task}, verify=verify_by_http())
        outage(registry, clock, 200)
        service.request("GET", "/")
        clock.forward(200)
        service.request("GET", "/")
        assert [got.method for got in task.received] == ["GET", "GET"]
        clock.forward(301)
        service.request("GET", "/")
    assert [got.method for got in task.received] == ["GET", "GET", "HEAD", "GET"]


@pytest.mark.parametrize("name", ["cart", "mail"])
def test_an_answer_without_a_name_passes_no_check(
    registry: CloudMap, clock: Clock, name: str
) -> None:
    with serving(name, checks=False, tells=False) as task:
        service = service_of(registry, clock, {"t1": task}, verify=verify_by_http())
        outage(registry, clock, 301)
        with pytest.raises(NoInstance, match="did not pass their check"):
            service.request("POST", "/")
    assert [got.method for got in task.received] == ["HEAD"]


def test_what_does_not_speak_http_passes_no_check(
    registry: CloudMap, clock: Clock
) -> None:
    def babble(handler: BaseHTTPRequestHandler) -> bool:
        handler.wfile.write(b"+PONG\r\n\r\n")
        return False

    with serving("cart", act=babble) as task:
        service = service_of(registry, clock, {"t1": task}, verify=verify_by_http())
        outage(registry, clock, 301)
        with pytest.raises(NoInstance):
            service.pick()


def test_a_trust_of_nothing_checks_before_each_request(
    registry: CloudMap, clock: Clock
) -> None:
    with serving("cart") as task:
        service = service_of(
            registry,
            clock,
            {"t1": task},
            verify=verify_by_http(),
            pace=Pace(trust_seconds=0),
        )
        for _ in range(2):
            clock.forward(1)
            service.request("GET", "/")
    assert [got.method for got in task.received] == ["HEAD", "GET"] * 2


def test_without_a_check_the_list_is_used_at_any_age(
    registry: CloudMap, clock: Clock
) -> None:
    with serving("cart", tells=False) as task:
        service = service_of(registry, clock, {"t1": task})
        outage(registry, clock, 86_400)
        assert service.request("POST", "/").status == 200
