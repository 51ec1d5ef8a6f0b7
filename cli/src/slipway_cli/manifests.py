"""Reading a folder of manifests, and telling what is in them."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

from slipway.errors import NotFound
from slipway.manifests.reading import (
    ENVIRONMENT_FILE,
    SERVICES,
    SUFFIX,
    Reading,
    read,
)
from slipway.manifests.records import EnvironmentRecord, ServiceRecord


def read_folder(folder: Path, environment_file: str) -> Reading:
    """Read an environment's file and those in services/; problems name them from here.

    Raises NotFound for a file that is there and cannot be read.
    """
    reading = read(files_of(folder, environment_file), environment_file)
    return replace(
        reading,
        problems=tuple(
            replace(problem, file=(folder / problem.file).as_posix())
            for problem in reading.problems
        ),
    )


def contents(folder: Path, environment_file: str) -> dict[str, bytes]:
    """Return a folder's files by the paths that they have in a bucket."""
    files = files_of(folder, environment_file)
    if environment_file in files:
        files[ENVIRONMENT_FILE] = files.pop(environment_file)
    return files


def files_of(folder: Path, environment_file: str) -> dict[str, bytes]:
    """Return the environment's file and those in services/, by their paths."""
    paths = [folder / environment_file, *sorted((folder / SERVICES).rglob("*"))]
    return {
        path.relative_to(folder).as_posix(): _content(path)
        for path in paths
        if path.is_file()
    }


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}") from error


def service_path(folder: Path, service: str) -> Path:
    """Return where a service's manifest is."""
    return folder / SERVICES / f"{service}{SUFFIX}"


def reading_facts(reading: Reading) -> dict[str, object]:
    """Return what was read as data."""
    facts: dict[str, object] = {
        "problems": [asdict(problem) for problem in reading.problems]
    }
    record = reading.record
    if record is not None:
        facts |= {
            "environment": record.environment.name,
            "services": [_service_facts(service) for service in record.services],
            "flows": [asdict(flow) for flow in record.flows],
            "other_environments": list(record.other_environments),
        }
    return facts


def _service_facts(service: ServiceRecord) -> dict[str, object]:
    return {
        "name": service.manifest.name,
        "mode": service.mode,
        "reason": service.reason,
        "target_groups": [
            name for names in service.target_groups.values() for name in names.values()
        ],
        "notes": list(service.notes),
    }


def read_summary(reading: Reading) -> str:
    """Say in short what was read, or how much is wrong."""
    if reading.record is not None:
        return "\n".join(_lines(reading.record))
    problems = len(reading.problems)
    files = len({problem.file for problem in reading.problems})
    return f"slipway: {_many(problems, 'problem')} in {_many(files, 'file')}"


def _lines(record: EnvironmentRecord) -> Iterator[str]:
    environment = record.environment
    yield (
        f"environment {environment.name} in {environment.region}: "
        f"{_many(len(record.services), 'service')}, nothing wrong"
    )
    for service in record.services:
        yield f"{service.manifest.name}: {service.mode}: {service.reason}"
        yield from (f"  note: {note}" for note in service.notes)
    if record.other_environments:
        others = ", ".join(record.other_environments)
        yield f"changes for other environments: {others}; their shape was checked"


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
