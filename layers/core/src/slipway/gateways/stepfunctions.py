"""Starting workflows, looking after them, and waking those that wait."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from slipway.gateways.failures import code_of, translated

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.client import SFNClient


WAIT_IS_OVER = frozenset({"InvalidToken", "TaskDoesNotExist", "TaskTimedOut"})
"""What SendTaskSuccess answers where nothing waits any more (API_SendTaskSuccess)."""


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

    def is_running(self, name: str) -> bool:
        """Whether the execution of that name runs; not, where there is none."""
        arn = self._state_machine_arn.replace(":stateMachine:", ":execution:")
        with translated(f"DescribeExecution {name}"):
            try:
                answer = self._client.describe_execution(executionArn=f"{arn}:{name}")
            except ClientError as error:
                if code_of(error) == "ExecutionDoesNotExist":
                    return False
                raise
        return answer["status"] == "RUNNING"


class Tokens:
    """Task tokens: what a waiting state can be woken by."""

    def __init__(self, client: SFNClient) -> None:
        self._client = client

    def wake(self, token: str) -> bool:
        """End a wait; return False where it was over already."""
        with translated("SendTaskSuccess"):
            try:
                self._client.send_task_success(taskToken=token, output="{}")
            except ClientError as error:
                if code_of(error) in WAIT_IS_OVER:
                    return False
                raise
        return True
