"""What all stages of a rollout share: their request, their parsing, their logging."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import TypeAdapter, ValidationError

from slipway import clock
from slipway.domain.payload_history import PAYLOADS
from slipway.domain.release import Cause
from slipway.domain.rollout import Mark, Outcome, Rollout
from slipway.errors import InvalidRecord
from slipway.fence import begin_run
from slipway.telemetry import logger
from slipway.wiring import App, app

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True)
class StageRequest:
    """Which rollout a stage is to move, and how far that is."""

    payload_version: int
    service: str
    rollout_id: str
    fence: int | None = None
    """None while the rollout does not hold the service's lease."""
    step: int = 0
    reason: str = ""
    """Why the rollout came here, where that is not the plan."""
    outcome: Outcome | None = None
    """How the rollout is to be recorded, for the stages that record and restore."""
    cause: Cause | None = None
    """Why the rollout was asked for, for the stage that resolves."""
    heard: str = ""
    """What was said to the rollout by its last look, for the stage that waits."""
    starts_at: datetime | None = None
    """The rollout's place in the queue of starts, once it has one."""
    token: str = ""
    """What the stage that waits is woken by."""

    @property
    def held_fence(self) -> int:
        """The fence, of a stage that comes after the lease."""
        if self.fence is None:
            raise InvalidRecord(f"rollout {self.rollout_id} came here without a lease")
        return self.fence

    @property
    def given_cause(self) -> Cause:
        """The cause, of the stage that comes first."""
        if self.cause is None:
            raise InvalidRecord(f"rollout {self.rollout_id} has no cause")
        return self.cause


type Run[Answer] = Callable[[StageRequest, App], Answer]
type Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]

_REQUEST = TypeAdapter(StageRequest)


def stage(run: Run[Any], *, closes: bool = False) -> Handler:
    """Make a Lambda handler of a stage's `run`.

    A stage that `closes` rollouts takes payloads of any version: it restores or records
    what the others cannot carry on.
    """
    adapt = PAYLOADS.close if closes else PAYLOADS.carry_on

    @logger.inject_lambda_context(clear_state=True)
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        begin_run()
        request = _read(adapt(event))
        logger.append_keys(
            rollout_id=request.rollout_id,
            service_name=request.service,
            stage=context.function_name,
            step=request.step,
        )
        answer: DataclassInstance = run(request, app())
        facts = asdict(answer)
        logger.info("decided", extra=facts)
        return facts

    return handler


def moments(rollout: Rollout, app: App) -> dict[str, datetime]:
    """Return when the rollout did what, by the names of its marks."""
    return {mark.name: mark.at for mark in app.journal.marks(rollout)}


def marked_at(rollout: Rollout, name: str, app: App) -> datetime:
    """Return when the rollout did something that it must have done by now."""
    at = moments(rollout, app).get(name)
    if at is None:
        raise InvalidRecord(f"rollout {rollout.id} came here without its mark {name}")
    return at


def revision_of(rollout: Rollout, app: App) -> str:
    """Return the task definition that an earlier stage registered."""
    release = rollout.release
    revision = app.journal.revision(release.service, release.id)
    if revision is None:
        raise InvalidRecord(f"release {release.id} was never registered")
    return revision


def note(
    app: App,
    rollout: Rollout,
    name: str,
    reason: str,
    facts: Mapping[str, float] | None = None,
    *,
    again: bool = False,
) -> bool:
    """Mark something the rollout did, at this moment; False where marked before.

    What may happen `again` keeps its last time, everything else its first.
    """
    mark = Mark(name, clock.now(), reason, facts or {})
    return app.journal.mark(rollout, mark, again=again)


def _read(payload: dict[str, Any]) -> StageRequest:
    try:
        request = _REQUEST.validate_python(payload)
    except ValidationError as error:
        raise InvalidRecord(f"not a stage's request: {error}") from error
    return replace(request, reason=plain(request.reason))


def plain(cause: str) -> str:
    """Return the message in a function's error as workflows pass it on, or it all."""
    try:
        error = json.loads(cause)
    except ValueError:
        return cause
    message = error.get("errorMessage") if isinstance(error, dict) else None
    return message if isinstance(message, str) else cause
