"""What a service is: its image, its slots, where it gets traffic, how it rolls out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase

from slipway.domain.opening import OpenHours
from slipway.domain.schedule import ScheduledBounds, holding
from slipway.domain.task_shape import TaskShape

WEIGHTS_SETTLE_SECONDS = 30
"""How long after a write some load balancer node may still act on the old weights. AWS
gives no figure; changes were seen to take seconds, so this errs on the long side."""

NETWORK_SETTLE_SECONDS = 600
"""The same for a Network Load Balancer: as long as ECS itself waits after it wrote
weights there, for connections may go by other ones meanwhile (Amazon ECS Developer
Guide, nlb-resources-for-blue-green)."""

LONGEST_DELAY_SECONDS = 3600
"""The longest an old slot is kept after promotion: the next rollout waits for it."""

SHORTEST_LOOK_SECONDS = 1
LONGEST_LOOK_SECONDS = 300
"""500 looks must end before their workflow does, after two days."""

SHORTEST_BAKE_SECONDS = 1
FEWEST_REQUESTS = 1
"""Silence is no proof."""

ALL_TRAFFIC = 100
"""Weights are percentages."""

MOST_DIMENSIONS = 30
"""Of a metric in CloudWatch (API_Metric)."""
LONGEST_NAME, LONGEST_VALUE = 255, 1024
"""Of namespaces, metrics and dimensions, and of dimensions' values (API_Dimension)."""


class Slot(StrEnum):
    """One of the two ECS services behind a microservice."""

    A = "a"
    B = "b"

    @property
    def other(self) -> "Slot":
        """The slot that is not this one."""
        return Slot.B if self is Slot.A else Slot.A


class Mode(StrEnum):
    """How a service's releases roll out."""

    CANARY = "canary"
    """By weights of load balancers, judged on requests: as an Application Load Balancer
    counts them, or the application itself."""
    BATCHES = "batches"
    """Task by task, on their health alone; by weights too where there are rules."""


@dataclass(frozen=True, slots=True)
class Binding:
    """Where a service's tasks receive traffic: one listener rule, one group per slot.

    The rule answers with a fixed response until a first release is healthy. A second
    rule that no request matches keeps both groups attached, so that both have a health
    verdict at any weight.

    A Network Load Balancer's listener is the service's own and has no rules: weights
    are in its default action, which always names both groups and can only forward.
    Until a first release is healthy it forwards to a third group, which has no targets.
    """

    listener_arn: str
    rule_arn: str | None
    """None on a Network Load Balancer."""
    parking_rule_arn: str | None
    """None on a Network Load Balancer."""
    target_group_arns: Mapping[Slot, str]
    vacant_group_arn: str | None = None
    """The group without targets, on a Network Load Balancer."""
    sticky: bool = False
    """Whether clients stay with a slot while both have weight."""

    def __post_init__(self) -> None:
        """Refuse what is neither a rule nor a listener of its own."""
        rules = [self.rule_arn is not None, self.parking_rule_arn is not None]
        if rules != [self.vacant_group_arn is None] * 2:
            raise ValueError(
                "a binding has rule_arn and parking_rule_arn or, on a Network Load "
                "Balancer, vacant_group_arn"
            )
        if self.sticky and self.is_network:
            raise ValueError("sticky is for rules: connections stay where they are")

    @property
    def is_network(self) -> bool:
        """Whether it is on a Network Load Balancer."""
        return self.vacant_group_arn is not None

    @property
    def carrier_arn(self) -> str:
        """What has the weights: its rule, or its listener."""
        return self.rule_arn or self.listener_arn


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of a rollout: the candidate's share, and how long it must hold."""

    weight_percent: int
    """1 to 100."""
    bake_seconds: int


@dataclass(frozen=True, slots=True)
class ApplicationMetric:
    """Requests and failures as the application itself counts them, in CloudWatch.

    Both are sums a minute. One dimension has the name of the slot's ECS service, so
    that each slot has its own.
    """

    namespace: str
    """Not one of AWS/, which nobody else may write to."""
    requests: str
    failures: str
    slot_dimension: str = "ServiceName"
    dimensions: Mapping[str, str] = field(default_factory=dict)
    """Those that both metrics have besides."""

    def __post_init__(self) -> None:
        """Refuse what CloudWatch could not have, and what could not be judged by."""
        names = self.namespace, self.requests, self.failures, self.slot_dimension
        for name in (*names, *self.dimensions):
            if not 1 <= len(name) <= LONGEST_NAME:
                raise ValueError(
                    f"metric: names have 1 to {LONGEST_NAME} characters, not {name!r}"
                )
        if not all(1 <= len(v) <= LONGEST_VALUE for v in self.dimensions.values()):
            raise ValueError(
                f"metric.dimensions: values have 1 to {LONGEST_VALUE} characters"
            )
        if self.namespace.startswith(("AWS/", ":")):
            raise ValueError(
                f"metric.namespace must be the application's own, not {self.namespace}"
            )
        if self.requests == self.failures:
            raise ValueError(
                f"metric.failures must be another metric than requests, {self.requests}"
            )
        if self.slot_dimension in self.dimensions:
            raise ValueError(
                f"metric.dimensions: {self.slot_dimension} is each slot's own"
            )
        if 1 + len(self.dimensions) > MOST_DIMENSIONS:
            raise ValueError(
                f"metric.dimensions must be at most {MOST_DIMENSIONS - 1}, "
                f"not {len(self.dimensions)}"
            )

    def __str__(self) -> str:
        """Say which it is."""
        return f"{self.requests} and {self.failures} of {self.namespace}"


