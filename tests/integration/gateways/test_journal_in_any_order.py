"""The journal under any order of what three rollouts of one service may do.

A model of a few lines says what must come of each call (invariants 3 and 12); the
journal on moto's DynamoDB must say the same.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any, ClassVar

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from slipway.domain.gates import Watermark
from slipway.domain.lease import WRITE_TERM, Lease, Term
from slipway.domain.receipt import receipt
from slipway.domain.rollout import Outcome, Rollout, ServiceState, Sides
from slipway.domain.service import Slot
from slipway.errors import LeaseLost
from slipway.gateways.journal import Busy, Held, Stale

from tests.builders import (
    OTHER_DIGEST,
    START,
    a_cause,
    a_rollout,
    after,
)
from tests.integration.gateways.world import dynamodb, make_table

A_TO_B, B_TO_A = Sides(Slot.A, Slot.B, 4), Sides(Slot.B, Slot.A, 4)
ROLLOUTS = {
    "older": a_rollout(sides=A_TO_B),
    "newer": a_rollout(
        cause=a_cause(digest=OTHER_DIGEST, pushed_at=after(60)), sides=B_TO_A
    ),
    "other tag": a_rollout(cause=a_cause(tag="v2", pushed_at=after(30)), sides=B_TO_A),
}
WHO = st.sampled_from(sorted(ROLLOUTS))
WAITS = st.sampled_from([1, 44, 45, 46])
"""Seconds about what ends the time to write."""
BEHIND = st.sampled_from([0, 0, 0, 1])
"""How many fences behind the newest that a rollout was given it believes to be."""


class Rivals(RuleBasedStateMachine):
    """Three rollouts, each at any point, each possibly believing in an old fence."""

    client: ClassVar[Any]
    """DynamoDB; each example has a table of its own."""
    numbers: ClassVar[Iterator[int]]

    def __init__(self) -> None:
        super().__init__()
        self.journal = make_table(self.client, f"journal-{next(self.numbers)}")
        self.now: datetime = START
        self.lease = Lease("orders", "", 0, START)
        self.fences: dict[str, list[int]] = {r.id: [] for r in ROLLOUTS.values()}
        self.terms: list[tuple[Rollout, int, Term]] = []
        self.watermark: Watermark | None = None
        self.outcomes: dict[str, Outcome] = {}
        self.state: ServiceState | None = None

    @initialize()
    def begin(self) -> None:
        """Store the rollouts."""
        for rollout in ROLLOUTS.values():
            self.journal.begin(rollout)

    @rule(name=WHO, seconds=WAITS)
    def acquire(self, name: str, seconds: int) -> None:
        """Wait, then try to take the lease: it and the watermark change, or neither."""
        self.now += timedelta(seconds=seconds)
        who = ROLLOUTS[name]
        answer = self.journal.acquire(who, self.now)
        mark, cause = self.watermark, who.cause
        if mark and mark.ordered_at >= cause.ordered_at and mark.rollout_id != who.id:
            assert answer == Stale(mark)
        elif self._is_free_for("", who.id):
            self._take(who, answer)
            self.watermark = Watermark(cause.ordered_at, who.id)
        else:
            assert answer == Busy(self.lease.rollout_id)

    @rule(name=WHO, seconds=WAITS)
    def retake(self, name: str, seconds: int) -> None:
        """Wait, then take the lease anew to restore: only from itself."""
        self.now += timedelta(seconds=seconds)
        who = ROLLOUTS[name]
        answer = self.journal.retake(who, self.now)
        if self._is_free_for(who.id):
            self._take(who, answer)
        else:
            assert answer == Busy(self.lease.rollout_id)

    @rule(name=WHO, behind=BEHIND, seconds=WAITS)
    def hold(self, name: str, behind: int, seconds: int) -> None:
        """Wait, then renew the lease before writing."""
        self.now += timedelta(seconds=seconds)
        who, fence = self._fenced(name, behind)
        if self._holds(who, fence):
            term = self.journal.hold(who, fence, self.now)
            assert term == Term(self.now + WRITE_TERM, self.lease.write_until)
            self.lease = replace(self.lease, write_until=term.until)
            self.terms.append((who, fence, term))
        else:
            with pytest.raises(LeaseLost):
                self.journal.hold(who, fence, self.now)

    @precondition(lambda self: self.terms)
    @rule(seconds=WAITS, data=st.data())
    def rest(self, seconds: int, data: st.DataObject) -> None:
        """Wait, then end one of the terms: only while nobody wrote since."""
        self.now += timedelta(seconds=seconds)
        one = data.draw(st.sampled_from(range(len(self.terms))))
        who, fence, term = self.terms.pop(one)
        self.journal.rest(who, fence, term, self.now)
        if self._holds(who, fence) and self.lease.write_until == term.until:
            until = max(self.now, term.before)
            self.lease = replace(self.lease, write_until=until)

    @rule(name=WHO, behind=BEHIND)
    def promote(self, name: str, behind: int) -> None:
        """Make the candidate the primary."""
        who, fence = self._fenced(name, behind)
        if self._holds(who, fence):
            self.journal.promote(who, fence, self.now)
            slot = who.known_sides.candidate
            self.state = ServiceState(slot, who.release.id, who.id, self.now)
        else:
            with pytest.raises(LeaseLost):
                self.journal.promote(who, fence, self.now)

    @rule(
        name=WHO,
        behind=BEHIND,
        outcome=st.sampled_from(Outcome),
        leaseless=st.sampled_from([False, False, True]),
    )
    def finish(
        self, name: str, behind: int, outcome: Outcome, *, leaseless: bool
    ) -> None:
        """End a rollout, with a lease, with a lost one or with none."""
        who, fence = self._fenced(name, behind)
        answer = self.journal.finish(
            who, outcome, "so it went", receipt(who, []), None if leaseless else fence
        )
        assert answer is self.outcomes.setdefault(who.id, outcome)
        if self._holds(who, self.lease.fence if leaseless else fence):
            self.lease = replace(self.lease, rollout_id="")

    @rule(name=WHO, outcome=st.sampled_from(Outcome))
    def come_back_and_end(self, name: str, outcome: Outcome) -> None:
        """Do as an execution does that is run again: take the lease, then end."""
        self.acquire(name, 1)
        self.finish(name, 0, outcome, leaseless=False)

    @invariant()
    def at_most_one_holds_the_lease(self) -> None:
        """Compare what is stored with the model."""
        assert self.journal.lease("orders") == (
            self.lease if self.lease.rollout_id else None
        )

    @rule()
    def everything_else_is_as_it_was_left(self) -> None:
        """Compare the rest: the watermark, the primary, outcomes."""
        assert self.journal.watermark("orders") == self.watermark
        assert self.journal.state("orders") == self.state
        stored = {e.rollout.id: e.outcome for e in self.journal.rollouts("orders")}
        assert {id_: o for id_, o in stored.items() if o is not None} == self.outcomes

    @invariant()
    def fences_only_grow(self) -> None:
        """No two holders ever had the same fence."""
        given = [fence for fences in self.fences.values() for fence in fences]
        assert sorted(given) == list(range(1, len(given) + 1))

    def _is_free_for(self, *holders: str) -> bool:
        if not self.lease.fence:
            return "" in holders
        is_over = self.lease.write_until <= self.now
        return is_over and self.lease.rollout_id in holders

    def _take(self, who: Rollout, answer: object) -> None:
        fence = self.lease.fence + 1
        assert answer == Held(fence)
        self.fences[who.id].append(fence)
        self.lease = Lease("orders", who.id, fence, self.now)

    def _fenced(self, name: str, behind: int) -> tuple[Rollout, int]:
        who = ROLLOUTS[name]
        fences = [0, 0, *self.fences[who.id]]
        return who, fences[-1 - behind]

    def _holds(self, who: Rollout, fence: int) -> bool:
        return (self.lease.rollout_id, self.lease.fence) == (who.id, fence)


def test_whatever_the_order_there_is_one_holder_and_its_fence_is_the_highest() -> None:
    with dynamodb() as client:
        Rivals.client, Rivals.numbers = client, count()
        run_state_machine_as_test(
            Rivals,
            settings=settings(
                max_examples=25,
                stateful_step_count=15,
                # Shrinking takes minutes here, and a failure is short enough to read.
                phases=[Phase.generate],
                report_multiple_bugs=False,
            ),
        )
