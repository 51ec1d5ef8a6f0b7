"""Do what events should have started: reconcile, minute by minute, from the truth."""

from typing import Any

from slipway import clock
from slipway.estate import estate
from slipway.reaction import reaction
from slipway.sweeping import provision_missed, recover_dead, start_missed
from slipway.wiring import App


def run(event: dict[str, Any], app: App) -> None:
    """Recover rollouts that died; start what nobody heard that it was asked for."""
    del event
    now = clock.now()
    recover_dead(now, app)
    start_missed(now, app)
    provision_missed(estate())


handler = reaction(run)
