"""Pushes: what an event of the registry says."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.domain.pushes import Push, read_push
from slipway.errors import InvalidRecord, NotMeant

from tests.builders import DIGEST, an_event, without

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = ("repository-name", "image-tag", "image-digest")


def test_a_push_says_which_tag_may_name_another_image_now() -> None:
    assert read_push(an_event("image-pushed")) == Push("test/orders", "v1", DIGEST)


def test_a_part_of_an_image_for_several_platforms_is_not_meant() -> None:
    with pytest.raises(NotMeant, match="no tag"):
        read_push(an_event("image-pushed-part-of-multi-platform"))


@pytest.mark.parametrize("field", ["repository-name", "image-digest"])
def test_an_event_without_a_field_is_refused_by_the_fields_name(field: str) -> None:
    with pytest.raises(InvalidRecord, match=f"detail.{field} is missing"):
        read_push(without(an_event("image-pushed"), field))


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", ["", None, 7, ["v1"]])
def test_a_field_that_is_no_text_is_refused_by_its_name(field: str, value: Any) -> None:
    with pytest.raises(InvalidRecord, match=f"detail.{field} is missing"):
        read_push(an_event("image-pushed", **{field: value}))


@pytest.mark.parametrize(
    "digest",
    ["sha256:" + "a" * 63, "sha256:" + "A" * 64, "a" * 64, f"{DIGEST}\n", f" {DIGEST}"],
)
def test_what_is_no_digest_is_refused(digest: str) -> None:
    with pytest.raises(InvalidRecord, match="not sha256: and 64 hexadecimal digits"):
        read_push(an_event("image-pushed", **{"image-digest": digest}))


@pytest.mark.parametrize("event", [{}, {"detail": None}, {"detail": "PUSH"}])
def test_what_is_not_from_the_registry_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecord, match="no detail"):
        read_push(event)


@given(st.dictionaries(st.sampled_from(FIELDS), ANYTHING))
def test_any_other_detail_is_refused_and_breaks_nothing(detail: dict[str, Any]) -> None:
    with pytest.raises((InvalidRecord, NotMeant)):
        read_push({"detail": json.loads(json.dumps(detail))})
