"""What goes wrong is said with what to do about it."""

import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)
from slipway.errors import InvalidRecord, NotFound, SlipwayError
from slipway.gateways.failures import translated
from slipway_cli.failing import explain


def an_error(code: str) -> ClientError:
    response = {"Error": {"Code": code, "Message": "so it was"}}
    return ClientError(response, "GetItem")  # type: ignore[arg-type]


def raised(error: Exception) -> SlipwayError:
    """Return what an error becomes in a gateway."""
    with pytest.raises(SlipwayError) as caught, translated("journal: get RECORD"):
        raise error
    return caught.value


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (NoCredentialsError(), "sign in"),
        (an_error("ExpiredTokenException"), "sign in"),
        (an_error("UnrecognizedClientException"), "sign in"),
        (an_error("AccessDeniedException"), "permissions"),
        (an_error("ResourceNotFoundException"), "--journal-table"),
        (an_error("ThrottlingException"), "try again"),
        (EndpointConnectionError(endpoint_url="https://x"), "can be reached"),
    ],
)
def test_an_error_of_a_call_says_what_to_do(error: Exception, hint: str) -> None:
    said = explain(raised(error))
    assert said.startswith("journal: get RECORD")
    assert hint in said.partition("; ")[2]


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (NoRegionError(), "--region"),
        (ProfileNotFound(profile="x"), "AWS_PROFILE"),
        (InvalidRecord("the record of orders is broken"), "correct it"),
    ],
)
def test_an_error_of_this_machine_or_of_the_journal_does_too(
    error: Exception, hint: str
) -> None:
    assert hint in explain(error)


def test_what_says_by_itself_what_to_do_stays_as_it_is() -> None:
    assert explain(NotFound("no service; correct the name")) == (
        "no service; correct the name"
    )
