"""Make the groups, and let in who is to connect: exactly the pairs of manifests.

Pairs that nobody wants any more go once nobody uses them: see remove_surplus.
"""

from slipway.domain.provision_run import ProvisionRequest
from slipway.estate import Estate
from slipway.provision.load_balancers import load_balancers
from slipway.provision.security_groups import security_groups
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
    wanted = [*security_groups(record), *load_balancers(record.environment)]
    ids, _ = look(record, wanted, app.load_balancers)
    made = keep(record, wanted, ids, app.security_groups, app.security_group_rules)
    return Kept(words(made))


handler = provision_stage(run)
