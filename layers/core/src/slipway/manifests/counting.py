"""How many tasks a service has, and who decides it."""

import re
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from slipway.domain.schedule import ScheduledBounds
from slipway.domain.service import Scaling
from slipway.manifests.fields import (
    Number,
    Seconds,
    Section,
    Shorthand,
    Whole,
    Words,
    Zone,
    refused,
)

_RANGE = re.compile(r"(\d{1,5})-(\d{1,5})")


class Range(Section):
    """Between which bounds a service is sized."""

    min: Annotated[int, Whole(1, 5000, "tasks")]
    """The fewest tasks: 1 to 5000."""
    max: Annotated[int, Whole(1, 5000, "tasks")]
    """The most tasks: 1 to 5000, and no fewer than min. A rollout adds its own."""
    spot_from: Annotated[int, Whole(1, 5000, "tasks")] | None = None
    """From which task on capacity is Spot's: 1 to 5000, at most max. 3 keeps two on
    demand."""

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        try:
            Scaling(self.min, self.max)
        except ValueError as error:
            raise refused(
                "min is at most max", found=f"{self.min} to {self.max}"
            ) from error
        if self.spot_from is not None and self.spot_from > self.max:
            raise refused(f"at most max, {self.max}", at=("spot_from",))
        return self


def _range(value: Any) -> Any:
    match = _RANGE.fullmatch(value) if isinstance(value, str) else None
    return {"min": int(match[1]), "max": int(match[2])} if match else None


Bounds = Annotated[
    Range,
    Shorthand(
        _range,
        {"type": "string", "pattern": r"^\d+-\d+$"},
        "a range such as 2-10, or keys (min, max, spot_from)",
    ),
]


class Cooldown(Section):
    """How long scaling rests after it has acted."""

    out: Annotated[int, Seconds(0, 3600)] = 60
    """After tasks were added: 0 to 3600 s."""
    in_: Annotated[int, Seconds(0, 3600)] = Field(default=300, alias="in")
    """After tasks were taken away: 0 to 3600 s."""


class ScheduledRange(Section):
    """Other bounds from some time on."""

    at: Annotated[
        str,
        Words(
            r"cron\([^()]+\)|at\([^()]+\)",
            "cron(...) or at(...), as Application Auto Scaling takes it",
        ),
    ]
    """When: cron(...) or at(...), as Application Auto Scaling takes it, without L, W or
    `#`."""
    timezone: Zone = "UTC"
    """Whose clock."""
    range: Bounds
    """The bounds from then on."""

    @model_validator(mode="after")
    def _comes_at_all(self) -> Self:
        try:
            self.bounds()
        except ValueError as error:
            raise refused(str(error), at=("at",), found=self.at) from error
        return self

    def bounds(self) -> ScheduledBounds:
        """Return it as rollouts take it; raises ValueError where they would not."""
        return ScheduledBounds(self.at, self.timezone, self.range.min, self.range.max)


class Count(Section):
    """How many tasks serve, and who decides it."""

    range: Bounds
    """Between which bounds."""
    cpu_percentage: Annotated[float, Number(1, 100, "percent")] | None = None
    """Mean CPU use of tasks that scaling keeps to: 1 to 100 %."""
    memory_percentage: Annotated[float, Number(1, 100, "percent")] | None = None
    """Mean memory use of tasks that scaling keeps to: 1 to 100 %."""
    requests: Annotated[int, Whole(1)] | None = None
    """Requests per minute and task that scaling keeps to: 1 or more. Needs `http`."""
    cooldown: Cooldown = Field(default_factory=Cooldown)
    """How long scaling rests after it has acted."""
    schedule: tuple[ScheduledRange, ...] = ()
    """Other bounds from some times on: that of the last time that came holds."""
    spot_percentage: Annotated[int, Whole(0, 100, "percent")] | None = None
    """Share of Spot among the tasks from `range.spot_from` on, or of all where that is
    left out: 0 to 100 %. Needs FARGATE_SPOT among the environment's capacity
    providers."""

    @property
    def scales(self) -> bool:
        """Whether autoscaling sizes the service."""
        targets = (self.cpu_percentage, self.memory_percentage, self.requests)
        return bool(self.schedule) or any(target is not None for target in targets)

    def bounds(self) -> Scaling:
        """Return between which bounds it is sized, at which times."""
        schedule = tuple(one.bounds() for one in self.schedule)
        return Scaling(self.range.min, self.range.max, schedule)

    def scaling(self) -> Scaling | None:
        """Return its bounds where autoscaling sizes the service."""
        return self.bounds() if self.scales else None

    @property
    def spot(self) -> int:
        """The share of Spot among tasks beyond those always on demand, in percent."""
        if self.spot_percentage is not None:
            return self.spot_percentage
        return 0 if self.range.spot_from is None else 100

    @model_validator(mode="after")
    def _has_a_reason_to_scale(self) -> Self:
        if self.range.min < self.range.max and not self.scales:
            raise refused(
                "a range of one number, or something to scale by: cpu_percentage, "
                "memory_percentage, requests or schedule",
                at=("range",),
            )
        times = [(one.at, one.timezone) for one in self.schedule]
        if len(set(times)) < len(times):
            raise refused("each time once", at=("schedule",))
        if self.range.spot_from is not None and self.spot_percentage == 0:
            raise refused(
                "1 or more, for range.spot_from is given", at=("spot_percentage",)
            )
        return self


def brief_count(value: Any) -> Any:
    """Return a number of tasks as keys, None where it is no number."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return {"range": {"min": value, "max": value}}
