"""Start provisioning when a manifest was uploaded or deleted.

A run's name comes from all files as they lie in the bucket now: many uploads are few
runs, and an event that comes twice starts nothing twice.
"""

from typing import Any

from slipway.domain.provision_run import run_name
from slipway.estate import Estate, estate
from slipway.reaction import reaction
from slipway.starting import start_provision
from slipway.telemetry import logger


def run(event: dict[str, Any], app: Estate) -> None:
    """Look at the bucket: the event says only that something changed."""
    del event
    name = run_name(app.manifests.marks())
    started = start_provision(name, app)
    logger.info("run started" if started else "run is known", extra={"run": name})


handler = reaction(run, estate)
