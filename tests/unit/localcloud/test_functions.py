"""Handlers run from their source, as Lambda runs them."""

import asyncio
import os
import textwrap
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from localcloud.api import NotModelled, Router
from localcloud.background import Background
from localcloud.clock import Clock, run_virtual
from localcloud.functions import FunctionError, Functions, UnknownFunction


@dataclass
class World:
    """Functions and their surroundings."""

    folder: Path
    clock: Clock
    router: Router
    background: Background
    functions: Functions

    def create(self, name: str, source: str, **settings: Any) -> None:
        """Write a function's source and deploy it."""
        code = self.folder / name
        code.mkdir()
        (code / "app.py").write_text(textwrap.dedent(source))
        self.functions.create(name, code, "app.handler", **settings)


@pytest.fixture
def play(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[World], Awaitable[None]]], None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")

    def run(test: Callable[[World], Awaitable[None]]) -> None:
        async def main() -> None:
            clock, background = Clock(), Background()
            chance = Random(1)  # noqa: S311  repeatable
            with Router(clock) as router:
                functions = Functions(clock, background, chance)
                await test(World(tmp_path, clock, router, background, functions))

        run_virtual(main())

    return run


type Play = Callable[[Callable[[World], Awaitable[None]]], None]


def test_payload_and_result_pass_through_json(play: Play) -> None:
    async def test(world: World) -> None:
        world.create(
            "f", "def handler(event, context): return {1: (event['a'], None)}\n"
        )
        assert await world.functions.invoke("f", {"a": 2}) == {"1": [2, None]}
        assert world.clock.time() == pytest.approx(0.05)

    play(test)


def test_a_function_is_found_by_name_and_by_arn(play: Play) -> None:
    async def test(world: World) -> None:
        world.create("f", "def handler(event, context): return 'here'\n")
        arn = world.functions.find("f").arn
        assert arn == "arn:aws:lambda:eu-west-1:111122223333:function:f"
        assert await world.functions.invoke(arn, {}) == "here"
        assert await world.functions.invoke(f"{arn}:$LATEST", {}) == "here"
        with pytest.raises(UnknownFunction, match="called g"):
            await world.functions.invoke("g", {})
        with pytest.raises(UnknownFunction, match="no version live"):
            await world.functions.invoke(f"{arn}:live", {})

    play(test)


def test_the_context_tells_about_the_invocation(play: Play) -> None:
    async def test(world: World) -> None:
        world.create(
            "f",
            """
            def handler(event, context):
                return [
                    context.function_name,
                    context.memory_limit_in_mb,
                    context.invoked_function_arn.rpartition(":")[2],
                    context.get_remaining_time_in_millis(),
                    len(context.aws_request_id),
                ]
            """,
            timeout_seconds=10,
            memory_mb=256,
        )
        assert await world.functions.invoke("f", {}) == ["f", 256, "f", 10_000, 36]

    play(test)


def test_a_failure_has_the_exceptions_class_as_its_type(play: Play) -> None:
    async def test(world: World) -> None:
        world.create(
            "f",
            """
            class RolloutConflict(Exception): ...
            def handler(event, context): raise RolloutConflict("another one runs")
            """,
        )
        with pytest.raises(FunctionError) as caught:
            await world.functions.invoke("f", {})
        assert caught.value.error_type == "RolloutConflict"
        assert caught.value.payload["errorMessage"] == "another one runs"
        (frame,) = caught.value.payload["stackTrace"]
        assert "app.py" in frame
        await world.background.close()

    play(test)


def test_a_module_that_cannot_be_imported_fails_each_invocation(play: Play) -> None:
    async def test(world: World) -> None:
        world.create("f", "import nothing_of_that_name\n")
        for _ in range(2):
            with pytest.raises(FunctionError, match=r"Runtime\.ImportModuleError"):
                await world.functions.invoke("f", {})

    play(test)


def test_a_result_that_is_no_json_fails(play: Play) -> None:
    async def test(world: World) -> None:
        world.create("f", "def handler(event, context): return {1, 2}\n")
        with pytest.raises(FunctionError, match=r"Runtime\.MarshalError.*set is not"):
            await world.functions.invoke("f", {})

    play(test)


SLOW = """
import boto3

def handler(event, context):
    ecs = boto3.client("ecs", region_name="eu-west-1")
    for _ in range(5):
        ecs.list_tasks(cluster=event["name"])
    return "done"
"""


async def _slowly(world: World, params: dict[str, Any]) -> dict[str, Any]:
    await world.clock.sleep(10)
    return {"taskArns": [params["cluster"]]}


def test_a_function_ends_at_its_timeout_and_makes_no_call_after_it(play: Play) -> None:
    async def test(world: World) -> None:
        world.router.serve("ecs", {"ListTasks": lambda p: _slowly(world, p)})
        world.create("f", SLOW, timeout_seconds=15)
        with pytest.raises(FunctionError) as caught:
            await world.functions.invoke("f", {"name": "c"})
        assert caught.value.error_type == "Sandbox.Timedout"
        assert "Task timed out after 15.00 seconds" in caught.value.message
        calls = len(world.router.calls)
        await world.clock.sleep(100)
        assert len(world.router.calls) == calls == 2

    play(test)


