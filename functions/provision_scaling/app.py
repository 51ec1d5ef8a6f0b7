"""Give both slots of some services their bounds, and what sizes them.

Giving bounds pulls the desired count inside them at once. It ends with those that hold
by then. A service in which a rollout is under way is left for later.
"""

from functools import partial

from slipway import clock
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
    claim(request, app)
    record, known, waits = at_rest(record_of(request, app), request.services, app)
    hold = partial(still, known=known, app=app)
    wanted = desired(record, known, clock.now())
    base = [*grounds(record), *of_kind(Kind.ECS_SERVICE, wanted)]
    ids, _ = look(record, base, app.load_balancers, app.target_groups, app.ecs_services)
    made = keep(
        record,
        wanted,
        ids,
        app.scalable_targets,
        app.scaling_policies,
        app.scheduled_actions,
        hold=hold,
    )
    wanted = desired(record, known, clock.now())
    made += keep(record, wanted, ids, app.scalable_targets, hold=hold)
    cleared = clear(
        record,
        wanted,
        ids,
        app.scalable_targets,
        app.scaling_policies,
        app.scheduled_actions,
        hold=hold,
    )
    return Kept(words((*made, *cleared.changes)), (*waits, *cleared.left))


handler = provision_stage(run)
