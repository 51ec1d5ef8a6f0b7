"""Starting workflows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from slipway.gateways.failures import code_of, translated

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.client import SFNClient


class Workflows:
    """Executions of one state machine."""

    def __init__(self, client: SFNClient, state_machine_arn: str) -> None:
        self._client = client
        self._state_machine_arn = state_machine_arn

    def start(self, name: str, workflow_input: dict[str, Any]) -> bool:
        """Start an execution; return False where `name` was used before.

        A name is taken for 90 days after its execution ended (API_StartExecution).
        """
        with translated(f"StartExecution {name}"):
            try:
                self._client.start_execution(
                    stateMachineArn=self._state_machine_arn,
                    name=name,
                    input=json.dumps(workflow_input, sort_keys=True),
                )
            except ClientError as error:
                if code_of(error) == "ExecutionAlreadyExists":
                    return False
                raise
        return True
