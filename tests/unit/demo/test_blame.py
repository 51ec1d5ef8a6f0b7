"""A failure is the bad release's fault only where all of its chain says so."""

from localcloud.demo.access_log import Hop
from localcloud.demo.blame import Directory, Failure, Sent, failures
from localcloud.demo.processes import Tenancy

GOOD, BAD = "sha256:good", "sha256:bad"
FRONT, CART, BAD_CART = "127.0.0.2:8080", "127.0.0.3:7070", "127.0.0.4:7070"
DIRECTORY = Directory(
    [
        Tenancy(FRONT, "frontend-a", GOOD, "v", since=0.0),
        Tenancy(CART, "cartservice-a", GOOD, "v", since=0.0),
        Tenancy(BAD_CART, "cartservice-a", BAD, "v", since=0.0),
    ]
)


def sent(status: int | None = 502, trace: str = "Root=1", start: float = 10.0) -> Sent:
    return Sent(trace, start, 0.01, status)


def hop(
    upstream: str | None,
    status: int,
    *,
    answered: bool = True,
    flags: str = "",
    trace: str = "Root=1",
    start: float = 10.0,
) -> Hop:
    return Hop(
        trace=trace,
        request="r",
        start=start,
        seconds=0.005,
        load_balancer="app/internal/1",
        host="host",
        rule="rule",
        target_group="group",
        upstream=upstream,
        status=status,
        flags=flags,
        answered=answered,
    )


def verdict(request: Sent, *hops: Hop, directory: Directory = DIRECTORY) -> Failure:
    (failure,) = failures([request], hops, directory, {BAD})
    return failure


def test_a_request_that_succeeded_is_no_failure() -> None:
    assert failures([sent(200)], [hop(BAD_CART, 500)], DIRECTORY, {BAD}) == []


def test_a_bad_release_behind_a_good_one_that_passed_it_on_is_to_blame() -> None:
    failure = verdict(sent(), hop(FRONT, 502), hop(CART, 200), hop(BAD_CART, 500))

    assert failure.by_bad_release


def test_a_bad_release_that_answered_well_is_not_to_blame() -> None:
    failure = verdict(sent(), hop(FRONT, 502), hop(BAD_CART, 200), hop(CART, 500))

    assert not failure.by_bad_release


def test_a_good_release_that_failed_by_itself_is_slipways_fault() -> None:
    failure = verdict(sent(500), hop(FRONT, 500), hop(BAD_CART, 200))

    assert not failure.by_bad_release


def test_a_good_release_that_failed_beside_the_bad_one_is_not_excused() -> None:
    failure = verdict(sent(), hop(FRONT, 502), hop(BAD_CART, 500), hop(CART, 500))

    assert not failure.by_bad_release


def test_a_request_without_any_row_is_slipways_fault() -> None:
    assert not verdict(sent(None)).by_bad_release


def test_a_row_of_another_request_explains_nothing() -> None:
    failure = verdict(sent(), hop(BAD_CART, 500, trace="Root=2"))

    assert not failure.by_bad_release


def test_a_failure_that_no_hop_shows_is_slipways_fault() -> None:
    failure = verdict(sent(None), hop(FRONT, 200), hop(BAD_CART, 200))

    assert not failure.by_bad_release


def test_a_group_without_targets_is_slipways_fault() -> None:
    failure = verdict(
        sent(), hop(FRONT, 502), hop(None, 503, answered=False, flags="UH")
    )

    assert not failure.by_bad_release


def test_a_load_balancers_answer_for_a_hanging_bad_release_is_its_fault() -> None:
    failure = verdict(
        sent(), hop(FRONT, 502), hop(BAD_CART, 504, answered=False, flags="UT")
    )

    assert failure.by_bad_release


def test_a_caller_that_gave_up_on_a_hanging_bad_release_is_its_fault() -> None:
    failure = verdict(
        sent(), hop(FRONT, 502), hop(BAD_CART, 0, answered=False, flags="DC")
    )

    assert failure.by_bad_release


def test_a_502_of_the_load_balancer_itself_is_not_a_failure_passed_on() -> None:
    failure = verdict(
        sent(), hop(FRONT, 502, answered=False, flags="UC"), hop(BAD_CART, 500)
    )

    assert not failure.by_bad_release


def test_an_address_used_again_belongs_to_whoever_had_it_at_the_time() -> None:
    directory = Directory(
        [
            Tenancy(CART, "cartservice-a", BAD, "v", since=0.0, until=9.0),
            Tenancy(CART, "cartservice-a", GOOD, "v", since=9.5),
        ]
    )
    late = verdict(sent(500), hop(CART, 500, start=10.0), directory=directory)
    early = verdict(sent(500), hop(CART, 500, start=8.0), directory=directory)

    assert not late.by_bad_release
    assert early.by_bad_release


def test_an_address_nobody_had_is_slipways_fault() -> None:
    assert not verdict(sent(500), hop("127.0.0.9:1", 500)).by_bad_release


def test_good_releases_that_pass_on_nothing_are_slipways_fault() -> None:
    failure = verdict(sent(), hop(FRONT, 502), hop(CART, 200))

    assert not failure.by_bad_release
    assert "no bad one" in failure.reason
