"""When the registry is asked, and what goes on while it does not answer."""

import math
import threading
from typing import Any

import pytest
from botocore.stub import Stubber
from slipway_client import (
    Discovery,
    DiscoveryError,
    NoInstance,
    Pace,
    RegistryAway,
    Service,
    UnknownService,
)
from slipway_client.registry import Registry

from tests.unit.client.registry import NAMESPACE, Clock, CloudMap, boto_client, seeded

LOOK = ["DiscoverInstancesRevision"]
LIST = ["DiscoverInstances"]
FIRST = [*LIST, "ListNamespaces", "ListServices", "GetServiceAttributes"]


@pytest.fixture
def cart(registry: CloudMap) -> str:
    """Return the id of a service with two tasks, one in each slot."""
    service_id = registry.create("cart")
    registry.register(service_id, "t1", slot="cart-a", address="10.0.0.1")
    registry.register(service_id, "t2", slot="cart-b", address="10.0.0.2")
    registry.calls.clear()
    return service_id


def tasks(service: Service) -> set[str]:
    return {instance.id for instance in service.instances}


def picked(service: Service) -> set[str]:
    return {service.pick().id for _ in range(50)}


def calls(registry: CloudMap) -> list[str]:
    """Return what was asked since the last look."""
    found = list(registry.calls)
    registry.calls.clear()
    return found


def later(
    registry: CloudMap, clock: Clock, service: Service, seconds: float
) -> list[str]:
    """Let time pass, pick, and return what that asked of the registry."""
    calls(registry)
    clock.forward(seconds)
    service.pick()
    return calls(registry)


@pytest.mark.usefixtures("cart")
def test_nothing_is_asked_before_the_first_pick_and_all_that_counts_by_it(
    registry: CloudMap, clock: Clock
) -> None:
    service = registry.discovery(clock).service("cart")
    assert registry.calls == []
    assert service.age_seconds == math.inf
    assert picked(service) == {"t1", "t2"}
    assert registry.calls == FIRST
    assert service.age_seconds == 0


def test_weights_are_known_before_anybody_picks(
    registry: CloudMap, clock: Clock, cart: str
) -> None:
    registry.write(cart, weights='{"cart-a": 100, "cart-b": 0}', protocol="http")
    service = registry.discovery(clock).service("cart")
    assert picked(service) == {"t1"}
    assert service.protocol == "http"


@pytest.mark.usefixtures("cart")
def test_a_look_at_the_revision_confirms_the_list(
    registry: CloudMap, clock: Clock
) -> None:
    service = registry.discovery(clock).service("cart")
    service.pick()
    assert later(registry, clock, service, 7.9) == []
    assert later(registry, clock, service, 4.2) == LOOK
    assert service.age_seconds == 0


def test_a_moved_revision_brings_the_new_list(
    registry: CloudMap, clock: Clock, cart: str
) -> None:
    service = registry.discovery(clock).service("cart")
    service.pick()
    registry.register(cart, "t3")
    assert later(registry, clock, service, 12.1) == LOOK + LIST
    assert tasks(service) == {"t1", "t2", "t3"}
    registry.deregister(cart, "t1")
    later(registry, clock, service, 12.1)
    assert tasks(service) == {"t2", "t3"}


def test_health_that_moves_no_revision_is_seen_by_a_full_read(
    registry: CloudMap, clock: Clock, cart: str
) -> None:
    service = registry.discovery(clock).service("cart")
    service.pick()
    registry.health(cart, "t1", "UNHEALTHY")
    assert LIST[0] not in later(registry, clock, service, 15)
    assert LIST[0] in later(registry, clock, service, 15)
    assert tasks(service) == {"t2"}


def test_where_none_is_healthy_all_are_used(
    registry: CloudMap, clock: Clock, cart: str
) -> None:
    for task in ("t1", "t2"):
        registry.health(cart, task, "UNHEALTHY")
    assert picked(registry.discovery(clock).service("cart")) == {"t1", "t2"}


def test_more_instances_are_listed_than_aws_returns_unasked() -> None:
    client = boto_client()
    with Stubber(client) as stub:
        stub.add_response(
            "discover_instances",
            {"Instances": [], "InstancesRevision": 3},
            {
                "NamespaceName": NAMESPACE,
                "ServiceName": "cart",
                "MaxResults": 1000,
                "HealthStatus": "HEALTHY_OR_ELSE_ALL",
            },
        )
        assert Registry(client, NAMESPACE).instances("cart", None).revision == 3


