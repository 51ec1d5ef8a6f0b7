"""Queues, visibility, dead letters, and the mappings that feed functions."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from localcloud.background import Background
from localcloud.clock import Clock, run_virtual
from localcloud.functions import FunctionError, Functions
from localcloud.queues import Mapping, Mappings, Queue


def test_a_received_message_is_hidden_until_it_is_deleted_or_time_is_over() -> None:
    async def main() -> None:
        clock = Clock()
        queue = Queue(clock, "q", visibility_seconds=30)
        queue.send("a")
        queue.send("b")
        first = queue.receive(1)
        second = queue.receive()
        assert [m.body for m in (*first, *second)] == ["a", "b"]
        assert queue.receive() == []
        queue.delete(first[0].receipt)
        await clock.sleep(31)
        (again,) = queue.receive()
        assert (again.body, again.receive_count) == ("b", 2)

    run_virtual(main())


def test_an_expired_receipt_deletes_nothing() -> None:
    async def main() -> None:
        clock = Clock()
        queue = Queue(clock, "q", visibility_seconds=30)
        queue.send("a")
        old = queue.receive()[0].receipt
        await clock.sleep(31)
        queue.delete(old)
        assert [m.body for m in queue.receive()] == ["a"]

    run_virtual(main())


def test_a_message_received_too_often_moves_to_the_dead_letters() -> None:
    async def main() -> None:
        clock = Clock()
        dead = Queue(clock, "dead")
        queue = Queue(
            clock, "q", visibility_seconds=10, dead_letters=dead, max_receive_count=2
        )
        queue.send("a")
        for _ in range(2):
            assert len(queue.receive()) == 1
            await clock.sleep(11)
        assert queue.receive() == []
        assert [m.body for m in dead.messages] == ["a"]
        assert queue.messages == []

    run_virtual(main())


@dataclass
class Handler:
    """Plays the function of a mapping."""

    clock: Clock
    answer: Callable[[list[str]], Any] = lambda _: None
    seconds: float = 1.0
    batches: list[tuple[float, list[str]]] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)
    running: int = 0
    most: int = 0

    async def invoke(self, name: str, payload: Any) -> Any:
        """Note the batch, take the time, answer."""
        assert name == "f"
        bodies = [record["body"] for record in payload["Records"]]
        self.batches.append((self.clock.time(), bodies))
        self.events.append(payload)
        self.running += 1
        self.most = max(self.most, self.running)
        await self.clock.sleep(self.seconds)
        self.running -= 1
        return self.answer([record["messageId"] for record in payload["Records"]])

    @property
    def bodies(self) -> list[list[str]]:
        """The batches without times."""
        return [bodies for _, bodies in self.batches]


def feed(queue: Queue, handler: Handler, clock: Clock, **settings: Any) -> None:
    mappings = Mappings(clock, Background(), cast("Functions", handler))
    mappings.create(Mapping(queue, "f", **settings))


def test_messages_reach_the_function_in_batches_and_are_deleted() -> None:
    async def main() -> None:
        clock = Clock()
        queue, handler = Queue(clock, "q"), Handler(clock)
        feed(queue, handler, clock, batch_size=2)
        await clock.sleep(10)
        for body in "abc":
            queue.send(body)
        await clock.sleep(60)
        assert handler.bodies == [["a", "b"], ["c"]]
        assert queue.messages == []

    run_virtual(main())


def test_a_record_has_the_shape_that_lambda_gives_it() -> None:
    async def main() -> None:
        clock = Clock()
        queue, handler = Queue(clock, "q"), Handler(clock)
        message_id = queue.send("a")
        feed(queue, handler, clock)
        await clock.sleep(5)
        (record,) = handler.events[0]["Records"]
        assert record["messageId"] == message_id
        assert record["eventSource"] == "aws:sqs"
        assert record["eventSourceARN"] == "arn:aws:sqs:eu-west-1:111122223333:q"
        assert record["awsRegion"] == "eu-west-1"
        assert record["attributes"]["ApproximateReceiveCount"] == "1"
        assert record["md5OfBody"] == "0cc175b9c0f1b6a831c399e269772661"
        json.dumps(record)

    run_virtual(main())


def test_a_window_gathers_a_batch() -> None:
    async def main() -> None:
        clock = Clock()
        queue, handler = Queue(clock, "q"), Handler(clock)
        feed(queue, handler, clock, batch_size=3, window_seconds=20)
        queue.send("a")
        await clock.sleep(5)
        queue.send("b")
        await clock.sleep(25)
        for body in "cde":
            queue.send(body)
        await clock.sleep(5)
        assert handler.batches == [
            (pytest.approx(20), ["a", "b"]),
            (pytest.approx(30), ["c", "d", "e"]),
        ]

    run_virtual(main())


def test_no_more_batches_run_at_once_than_the_mapping_allows() -> None:
    async def main() -> None:
        clock = Clock()
        queue, handler = Queue(clock, "q"), Handler(clock, seconds=10)
        feed(queue, handler, clock, batch_size=1, max_concurrency=2)
        for body in "abcde":
            queue.send(body)
        await clock.sleep(60)
        assert handler.most == 2
        assert sorted(body for batch in handler.bodies for body in batch) == list(
            "abcde"
        )
        assert queue.messages == []

    run_virtual(main())


def _fails(_: list[str]) -> Any:
    raise FunctionError("Unavailable", "later", [])


def test_a_failed_batch_comes_back_and_ends_in_the_dead_letters() -> None:
    async def main() -> None:
        clock = Clock()
        dead = Queue(clock, "dead")
        queue = Queue(
            clock, "q", visibility_seconds=30, dead_letters=dead, max_receive_count=3
        )
        handler = Handler(clock, _fails)
        feed(queue, handler, clock)
        queue.send("a")
        await clock.sleep(600)
        assert [round(at) for at, _ in handler.batches] == [0, 30, 60]
        assert [m.body for m in dead.messages] == ["a"]

    run_virtual(main())


def test_only_the_records_reported_as_failed_come_back() -> None:
    async def main() -> None:
        clock = Clock()
        queue = Queue(clock, "q", visibility_seconds=30)
        handler = Handler(clock)

        def second_fails_once(ids: list[str]) -> Any:
            failed = ids[1:] if len(handler.batches) == 1 else []
            return {"batchItemFailures": [{"itemIdentifier": i} for i in failed]}

        handler.answer = second_fails_once
        queue.send("a")
        queue.send("b")
        feed(queue, handler, clock, partial_failures=True)
        await clock.sleep(600)
        assert handler.bodies == [["a", "b"], ["b"]]
        assert queue.messages == []

    run_virtual(main())


def test_partial_failures_count_only_where_the_mapping_asks_for_them() -> None:
    async def main() -> None:
        clock = Clock()
        queue = Queue(clock, "q")
        handler = Handler(
            clock, lambda ids: {"batchItemFailures": [{"itemIdentifier": ids[0]}]}
        )
        queue.send("a")
        feed(queue, handler, clock)
        await clock.sleep(600)
        assert handler.bodies == [["a"]]
        assert queue.messages == []

    run_virtual(main())


def test_a_report_about_unknown_records_fails_the_whole_batch() -> None:
    async def main() -> None:
        clock = Clock()
        queue = Queue(clock, "q", visibility_seconds=30)
        handler = Handler(
            clock, lambda _: {"batchItemFailures": [{"itemIdentifier": "nobody"}]}
        )
        queue.send("a")
        queue.send("b")
        feed(queue, handler, clock, partial_failures=True)
        await clock.sleep(45)
        assert handler.bodies == [["a", "b"], ["a", "b"]]

    run_virtual(main())