@dataclass(frozen=True, slots=True)
class JudgePolicy:
    """When a candidate counts as good or bad.

    A candidate is bad when it fails more than `max_failure_percent` of its requests
    and more than the primary by over `max_increase_percent` points, both measured over
    the same settled minutes and at least `min_requests` requests.
    """

    max_failure_percent: float = 1.0
    max_increase_percent: float = 0.5
    min_requests: int = 50
    warmup_seconds: int = 30
    """Time after a shift that is not judged, for caches to fill. 0 catches a bad
    release a minute sooner, and cold starts with it."""
    metric_lateness_seconds: int = 120
    """A minute younger than this is not complete in CloudWatch."""
    metric: ApplicationMetric | None = None
    """What is judged by instead of load balancers' answers, where it is given."""

    def __post_init__(self) -> None:
        """Refuse to take silence for proof."""
        if self.min_requests < FEWEST_REQUESTS:
            raise ValueError(
                f"min_requests must be {FEWEST_REQUESTS} or more, "
                f"not {self.min_requests}"
            )


@dataclass(frozen=True, slots=True)
class Gates:
    """What must hold before a rollout of a push begins."""

    alarms: tuple[str, ...] = ()
    """CloudWatch alarms, up to 100, that must not ring."""
    approval: bool = False
    """Whether a person must approve it."""


@dataclass(frozen=True, slots=True)
class RolloutPolicy:
    """How a release becomes the primary. Durations in seconds."""

    steps: tuple[Step, ...] = (Step(10, 300), Step(50, 300), Step(100, 300))
    judge: JudgePolicy = field(default_factory=JudgePolicy)
    look_seconds: int = 15
    """Between two looks at a candidate."""
    max_task_failures: int = 0
    """Tasks of a candidate that may end badly before it is rolled back."""
    supersede: bool = True
    """Whether a rollout ends one of an older cause, or waits for its end."""
    launch_timeout_seconds: int = 900
    hold_seconds: int = 3600
    """How long an inconclusive step holds, paging, before it is rolled back, and alarms
    keep a push back before it is rejected."""
    retire_delay_seconds: int = 600
    """How long the old slot keeps its capacity after promotion, for instant return."""
    restore_timeout_seconds: int = 900
    """How long the old slot may take to regain capacity before a person is paged."""
    gates: Gates = field(default_factory=Gates)
    window: OpenHours | None = None
    """When rollouts of pushes may begin; None for any time."""

    def __post_init__(self) -> None:
        """Refuse a plan that cannot be carried out."""
        shares = [step.weight_percent for step in self.steps]
        if shares != sorted(set(shares)) or not all(
            1 <= s <= ALL_TRAFFIC for s in shares
        ):
            raise ValueError(f"steps must rise from 1 to 100 %, not {shares}")
        if any(step.bake_seconds < SHORTEST_BAKE_SECONDS for step in self.steps):
            raise ValueError(
                f"each step's bake_seconds must be {SHORTEST_BAKE_SECONDS} or more"
            )
        least, most = WEIGHTS_SETTLE_SECONDS, LONGEST_DELAY_SECONDS
        if not least <= self.retire_delay_seconds <= most:
            raise ValueError(
                f"retire_delay_seconds must be {least} to {most}, "
                f"not {self.retire_delay_seconds}: weights take time to spread, "
                "and the next rollout waits"
            )
        least, most = SHORTEST_LOOK_SECONDS, LONGEST_LOOK_SECONDS
        if not least <= self.look_seconds <= most:
            raise ValueError(
                f"look_seconds must be {least} to {most}, not {self.look_seconds}"
            )


