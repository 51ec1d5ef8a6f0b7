"""Make certificates and prove them, or keep them as manifests say.

ACM takes minutes to issue one: until then the stage is tried again. A request is named
by what it asks for, so that each certificate is requested once.
"""

from slipway.domain.provision_run import ProvisionRequest
from slipway.domain.resources import Ids
from slipway.estate import Estate
from slipway.provision.certificates import certificates
from slipway.provisioning import (
    Kept,
    claim,
    keep,
    provision_stage,
    record_of,
    words,
)


def run(request: ProvisionRequest, app: Estate) -> Kept:
    """Compare and write what differs; what is as it should be is let be."""
    claim(request, app)
    record = record_of(request, app)
    wanted = certificates(record.environment)
    changes = keep(record, wanted, Ids(), app.certificates)
    return Kept(words(changes))


handler = provision_stage(run)
