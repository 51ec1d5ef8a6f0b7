"""Remember what adopted services run, as the first release of each.

Nothing of theirs is changed. What the journal knows already is let be.
"""

from slipway.adopting import adopt
from slipway.domain.provision_run import ProvisionRequest
from slipway.domain.service import Slot
from slipway.estate import Estate
from slipway.provision.desired import grounds
from slipway.provision.records import service_of
from slipway.provisioning import (
    Kept,
    at_rest,
    claim,
    look,
    provision_stage,
    record_of,
)


def run(request: ProvisionRequest, app: Estate) -> Kept:
    """Look at what runs, and store it while no rollout can begin."""
    claim(request, app)
    record, known, waits = at_rest(record_of(request, app), request.services, app)
    new = [
        one
        for one in record.services
        if one.manifest.adopted and known[one.manifest.name].state is None
    ]
    if not new:
        return Kept((), waits)
    ids, _ = look(
        record,
        grounds(record),
        app.namespaces,
        app.security_groups,
        app.load_balancers,
        app.registry_services,
        app.listeners,
        app.target_groups,
        app.network_listeners,
        app.listener_rules,
    )
    adopted = [
        adopt(service_of(one, record.environment, ids), Slot.A, app) for one in new
    ]
    return Kept(tuple(adopted), waits)


handler = provision_stage(run)
