"""Stages: what they can read, what they answer and what they log."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from typing import Any
from unittest.mock import create_autospec

import pytest
from slipway import clock
from slipway import stage as stages
from slipway.domain.payload_history import PAYLOADS
from slipway.domain.rollout import Mark, Outcome
from slipway.errors import InvalidRecord, UnsupportedPayload
from slipway.gateways.journal import Journal
from slipway.stage import StageRequest, marked_at, moments, note, revision_of, stage
from slipway.telemetry import logger
from slipway.wiring import App, Settings

from tests.builders import (
    DIGEST,
    REVISION,
    START,
    SUBNETS,
    a_cause,
    a_mark,
    a_rollout,
    after,
    an_ask,
)

pytestmark = pytest.mark.usefixtures("app", "log")

NEWEST = PAYLOADS.newest
REQUEST = {"payload_version": NEWEST, "service": "orders", "rollout_id": "orders-1"}
CAUSE = {
    "repository": "test/orders",
    "tag": "v1",
    "digest": DIGEST,
    "pushed_at": START.isoformat(),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a stage found."""

    tasks: int
    outcome: Outcome | None
    reason: str


class Context:
    """Lambda's word on the invocation."""

    function_name = "test-set-capacity"
    memory_limit_in_mb = 256
    invoked_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:test"
    aws_request_id = "4a1f6c1e-0000-4000-8000-000000000001"


@pytest.fixture(name="app")
def _app(monkeypatch: pytest.MonkeyPatch) -> App:
    """Return an app without a cloud; only its journal may be called."""
    nobody: Any = None
    app = App(
        settings=Settings("test", "eu-west-1", "test", "journal", SUBNETS, "", ""),
        journal=create_autospec(Journal, instance=True),
        registry=nobody,
        ecs=nobody,
        autoscaling=nobody,
        load_balancing=nobody,
        cloud_map=nobody,
        measurements=nobody,
        alarms=nobody,
        events=nobody,
        rollouts=nobody,
        restores=nobody,
        tokens=nobody,
    )
    monkeypatch.setattr(stages, "app", lambda: app)
    return app


@pytest.fixture(name="log")
def _log(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, Any]]]:
    """Return what reads the log so far."""
    written = StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", written)
    return lambda: [json.loads(line) for line in written.getvalue().splitlines()]


def read(event: dict[str, Any], *, closes: bool = False) -> StageRequest:
    """Return the request that a stage makes of an event."""
    requests: list[StageRequest] = []

    def run(request: StageRequest, _: App) -> Answer:
        requests.append(request)
        return Answer(0, None, "")

    context: Any = Context()
    stage(run, closes=closes)(event, context)
    return requests[0]


def test_the_least_of_payloads_is_a_request_without_a_lease() -> None:
    assert read(REQUEST) == StageRequest(NEWEST, "orders", "orders-1")


def test_everything_in_a_payload_is_parsed() -> None:
    more = {"fence": 7, "step": 2, "reason": "ill", "outcome": "rolled-back"}
    waits = {"heard": "0f1e", "token": "AAAA", "starts_at": "2026-01-05T09:00:00Z"}
    assert read(REQUEST | more | waits | {"cause": CAUSE}) == StageRequest(
        payload_version=NEWEST,
        service="orders",
        rollout_id="orders-1",
        fence=7,
        step=2,
        reason="ill",
        outcome=Outcome.ROLLED_BACK,
        cause=a_cause(),
        heard="0f1e",
        starts_at=datetime(2026, 1, 5, 9, tzinfo=UTC),
        token="AAAA",  # noqa: S106  a task token opens nothing here
    )


def test_a_cause_is_read_as_workflows_carry_it() -> None:
    for cause in (a_cause(), a_cause(ask=an_ask(at=after(600)))):
        carried = json.loads(json.dumps(cause.as_json()))
        assert read(REQUEST | {"cause": carried}).given_cause == cause


def test_what_a_later_version_added_to_a_payload_is_no_obstacle() -> None:
    assert read(REQUEST | {"look_seconds": 15}) == read(REQUEST)


@pytest.mark.parametrize(
    ("version", "why"),
    [
        (0, "0 is none"),
        (NEWEST + 1, f"{NEWEST + 1} is newer than {NEWEST}"),
        ("1", "'1' is none"),
    ],
)
def test_another_version_of_the_payload_is_refused(version: Any, why: str) -> None:
    with pytest.raises(UnsupportedPayload, match=f"payload version {why}"):
        read(REQUEST | {"payload_version": version})


