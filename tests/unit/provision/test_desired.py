"""What manifests want: names, facts, and the pairs that may connect."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from slipway.domain.resources import Ids, Kind, Ref, Wanted
from slipway.domain.rollout import ServiceState
from slipway.domain.service import Mode, Slot
from slipway.manifests.reading import read
from slipway.manifests.records import EnvironmentRecord
from slipway.provision.desired import desired, scope_of
from slipway.provision.records import service_of
from slipway.provision.settings import misplaced
from slipway.provision.standing import Standing
from slipway.wiring import Settings

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
ACM = "arn:aws:acm:eu-west-1:111122223333"
AN_HOUR_AGO = datetime(2026, 1, 5, 8, tzinfo=UTC)
ENVIRONMENT: dict[str, Any] = {
    "name": "dev",
    "account": "111122223333",
    "region": "eu-west-1",
    "vpc": "vpc-0a1b2c3d4e5f60718",
    "subnets": ["subnet-0a1b2c3d4e5f60711", "subnet-0a1b2c3d4e5f60712"],
    "cluster": {"name": "dev", "create": True},
    "namespace": {"name": "shop.internal", "create": True},
    "capacity_providers": ["FARGATE", "FARGATE_SPOT"],
    "load_balancers": {
        "public": {
            "scheme": "internet-facing",
            "create": True,
            "listeners": [{"port": 80}],
        }
    },
    "defaults": {"execution_role": "role/slipway/dev/execution"},
}
CART: dict[str, Any] = {
    "name": "cart",
    "image": {"location": "shop/cart", "port": 8080},
    "http": {"path": "/cart"},
    "count": {"range": "2-6", "cpu_percentage": 60, "requests": 1200},
}


def record(
    *services: dict[str, Any], environment: Mapping[str, Any] = ENVIRONMENT
) -> EnvironmentRecord:
    files = {"environment.yaml": yaml.safe_dump(dict(environment)).encode()}
    for service in services:
        path = f"services/{service['name']}.yaml"
        files[path] = yaml.safe_dump(service).encode()
    reading = read(files)
    assert reading.record is not None, reading.problems
    return reading.record


def resources(
    *services: dict[str, Any], **standings: Standing
) -> dict[tuple[Kind, str], Wanted]:
    made = desired(record(*services), standings, NOW)
    named = {(one.kind, one.name): one for one in made}
    assert len(named) == len(made), "two resources of one kind have one name"
    return named


def serving(slot: Slot, **more: Any) -> Standing:
    return Standing(ServiceState(slot, "abc", "cart-1", AN_HOUR_AGO), "cart:7", **more)


# ----------------------------------------------------- a new service


def test_a_new_service_begins_with_nothing_running_and_a_closed_rule() -> None:
    made = resources(CART)
    for slot in Slot:
        wanted = made[Kind.ECS_SERVICE, f"cart-{slot}"]
        assert wanted.facts["tasks"] == wanted.once["tasks"] == 0
        bounds = made[Kind.SCALABLE_TARGET, f"cart-{slot}"].facts
        assert (bounds["min_tasks"], bounds["max_tasks"]) == (0, 0)
        assert all(bounds["suspended"].values())
    assert made[Kind.LISTENER_RULE, "cart"].once["forward"] is None


def test_both_groups_are_attached_by_a_rule_that_no_request_matches() -> None:
    parked = resources(CART)[Kind.LISTENER_RULE, "cart parked"]
    assert parked.facts["conditions"] == [
        ["host-header", "", ["cart-1.park.slipway.internal"]]
    ]
    assert parked.facts["groups"] == [
        Ref(Kind.TARGET_GROUP, "dev-cart-a"),
        Ref(Kind.TARGET_GROUP, "dev-cart-b"),
    ]


def test_a_path_is_that_path_and_all_beneath_it() -> None:
    rule = resources(CART)[Kind.LISTENER_RULE, "cart"]
    assert rule.facts["conditions"] == [["path-pattern", "", ["/cart", "/cart/*"]]]


# ----------------------------------------------------- one that serves


def test_a_rule_that_is_lost_comes_back_closed_and_opens_to_a_healthy_primary() -> None:
    made = resources(CART, cart=serving(Slot.B))
    assert made[Kind.LISTENER_RULE, "cart"].once["forward"] is None
    route = made[Kind.ROUTE, "cart"]
    assert route.once["healthy_in"] == Ref(Kind.TARGET_GROUP, "dev-cart-b")
    assert route.once["tasks"] == Ref(Kind.ECS_SERVICE, "cart-b", "desired")
    assert route.once["forward"] == [
        [Ref(Kind.TARGET_GROUP, "dev-cart-a"), 0],
        [Ref(Kind.TARGET_GROUP, "dev-cart-b"), 100],
    ]


def test_a_slot_that_is_lost_comes_back_with_the_release_that_serves() -> None:
    made = resources(CART, cart=serving(Slot.B))
    serves, idle = (made[Kind.ECS_SERVICE, f"cart-{slot}"] for slot in "ba")
    assert (serves.once["task_definition"], serves.once["tasks"]) == ("cart:7", 2)
    assert idle.once["tasks"] == 0


def test_autoscaling_sizes_the_primary_and_nothing_the_idle_slot() -> None:
    made = resources(CART, cart=serving(Slot.B))
    assert "tasks" not in made[Kind.ECS_SERVICE, "cart-b"].facts
    assert made[Kind.ECS_SERVICE, "cart-a"].facts["tasks"] == 0
    bounds = made[Kind.SCALABLE_TARGET, "cart-b"].facts
    assert (bounds["min_tasks"], bounds["max_tasks"]) == (2, 6)
    assert not any(bounds["suspended"].values())


def test_a_count_without_autoscaling_is_kept_by_provisioning() -> None:
    fixed = CART | {"count": 3}
    made = resources(fixed, cart=serving(Slot.A))
    assert made[Kind.ECS_SERVICE, "cart-a"].facts["tasks"] == 3
    assert not [name for kind, name in made if kind is Kind.SCALABLE_TARGET]


def test_a_rollout_has_counts_and_bounds_of_its_own() -> None:
    made = resources(CART, cart=serving(Slot.A, rollout_id="cart-2"))
    for slot in Slot:
        assert "tasks" not in made[Kind.ECS_SERVICE, f"cart-{slot}"].facts
        assert made[Kind.SCALABLE_TARGET, f"cart-{slot}"].facts == {}
    assert (Kind.ROUTE, "cart") not in made


def test_requests_are_counted_at_each_slots_own_group() -> None:
    made = resources(CART)
    for slot in Slot:
        policy = made[Kind.SCALING_POLICY, f"cart-{slot}-requests"]
        assert policy.facts["label"][1].name == f"dev-cart-{slot}"


@pytest.mark.parametrize(
    ("count", "capacity"),
    [
        (4, [["FARGATE", 0, 1]]),
        (
            {"range": {"min": 4, "max": 4, "spot_from": 3}},
            [["FARGATE", 2, 0], ["FARGATE_SPOT", 0, 100]],
        ),
        ({"range": "4-4", "spot_percentage": 100}, [["FARGATE_SPOT", 0, 100]]),
        (
            {"range": "4-4", "spot_percentage": 30},
            [["FARGATE", 0, 70], ["FARGATE_SPOT", 0, 30]],
        ),
    ],
)
def test_spot_takes_its_share_from_where_it_may(count: Any, capacity: Any) -> None:
    made = resources(CART | {"count": count})
    assert made[Kind.ECS_SERVICE, "cart-a"].facts["capacity"] == capacity


# ----------------------------------------------------- who connects to whom


def test_each_pair_is_one_rule_of_the_callees_group() -> None:
    front = {
        "name": "front",
        "image": {"location": "shop/front", "port": 80},
        "calls": ["cart"],
    }
    made = resources(CART, front)
    pairs = {name for kind, name in made if kind is Kind.SECURITY_GROUP_RULE}
    assert pairs == {
        "anywhere to load balancer public:80",
        "load balancer public to cart:8080",
        "front to cart:8080",
    }


def test_a_load_balancer_that_others_made_lets_in_by_its_own_group() -> None:
    arn = (
        "arn:aws:elasticloadbalancing:eu-west-1:111122223333:"
        "loadbalancer/app/shop/0a1b2c3d4e5f6071"
    )
    there = {
        "scheme": "internet-facing",
        "arn": arn,
        "listeners": [{"port": 80}],
    }
    changed = ENVIRONMENT | {"load_balancers": {"public": there}}
    made = desired(record(CART, environment=changed), {}, NOW)
    (pair,) = [w for w in made if w.kind is Kind.SECURITY_GROUP_RULE]
    balancer = Ref(Kind.LOAD_BALANCER, "public", "security_group")
    assert pair.facts["source"] == {"group": balancer}
    (wanted,) = [w for w in made if w.kind is Kind.LOAD_BALANCER]
    assert not wanted.owned
    assert not [w for w in made if w.name.endswith("load-balancer/public")]


def test_a_service_that_only_the_registry_knows_rolls_in_batches() -> None:
    worker = {"name": "worker", "image": {"location": "shop/worker", "port": 80}}
    whole = record(worker)
    service = service_of(whole.services[0], whole.environment, Ids())
    assert service.mode is Mode.BATCHES
    assert service.bindings == ()
    made = resources(worker)
    slot = made[Kind.ECS_SERVICE, "worker-a"].facts
    assert slot["registries"] == [Ref(Kind.REGISTRY_SERVICE, "worker")]
    assert "grace_seconds" not in slot


def test_a_service_without_a_port_is_in_no_registry() -> None:
    made = resources({"name": "worker", "image": {"location": "shop/worker"}})
    assert not [name for kind, name in made if kind is Kind.REGISTRY_SERVICE]
    assert made[Kind.ECS_SERVICE, "worker-a"].facts["registries"] == []


# ----------------------------------------------------- what the registry says


def said_of(service: dict[str, Any], standing: Standing) -> list[Wanted]:
    made = desired(record(service), {service["name"]: standing}, NOW)
    return [one for one in made if one.kind is Kind.REGISTRY_ATTRIBUTES]


def test_the_registry_says_what_the_first_rule_has_and_which_version_serves() -> None:
    (said,) = said_of(CART, serving(Slot.B, version="v7"))
    assert said.facts == {
        "weights": {
            f"cart-{slot}": Ref(Kind.LISTENER_RULE, "cart", f"share of dev-cart-{slot}")
            for slot in Slot
        },
        "protocol": "http",
        "versions": {"cart-b": "v7"},
    }


def test_the_registry_has_no_weights_of_a_service_without_rules() -> None:
    worker = {"name": "worker", "image": {"location": "shop/worker", "port": 80}}
    (said,) = said_of(worker, Standing())
    assert said.facts == {"weights": None, "protocol": "http", "versions": {}}


def test_what_the_registry_says_in_a_rollout_is_the_rollouts() -> None:
    assert said_of(CART, serving(Slot.A, rollout_id="cart-2")) == []


# ----------------------------------------------------- network load balancers

WIRE = ENVIRONMENT | {
    "certificates": {"shop": {"arn": f"{ACM}:certificate/0a1b"}},
    "load_balancers": {
        "wire": {"type": "network", "scheme": "internet-facing", "create": True}
    },
}
QUEUE: dict[str, Any] = {
    "name": "queue",
    "image": {"location": "shop/queue", "port": 5672, "protocol": "tcp"},
    "nlb": {"port": 5000},
}


def behind_wire(
    standing: Standing | None = None, **more: Any
) -> dict[tuple[Kind, str], Wanted]:
    standings = {} if standing is None else {"queue": standing}
    made = desired(record(QUEUE | more, environment=WIRE), standings, NOW)
    named = {(one.kind, one.name): one for one in made}
    assert len(named) == len(made), "two resources of one kind have one name"
    return named


def test_a_network_listener_begins_with_all_weight_on_a_group_without_targets() -> None:
    made = behind_wire()
    groups = [Ref(Kind.TARGET_GROUP, f"dev-queue-{slot}") for slot in "ab0"]
    listener = made[Kind.NETWORK_LISTENER, "queue"]
    assert listener.facts == {
        "of": Ref(Kind.LOAD_BALANCER, "wire"),
        "port": 5000,
        "protocol": "TCP",
        "certificate": None,
    }
    assert listener.once["closed"] == [[groups[0], 0], [groups[1], 0], [groups[2], 1]]
    assert listener.service == "queue"
    assert {
        made[Kind.TARGET_GROUP, one.name].facts["cross_zone"] for one in groups
    } == {True}
    assert not [name for kind, name in made if kind is Kind.LISTENER]
    assert not [name for kind, name in made if kind is Kind.LISTENER_RULE]
    slot = made[Kind.ECS_SERVICE, "queue-a"].facts["target_groups"]
    assert [one["group"] for one in slot] == [groups[0]]


def test_a_network_listener_names_both_groups_at_rest_and_opens_to_who_serves() -> None:
    both = [Ref(Kind.TARGET_GROUP, f"dev-queue-{slot}") for slot in "ab"]
    assert behind_wire()[Kind.NETWORK_ROUTE, "queue"].facts == {"groups": both}
    state = ServiceState(Slot.B, "abc", "queue-1", AN_HOUR_AGO)
    route = behind_wire(Standing(state, "queue:7"))[Kind.NETWORK_ROUTE, "queue"]
    assert route.facts == {"groups": both, "is_open": True}
    assert route.once["healthy_in"] == both[1]
    assert route.once["forward"] == [[both[0], 0], [both[1], 100]]
    rolling = behind_wire(Standing(state, "queue:7", rollout_id="queue-2"))
    assert (Kind.NETWORK_ROUTE, "queue") not in rolling


@pytest.mark.parametrize(
    ("speaks", "nlb", "listener", "group"),
    [
        ("tcp", {"port": 5000}, ("TCP", None), "TCP"),
        ("tls", {"port": 5000}, ("TCP", None), "TCP"),
        ("tcp", {"port": "1/tls", "certificate": "shop"}, ("TLS", "shop"), "TCP"),
        ("tls", {"port": "1/tls", "certificate": "shop"}, ("TLS", "shop"), "TLS"),
    ],
)
def test_tls_is_opened_to_tasks_where_it_was_ended_and_else_passed_on(
    speaks: str, nlb: Any, listener: tuple[str, str | None], group: str
) -> None:
    made = behind_wire(image=QUEUE["image"] | {"protocol": speaks}, nlb=nlb)
    facts = made[Kind.NETWORK_LISTENER, "queue"].facts
    protocol, name = listener
    assert facts["protocol"] == protocol
    assert facts["certificate"] == (name and Ref(Kind.CERTIFICATE, name))
    assert made[Kind.TARGET_GROUP, "dev-queue-a"].facts["protocol"] == group


@pytest.mark.parametrize(
    ("speaks", "health", "asked"),
    [
        ("tcp", None, ("TCP", None, None, "traffic-port")),
        ("grpc", None, ("TCP", None, None, "traffic-port")),
        ("tcp", {"path": "/ready", "port": 81}, ("HTTP", "/ready", "200", "81")),
        ("http", None, ("HTTP", "/", "200", "traffic-port")),
        ("http", "/up", ("HTTP", "/up", "200", "traffic-port")),
    ],
)
def test_tasks_are_asked_by_http_where_that_is_spoken(
    speaks: str, health: Any, asked: tuple[Any, ...]
) -> None:
    nlb = {"port": 5000} | ({} if health is None else {"healthcheck": health})
    made = behind_wire(image=QUEUE["image"] | {"protocol": speaks}, nlb=nlb)
    facts = made[Kind.TARGET_GROUP, "dev-queue-b"].facts["health"]
    assert tuple(facts[key] for key in ("protocol", "path", "codes", "port")) == asked


def test_a_network_load_balancer_is_made_with_its_group_and_lets_in_by_service() -> (
    None
):
    more = {"port": 5000, "additional_listeners": [{"port": 5001}]}
    made = behind_wire(nlb=more)
    group = Ref(Kind.SECURITY_GROUP, "dev/load-balancer/wire")
    balancer = made[Kind.LOAD_BALANCER, "wire"]
    assert balancer.facts["security_groups"] == [group]
    pairs = {name for kind, name in made if kind is Kind.SECURITY_GROUP_RULE}
    assert pairs == {
        "anywhere to load balancer wire:5000",
        "anywhere to load balancer wire:5001",
        "load balancer wire to queue:5672",
    }
    assert made[Kind.NETWORK_LISTENER, "queue 2"].facts["port"] == 5001


def test_a_record_says_that_weights_are_in_the_listener() -> None:
    whole = record(QUEUE, environment=WIRE)
    service = service_of(whole.services[0], whole.environment, Ids())
    assert service.mode is Mode.BATCHES
    (binding,) = service.bindings
    assert binding.carrier_arn == "(network listener queue)"
    assert binding.vacant_group_arn == "(target group dev-queue-0)"


# ----------------------------------------------------- the record


def test_a_record_names_what_is_not_there_yet_by_its_name() -> None:
    whole = record(CART)
    service = service_of(whole.services[0], whole.environment, Ids())
    assert service.task.security_group_ids == ("(security group dev/cart)",)
    assert service.bindings[0].rule_arn == "(listener rule cart)"
    assert service.registry == "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
    assert service.subnet_ids == tuple(ENVIRONMENT["subnets"])


def test_an_environment_of_another_deployment_is_told_field_by_field() -> None:
    ours = Settings("prod", "eu-west-1", "prod", "journal", (), "", "")
    told = misplaced(record(CART).environment, ours)
    assert [line.split(": ")[1] for line in told] == ["name", "cluster"]
    assert all("correct one of both" in line for line in told)


def test_what_is_made_carries_the_tags_of_its_service_over_those_of_all() -> None:
    tagged = ENVIRONMENT | {"tags": {"team": "shop", "cost": "7"}}
    whole = record(CART | {"tags": {"team": "carts"}}, environment=tagged)
    scope = scope_of(whole)
    by_name = {(one.kind, one.name): one for one in desired(whole, {}, NOW)}
    ours = {"slipway:environment": "dev", "cost": "7"}
    group = by_name[Kind.TARGET_GROUP, "dev-cart-a"]
    assert scope.tags(group) == ours | {
        "slipway:name": "dev-cart-a",
        "slipway:service": "cart",
        "team": "carts",
    }
    cluster = by_name[Kind.CLUSTER, "dev"]
    assert scope.tags(cluster) == ours | {"slipway:name": "dev", "team": "shop"}


# ----------------------------------------------------- bounds by the clock


def scheduled(*times: tuple[str, str]) -> dict[str, Any]:
    schedule = [{"at": at, "range": bounds} for at, bounds in times]
    return CART | {"count": {"range": "2-6", "schedule": schedule}}


DAY, NIGHT = ("cron(0 8 * * ? *)", "4-9"), ("cron(0 20 * * ? *)", "1-3")


def test_the_serving_slot_has_the_bounds_that_hold_and_the_idle_one_none() -> None:
    made = resources(scheduled(DAY, NIGHT), cart=serving(Slot.B))
    serves = made[Kind.SCALABLE_TARGET, "cart-b"].facts
    assert (serves["min_tasks"], serves["max_tasks"]) == (4, 9)
    assert serves["suspended"]["scheduled"] is False
    idle = made[Kind.SCALABLE_TARGET, "cart-a"].facts
    assert (idle["min_tasks"], idle["max_tasks"]) == (0, 0)
    assert idle["suspended"]["scheduled"] is True
    assert made[Kind.ECS_SERVICE, "cart-b"].once["tasks"] == 4


def test_both_slots_have_all_times_for_either_may_serve_next() -> None:
    made = resources(scheduled(DAY, NIGHT))
    for slot in Slot:
        night = made[Kind.SCHEDULED_ACTION, f"cart-{slot}-2"]
        assert night.facts == {
            "of": f"cart-{slot}",
            "at": "cron(0 20 * * ? *)",
            "timezone": "UTC",
            "min_tasks": 1,
            "max_tasks": 3,
        }
    assert sum(one.kind is Kind.SCHEDULED_ACTION for one in made.values()) == 4


def test_what_came_once_is_not_wanted_again_but_its_bounds_hold() -> None:
    once = ("at(2026-01-05T08:30:00)", "5-5")
    made = resources(scheduled(DAY, once), cart=serving(Slot.A))
    kinds = {name for kind, name in made if kind is Kind.SCHEDULED_ACTION}
    assert kinds == {"cart-a-1", "cart-b-1"}
    serves = made[Kind.SCALABLE_TARGET, "cart-a"].facts
    assert (serves["min_tasks"], serves["max_tasks"]) == (5, 5)
