"""What of manifests Slipway does not heed is said, and what it does at no stroke."""

import pytest
from slipway.manifests.records import EnvironmentRecord
from slipway.provision.limits import not_heeded, too_many_gone

from tests.unit.manifests.folder import CART, reading


def record(files: dict[str, str]) -> EnvironmentRecord:
    """Read a folder with these files."""
    found = reading(files)
    assert found.record is not None, found.problems
    return found.record


METRIC = "{namespace: shop, requests: r, failures: f}"


@pytest.mark.parametrize(
    "more",
    [
        "",
        "nlb: {port: 9000}\n",
        f"nlb: {{port: 9000}}\nrollout: {{judge: {{metric: {METRIC}}}}}\n",
        f"http: {{load_balancer: inside}}\nrollout: {{judge: {{metric: {METRIC}}}}}\n",
    ],
)
def test_what_is_heeded_is_not_noted(more: str) -> None:
    assert list(not_heeded(record({"services/cart.yaml": CART + more}))) == []


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ("http: {load_balancer: inside, stickiness: true}\n", "http.stickiness"),
    ],
)
def test_what_is_not_heeded_is_noted_with_its_key(more: str, key: str) -> None:
    (note,) = not_heeded(record({"services/cart.yaml": CART + more}))
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
