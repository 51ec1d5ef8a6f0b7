"""Take away what no manifest asks for: drained first, in the order of dependence.

Each look does what can be done at its moment; started again half-way, it goes on.
"""

from dataclasses import dataclass

from slipway.domain.provision_run import ProvisionRequest
from slipway.estate import Estate
from slipway.provisioning import claim, provision_stage, record_of, words
from slipway.removing import clear_all, without_services
from slipway.retiring import retire_services

LOOK_SECONDS = 15
"""Until the next look: draining takes as long as its delay."""


@dataclass(frozen=True, slots=True)
class Removed:
    """There is more to do while `left` says what."""

    changes: tuple[str, ...]
    left: tuple[str, ...]
    waits: tuple[str, ...]
    wait_seconds: int = LOOK_SECONDS


def run(request: ProvisionRequest, app: Estate) -> Removed:
    """Retire services first; what they used goes once they are gone."""
    claim(request, app)
    record = record_of(request, app)
    staying = record if request.removal is None else without_services(record)
    retired = retire_services(staying, app)
    if retired.left or retired.waits:
        return Removed(words(retired.changes), retired.left, retired.waits)
    cleared = clear_all(record, request, app)
    done = words((*retired.changes, *cleared.changes))
    return Removed(done, cleared.left, cleared.waits)


handler = provision_stage(run)
