"""Carry out what a person commands; each command's id makes it count once."""

from dataclasses import asdict
from typing import Any

from slipway.commanding import obey
from slipway.domain.control import read_command
from slipway.reaction import reaction
from slipway.telemetry import logger
from slipway.wiring import App


def run(event: dict[str, Any], app: App) -> None:
    """Read the command, decide, store the answer, wake who has to heed it."""
    command = read_command(event, app.settings.environment)
    if command is None:
        return
    answer = obey(command, app)
    logger.info(
        "command accepted" if answer.accepted else "command refused",
        extra={
            **asdict(command),
            "service_name": command.service,
            "rollout_id": answer.rollout_id,
            "reason": answer.reason,
        },
    )


handler = reaction(run)
