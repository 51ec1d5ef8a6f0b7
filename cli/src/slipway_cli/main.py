"""The `slipway` command."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from slipway import clock
from slipway.domain.provision_run import Removal
from slipway.manifests.reading import ENVIRONMENT_FILE
from slipway.removing import plan_of

from slipway_cli import options
from slipway_cli.adoption.commands import add_adoption
from slipway_cli.applying import (
    PROVISION_SECONDS,
    apply,
    plan_facts,
    plan_lines,
    service_notes,
)
from slipway_cli.destroying import ENDS as DESTROYED
from slipway_cli.destroying import destroy as destroy_all
from slipway_cli.destroying import look
from slipway_cli.display import (
    as_json,
    as_tables,
    ended,
    followed_facts,
    say,
    status_facts,
    teller,
)
from slipway_cli.ending import end, placed, read_or_end, refuse
from slipway_cli.exits import CHANGES, Exit, of
from slipway_cli.failing import Explaining
from slipway_cli.following import follow
from slipway_cli.location import (
    Location,
    connect,
    open_estate,
    open_journal,
)
from slipway_cli.lookup import Wanted, require_service
from slipway_cli.manifests import read_folder, read_summary, reading_facts
from slipway_cli.scaffold import Given, scaffold
from slipway_cli.status import read_provision, read_status
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

    With them the provision run under way, and how the last one ended. It only reads.
    Its exit code: 0 all was read, whatever it says; 1 something could not be, and is
    named; 2 wrong usage.
    """
    sources = connect(Location(environment, journal_table, cluster, region))
    services = read_status(sources, service)
    now = clock.now()
    provision = read_provision(sources.journal, now)
    if as_document:
        typer.echo(as_json(status_facts(environment, services, provision, now)))
    else:
        Console().print(as_tables(environment, services, provision, now))
    problems = [provision.problem, *(found.problem for found in services)]
    if any(problem is not None for problem in problems):
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
def init(
    folder: options.NewFolder,
    *,
    environment: options.Environment,
    account: options.Account = None,
    region: options.Region = None,
    vpc: options.Vpc = None,
    subnet: options.Subnets = None,
    cluster: options.ExistingCluster = None,
) -> None:
    """Write the first manifests of an environment, with comments that teach.

    What is not given is called YOUR-...; a file that is there is never written over.
    Its exit code: 0 written; 1 a file is there, or cannot be written; 2 wrong usage.
    """
    subnets = subnet or []
    given = Given(environment, account, region, vpc, subnets, cluster)
    for path in scaffold(folder, given):
        typer.echo(f"wrote {path.as_posix()}")
    whole = all((account, region, vpc, subnets))
    todo = "" if whole else "put in what is called YOUR-..., then "
    typer.echo(f"next: {todo}slipway validate {folder.as_posix()}")


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


@app.command()
def plan(
    folder: options.ManifestFolder = Path(),
    *,
    environment: options.Environment,
    environment_file: options.EnvironmentFile = ENVIRONMENT_FILE,
    journal_table: options.JournalTable = None,
    cluster: options.Cluster = None,
    region: options.Region = None,
    as_document: options.AsDocument = False,
) -> None:
    """Show what `apply` would do with a folder of manifests. It only reads.

    Its exit code: 0 nothing to do; 2 there is something to do; 1 an error, or wrong
    usage; 9 it cannot be done; 10 the manifests do not hold.
    """
    reading = read_or_end(folder, environment_file, as_document=as_document)
    estate = open_estate(Location(environment, journal_table, cluster, region))
    record = placed(reading, estate, as_document=as_document)
    found = plan_of(record, None, estate)
    notes = tuple(service_notes(record, found))
    code = Exit.REFUSED if found.refusals else CHANGES if found.changes else Exit.DONE
    if as_document:
        facts = {"environment": environment, "exit_code": int(code)}
        typer.echo(as_json(facts | plan_facts(found, notes)))
    else:
        for line in plan_lines(found, notes):
            typer.echo(line)
    raise typer.Exit(code)


@app.command(name="apply")
def apply_manifests(
    folder: options.ManifestFolder = Path(),
    *,
    environment: options.Environment,
    environment_file: options.EnvironmentFile = ENVIRONMENT_FILE,
    timeout: options.Timeout = PROVISION_SECONDS,
    journal_table: options.JournalTable = None,
    cluster: options.Cluster = None,
    region: options.Region = None,
    as_document: options.AsDocument = False,
) -> None:
    """Upload a folder of manifests, and wait until the environment is as they say.

    Its exit code: 0 it is so, or will be once rollouts under way have ended; 1 an
    error; 2 wrong usage; 7 it failed half-way, run it again; 8 it did not end in time,
    and goes on; 9 it cannot be done; 10 the manifests do not hold.
    """
    reading = read_or_end(folder, environment_file, as_document=as_document)
    estate = open_estate(Location(environment, journal_table, cluster, region))
    placed(reading, estate, as_document=as_document)
    applied = apply(
        estate,
        folder,
        environment_file,
        timeout_seconds=timeout,
        tell=teller(as_document=as_document),
    )
    end(applied, as_document=as_document)


@app.command()
def destroy(
    *,
    environment: options.Environment,
    yes: options.Yes = False,
    logs: options.LogsToo = False,
    timeout: options.Timeout = PROVISION_SECONDS,
    journal_table: options.JournalTable = None,
    cluster: options.Cluster = None,
    region: options.Region = None,
    as_document: options.AsDocument = False,
) -> None:
    """Take away all that Slipway made in an environment; ask for its name first.

    Services drain before they go. Manifests stay in the bucket. Its exit code: 0 it is
    gone; 1 an error, or not confirmed; 2 wrong usage; 7 it failed half-way, run it
    again; 8 it did not end in time, and goes on; 9 a rollout is under way; 10 the
    manifests in the bucket do not hold.
    """
    if as_document and not yes:
        raise typer.BadParameter("with --json nobody is asked: say --yes too")
    estate = open_estate(Location(environment, journal_table, cluster, region))
    removal = Removal(logs)
    standing = look(estate, removal)
    if standing.problems:
        refuse(standing.problems, as_document=as_document)
    if standing.plan.refusals:
        told = tuple(map(str, standing.plan.refusals))
        refuse(told, Exit.REFUSED, as_document=as_document)
    if not as_document:
        for line in plan_lines(standing.plan, nothing="nothing of it is there"):
            typer.echo(line)
    if not standing.plan.changes:
        if as_document:
            typer.echo(as_json({"exit_code": Exit.DONE} | plan_facts(standing.plan)))
        raise typer.Exit(Exit.DONE)
    if not yes and typer.prompt("The environment's name, to confirm") != environment:
        say("that is another name: nothing was done", Exit.ERROR)
        raise typer.Exit(Exit.ERROR)
    tell = teller(as_document=as_document)
    ended = destroy_all(estate, removal, timeout_seconds=timeout, tell=tell)
    end(ended, DESTROYED, as_document=as_document)


add_adoption(app)
add_verbs(app)
