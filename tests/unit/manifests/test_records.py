"""What manifests that hold come to."""

import pytest
from slipway.domain.schedule import ScheduledBounds
from slipway.domain.service import ApplicationMetric, Mode, Scaling, Slot
from slipway.manifests.environment_checks import MOST_GROUPS, MOST_PAIRS
from slipway.manifests.reading import read
from slipway.manifests.records import EnvironmentRecord, Flow, ServiceRecord

from tests.unit.manifests.folder import (
    CART,
    ENVIRONMENT,
    ORDERS,
    cart,
    environment,
    folder,
    problems,
    reading,
)

METRIC = "  judge: {metric: {namespace: Shop, requests: Asked, failures: Failed}}\n"
SECURE = "http: {load_balancer: public, listener: 443, path: /cart}\n"


def whole(files: dict[str, str]) -> EnvironmentRecord:
    found = reading(files)
    assert found.problems == ()
    assert found.record is not None
    return found.record


def record(more: str) -> ServiceRecord:
    return whole(cart(more)).services[0]


def grpc(more: str) -> dict[str, str]:
    image = "image: {location: shop/cart, port: 8080, protocol: grpc}\n"
    return {"services/cart.yaml": f"name: cart\n{image}{SECURE}{more}"}


def test_a_service_that_only_the_registry_knows_rolls_in_batches_and_says_why() -> None:
    found = record("")
    assert found.mode is Mode.BATCHES
    assert found.reason == (
        "it has neither http nor nlb, so there are no weights: tasks are replaced in "
        "batches, on their health alone"
    )
    assert found.notes == (
        "it has no image.healthcheck: a release counts as healthy while its tasks run",
    )


def test_a_binding_has_weights_so_its_service_rolls_out_as_a_canary() -> None:
    found = record("http: {load_balancer: inside}\n")
    assert found.mode is Mode.CANARY
    assert found.reason == (
        "weights move on 1 binding, judged by its load balancers' requests"
    )


def test_grpc_is_a_canary_with_its_own_metric_or_says_batches() -> None:
    canary = whole(grpc(f"rollout:\n{METRIC}")).services[0]
    assert canary.mode is Mode.CANARY
    assert canary.reason.endswith("judged by the application's own metric")
    batches = whole(grpc("rollout: {strategy: batches}\n")).services[0]
    assert batches.mode is Mode.BATCHES
    assert batches.reason == "its manifest says so: tasks are replaced on their health"


def test_behind_a_network_load_balancer_alone_health_judges_and_bakes_are_long() -> (
    None
):
    found = record("nlb: {port: 6379}\n")
    assert found.mode is Mode.BATCHES
    assert found.reason == (
        "weights move on 1 binding, on its tasks' health alone: a Network Load "
        "Balancer counts connections and no answers"
    )
    (note,) = found.notes
    assert note == (
        "steps of less than 600 s may end before its Network Load Balancer acts on "
        "their weights"
    )
    long = "rollout: {steps: [{weight: 100, bake: 600s}]}\n"
    assert record(f"nlb: {{port: 6379}}\n{long}").notes == ()


def test_its_own_metric_makes_it_a_canary_whose_steps_wait_for_weights() -> None:
    found = record(f"nlb: {{port: 6379}}\nrollout:\n{METRIC}")
    assert found.mode is Mode.CANARY
    assert found.reason == (
        "weights move on 1 binding, judged by the application's own metric"
    )
    (note,) = found.notes
    assert note == (
        "each step takes 600 s more than its bake, which begins when its Network Load "
        "Balancer acts on weights"
    )


def test_rollouts_are_told_of_the_metric_as_it_is_written() -> None:
    found = record(f"http: {{load_balancer: inside}}\nrollout:\n{METRIC}")
    assert found.rollout.judge.metric == ApplicationMetric("Shop", "Asked", "Failed")
    more = METRIC.replace("}}", ", slot_dimension: Slot, dimensions: {Zone: 1}}}")
    found = record(f"http: {{load_balancer: inside}}\nrollout:\n{more}")
    assert found.rollout.judge.metric == ApplicationMetric(
        "Shop", "Asked", "Failed", "Slot", {"Zone": "1"}
    )
    assert found.notes == ()
    assert record("").rollout.judge.metric is None


@pytest.mark.parametrize(
    "more", ["", "  strategy: batches\nhttp: {load_balancer: inside}\n"]
)
def test_a_metric_that_judges_nothing_is_noted(more: str) -> None:
    notes = record(f"rollout:\n{METRIC}{more}").notes
    assert "rollout.judge.metric judges nothing: batches go by health alone" in notes


def test_an_application_load_balancer_judges_for_a_network_one_beside_it() -> None:
    found = record("http: {load_balancer: inside}\nnlb: {port: 6379}\n")
    assert found.mode is Mode.CANARY
    assert found.reason == (
        "weights move on 2 bindings, judged by the requests of its Application Load "
        "Balancers"
    )


