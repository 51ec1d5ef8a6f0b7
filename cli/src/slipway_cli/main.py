"""The `slipway` command."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, NoRegionError
from rich.console import Console
from slipway import clock
from slipway.errors import (
    AccessDenied,
    InvalidRecord,
    NotFound,
    RetryableError,
    SlipwayError,
)

from slipway_cli.display import as_json, as_tables
from slipway_cli.location import Location, connect
from slipway_cli.status import read_status


class Exit(IntEnum):
    """What the command's exit code says; 2 is wrong usage."""

    FINE = 0
    UNREADABLE = 1
    """Something was shown, but not everything could be read."""
    NOT_FOUND = 3
    DENIED = 4
    UNAVAILABLE = 5
    """AWS, or the way to it, failed for now: trying again may work."""
    FAILED = 6


app = typer.Typer(
    help="Look after rollouts of microservices on ECS.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def slipway() -> None:
    """Look after rollouts of microservices on ECS."""


@app.command()
def status(
    service: Annotated[
        str | None, typer.Argument(help="One service; all where it is left out.")
    ] = None,
    *,
    environment: Annotated[
        str, typer.Option(envvar="SLIPWAY_ENVIRONMENT", help="Such as dev or prod.")
    ],
    journal_table: Annotated[
        str | None,
        typer.Option(
            envvar="SLIPWAY_JOURNAL_TABLE",
            help="The journal's table; else the stack slipway-ENVIRONMENT is asked.",
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            envvar="SLIPWAY_CLUSTER",
            help="The ECS cluster; else the stack slipway-ENVIRONMENT is asked.",
        ),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(envvar="AWS_REGION", help="Else your profile's region."),
    ] = None,
    as_document: Annotated[
        bool, typer.Option("--json", help="Print one JSON document.")
    ] = False,
) -> None:
    """Show each service's slots, weights, health, rollouts and last outcome.

    It only reads. Its exit code:

    0 all was read; 1 something could not be; 2 wrong usage; 3 no such environment or
    service; 4 access denied; 5 AWS cannot be reached; 6 anything else.
    """
    with _failures_explained():
        sources = connect(Location(environment, journal_table, cluster, region))
        services = read_status(sources, service)
    now = clock.now()
    if as_document:
        typer.echo(as_json(environment, services, now))
    else:
        Console().print(as_tables(environment, services, now))
    if any(found.problem is not None for found in services):
        raise typer.Exit(Exit.UNREADABLE)


@contextmanager
def _failures_explained() -> Iterator[None]:
    """End the command with a sentence, and a code for each kind of failure."""
    try:
        yield
    except NoRegionError as error:
        hint = "slipway: no region is set; give --region, or set AWS_REGION"
        typer.secho(hint, fg="red", err=True)
        raise typer.Exit(_code(error)) from error
    except (SlipwayError, BotoCoreError) as error:
        typer.secho(f"slipway: {error}", fg="red", err=True)
        raise typer.Exit(_code(error)) from error


def _code(error: Exception) -> Exit:
    match error:
        case NotFound():
            return Exit.NOT_FOUND
        case AccessDenied():
            return Exit.DENIED
        case RetryableError():
            return Exit.UNAVAILABLE
        case InvalidRecord():
            return Exit.UNREADABLE
        case _:
            return Exit.FAILED
