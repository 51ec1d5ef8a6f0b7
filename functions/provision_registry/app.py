"""Make each service's name in the registry; ECS registers its tasks by it."""

from slipway import clock
from slipway.domain.provision_run import ProvisionRequest
from slipway.estate import Estate
from slipway.provision.desired import desired
from slipway.provisioning import (
    Kept,
    claim,
    keep,
    look,
    provision_stage,
    record_of,
    words,
)


def run(request: ProvisionRequest, app: Estate) -> Kept:
    """Compare and write what differs; what is as it should be is let be."""
    claim(request, app)
    record = record_of(request, app)
    wanted = desired(record, {}, clock.now())
    ids, _ = look(record, wanted, app.namespaces)
    changes = keep(record, wanted, ids, app.registry_services)
    return Kept(words(changes))


handler = provision_stage(run)
