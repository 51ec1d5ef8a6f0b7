"""Read the manifests as they are now, look at AWS, and say what has to be done.

Writes nothing but whose turn it is: run twice, it plans twice.
"""

from dataclasses import dataclass
from itertools import batched

from slipway import clock
from slipway.domain.provision_run import ProvisionRequest, Result, Version
from slipway.estate import Estate
from slipway.provision.settings import misplaced
from slipway.provisioning import provision_stage, validated, words
from slipway.removing import plan_of

SERVICES_EACH = 20
"""Services that one stage works on at a time: each takes it a second or two."""


@dataclass(frozen=True, slots=True)
class Planned:
    """There is something to do where it is the run's turn and `result` is None."""

    reason: str
    result: Result | None = None
    problems: tuple[str, ...] = ()
    versions: tuple[Version, ...] = ()
    services: tuple[tuple[str, ...], ...] = ()
    """Those that are to be changed, in parts."""
    is_our_turn: bool = True


def run(request: ProvisionRequest, app: Estate) -> Planned:
    """Refuse what does not hold; plan the rest."""
    other = app.journal.claim_provision(request.run, clock.now())
    if other is not None:
        return Planned(f"run {other} provisions", is_our_turn=False)
    versions = tuple(app.manifests.latest())
    record, problems = validated(app, versions)
    problems += () if record is None else misplaced(record.environment, app.settings)
    if record is None or problems:
        return Planned("manifests do not hold", Result.REFUSED, problems)
    plan = plan_of(record, request.removal, app)
    if plan.refusals:
        return Planned("it cannot be done", Result.REFUSED, words(plan.refusals))
    result = None if plan.changes else Result.DONE
    names = sorted({c.service for c in plan.changes if c.service} & record.names)
    parts = tuple(batched(names, SERVICES_EACH, strict=False))
    return Planned(f"{len(plan.changes)} changes", result, (), versions, parts)


handler = provision_stage(run)
