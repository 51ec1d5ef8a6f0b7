"""Taking a whole environment away: what that comes to, and doing it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import uuid4

from slipway.domain.planning import Plan
from slipway.domain.provision_run import Removal, Result
from slipway.estate import Estate
from slipway.provision.settings import misplaced
from slipway.provisioning import validated
from slipway.removing import removal_plan

from slipway_cli.applying import ENDS as PROVISIONED
from slipway_cli.applying import Applied, run_and_wait
from slipway_cli.exits import Exit

ENDS: Mapping[Result, Exit] = {**PROVISIONED, Result.WAITING: Exit.REFUSED}
"""A rollout that began meanwhile keeps its service: not all is gone."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the bucket says, and what taking it away comes to."""

    problems: tuple[str, ...]
    """Why the manifests cannot be gone by: what there is has no name then."""
    plan: Plan


def look(app: Estate, removal: Removal) -> Standing:
    """Read the manifests as they lie in the bucket, and look at AWS; write nothing."""
    record, problems = validated(app, tuple(app.manifests.latest()))
    problems += () if record is None else misplaced(record.environment, app.settings)
    if record is None or problems:
        return Standing(problems, Plan())
    return Standing((), removal_plan(record, removal, app))


def destroy(
    app: Estate,
    removal: Removal,
    *,
    timeout_seconds: float,
    tell: Callable[[str], None],
) -> Applied:
    """Start a run that wants nothing, and wait for its end.

    Each has a name of its own: one that failed is gone on with by the next.
    """
    name = f"destroy-{uuid4().hex[:16]}"
    report = run_and_wait(
        app, name, removal, timeout_seconds=timeout_seconds, tell=tell
    )
    return Applied((), (), name, report)
