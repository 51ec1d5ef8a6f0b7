"""Store what a run did, tell who listens, and let the next run come."""

from dataclasses import dataclass

from slipway import clock
from slipway.domain.provision_run import ProvisionRequest, Report, Result
from slipway.errors import InvalidRecord
from slipway.estate import Estate
from slipway.gateways.events import NEEDS_A_PERSON, PROVISIONED
from slipway.provisioning import provision_stage
from slipway.stage import plain


@dataclass(frozen=True, slots=True)
class Recorded:
    """How the run ended."""

    result: Result
    problems: tuple[str, ...]
    waits: tuple[str, ...]


def run(request: ProvisionRequest, app: Estate) -> Recorded:
    """Write the report once more where it was written before: it is the same."""
    if request.result is None:
        raise InvalidRecord(f"run {request.run} came here without result")
    waits = tuple(sorted(set(request.waits)))
    result = request.result
    if result is Result.DONE and waits:
        result = Result.WAITING
    problems = tuple(map(plain, request.problems))
    report = Report(request.run, result, clock.now(), problems, waits)
    app.journal.finish_provision(report)
    facts = {
        "run": request.run,
        "result": result,
        "reason": "; ".join((*problems, *waits)),
    }
    app.events.announce(PROVISIONED, facts)
    if result in {Result.FAILED, Result.REFUSED}:
        app.events.announce(NEEDS_A_PERSON, facts)
    return Recorded(result, problems, waits)


handler = provision_stage(run)
