"""How a release becomes the primary. Bounds and defaults are the domain's."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from slipway.domain import opening, service
from slipway.domain.service import (
    ALL_TRAFFIC,
    FEWEST_REQUESTS,
    LONGEST_DELAY_SECONDS,
    LONGEST_LOOK_SECONDS,
    LONGEST_NAME,
    LONGEST_VALUE,
    MOST_DIMENSIONS,
    SHORTEST_BAKE_SECONDS,
    SHORTEST_LOOK_SECONDS,
    WEIGHTS_SETTLE_SECONDS,
    ApplicationMetric,
    JudgePolicy,
    RolloutPolicy,
    Step,
)
from slipway.manifests.fields import (
    Flag,
    FreeText,
    Number,
    Seconds,
    Section,
    Whole,
    Words,
    Zone,
    once,
    refused,
)

_POLICY = RolloutPolicy()
_JUDGE = JudgePolicy()
_Name = Annotated[
    str,
    Words(
        r"(?!:)[!-~][ -~]*",
        "ASCII text that begins neither with a space nor with a colon",
        LONGEST_NAME,
    ),
]
_Value = Annotated[
    str,
    Words("[!-~][ -~]*", "ASCII text that does not begin with a space", LONGEST_VALUE),
]
"""What CloudWatch takes as names and values of dimensions (API_Dimension)."""


class RolloutStep(Section):
    """One stage of a rollout."""

    weight: Annotated[int, Whole(1, ALL_TRAFFIC, "percent")]
    """The new release's share of the traffic, in batches of the tasks: 1 to 100 %."""
    bake: Annotated[int, Seconds(SHORTEST_BAKE_SECONDS)]
    """How long it must hold with that share: 1 s or more."""


class OwnMetric(Section):
    """Requests and failures as the application itself counts them, in CloudWatch.

    Both are sums, per minute, with the ECS service's name in a dimension: so each
    release has its own.
    """

    namespace: Annotated[
        str,
        Words(
            r"(?!AWS/|:)[\w./#: -]{1,255}", "a namespace of your own, not one of AWS/"
        ),
    ]
    """Their namespace."""
    requests: _Name
    """The metric that counts requests."""
    failures: _Name
    """The metric that counts those that failed. It must say 0, too: a release that
    sends none of it is not judged good."""
    slot_dimension: _Name = "ServiceName"
    """The dimension whose value is the ECS service's name: NAME-a or NAME-b, or that of
    an adopted one."""
    dimensions: Annotated[
        dict[_Name, _Value], Field(max_length=MOST_DIMENSIONS - 1)
    ] = Field(default_factory=dict)
    """Other dimensions that both have: at most 29."""

    @model_validator(mode="after")
    def _tells_apart(self) -> Self:
        if self.failures == self.requests:
            raise refused("another metric than requests", at=("failures",))
        if self.slot_dimension in self.dimensions:
            raise refused(
                f"other dimensions than {self.slot_dimension}, which has the name of "
                "each slot's ECS service",
                at=("dimensions", self.slot_dimension),
            )
        return self

    def counted(self) -> ApplicationMetric:
        """Return it as rollouts take it."""
        return ApplicationMetric(
            namespace=self.namespace,
            requests=self.requests,
            failures=self.failures,
            slot_dimension=self.slot_dimension,
            dimensions=dict(self.dimensions),
        )


class Judge(Section):
    """When a new release counts as good or bad."""

    max_failure_percent: Annotated[float, Number(0, 100, "percent")] = (
        _JUDGE.max_failure_percent
    )
    """How many of its requests may fail: 0 to 100 %."""
    max_increase_percent: Annotated[float, Number(0, 100, "points")] = (
        _JUDGE.max_increase_percent
    )
    """By how many points more than the old one's: 0 to 100."""
    min_requests: Annotated[int, Whole(FEWEST_REQUESTS, unit="requests")] = (
        _JUDGE.min_requests
    )
    """How many requests it takes to judge: 1 or more. With fewer it waits."""
    warmup: Annotated[int, Seconds(0)] = _JUDGE.warmup_seconds
    """How long after each shift nothing counts: 0 s or more."""
    metric_lateness: Annotated[int, Seconds(0)] = _JUDGE.metric_lateness_seconds
    """How old a minute of metrics is when it is complete: 0 s or more."""
    metric: OwnMetric | None = None
    """The application's own metrics, instead of the load balancer's: what gRPC, TCP and
    TLS need."""


class Gates(Section):
    """What must hold before a rollout of a push begins.

    What people ask for begins at once, and so does what they `promote`.
    """

    alarms: Annotated[
        tuple[Annotated[str, FreeText(255)], ...],
        Field(max_length=100),
        AfterValidator(once),
    ] = ()
    """CloudWatch alarms that must not be in alarm: at most 100 names. It waits for them
    for as long as `hold` says."""
    approval: Flag = False
    """Whether a person must `approve` it, within 7 days."""

    def policy(self) -> service.Gates:
        """Return them as rollouts take them."""
        return service.Gates(self.alarms, self.approval)


