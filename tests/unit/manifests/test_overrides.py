"""What environments change: keys go into keys, all else replaces."""

from slipway.manifests.reading import read
from slipway.manifests.service import Service

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


def cart_in(more: str, defaults: str = "") -> Service:
    found = reading({**environment(defaults), **cart(more)})
    assert found.problems == ()
    assert found.record is not None
    return found.record.services[0].manifest


def test_an_environment_changes_keys_and_leaves_their_neighbours() -> None:
    service = cart_in(
        "variables: {A: base, B: base}\n"
        "environments:\n"
        "  dev: {variables: {B: dev, C: dev}}\n"
        "  prod: {variables: {A: prod}}\n"
    )
    assert service.variables == {"A": "base", "B": "dev", "C": "dev"}


def test_a_list_is_replaced_whole() -> None:
    service = cart_in("command: [a, b, c]\nenvironments:\n  dev: {command: [d]}\n")
    assert service.command == ("d",)


def test_a_number_of_tasks_replaces_a_range_and_the_other_way_round() -> None:
    service = cart_in(
        "count: {range: 2-8, cpu_percentage: 50}\nenvironments:\n  dev: {count: 1}\n"
    )
    assert (service.count.range.min, service.count.cpu_percentage) == (1, None)
    service = cart_in(
        "count: 1\nenvironments:\n  dev: {count: {range: 2-8, cpu_percentage: 50}}\n"
    )
    assert (service.count.range.max, service.count.cpu_percentage) == (8, 50.0)


def test_a_written_null_takes_a_key_away_and_an_empty_value_is_a_problem() -> None:
    base = "http: {load_balancer: inside}\nenvironments:\n  dev:\n    http:"
    assert cart_in(f"{base} null\n").http is None
    assert cart_in(f"{base} ~\n").http is None
    (problem,) = problems(cart(f"{base}\n"))
    assert (problem.line, problem.field) == (6, "environments.dev.http")
    assert problem.found == "nothing"


def test_a_null_that_takes_nothing_away_does_no_harm() -> None:
    change = "environments:\n  dev: {nlb: null, variables: {A: null, B: b}}\n"
    assert cart_in(change).variables == {"B": "b"}


def test_defaults_lie_under_services_and_services_under_their_environment() -> None:
    defaults = "  cpu: 512\n  memory: 2048\n  variables: {A: default, B: default}\n"
    service = cart_in(
        "variables: {B: service}\nenvironments:\n  dev: {memory: 1024}\n", defaults
    )
    assert (service.cpu, service.memory) == (512, 1024)
    assert service.variables == {"A": "default", "B": "service"}


def test_defaults_may_be_parts_that_services_complete() -> None:
    part = environment("  count: {cpu_percentage: 60}\n")
    own = "count: {range: 2-4}\n"
    found = reading({**part, **cart(own), "services/orders.yaml": ORDERS + own})
    assert found.record is not None
    assert found.record.services[0].manifest.count.cpu_percentage == 60.0


def test_a_part_that_a_service_does_not_complete_is_missing_there() -> None:
    part = environment("  count: {cpu_percentage: 60}\n")
    (problem,) = problems({**part, **cart("count: 2\n")})
    assert problem.field == "defaults.count.range"
    assert (problem.file, problem.line) == ("environment.yaml", 25)
    assert problem.found == "missing"


def test_what_is_wrong_with_defaults_is_said_once_for_all_services() -> None:
    (problem,) = problems(environment("  cpu: big\n"))
    assert (problem.file, problem.line) == ("environment.yaml", 25)


def test_another_environments_file_reads_the_same_services_otherwise() -> None:
    prod = ENVIRONMENT.replace("name: dev", "name: prod").replace(
        "slipway/dev", "slipway/prod"
    )
    files = folder(
        {"prod.yaml": prod, **cart("environments:\n  prod: {cpu: 512, memory: 1024}\n")}
    )
    found = read(files, "prod.yaml").record
    assert found is not None
    assert found.services[0].manifest.cpu == 512
    assert found.other_environments == ()
    found = read(files).record
    assert found is not None
    assert found.services[0].manifest.cpu == 256
    assert found.other_environments == ("prod",)


def test_an_override_may_give_what_the_rest_leaves_out() -> None:
    text = (
        "name: cart\nimage: {port: 80}\nenvironments: {dev: {image: {location: a}}}\n"
    )
    assert not problems({"services/cart.yaml": text})


def test_the_manifest_itself_has_a_say_on_its_name_only() -> None:
    assert not problems({"services/cart.yaml": CART + "environments: {dev: {}}\n"})


def test_a_key_that_must_be_given_is_not_taken_away() -> None:
    (problem,) = problems(
        cart("environments:\n  dev:\n    image:\n      location: ~\n")
    )
    assert str(problem) == (
        "services/cart.yaml:6:7: environments.dev.image.location: taken away by null; "
        "it must be given: The ECR repository, without a tag"
    )
