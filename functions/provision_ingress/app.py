"""Make load balancers, listeners, target groups and rules, or keep them as asked for.

Weights are let be: they are the rollouts'.
"""

from slipway import clock
from slipway.domain.provision_run import ProvisionRequest
from slipway.estate import Estate
from slipway.provision.certificates import certificates
from slipway.provision.desired import desired
from slipway.provisioning import (
    Kept,
    claim,
    keep,
    look,
    provision_stage,
    record_of,
    standings,
    words,
)


def run(request: ProvisionRequest, app: Estate) -> Kept:
    """Compare and write what differs; what is as it should be is let be."""
    claim(request, app)
    record = record_of(request, app)
    wanted = desired(record, standings(record.names, app), clock.now())
    told = [one for one in certificates(record.environment) if not one.owned]
    ids, _ = look(record, told, app.certificates, app.security_groups)
    changes = keep(
        record,
        wanted,
        ids,
        app.load_balancers,
        app.listeners,
        app.target_groups,
        app.network_listeners,
        app.listener_rules,
    )
    return Kept(words(changes))


handler = provision_stage(run)
