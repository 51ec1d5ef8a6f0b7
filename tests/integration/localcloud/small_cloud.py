"""A local cloud of the small stack beside this file, for the tests of its platform."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from localcloud.clock import Clock, run_virtual
from localcloud.cloud import LocalCloud
from localcloud.seams import RoutingView
from localcloud.simulated import SimulatedRuntime

TEMPLATE = Path(__file__).parent / "greeting" / "template.yaml"


class NoTraffic:
    """A data plane that carries nothing."""

    def apply(self, view: RoutingView) -> None:
        """Do as before."""


async def start(
    template: Path | None = TEMPLATE,
    parameters: Mapping[str, str] | None = None,
    seed: int = 1,
    clock: Clock | None = None,
    *,
    schedules: bool = True,
) -> LocalCloud:
    """Start a cloud, in virtual time unless it gets a clock."""
    clock = clock or Clock()
    given = parameters if parameters is not None else {"EnvironmentName": "test"}
    return await LocalCloud.start(
        clock,
        SimulatedRuntime(clock),
        lambda _: NoTraffic(),
        template=template,
        parameters=lambda _: given if template else {},
        seed=seed,
        schedules=schedules,
    )


def play(scene: Callable[[LocalCloud], Awaitable[Any]], **settings: Any) -> Any:
    """Run a scene in a cloud of its own; nothing may have failed unseen."""

    async def main() -> Any:
        async with await start(**settings) as cloud:
            return await scene(cloud)

    return run_virtual(main())
