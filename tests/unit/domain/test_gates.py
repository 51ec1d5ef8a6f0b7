"""Gates: which causes become rollouts, invariant 12 before all."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.domain.gates import Gate, Watermark, gate, settled, too_old
from slipway.domain.release import Cause, Image, Release
from slipway.domain.rollout import Outcome, ServiceState
from slipway.domain.service import Service

from tests.builders import (
    OTHER_DIGEST,
    START,
    a_cause,
    a_release,
    a_rollout,
    a_service,
    a_state,
    after,
    an_ask,
    an_image,
)

MOMENTS = st.datetimes(
    min_value=datetime(2020, 1, 1),  # noqa: DTZ001  hypothesis adds the zone
    max_value=datetime(2040, 1, 1),  # noqa: DTZ001  same
    timezones=st.just(START.tzinfo),
)
HELD = an_image()
MINE = Watermark(START, a_cause().rollout_id("orders"))


def decide(
    *,
    service: Service | None = None,
    cause: Cause | None = None,
    image: Image | None = HELD,
    release: Release | None = None,
    state: ServiceState | None = None,
    watermark: Watermark | None = None,
    gone: tuple[str, ...] = (),
) -> Gate:
    return gate(
        service or a_service(),
        cause or a_cause(),
        image=image,
        release=release or a_release(),
        state=state,
        watermark=watermark,
        gone=gone,
    )


def test_a_new_image_under_a_tag_that_the_service_hears_may_roll_out() -> None:
    decision = decide()
    assert decision.outcome is None
    assert a_release().id in decision.reason


def test_a_tag_that_the_service_does_not_hear_is_rejected() -> None:
    decision = decide(service=a_service(tag_pattern="release-*"))
    assert decision.outcome is Outcome.REJECTED
    assert "v1 does not match orders's release-*" in decision.reason


def test_an_image_that_is_gone_is_rejected() -> None:
    decision = decide(image=None)
    assert decision.outcome is Outcome.REJECTED
    assert "test/orders:v1" in decision.reason


def test_a_release_whose_sidecars_images_are_gone_is_rejected() -> None:
    decision = decide(gone=("registry/proxy:v1", "registry/metrics:v3"))
    assert decision.outcome is Outcome.REJECTED
    assert "registry/proxy:v1, registry/metrics:v3" in decision.reason
    assert "orders's sidecars" in decision.reason


def test_an_old_cause_is_superseded_whatever_became_of_its_sidecars() -> None:
    newer = Watermark(after(60), "orders-2")
    decision = decide(gone=("registry/proxy:v1",), watermark=newer)
    assert decision.outcome is Outcome.SUPERSEDED


def test_a_tag_that_moved_on_supersedes_the_cause() -> None:
    decision = decide(image=an_image(digest=OTHER_DIGEST))
    assert decision.outcome is Outcome.SUPERSEDED
    assert OTHER_DIGEST in decision.reason


def test_a_release_that_serves_already_is_promoted_once_the_lease_is_held() -> None:
    serves = a_state(release_id=a_release().id)
    assert decide(state=serves).outcome is None
    assert settled(a_rollout(), serves, is_open=True).outcome is Outcome.PROMOTED


def test_another_release_that_serves_is_rolled_over() -> None:
    serves = a_state(release_id="0123456789ab")
    assert settled(a_rollout(), serves, is_open=True).outcome is None


def test_a_service_without_a_known_primary_must_have_a_closed_rule() -> None:
    assert settled(a_rollout(), None, is_open=False).outcome is None
    decision = settled(a_rollout(), None, is_open=True)
    assert decision.outcome is Outcome.FAILED
    assert "knows no primary" in decision.reason


def test_a_cause_of_another_repository_is_rejected() -> None:
    decision = decide(cause=a_cause(repository="test/elsewhere"))
    assert decision.outcome is Outcome.REJECTED
    assert "not of test/elsewhere" in decision.reason


def test_another_release_that_serves_is_no_obstacle() -> None:
    assert decide(state=a_state(release_id="0123456789ab")).outcome is None


def test_an_old_cause_whose_release_serves_has_what_it_wants() -> None:
    decision = decide(
        state=a_state(release_id=a_release().id),
        watermark=Watermark(after(1), "orders-newer"),
    )
    assert decision.outcome is Outcome.PROMOTED


def test_a_rollout_passes_the_watermark_that_it_set_itself() -> None:
    assert decide(watermark=MINE).outcome is None


def test_another_cause_of_the_same_moment_is_not_newer() -> None:
    decision = decide(watermark=Watermark(START, "orders-other"))
    assert decision.outcome is Outcome.SUPERSEDED
    assert "orders-other" in decision.reason


@given(MOMENTS, MOMENTS)
def test_only_a_newer_cause_passes_a_watermark_that_another_rollout_set(
    pushed_at: datetime, marked_at: datetime
) -> None:
    decision = too_old(
        "orders", a_cause(pushed_at=pushed_at), Watermark(marked_at, "orders-other")
    )
    assert (decision.outcome is None) == (pushed_at > marked_at)
    assert decision.outcome in (None, Outcome.SUPERSEDED)


@given(
    pushed_at=MOMENTS,
    age=st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=4000)),
    serves=st.booleans(),
)
def test_an_old_cause_never_passes_whatever_serves_by_now(
    pushed_at: datetime, age: timedelta, *, serves: bool
) -> None:
    decision = decide(
        cause=a_cause(pushed_at=pushed_at),
        state=a_state(release_id=a_release().id if serves else "0123456789ab"),
        watermark=Watermark(pushed_at + age, "orders-newer"),
    )
    assert decision.outcome is (Outcome.PROMOTED if serves else Outcome.SUPERSEDED)


@pytest.mark.parametrize("watermark", [None, Watermark(after(-1), "orders-older")])
def test_a_cause_newer_than_the_watermark_passes(watermark: Watermark | None) -> None:
    assert decide(watermark=watermark).outcome is None


# ------------------------------------------------------------------ people's wishes

LATER = an_ask(at=after(600))


@pytest.mark.parametrize(
    "service",
    [a_service(tag_pattern="release-*"), a_service(repository="test/elsewhere")],
    ids=["tag pattern", "repository"],
)
def test_a_person_may_ask_for_what_a_push_would_not_bring(service: Service) -> None:
    assert decide(service=service).outcome is Outcome.REJECTED
    assert decide(service=service, cause=a_cause(ask=LATER)).outcome is None


def test_a_person_may_ask_for_an_image_older_than_what_was_rolled_out() -> None:
    newer = Watermark(after(60), "orders-newer")
    assert decide(watermark=newer).outcome is Outcome.SUPERSEDED
    assert decide(cause=a_cause(ask=LATER), watermark=newer).outcome is None


def test_a_wish_is_too_old_once_something_was_rolled_out_after_it() -> None:
    for moment in (after(600), after(601)):
        decision = decide(
            cause=a_cause(ask=LATER), watermark=Watermark(moment, "orders-newer")
        )
        assert decision.outcome is Outcome.SUPERSEDED
        assert after(600).isoformat() in decision.reason


def test_a_wish_passes_the_watermark_that_it_set_itself() -> None:
    wish = a_cause(ask=LATER)
    mine = Watermark(after(600), wish.rollout_id("orders"))
    assert decide(cause=wish, watermark=mine).outcome is None


def test_a_person_asks_in_vain_for_an_image_that_is_gone() -> None:
    decision = decide(cause=a_cause(ask=LATER), image=None)
    assert decision.outcome is Outcome.REJECTED
    assert "no image is left" in decision.reason


def test_a_wish_for_the_release_that_serves_is_granted_by_it() -> None:
    serves = a_state(release_id=a_release().id)
    wish = a_rollout(cause=a_cause(ask=LATER))
    assert settled(wish, serves, is_open=True).outcome is Outcome.PROMOTED
