"""What all reactions share: events from a queue, in batches with partial failures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)

from slipway.errors import FinalError, InvalidRecord, NotFound, NotMeant
from slipway.telemetry import logger, metrics
from slipway.wiring import App, app

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from slipway.estate import Estate

REJECTED = "EventRejected"
"""Counts events, or services of one event, that should be acted on and cannot be."""
IGNORED = "EventIgnored"
"""Counts events in order that speak of nothing that Slipway runs."""


UNUSABLE = (InvalidRecord, NotFound, NotMeant)
"""What is wrong with an event or with what it names, and stays so."""


def reaction[Wired: (App, Estate)](
    run: Callable[[dict[str, Any], Wired], None],
    wired: Callable[[], Wired] = app,  # type: ignore[assignment]
) -> Callable[[dict[str, Any], LambdaContext], PartialItemFailureResponse]:
    """Make a Lambda handler of a reaction's `run`.

    An event that cannot be used ends: logged, counted and gone. Any other error, also a
    denied call, sends it back to its queue, and in the end to the dead letters.
    """
    processor = BatchProcessor(event_type=EventType.SQS)

    def take(record: SQSRecord) -> None:
        try:
            run(_event(record), wired())
        except UNUSABLE as error:
            reject(error)

    @metrics.log_metrics
    @logger.inject_lambda_context(clear_state=True)
    def handler(
        event: dict[str, Any], context: LambdaContext
    ) -> PartialItemFailureResponse:
        metrics.add_dimension("environment", wired().settings.environment)
        return process_partial_response(event, take, processor, context)

    return handler


def _event(record: SQSRecord) -> dict[str, Any]:
    try:
        event = json.loads(record.body)
    except ValueError as error:
        raise InvalidRecord(f"a message is not JSON: {error}") from error
    if not isinstance(event, dict):
        raise InvalidRecord(f"a message is not an event: {record.body[:80]}")
    return event


def reject(error: FinalError, **facts: str) -> None:
    """Log why something is not acted on, and count it."""
    details = {"reason": str(error), **facts}
    if isinstance(error, NotMeant):
        logger.info("ignored", extra=details)
        metrics.add_metric(IGNORED, MetricUnit.Count, 1)
    else:
        logger.error("rejected", extra=details)
        metrics.add_metric(REJECTED, MetricUnit.Count, 1)
