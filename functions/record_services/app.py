"""Store the records that rollouts go by; roll out what has another shape now.

The registry is told what it says wrongly of services at rest. A rollout's name comes
from the release and the run, so that it is started once.
"""

from slipway import clock
from slipway.domain.provision_run import ProvisionRequest
from slipway.domain.resources import Kind, of_kind
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
from slipway.reshaping import may_be_ended, roll_out_anew, wanted_records


def run(request: ProvisionRequest, app: Estate) -> Kept:
    """Compare and store what differs, then start the releases that are due."""
    claim(request, app)
    record, known, waits = at_rest(record_of(request, app), request.services, app)
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
    told = of_kind(Kind.REGISTRY_ATTRIBUTES, desired(record, known, clock.now()))
    records = wanted_records(record, ids)
    changes = keep(
        record,
        [*records, *told],
        ids,
        app.records,
        app.registry_attributes,
        hold=lambda change: still(change, known, app),
    )
    waits += tuple(may_be_ended(records, known, app))
    started = roll_out_anew(records, known, request.run, app)
    return Kept((*words(changes), *started), waits)


handler = provision_stage(run)
