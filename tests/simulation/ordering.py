"""Causes and words in any order: the newest cause wins, and all words mean the same."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import Any, cast

from localcloud.clock import SIMULATION_EPOCH
from slipway.domain import control, gates
from slipway.domain.control import Control, Freeze, Verb
from slipway.domain.gates import Watermark
from slipway.domain.receipt import receipt
from slipway.domain.release import Ask, Cause, Image
from slipway.domain.rollout import Outcome, Rollout
from slipway.gateways.journal import Held, Journal, Stale

from tests.builders import a_cause, a_rollout, a_service
from tests.fake_table import FakeClient, FakeTable
from tests.simulation.trace import Trace

_SERVICE = a_service()
_TICK = timedelta(seconds=1)


@dataclass(slots=True)
class _Shop:
    """One service's journal, and what was let through by it."""

    journal: Journal = field(
        default_factory=lambda: Journal(cast("Any", FakeClient(FakeTable())), "journal")
    )
    begun: list[Cause] = field(default_factory=list)
    registry: dict[str, Image] = field(default_factory=dict)
    earlier: Watermark | None = None
    """The watermark before the last cause was heard."""

    def hear(self, cause: Cause, trace: Trace, *, overtaken: bool = False) -> None:
        """Do what a rollout does up to its lease, then end it.

        One that is overtaken read the watermark before the last cause raised it.
        """
        name = _SERVICE.name
        now = self.journal.watermark(name)
        watermark, self.earlier = self.earlier if overtaken else now, now
        rollout = self.journal.begin(
            a_rollout(service=_SERVICE, cause=cause, created_at=SIMULATION_EPOCH)
        )
        answer = gates.gate(
            _SERVICE,
            cause,
            image=self._image(cause),
            release=rollout.release,
            state=None,
            watermark=watermark,
        )
        trace.add(
            SIMULATION_EPOCH, cause.tag, f"gate: {answer.outcome}, {answer.reason}"
        )
        if answer.outcome is None:
            self._acquire(rollout, trace)

    def _image(self, cause: Cause) -> Image | None:
        if cause.ask is None:
            return self.registry.get(cause.tag)
        return Image(cause.repository, cause.tag, cause.digest, cause.pushed_at)

    def _acquire(self, rollout: Rollout, trace: Trace) -> None:
        cause = rollout.cause
        answer = self.journal.acquire(rollout, SIMULATION_EPOCH)
        trace.add(SIMULATION_EPOCH, cause.tag, f"acquire: {answer}")
        trace.seen.add(type(answer).__name__)
        if isinstance(answer, Stale):
            return
        assert isinstance(answer, Held)
        newest = max((c.ordered_at for c in self.begun if c != cause), default=None)
        if newest is not None and cause.ordered_at <= newest:
            trace.breaks(
                SIMULATION_EPOCH, 12, f"{cause.tag} began after a newer cause had"
            )
        self.begun.append(cause)
        self.journal.finish(
            rollout,
            Outcome.ROLLED_BACK,
            "seen",
            receipt(rollout, []),
            answer.fence,
        )


def ordering(random: Random, trace: Trace) -> None:
    """Report causes in any order, some twice, some never; then sweep."""
    shop = _Shop()
    causes = [_cause(number, random) for number in range(random.randint(2, 6))]
    for cause in causes:
        held = shop.registry.get(cause.tag)
        if cause.ask is None and (held is None or held.pushed_at < cause.pushed_at):
            image = Image(cause.repository, cause.tag, cause.digest, cause.pushed_at)
            shop.registry[cause.tag] = image
    reports = [c for c in causes for _ in range(random.choice((0, 1, 1, 2)))]
    random.shuffle(reports)
    for cause in reports:
        shop.hear(cause, trace, overtaken=random.random() < 0.3)
    newest = max(causes, key=lambda cause: cause.ordered_at)
    trace.add(SIMULATION_EPOCH, "sweep", newest.tag)
    shop.hear(newest, trace)
    mark = shop.journal.watermark(_SERVICE.name)
    if mark is None or mark.ordered_at != newest.ordered_at:
        trace.breaks(SIMULATION_EPOCH, 4, f"after the sweep the watermark is {mark}")
    if shop.begun[-1] != newest:
        trace.breaks(SIMULATION_EPOCH, 4, "the newest cause did not roll out last")


def _cause(number: int, random: Random) -> Cause:
    """Return a push of one of a few tags, or what a person asked for."""
    at = SIMULATION_EPOCH + (number + 1) * _TICK
    cause = a_cause(
        tag=random.choice(("v1", f"v{number}")),
        digest=f"sha256:{number:064x}",
        pushed_at=at,
    )
    if random.random() < 0.8:
        return cause
    ask = Ask(f"ask-{number}", "ann", "again", at, "orders-0")
    return replace(cause, pushed_at=SIMULATION_EPOCH, ask=ask)


def hearing(random: Random, trace: Trace) -> None:
    """Read the same words in two orders, and after each of them."""
    now = SIMULATION_EPOCH
    verbs = sorted(control.STEERING)
    said = [
        Control(
            f"c{random.randint(0, 99)}",
            random.choice(verbs),
            "ann",
            "why not",
            now + random.randint(0, 5) * _TICK,
            random.choice((None, 0, 1)),
        )
        for _ in range(random.randint(0, 6))
    ]
    freezes = [Freeze("f", "bob", "holidays", now)] if random.random() < 0.2 else []
    shuffled = random.sample(said, len(said))
    trace.add(now, "said", "; ".join(map(str, said)))
    one, other = control.word(said, freezes), control.word(shuffled, freezes)
    if one != other and len({c.id for c in said}) == len(said):
        trace.breaks(now, 4, f"words in another order mean another thing: {other}")
    _hold_word(said, bool(freezes), one, trace)


def _hold_word(
    said: Sequence[Control], frozen: object, word: control.Word, trace: Trace
) -> None:
    now = SIMULATION_EPOCH
    stops = [c for c in said if c.verb in (Verb.ABORT, Verb.SUPERSEDE)]
    if bool(stops) is not bool(word.stop):
        trace.breaks(now, 2, f"{len(stops)} stops, and the word is {word.stop}")
    if stops and word.stop and word.stop.at > min(c.at for c in stops):
        trace.breaks(now, 2, "a later stop counts")
    if frozen and word.hold is None:
        trace.breaks(now, 0, "a freeze holds nothing")
    for step in range(3):
        after = word.following(step, 3)
        if after is not None and after <= step:
            trace.breaks(now, 7, f"step {after} follows step {step}")
    if not any(c.verb in (Verb.PROMOTE, Verb.SKIP) for c in said) and word.hurry(0):
        trace.breaks(now, 7, "a bake is cut short that nobody cut")
