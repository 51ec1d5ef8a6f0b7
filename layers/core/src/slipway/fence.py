"""The fence: no write to AWS begins without the lease, or too late for it."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from slipway import clock
from slipway.domain.lease import LAST_WRITE
from slipway.errors import LeaseLost, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from slipway.domain.rollout import Rollout
    from slipway.wiring import App

FENCED = (
    "ecs.RegisterTaskDefinition",
    "ecs.UpdateService",
    "elastic-load-balancing-v2.ModifyListener",
    "elastic-load-balancing-v2.ModifyRule",
)
"""Every call that changes what serves, as botocore's events name it."""

_until: ContextVar[datetime | None] = ContextVar("write_until", default=None)


@contextmanager
def writing(rollout: Rollout, fence: int, app: App) -> Iterator[None]:
    """Let the code inside change the rollout's service, for a term.

    Raises LeaseLost where somebody else holds the lease. A call that got no clear
    answer may still take effect: then the whole term counts, and nobody else takes the
    lease before it is over.
    """
    term = app.journal.hold(rollout, fence, clock.now())
    earlier = _until.set(term.until)
    try:
        yield
    except Unavailable:
        raise
    except Exception:
        app.journal.rest(rollout, fence, term, clock.now())
        raise
    else:
        app.journal.rest(rollout, fence, term, clock.now())
    finally:
        _until.reset(earlier)


def guard(operation_name: str, **_: Any) -> None:
    """Refuse to begin an attempt of a write; botocore calls this before each one."""
    until = _until.get()
    if until is None:
        raise LeaseLost(f"{operation_name} was tried without the lease")
    if clock.now() > until - LAST_WRITE:
        raise Unavailable(
            f"{operation_name} is not begun: the time to write is over at "
            f"{until.isoformat()}"
        )
