"""AWS's errors, translated: which ones are final, which ones may pass."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from slipway.errors import (
    AccessDenied,
    FinalError,
    LeaseLost,
    NotFound,
    Refused,
    RetryableError,
    SlipwayError,
    Throttled,
    Unavailable,
)
from slipway.gateways.failures import code_of, translated

DOING = "UpdateService orders-b"


def an_error(code: str, status: int = 400, **more: Any) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": "so it was"},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **more,
    }
    return ClientError(response, "UpdateService")


def raised(error: Exception) -> SlipwayError:
    """Return what an error becomes."""
    with pytest.raises(SlipwayError) as caught, translated(DOING):
        raise error
    assert caught.value.__cause__ is error
    return caught.value


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("ThrottlingException", 400, Throttled),
        ("Throttling", 400, Throttled),
        ("TooManyRequestsException", 429, Throttled),
        ("ProvisionedThroughputExceededException", 400, Throttled),
        ("TransactionConflictException", 400, Throttled),
        ("ThrottlingException", 503, Throttled),
        ("ServerException", 500, Unavailable),
        ("InternalServerError", 503, Unavailable),
        ("AccessDeniedException", 400, AccessDenied),
        ("AccessDenied", 403, AccessDenied),
        ("ClusterNotFoundException", 400, NotFound),
        ("TargetGroupNotFound", 400, NotFound),
        ("ResourceNotFoundException", 400, NotFound),
        ("InvalidParameterException", 400, Refused),
        ("ClientException", 400, Refused),
    ],
)
def test_an_error_is_translated_by_its_code(
    code: str, status: int, kind: type[SlipwayError]
) -> None:
    answer = raised(an_error(code, status))
    assert type(answer) is kind
    assert str(answer) == f"{DOING}: {code}: so it was"


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="https://ecs"),
        ReadTimeoutError(endpoint_url="https://ecs"),
    ],
)
def test_no_answer_may_be_one_later(error: Exception) -> None:
    answer = raised(error)
    assert type(answer) is Unavailable
    assert str(answer).startswith(f"{DOING}: no answer from AWS")


@pytest.mark.parametrize(
    ("reasons", "kind"),
    [
        (["None", "TransactionConflict"], Throttled),
        (["ThrottlingError", "None"], Throttled),
        (["ProvisionedThroughputExceeded"], Throttled),
        (["ValidationError", "None"], Refused),
        (["ItemCollectionSizeLimitExceeded"], Refused),
    ],
)
def test_a_cancelled_transaction_is_translated_by_its_reasons(
    reasons: list[str], kind: type[SlipwayError]
) -> None:
    error = an_error(
        "TransactionCanceledException",
        CancellationReasons=[{"Code": code} for code in reasons],
    )
    assert type(raised(error)) is kind


def test_slipways_own_errors_pass_as_they_are() -> None:
    lost = LeaseLost("gone")
    with pytest.raises(LeaseLost) as caught, translated(DOING):
        raise lost
    assert caught.value is lost


def test_an_error_of_the_program_is_not_taken_for_one_of_aws() -> None:
    with pytest.raises(ZeroDivisionError), translated(DOING):
        _ = 1 / 0


def test_each_error_is_either_final_or_retryable() -> None:
    leaves = [*FinalError.__subclasses__(), *RetryableError.__subclasses__()]
    assert set(leaves) >= {Throttled, Unavailable, Refused, LeaseLost, NotFound}
    assert not set(FinalError.__subclasses__()) & set(RetryableError.__subclasses__())
    assert SlipwayError.__subclasses__() == [FinalError, RetryableError]


def test_an_error_without_a_code_has_none() -> None:
    assert code_of(ClientError({}, "UpdateService")) == ""
