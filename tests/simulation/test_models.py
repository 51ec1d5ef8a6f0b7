"""No example of the models breaks an invariant, and each that is broken is found."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from slipway.domain import control
from slipway.domain.gates import Gate
from slipway.domain.judge import (
    Evidence,
    Judgement,
    Traffic,
    Verdict,
    bake_left,
)
from slipway.domain.lease import Term
from slipway.domain.restore import Move
from slipway.domain.traffic import Permission
from slipway.gateways.journal import OURS, Journal, _extend

from tests.simulation.models import MODELS, example

EXAMPLES = 1000
MOST_UNTIL_FOUND = 500


@pytest.mark.parametrize("model", MODELS)
def test_no_example_breaks_an_invariant(model: str) -> None:
    for seed in range(EXAMPLES // len(MODELS) + 1):
        trace = example(seed, model=model)
        again = f"again: python -m tests.simulation --replay {seed} --model {model}"
        assert not trace.broken, "\n".join([*trace.lines, again])


def test_the_examples_meet_what_they_are_about() -> None:
    seen: set[str] = set()
    for model in MODELS:
        for seed in range(100):
            seen |= example(seed, model=model).seen
    assert {"pass", "fail", "done", "give-up"} <= seen
    assert {"promoted", "rolled-back", "aborted", "superseded"} <= seen
    assert {"Held", "Stale"} <= seen


def test_the_same_seed_gives_the_same_trace_in_any_process() -> None:
    code = (
        "from tests.simulation.models import MODELS, example\n"
        "for model in MODELS:\n"
        "    print(*example(7, model=model).lines, sep='\\n')"
    )
    traces = {
        subprocess.run(  # noqa: S603  our own code
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **seeded},
            capture_output=True,
            check=True,
        ).stdout
        for seeded in ({"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2"})
    }
    lines = [line for model in MODELS for line in example(7, model=model).lines]
    assert traces == {"".join(f"{line}\n" for line in lines).encode()}


# ------------------------------------------- every invariant, broken once on purpose


def _round_down(share: int, base: int) -> int:
    return share * base // 100


def _always_allow(*_: Any, **__: Any) -> Permission:
    return Permission(allowed=True, reason="why not")


def _remove_at_once(*_: Any, **__: Any) -> tuple[Move, str]:
    return Move.REMOVE_CANDIDATE, "in a hurry"


def _take_silence_for_success(*_: Any, **__: Any) -> Judgement:
    return Judgement(Verdict.PASS, "nobody complained")


def _let_all_pass(*_: Any) -> Gate:
    return Gate(None, "all are welcome")


def _forget(*_: Any, **__: Any) -> None:
    """Do nothing."""


def _hear_once(
    controls: Any, *others: Any, real: Callable[..., Any] = control.word
) -> Any:
    return real(list(controls)[:1], *others)


def _acquire_without_watermark(
    self: Journal, *details: Any, real: Callable[..., Any] = Journal.acquire
) -> Any:
    items = self._table._client.table.items  # type: ignore[attr-defined]  # noqa: SLF001
    items.pop(("SERVICE#orders", "WATERMARK"), None)
    return real(self, *details)


def _hear_no_stop(
    controls: Any, *others: Any, real: Callable[..., Any] = control.word
) -> Any:
    return real([c for c in controls if c.verb not in control.STOPS], *others)


def _rest_at_once(
    self: Journal,
    rollout: Any,
    fence: int,
    term: Term,
    now: datetime,
    *,
    real: Callable[..., Any] = Journal.rest,
) -> None:
    real(self, rollout, fence, replace(term, before=now), now)


def _rest_for_all(
    self: Journal, rollout: Any, fence: int, term: Term, now: datetime
) -> None:
    until = max(now, term.before)
    self._table.write("rest", _extend(rollout, fence, until, condition=OURS))


def _count_own_errors(minute: Any, name: str) -> int:
    """Count as successful what no target itself answered with an error."""
    counts = {
        "RequestCount": minute.requests,
        "HTTPCode_Target_2XX_Count": minute.requests - minute.target_errors,
    }
    return int(counts.get(name, 0))


def _see_no_gap(candidate: Traffic, primary: Traffic, _: Any = None) -> Evidence:
    """Take a metric without data for one that says 0."""
    return Evidence(candidate, primary)


def _bake_from_the_write_on(
    *details: Any, real: Callable[..., Any] = bake_left, **_: Any
) -> Any:
    """Let a bake begin before its weights are acted on."""
    return real(*details)


MUTATIONS: dict[str, tuple[int, str, dict[str, Any]]] = {
    "1: tasks are rounded down": (
        1,
        "carrying",
        {"slipway.domain.capacity.tasks_for": _round_down},
    ),
    "1: weights need no health": (
        1,
        "carrying",
        {"slipway.domain.traffic.may_carry": _always_allow},
    ),
    "2: the candidate goes before its traffic": (
        2,
        "restoring",
        {"slipway.domain.restore._give_all": _remove_at_once},
    ),
    "2: only the first word is heard": (
        2,
        "hearing",
        {"slipway.domain.control.word": _hear_once},
    ),
    "2: no stop is heard": (
        2,
        "judging",
        {"slipway.domain.control.word": _hear_no_stop},
    ),
    "3: nothing guards late writes": (3, "leasing", {"slipway.fence.guard": _forget}),
    "3: a call without an answer counts as over": (
        3,
        "leasing",
        {"slipway.fence.doubt": _forget},
    ),
    "3: a run that rests ends an earlier run's time": (
        3,
        "leasing",
        {"slipway.gateways.journal.Journal.rest": _rest_at_once},
    ),
    "3: a run that rests ends a later run's time": (
        3,
        "leasing",
        {"slipway.gateways.journal.Journal.rest": _rest_for_all},
    ),
    "7: silence is success": (
        7,
        "judging",
        {"slipway.domain.judge.judge": _take_silence_for_success},
    ),
    "7: no data of failures are none": (
        7,
        "judging",
        {"slipway.gateways.cloudwatch.Evidence": _see_no_gap},
    ),
    "7: weights are acted on at once": (
        7,
        "judging",
        {"slipway.domain.judge.bake_left": _bake_from_the_write_on},
    ),
    "12: the lease is taken below the watermark": (
        12,
        "ordering",
        {"slipway.gateways.journal.Journal.acquire": _acquire_without_watermark},
    ),
    "12: no cause is too old": (
        12,
        "ordering",
        {
            "slipway.domain.gates.too_old": _let_all_pass,
            "slipway.gateways.journal.Journal.acquire": _acquire_without_watermark,
        },
    ),
    "13: failures are not counted": (
        13,
        "judging",
        {"slipway.domain.judge.Traffic.failures": 0.0},
    ),
    "13: only what targets answer counts": (
        13,
        "judging",
        {"tests.simulation.judging._count": _count_own_errors},
    ),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_broken_invariant_is_found(
    mutation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, model, instead = MUTATIONS[mutation]
    for path, value in instead.items():
        monkeypatch.setattr(path, value)
    for seed in range(MOST_UNTIL_FOUND):
        if number in {b.invariant for b in example(seed, model=model).broken}:
            return
    pytest.fail(f"not found in {MOST_UNTIL_FOUND} examples")