@dataclass(frozen=True, slots=True)
class Scaling:
    """Between which bounds autoscaling sizes a service; both are tasks."""

    min_tasks: int
    """1 or more, and no fewer than the service's own."""
    max_tasks: int
    schedule: tuple[ScheduledBounds, ...] = ()
    """Other bounds from some times on; these hold until the first of them comes."""

    def __post_init__(self) -> None:
        """Refuse bounds that make no sense."""
        if not 1 <= self.min_tasks <= self.max_tasks:
            raise ValueError(
                f"scaling: 1 <= min_tasks <= max_tasks must hold, "
                f"not {self.min_tasks} and {self.max_tasks}"
            )

    def at(self, now: datetime) -> "Scaling":
        """Return the bounds that hold at a moment, without a schedule."""
        one = holding(self.schedule, now) or self
        return Scaling(one.min_tasks, one.max_tasks)

    @property
    def least(self) -> int:
        """The lowest minimum of all times."""
        return min([self.min_tasks, *(one.min_tasks for one in self.schedule)])

    @property
    def most(self) -> int:
        """The highest maximum of all times."""
        return max([self.max_tasks, *(one.max_tasks for one in self.schedule)])


@dataclass(frozen=True, slots=True)
class Service:
    """One microservice as its record in the journal describes it."""

    name: str
    repository: str
    """The ECR repository's name, without registry host."""
    registry: str
    """The ECR registry's host, such as 111122223333.dkr.ecr.eu-west-1.amazonaws.com."""
    slots: Mapping[Slot, str]
    """The ECS service of each slot."""
    task: TaskShape
    bindings: tuple[Binding, ...]
    """None where callers find its tasks by name alone: whoever has tasks gets
    requests, by how many they are."""
    min_tasks: int
    max_tasks: int
    tag_pattern: str = "*"
    """Which tags roll out: a shell-style pattern, matched case-sensitively."""
    rollout: RolloutPolicy = field(default_factory=RolloutPolicy)
    scaling: Scaling | None = None
    """None where nothing but rollouts and people change its desired count."""
    subnet_ids: tuple[str, ...] = ()
    """Where its tasks run; none for the subnets that Slipway was deployed with."""
    mode: Mode = Mode.CANARY
    registry_service_id: str | None = None
    """Its service in Cloud Map, which is told of weights; None where it has none."""

    def __post_init__(self) -> None:
        """Refuse bounds and slots that make no sense."""
        if not 1 <= self.min_tasks <= self.max_tasks:
            raise ValueError(
                f"1 <= min_tasks <= max_tasks must hold, "
                f"not {self.min_tasks} and {self.max_tasks}"
            )
        if self.scaling is not None and self.scaling.least < self.min_tasks:
            raise ValueError(
                f"scaling.min_tasks must be {self.min_tasks}, the service's own, "
                f"or more, not {self.scaling.least}"
            )
        metric = self.rollout.judge.metric
        counted = [one for one in self.bindings if metric or not one.is_network]
        if not counted and self.mode is Mode.CANARY:
            raise ValueError(
                "bindings must name a rule where mode is canary, or a listener where "
                "rollout.judge.metric is given: without an Application Load Balancer "
                "nobody but the application counts requests; mode batches goes by "
                "health alone"
            )
        if self.rollout.retire_delay_seconds < self.settle_seconds:
            raise ValueError(
                f"rollout.retire_delay_seconds must be {self.settle_seconds} or more "
                "behind a Network Load Balancer, "
                f"not {self.rollout.retire_delay_seconds}: so long may it act on old "
                "weights"
            )
        if set(self.slots) != set(Slot):
            raise ValueError(f"slots must name a and b, not {sorted(self.slots)}")

    @property
    def settle_seconds(self) -> int:
        """How long after a write some load balancer may still act on old weights."""
        return NETWORK_SETTLE_SECONDS if self._on_network else WEIGHTS_SETTLE_SECONDS

    @property
    def spread_seconds(self) -> int:
        """How long after a write what is judged may still go by older weights.

        Applications count what comes from Network Load Balancers, too. Rules take less
        than a warm-up.
        """
        counts = self.rollout.judge.metric is not None
        return NETWORK_SETTLE_SECONDS if counts and self._on_network else 0

    @property
    def _on_network(self) -> bool:
        return any(binding.is_network for binding in self.bindings)

    @property
    def sticky(self) -> bool:
        """Whether clients stay with a slot, in any binding, while both have weight."""
        return any(binding.sticky for binding in self.bindings)

    def least_tasks(self, now: datetime) -> int:
        """Return how many tasks it has at least, by the bounds of a moment."""
        if self.scaling is None or not self.scaling.schedule:
            return self.min_tasks
        return self.scaling.at(now).min_tasks

    def hears(self, tag: str) -> bool:
        """Whether a push of `tag` is for this service."""
        return fnmatchcase(tag, self.tag_pattern)

    def slot_of(self, ecs_service: str) -> Slot | None:
        """Return the slot that an ECS service's name stands for."""
        return next((s for s, name in self.slots.items() if name == ecs_service), None)
