"""Let what is closed lead to the slot that serves, once it is healthy there.

Such a rule or network listener is new, or was lost. Where it leads already, its weights
are let be.
"""

from slipway import clock
from slipway.domain.provision_run import ProvisionRequest
from slipway.domain.resources import Kind
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
    """Open what is closed, while no rollout can begin."""
    claim(request, app)
    record, known, waits = at_rest(record_of(request, app), request.services, app)
    wanted = desired(record, known, clock.now())
    routes = {Kind.ECS_SERVICE, Kind.ROUTE, Kind.NETWORK_ROUTE}
    closed = [one for one in wanted if one.kind in routes]
    ids, _ = look(
        record,
        [*grounds(record), *closed],
        app.load_balancers,
        app.listeners,
        app.target_groups,
        app.network_listeners,
        app.listener_rules,
        app.ecs_services,
    )
    changes = keep(
        record,
        wanted,
        ids,
        app.routes,
        app.network_routes,
        hold=lambda change: still(change, known, app),
    )
    return Kept(words(changes), waits)


handler = provision_stage(run)
