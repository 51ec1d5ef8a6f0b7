"""Bounds, joined: what is written to AWS, and when it is written again."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from slipway import clock
from slipway.bounding import rest_primary
from slipway.domain.scaling import IDLE, Target, resting
from slipway.domain.schedule import ScheduledBounds
from slipway.domain.service import Scaling, Slot

from tests.builders import a_service

if TYPE_CHECKING:
    from slipway.wiring import App

TEN = datetime(2026, 1, 5, 10, tzinfo=UTC)
CLOCKED = Scaling(2, 6, (ScheduledBounds("at(2026-01-05T10:00:00)", "UTC", 4, 9),))


@dataclass(slots=True)
class SlowAutoscaling:
    """Takes a second for each write."""

    now: datetime
    targets: dict[str, Target]
    written: list[Target] = field(default_factory=list)

    def require(self, *_: str) -> dict[str, Target]:
        """Return all targets."""
        return dict(self.targets)

    def register(self, name: str, target: Target) -> None:
        """Write one, late."""
        self.now += timedelta(seconds=1)
        self.targets[name] = target
        self.written.append(target)


@pytest.fixture(autouse=True)
def _own_clock() -> Iterator[None]:
    before = clock._source  # noqa: SLF001  there is no other way back
    yield
    clock.use(before)


@pytest.mark.parametrize(
    ("before", "written"),
    [
        (3600, [resting(Scaling(2, 6))]),
        (0.5, [resting(Scaling(2, 6)), resting(Scaling(4, 9))]),
        (0, [resting(Scaling(4, 9))]),
    ],
)
def test_a_time_that_comes_in_mid_write_is_heeded_by_another_write(
    before: float, written: list[Target]
) -> None:
    """Its action found the slot suspended, and AWS does not make up for it."""
    service = replace(a_service(min_tasks=1), scaling=CLOCKED)
    scaling = SlowAutoscaling(
        TEN - timedelta(seconds=before), dict.fromkeys(service.slots.values(), IDLE)
    )
    clock.use(lambda: scaling.now)
    app: Any = type("OnlyScaling", (), {"autoscaling": scaling})()
    rest_primary(service, Slot.B, cast("App", app))
    assert scaling.written == written
    assert scaling.targets[service.slots[Slot.A]] == IDLE
