"""Worlds through boto3: none breaks an invariant, and broken code is found."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from slipway.domain.gates import Gate
from slipway.domain.rollout import Rollout
from slipway.gateways.ecs import Ecs
from slipway.gateways.journal import Journal
from slipway.restoring import situation

from tests.e2e.versions import ahead, copy_of
from tests.simulation import faults, worlds
from tests.simulation.plans import VARIANTS, Act, Plan, draw

ROOT = Path(__file__).parents[2]
WORLDS = {
    "alone": 30,
    "gated": 5,
    "changing": 5,
    "by rule": 5,
    "by name": 5,
    "sticky": 5,
    "network": 5,
}
"""How many worlds are played of each kind, from seed 1; `make simulate` plays more."""
SAMPLE, SAMPLE_SEED = 8, 1
EACH = 5
"""Worlds a test plays, so that two workers share them evenly."""


@pytest.mark.parametrize(
    ("variant", "first"),
    [(v, n) for v, count in WORLDS.items() for n in range(1, count + 1, EACH)],
)
def test_no_world_breaks_an_invariant(variant: str, first: int) -> None:
    for seed in range(first, first + EACH):
        trace = worlds.example(seed, variant)
        assert not trace.broken, "\n".join(trace.lines)


def test_every_kind_of_world_is_played() -> None:
    assert [*WORLDS] == [*VARIANTS]


def test_a_seed_gives_the_same_trace_byte_for_byte_in_any_process() -> None:
    again = [sys.executable, "-m", "tests.simulation", "--replay", "22"]
    traces = {
        subprocess.run(  # noqa: S603  our own module
            [*again, "--model", "world", "--kind", "alone"],
            cwd=ROOT,
            env={"PATH": "", "PYTHONHASHSEED": chance},
            capture_output=True,
            check=True,
        ).stdout
        for chance in ("1", "2")
    }
    [trace] = traces
    assert trace.decode() == "".join(f"{x}\n" for x in worlds.example(22).lines)


def _scale_never_to_zero(
    self: Ecs, name: str, count: int, real: Callable[..., None] = Ecs.scale
) -> None:
    if count:
        real(self, name, count)


def _ask_the_registry_first(service: Any, app: Any) -> Any:
    app.registry.image(service.repository, "v1")
    return situation(service, app)


def _as_it_came(name: str, rollout_id: str, app: Any) -> tuple[Rollout, Gate]:
    return app.journal.rollout(name, rollout_id), Gate(None, "as it came")


def _forgetful(count: int) -> Path:
    """Return a version ahead that finishes no rollouts but its own version's."""
    change = (PAYLOADS_MODULE, "FINISHED_BACK = 2", "FINISHED_BACK = 0")
    return copy_of(ahead(count).parent, change)


PAYLOADS_MODULE = "layers/core/src/slipway/domain/payloads.py"
JOURNAL, ECS = "slipway.gateways.journal.Journal", "slipway.gateways.ecs.Ecs"
BROKEN: dict[str, tuple[int, str, int, str, Any]] = {
    "2: nobody takes care of the dead": (
        2,
        "alone",
        200,
        f"{JOURNAL}.next_attempt",
        lambda *_: False,
    ),
    "4: the sweep starts no missed push": (
        4,
        "alone",
        73,
        "slipway.sweeping._start_newest",
        lambda *_: None,
    ),
    "6: the old slot is never retired": (
        6,
        "alone",
        1,
        f"{ECS}.scale",
        _scale_never_to_zero,
    ),
    "6: a restore gives no bounds back": (
        6,
        "alone",
        4,
        "slipway.restoring.given_back",
        lambda *_: {},
    ),
    "8: a restore asks the registry": (
        8,
        "alone",
        3,
        "slipway.restoring.situation",
        _ask_the_registry_first,
    ),
    "14: a new version finishes only its own rollouts": (
        14,
        "alone",
        50,
        "tests.simulation.misfortunes.ahead",
        _forgetful,
    ),
    "10: a second run does not look for the first one's revision": (
        10,
        "alone",
        57,
        f"{ECS}.find_revision",
        lambda *_: None,
    ),
    "9: a push goes by the record with which it came": (
        9,
        "changing",
        1,
        "slipway.beginning.as_recorded",
        _as_it_came,
    ),
    "1: weights of network listeners are acted on in a minute": (
        1,
        "network",
        5,
        "slipway.domain.service.NETWORK_SETTLE_SECONDS",
        60,
    ),
}
"""By what is broken on purpose: the invariant, the kind of world, the first seed that
finds it there, what is replaced and by what."""


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_invariant_is_found(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As often as it takes from seed 1; only the seed that finds it is played here."""
    invariant, variant, seed, target, instead = BROKEN[broken]
    monkeypatch.setattr(target, instead)
    trace = worlds.example(seed, variant)
    assert invariant in {found.invariant for found in trace.broken}


def test_a_broken_plan_is_made_as_small_as_what_breaks_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Journal, "next_attempt", lambda *_: False)
    acts = (
        Act(0, "push", 1),
        Act(20, "stop", 3),
        Act(40, "sweep", 4),
        Act(50, "metrics", 5, 60),
    )
    smaller = worlds.smallest(Plan(1, 1, acts))
    assert [act.kind for act in smaller.acts] == ["push", "stop"]


def test_a_sample_of_faults_ends_right() -> None:
    """All of them are played by `make faults`."""
    for cell in Random(SAMPLE_SEED).sample(faults.cells(), SAMPLE):  # noqa: S311
        end = faults.run(cell)
        assert end.is_right, end


@pytest.mark.parametrize("road", faults.ROADS)
def test_the_page_of_faults_has_every_call_that_is_made_today(road: str) -> None:
    page = faults.PAGE.read_text()
    for function, call in faults.calls(road):
        assert f"| {function} | {call} |" in page, f"{function} {call}: make faults"
    assert " ! " not in page


def test_leaving_an_act_out_changes_no_other() -> None:
    plan = draw(9)
    assert plan.without(1).acts == (plan.acts[0], *plan.acts[2:])
