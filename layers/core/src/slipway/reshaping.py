"""Releases that manifests ask for: the serving image in another shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.domain.release import Ask, Cause
from slipway.provision.records import wanted_record
from slipway.provisioning import release_due
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
    out only: a push that has not begun is newer, and gets the shape when it begins.
    """
    for one in records:
        standing = known[one.name]
        why = release_due(one.once["record"], standing)
        if why is None or standing.state is None:
            continue
        serving = app.journal.rollout(one.name, standing.state.rollout_id).cause
        at = next_moment(one.name, app)
        ask = Ask(run, BY, why, at, standing.state.rollout_id, anew=True)
        cause = Cause(
            serving.repository, serving.tag, serving.digest, serving.pushed_at, ask
        )
        yield f"rollout {start(one.name, cause, app)}: {why}"
