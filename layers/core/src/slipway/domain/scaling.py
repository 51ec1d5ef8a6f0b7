"""Which bounds autoscaling has on each slot, in each phase of a rollout.

Any update of a scalable target pulls its desired count inside the bounds at once (API
reference, RegisterScalableTarget). So no bounds here have a maximum below what a slot
needs to carry its traffic, and a slot that carries some is never bounded at 0.

While weights move nothing scales in, for each slot loses load by the shift itself, and
no scheduled action changes bounds; scale-out goes on. The slots' sum stays within the
maximum plus a `surge`, which ends with the rollout.
"""

from dataclasses import dataclass

from slipway.domain.capacity import tasks_for
from slipway.domain.service import Scaling


@dataclass(frozen=True, slots=True)
class Suspended:
    """Which kinds of scaling rest."""

    scale_in: bool
    scale_out: bool
    scheduled: bool


NOTHING = Suspended(scale_in=False, scale_out=False, scheduled=False)
ONLY_OUT = Suspended(scale_in=True, scale_out=False, scheduled=True)
"""Scale-out goes on, nothing else does: the bounds of a rollout."""
EVERYTHING = Suspended(scale_in=True, scale_out=True, scheduled=True)


@dataclass(frozen=True, slots=True)
class Target:
    """A scalable target: the bounds of one slot's desired count."""

    min_tasks: int
    max_tasks: int
    suspended: Suspended


IDLE = Target(0, 0, EVERYTHING)
"""Of a slot without tasks. The target itself stays: removing it removes its policies.
"""


def surge(scaling: Scaling, weight_percent: int) -> int:
    """Return how many tasks beyond the maximum both slots may have together.

    It is the candidate's largest size at a step: its share of the maximum. A candidate
    of 10 % of the traffic cannot grow to the size of the whole service by mistake.
    """
    return tasks_for(weight_percent, scaling.max_tasks)


def opened(scaling: Scaling, weight_percent: int, tasks: int) -> Target:
    """Return the candidate's bounds before it is launched: only the maximum rises."""
    return Target(0, max(surge(scaling, weight_percent), tasks), ONLY_OUT)


def stepping(scaling: Scaling, weight_percent: int, tasks: int) -> Target:
    """Return the candidate's bounds once it was given a step's `tasks`."""
    return Target(tasks, max(surge(scaling, weight_percent), tasks), ONLY_OUT)


def frozen(scaling: Scaling, base: int, desired: int) -> Target:
    """Return the primary's bounds while weights move.

    It keeps the `base` that all the traffic needed when the rollout began, to return
    to; one that somebody made larger than its maximum is not made smaller.
    """
    least = max(scaling.min_tasks, base)
    return Target(least, max(scaling.max_tasks, least, desired), ONLY_OUT)


def resting(scaling: Scaling) -> Target:
    """Return the bounds of a slot that serves alone, outside rollouts."""
    return Target(scaling.min_tasks, scaling.max_tasks, NOTHING)


def left(scaling: Scaling, desired: int) -> Target:
    """Return the bounds of a slot that keeps some traffic until a person comes."""
    return Target(
        min(scaling.min_tasks, desired), max(scaling.max_tasks, desired), NOTHING
    )


def falls_short(scaling: Scaling | None, desired: int, tasks: int) -> bool:
    """Whether a candidate has to be given a step's tasks.

    One that is autoscaled keeps what it scaled out to; another has its step's count.
    """
    return desired != tasks if scaling is None else desired < tasks


def grown_base(
    scaling: Scaling,
    base: int,
    *,
    primary: tuple[int, int],
    candidate: tuple[int, int],
    carries: bool,
) -> int:
    """Return how many tasks all of the traffic needs, now that scale-out took part.

    `primary` and `candidate` are each a pair: the tasks that the rollout gave or found,
    and the desired count of this moment. A slot above what it was given has scaled out
    for the share that it carries; then all that both have together is what both shares
    need, up to the maximum. Before the candidate carries anything, its tasks count for
    nothing.
    """
    grown = any(now > given for given, now in (primary, candidate))
    if not carries or not grown:
        return base
    return max(base, min(scaling.max_tasks, primary[1] + candidate[1]))
