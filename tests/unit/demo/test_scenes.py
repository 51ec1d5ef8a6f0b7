"""A scene is well only if it came to exactly what it must."""

from dataclasses import replace

from localcloud.demo.bound import Bound
from localcloud.demo.scenes import UNDER_LOAD, Observed, Scene, complaints
from slipway.domain.rollout import Outcome

GOOD, OVERTAKEN, FAILING, HANGING, CRASHING = UNDER_LOAD
LIMIT = Bound(0.1, 0.2, 4.0, 120, 60, 15, 135, 3, 10)


def observed(scene: Scene) -> Observed:
    """Return what this scene should come to."""
    return Observed(
        outcomes=scene.outcomes,
        failed=20 if scene.bad else 0,
        failed_not_by_bad_release=0,
        reached=0 if scene.never_serves else 100,
        violations=[],
        bound=LIMIT if scene.failure_rate is not None else None,
    )


def test_scenes_that_came_to_what_they_must_are_well() -> None:
    for scene in UNDER_LOAD:
        assert complaints(scene, observed(scene)) == []


def test_a_bad_release_that_was_promoted_is_not_well() -> None:
    outcome = {"cartservice:v4": Outcome.PROMOTED}

    assert complaints(HANGING, replace(observed(HANGING), outcomes=outcome))


def test_a_rollout_without_an_outcome_in_time_is_not_well() -> None:
    found = complaints(
        GOOD, replace(observed(GOOD), outcomes={"productcatalogservice:v2": None})
    )

    assert found == ["productcatalogservice:v2: no outcome in time, not promoted"]


def test_an_overtaken_release_must_make_way_and_the_newer_one_be_promoted() -> None:
    both = {"cartservice:v2": Outcome.PROMOTED, "cartservice:v3": Outcome.PROMOTED}
    never_pushed = {"cartservice:v2": Outcome.PROMOTED}

    found = complaints(OVERTAKEN, replace(observed(OVERTAKEN), outcomes=both))
    assert found == ["cartservice:v2: promoted, not superseded"]
    found = complaints(OVERTAKEN, replace(observed(OVERTAKEN), outcomes=never_pushed))
    assert "cartservice:v3: no outcome in time, not promoted" in found


def test_any_failed_request_of_a_good_release_is_not_well() -> None:
    assert complaints(GOOD, replace(observed(GOOD), failed=1))


def test_a_failure_that_no_bad_release_caused_is_not_well_anywhere() -> None:
    for scene in UNDER_LOAD:
        lost = replace(observed(scene), failed_not_by_bad_release=1)
        assert complaints(scene, lost)


def test_a_violation_is_not_well_anywhere() -> None:
    for scene in UNDER_LOAD:
        assert complaints(scene, replace(observed(scene), violations=["weight"]))


def test_more_failures_than_the_bound_are_not_well() -> None:
    at_bound = replace(observed(FAILING), failed=int(LIMIT.requests))
    above = replace(at_bound, failed=int(LIMIT.requests) + 1)

    assert complaints(FAILING, at_bound) == []
    assert complaints(FAILING, above)


def test_a_failing_release_without_a_bound_is_not_well() -> None:
    assert complaints(FAILING, replace(observed(FAILING), bound=None))


def test_a_bad_release_that_nobody_asked_shows_nothing() -> None:
    assert complaints(FAILING, replace(observed(FAILING), reached=0))


def test_a_crashing_release_that_got_a_request_is_not_well() -> None:
    assert complaints(CRASHING, replace(observed(CRASHING), reached=1))