def test_who_asks_on_another_port_is_let_in_there_too() -> None:
    health = "healthcheck: {path: /ready, port: 9000}"
    flows = whole(cart(f"nlb: {{port: 6379, {health}}}\n")).flows
    assert set(flows) == {
        Flow("load balancer wire", "cart", 8080),
        Flow("load balancer wire", "cart", 9000),
    }


def test_callers_that_weights_do_not_bind_are_named() -> None:
    orders = {"services/orders.yaml": ORDERS + "calls: [cart]\n"}
    (note,) = whole({**cart(SECURE), **orders}).services[0].notes
    assert note == (
        "orders find it in the registry, where weights do not bind: they meet a new "
        "release by its number of tasks"
    )
    inside = cart("http: {load_balancer: inside}\n")
    assert whole({**inside, **orders}).services[0].notes == ()


def test_pushes_to_another_accounts_registry_are_noted() -> None:
    host = "999999999999.dkr.ecr.eu-west-1.amazonaws.com"
    text = CART.replace("shop/cart", f"{host}/shop/cart")
    notes = whole({"services/cart.yaml": text}).services[0].notes
    assert notes[-1].startswith(f"its registry {host} is in another account or region")
    own = CART.replace(
        "shop/cart", f"{host}/shop/cart".replace("9" * 12, "111122223333")
    )
    assert len(whole({"services/cart.yaml": own}).services[0].notes) == 1


def test_a_lost_output_is_noted() -> None:
    text = ENVIRONMENT.replace("log_group: /shop/dev\n", "")
    assert (
        "its output is lost" in whole({"environment.yaml": text}).services[0].notes[-1]
    )


def test_target_groups_have_names_for_each_slot_and_binding() -> None:
    found = record(
        "http:\n"
        "  load_balancer: public\n"
        "  listener: 80\n"
        "  path: /cart\n"
        "  additional_rules: [{load_balancer: inside}]\n"
    )
    assert found.target_groups == {
        ("http",): {Slot.A: "dev-cart-a", Slot.B: "dev-cart-b"},
        ("http", "additional_rules", 0): {
            Slot.A: "dev-cart-2-a",
            Slot.B: "dev-cart-2-b",
        },
    }
    assert [(i.load_balancer, i.listener_port) for i in found.ingress] == [
        ("public", 80),
        ("inside", 80),
    ]
    assert found.ingress[1].hosts == ("cart.internal",)


def test_only_a_service_that_something_scales_has_scaling() -> None:
    assert record("count: 3\n").scaling is None
    assert record("count: {range: 2-5, memory_percentage: 70}\n").scaling == Scaling(
        2, 5
    )
    schedule = "{range: 2-2, schedule: [{at: 'cron(0 8 * * ? *)', range: 4-9}]}"
    morning = ScheduledBounds("cron(0 8 * * ? *)", "UTC", 4, 9)
    assert record(f"count: {schedule}\n").scaling == Scaling(2, 2, (morning,))


@pytest.mark.parametrize(
    ("count", "share"),
    [
        ("{range: 2-2, spot_percentage: 30}", 30),
        ("{range: {min: 2, max: 2, spot_from: 2}}", 100),
        ("{range: {min: 2, max: 2, spot_from: 2}, spot_percentage: 60}", 60),
        ("2", 0),
    ],
)
def test_the_share_of_spot_holds_beyond_the_tasks_on_demand(
    count: str, share: int
) -> None:
    spot = environment("capacity_providers: [FARGATE, FARGATE_SPOT]\n")
    found = whole({**spot, **cart(f"count: {count}\n")}).services[0]
    assert found.manifest.count.spot == share


def test_flows_follow_calls_and_bindings_and_nothing_else() -> None:
    files = {
        **cart("calls: [orders]\n"),
        "services/orders.yaml": ORDERS
        + "calls: [cart]\nhttp: {load_balancer: inside}\n",
    }
    assert whole(files).flows == (
        Flow("cart", "load balancer inside", 80),
        Flow("cart", "orders", 8080),
        Flow("load balancer inside", "orders", 8080),
        Flow("orders", "cart", 8080),
    )


def test_without_a_namespace_callers_go_through_the_load_balancer_alone() -> None:
    text = ENVIRONMENT.replace("namespace: shop.internal\n", "")
    files = {
        "environment.yaml": text,
        **cart("calls: [orders]\n"),
        "services/orders.yaml": ORDERS + "http: {load_balancer: inside}\n",
    }
    assert whole(files).flows == (
        Flow("cart", "load balancer inside", 80),
        Flow("load balancer inside", "orders", 8080),
    )


def many(count: int, more: str) -> dict[str, str]:
    return {
        f"services/s{number}.yaml": (
            f"name: s{number}\nimage: {{location: s/s{number}, port: 80}}\n{more}"
        )
        for number in range(count)
    }


