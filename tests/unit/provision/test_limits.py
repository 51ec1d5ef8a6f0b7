"""What Slipway does not do is said: refused where a service would not be right."""

import pytest
from slipway.domain.resources import Kind
from slipway.manifests.records import EnvironmentRecord
from slipway.provision.limits import not_done, not_heeded, too_many_gone

from tests.unit.manifests.folder import CART, reading


def record(files: dict[str, str]) -> EnvironmentRecord:
    """Read a folder with these files."""
    found = reading(files)
    assert found.record is not None, found.problems
    return found.record


METRIC = "metric: {namespace: shop, requests: r, failures: f}"


def test_what_is_done_is_neither_refused_nor_noted() -> None:
    assert list(not_done(record({}))) == []
    assert list(not_heeded(record({}))) == []


def test_a_metric_that_nobody_reads_judges_nothing_behind_a_network_load_balancer() -> (
    None
):
    nlb = f"nlb: {{port: 9000}}\nrollout: {{judge: {{{METRIC}}}}}\n"
    (refusal,) = not_done(record({"services/cart.yaml": CART + nlb}))
    assert (refusal.kind, refusal.service) == (Kind.RECORD, "cart")
    assert refusal.reason.startswith("rollout.judge.metric: ")
    beside = "http: {load_balancer: inside}\n"
    assert not list(not_done(record({"services/cart.yaml": CART + beside + nlb})))
    alone = "nlb: {port: 9000}\n"
    assert not list(not_done(record({"services/cart.yaml": CART + alone})))


METRIC = "metric: {namespace: shop, requests: r, failures: f}"


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ('rollout: {window: {opens: "08:00", closes: "17:00"}}\n', "rollout.window"),
        ("rollout: {gates: {alarms: [errors]}}\n", "rollout.gates.alarms"),
        ("rollout: {gates: {approval: true}}\n", "rollout.gates.approval"),
        (
            f"http: {{load_balancer: inside}}\nrollout: {{judge: {{{METRIC}}}}}\n",
            "rollout.judge.metric",
        ),
    ],
)
def test_what_is_not_heeded_is_noted_with_its_key(more: str, key: str) -> None:
    found = record({"services/cart.yaml": CART + more})
    assert list(not_done(found)) == []
    (note,) = not_heeded(found)
    assert note.startswith(f"cart: {key}: ")


@pytest.mark.parametrize(
    ("known", "wanted", "refused"),
    [
        ((), (), None),
        (("a",), (), None),
        (("a", "b"), ("a",), None),
        (("a", "b"), (), "a, b"),
        (("a", "b", "c"), ("c",), "a, b"),
        (("a", "b", "c", "d"), ("c", "d"), None),
        (("a", "b", "c", "d"), ("d", "new"), "a, b, c"),
        (("a",), ("new",), None),
    ],
)
def test_more_than_half_and_more_than_one_are_too_many(
    known: tuple[str, ...], wanted: tuple[str, ...], refused: str | None
) -> None:
    refusals = list(too_many_gone(known, wanted))
    assert [one.name for one in refusals] == ([] if refused is None else [refused])
    for one in refusals:
        assert "`slipway destroy`" in one.reason
        assert "in steps" in one.reason
