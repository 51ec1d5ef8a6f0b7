"""Restore after a rollout whose execution died; a numbered attempt starts once."""

from typing import Any

from slipway.domain.deaths import read_death
from slipway.reaction import reaction
from slipway.recovering import recover
from slipway.wiring import App


def run(event: dict[str, Any], app: App) -> None:
    """Read which execution died; recover its rollout, if that is still open."""
    death = read_death(event)
    for known in app.journal.open_rollouts(death.service):
        # Later attempts are the sweep's: a restore that fails must not spin.
        if known.rollout_id == death.rollout_id and known.attempt == 0:
            recover(known, death.reason, death.outcome, app)


handler = reaction(run)
