"""Make the cluster, log groups and the namespace, or keep them as manifests say."""

from slipway.domain.provision_run import ProvisionRequest
from slipway.domain.resources import Ids
from slipway.estate import Estate
from slipway.provision.cluster import cluster
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
    changes = keep(
        record,
        cluster(record),
        Ids(),
        app.clusters,
        app.log_groups,
        app.namespaces,
    )
    return Kept(words(changes))


handler = provision_stage(run)
