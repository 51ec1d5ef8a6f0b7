"""Adopting a service: looked at, written down, marked, and provisioned."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slipway.adopting import checked, image_of
from slipway.errors import NotFound, Refused
from slipway.estate import Estate
from slipway.manifests.problems import Problem
from slipway.manifests.reading import SERVICES, SUFFIX, read
from slipway.manifests.records import EnvironmentRecord, ServiceRecord
from slipway.provision.load_balancers import load_balancers
from slipway.provision.records import service_of
from slipway.provisioning import look as look_at

from slipway_cli.adoption.judging import refusals
from slipway_cli.adoption.live import Clients, Live, look
from slipway_cli.adoption.taking import drop_other_policies, take
from slipway_cli.adoption.writing import CannotSay, Names, as_yaml, manifest_of
from slipway_cli.applying import Applied, apply
from slipway_cli.manifests import files_of, service_path


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asks for."""

    ecs_service: str
    service: str
    """What it will be called in manifests."""
    folder: Path
    environment_file: str
    execution_role: str | None = None
    task_role: str | None = None
    forced: bool = False


@dataclass(frozen=True, slots=True)
class Adoption:
    """A service that can be adopted, and how."""

    live: Live
    asked: Asked
    text: str
    """Its manifest."""
    is_new: bool
    """Whether that has to be written yet."""

    @property
    def path(self) -> Path:
        """Where its manifest is."""
        return service_path(self.asked.folder, self.asked.service)


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a service cannot be adopted: reasons, or problems of its manifest."""

    reasons: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def examine(
    asked: Asked, record: EnvironmentRecord, app: Estate, clients: Clients
) -> Adoption | Rejected:
    """Read all of a service, write nothing, and say how it is adopted, or why not."""
    live = look(clients, app.settings.cluster, asked.ecs_service)
    reasons = refusals(live, record.environment.name, forced=asked.forced)
    if reasons:
        return Rejected(tuple(reasons))
    ids, found = look_at(record, load_balancers(record.environment), app.load_balancers)
    names = Names(
        asked.service,
        {one.id: one.name for one in found},
        asked.execution_role,
        asked.task_role,
    )
    try:
        text = as_yaml(manifest_of(live, names, record.environment))
    except CannotSay as why:
        return Rejected((str(why),))
    adoption = _written(Adoption(live, asked, text, is_new=True))
    file = f"{SERVICES}{asked.service}{SUFFIX}"
    files = files_of(asked.folder, asked.environment_file)
    reading = read(files | {file: adoption.text.encode()}, asked.environment_file)
    if reading.record is None:
        return Rejected(problems=reading.problems)
    service = _service(reading.record, asked.service)
    try:
        described = service_of(service, record.environment, ids)
        release = checked(described, live.running, app)
        image_of(described, release, live.running, app)
    except Refused as why:
        return Rejected((str(why),))
    return adoption


def _written(adoption: Adoption) -> Adoption:
    """Return an adoption by the manifest that is there, where there is one for it."""
    path = adoption.path
    if not path.exists():
        return adoption
    text = path.read_text()
    if f"service: {adoption.live.name}\n" not in text or "\nadopted:" not in text:
        raise NotFound(
            f"{path} is there, and describes another service: name this one by --name"
        )
    return Adoption(adoption.live, adoption.asked, text, is_new=False)


def _service(record: EnvironmentRecord, name: str) -> ServiceRecord:
    return next(one for one in record.services if one.manifest.name == name)


def write(adoption: Adoption) -> None:
    """Write the manifest, unless it is there."""
    if adoption.is_new:
        adoption.path.parent.mkdir(parents=True, exist_ok=True)
        adoption.path.write_text(adoption.text)


def carry_out(
    adoption: Adoption,
    app: Estate,
    clients: Clients,
    *,
    timeout_seconds: float,
    tell: Callable[[str], None],
) -> Applied:
    """Mark what is adopted, apply the folder, and take other scaling policies away.

    Started again half-way, it completes.
    """
    asked = adoption.asked
    take(clients, adoption.live, asked.service, app.settings.environment)
    tell(f"{adoption.live.name} is marked as slot a of {asked.service}")
    applied = apply(
        app,
        asked.folder,
        asked.environment_file,
        timeout_seconds=timeout_seconds,
        tell=tell,
    )
    if applied.is_done:
        for name in drop_other_policies(clients, adoption.live):
            tell(f"scaling policy {name} went: one of Slipway's own is in its place")
    return applied
