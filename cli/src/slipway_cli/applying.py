"""Applying a folder of manifests: what would change, and making it so."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from slipway.domain.planning import Change, Plan, Verb
from slipway.domain.provision_run import Removal, Report, Result, run_name
from slipway.estate import Estate
from slipway.manifests.reading import ENVIRONMENT_FILE, SERVICES
from slipway.manifests.records import EnvironmentRecord
from slipway.starting import start_provision

from slipway_cli.exits import Exit
from slipway_cli.manifests import contents
from slipway_cli.patience import until

POLL_SECONDS = 3
PROVISION_SECONDS = 1800
"""Until `apply` gives up waiting: a load balancer and a cluster take minutes."""
ENDS: Mapping[Result, Exit] = {
    Result.DONE: Exit.DONE,
    Result.WAITING: Exit.DONE,
    Result.REFUSED: Exit.REFUSED,
    Result.FAILED: Exit.FAILED,
}
"""What waiting for a run ends with. One that waits for rollouts is gone on with when
they have ended."""
_SIGNS = {
    Verb.MAKE: "+",
    Verb.CHANGE: "~",
    Verb.REMOVE: "-",
    Verb.ROLL_OUT: ">",
    Verb.GIVE_BACK: "<",
}


def plan_lines(
    plan: Plan,
    notes: Sequence[str] = (),
    nothing: str = "everything is as the manifests say",
) -> Iterator[str]:
    """Give a plan in lines: what is to be done, what differs, and why.

    `notes` say what else is to be known, `nothing` why there is nothing to do, where
    that is so.
    """
    for change in plan.changes:
        yield f"{_SIGNS[change.verb]} {change.kind} {change.name}"
        yield from _why(change)
    for refusal in plan.refusals:
        yield f"! {refusal.kind} {refusal.name}"
        yield f"    {refusal.reason}"
    yield from (f"note: {note}" for note in notes)
    yield _sum(plan, nothing)


def service_notes(record: EnvironmentRecord, plan: Plan) -> Iterator[str]:
    """Say of the services that a plan makes or changes how their releases roll out."""
    concerned = {change.service for change in plan.changes}
    for service in record.services:
        name = service.manifest.name
        if name in concerned:
            yield f"{name}: {service.mode}: {service.reason}"
            yield from (f"{name}: {note}" for note in service.notes)


def _why(change: Change) -> Iterator[str]:
    if not change.differences:
        yield f"    {change.reason}"
    for key, difference in change.differences.items():
        yield f"    {key}: {difference}"


def _sum(plan: Plan, nothing: str) -> str:
    if not plan.changes and not plan.refusals:
        return f"nothing to do: {nothing}"
    counts = {verb: sum(c.verb is verb for c in plan.changes) for verb in Verb}
    said = ", ".join(f"{count} to {verb}" for verb, count in counts.items() if count)
    refused = f"{len(plan.refusals)} that cannot be" if plan.refusals else ""
    return "; ".join(part for part in (said, refused) if part)


def plan_facts(plan: Plan, notes: Sequence[str] = ()) -> dict[str, object]:
    """Return a plan as data."""
    return {
        "changes": [asdict(change) for change in plan.changes],
        "refusals": [asdict(refusal) for refusal in plan.refusals],
        "notes": list(notes),
    }


@dataclass(frozen=True, slots=True)
class Applied:
    """What was uploaded, which run goes by it, and how that ended."""

    uploaded: tuple[str, ...]
    deleted: tuple[str, ...]
    run: str
    report: Report | None
    """None where it did not end in time."""

    @property
    def is_done(self) -> bool:
        """Whether everything is as manifests say, or will be once rollouts end."""
        return self.report is not None and ENDS[self.report.result] is Exit.DONE


def apply(
    app: Estate,
    folder: Path,
    environment_file: str,
    *,
    timeout_seconds: float,
    tell: Callable[[str], None],
) -> Applied:
    """Upload what differs from the bucket, take away what the folder has not, and wait.

    Uploads start a run by themselves; the one that is waited for is that of the files
    as they lie then, whoever starts it.
    """
    uploaded, deleted = _upload(app, contents(folder, environment_file))
    for path in uploaded:
        tell(f"uploaded {path}")
    for path in deleted:
        tell(f"deleted {path}")
    name = run_name(app.manifests.marks())
    if _has_ended(name, app):
        # These files were gone by before: look again what has become of AWS since.
        name = f"{name}-{uuid4().hex[:8]}"
    report = run_and_wait(app, name, timeout_seconds=timeout_seconds, tell=tell)
    return Applied(uploaded, deleted, name, report)


def _has_ended(name: str, app: Estate) -> bool:
    """Whether a run of that name was there, and is over, with a report or without."""
    if app.journal.provision(name) is not None:
        return True
    return not start_provision(name, app) and not app.provisions.is_running(name)


def run_and_wait(
    app: Estate,
    name: str,
    removal: Removal | None = None,
    *,
    timeout_seconds: float,
    tell: Callable[[str], None],
) -> Report | None:
    """Start a run unless it was started, and wait; return None where time was up."""
    start_provision(name, app, removal)
    tell(f"run {name}")
    return until(
        lambda: app.journal.provision(name),
        timeout_seconds=timeout_seconds,
        every_seconds=POLL_SECONDS,
    )


def _upload(
    app: Estate, files: Mapping[str, bytes]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    latest = app.manifests.latest()
    there = app.manifests.read(latest)
    uploaded = [path for path, content in files.items() if there.get(path) != content]
    ours = [p for p in there if p == ENVIRONMENT_FILE or p.startswith(SERVICES)]
    deleted = [path for path in ours if path not in files]
    for path in uploaded:
        app.manifests.put(path, files[path])
    for path in deleted:
        app.manifests.delete(path)
    return tuple(uploaded), tuple(deleted)


def applied_lines(applied: Applied) -> Iterator[str]:
    """Give in lines how a run ended."""
    report = applied.report
    if report is None:
        yield f"run {applied.run} has not ended yet, and goes on"
        return
    yield from report.problems
    yield from report.waits
    yield f"run {applied.run}: {report.result}"