def test_a_service_of_the_same_name_elsewhere_is_another_one() -> None:
    client = boto_client()
    namespaces = [
        {
            "Id": namespace_id,
            "Name": NAMESPACE,
            "Properties": {"HttpProperties": {"HttpName": http_name}},
        }
        for namespace_id, http_name in (("ns-0", "other"), ("ns-1", NAMESPACE))
    ]
    with Stubber(client) as stub:
        stub.add_response(
            "list_namespaces",
            {"Namespaces": namespaces},
            {"Filters": [{"Name": "HTTP_NAME", "Values": [NAMESPACE]}]},
        )
        filters = [{"Name": "NAMESPACE_ID", "Values": ["ns-1"]}]
        stub.add_response(
            "list_services",
            {"Services": [{"Name": "cartage", "Id": "s-1"}], "NextToken": "more"},
            {"Filters": filters},
        )
        stub.add_response(
            "list_services",
            {"Services": [{"Name": "cart", "Id": "s-2"}]},
            {"Filters": filters, "NextToken": "more"},
        )
        assert Registry(client, NAMESPACE).service_id("cart") == "s-2"


def test_a_service_whose_tasks_have_no_port_takes_the_callers(
    registry: CloudMap, clock: Clock, cart: str, caplog: pytest.LogCaptureFixture
) -> None:
    registry.register(cart, "t3", port=None)
    discovery = registry.discovery(clock)
    assert picked(discovery.service("cart")) == {"t1", "t2"}
    assert "instance t3 is left out" in caplog.text
    service = registry.discovery(clock).service("cart", port=7070)
    service.pick()
    assert {i.port for i in service.instances} == {8080, 7070}


@pytest.mark.usefixtures("cart")
def test_the_last_list_goes_on_being_used_and_its_age_told(
    registry: CloudMap, clock: Clock
) -> None:
    told: list[tuple[str, float, DiscoveryError]] = []
    service = registry.discovery(clock, on_stale=lambda *a: told.append(a)).service(
        "cart"
    )
    service.pick()
    registry.failing["*"] = ""
    for _ in range(100):
        clock.forward(36)
        assert picked(service) == {"t1", "t2"}
    assert service.age_seconds == 3600
    ((name, age, error),) = told
    assert name == "cart"
    assert 60 <= age <= 60 + 2 * 36
    assert isinstance(error, RegistryAway)
    registry.failing.clear()
    clock.forward(200)
    service.pick()
    assert service.age_seconds == 0
    registry.failing["*"] = "RequestLimitExceeded"
    for _ in range(10):
        clock.forward(36)
        service.pick()
    assert len(told) == 2


