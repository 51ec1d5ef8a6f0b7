"""Give both slots of some services their bounds, and what sizes them.

Giving bounds pulls the desired count inside them at once. What sizes a slot and nobody
wants is taken away. A service in which a rollout is under way is left for later.
"""

from contextlib import AbstractContextManager

from slipway.domain.planning import Change
from slipway.domain.provision_run import ProvisionRequest
from slipway.domain.resources import Kind, of_kind
from slipway.estate import Estate
from slipway.provision.desired import desired, grounds
from slipway.provisioning import (
    Kept,
    at_rest,
    claim,
    clear,
    keep,
    look,
    provision_stage,
    record_of,
    still,
    words,
)


def run(request: ProvisionRequest, app: Estate) -> Kept:
    """Compare and write what differs, while no rollout can begin."""

    def hold(change: Change) -> AbstractContextManager[None]:
        return still(change, known, app)

    claim(request, app)
    record, known, waits = at_rest(record_of(request, app), request.services, app)
    wanted = desired(record, known)
    named = [*grounds(record), *of_kind(Kind.ECS_SERVICE, wanted)]
    ids, _ = look(
        record, named, app.load_balancers, app.target_groups, app.ecs_services
    )
    made = keep(
        record, wanted, ids, app.scalable_targets, app.scaling_policies, hold=hold
    )
    cleared = clear(
        record, wanted, ids, app.scalable_targets, app.scaling_policies, hold=hold
    )
    return Kept(words((*made, *cleared.changes)), (*waits, *cleared.left))


handler = provision_stage(run)
