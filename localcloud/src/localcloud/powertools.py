"""Keeps apart what Powertools collects for each invocation.

On AWS a process serves one invocation at a time; here handlers interleave in one
process, in which loggers' keys and unflushed metrics are shared objects.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

_SHARED = ("_metrics", "_dimensions", "_metadata")
"""Dicts of the class Metrics that all its instances share."""


class Telemetry:
    """The logger keys and unflushed metrics of one invocation."""

    def __init__(self) -> None:
        self._keys: dict[LambdaPowertoolsFormatter, dict[str, Any]] = {}
        self._metrics: dict[str, dict[str, Any]] = {name: {} for name in _SHARED}

    @contextmanager
    def current(self, output: IO[str]) -> Iterator[None]:
        """Let Powertools collect for this invocation, and write to `output`."""
        before = {}
        for handler, formatter in _formatters():
            handler.setStream(output)
            before[formatter] = formatter.log_format
            formatter.log_format = self._keys.get(formatter, dict(formatter.log_format))
        others = {name: _exchange(name, self._metrics[name]) for name in _SHARED}
        try:
            yield
        finally:
            for formatter, keys in before.items():
                self._keys[formatter] = formatter.log_format
                formatter.log_format = keys
            for name in _SHARED:
                self._metrics[name] = _exchange(name, others[name])


def _exchange(name: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """Change what a shared dict holds; return what it held."""
    shared = getattr(Metrics, name)
    held = dict(shared)
    shared.clear()
    shared.update(wanted)
    return held


def _formatters() -> Iterator[
    tuple[logging.StreamHandler[Any], LambdaPowertoolsFormatter]
]:
    """Give all handlers that write as Powertools does, whatever logger has them.

    Of loggers there are hundreds, of handlers a few.
    """
    for reference in vars(logging)["_handlerList"]:
        handler = reference()
        formatter = handler.formatter if handler else None
        if isinstance(handler, logging.StreamHandler) and isinstance(
            formatter, LambdaPowertoolsFormatter
        ):
            yield handler, formatter
