"""AWS's errors, translated by code into Slipway's own."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from slipway.errors import (
    AccessDenied,
    NotFound,
    Refused,
    SlipwayError,
    Throttled,
    Unavailable,
)

THROTTLING = frozenset(
    {
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
CANCELLED_FOR_NOW = frozenset(
    {"ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"}
)
"""Why DynamoDB cancels a transaction that may pass later (API_TransactWriteItems)."""
SERVER_ERROR = 500


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise what AWS raises inside as one of Slipway's errors.

    `doing` names the call and its object; it becomes the start of the message.
    """
    try:
        yield
    except ClientError as error:
        raise _translate(error, doing) from error
    except BotoCoreError as error:
        raise Unavailable(f"{doing}: no answer from AWS: {error}") from error


def code_of(error: ClientError) -> str:
    """Return AWS's code of an error."""
    return error.response.get("Error", {}).get("Code", "")


def _translate(error: ClientError, doing: str) -> SlipwayError:
    code = code_of(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    message = f"{doing}: {code}: {error.response.get('Error', {}).get('Message', '')}"
    reasons = {r.get("Code") for r in error.response.get("CancellationReasons", [])}
    if code in THROTTLING or reasons & CANCELLED_FOR_NOW:
        return Throttled(message)
    if status >= SERVER_ERROR:
        return Unavailable(message)
    if code.startswith("AccessDenied"):
        return AccessDenied(message)
    if "NotFound" in code:
        return NotFound(message)
    return Refused(message)
