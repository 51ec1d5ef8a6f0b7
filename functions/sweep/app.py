"""Do what events should have started: reconcile, minute by minute, from the truth."""

from typing import Any

from slipway import clock
from slipway.reaction import reaction
from slipway.sweeping import recover_dead, start_missed
from slipway.wiring import App


def run(event: dict[str, Any], app: App) -> None:
    """Recover rollouts that died; start those whose push nobody heard of."""
    del event
    now = clock.now()
    recover_dead(now, app)
    start_missed(now, app)


handler = reaction(run)
