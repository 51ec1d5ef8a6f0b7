"""A desk: a folder of manifests, and a command that works on an environment by it."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from botocore.session import get_session
from localcloud.api import REGION, Call, actions
from slipway.domain.release import Cause, release_of
from slipway.domain.rollout import Rollout, Sides
from slipway.domain.service import Slot
from slipway_cli import patience
from slipway_cli.main import app
from typer.testing import CliRunner
from typer.testing import Result as Told

from localcloud import blocking
from tests.builders import DIGEST, SUBNETS
from tests.e2e.grounds import Grounds, Manifest, environment, grounds, orders
from tests.e2e.road import client


@dataclass(slots=True)
class Desk:
    """A folder of manifests, and who sits before it."""

    made: Grounds
    folder: Path
    started: list[str] = field(default_factory=list)
    """The names of runs that were started while all is mute."""
    called: list[Call] = field(default_factory=list)
    """What the command called."""

    def mute(self) -> None:
        """Let runs be started and never begin."""

        def start(params: dict[str, Any]) -> dict[str, Any]:
            self.started += {params["name"]} - {*self.started}
            return {
                "executionArn": f"{params['stateMachineArn']}:{params['name']}",
                "startDate": self.made.cloud.clock.now(),
            }

        self.made.cloud.router.serve("stepfunctions", {"StartExecution": start})

    def write(self, *manifests: Manifest) -> None:
        """Write manifests into the folder."""
        for manifest in manifests:
            path = self.folder / "services" / f"{manifest['name']}.yaml"
            if "vpc" in manifest:
                path = self.folder / "environment.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(yaml.safe_dump(manifest))

    async def run(self, verb: str, *arguments: str, typed: str | None = None) -> Told:
        """Run the command to its end; time goes by for all while it waits."""

        def invoke() -> Told:
            return CliRunner().invoke(
                app,
                [verb, *arguments],
                input=typed,
                env={"SLIPWAY_ENVIRONMENT": "test", "AWS_REGION": REGION},
            )

        before = self.made.calls
        result = await blocking.spawn(invoke)
        calls = self.made.cloud.router.calls[before:]
        self.called += [call for call in calls if call.caller is None]
        return result

    def actions(self) -> set[str]:
        """Return the IAM actions that the command's calls needed."""
        session = get_session()
        return {
            action
            for call in self.called
            for action in actions(
                session.get_service_model(call.service), call.operation, call.params
            )
        }

    def begin(self, service: str) -> Rollout:
        """Write down that a rollout has begun."""
        now, record = self.made.cloud.clock.now(), self.made.service(service)
        cause = Cause(record.repository, "v1", DIGEST, now)
        release = release_of(record, DIGEST, subnet_ids=SUBNETS)
        rollout = Rollout(f"{service}-1", record, cause, release, now)
        self.made.journal.begin(rollout)
        return self.made.journal.set_sides(rollout, Sides(None, Slot.A, 0))

    async def on(self, verb: str, *arguments: str) -> Told:
        """Run a command on the folder."""
        return await self.run(verb, str(self.folder), *arguments)

    async def document(self, verb: str, *arguments: str) -> tuple[int, Any]:
        """Run a command on the folder with --json; return its code and document."""
        result = await self.on(verb, "--json", *arguments)
        assert result.stderr == ""
        return result.exit_code, json.loads(result.stdout)

    def files(self) -> dict[str, str]:
        """Return what lies in the bucket."""
        s3 = client("s3")
        listed = s3.list_objects_v2(Bucket=self.made.bucket).get("Contents", [])
        return {
            one["Key"]: s3.get_object(Bucket=self.made.bucket, Key=one["Key"])["Body"]
            .read()
            .decode()
            for one in listed
        }

    def versions(self) -> int:
        """Return how many versions of files there are, deletions among them."""
        found = client("s3").list_object_versions(Bucket=self.made.bucket)
        return len(found.get("Versions", [])) + len(found.get("DeleteMarkers", []))


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    """Start a cloud with Slipway in it, and write an environment of one service."""
    async with grounds() as made:
        outputs = made.cloud.stack.outputs
        stack = {
            "StackName": "slipway-test",
            "CreationTime": made.cloud.clock.now(),
            "StackStatus": "CREATE_COMPLETE",
            "Outputs": [
                {"OutputKey": key, "OutputValue": value}
                for key, value in outputs.items()
            ],
            "Parameters": [{"ParameterKey": "ClusterName", "ParameterValue": "test"}],
        }
        made.cloud.router.serve(
            "cloudformation", {"DescribeStacks": lambda _: {"Stacks": [stack]}}
        )
        before = patience._pause  # noqa: SLF001  one process has one way to wait
        patience.use(lambda seconds: blocking.wait(made.cloud.clock.sleep(seconds)))
        found = Desk(made, folder)
        found.write(environment(made.cloud.network), orders())
        try:
            yield found
        finally:
            patience.use(before)


def documented(sid: str) -> set[str]:
    """Return the actions of a policy that the manual shows."""
    text = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    found = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    documents = [json.loads(document) for document in found]
    (actions,) = [
        statement["Action"]
        for document in documents
        for statement in document.get("Statement", ())
        if statement["Sid"] == sid
    ]
    assert actions == sorted(actions)
    return set(actions)
