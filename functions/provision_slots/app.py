"""Make both slots of some services, or keep their settings; never what they run.

A service in which a rollout is under way is left for later.
"""

from slipway import clock
from slipway.domain.provision_run import ProvisionRequest
from slipway.estate import Estate
from slipway.provision.desired import desired, grounds
from slipway.provisioning import (
    Kept,
    at_rest,
    claim,
    keep,
    look,
    provision_stage,
    record_of,
    still,
    words,
)


def run(request: ProvisionRequest, app: Estate) -> Kept:
    """Compare and write what differs, while no rollout can begin."""
    claim(request, app)
    record, known, waits = at_rest(record_of(request, app), request.services, app)
    wanted = desired(record, known, clock.now())
    ids, _ = look(
        record,
        grounds(record),
        app.namespaces,
        app.registry_services,
        app.security_groups,
        app.target_groups,
    )
    changes = keep(
        record,
        wanted,
        ids,
        app.first_revisions,
        app.ecs_services,
        hold=lambda change: still(change, known, app),
    )
    return Kept(words(changes), waits)


handler = provision_stage(run)
