"""A world to command: services at rest, a journal, and who answers commands.

Rollouts are not run here, they are written into the journal: what is tested is what the
`slipway` command makes of them. It runs in virtual time, like everything else.
"""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from localcloud.clock import Clock
from localcloud.cloud import LocalCloud
from localcloud.delays import Delays, OpenQuestions
from localcloud.events import Event, Rule, RuleTarget
from localcloud.fixture import System, SystemSettings, create_system
from localcloud.functions import Function
from localcloud.identity import arn
from localcloud.simulated import SimulatedRuntime, SimulatedTraffic
from slipway.domain.receipt import receipt
from slipway.domain.release import Cause, release_of
from slipway.domain.rollout import Mark, Outcome, Rollout, Sides
from slipway.domain.service import Service, Slot
from slipway.gateways.events import COMMAND, COMMAND_SOURCE
from slipway.gateways.journal import Journal
from slipway_cli import patience
from slipway_cli.main import app
from typer.testing import CliRunner, Result

from localcloud import blocking
from tests.builders import DIGEST, SUBNETS
from tests.e2e.road import client, spec

ON_COMMAND = Path(__file__).parents[3] / "functions" / "on_command"
TABLE = "journal"
MACHINE = arn("states", "stateMachine:rollout")
USUAL = {
    "COLUMNS": "200",
    "SLIPWAY_ENVIRONMENT": "test",
    "SLIPWAY_JOURNAL_TABLE": TABLE,
    "SLIPWAY_CLUSTER": "test",
}


@dataclass(slots=True)
class OnCommand:
    """The function that answers commands, without the queue before it."""

    cloud: LocalCloud
    function: Function
    heard: list[dict[str, Any]] = field(default_factory=list)
    """The details of the commands that came."""
    is_deaf: bool = False
    """Commands come and are not taken."""

    @property
    def arn(self) -> str:
        """What a rule's target is called."""
        return self.function.arn

    async def deliver(self, event: Event) -> None:
        """Hand an event to the function as a queue would."""
        self.heard.append(event["detail"])
        if self.is_deaf:
            return
        record = {"messageId": event["id"], "body": json.dumps(event)}
        batch = {"Records": [record | {"eventSource": "aws:sqs"}]}
        answer = await self.cloud.functions.invoke(self.arn, batch)
        assert answer == {"batchItemFailures": []}


@dataclass(slots=True)
class World:
    """Orders and carts, at rest."""

    cloud: LocalCloud
    system: System
    journal: Journal
    on_command: OnCommand
    started: list[str] = field(default_factory=list)
    """The names of the executions that were started."""

    @property
    def service(self) -> Service:
        """The service called orders."""
        return self.system.services[0]

    async def run(self, *arguments: str, env: dict[str, str] | None = None) -> Result:
        """Run the command to its end; time goes by for all while it waits."""

        def invoke() -> Result:
            return CliRunner().invoke(app, arguments, env=USUAL | (env or {}))

        return await blocking.spawn(invoke)

    async def document(self, *arguments: str) -> tuple[int, Any]:
        """Run the command with --json; return its code and what it printed."""
        result = await self.run(*arguments, "--json")
        assert result.stderr == ""
        return result.exit_code, json.loads(result.stdout)

    async def pass_seconds(self, seconds: float) -> None:
        """Let modelled time go by."""
        await self.cloud.clock.sleep(seconds)

    # ----------------------------------------------- rollouts, as the journal has them

    def begin(self, tag: str = "v1", *, digest: str = DIGEST) -> Rollout:
        """Write down that the rollout of an image has begun."""
        pushed_at = self.cloud.clock.now() - timedelta(seconds=1)
        cause = Cause(self.service.repository, tag, digest, pushed_at)
        return self._begin(cause.rollout_id("orders"), cause)

    def begin_as(self, rollout_id: str) -> Rollout:
        """Write down that the rollout of an execution has begun."""
        now = self.cloud.clock.now()
        return self._begin(rollout_id, Cause("test/orders", "v1", DIGEST, now))

    def mark(self, rollout: Rollout, name: str, reason: str = "as planned") -> None:
        """Write down that a rollout did something."""
        self.journal.mark(rollout, Mark(name, self.cloud.clock.now(), reason))

    def end(
        self,
        rollout: Rollout,
        outcome: Outcome = Outcome.PROMOTED,
        reason: str = "all steps passed",
    ) -> None:
        """Write down that a rollout has ended."""
        if outcome is Outcome.PROMOTED:
            self.journal.set_sides(rollout, Sides(None, Slot.A, 0))
        marks = self.journal.marks(rollout)
        self.journal.finish(rollout, outcome, reason, receipt(rollout, marks), None)

    def _begin(self, rollout_id: str, cause: Cause) -> Rollout:
        now = self.cloud.clock.now()
        release = release_of(self.service, cause.digest, subnet_ids=SUBNETS)
        return self.journal.begin(
            Rollout(rollout_id, self.service, cause, release, now)
        )

    def _start(self, params: dict[str, Any]) -> dict[str, Any]:
        self.started.append(params["name"])
        return {
            "executionArn": f"{MACHINE}:{params['name']}",
            "startDate": self.cloud.clock.now(),
        }


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Start a world whose services have no release yet."""
    clock = Clock()
    runtime = SimulatedRuntime(clock)
    delays, questions = Delays(), OpenQuestions()
    async with await LocalCloud.start(
        clock,
        runtime,
        lambda metrics: SimulatedTraffic(clock, runtime, metrics, delays, questions),
        delays=delays,
        open_questions=questions,
    ) as cloud:
        _make_table()
        system = create_system(
            cloud.network,
            cloud.monitor,
            [spec("orders"), spec("carts")],
            SystemSettings(environment="test"),
        )
        journal = Journal(client("dynamodb"), TABLE)
        for service in system.services:
            journal.put_service(service)
        on_command = OnCommand(cloud, _make_function(cloud))
        pattern = {"source": [COMMAND_SOURCE], "detail-type": [COMMAND]}
        cloud.events.rule(Rule("on-command", pattern, [RuleTarget(on_command)]))
        made = World(cloud, system, journal, on_command)
        cloud.router.serve("stepfunctions", {"StartExecution": made._start})  # noqa: SLF001
        patience.use(lambda seconds: blocking.wait(clock.sleep(seconds)))
        try:
            yield made
        finally:
            patience.use(time.sleep)


def _make_table() -> None:
    keys = {"pk": "HASH", "sk": "RANGE"}
    client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": key, "AttributeType": "S"} for key in keys
        ],
        KeySchema=[
            {"AttributeName": key, "KeyType": kind} for key, kind in keys.items()
        ],
    )


def _make_function(cloud: LocalCloud) -> Function:
    return cloud.functions.create(
        "on-command",
        ON_COMMAND,
        "app.handler",
        environment={
            "SLIPWAY_ENVIRONMENT": "test",
            "SLIPWAY_CLUSTER": "test",
            "SLIPWAY_JOURNAL_TABLE": TABLE,
            "SLIPWAY_SUBNET_IDS": ",".join(SUBNETS),
            "SLIPWAY_ROLLOUT_STATE_MACHINE_ARN": MACHINE,
        },
        timeout_seconds=60,
    )
