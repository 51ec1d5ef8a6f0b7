"""Callers by the registry are held against the weights that they were given."""

from dataclasses import replace

import pytest
from localcloud.demo.access_log import Hop, read_call
from localcloud.demo.blame import Directory
from localcloud.demo.found import ENOUGH, Followed, followed
from localcloud.demo.processes import Tenancy

OLD = Tenancy("10.0.0.1:80", "cart-a", "sha256:old", "v1", since=0)
NEW = Tenancy("10.0.0.2:80", "cart-b", "sha256:new", "v2", since=0)
STEPS = [(10, 100.0, 200.0), (50, 250.0, 300.0)]
CALL = read_call(
    '{"trace": "t", "service": "cart", "start": 150.0, "seconds": 0.1,'
    ' "status": 200, "upstream": "10.0.0.1:80"}'
)


def calls(at: float, old: int, new: int) -> list[Hop]:
    ups = [OLD.upstream] * old + [NEW.upstream] * new
    return [replace(CALL, start=at, upstream=up) for up in ups]


def shares(*hops: Hop) -> list[Followed]:
    return followed(hops, Directory([OLD, NEW]), {"sha256:new"}, STEPS)


def test_each_step_counts_what_was_sent_in_its_time() -> None:
    found = shares(*calls(150, 90, 10), *calls(225, 500, 0), *calls(260, 50, 50))
    assert found == [Followed(10, 100, 0.1), Followed(50, 100, 0.5)]
    assert all(each.is_near for each in found)


def test_too_few_calls_say_nothing() -> None:
    assert shares(*calls(150, ENOUGH - 1, 0)) == []


@pytest.mark.parametrize("new", [0, 60])
def test_a_share_far_from_its_weight_is_seen(new: int) -> None:
    (found,) = shares(*calls(150, 200 - new, new))
    assert not found.is_near


def test_a_call_without_an_answer_reached_nobody() -> None:
    lost = read_call(
        '{"trace": "t", "service": "cart", "start": 150.0, "seconds": 0.1,'
        ' "status": 0, "upstream": null, "error": "Unreachable()"}'
    )
    assert not lost.answered
    assert not lost.succeeded
    assert shares(lost) == []
