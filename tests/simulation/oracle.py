"""What must hold in a simulated world, at each write and at the end."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from localcloud.api import Call
from localcloud.states import Execution
from slipway.domain.control import Verb
from slipway.domain.rollout import Outcome, Rollout
from slipway.domain.scaling import IDLE, resting
from slipway.domain.service import NETWORK_SETTLE_SECONDS, Mode, Slot
from slipway.gateways.ecs import RELEASE_TAG
from slipway.gateways.journal import NOBODY, Entry

from tests.e2e.road import WRITES, Road
from tests.simulation.misfortunes import short
from tests.simulation.plans import BAD, DYING, FLAWS, Plan
from tests.simulation.trace import Trace

NEEDS_NOTHING_OF = frozenset({"cloudwatch", "ecr"})
"""Services that a restore must not ask (invariant 8)."""
GUILTY = frozenset({"RegisterTaskDefinition", "DescribeTaskDefinition"})
"""Calls that a restore must not make, for they are about what failed."""
MOST_SURGE = 2
"""Times the maximum: the last step gives the candidate as much as all traffic needs."""
UNSEEN = {
    "by rule": frozenset({"fails every fifth", "hangs"}),
    "by name": frozenset({"fails every fifth", "hangs", "is unhealthy"}),
}
"""Flaws that batches do not see: what answers, and what nobody checks."""
OVERRULING = frozenset({Verb.PROMOTE, Verb.SKIP})
"""Words of people that take the place of a judgement."""


@dataclass(slots=True)
class Oracle:
    """Watches one world and writes what is wrong into its trace."""

    world: Road
    trace: Trace
    plan: Plan
    newest: datetime | None = None
    """The newest push whose rollout was ever launched."""
    registered: dict[str, datetime] = field(default_factory=dict)
    """When each release first had a revision."""
    invoked: dict[int, tuple[Any, datetime]] = field(default_factory=dict)
    """When each invocation made its first call; by its request's identity."""

    lost_before: int = 0
    """Requests that found no task before a first release served, behind a network
    listener; rules have a fixed response until then."""

    def __post_init__(self) -> None:
        """Take the world's seams."""
        if self.plan.variant == "network":
            self.world.when["promoted"] = self._open
        router = self.world.cloud.router
        router.before(self._hold_independence)
        router.watch(self._watch)
        self.world.cloud.states.listen(self._note_execution)

    def _open(self) -> None:
        """Let nothing be lost from when a first release serves on all nodes."""
        totals, clock = self.world.traffic.totals, self.world.cloud.clock
        clock.call_later(
            NETWORK_SETTLE_SECONDS,
            lambda: setattr(self, "lost_before", totals.failed_unrouted),
        )

    def _breaks(self, invariant: int, text: str) -> None:
        self.trace.breaks(self.world.cloud.clock.now(), invariant, text)

    def _say(self, who: str, what: str) -> None:
        self.trace.add(self.world.cloud.clock.now(), who, what)

    # ------------------------------------------------------------------- at each write

    def _watch(self, call: Call) -> None:
        self._take_over_violations()
        if call.caller is None:
            return
        self.invoked.setdefault(id(call.request), (call.request, call.at))
        if (call.service, call.operation) in WRITES:
            self._say(short(call.caller), f"{call.operation} {self._told(call)}")
            self._hold_fence(call)
            self._hold_record(call)
            self._hold_surge()
        if "LaunchCandidate" in call.caller and call.operation == "UpdateService":
            self._hold_order(call)
        if "Promote" in call.caller and call.operation == "TransactWriteItems":
            self._hold_judgement(self._rollout(call))
        if call.operation == "RegisterTaskDefinition":
            self._hold_repetition(call)
        if call.operation == "PutItem":
            self._note_mark(call)

    def _take_over_violations(self) -> None:
        """Take what the local cloud's monitor found, unless somebody else did it."""
        for found in self.world.cloud.monitor.violations:
            if not found.text.startswith("a client"):
                self._breaks(found.invariant, found.text)
        self.world.cloud.monitor.violations.clear()

    def _hold_fence(self, call: Call) -> None:
        """Invariant 3: nobody else has or gets the lease while a write may land."""
        lease = self.world.lease
        rollout_id = call.request["rollout_id"]
        if lease.rollout_id not in (rollout_id, NOBODY):
            self._breaks(3, f"{rollout_id} writes, {lease.rollout_id} has the lease")
        elif lease.write_until < self.world.cloud.clock.now():
            self._breaks(3, f"{rollout_id} writes after its time to write")

    def _hold_record(self, call: Call) -> None:
        """Invariant 9: a rollout resets nothing that manifests planned before it began.

        Records change only while nobody has the lease.
        """
        if self._rollout(call).service != self.world.journal.service("orders"):
            self._breaks(9, f"{call.request['rollout_id']} goes by another record")

    def _hold_surge(self) -> None:
        """Invariant 6: both slots together have the maximum and a surge, at most."""
        scaling = self.world.service.scaling
        if scaling is None or any(a.kind == "other actor" for a in self.plan.acts):
            return
        total = sum(self.world.desired().values())
        if total > MOST_SURGE * scaling.max_tasks:
            self._breaks(6, f"{total} tasks, {scaling.max_tasks} is the maximum")

    def _hold_independence(
        self, service: str, operation: str, _: object, caller: str | None
    ) -> None:
        """Invariant 8: restoring needs nothing of the failed release."""
        guilty = service in NEEDS_NOTHING_OF or operation in GUILTY
        if "Restore" in (caller or "") and guilty:
            self._breaks(8, f"a restore asks {service}:{operation}")

    def _hold_repetition(self, call: Call) -> None:
        """Invariant 10: a stage that runs again finds what its first run registered.

        The SDK's own retry of an attempt without answer can not know of it.
        """
        tags = {tag["key"]: tag["value"] for tag in call.params.get("tags", ())}
        release, now = tags[RELEASE_TAG], self.world.cloud.clock.now()
        first = self.registered.setdefault(release, now)
        _, began = self.invoked[id(call.request)]
        if first < began:
            self._breaks(10, f"release {release} is registered again")

    def _hold_order(self, call: Call) -> None:
        """Invariant 12: no cause comes after a newer one, but a person's."""
        cause = self._rollout(call).cause
        if self.newest is not None and cause.ordered_at < self.newest:
            self._breaks(12, f"{cause.tag} is launched after a newer cause was")
        self.newest = max(self.newest or cause.ordered_at, cause.ordered_at)

    def _hold_judgement(self, rollout: Rollout) -> None:
        """Invariants 7 and 13: what is promoted was proved good, or wanted so."""
        if rollout.known_sides.primary is None:
            return
        if any(c.verb in OVERRULING for c in self.world.journal.controls(rollout)):
            return
        image = self.world.cloud.images.image(
            rollout.service.repository, rollout.cause.digest
        )
        flaw = _flaw_of(image)
        if flaw is not None and flaw not in UNSEEN.get(self.plan.variant, ()):
            self._breaks(13, f"a release that {flaw} is promoted")
        if rollout.service.mode is Mode.BATCHES:
            return
        got = self.world.traffic.totals.reached[rollout.cause.digest]
        least = rollout.service.rollout.judge.min_requests
        if got < least:
            self._breaks(7, f"promoted after {got} requests of at least {least}")

    # --------------------------------------------------------------------- at the end

    def hold_rest(self, pushed: Sequence[str]) -> None:
        """Check the state at rest, long after everything came to its end.

        `pushed` are the digests of all images, in order.
        """
        self._take_over_violations()
        world = self.world
        for message in world.dead_letters():
            self._breaks(0, f"nobody could handle {message[:200]}")
        entries = world.journal.rollouts("orders")
        for entry in entries:
            self._say(entry.rollout.id, f"{entry.outcome}: {entry.reason}")
            self.trace.seen.add(str(entry.outcome))
            self.trace.ends.append((str(entry.outcome), entry.reason or ""))
            if "payload version" in (entry.reason or ""):
                self._breaks(14, f"{entry.rollout.id} could not go on: {entry.reason}")
        for text in self._unfinished(entries):
            self._breaks(2, text)
        self._hold_slots(entries)
        self._hold_requests()
        if pushed and not world.entries(pushed[-1]):
            self._breaks(4, "nothing became of the newest push")

    def _unfinished(self, entries: list[Entry]) -> Iterator[str]:
        world = self.world
        for execution in world.cloud.states.executions.values():
            if execution.status == "RUNNING":
                yield f"{execution.name} never ended"
        for entry in entries:
            if entry.outcome is None or entry.receipt is None:
                yield f"{entry.rollout.id} was never recorded"
        lease = world.journal.lease("orders")
        if lease is not None:
            yield f"{lease.rollout_id} still has the lease"
        pages = [page["detail"].get("rollout_id") for page in world.pages()]
        for entry in entries:
            if entry.outcome is Outcome.FAILED and entry.rollout.id not in pages:
                yield f"{entry.rollout.id} failed and nobody was called"

    def _hold_slots(self, entries: list[Entry]) -> None:
        """Invariants 2 and 6: one slot serves all, as its journal says."""
        world, state = self.world, self.world.journal.state("orders")
        weights, desired = self._weights(), world.desired()
        healthy = {slot: world.healthy(slot) for slot in Slot}
        self._say("at rest", f"weights {weights} desired {desired} healthy {healthy}")
        if any(entry.outcome is Outcome.FAILED for entry in entries):
            serving = [slot for slot in Slot if weights[slot] and healthy[slot]]
            if any(healthy.values()) and any(weights.values()) and not serving:
                self._breaks(2, "traffic goes where nothing is healthy")
            return
        self._hold_bounds(state.primary if state else None)
        if world.is_sticky():
            self._breaks(2, "clients stay where they are at rest")
        if state is None:
            if any(desired.values()) or any(weights.values()):
                self._breaks(6, f"nothing was promoted, and {desired} tasks remain")
            return
        primary, idle = state.primary, state.primary.other
        if weights != {primary: 100, idle: 0}:
            self._breaks(2, f"{primary} is primary at weights {weights}")
        if desired[idle]:
            self._breaks(6, f"{idle} is idle with {desired[idle]} tasks")
        # A first release has no bake, and none before it to go back to.
        dying = self._is_dying(state.rollout_id)
        if not dying and min(desired[primary], healthy[primary]) < self.plan.min_tasks:
            self._breaks(
                2, f"{primary} has {healthy[primary]} healthy of {desired[primary]}"
            )
        self._hold_release(primary, state.rollout_id)

    def _weights(self) -> dict[Slot, int]:
        """Return the slots' shares; without rules they are those of its tasks."""
        if self.world.service.bindings:
            return self.world.weights()
        running = {slot: len(self.world.tasks(slot)) for slot in Slot}
        total = sum(running.values()) or 1
        return {slot: 100 * one // total for slot, one in running.items()}

    def _is_dying(self, rollout_id: str) -> bool:
        cause = self.world.journal.rollout("orders", rollout_id).cause
        image = self.world.cloud.images.image(cause.repository, cause.digest)
        return _flaw_of(image) in DYING

    def _hold_bounds(self, primary: Slot | None) -> None:
        """Invariant 6: autoscaling has its bounds back, on the primary alone."""
        scaling = self.world.service.scaling
        if scaling is None:
            return
        for slot, target in self.world.targets().items():
            self._say("at rest", f"{slot}: {target}")
            if target != (resting(scaling) if slot == primary else IDLE):
                self._breaks(6, f"{slot} was left with {target}")

    def _hold_release(self, primary: Slot, rollout_id: str) -> None:
        """Invariant 2: the tasks that serve are of the release that was promoted."""
        digest = self.world.journal.rollout("orders", rollout_id).cause.digest
        for task in self.world.tasks(primary):
            spec = self.world.runtime.running(task.address or "")
            if spec is not None and spec.image_digest != digest:
                self._breaks(2, f"{primary} runs {spec.image_digest}, not {digest}")

    def _hold_requests(self) -> None:
        totals = self.world.traffic.totals
        self._say("traffic", f"{totals.sent} sent, {totals.failed} failed")
        lost = totals.failed_unrouted - self.lost_before
        if lost and not self.plan.is_harmful:
            self._breaks(1, f"{lost} requests found no task")

    # ------------------------------------------------------------------------- reading

    def _rollout(self, call: Call) -> Rollout:
        return self.world.journal.rollout("orders", call.request["rollout_id"])

    def _note_mark(self, call: Call) -> None:
        kind, *names = call.params["Item"]["sk"]["S"].split("#")
        if kind == "MARK":
            self._say(short(call.caller), f"{' '.join(names)}")

    def _note_execution(self, execution: Execution, status: str) -> None:
        self._say(execution.name, status)

    def _told(self, call: Call) -> str:
        params = call.params
        actions = params.get("Actions", params.get("DefaultActions"))
        if actions is not None:
            arns = self.world.binding.target_group_arns
            slots = {arn: str(slot) for slot, arn in arns.items()}
            groups = actions[-1].get("ForwardConfig", {}).get("TargetGroups", [])
            named = [(slots.get(g["TargetGroupArn"]), g["Weight"]) for g in groups]
            return str({slot or "nobody": weight for slot, weight in named})
        known = ("service", "desiredCount", "taskDefinition", "family")
        return " ".join(str(params[name]) for name in known if name in params)


def _flaw_of(image: Mapping[str, Any]) -> str | None:
    """Return how an image's release misbehaves, None where it does not."""
    return next(
        (
            name
            for name in sorted(BAD)
            if all(image.get(k) == v for k, v in FLAWS[name].items())
        ),
        None,
    )