class OpenHours(Section):
    """When rollouts of pushes may begin. What people ask for begins at any time."""

    days: Annotated[
        tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...],
        Field(min_length=1),
        AfterValidator(once),
    ] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    """On which days."""
    opens: Annotated[
        str, Words(r"([01]\d|2[0-3]):[0-5]\d", "a time of day such as 09:30 or 22:15")
    ]
    """From when on: 00:00 to 23:59."""
    closes: Annotated[
        str, Words(r"([01]\d|2[0-3]):[0-5]\d", "a time of day such as 09:30 or 22:15")
    ]
    """Until when: 00:00 to 23:59, on the next day where that is before `opens`."""
    timezone: Zone = "UTC"
    """Whose clock."""

    @model_validator(mode="after")
    def _opens_at_all(self) -> Self:
        if self.opens == self.closes:
            raise refused("another time than opens", at=("closes",))
        return self

    def hours(self) -> opening.OpenHours:
        """Return them as rollouts take them."""
        return opening.OpenHours(self.days, self.opens, self.closes, self.timezone)


class Rollout(Section):
    """How a release becomes the primary."""

    strategy: Literal["canary", "batches"] | None = None
    """`canary` moves weights of load balancers and judges answers; `batches` goes by
    the health of tasks alone. Else canary where there is `http`, or `nlb` with a
    metric."""
    steps: Annotated[tuple[RolloutStep, ...], Field(min_length=1, max_length=20)] = (
        tuple(
            RolloutStep(weight=step.weight_percent, bake=step.bake_seconds)
            for step in _POLICY.steps
        )
    )
    """Its stages: weights rise, the last is 100. 1 to 20."""
    judge: Judge = Field(default_factory=Judge)
    """When the new release counts as good or bad."""
    look: Annotated[int, Seconds(SHORTEST_LOOK_SECONDS, LONGEST_LOOK_SECONDS)] = (
        _POLICY.look_seconds
    )
    """Between two looks at it: 1 to 300 s."""
    max_task_failures: Annotated[int, Whole(0, unit="tasks")] = (
        _POLICY.max_task_failures
    )
    """How many of its tasks may end badly: 0 or more."""
    supersede: Flag = _POLICY.supersede
    """Whether a newer push ends it. Else that one waits."""
    launch_timeout: Annotated[int, Seconds(1)] = _POLICY.launch_timeout_seconds
    """How long it may take to be healthy: 1 s or more."""
    hold: Annotated[int, Seconds(0)] = _POLICY.hold_seconds
    """How long it may stay unproven, a person being called, or kept back by alarms: 0 s
    or more."""
    retire_delay: Annotated[
        int, Seconds(WEIGHTS_SETTLE_SECONDS, LONGEST_DELAY_SECONDS)
    ] = _POLICY.retire_delay_seconds
    """How long the old release keeps its tasks, for instant return: 30 to 3600 s."""
    restore_timeout: Annotated[int, Seconds(1)] = _POLICY.restore_timeout_seconds
    """How long the old one may take to come back before a person is called: 1 s or
    more."""
    gates: Gates = Field(default_factory=Gates)
    """What must hold before it begins."""
    window: OpenHours | None = None
    """When one of a push may begin; else at any time."""

    @model_validator(mode="after")
    def _is_a_plan(self) -> Self:
        try:
            self.policy()
        except ValueError as error:
            raise refused(str(error), at=("steps",), found=self._shares()) from error
        last = self.steps[-1].weight
        if last != ALL_TRAFFIC:
            at = ("steps", len(self.steps) - 1, "weight")
            raise refused("the last step has weight 100", at=at, found=f"{last}")
        return self

    def _shares(self) -> str:
        return f"weights {', '.join(str(step.weight) for step in self.steps)}"

    def policy(self) -> RolloutPolicy:
        """Return it as rollouts take it; raises ValueError where they would not."""
        judge = self.judge
        return RolloutPolicy(
            steps=tuple(Step(step.weight, step.bake) for step in self.steps),
            judge=JudgePolicy(
                max_failure_percent=judge.max_failure_percent,
                max_increase_percent=judge.max_increase_percent,
                min_requests=judge.min_requests,
                warmup_seconds=judge.warmup,
                metric_lateness_seconds=judge.metric_lateness,
                metric=None if judge.metric is None else judge.metric.counted(),
            ),
            look_seconds=self.look,
            max_task_failures=self.max_task_failures,
            supersede=self.supersede,
            launch_timeout_seconds=self.launch_timeout,
            hold_seconds=self.hold,
            retire_delay_seconds=self.retire_delay,
            restore_timeout_seconds=self.restore_timeout,
            gates=self.gates.policy(),
            window=self.window.hours() if self.window else None,
        )
