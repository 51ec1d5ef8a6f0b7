"""Giving Slipway a command, and waiting for its answer."""

from dataclasses import dataclass

from slipway.domain.control import Answer, Command
from slipway.errors import Refused, SlipwayError

from slipway_cli.location import Channel
from slipway_cli.patience import until

POLL_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a command that was sent."""

    command: Command
    answer: Answer | None
    """None where there was none in time, or where nobody waited."""
    problem: str | None = None
    """Why the answer could not be read."""


def send(command: Command, channel: Channel) -> Reply:
    """Send a command, unless it was answered before; the answer is then the same.

    Raises Refused where its id was another command's.
    """
    known = _answer(command, channel)
    if known is None:
        channel.events.command(command)
    return Reply(command, known)


def await_answer(sent: Reply, channel: Channel, timeout_seconds: float) -> Reply:
    """Wait for the answer to a command that was sent.

    From here on no error means that nothing is done: so it is a part of the reply.
    """
    command = sent.command
    try:
        answer = until(
            lambda: _answer(command, channel),
            timeout_seconds=timeout_seconds,
            every_seconds=POLL_SECONDS,
        )
    except SlipwayError as error:
        return Reply(command, None, str(error))
    return Reply(command, answer)


def _answer(command: Command, channel: Channel) -> Answer | None:
    answer = channel.journal.answer(command.service, command.id)
    if answer is not None and _meaning(answer.command) != _meaning(command):
        raise Refused(
            f"id {command.id} was given to another command ({answer.command.verb}, by "
            f"{answer.command.by}: {answer.command.why}); leave --id out, or take a "
            "new one"
        )
    return answer


def _meaning(command: Command) -> tuple[object, ...]:
    """Return what a command does, whoever gives it for whatever reason."""
    return command.verb, command.rollout_id, command.step, command.to
