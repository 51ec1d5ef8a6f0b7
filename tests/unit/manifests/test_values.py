"""Values mean what is written, whatever YAML 1.1 would have made of them."""

import pytest
from slipway.domain.service import JudgePolicy, RolloutPolicy
from slipway.manifests.fargate import MEMORY_MIB
from slipway.manifests.records import ServiceRecord
from slipway.manifests.service import Service

from tests.unit.manifests.folder import CART, cart, environment, problems, reading


def record(more: str) -> ServiceRecord:
    """Return the record of a cart that holds."""
    found = reading(cart(more))
    assert found.problems == ()
    assert found.record is not None
    return next(s for s in found.record.services if s.manifest.name == "cart")


def read_cart(more: str) -> Service:
    return record(more).manifest


@pytest.mark.parametrize(
    "written",
    ["no", "on", "y", "0755", "22:22", "1_000", "1.10", "0x1e", "1e3", "True", "true",
     "8080", "2026-11-27", "+1", ".5", "-0", "NO", ".inf"],
)  # fmt: skip
def test_a_variable_is_the_text_that_is_written(written: str) -> None:
    service = read_cart(f"variables: {{A: {written}, B: '{written}'}}\n")
    assert service.variables == {"A": written, "B": written}


def test_an_empty_text_is_one_and_a_block_keeps_its_lines() -> None:
    service = read_cart("variables:\n  A: ''\n  B: |\n    one\n    two\n")
    assert service.variables == {"A": "", "B": "one\ntwo\n"}


def test_a_tag_pattern_that_looks_like_a_number_stays_as_it_is() -> None:
    text = "name: cart\nimage: {location: shop/cart, tag: 1.10}\n"
    found = reading({"services/cart.yaml": text})
    assert found.record is not None
    assert found.record.services[0].manifest.image.tag == "1.10"


def test_a_time_of_day_is_no_number_of_seconds() -> None:
    service = read_cart("rollout: {window: {opens: 07:30, closes: 22:22}}\n")
    window = service.rollout.window
    assert window is not None
    assert (window.opens, window.closes) == ("07:30", "22:22")


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("45", 45), ("45s", 45), ("2m", 120), ("1m30s", 90), ("90s", 90)],
)
def test_a_duration_is_seconds_or_says_its_units(written: str, seconds: int) -> None:
    assert read_cart(f"stop_timeout: {written}\n").stop_timeout == seconds


@pytest.mark.parametrize("written", ["s", "''", "1h30", "-5s", "1.5m", "2M", "[5]"])
def test_what_only_looks_like_a_duration_is_refused(written: str) -> None:
    (problem,) = problems(cart(f"stop_timeout: {written}\n"))
    assert problem.allowed.startswith("a duration such as 45s")


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("echo 'a b' c", ("echo", "a b", "c")),
        ("[echo, a b, 3]", ("echo", "a b", "3")),
    ],
)
def test_a_command_is_a_list_or_is_split_as_a_shell_would(
    written: str, words: tuple[str, ...]
) -> None:
    assert read_cart(f"command: {written}\n").command == words


def test_a_count_is_a_number_a_range_or_keys() -> None:
    for written, bounds in (
        ("3", (3, 3)),
        ("{range: 2-5, cpu_percentage: 60}", (2, 5)),
        ("{range: {min: 2, max: 5}, memory_percentage: 60}", (2, 5)),
    ):
        found = read_cart(f"count: {written}\n").count.range
        assert (found.min, found.max) == bounds


@pytest.mark.parametrize(
    ("written", "patterns"),
    [
        ("/", ("/*",)),
        ("api", ("/api", "/api/*")),
        ("/api/", ("/api", "/api/*")),
        ("/api/*", ("/api/*",)),
        ("/v?", ("/v?",)),
    ],
)
def test_a_path_covers_all_beneath_it_unless_it_is_a_pattern(
    written: str, patterns: tuple[str, ...]
) -> None:
    service = read_cart(f"http: {{load_balancer: inside, path: '{written}'}}\n")
    assert service.http is not None
    assert service.http.path_patterns == patterns


def test_secrets_come_from_ssm_by_name_or_arn_or_from_secrets_manager() -> None:
    secrets = read_cart(
        "secrets:\n"
        "  A: /shop/a\n"
        "  B: arn:aws:ssm:eu-west-1:111122223333:parameter/b\n"
        "  C: {secretsmanager: 'shop/c:key::'}\n"
    ).secrets
    assert secrets["A"].ssm == "/shop/a"
    assert secrets["B"].ssm == "arn:aws:ssm:eu-west-1:111122223333:parameter/b"
    assert secrets["C"].secretsmanager == "shop/c:key::"


def test_a_rollout_that_says_nothing_is_the_domains_own() -> None:
    assert record("").rollout == RolloutPolicy()


def test_a_rollout_carries_all_that_it_says() -> None:
    found = record(
        "rollout:\n"
        "  steps: [{weight: 5, bake: 1m}, {weight: 100, bake: 2m}]\n"
        "  judge:\n"
        "    max_failure_percent: 2\n"
        "    max_increase_percent: 1.5\n"
        "    min_requests: 7\n"
        "    warmup: 0\n"
        "    metric_lateness: 3m\n"
        "  look: 20s\n"
        "  max_task_failures: 2\n"
        "  supersede: false\n"
        "  launch_timeout: 10m\n"
        "  hold: 2h\n"
        "  retire_delay: 5m\n"
        "  restore_timeout: 20m\n"
    ).rollout
    assert [(s.weight_percent, s.bake_seconds) for s in found.steps] == [
        (5, 60),
        (100, 120),
    ]
    assert found.judge == JudgePolicy(2.0, 1.5, 7, 0, 180)
    assert (found.look_seconds, found.max_task_failures) == (20, 2)
    assert found.supersede is False
    assert (found.launch_timeout_seconds, found.hold_seconds) == (600, 7200)
    assert (found.retire_delay_seconds, found.restore_timeout_seconds) == (300, 1200)


def test_fargate_takes_these_sizes_and_no_others() -> None:
    counts = [len(sizes) for sizes in MEMORY_MIB.values()]
    assert counts == [3, 4, 7, 13, 23, 12, 12]
    for cpu, sizes in MEMORY_MIB.items():
        for memory in (sizes[0], sizes[-1]):
            assert not problems(cart(f"cpu: {cpu}\nmemory: {memory}\n"))
        between = (sizes[0] + sizes[1]) // 2
        (problem,) = problems(cart(f"cpu: {cpu}\nmemory: {between}\n"))
        assert problem.allowed.startswith(f"MiB that Fargate has for cpu {cpu}: ")


@pytest.mark.parametrize("gib", [20, 21, 200])
def test_storage_is_20_to_200_gib(gib: int) -> None:
    assert read_cart(f"storage: {{ephemeral: {gib}}}\n").storage.ephemeral == gib


def test_an_account_keeps_its_leading_zero() -> None:
    files = environment(account="account: 011122223333")
    text = files["environment.yaml"].replace(":111122223333:", ":011122223333:")
    found = reading({"environment.yaml": text})
    assert found.record is not None
    assert found.record.environment.account == "011122223333"


def test_a_mark_of_byte_order_is_no_part_of_the_first_key() -> None:
    assert not problems({"services/cart.yaml": "\ufeff" + CART})