def test_an_application_load_balancer_has_room_for_50_bindings() -> None:
    http = "http: {load_balancer: inside}\n"
    assert not problems(many(MOST_GROUPS // 2, http))
    (problem,) = problems(many(MOST_GROUPS // 2 + 1, http))
    assert str(problem) == (
        "environment.yaml:18:3: load_balancers.inside: 51 bindings; at most 50: each "
        "takes 2 of its 100 target groups and 2 of its 100 rules; add another one"
    )


def test_a_security_group_has_room_for_60_callers() -> None:
    assert not problems(many(MOST_PAIRS, "calls: [orders]\n"))
    (problem,) = problems(many(MOST_PAIRS + 1, "calls: [orders]\n"))
    assert str(problem) == (
        "services/orders.yaml:1:1: name: 61 inbound rules of orders; at most 60 rules "
        "of a security group in each direction"
    )


def test_a_security_group_has_room_for_60_callees() -> None:
    def calls(count: int) -> dict[str, str]:
        callees = ", ".join(f"s{number}" for number in range(count))
        return {**many(count, ""), **cart(f"calls: [{callees}]\n")}

    assert not problems(calls(MOST_PAIRS))
    (problem,) = problems(calls(MOST_PAIRS + 1))
    assert str(problem) == (
        "services/cart.yaml:3:1: calls: 61 outbound rules of cart; at most 60 rules of "
        "a security group in each direction"
    )


def test_callers_of_an_internal_load_balancer_count_in_its_security_group() -> None:
    text = ENVIRONMENT.replace("namespace: shop.internal\n", "")
    files = {
        "environment.yaml": text,
        **many(MOST_PAIRS + 1, "calls: [orders]\n"),
        "services/orders.yaml": ORDERS + "http: {load_balancer: inside}\n",
    }
    (problem,) = problems(files)
    assert problem.field == "load_balancers.inside"
    assert problem.found == "61 inbound rules of load balancer inside"


def test_services_may_call_each_other_in_a_circle() -> None:
    orders = {"services/orders.yaml": ORDERS + "calls: [cart]\n"}
    assert not problems({**cart("calls: [orders]\n"), **orders})


def test_a_service_that_cannot_be_read_is_known_to_its_callers_all_the_same() -> None:
    files = {
        **cart("calls: [orders]\n"),
        "services/orders.yaml": "name: orders\nimage: {location: orders, port: x}\n",
    }
    (problem,) = problems(files)
    assert problem.file == "services/orders.yaml"


def test_an_unknown_key_does_not_hide_what_else_is_wrong() -> None:
    found = problems(cart("cpus: 1\nrollout: {strategy: canary}\n"))
    assert [p.field for p in found] == ["cpus", "rollout.strategy"]


def test_what_seems_to_be_missing_may_be_the_key_that_is_unknown() -> None:
    text = "name: cart\nimage: {location: a, prot: 80}\nhttp: {load_balancer: inside}\n"
    assert [p.field for p in problems({"services/cart.yaml": text})] == ["image.prot"]


def test_the_longest_name_that_fits_is_29_with_the_environments() -> None:
    def named(length: int) -> dict[str, str]:
        name = "x" * length
        image = f"image: {{location: {name}}}"
        return {f"services/{name}.yaml": f"name: {name}\n{image}\n"}

    assert not problems(named(29 - len("dev")))
    (problem,) = problems(named(30 - len("dev")))
    assert problem.field == "name"


def test_a_missing_environment_is_said_and_services_are_read_all_the_same() -> None:
    files = folder(cart("cpu: big\n"))
    del files["environment.yaml"]
    assert [str(p) for p in read(files).problems] == [
        (
            "environment.yaml:1:1: (file): no such file; the file that describes the "
            "environment"
        ),
        "services/cart.yaml:3:1: cpu: big; a whole number of CPU units, 256 to 16384",
    ]


def test_a_file_that_is_not_utf_8_is_pointed_into() -> None:
    files = {**folder(), "services/cart.yaml": b"name: cart\nimage: \xff\n"}
    (problem,) = read(files).problems
    assert str(problem) == (
        "services/cart.yaml:2:8: (file): the byte 0xff; text in UTF-8"
    )


def test_problems_are_sorted_by_file_and_line_and_each_is_said_once() -> None:
    found = problems(
        {
            **cart("memory: x\ncpu: x\nenvironments: {prod: {cpu: y}, dev: {}}\n"),
            **environment(vpc="vpc: none"),
        }
    )
    assert list(found) == sorted(set(found))
    assert [(p.file, p.line) for p in found] == [
        ("environment.yaml", 4),
        ("services/cart.yaml", 3),
        ("services/cart.yaml", 4),
        ("services/cart.yaml", 5),
    ]


def test_a_section_is_not_blamed_for_lacking_what_an_unknown_key_may_be() -> None:
    text = ENVIRONMENT.replace("listeners: [{port: 80}]", "listenersx: [{port: 80}]")
    (problem,) = problems({"environment.yaml": text})
    assert problem.field == "load_balancers.inside.listenersx"
    text = ENVIRONMENT.replace(", create: true}", ", creatx: true}")
    (problem,) = problems({"environment.yaml": text})
    assert problem.field == "load_balancers.wire.creatx"