def test_what_a_killed_function_does_on_its_way_out_reaches_nobody(play: Play) -> None:
    async def test(world: World) -> None:
        world.router.serve("ecs", {"ListTasks": lambda p: _slowly(world, p)})
        world.create(
            "f",
            """
            import boto3

            def handler(event, context):
                ecs = boto3.client("ecs", region_name="eu-west-1")
                try:
                    ecs.list_tasks(cluster="first")
                finally:
                    ecs.list_tasks(cluster="on the way out")
            """,
        )
        with pytest.raises(FunctionError, match=r"Sandbox\.Timedout"):
            await world.functions.invoke("f", {})
        assert [call.params["cluster"] for call in world.router.calls] == ["first"]

    play(test)


def test_a_caller_that_stops_waiting_does_not_stop_the_function(play: Play) -> None:
    async def test(world: World) -> None:
        world.router.serve("ecs", {"ListTasks": lambda p: _slowly(world, p)})
        world.create("f", SLOW, timeout_seconds=900)
        with pytest.raises(TimeoutError):
            async with world.clock.timeout(5):
                await world.functions.invoke("f", {"name": "c"})
        await world.clock.sleep(100)
        assert len(world.router.calls) == 5

    play(test)


def test_functions_interleave_and_each_sees_only_its_own_environment(
    play: Play,
) -> None:
    source = """
        import os, boto3

        def handler(event, context):
            before = os.environ["WHO"], os.environ["AWS_LAMBDA_FUNCTION_NAME"]
            boto3.client("ecs", region_name="eu-west-1").list_tasks(cluster="c")
            print("hello from " + os.environ["WHO"])
            return [*before, os.environ["WHO"]]
    """

    async def test(world: World) -> None:
        world.router.serve("ecs", {"ListTasks": lambda p: _slowly(world, p)})
        for name in ("a", "b"):
            world.create(
                name, source, environment={"WHO": name.upper()}, timeout_seconds=60
            )
        answers = await asyncio.gather(
            world.functions.invoke("a", {}), world.functions.invoke("b", {})
        )
        assert answers == [["A", "a", "A"], ["B", "b", "B"]]
        assert world.clock.time() < 15
        assert "WHO" not in os.environ
        assert [(e["function"], e["message"]) for e in world.functions.logs] == [
            ("a", "hello from A"),
            ("b", "hello from B"),
        ]

    play(test)


POWERTOOLS = """
from aws_lambda_powertools import Logger, Metrics
import boto3

logger = Logger(service="orders")
metrics = Metrics(namespace="Test", service="orders")

@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event, context):
    logger.append_keys(who=event["who"])
    metrics.add_metric("Seen", "Count", event["count"])
    boto3.client("ecs", region_name="eu-west-1").list_tasks(cluster="c")
    logger.info("seen", extra={"count": event["count"]})
"""


def test_logs_and_metrics_of_interleaved_functions_stay_apart(
    play: Play, capsys: pytest.CaptureFixture[str]
) -> None:
    async def test(world: World) -> None:
        world.router.serve("ecs", {"ListTasks": lambda p: _slowly(world, p)})
        heard: list[dict[str, Any]] = []
        world.functions.listen(heard.append)
        world.create("f", POWERTOOLS, timeout_seconds=60)
        await asyncio.gather(
            world.functions.invoke("f", {"who": "ann", "count": 2}),
            world.functions.invoke("f", {"who": "bob", "count": 3}),
        )
        seen = [(e["who"], e["count"], e["function"]) for e in world.functions.logs]
        assert seen == [("ann", 2, "f"), ("bob", 3, "f")]
        assert heard == world.functions.logs
        assert world.functions.logs[0]["time"] == "2026-01-05T09:00:10.080000+00:00"
        assert world.functions.emitted == {"Seen": 5}
        assert [m.value for m in world.functions.metrics] == [2, 3]
        assert world.functions.metrics[0].dimensions == {"service": "orders"}

    play(test)
    assert capsys.readouterr().out == ""


def test_a_warning_goes_to_the_log_as_on_aws(play: Play) -> None:
    async def test(world: World) -> None:
        source = "import warnings\ndef handler(event, context): warnings.warn('hm')\n"
        world.create("f", source)
        await world.functions.invoke("f", {})
        assert world.functions.logs[0]["message"] == "UserWarning: hm"

    play(test)


def test_a_function_is_held_to_its_role(play: Play) -> None:
    async def test(world: World) -> None:
        world.router.serve("ecs", {"ListTasks": lambda _: {"taskArns": []}})
        world.create("f", SLOW, allowed_actions=("ecs:list*",))
        world.create("g", SLOW, allowed_actions=("ecs:Describe*", "ec2:*"))
        assert await world.functions.invoke("f", {"name": "c"}) == "done"
        with pytest.raises(FunctionError, match="function g does not allow ecs:List"):
            await world.functions.invoke("g", {"name": "c"})

    play(test)


def test_what_is_not_modelled_is_not_the_functions_failure(play: Play) -> None:
    async def test(world: World) -> None:
        world.create("f", SLOW)
        with pytest.raises(NotModelled, match="ecs:ListTasks"):
            await world.functions.invoke("f", {"name": "c"})
        with pytest.raises(ExceptionGroup):
            await world.background.close()

    play(test)
