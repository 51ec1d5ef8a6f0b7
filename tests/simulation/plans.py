"""What happens in a simulated world: releases, people, and everything that goes wrong.

A plan is drawn from a seed. Each act has a seed of its own for what it draws while it
runs, so that leaving one out changes nothing about the others: that is what makes a
broken plan small.
"""

from dataclasses import dataclass, replace
from random import Random

LEAST_SECONDS, HORIZON_SECONDS = 300, 1500
"""When releases after the first are pushed."""
ROLLOUT_SECONDS = 700
"""About how long a rollout takes."""

MISFORTUNES = {
    "throttles": "calls are refused, or fail with a server's error",
    "silences": "calls get no answer; some take effect, some of those late",
    "kills": "functions die before or after a call took effect",
    "slow calls": "calls take many seconds, and time to write runs out",
    "frozen stage": "a stage stands still for minutes in a call, then goes on",
    "lost answers": "stages fail before they run, after, or run twice",
    "events": "events come twice, late, in another order, or never",
    "stale reads": "ECS's reads show the past",
    "metrics": "CloudWatch has no data, old data, or no answer; its sums begin anew",
    "stop": "an execution is stopped, or its time is over",
    "sick tasks": "tasks fail their health checks for a while",
    "no capacity": "no task starts for a while, or none in one zone",
    "crash": "running tasks end by themselves",
    "other actor": "somebody changes weights, counts or revisions by hand",
    "nothing answers": "registry and metrics are both away",
    "update": "a version of Slipway that is one or two ahead is deployed over it",
    "command": "a person commands something",
    "sweep": "the sweep runs",
}
"""Every kind of act but pushes and demands, and what it is."""
MOMENTARY = frozenset({"command", "crash", "other actor", "stop", "sweep", "update"})
VARIANTS = {
    "alone": "a canary behind a rule, as most services are",
    "gated": "its pushes need approval, and wait while an alarm rings",
    "changing": "the same, and manifests say something else of it now and then",
    "by rule": "it rolls in batches, behind a rule",
    "by name": "it rolls in batches, and is found by its name alone",
    "sticky": "clients stay with a slot while both have weight",
    "network": "it is behind a Network Load Balancer, and counts for itself",
}
"""Every kind of service that a world may have."""
USUAL_SHARE = 0.4
"""Of worlds have a service of the first kind."""
HARMFUL = frozenset({"sick tasks", "no capacity", "crash", "other actor"})
"""What can cost requests, whatever Slipway does."""

