"""How many requests a bad release may fail before it is caught. Pure.

weight x its failure rate x request rate x (metric lateness + period + look interval
+ time to the minimum samples + weight delay + time to restore)
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from slipway.domain.service import RolloutPolicy

from localcloud.delays import Delays


@dataclass(frozen=True, slots=True)
class Bound:
    """The factors of the bound. Times and rates are modelled ones."""

    weight: float
    """The first step's share, 0 to 1."""
    failure_rate: float
    """The release's own, 0 to 1."""
    requests_per_second: float
    metric_lateness_seconds: float
    metric_period_seconds: float
    """The minute in which the samples are enough ends so long after at most."""
    look_interval_seconds: float
    samples_seconds: float
    """Warm-up, and the time in which the minimum of samples comes."""
    weight_delay_seconds: float
    restore_seconds: float
    """From the verdict to the weights' return, as measured."""
    found_delay_seconds: float | None = None
    """How long callers by the registry still go by old weights, where there are any:
    each user's request asks the release once more through them."""

    @property
    def seconds(self) -> float:
        """How long the release may carry its weight."""
        return (
            self.metric_lateness_seconds
            + self.metric_period_seconds
            + self.look_interval_seconds
            + self.samples_seconds
            + self.weight_delay_seconds
            + self.restore_seconds
        )

    @property
    def requests(self) -> float:
        """The requests that may fail."""
        seconds = self.seconds
        if self.found_delay_seconds is not None:
            seconds += self.seconds + self.found_delay_seconds
        return self.weight * self.failure_rate * self.requests_per_second * seconds

    def as_json(self) -> Mapping[str, float]:
        """Return the factors, and the bound itself as `requests`."""
        return {**asdict(self), "seconds": self.seconds, "requests": self.requests}


def bound(
    policy: RolloutPolicy,
    delays: Delays,
    *,
    failure_rate: float,
    requests_per_second: float,
    restore_seconds: float,
    found_delay_seconds: float | None = None,
) -> Bound:
    """Return the bound for a release that fails in its rollout's first step."""
    weight = policy.steps[0].weight_percent / 100
    period = delays.metric_period_seconds
    per_second = weight * requests_per_second
    return Bound(
        weight=weight,
        failure_rate=failure_rate,
        requests_per_second=requests_per_second,
        metric_lateness_seconds=delays.metric_lateness_seconds,
        metric_period_seconds=period,
        look_interval_seconds=policy.look_seconds,
        samples_seconds=policy.judge.warmup_seconds
        + policy.judge.min_requests / per_second,
        weight_delay_seconds=delays.propagation_seconds,
        restore_seconds=restore_seconds,
        found_delay_seconds=found_delay_seconds,
    )
