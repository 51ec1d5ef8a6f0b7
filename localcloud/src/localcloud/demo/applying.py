"""Manifests applied under the eyes of whoever watches, by the code of `slipway apply`.

A run is planned before and after: what is left to do then was not done.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
from slipway.domain.planning import Plan, Verb
from slipway.domain.provision_run import Result
from slipway.estate import Estate, wire
from slipway.manifests.reading import ENVIRONMENT_FILE
from slipway.provisioning import whole_plan
from slipway.wiring import Settings
from slipway_cli import patience
from slipway_cli.adoption.adopting import Asked, Rejected, carry_out, examine, write
from slipway_cli.applying import Applied, apply, plan_lines

from localcloud import blocking
from localcloud.api import REGION, Call
from localcloud.clock import Clock
from localcloud.cloud import LocalCloud
from localcloud.demo.boutique import Boutique

RUN_SECONDS = 3600.0
"""Modelled: a run that takes longer has failed."""
READS = ("Describe", "Discover", "Get", "List", "Query", "Scan", "Select")
BOOKKEEPING = frozenset({"dynamodb", "events", "s3", "sns", "stepfunctions"})
"""Services of AWS in which Slipway only writes down, and tells, what it does."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of provisioning."""

    planned: Plan
    """What there was to do before."""
    applied: Applied
    seconds: float
    """Modelled, from the first upload to the report."""

    @property
    def result(self) -> Result | None:
        """How it ended; None where it did not in time."""
        return self.applied.report.result if self.applied.report else None

    @property
    def problems(self) -> Sequence[str]:
        """What stands against it."""
        report = self.applied.report
        return (*report.problems, *report.waits) if report else ()

    @property
    def verbs(self) -> Mapping[Verb, int]:
        """How many changes of each kind there were to make."""
        return Counter(change.verb for change in self.planned.changes)

    @property
    def summary(self) -> str:
        """What was done, and how long it took."""
        minutes, seconds = divmod(round(self.seconds), 60)
        (*_, summed) = plan_lines(self.planned)
        return f"{summed}; {minutes} min {seconds:02d} s"

    def as_json(self) -> dict[str, Any]:
        """Return what a receipt says of it; seconds are modelled."""
        return {
            "run": self.applied.run,
            "uploaded": list(self.applied.uploaded),
            "planned": {str(verb): count for verb, count in self.verbs.items()},
            "resources": dict(Counter(str(c.kind) for c in self.planned.changes)),
            "seconds": round(self.seconds, 1),
            "problems": list(self.problems),
        }


class Applying:
    """Plans and applies a boutique's manifests in a local cloud."""

    def __init__(self, clock: Clock, cloud: LocalCloud, boutique: Boutique) -> None:
        self._clock = clock
        self._cloud = cloud
        self._boutique = boutique

    async def run(self, tell: Callable[[str], None]) -> Run:
        """Upload what differs and wait for the end of the run."""
        planned = await self.plan()
        (*_, summed) = plan_lines(planned)
        tell(f"plan: {summed}")
        began = self._clock.time()
        applied = await self._blocking(
            lambda estate: apply(
                estate,
                self._boutique.manifests,
                ENVIRONMENT_FILE,
                timeout_seconds=RUN_SECONDS,
                tell=tell,
            )
        )
        return Run(planned, applied, self._clock.time() - began)

    async def adopt(
        self, ecs_service: str, name: str, tell: Callable[[str], None]
    ) -> Applied | Rejected:
        """Adopt a service as `slipway adopt` does; say why where it cannot be."""
        record = self._boutique.record()
        asked = Asked(ecs_service, name, self._boutique.manifests, ENVIRONMENT_FILE)

        def call(estate: Estate) -> Applied | Rejected:
            found = examine(asked, record, estate, _client)
            if isinstance(found, Rejected):
                return found
            write(found)
            return carry_out(
                found, estate, _client, timeout_seconds=RUN_SECONDS, tell=tell
            )

        return await self._blocking(call)

    async def plan(self) -> Plan:
        """Return what there is to do, as `slipway plan` does."""
        record = self._boutique.record()
        return await self._blocking(lambda estate: whole_plan(record, estate))

    async def _blocking[T](self, call: Callable[[Estate], T]) -> T:
        """Run the command's code, which waits as the cloud's clock goes."""
        environment = self._boutique.record().environment
        outputs = self._cloud.stack.outputs
        estate = wire(
            Settings(
                environment=environment.name,
                region=environment.region,
                cluster=environment.cluster.name,
                journal_table=outputs["JournalTableName"],
                subnet_ids=(),
                rollout_state_machine_arn="",
                restore_state_machine_arn="",
                provision_state_machine_arn=outputs["ProvisionStateMachineArn"],
                manifest_bucket=outputs["ManifestBucketName"],
            )
        )
        patience.use(lambda seconds: blocking.wait(self._clock.sleep(seconds)))
        try:
            return await blocking.spawn(call, estate)
        finally:
            patience.use(time.sleep)


def _client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]


def writes(calls: Sequence[Call]) -> list[str]:
    """Return which of some calls are Slipway's own and change the system."""
    return [
        f"{call.caller}: {call.service}:{call.operation}"
        for call in calls
        if call.caller is not None
        and not call.operation.startswith(READS)
        and call.service not in BOOKKEEPING
        and call.operation != "CreateLogStream"
    ]