FLAWS: dict[str, dict[str, object]] = {
    "good": {},
    "fails every fifth": {"fail_every": 5},
    "hangs": {"hang": True},
    "crashes at start": {"crash_at_start": True},
    "crashes later": {"crash_after_seconds": 90},
    "is unhealthy": {"unhealthy": True},
    "cannot be pulled": {"unpullable": True},
}
BAD = frozenset(FLAWS) - {"good"}
SCALED_SHARE = 0.3
"""Of worlds have a service that is autoscaled, and a demand that changes."""
APPROVED_SHARE = 0.8
"""Of pushes that need approval are approved; the others once everything is over."""
DYING = frozenset({"crashes later"})
"""Flaws with which a task that has traffic is gone before load balancers know."""


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that happens."""

    at: int
    """Modelled seconds since the world began."""
    kind: str
    """Of `MISFORTUNES`, or push, demand, approval, alarm or record."""
    seed: int
    seconds: int = 0
    """How long it lasts."""
    flaw: str = "good"
    """How a pushed release behaves: one of `FLAWS`."""

    def __str__(self) -> str:
        """Say it in a few words."""
        lasting = f" for {self.seconds} s" if self.seconds else ""
        what = f"push: {self.flaw}" if self.kind == "push" else self.kind
        return f"{what}{lasting}"


@dataclass(frozen=True, slots=True)
class Plan:
    """All that happens in one world."""

    seed: int
    min_tasks: int
    acts: tuple[Act, ...]
    """By time."""
    max_tasks: int | None = None
    """Where the service is autoscaled; it is not where there is none."""
    variant: str = "alone"
    """What kind of service it has: one of `VARIANTS`."""

    @property
    def is_harmful(self) -> bool:
        """Whether requests can be lost, whatever Slipway does."""
        return any(act.kind in HARMFUL or act.flaw in DYING for act in self.acts)

    @property
    def tasks(self) -> str:
        """How many tasks the service has at rest, as words."""
        most = "" if self.max_tasks is None else f" to {self.max_tasks}"
        return f"{self.min_tasks}{most}"

    def without(self, *left_out: int) -> "Plan":
        """Leave out acts, by their places."""
        kept = [act for n, act in enumerate(self.acts) if n not in left_out]
        return replace(self, acts=tuple(kept))


def variant_of(seed: int) -> str:
    """Return which kind of service the world of a seed has."""
    random = Random(f"kind of {seed}")  # noqa: S311  chance that can be repeated
    usual, *others = VARIANTS
    return usual if random.random() < USUAL_SHARE else random.choice(others)


def draw(seed: int, variant: str = "alone") -> Plan:
    """Draw the plan of a seed: a good release, one to three more, and what befalls.

    Whatever kind of service it has, the same befalls it.
    """
    plan = replace(_drawn(seed), variant=variant)
    if variant == "gated":
        return _gated(plan)
    return _changing(_gated(plan)) if variant == "changing" else plan


def _drawn(seed: int) -> Plan:
    random = Random(seed)  # noqa: S311  chance that can be repeated
    pushes = [Act(0, "push", random.getrandbits(32))]
    for _ in range(random.choice((1, 1, 2, 3))):
        flaw = random.choice(("good", random.choice(sorted(BAD))))
        at = random.randint(LEAST_SECONDS, HORIZON_SECONDS)
        pushes.append(Act(at, "push", random.getrandbits(32), flaw=flaw))
    misfortunes = [
        _misfortune(random.choice(pushes), random)
        for _ in range(random.choice((1, 1, 2, 3, 5)))
    ]
    min_tasks = random.choice((1, 2, 3, 4))
    demands, max_tasks = _scaling(min_tasks, random)
    acts = sorted([*pushes, *misfortunes, *demands], key=lambda act: act.at)
    return Plan(seed, min_tasks, tuple(acts), max_tasks)


def _gated(plan: Plan) -> Plan:
    """Let pushes need approval, which most get, and an alarm ring now and then."""
    random = Random(f"gates of {plan.seed}")  # noqa: S311  chance that can be repeated
    acts = list(plan.acts)
    for act in plan.acts:
        if act.kind == "push" and random.random() < APPROVED_SHARE:
            at = act.at + random.randint(5, ROLLOUT_SECONDS if act.at else 60)
            acts.append(Act(at, "approval", random.getrandbits(32)))
    for _ in range(random.choice((0, 1, 2))):
        at, seconds = random.randint(0, HORIZON_SECONDS), random.randint(20, 900)
        acts.append(Act(at, "alarm", random.getrandbits(32), seconds))
    return _with(plan, acts)


def _changing(plan: Plan) -> Plan:
    """Let the record of the service change a few times, while a push waits or later."""
    random = Random(f"records of {plan.seed}")  # noqa: S311  chance that can be repeated
    acts = list(plan.acts)
    for _ in range(random.choice((1, 2, 4))):
        push = random.choice([act for act in plan.acts if act.kind == "push"])
        at = max(0, push.at + random.randint(-20, ROLLOUT_SECONDS))
        acts.append(Act(at, "record", random.getrandbits(32)))
    return _with(plan, acts)


def _with(plan: Plan, acts: list[Act]) -> Plan:
    return replace(plan, acts=tuple(sorted(acts, key=lambda act: act.at)))


def _scaling(min_tasks: int, random: Random) -> tuple[list[Act], int | None]:
    """Draw a service's maximum, and when its demand changes, where it is autoscaled."""
    if random.random() >= SCALED_SHARE:
        return [], None
    times = [0] + [random.randint(0, HORIZON_SECONDS) for _ in range(3)]
    demands = [Act(at, "demand", random.getrandbits(32)) for at in times]
    return demands, min_tasks + random.choice((0, 2, 6))


def _misfortune(after: Act, random: Random) -> Act:
    kind = random.choice(sorted(MISFORTUNES))
    # One in two meets how a rollout begins, which takes seconds.
    offset = random.choice((-random.randint(0, 20), random.randint(0, ROLLOUT_SECONDS)))
    return Act(
        max(0, after.at + offset),
        kind,
        random.getrandbits(32),
        0 if kind in MOMENTARY else random.randint(20, ROLLOUT_SECONDS),
    )
