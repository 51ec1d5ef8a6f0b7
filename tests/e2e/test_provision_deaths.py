"""A provision run that dies at any of its writes is gone on with by the next.

One run after another is killed at the first write that it tries: before it, and the
next one after its effect and before its answer. So every write of the whole is died at
in both ways, and each run begins where the last one left things.
"""

import json
from dataclasses import dataclass, field

from localcloud.api import Call, Fault
from localcloud.blocking import Killed
from localcloud.clock import run_virtual
from slipway.domain.provision_run import Result
from slipway.gateways.journal import CLAIM_TERM

from tests.e2e.grounds import (
    BOOKKEEPING,
    READS,
    Grounds,
    environment,
    front,
    grounds,
    orders,
    shop,
)
from tests.e2e.inventory import Inventory, inventory

MOST_RUNS = 300


@dataclass(slots=True)
class Deaths:
    """Kills each run at its first write, by turns before and after its effect."""

    made: Grounds
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    """Runs that have died."""
    armed: bool = False

    def strike(self, call: Call) -> Fault | None:
        """Kill the function that calls, and stop the run whose stage it is."""
        ours = isinstance(call.request, dict) and "run" in call.request
        reads = call.operation.startswith(READS) or call.service in BOOKKEEPING
        if not ours or reads:
            return None
        if call.request["run"] in self.dead:
            # What another stage of that run would still have written.
            return Fault(takes_effect=False, failure=Killed())
        if not self.armed:
            return None
        self.armed = False
        self.dead.add(call.request["run"])
        for run in self.made.runs():
            self.made.cloud.states.stop(run.arn, cause="a test stopped it")
        takes_effect = len(self.before) > len(self.after)
        (self.after if takes_effect else self.before).append(str(call))
        return Fault(takes_effect=takes_effect, failure=Killed())

    async def run(self, number: int) -> bool:
        """Start a run that dies; say whether it got to its end, without a write."""
        # What the last one claimed would keep this one waiting.
        await self.made.pause(CLAIM_TERM.total_seconds())
        self.armed = True
        name = f"mortal-{number}"
        execution = self.made.cloud.states.start(
            self.made.cloud.stack.state_machines["ProvisionStateMachine"],
            json.dumps({"payload_version": 1, "run": name}),
            name,
        )
        await execution.ended.wait()
        return execution.status == "SUCCEEDED"

    async def to_the_end(self) -> None:
        """Let runs die until there is nothing left to write."""
        self.made.cloud.router.disturb = self.strike
        for number in range(MOST_RUNS):
            if await self.run(number):
                break
        else:
            raise AssertionError(f"no end: {self.after[-20:]}")
        self.made.cloud.router.disturb = None


async def _assert_ends_as(whole: Inventory, deaths: Deaths) -> None:
    await deaths.to_the_end()
    await deaths.made.pause(120)
    # Two stages work side by side, so that either may be the first to write.
    assert set(deaths.before) == set(deaths.after)
    assert inventory(deaths.made) == whole
    before = deaths.made.calls
    assert (await deaths.made.run()).result is Result.DONE
    assert deaths.made.writes(before) == []


def test_a_first_run_that_dies_at_each_of_its_writes_ends_as_one_that_lives() -> None:
    async def scene() -> None:
        async with shop() as lived:
            whole, written = inventory(lived), {str(call) for call in lived.writes()}
        async with grounds() as made:
            made.cloud.events.disturb = lambda _: ()
            made.upload(environment(made.cloud.network), front(), orders())
            deaths = Deaths(made)
            await _assert_ends_as(whole, deaths)
            assert set(deaths.after) == written

    run_virtual(scene())


async def _change(made: Grounds) -> None:
    """Ask for much that is other, and for one service less."""
    made.upload(
        front(
            calls=[],
            count={"range": "3-9", "memory_percentage": 70},
            http={
                "load_balancer": "public",
                "path": "/",
                "healthcheck": "/ready",
                "priority": 7,
                "deregistration_delay": "30s",
            },
        )
    )
    made.withdraw("orders")


def test_a_changing_run_that_dies_at_each_of_its_writes_ends_as_one_that_lives() -> (
    None
):
    async def scene() -> None:
        async with shop() as lived:
            await _change(lived)
            assert (await lived.provisioned()).result is Result.DONE
            whole = inventory(lived)
            written = {str(call) for call in lived.writes()}
        async with shop() as made:
            since = {str(call) for call in made.writes()}
            made.cloud.events.disturb = lambda _: ()
            await _change(made)
            deaths = Deaths(made)
            await _assert_ends_as(whole, deaths)
            assert written == since | set(deaths.after)

    run_virtual(scene())
