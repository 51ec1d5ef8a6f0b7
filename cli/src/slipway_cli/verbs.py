"""What people say to rollouts: each verb sends one command and shows its answer."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

import typer
from slipway.domain.control import Command, Verb
from slipway.errors import SlipwayError

from slipway_cli import options
from slipway_cli.commands import Reply, await_answer, send
from slipway_cli.display import (
    as_json,
    ended,
    followed_facts,
    named,
    replied,
    reply_facts,
    say,
    teller,
)
from slipway_cli.exits import Exit, of
from slipway_cli.failing import explain
from slipway_cli.following import follow
from slipway_cli.location import Channel, Location, open_channel
from slipway_cli.lookup import Wanted, require_service

ANSWER_SECONDS = 30.0
ROLLOUT_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Manner:
    """How a command is given, and how its answer is shown."""

    location: Location
    command_id: str | None
    by: str | None
    why: str
    answer_timeout: float
    no_wait: bool
    as_document: bool


@dataclass(frozen=True, slots=True)
class Meant:
    """What a command is about."""

    service: str | None
    rollout_id: str | None = None
    step: int | None = None
    to: str | None = None


def add_verbs(app: typer.Typer) -> None:
    """Add a command for each verb that a person may say."""
    for verb, summary in _STEERING.items():
        app.command(verb.value, help=summary)(_steering(verb))
    app.command()(skip)
    app.command()(retry)
    app.command()(undo)
    app.command()(move)
    for verb, summary in _FREEZING.items():
        app.command(verb.value, help=summary)(_freezing(verb))


# ----------------------------------------------------- a rollout under way

_STEERING = {
    Verb.PAUSE: "Keep a rollout where it is: its weights stay as they are.",
    Verb.RESUME: "Let a rollout that was paused go on.",
    Verb.PROMOTE: "Take a rollout straight to its last step, and promote it.",
    Verb.APPROVE: "Let a rollout begin that waits for approval; --rollout says which.",
    Verb.ABORT: "End a rollout: the old release gets all of the traffic back.",
}


def _steering(verb: Verb) -> Callable[..., None]:
    def steer(
        service: options.ServiceName,
        *,
        why: options.Why,
        environment: options.Environment,
        rollout: options.RolloutId = None,
        by: options.By = None,
        command_id: options.CommandId = None,
        answer_timeout: options.AnswerTimeout = ANSWER_SECONDS,
        no_wait: options.NoWait = False,
        journal_table: options.JournalTable = None,
        region: options.Region = None,
        as_document: options.AsDocument = False,
    ) -> None:
        where = Location(environment, journal_table, region=region)
        _give(
            verb,
            Meant(service, rollout),
            Manner(where, command_id, by, why, answer_timeout, no_wait, as_document),
        )

    return steer


def skip(
    service: options.ServiceName,
    *,
    why: options.Why,
    environment: options.Environment,
    rollout: options.RolloutId = None,
    step: options.StepNumber = None,
    by: options.By = None,
    command_id: options.CommandId = None,
    answer_timeout: options.AnswerTimeout = ANSWER_SECONDS,
    no_wait: options.NoWait = False,
    journal_table: options.JournalTable = None,
    region: options.Region = None,
    as_document: options.AsDocument = False,
) -> None:
    """End the bake of one step of a rollout, and go on to the next."""
    where = Location(environment, journal_table, region=region)
    _give(
        Verb.SKIP,
        Meant(service, rollout, step=step),
        Manner(where, command_id, by, why, answer_timeout, no_wait, as_document),
    )


# ----------------------------------------------------- a release once more


def retry(
    service: options.ServiceName,
    *,
    why: options.Why,
    environment: options.Environment,
    rollout: options.FailedRolloutId = None,
    wait: options.AndWait = False,
    timeout: options.Timeout = ROLLOUT_SECONDS,
    by: options.By = None,
    command_id: options.CommandId = None,
    answer_timeout: options.AnswerTimeout = ANSWER_SECONDS,
    no_wait: options.NoWait = False,
    journal_table: options.JournalTable = None,
    region: options.Region = None,
    as_document: options.AsDocument = False,
) -> None:
    """Roll out once more what was not promoted; prints the new rollout's id."""
    where = Location(environment, journal_table, region=region)
    _give(
        Verb.RETRY,
        Meant(service, rollout),
        Manner(where, command_id, by, why, answer_timeout, no_wait, as_document),
        follow_seconds=timeout if wait else None,
    )


def undo(
    service: options.ServiceName,
    *,
    why: options.Why,
    environment: options.Environment,
    to: options.ReleaseId = None,
    wait: options.AndWait = False,
    timeout: options.Timeout = ROLLOUT_SECONDS,
    by: options.By = None,
    command_id: options.CommandId = None,
    answer_timeout: options.AnswerTimeout = ANSWER_SECONDS,
    no_wait: options.NoWait = False,
    journal_table: options.JournalTable = None,
    region: options.Region = None,
    as_document: options.AsDocument = False,
) -> None:
    """Roll out the release before the present one; prints the new rollout's id."""
    where = Location(environment, journal_table, region=region)
    _give(
        Verb.UNDO,
        Meant(service, to=to),
        Manner(where, command_id, by, why, answer_timeout, no_wait, as_document),
        follow_seconds=timeout if wait else None,
    )


