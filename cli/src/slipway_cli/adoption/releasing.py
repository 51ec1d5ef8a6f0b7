"""Giving an adopted service back: traffic first, then its manifest goes."""

from collections.abc import Callable
from uuid import uuid4

from slipway.domain.control import Command, Verb
from slipway.domain.rollout import Outcome
from slipway.domain.service import Slot
from slipway.errors import Refused
from slipway.gateways.journal import Journal

from slipway_cli.commands import await_answer, send
from slipway_cli.following import follow
from slipway_cli.location import Channel
from slipway_cli.lookup import Wanted

ANSWER_SECONDS = 60


def require_adopted(journal: Journal, service: str) -> None:
    """Raise Refused for a service that Slipway made itself."""
    name = journal.service(service).slots[Slot.A]
    if name == f"{service}-{Slot.A}":
        raise Refused(
            f"{service} was not adopted, there is nothing to give back: take its "
            "manifest out of the folder and apply that, to remove it"
        )


def bring_back(
    channel: Channel,
    service: str,
    *,
    why: str,
    timeout_seconds: float,
    tell: Callable[[str], None],
) -> Outcome | None:
    """Let the adopted slot serve again; return how the rollout to it ended.

    PROMOTED where it serves already, None where time was up.
    """
    state = channel.journal.state(service)
    if state is None or state.primary is Slot.A:
        return Outcome.PROMOTED
    command = Command(str(uuid4()), Verb.MOVE, service, channel.caller(), why)
    reply = await_answer(send(command, channel), channel, ANSWER_SECONDS)
    if reply.answer is None:
        raise Refused(reply.problem or "no answer came to the command; try again")
    if not reply.answer.accepted:
        raise Refused(reply.answer.reason)
    tell(reply.answer.reason)
    return follow(
        channel.journal,
        service,
        Wanted(reply.answer.rollout_id),
        timeout_seconds=timeout_seconds,
        tell=tell,
        is_coming=True,
    ).outcome
