"""Pure models: the domain's decisions against an environment of numbers.

Each model makes one example of one seed, writes what happens into a trace, and marks
what breaks an invariant. What must hold is worked out here anew, not by the code that
is held to it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from localcloud.clock import SIMULATION_EPOCH
from slipway.domain import capacity, restore, traffic
from slipway.domain.restore import Move, NextMove, Situation
from slipway.domain.service import Slot

from tests.simulation.judging import judging
from tests.simulation.leasing import leasing
from tests.simulation.ordering import hearing, ordering
from tests.simulation.trace import Trace

LOOK = 5
SETTLE_SECONDS = 30
"""The least time between a weight's write and the removal of what lost it."""
TIMEOUT_SECONDS = 120
MANY_LOOKS = 120

type Model = Callable[[Random, Trace], None]


def example(seed: int, *, model: str | None = None) -> Trace:
    """Play the example of a seed."""
    random, trace = Random(seed), Trace()  # noqa: S311  chance that can be repeated
    drawn = random.choice(sorted(MODELS))
    name = model or drawn
    trace.add(SIMULATION_EPOCH, "model", name)
    MODELS[name](random, trace)
    return trace


# ----------------------------------------------------------------- weights, capacity


def carrying(random: Random, trace: Trace) -> None:
    """Ask for weights in every kind of health: none rises without tasks to carry it."""
    for _ in range(8):
        base, share = random.randint(1, 12), random.randint(0, 100)
        slot = random.choice(list(Slot))
        rules = [_shares(random) for _ in range(random.randint(0, 2))]
        healthy = {
            s: [random.randint(0, base + 1) for _ in range(random.randint(1, 2))]
            for s in Slot
        }
        wanted, current = traffic.weights(slot, share), traffic.least_weights(rules)
        needed = capacity.tasks_for(share, base)
        answer = traffic.may_carry(wanted, healthy, current=current, base=base)
        trace.add(
            SIMULATION_EPOCH,
            "may_carry",
            f"{_text(wanted)} from {_text(current)}, "
            f"healthy {_text(healthy)} of {base}: {answer.allowed}",
        )
        if not share * base <= needed * 100 < share * base + 100:
            trace.breaks(SIMULATION_EPOCH, 1, f"{needed} tasks for {share} % of {base}")
        enough = all(
            100 * min(healthy[s]) >= part * base
            for s, part in wanted.items()
            if any(part > rule.get(s, 0) for rule in rules or [{}])
        )
        if answer.allowed and not enough:
            trace.breaks(SIMULATION_EPOCH, 1, "weight rises on too few healthy targets")
        if enough and not answer.allowed:
            trace.breaks(SIMULATION_EPOCH, 1, "weight is refused that can be carried")


def _shares(random: Random) -> dict[Slot, int]:
    share = random.choice((0, 1, 10, 50, 90, 100))
    return {Slot.A: share, Slot.B: 100 - share}


def _text(values: object) -> str:
    if isinstance(values, dict):
        return "/".join(str(values.get(slot, "-")) for slot in Slot)
    return str(values)


# ---------------------------------------------------------------------------- restoring


@dataclass(slots=True)
class _Place:
    """Two slots and the rules before them, as a restore finds and changes them."""

    random: Random
    primary: Slot | None
    base: int
    desired: dict[Slot, int]
    healthy: dict[Slot, int]
    rules: list[dict[Slot, int]]
    """Empty where rules answer by themselves."""
    now: datetime = SIMULATION_EPOCH
    shifted: datetime | None = None
    """When this restore last wrote weights."""
    calm: bool = False
    """Whether capacity comes at once and nobody else does anything."""

    @property
    def candidate(self) -> Slot:
        return self.primary.other if self.primary else Slot.A

    def situation(self) -> Situation:
        """Return what one look sees."""
        return Situation(
            dict(self.desired), dict(self.healthy), traffic.least_weights(self.rules)
        )

    def carried(self, slot: Slot) -> int:
        """Return the most that a slot carries in any rule."""
        return max((rule[slot] for rule in self.rules), default=0)

    def live(self) -> None:
        """Let time go by, and with it tasks come and go."""
        self.now += timedelta(seconds=LOOK)
        for slot in Slot:
            gap = self.desired[slot] - self.healthy[slot]
            if gap < 0 or self.calm:
                self.healthy[slot] = self.desired[slot]
            elif self.random.random() < 0.5:
                self.healthy[slot] += self.random.randint(0, gap)
            if not self.calm and self.random.random() < 0.1:
                self.healthy[slot] = self.random.randint(0, self.healthy[slot])
        if not self.calm and self.random.random() < 0.04:
            slot = self.random.choice(list(Slot))
            self.desired[slot] = self.random.randint(0, self.base + 2)
        if not self.calm and self.rules and self.random.random() < 0.04:
            self.rules[0] = _shares(self.random)

    def next(self, began: datetime) -> NextMove:
        """Ask for the next move."""
        return restore.next_move(
            self.situation(),
            primary=self.primary,
            candidate=self.candidate,
            is_open=self.primary is None and bool(self.rules),
            base=self.base,
            since_shift=self.now - self.shifted if self.shifted else None,
            since_begin=self.now - began,
            timeout_seconds=TIMEOUT_SECONDS,
        )

    def make(self, move: Move) -> None:
        """Carry a move out."""
        primary = self.primary
        match move:
            case Move.SCALE_UP:
                assert primary is not None
                self.desired[primary] = self.base
            case Move.GIVE_TRAFFIC | Move.YIELD_TRAFFIC:
                assert primary is not None
                heir = primary if move is Move.GIVE_TRAFFIC else primary.other
                self.rules = [traffic.weights(heir, 100) for _ in self.rules]  # type: ignore[misc]
                self.shifted = self.now
            case Move.CLOSE_RULE:
                self.rules = []
                self.shifted = self.now
            case Move.REMOVE_CANDIDATE:
                self.desired[self.candidate] = 0


