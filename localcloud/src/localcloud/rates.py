"""How many API calls AWS takes: token buckets per account and Region, off by default.

```
rates = Rates(cloud.clock)
cloud.router.before(rates.check)
```

Each bucket holds `burst` tokens and regains `per_second`; a call takes one from every
bucket that it belongs to, or is throttled and takes none. Calls that AWS makes on its
own behalf have buckets of their own (elb-api-throttling), so only calls of the SDK
count here.

Not here, for their pages state no rate: ECR's DescribeImages (service-quotas of the
ECR user guide) and DynamoDB on demand. Not here either: Lambda's concurrency and Step
Functions' own transitions and nested starts, which 100 rollouts do not come near.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from localcloud.api import AwsError
from localcloud.clock import Clock

THROTTLED = "ThrottlingException"
IN_ONE_GO = 6
"""Calls of one bucket that a stage makes within a second: a shift lists rules three
times, writes one, and asks for the health of a group or two."""


@dataclass(frozen=True, slots=True)
class Rate:
    """One bucket as documented."""

    name: str
    service: str
    """By its boto3 name."""
    operations: frozenset[str]
    """Empty for all of the service's."""
    burst: float
    """How many calls at once, of a bucket that is full."""
    per_second: float
    """How many calls a second, for as long as one likes."""
    page: str
    """Where the figures stand, below https://docs.aws.amazon.com/."""
    code: str = THROTTLED

    def covers(self, service: str, operation: str) -> bool:
        """Say whether a call takes a token of this bucket."""
        if service != self.service:
            return False
        return not self.operations or operation in self.operations

    def slowed(self, factor: float) -> "Rate":
        """Return the same bucket, `factor` times as small and slow.

        So few services meet what many would. A burst stays as large as what one stage
        asks for in one go, for that does not become less.
        """
        return replace(
            self,
            burst=max(min(self.burst, IN_ONE_GO), self.burst / factor),
            per_second=self.per_second / factor,
        )

    def seconds_for(self, calls: int) -> float:
        """Return how long so many calls take at least, from a full bucket."""
        return max(0.0, (calls - self.burst) / self.per_second)


_ECS = "AmazonECS/latest/APIReference/request-throttling.html"
_ELB = "elasticloadbalancing/latest/userguide/elb-api-throttling.html"
_EVENTS = "eventbridge/latest/userguide/eb-quota.html"
_STATES = "step-functions/latest/dg/service-quotas.html"
_CLOUDWATCH = "AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html"


def _rate(name: str, of: str, burst: float, per_second: float, page: str) -> Rate:
    """Make a bucket of `SERVICE: OPERATION …`."""
    service, _, operations = of.partition(":")
    return Rate(name, service, frozenset(operations.split()), burst, per_second, page)


DOCUMENTED: tuple[Rate, ...] = (
    _rate(
        "ECS service modify",
        "ecs: CreateService DeleteService UpdateService",
        50,
        5,
        _ECS,
    ),
    _rate("ECS service read", "ecs: DescribeServices ListServices", 100, 20, _ECS),
    _rate(
        "ECS task definition modify",
        "ecs: DeregisterTaskDefinition RegisterTaskDefinition",
        20,
        1,
        _ECS,
    ),
    _rate(
        "ECS task definition read",
        "ecs: DescribeTaskDefinition ListTaskDefinitions ListTaskDefinitionFamilies",
        50,
        20,
        _ECS,
    ),
    _rate("ECS cluster resource read", "ecs: DescribeTasks ListTasks", 100, 20, _ECS),
    _rate("ELB account, all actions", "elbv2:", 40, 10, _ELB),
    _rate(
        "ELB non-mutating",
        "elbv2: DescribeListeners DescribeLoadBalancers DescribeRules DescribeTags "
        "DescribeTargetGroupAttributes DescribeTargetGroups DescribeTargetHealth",
        40,
        10,
        _ELB,
    ),
    _rate(
        "ELB mutating",
        "elbv2: AddTags CreateListener CreateRule CreateTargetGroup DeleteListener "
        "DeleteRule DeleteTargetGroup ModifyListener ModifyRule ModifyTargetGroup "
        "ModifyTargetGroupAttributes RemoveTags SetRulePriorities",
        20,
        3,
        _ELB,
    ),
    _rate("ELB registration", "elbv2: RegisterTargets DeregisterTargets", 20, 4, _ELB),
    # One figure is stated for each of these: so many within a second.
    replace(
        _rate("GetMetricData", "cloudwatch: GetMetricData", 500, 500, _CLOUDWATCH),
        code="Throttling",
    ),
    replace(
        _rate("DescribeAlarms", "cloudwatch: DescribeAlarms", 9, 9, _CLOUDWATCH),
        code="Throttling",
    ),
    _rate("PutEvents", "events: PutEvents", 10_000, 10_000, _EVENTS),
    _rate("StartExecution", "stepfunctions: StartExecution", 1_300, 300, _STATES),
)
"""Defaults of eu-west-1; most can be raised on request. The ELB page's account bucket
is shared by all actions of both kinds, so it binds before the others do."""


@dataclass(slots=True)
class Bucket:
    """A rate in use: its tokens, and what was asked of it."""

    rate: Rate
    tokens: float
    at: datetime
    """When the tokens were counted last."""
    taken: int = 0
    throttled: int = 0
    """Calls that this bucket, empty, refused; an other one may have refused it too."""
    by_operation: dict[str, int] = field(default_factory=dict)
    """Calls that were let through."""

    def refill(self, now: datetime) -> None:
        """Add what has come in since, up to the burst."""
        passed = max(0.0, (now - self.at).total_seconds())
        self.tokens = min(self.rate.burst, self.tokens + passed * self.rate.per_second)
        self.at = now

    @property
    def is_empty(self) -> bool:
        """Whether a call has to wait."""
        return self.tokens < 1

    def take(self, operation: str) -> None:
        """Let one call through."""
        self.tokens -= 1
        self.taken += 1
        self.by_operation[operation] = self.by_operation.get(operation, 0) + 1


class Rates:
    """All buckets of an account and Region, full at first."""

    def __init__(self, clock: Clock, rates: Sequence[Rate] = DOCUMENTED) -> None:
        self._clock = clock
        now = clock.now()
        self.buckets = [Bucket(rate, rate.burst, now) for rate in rates]

    def check(
        self,
        service: str,
        operation: str,
        params: Mapping[str, Any],
        caller: str | None,
    ) -> None:
        """Let a call through or raise the service's throttling error."""
        del params, caller
        now = self._clock.now()
        wanted = [b for b in self.buckets if b.rate.covers(service, operation)]
        for bucket in wanted:
            bucket.refill(now)
        empty = [bucket for bucket in wanted if bucket.is_empty]
        for bucket in empty:
            bucket.throttled += 1
        if empty:
            raise AwsError(empty[0].rate.code, "Rate exceeded")
        for bucket in wanted:
            bucket.take(operation)
