"""SQS queues, and the mappings that feed functions from them.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide and
https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html; standard queues only.
"""

import asyncio
import hashlib
import json
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from localcloud.background import Background
from localcloud.clock import Clock
from localcloud.functions import FunctionError, Functions
from localcloud.identity import Ids, arn

BATCH_LIMIT = 10
"""Messages in a batch where no batching window is set (with-sqs.html)."""


@dataclass(slots=True)
class Message:
    """One message in a queue."""

    message_id: str
    body: str
    sent: datetime
    receive_count: int = 0
    first_received: datetime | None = None
    receipt: str | None = None
    """Handle of the receive that hides the message now; None while it is visible."""


class Queue:
    """A standard queue, in the order of sending except where messages come back."""

    def __init__(
        self,
        clock: Clock,
        name: str,
        *,
        visibility_seconds: float = 30,
        dead_letters: "Queue | None" = None,
        max_receive_count: int = 0,
    ) -> None:
        self.name = name
        self.visibility_seconds = visibility_seconds
        self.dead_letters = dead_letters
        self.max_receive_count = max_receive_count
        self._clock = clock
        self._ids = Ids(f"queue/{name}")
        self._visible: deque[Message] = deque()
        self._hidden: dict[str, Message] = {}
        self._listeners: list[asyncio.Event] = []

    @property
    def arn(self) -> str:
        """The queue's ARN."""
        return arn("sqs", self.name)

    @property
    def messages(self) -> list[Message]:
        """All messages, the visible ones first."""
        return [*self._visible, *self._hidden.values()]

    def notify(self, sent: asyncio.Event) -> None:
        """Set the event whenever messages become visible."""
        self._listeners.append(sent)

    def send(self, body: str) -> str:
        """Add a message; return its id."""
        message = Message(self._ids.uuid("message"), body, self._clock.now())
        self._appear(message)
        return message.message_id

    def receive(self, limit: int = BATCH_LIMIT) -> list[Message]:
        """Take up to `limit` visible messages; they stay hidden for a while.

        A message received `max_receive_count` times moves to the dead-letter queue
        at the next try.
        """
        taken: list[Message] = []
        while self._visible and len(taken) < limit:
            message = self._visible.popleft()
            if (
                self.dead_letters is not None
                and message.receive_count >= self.max_receive_count
            ):
                self.dead_letters.take_over(message)
                continue
            message.receive_count += 1
            message.first_received = message.first_received or self._clock.now()
            message.receipt = self._ids.uuid("receipt")
            self._hidden[message.receipt] = message
            self._clock.call_later(
                self.visibility_seconds, self._reappear, message.receipt
            )
            taken.append(message)
        return taken

    def delete(self, receipt: str | None) -> None:
        """Delete a received message; a receipt that has expired deletes nothing."""
        if receipt is not None:
            self._hidden.pop(receipt, None)

    def take_over(self, message: Message) -> None:
        """Take a message from another queue, with its id and age."""
        message.receipt = None
        message.receive_count = 0
        self._appear(message)

    async def deliver(self, event: dict[str, Any]) -> None:
        """Take an event from a rule, as a message."""
        self.send(json.dumps(event))

    def _reappear(self, receipt: str) -> None:
        message = self._hidden.pop(receipt, None)
        if message is not None:
            message.receipt = None
            self._appear(message)

    def _appear(self, message: Message) -> None:
        self._visible.append(message)
        for listener in self._listeners:
            listener.set()

    @property
    def visible(self) -> int:
        """How many messages could be received now."""
        return len(self._visible)


@dataclass(slots=True)
class Mapping:
    """An event source mapping: one queue, one function."""

    queue: Queue
    function: str
    batch_size: int = BATCH_LIMIT
    window_seconds: float = 0
    max_concurrency: int | None = None
    partial_failures: bool = False
    """FunctionResponseTypes has ReportBatchItemFailures."""
    running: int = field(default=0)


class Mappings:
    """Polls queues for functions, without polling: each send wakes its mapping."""

    def __init__(
        self, clock: Clock, background: Background, functions: Functions
    ) -> None:
        self._clock = clock
        self._background = background
        self._functions = functions
        self._known: dict[str, Mapping] = {}

    def create(self, mapping: Mapping) -> None:
        """Feed the function from the queue from now on.

        A mapping of a queue that has one already changes that.
        """
        known = self._known.setdefault(mapping.queue.arn, mapping)
        if known is not mapping:
            known.function = mapping.function
            known.batch_size = mapping.batch_size
            known.window_seconds = mapping.window_seconds
            known.max_concurrency = mapping.max_concurrency
            known.partial_failures = mapping.partial_failures
            return
        wake = asyncio.Event()
        mapping.queue.notify(wake)
        wake.set()
        self._background.begin(
            self._poll(mapping, wake), f"mapping {mapping.queue.name}"
        )

    async def _poll(self, mapping: Mapping, wake: asyncio.Event) -> None:
        while True:
            await wake.wait()
            wake.clear()
            if mapping.queue.visible and mapping.window_seconds:
                await self._fill(mapping, wake)
            while self._has_room(mapping):
                batch = mapping.queue.receive(mapping.batch_size)
                if not batch:
                    break
                mapping.running += 1
                self._background.begin(
                    self._process(mapping, batch, wake),
                    f"batch of {mapping.queue.name}",
                )

    async def _fill(self, mapping: Mapping, wake: asyncio.Event) -> None:
        """Wait until a batch is full or its window is over."""
        window = self._clock.timeout(mapping.window_seconds)
        try:
            async with window:
                while mapping.queue.visible < mapping.batch_size:
                    await wake.wait()
                    wake.clear()
        except TimeoutError:
            if not window.expired():
                raise

    @staticmethod
    def _has_room(mapping: Mapping) -> bool:
        limit = mapping.max_concurrency
        return limit is None or mapping.running < limit

    async def _process(
        self, mapping: Mapping, batch: list[Message], wake: asyncio.Event
    ) -> None:
        receipts = {message.message_id: message.receipt for message in batch}
        event = {"Records": [_record(mapping.queue, message) for message in batch]}
        try:
            answer = await self._functions.invoke(mapping.function, event)
        except FunctionError:
            failed = set(receipts)
        else:
            failed = _failures(mapping, answer, set(receipts))
        finally:
            mapping.running -= 1
            wake.set()
        for message_id, receipt in receipts.items():
            if message_id not in failed:
                mapping.queue.delete(receipt)


def _failures(mapping: Mapping, answer: Any, all_ids: set[str]) -> set[str]:
    """Read batchItemFailures (services-sqs-errorhandling.html).

    A report about records that were not in the batch fails all of it.
    """
    if not mapping.partial_failures or not answer:
        return set()
    entries = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if entries is None:
        return set()
    identifiers = {entry.get("itemIdentifier") for entry in entries}
    if identifiers - all_ids:
        return all_ids
    return identifiers


def _record(queue: Queue, message: Message) -> dict[str, Any]:
    first = message.first_received or message.sent
    return {
        "messageId": message.message_id,
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": str(message.receive_count),
            "SentTimestamp": str(int(message.sent.timestamp() * 1000)),
            "SenderId": "AIDAEXAMPLE",
            "ApproximateFirstReceiveTimestamp": str(int(first.timestamp() * 1000)),
        },
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(
            message.body.encode(), usedforsecurity=False
        ).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.arn,
        "awsRegion": queue.arn.split(":")[3],
    }