def restoring(random: Random, trace: Trace) -> None:
    """Restore a service from any state, while health and others do what they like."""
    base = random.randint(1, 8)
    primary = random.choice((None, Slot.A, Slot.B, Slot.B))
    desired = {s: random.choice((0, 1, base, base + 2)) for s in Slot}
    place = _Place(
        random,
        primary,
        base,
        desired,
        {s: random.randint(0, n) for s, n in desired.items()},
        [
            _shares(random)
            for _ in range(
                random.choice((0, 1, 1, 2) if primary is None else (1, 1, 2))
            )
        ],
    )
    began = place.now
    quiet_after = random.choice((0, 5, 15, 60))
    for look in range(MANY_LOOKS):
        place.calm = look >= quiet_after
        answer = place.next(began)
        trace.add(
            place.now,
            "restore",
            f"{answer.move} primary={primary} desired={_text(place.desired)} "
            f"healthy={_text(place.healthy)} of {base} "
            f"rules={[_text(r) for r in place.rules]}",
        )
        _hold_order(place, answer.move, began, trace)
        if answer.move in (Move.DONE, Move.GIVE_UP):
            trace.seen.add(str(answer.move))
            return
        place.make(answer.move)
        place.live()
    trace.breaks(place.now, 2, f"no end after {MANY_LOOKS} looks")


def _hold_order(place: _Place, move: Move, began: datetime, trace: Trace) -> None:
    """Hold capacity, health, weight, removal: each only after the one before it."""
    overdue = place.now - began > timedelta(seconds=TIMEOUT_SECONDS)
    if place.primary is None:
        wrong = _wrong_before_a_first_release(place, move)
    else:
        wrong = _wrong_weights(place, move, place.primary, overdue=overdue)
        wrong = wrong or _wrong_end(place, move, place.primary)
    wrong = wrong or _wrong_removal(place, move)
    if move is Move.GIVE_UP and not overdue:
        wrong = 2, "given up before its time was up"
    if wrong is not None:
        trace.breaks(place.now, *wrong)


type _Wrong = tuple[int, str] | None
"""The invariant that a move breaks, and how."""


def _wrong_before_a_first_release(place: _Place, move: Move) -> _Wrong:
    serves = place.rules or place.desired[place.candidate]
    if move is Move.DONE and serves:
        return 2, "done, and what never was healthy still serves"
    return None


def _wrong_weights(
    place: _Place, move: Move, primary: Slot, *, overdue: bool
) -> _Wrong:
    healthy, other = place.healthy, primary.other
    last_resort = overdue and healthy[other] == 0 < healthy[primary]
    needed = max(place.base, place.desired[primary])
    if move is Move.GIVE_TRAFFIC and healthy[primary] < needed and not last_resort:
        return 1, f"all weight to {healthy[primary]} healthy of {needed}"
    may_yield = overdue and healthy[primary] == 0 < healthy[other]
    if move is Move.YIELD_TRAFFIC and not may_yield:
        return 2, "the primary lost its traffic while it could have it"
    if move is Move.CLOSE_RULE:
        return 2, "a rule was closed that a primary serves"
    return None


def _wrong_end(place: _Place, move: Move, primary: Slot) -> _Wrong:
    healthy, other = place.healthy, primary.other
    if move is Move.DONE and (
        place.carried(other) or healthy[primary] < place.base or place.desired[other]
    ):
        return 2, "done, and the primary alone does not serve in full"
    if move is Move.GIVE_UP and any(
        healthy[s] == 0 < healthy[s.other] and place.carried(s) for s in Slot
    ):
        return 2, "given up, and traffic goes where nothing is healthy"
    return None


def _wrong_removal(place: _Place, move: Move) -> _Wrong:
    if move is not Move.REMOVE_CANDIDATE:
        return None
    if place.carried(place.candidate):
        return 2, "capacity removed before its traffic moved"
    settle = timedelta(seconds=SETTLE_SECONDS)
    if place.shifted and place.now - place.shifted < settle:
        return 2, "capacity removed while load balancers may use it"
    return None


MODELS: dict[str, Model] = {
    "carrying": carrying,
    "hearing": hearing,
    "judging": judging,
    "leasing": leasing,
    "ordering": ordering,
    "restoring": restoring,
}
