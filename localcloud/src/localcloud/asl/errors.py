"""Errors of states, and which of them a Retry or Catch matches.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

from collections.abc import Iterable

ALL = "States.ALL"
TASK_FAILED = "States.TaskFailed"
TIMEOUT = "States.Timeout"
QUERY_EVALUATION = "States.QueryEvaluationError"
DATA_LIMIT = "States.DataLimitExceeded"
RUNTIME = "States.Runtime"

_TERMINAL = frozenset({DATA_LIMIT, RUNTIME})
"""States.ALL does not match these; nothing retries or catches States.Runtime."""


class StatesError(Exception):
    """An error by its name, as Retry, Catch and a failed execution show it."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause

    @property
    def output(self) -> dict[str, str]:
        """What `$states.errorOutput` holds."""
        return {"Error": self.error, "Cause": self.cause}


def matches(names: Iterable[str], error: str) -> bool:
    """Say whether an ErrorEquals list matches an error.

    States.ALL matches all but the terminal errors, States.TaskFailed all but
    States.Timeout (and the terminal ones).
    """
    if error == RUNTIME:
        return False
    listed = set(names)
    if error in listed:
        return True
    if error in _TERMINAL:
        return False
    return ALL in listed or (TASK_FAILED in listed and error != TIMEOUT)
