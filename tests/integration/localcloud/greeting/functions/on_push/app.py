"""Starts a greeting for each pushed name."""

import json
import os
from typing import Any

import boto3

_workflows = boto3.client("stepfunctions", region_name="eu-west-1")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Start one execution a record; a record without a name fails alone."""
    failed = []
    for record in event["Records"]:
        detail = json.loads(record["body"])["detail"]
        if "name" not in detail:
            failed.append({"itemIdentifier": record["messageId"]})
            continue
        _workflows.start_execution(
            stateMachineArn=os.environ["MACHINE"],
            name=detail["name"],
            input=json.dumps(detail),
        )
    return {"batchItemFailures": failed}
