"""How commands end that work by a folder of manifests: what is said, and the code."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

import typer
from slipway.domain.provision_run import Result
from slipway.estate import Estate
from slipway.manifests.reading import Reading
from slipway.manifests.records import EnvironmentRecord
from slipway.provision.settings import misplaced

from slipway_cli.applying import ENDS as PROVISIONED
from slipway_cli.applying import Applied, applied_lines
from slipway_cli.display import as_json, say
from slipway_cli.exits import Exit
from slipway_cli.manifests import read_folder, read_summary, reading_facts


def end(
    applied: Applied,
    ends: Mapping[Result, Exit] = PROVISIONED,
    *,
    as_document: bool,
) -> None:
    """Say how a run ended, and end so."""
    report = applied.report
    code = Exit.TIMED_OUT if report is None else ends[report.result]
    if as_document:
        typer.echo(as_json({"exit_code": code} | asdict(applied)))
    else:
        for line in applied_lines(applied):
            say(line, code)
    raise typer.Exit(code)


def refuse(
    problems: tuple[str, ...], code: Exit = Exit.INVALID, *, as_document: bool
) -> NoReturn:
    """Say why nothing is done, and end so."""
    if as_document:
        typer.echo(as_json({"exit_code": code, "problems": problems}))
    for problem in () if as_document else problems:
        say(problem, code)
    raise typer.Exit(code)


def read_or_end(folder: Path, environment_file: str, *, as_document: bool) -> Reading:
    """Read a folder; end with every problem where it does not hold."""
    reading = read_folder(folder, environment_file)
    if reading.record is None:
        code = Exit.INVALID
        if as_document:
            typer.echo(as_json({"exit_code": code} | reading_facts(reading)))
        else:
            for problem in reading.problems:
                typer.echo(str(problem))
            say(read_summary(reading), code)
        raise typer.Exit(code)
    return reading


def placed(reading: Reading, app: Estate, *, as_document: bool) -> EnvironmentRecord:
    """Return what a folder says; end where it is another environment's."""
    record = reading.record
    assert record is not None
    problems = misplaced(record.environment, app.settings)
    if problems:
        refuse(problems, as_document=as_document)
    return record