@pytest.mark.usefixtures("cart")
def test_a_fault_of_who_is_told_is_logged_and_ends_nothing(
    registry: CloudMap, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    def told(*_: Any) -> None:
        raise RuntimeError("no pager")

    service = registry.discovery(clock, on_stale=told).service("cart")
    service.pick()
    registry.failing["*"] = ""
    clock.forward(100)
    service.pick()
    assert "no pager" in caplog.text
    registry.failing.clear()
    clock.forward(100)
    service.pick()
    assert service.age_seconds == 0


@pytest.mark.usefixtures("cart")
def test_attempts_grow_rare_while_the_registry_is_away(
    registry: CloudMap, clock: Clock
) -> None:
    service = registry.discovery(clock).service("cart")
    service.pick()
    registry.failing["*"] = "ServiceUnavailable"
    clock.forward(12)
    waits = []
    for _ in range(8):
        service.pick()
        waits.append(service.due_at - clock.seconds)
        clock.seconds = service.due_at
    for wait, expected in zip(waits, [10, 20, 40, 80, 120, 120, 120, 120], strict=True):
        assert 0.8 * expected <= wait <= 1.2 * expected
    assert len(set(waits)) == len(waits)


@pytest.mark.usefixtures("cart")
def test_without_any_list_picks_fail_and_do_not_storm_the_registry(
    registry: CloudMap, clock: Clock
) -> None:
    registry.failing["*"] = ""
    service = registry.discovery(clock).service("cart")
    for _ in range(50):
        with pytest.raises(RegistryAway, match="nothing is known of cart"):
            service.pick()
    assert registry.calls == LIST
    registry.failing.clear()
    clock.forward(1.2)
    assert picked(service) == {"t1", "t2"}


@pytest.mark.parametrize(
    ("namespace", "name"), [(NAMESPACE, "crat"), ("elsewhere", "cart")]
)
@pytest.mark.usefixtures("cart")
def test_an_unknown_service_is_said_to_be_one(
    registry: CloudMap, clock: Clock, namespace: str, name: str
) -> None:
    discovery = Discovery(
        namespace, client=registry.client, clock=clock, background=False, zone=""
    )
    with pytest.raises(UnknownService):
        discovery.service(name).pick()


def test_a_service_without_instances_is_an_answer(
    registry: CloudMap, clock: Clock, cart: str
) -> None:
    registry.deregister(cart, "t1")
    registry.deregister(cart, "t2")
    with pytest.raises(NoInstance, match="the registry lists 0 instances"):
        registry.discovery(clock).service("cart").pick()


def test_callers_that_began_together_do_not_stay_together(
    registry: CloudMap, clock: Clock, cart: str
) -> None:
    del cart
    due = []
    for seed in range(20):
        service = registry.discovery(clock, chance=seeded(seed)).service("cart")
        service.pick()
        due.append(service.due_at - clock.seconds)
    assert len(set(due)) == 20
    assert 8 <= min(due) < 9
    assert 11 < max(due) <= 12


def test_weights_change_and_go(registry: CloudMap, clock: Clock, cart: str) -> None:
    registry.write(cart, weights='{"cart-a": 1}')
    service = registry.discovery(clock).service("cart")
    assert picked(service) == {"t1"}
    registry.write(cart, weights='{"cart-b": 1}')
    clock.forward(36)
    assert picked(service) == {"t2"}
    registry.client.delete_service_attributes(
        ServiceId=cart, Attributes=["slipway:weights"]
    )
    clock.forward(36)
    assert picked(service) == {"t1", "t2"}
    assert service.weights is None


def test_weights_that_cannot_be_read_stay_as_they_were(
    registry: CloudMap, clock: Clock, cart: str, caplog: pytest.LogCaptureFixture
) -> None:
    registry.write(cart, weights='{"cart-a": 1}')
    service = registry.discovery(clock).service("cart")
    service.pick()
    registry.write(cart, weights='{"cart-a": "all"}')
    clock.forward(36)
    assert picked(service) == {"t1"}
    assert "weights stay as they were" in caplog.text


def test_weights_that_are_refused_leave_the_list_fresh(
    registry: CloudMap, clock: Clock, cart: str
) -> None:
    registry.write(cart, weights='{"cart-a": 1}')
    registry.failing["GetServiceAttributes"] = "AccessDeniedException"
    service = registry.discovery(clock).service("cart")
    for _ in range(20):
        assert picked(service) == {"t1", "t2"}
        assert service.age_seconds == 0
        clock.forward(12.1)
    assert calls(registry).count("GetServiceAttributes") <= 6
    registry.failing.clear()
    clock.forward(144)
    assert picked(service) == {"t1"}


@pytest.mark.usefixtures("cart")
def test_the_service_id_is_looked_up_once(registry: CloudMap, clock: Clock) -> None:
    service = registry.discovery(clock).service("cart")
    service.pick()
    assert later(registry, clock, service, 36).count("GetServiceAttributes") == 1
    assert "ListServices" not in later(registry, clock, service, 36)


def test_a_given_service_id_is_never_looked_up(
    registry: CloudMap, clock: Clock, cart: str
) -> None:
    service = registry.discovery(clock).service("cart", service_id=cart)
    service.pick()
    assert registry.calls == [*LIST, "GetServiceAttributes"]


def test_a_service_that_was_made_anew_is_found_under_its_new_id(
    registry: CloudMap, clock: Clock, cart: str
) -> None:
    service = registry.discovery(clock).service("cart")
    service.pick()
    for task in ("t1", "t2"):
        registry.deregister(cart, task)
    registry.client.delete_service(Id=cart)
    anew = registry.create("cart")
    registry.register(anew, "t9")
    registry.write(anew, weights='{"cart-a": 7}')
    for _ in range(3):
        clock.forward(36)
        service.pick()
    assert service.weights == {"cart-a": 7}


def block(
    registry: CloudMap, operation: str = ""
) -> tuple[threading.Event, threading.Event]:
    """Let the registry's answers wait; return who tells of the wait and who ends it."""
    asked, answer = threading.Event(), threading.Event()

    def wait(**_: Any) -> None:
        asked.set()
        assert answer.wait(10)

    event = f"before-call.servicediscovery{operation}"
    registry.client.meta.events.register(event, wait)
    return asked, answer


@pytest.mark.usefixtures("cart")
def test_one_refresh_runs_at_a_time_and_picks_do_not_wait_for_it(
    registry: CloudMap, clock: Clock
) -> None:
    service = registry.discovery(clock).service("cart")
    service.pick()
    calls(registry)
    clock.forward(12.1)
    asked, answer = block(registry)
    refresher = threading.Thread(target=service.refresh_if_due)
    refresher.start()
    assert asked.wait(10)
    for _ in range(20):
        assert service.pick().id in {"t1", "t2"}
    assert registry.calls == LOOK
    answer.set()
    refresher.join()
    assert registry.calls == LOOK


@pytest.mark.usefixtures("cart")
def test_the_first_picks_of_many_threads_ask_once(
    registry: CloudMap, clock: Clock
) -> None:
    service = registry.discovery(clock).service("cart")
    asked, answer = block(registry)
    got: list[str] = []
    pickers = [
        threading.Thread(target=lambda: got.append(service.pick().id)) for _ in range(8)
    ]
    for picker in pickers:
        picker.start()
    assert asked.wait(10)
    answer.set()
    for picker in pickers:
        picker.join()
    assert len(got) == 8
    assert registry.calls == FIRST


def test_who_comes_between_the_list_and_its_weights_waits_for_these(
    registry: CloudMap, clock: Clock, cart: str
) -> None:
    registry.write(cart, weights='{"cart-a": 100, "cart-b": 0}')
    service = registry.discovery(clock).service("cart")
    asked, answer = block(registry, ".GetServiceAttributes")
    got: set[str] = set()
    first, second = (
        threading.Thread(target=lambda: got.update(picked(service))) for _ in range(2)
    )
    first.start()
    assert asked.wait(10)
    second.start()
    second.join(0.2)  # long enough to pick, were it not to wait
    answer.set()
    first.join()
    second.join()
    assert got == {"t1"}


def test_a_thread_refreshes_without_anybody_picking(
    registry: CloudMap, cart: str
) -> None:
    pace = Pace(interval_seconds=0.01, full_seconds=0.01)
    with Discovery(NAMESPACE, client=registry.client, zone="", pace=pace) as discovery:
        service = discovery.service("cart")
        service.pick()
        registry.register(cart, "t3")
        changed = threading.Event()

        def look(**_: Any) -> None:
            if "t3" in tasks(service):
                changed.set()

        registry.client.meta.events.register("before-call.servicediscovery", look)
        assert changed.wait(10)
    assert not any(t.name.startswith("discovery ") for t in threading.enumerate())
    assert service.pick().id in {"t1", "t2", "t3"}
    assert not any(t.name.startswith("discovery ") for t in threading.enumerate())


@pytest.mark.usefixtures("cart")
def test_a_thread_that_began_while_another_one_refreshed_goes_on_after_it(
    registry: CloudMap,
) -> None:
    pace = Pace(interval_seconds=0.01, full_seconds=0.01)
    with Discovery(NAMESPACE, client=registry.client, zone="", pace=pace) as discovery:
        service = discovery.service("cart")
        asked, answer = block(registry, ".DiscoverInstances")
        refresher = threading.Thread(target=service.refresh_if_due)
        refresher.start()
        assert asked.wait(10)
        picker = threading.Thread(target=service.pick)
        picker.start()  # and with it the thread, which finds nothing to do
        picker.join(0.2)
        again = threading.Event()
        registry.client.meta.events.register(
            "before-call.servicediscovery.DiscoverInstancesRevision",
            lambda **_: again.set(),
        )
        registry.client.meta.events.register(
            "before-call.servicediscovery.DiscoverInstances",
            lambda **_: again.set(),
        )
        answer.set()
        refresher.join()
        picker.join()
        assert again.wait(10)


def test_a_service_named_later_wakes_the_thread(registry: CloudMap, cart: str) -> None:
    del cart
    registry.register(registry.create("mail"), "m1")
    pace = Pace(interval_seconds=600)
    with Discovery(NAMESPACE, client=registry.client, zone="", pace=pace) as discovery:
        discovery.service("cart").pick()
        mail = discovery.service("mail")
        read = threading.Event()
        registry.client.meta.events.register(
            "after-call.servicediscovery.GetServiceAttributes", lambda **_: read.set()
        )
        assert read.wait(10)
        assert tasks(mail) == {"m1"}


@pytest.mark.usefixtures("cart")
def test_a_thread_that_is_gone_is_replaced_by_the_next_pick(
    registry: CloudMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    pace = Pace(interval_seconds=0.01)
    with Discovery(NAMESPACE, client=registry.client, zone="", pace=pace) as discovery:
        service = discovery.service("cart")
        service.pick()
        (first,) = (t for t in threading.enumerate() if t.name.startswith("discovery"))

        def fault(**_: Any) -> None:
            raise RuntimeError("a fault of the code")

        events = registry.client.meta.events
        events.register("before-call.servicediscovery", fault)
        first.join(10)
        assert not first.is_alive()
        events.unregister("before-call.servicediscovery", fault)
        service.pick()
        assert any(t.name.startswith("discovery") for t in threading.enumerate())


def test_a_discovery_gives_the_same_service_for_the_same_name(
    registry: CloudMap, clock: Clock
) -> None:
    discovery = registry.discovery(clock)
    assert discovery.service("cart") is discovery.service("cart")
