"""Releases that manifests ask for: the serving image in another shape."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from slipway.domain.release import Ask
from slipway.provision.records import wanted_record
from slipway.provisioning import release_due, undisturbed
from slipway.starting import next_moment, start

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from slipway.domain.resources import Ids, Wanted
    from slipway.estate import Estate
    from slipway.manifests.records import EnvironmentRecord
    from slipway.provision.standing import Standing

BY = "manifests"


def wanted_records(record: EnvironmentRecord, ids: Ids) -> list[Wanted]:
    """Return the records of services as resources."""
    return [wanted_record(one, record.environment, ids) for one in record.services]


def roll_out_anew(
    records: Sequence[Wanted], known: Mapping[str, Standing], run: str, app: Estate
) -> Iterator[str]:
    """Start a rollout for each service that serves another shape than is asked for.

    The cause is the image that serves, asked for anew. It comes after what has rolled
    out only, and no push begins meanwhile: one that has not begun is newer, and gets
    the shape when it begins.
    """
    for one in records:
        standing = known[one.name]
        why = release_due(one.once["record"], standing)
        if why is None or standing.state is None:
            continue
        serving = app.journal.rollout(one.name, standing.state.rollout_id).cause
        with undisturbed(one.name, known, app):
            at = next_moment(one.name, app)
            ask = Ask(run, BY, why, at, standing.state.rollout_id, anew=True)
            cause = replace(serving, ask=ask)
            started = start(one.name, cause, app)
        yield f"rollout {started}: {why}"


def may_be_ended(
    records: Sequence[Wanted], known: Mapping[str, Standing], app: Estate
) -> Iterator[str]:
    """Say which pushes that have not begun may end a rollout that is due, by service.

    Where such a push is rolled back, what serves has the old shape again.
    """
    for one in records:
        if release_due(one.once["record"], known[one.name]) is None:
            continue
        for push in app.journal.open_rollouts(one.name):
            reason = "waits, and may end the release of manifests when it begins"
            yield f"{one.name}: rollout {push.rollout_id} {reason}"