def move(
    service: options.ServiceName,
    *,
    why: options.Why,
    environment: options.Environment,
    wait: options.AndWait = False,
    timeout: options.Timeout = ROLLOUT_SECONDS,
    by: options.By = None,
    command_id: options.CommandId = None,
    answer_timeout: options.AnswerTimeout = ANSWER_SECONDS,
    no_wait: options.NoWait = False,
    journal_table: options.JournalTable = None,
    region: options.Region = None,
    as_document: options.AsDocument = False,
) -> None:
    """Roll the release that serves out into the other slot: its tasks are new then."""
    where = Location(environment, journal_table, region=region)
    _give(
        Verb.MOVE,
        Meant(service),
        Manner(where, command_id, by, why, answer_timeout, no_wait, as_document),
        follow_seconds=timeout if wait else None,
    )


# ----------------------------------------------------- freezing

_FREEZING = {
    Verb.FREEZE: "Keep the rollouts of a service where they are, until it is unfrozen.",
    Verb.UNFREEZE: "Let the rollouts of a service that was frozen go on.",
}


def _freezing(verb: Verb) -> Callable[..., None]:
    def freeze(
        service: options.OneService = None,
        *,
        why: options.Why,
        environment: options.Environment,
        whole: options.EnvironmentToo = False,
        by: options.By = None,
        command_id: options.CommandId = None,
        answer_timeout: options.AnswerTimeout = ANSWER_SECONDS,
        no_wait: options.NoWait = False,
        journal_table: options.JournalTable = None,
        region: options.Region = None,
        as_document: options.AsDocument = False,
    ) -> None:
        if whole is (service is not None):
            raise typer.BadParameter(
                "name one service, or say --all for the whole environment"
            )
        where = Location(environment, journal_table, region=region)
        _give(
            verb,
            Meant(service),
            Manner(where, command_id, by, why, answer_timeout, no_wait, as_document),
        )

    return freeze


# ----------------------------------------------------- what all have in common


def _give(
    verb: Verb, meant: Meant, manner: Manner, *, follow_seconds: float | None = None
) -> None:
    """Send a command, show its answer, and where asked follow the rollout it starts."""
    if manner.no_wait and follow_seconds is not None:
        raise typer.BadParameter("--wait needs the answer: leave --no-wait out")
    channel = open_channel(manner.location)
    if meant.service is not None:
        require_service(channel.journal, meant.service)
    reply = _reply(_command(verb, meant, manner, channel), manner, channel)
    code = _code(reply, manner)
    if not manner.as_document:
        say(replied(reply, channel.environment, waited=not manner.no_wait), code)
    facts = reply_facts(reply, channel.environment)
    if code is Exit.DONE and follow_seconds is not None:
        code, more = _follow(reply, manner, channel, follow_seconds)
        facts |= more
    if manner.as_document:
        typer.echo(as_json(facts | {"exit_code": code}))
    raise typer.Exit(code)


def _command(verb: Verb, meant: Meant, manner: Manner, channel: Channel) -> Command:
    return Command(
        id=manner.command_id or str(uuid4()),
        verb=verb,
        service=meant.service,
        by=manner.by or channel.caller(),
        why=manner.why,
        rollout_id=meant.rollout_id,
        step=meant.step,
        to=meant.to,
    )


def _reply(command: Command, manner: Manner, channel: Channel) -> Reply:
    sent = send(command, channel)
    if sent.answer is not None or manner.no_wait:
        return sent
    if not manner.as_document:
        what = named(command, channel.environment)
        say(f"{what}: sent as command {command.id}", Exit.DONE)
    return await_answer(sent, channel, manner.answer_timeout)


def _code(reply: Reply, manner: Manner) -> Exit:
    if reply.answer is None:
        return Exit.DONE if manner.no_wait else Exit.TIMED_OUT
    return Exit.DONE if reply.answer.accepted else Exit.REFUSED


def _follow(
    reply: Reply, manner: Manner, channel: Channel, timeout_seconds: float
) -> tuple[Exit, dict[str, object]]:
    """Follow the rollout that a command started; what goes wrong undoes no answer."""
    service = reply.command.service or ""
    wanted = Wanted(reply.answer.rollout_id if reply.answer else None)
    try:
        followed = follow(
            channel.journal,
            service,
            wanted,
            timeout_seconds=timeout_seconds,
            tell=teller(as_document=manner.as_document),
            is_coming=True,
        )
    except SlipwayError as error:
        if not manner.as_document:
            raise
        return Exit.ERROR, {"error": explain(error)}
    code = of(followed.outcome)
    if not manner.as_document:
        say(ended(followed, service, wanted, channel.environment), code)
    return code, {"waited": followed_facts(followed)}