@pytest.mark.parametrize("version", [0, 1, 2, 99, None])
def test_a_stage_that_closes_rollouts_reads_every_version(version: Any) -> None:
    payload = {"service": "orders", "rollout_id": "orders-1", "fence": 7}
    payload |= {"reason": "ill", "outcome": "aborted", "payload_version": version}
    request = read(payload | {"step": "last", "token": None}, closes=True)
    assert request == StageRequest(
        NEWEST, "orders", "orders-1", fence=7, reason="ill", outcome=Outcome.ABORTED
    )


def test_a_payload_without_a_version_is_refused() -> None:
    with pytest.raises(UnsupportedPayload, match="version None"):
        read({"service": "orders", "rollout_id": "orders-1"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("service", None),
        ("step", "first"),
        ("outcome", "lucky"),
        ("cause", {"tag": "v1"}),
    ],
)
def test_a_broken_field_is_refused_by_its_name(field: str, value: Any) -> None:
    with pytest.raises(InvalidRecord, match=field):
        read(REQUEST | {field: value})


def test_a_stage_after_the_lease_refuses_to_run_without_it() -> None:
    assert read(REQUEST | {"fence": 7}).held_fence == 7
    with pytest.raises(InvalidRecord, match="orders-1 came here without a lease"):
        _ = read(REQUEST).held_fence


def test_the_first_stage_refuses_to_run_without_a_cause() -> None:
    assert read(REQUEST | {"cause": CAUSE}).given_cause == a_cause()
    with pytest.raises(InvalidRecord, match="orders-1 has no cause"):
        _ = read(REQUEST).given_cause


def test_a_stage_answers_and_logs_what_it_decided(
    app: App, log: Callable[[], list[dict[str, Any]]]
) -> None:
    def run(_: StageRequest, given: App) -> Answer:
        assert given is app
        return Answer(3, Outcome.PROMOTED, "it was good")

    context: Any = Context()
    answer = stage(run)(REQUEST | {"step": 1}, context)
    facts = {"tasks": 3, "outcome": "promoted", "reason": "it was good"}
    assert answer == facts
    assert json.loads(json.dumps(answer)) == facts
    [line] = log()
    assert line["message"] == "decided"
    about = {
        "rollout_id": "orders-1",
        "service_name": "orders",
        "stage": "test-set-capacity",
        "step": 1,
    }
    assert line.items() >= {**facts, **about}.items()


def test_one_invocation_leaves_nothing_in_the_log_of_the_next(
    log: Callable[[], list[dict[str, Any]]],
) -> None:
    read(REQUEST | {"step": 1})
    with pytest.raises(UnsupportedPayload):
        read({"payload_version": NEWEST + 1})
    logger.info("after")
    assert "rollout_id" not in log()[-1]


def test_what_a_stage_raises_keeps_its_class_for_the_state_machine() -> None:
    def run(_: StageRequest, __: App) -> Answer:
        raise InvalidRecord("broken")

    context: Any = Context()
    with pytest.raises(InvalidRecord, match="broken"):
        stage(run)(REQUEST, context)


def test_a_note_is_marked_at_the_time_of_the_clock(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout, journal = a_rollout(), app.journal
    monkeypatch.setattr(clock, "_source", lambda: after(9))
    note(app, rollout, "launched", "1 task", {"tasks": 1})
    note(app, rollout, "retired", "over")
    assert [call.args[1] for call in journal.mark.call_args_list] == [  # type: ignore[attr-defined]
        Mark("launched", after(9), "1 task", {"tasks": 1}),
        Mark("retired", after(9), "over", {}),
    ]


def test_moments_are_found_by_the_names_of_marks(app: App) -> None:
    marks = [a_mark("launched", at=after(5)), a_mark("shifted-0", at=after(60))]
    app.journal.marks.return_value = marks  # type: ignore[attr-defined]
    assert moments(a_rollout(), app) == {"launched": after(5), "shifted-0": after(60)}
    assert marked_at(a_rollout(), "shifted-0", app) == after(60)
    with pytest.raises(InvalidRecord, match="came here without its mark capacity-1"):
        marked_at(a_rollout(), "capacity-1", app)


def test_a_release_that_was_never_registered_has_no_revision(app: App) -> None:
    rollout = a_rollout()
    app.journal.revision.return_value = REVISION  # type: ignore[attr-defined]
    assert revision_of(rollout, app) == REVISION
    app.journal.revision.return_value = None  # type: ignore[attr-defined]
    with pytest.raises(InvalidRecord, match="was never registered"):
        revision_of(rollout, app)
