"""What is not done at one stroke is refused."""

import pytest
from slipway.provision.limits import too_many_gone


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
