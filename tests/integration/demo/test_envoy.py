"""Envoy as the load balancers: it follows views, loses nothing, and logs each hop."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.clock import Clock
from localcloud.demo import leash
from localcloud.demo.access_log import Hop
from localcloud.demo.envoy import EnvoyDataPlane
from localcloud.demo.envoy_config import Timing
from localcloud.demo.processes import ProcessTaskRuntime
from localcloud.seams import ListenerView, RoutingView, RuleView, Target, TaskSpec

BOUTIQUE = Path(__file__).parents[3] / "examples/boutique"
ARN = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:"
OLD = f"{ARN}targetgroup/cart-a/1"
NEW = f"{ARN}targetgroup/cart-b/2"
PORT = 7070


def view(
    weights: Mapping[str, int],
    targets: Mapping[str, list[str]],
    *,
    fixed_status: int | None = None,
) -> RoutingView:
    rules = (
        RuleView(f"{ARN}rule/1", ("cart.internal",), (), weights, fixed_status),
        RuleView(f"{ARN}rule/2", ("*.shop.internal",), ("/a?/*",), {}, 202),
        RuleView(f"{ARN}rule/default", (), (), {}, 404),
    )
    return RoutingView(
        listeners=(
            ListenerView(f"{ARN}listener/internal", "app/internal/9", 80, rules),
        ),
        targets={
            group: tuple(Target(address, PORT) for address in addresses)
            for group, addresses in targets.items()
        },
    )


@dataclass
class Shop:
    """Envoy, a runtime for its targets, and ways to ask and to look."""

    plane: EnvoyDataPlane
    runtime: ProcessTaskRuntime
    folder: Path

    async def task(self, address: str, **image: Any) -> TaskSpec:
        """Start a target."""
        spec = TaskSpec(
            task_arn=f"arn:{address}",
            ecs_service="cart",
            task_definition_arn="arn:definition",
            image_digest=f"sha256:{address}",
            image={"app": "cartservice", **image},
            address=address,
            port=PORT,
        )
        await self.runtime.start(spec)
        return spec

    async def load(self, rate: int) -> asyncio.subprocess.Process:
        """Begin to send requests to the cart."""
        return await leash.spawn(
            [
                *(sys.executable, "-S", BOUTIQUE / "loadgenerator.py"),
                *(self.plane.address_of("internal"), "cart.internal", str(rate)),
                self.folder / "load.jsonl",
            ],
            log=self.folder / "load.log",
        )

    async def get(self, host: str, path: str = "/") -> int:
        """Ask once; return the status."""
        address, _, port = self.plane.address_of("internal").partition(":")
        reader, writer = await asyncio.open_connection(address, int(port))
        writer.write(f"GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
        line = await reader.readuntil(b"\r\n")
        writer.close()
        return int(line.split(b" ")[1])

    async def until(self, expected: int, host: str = "cart.internal") -> None:
        """Ask until the answer is as expected: changes take milliseconds."""
        async with asyncio.timeout(5):
            while await self.get(host) != expected:  # noqa: ASYNC110  no event
                await asyncio.sleep(0.02)


def with_shop(
    folder: Path, play: Callable[[Shop], Awaitable[None]], idle_seconds: float = 3.0
) -> list[Hop]:
    async def run() -> list[Hop]:
        plane = EnvoyDataPlane(folder, Timing(idle_seconds, connect_seconds=0.5))
        runtime = ProcessTaskRuntime(Clock(factor=20), BOUTIQUE / "app.py", folder, {})
        await plane.start()
        try:
            plane.apply(view({}, {}, fixed_status=503))
            await plane.listening("internal")
            await play(Shop(plane, runtime, folder))
        finally:
            await plane.close()
            await runtime.close()
        return plane.log.rows

    return asyncio.run(run())


def test_nothing_is_lost_while_weights_and_targets_change(tmp_path: Path) -> None:
    async def play(shop: Shop) -> None:
        first = await shop.task("127.0.10.1")
        shop.plane.apply(view({OLD: 1}, {OLD: [first.address]}))
        await shop.until(200)
        load = await shop.load(200)
        primary, candidate = OLD, NEW
        for turn in range(8):
            second = await shop.task(f"127.0.10.{turn + 2}")
            both = {primary: [first.address], candidate: [second.address]}
            for weight in (0, 10, 50, 100):
                weights = {primary: 100 - weight, candidate: weight}
                shop.plane.apply(view(weights, both))
                await asyncio.sleep(0.1)
            # The old target leaves, drains for a moment, and is stopped.
            shop.plane.apply(view(weights, {candidate: [second.address]}))
            await asyncio.sleep(0.2)
            assert await shop.runtime.stop(first, 30) == 0
            first = second
            primary, candidate = candidate, primary
        assert await leash.end(load, 5) == 0

    hops = with_shop(tmp_path, play)

    rows = [json.loads(r) for r in (tmp_path / "load.jsonl").read_text().splitlines()]
    assert len(rows) > 800
    assert Counter(row.get("status", row.get("error")) for row in rows) == {
        200: len(rows)
    }
    traces = {hop.trace for hop in hops if hop.succeeded}
    assert {row["trace"] for row in rows} <= traces


def test_of_a_hundred_requests_each_group_gets_exactly_its_percentage(
    tmp_path: Path,
) -> None:
    async def play(shop: Shop) -> None:
        first, second = [await shop.task(f"127.0.10.{n}") for n in (1, 2)]
        both = {OLD: [first.address], NEW: [second.address]}
        shop.plane.apply(view({OLD: 90, NEW: 10}, both))
        await shop.until(200)
        for _ in range(100):
            assert await shop.get("cart.internal") == 200

    hops = with_shop(tmp_path, play)[-100:]

    assert len({hop.request for hop in hops}) == 100
    assert Counter(hop.target_group for hop in hops) == {OLD: 90, NEW: 10}
    assert Counter(hop.upstream for hop in hops)["127.0.10.2:7070"] == 10


def test_a_hop_says_which_target_answered_and_with_what(tmp_path: Path) -> None:
    async def play(shop: Shop) -> None:
        spec = await shop.task("127.0.10.1", fail_every=1)
        shop.plane.apply(view({OLD: 1}, {OLD: [spec.address]}))
        await shop.until(500)

    hop = with_shop(tmp_path, play)[-1]

    assert (hop.status, hop.answered, hop.succeeded) == (500, True, False)
    assert hop.upstream == "127.0.10.1:7070"
    assert hop.target_group == OLD
    assert hop.rule == f"{ARN}rule/1"
    assert hop.load_balancer == "app/internal/9"


def test_a_group_without_targets_gives_503_though_the_other_has_some(
    tmp_path: Path,
) -> None:
    async def play(shop: Shop) -> None:
        spec = await shop.task("127.0.10.1")
        targets = {OLD: [spec.address], NEW: list[str]()}
        shop.plane.apply(view({OLD: 1}, targets))
        await shop.until(200)
        shop.plane.apply(view({NEW: 1}, targets))
        await shop.until(503)

    hop = with_shop(tmp_path, play)[-1]

    assert (hop.flags, hop.answered, hop.upstream) == ("UH", False, None)
    assert hop.target_group == NEW


def test_a_rule_without_any_weight_gives_503(tmp_path: Path) -> None:
    async def play(shop: Shop) -> None:
        spec = await shop.task("127.0.10.1")
        shop.plane.apply(view({OLD: 1}, {OLD: [spec.address]}))
        await shop.until(200)
        shop.plane.apply(view({OLD: 0, NEW: 0}, {OLD: [spec.address]}))
        await shop.until(503)

    assert with_shop(tmp_path, play)[-1].target_group is None


def test_a_target_that_hangs_gives_504_after_the_idle_timeout(tmp_path: Path) -> None:
    async def play(shop: Shop) -> None:
        spec = await shop.task("127.0.10.1", hang=True)
        shop.plane.apply(view({OLD: 1}, {OLD: [spec.address]}))
        await shop.until(504)

    hop = with_shop(tmp_path, play, idle_seconds=0.3)[-1]

    assert (hop.flags, hop.answered, hop.upstream) == ("UT", False, "127.0.10.1:7070")
    assert hop.seconds >= 0.25


def test_a_target_that_refuses_the_connection_gives_502(tmp_path: Path) -> None:
    async def play(shop: Shop) -> None:
        shop.plane.apply(view({OLD: 1}, {OLD: ["127.0.10.1"]}))
        await shop.until(502)

    assert not with_shop(tmp_path, play)[-1].answered


def test_rules_match_hosts_and_paths_by_pattern_in_order(tmp_path: Path) -> None:
    async def play(shop: Shop) -> None:
        await shop.until(503)
        assert await shop.get("x.shop.internal", "/ab/c") == 202
        assert await shop.get("X.SHOP.internal:80", "/ab/") == 202
        assert await shop.get("x.shop.internal", "/b/c") == 404
        assert await shop.get("xshop.internal", "/ab/c") == 404
        assert await shop.get("cart.internal.example") == 404

    with_shop(tmp_path, play)
