"""The fence: no write to AWS begins without the lease, or too late for it."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slipway import clock
from slipway.domain.lease import LAST_TERM, LAST_WRITE
from slipway.errors import LeaseLost, Unavailable
from slipway.gateways.failures import SERVER_ERROR

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from slipway.domain.lease import Term
    from slipway.domain.rollout import Rollout
    from slipway.estate import Estate
    from slipway.wiring import App

FENCED = (
    "application-auto-scaling.RegisterScalableTarget",
    "ecs.RegisterTaskDefinition",
    "ecs.UpdateService",
    "elastic-load-balancing-v2.ModifyListener",
    "elastic-load-balancing-v2.ModifyRule",
)
"""Every call that changes what serves, as botocore's events name it."""

TOLD = (
    "servicediscovery.DeleteServiceAttributes",
    "servicediscovery.UpdateServiceAttributes",
)
"""What tells the registry. It needs the lease as well, and no doubt follows from it: a
registry that does not answer must hold up no restore."""


@dataclass(slots=True)
class _Writing:
    """A term in use."""

    term: Term
    in_doubt: bool = False
    """Whether an attempt got no clear answer: it may take its effect later."""


_writing: ContextVar[_Writing | None] = ContextVar("writing", default=None)
_began: ContextVar[datetime | None] = ContextVar("began", default=None)


def begin_run() -> None:
    """Note that a run of a stage begins: what it reads from now on grows old."""
    _began.set(clock.now())


@contextmanager
def writing(rollout: Rollout, fence: int, app: App) -> Iterator[None]:
    """Let the code inside change the rollout's service, for a term.

    Raises LeaseLost where somebody else holds the lease, and Unavailable where this run
    stood still for so long that its workflow may have run the stage again. An attempt
    that got no clear answer may still take effect, also where the next one was
    answered: then the whole term counts, and nobody else takes the lease before.
    """
    began = _began.get()
    if began is not None and clock.now() > began + LAST_TERM:
        raise Unavailable(f"this run is too old to write: it began at {began}")
    now_writing = _Writing(app.journal.hold(rollout, fence, clock.now()))
    earlier = _writing.set(now_writing)
    try:
        yield
    except Unavailable:
        raise
    except Exception:
        _rest(rollout, fence, now_writing, app)
        raise
    else:
        _rest(rollout, fence, now_writing, app)
    finally:
        _writing.reset(earlier)


@contextmanager
def borrowed(name: str, app: App | Estate) -> Iterator[None]:
    """Let the code inside change a service that no rollout has, for a term.

    Raises Unavailable where a rollout has it, or has just begun.
    """
    term = app.journal.borrow(name, clock.now())
    if term is None:
        raise Unavailable(f"{name} is not free: a rollout has its lease")
    now_writing = _Writing(term)
    earlier = _writing.set(now_writing)
    try:
        yield
    finally:
        _writing.reset(earlier)
    if not now_writing.in_doubt:
        app.journal.return_borrowed(name, term, clock.now())


def _rest(rollout: Rollout, fence: int, now_writing: _Writing, app: App) -> None:
    if not now_writing.in_doubt:
        app.journal.rest(rollout, fence, now_writing.term, clock.now())


def guard(operation_name: str, **_: Any) -> None:
    """Refuse to begin an attempt of a write; botocore calls this before each one."""
    now_writing = _writing.get()
    if now_writing is None:
        raise LeaseLost(f"{operation_name} was tried without the lease")
    until = now_writing.term.until
    if clock.now() > until - LAST_WRITE:
        raise Unavailable(
            f"{operation_name} is not begun: the time to write is over at "
            f"{until.isoformat()}"
        )


def doubt(response: tuple[Any, Any] | None, **_: Any) -> None:
    """Notice an attempt without a clear answer; botocore calls this after each one."""
    now_writing = _writing.get()
    unclear = response is None or response[0].status_code >= SERVER_ERROR
    if now_writing is not None and unclear:
        now_writing.in_doubt = True
