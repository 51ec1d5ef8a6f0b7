"""The `slipway` command."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from slipway import clock
from slipway.manifests.reading import ENVIRONMENT_FILE

from slipway_cli import options
from slipway_cli.display import (
    as_json,
    as_tables,
    ended,
    followed_facts,
    say,
    status_facts,
    teller,
)
from slipway_cli.exits import Exit, of
from slipway_cli.failing import Explaining
from slipway_cli.following import follow
from slipway_cli.location import Location, connect, open_journal
from slipway_cli.lookup import Wanted, require_service
from slipway_cli.manifests import read_folder, read_summary, reading_facts
from slipway_cli.status import read_status
from slipway_cli.verbs import ROLLOUT_SECONDS, add_verbs

app = typer.Typer(
    cls=Explaining,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def slipway() -> None:
    """Look after rollouts of microservices on ECS.

    Exit codes: 0 done, or promoted; 1 an error; 2 wrong usage; a rollout that was
    waited for: 3 rolled-back, 4 aborted, 5 superseded, 6 rejected, 7 failed; 8 time was
    up; 9 the command was refused; 10 manifests do not validate.
    """


@app.command()
def status(
    service: Annotated[
        str | None, typer.Argument(help="One service; all where it is left out.")
    ] = None,
    *,
    environment: options.Environment,
    journal_table: options.JournalTable = None,
    cluster: options.Cluster = None,
    region: options.Region = None,
    as_document: options.AsDocument = False,
) -> None:
    """Show each service's slots, weights, health, rollouts and last outcome.

    It only reads. Its exit code: 0 all was read; 1 something could not be, and is
    named; 2 wrong usage.
    """
    sources = connect(Location(environment, journal_table, cluster, region))
    services = read_status(sources, service)
    now = clock.now()
    if as_document:
        typer.echo(as_json(status_facts(environment, services, now)))
    else:
        Console().print(as_tables(environment, services, now))
    if any(found.problem is not None for found in services):
        raise typer.Exit(Exit.ERROR)


@app.command()
def wait(
    service: options.ServiceName,
    *,
    environment: options.Environment,
    rollout: options.WaitedRolloutId = None,
    digest: options.Digest = None,
    timeout: options.Timeout = ROLLOUT_SECONDS,
    journal_table: options.JournalTable = None,
    region: options.Region = None,
    as_document: options.AsDocument = False,
) -> None:
    """Wait until a rollout has ended, showing what it does.

    Its exit code: 0 promoted; 1 an error; 2 wrong usage; 3 rolled-back; 4 aborted;
    5 superseded; 6 rejected; 7 failed; 8 it did not end in time, and goes on.
    """
    if rollout is not None and digest is not None:
        raise typer.BadParameter("give --rollout or --digest, not both")
    journal = open_journal(Location(environment, journal_table, region=region))
    require_service(journal, service)
    wanted = Wanted(rollout, digest)
    followed = follow(
        journal,
        service,
        wanted,
        timeout_seconds=timeout,
        tell=teller(as_document=as_document),
    )
    code = of(followed.outcome)
    if as_document:
        facts = {"environment": environment, "service": service, "exit_code": code}
        typer.echo(as_json(facts | followed_facts(followed)))
    else:
        say(ended(followed, service, wanted, environment), code)
    raise typer.Exit(code)


@app.command()
def validate(
    folder: options.ManifestFolder = Path(),
    *,
    environment_file: options.EnvironmentFile = ENVIRONMENT_FILE,
    as_document: options.AsDocument = False,
) -> None:
    """Check an environment's manifests, all of them at once, without asking AWS.

    Each problem is one line: file:line:column: field: what was found; what is allowed.
    Its exit code: 0 all hold; 1 a file could not be read; 2 wrong usage; 10 they do
    not hold.
    """
    reading = read_folder(folder, environment_file)
    code = Exit.INVALID if reading.problems else Exit.DONE
    if as_document:
        facts = {"folder": str(folder), "exit_code": code}
        typer.echo(as_json(facts | reading_facts(reading)))
    else:
        for problem in reading.problems:
            typer.echo(str(problem))
        say(read_summary(reading), code)
    raise typer.Exit(code)


add_verbs(app)
