"""`slipway adopt` and `slipway release-from`."""

from pathlib import Path

import typer
from slipway.manifests.reading import ENVIRONMENT_FILE, SERVICES, SUFFIX, read

from slipway_cli import options
from slipway_cli.adoption.adopting import Asked, Rejected, carry_out, examine, write
from slipway_cli.adoption.releasing import bring_back, require_adopted
from slipway_cli.applying import PROVISION_SECONDS, apply
from slipway_cli.display import teller
from slipway_cli.ending import end, placed, read_or_end, refuse
from slipway_cli.exits import Exit, of
from slipway_cli.location import Location, open_channel, open_clients, open_estate
from slipway_cli.manifests import files_of, service_path

RETURN_SECONDS = 7200
"""Until `release-from` gives up waiting for a rollout, with all of its bakes."""


def add_adoption(app: typer.Typer) -> None:
    """Add the commands that adopt a service and give it back."""
    app.command()(adopt)
    app.command()(release_from)


def adopt(
    ecs_service: options.EcsService,
    folder: options.ManifestFolder = Path(),
    *,
    environment: options.Environment,
    name: options.NewName = None,
    execution_role: options.ExecutionRole = None,
    task_role: options.TaskRole = None,
    force: options.Force = False,
    manifest_only: options.ManifestOnly = False,
    environment_file: options.EnvironmentFile = ENVIRONMENT_FILE,
    timeout: options.Timeout = PROVISION_SECONDS,
    journal_table: options.JournalTable = None,
    region: options.Region = None,
    as_document: options.AsDocument = False,
) -> None:
    """Bring an ECS service that runs under Slipway: no restart, no request lost.

    Its manifest is written into the folder's services/, then it is marked as slot a of
    a service and the folder is applied. Run again, it goes on. Its exit code: 0 done;
    1 an error; 2 wrong usage; 7 it failed half-way, run it again; 8 it did not end in
    time, and goes on; 9 it cannot be kept safe, and nothing was written; 10 manifests
    do not hold.
    """
    cluster, _, ecs_name = ecs_service.rpartition("/")
    reading = read_or_end(folder, environment_file, as_document=as_document)
    location = Location(environment, journal_table, cluster or None, region)
    estate = open_estate(location)
    record = placed(reading, estate, as_document=as_document)
    asked = Asked(
        ecs_name,
        name or ecs_name,
        folder,
        environment_file,
        execution_role,
        task_role,
        forced=force,
    )
    clients = open_clients(location)
    adoption = examine(asked, record, estate, clients)
    if isinstance(adoption, Rejected):
        if adoption.problems:
            refuse(tuple(map(str, adoption.problems)), as_document=as_document)
        refuse(adoption.reasons, Exit.REFUSED, as_document=as_document)
    write(adoption)
    tell = teller(as_document=as_document)
    tell(f"{'wrote' if adoption.is_new else 'goes by'} {adoption.path.as_posix()}")
    if manifest_only:
        raise typer.Exit(Exit.DONE)
    applied = carry_out(adoption, estate, clients, timeout_seconds=timeout, tell=tell)
    end(applied, as_document=as_document)


def release_from(
    service: options.ServiceName,
    folder: options.ManifestFolder = Path(),
    *,
    environment: options.Environment,
    why: options.Why = "it is given back",
    environment_file: options.EnvironmentFile = ENVIRONMENT_FILE,
    timeout: options.Timeout = RETURN_SECONDS,
    journal_table: options.JournalTable = None,
    cluster: options.Cluster = None,
    region: options.Region = None,
    as_document: options.AsDocument = False,
) -> None:
    """Give an adopted service back: it goes on serving, without Slipway.

    Traffic comes back into the ECS service that was there before, by a rollout of what
    serves; then its manifest is deleted, and the folder applied. Run again, it goes
    on. Its exit code: 0 done; 1 an error; 2 wrong usage; 3 to 7 how the rollout ended,
    where it was not promoted; 7 it failed half-way, too; 8 it did not end in time, and
    goes on; 9 it was never adopted, or cannot be given back; 10 manifests do not hold.
    """
    location = Location(environment, journal_table, cluster, region)
    path = service_path(folder, service)
    _require_others(folder, environment_file, service, as_document=as_document)
    channel, tell = open_channel(location), teller(as_document=as_document)
    if service in channel.journal.services():
        require_adopted(channel.journal, service)
        outcome = bring_back(
            channel, service, why=why, timeout_seconds=timeout, tell=tell
        )
        if (code := of(outcome)) is not Exit.DONE:
            said = f"traffic did not come back: {outcome or 'it is still on its way'}"
            refuse((said,), code, as_document=as_document)
    if path.exists():
        path.unlink()
        tell(f"deleted {path.as_posix()}")
    reading = read_or_end(folder, environment_file, as_document=as_document)
    estate = open_estate(location)
    placed(reading, estate, as_document=as_document)
    applied = apply(
        estate, folder, environment_file, timeout_seconds=timeout, tell=tell
    )
    end(applied, as_document=as_document)


def _require_others(
    folder: Path, environment_file: str, service: str, *, as_document: bool
) -> None:
    """End where manifests do not hold without a service: another one calls it."""
    files = files_of(folder, environment_file)
    files.pop(f"{SERVICES}{service}{SUFFIX}", None)
    problems = read(files, environment_file).problems
    if problems:
        refuse(tuple(map(str, problems)), as_document=as_document)
