"""A scene is well only if it came to exactly what it must."""

from dataclasses import replace

from localcloud.demo.bound import Bound
from localcloud.demo.scenes import (
    PROVISION,
    UNDER_LOAD,
    Applied,
    Observed,
    ObservedRun,
    Scene,
    applied_complaints,
    complaints,
)
from slipway.domain.planning import Verb
from slipway.domain.provision_run import Result
from slipway.domain.rollout import Outcome

RELEASES = [scene for scene in UNDER_LOAD if isinstance(scene, Scene)]
GOOD, OVERTAKEN, FAILING, HANGING, CRASHING = RELEASES
CHANGED, AGAIN = (scene for scene in UNDER_LOAD if isinstance(scene, Applied))
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
    for scene in RELEASES:
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
    for scene in RELEASES:
        lost = replace(observed(scene), failed_not_by_bad_release=1)
        assert complaints(scene, lost)


def test_a_violation_is_not_well_anywhere() -> None:
    for scene in RELEASES:
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


# ----------------------------------------------------- manifests


def observed_run(scene: Applied) -> ObservedRun:
    """Return what this scene should come to."""
    return ObservedRun(
        result=Result.DONE,
        verbs=scene.verbs,
        left=[],
        writes=["elbv2:CreateRule"] if scene.verbs else [],
        problems=[],
        outcome=Outcome.PROMOTED if scene.edit else None,
        said=scene.edit.value if scene.edit else None,
        failed=0,
        violations=[],
    )


def test_manifests_that_came_to_what_they_must_are_well() -> None:
    for scene in (PROVISION, CHANGED, AGAIN):
        assert applied_complaints(scene, observed_run(scene)) == []


def test_nothing_is_removed_in_any_scene() -> None:
    for scene in (PROVISION, CHANGED, AGAIN):
        assert Verb.REMOVE not in scene.verbs
        removed = {*scene.verbs, Verb.REMOVE}
        assert applied_complaints(scene, replace(observed_run(scene), verbs=removed))


def test_a_request_lost_or_a_violation_while_manifests_are_applied_is_not_well() -> (
    None
):
    for scene in (PROVISION, CHANGED, AGAIN):
        right = observed_run(scene)
        assert applied_complaints(scene, replace(right, failed=1))
        assert applied_complaints(scene, replace(right, violations=["weight"]))


def test_what_is_left_to_do_after_a_run_is_not_well() -> None:
    for scene in (PROVISION, CHANGED, AGAIN):
        left = replace(observed_run(scene), left=["make record cart"])
        assert applied_complaints(scene, left) == ["left to do: make record cart"]


def test_a_run_that_waits_for_rollouts_has_not_done_all() -> None:
    waiting = replace(
        observed_run(CHANGED), result=Result.WAITING, problems=["frontend: under way"]
    )

    assert applied_complaints(CHANGED, waiting) == [
        "the run: waiting, not done",
        "frontend: under way",
    ]


def test_a_write_where_nothing_was_to_do_is_not_well() -> None:
    wrote = replace(observed_run(AGAIN), writes=["keeper: ecs:UpdateService"])

    assert applied_complaints(AGAIN, wrote)


def test_an_edit_must_roll_out_and_be_what_users_see() -> None:
    right = observed_run(CHANGED)

    assert applied_complaints(CHANGED, replace(right, outcome=Outcome.ROLLED_BACK))
    assert applied_complaints(CHANGED, replace(right, outcome=None))
    assert applied_complaints(CHANGED, replace(right, said="welcome"))
