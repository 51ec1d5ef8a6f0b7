"""Tasks and traffic as numbers, for virtual time.

How a release behaves is read from its image's manifest:

- `start_seconds`: to pull and start it (default 8).
- `unpullable`: it cannot be pulled.
- `crash_at_start`: its container ends before the task reaches RUNNING.
- `crash_after_seconds`: its container ends by itself so long after it started.
- `unhealthy`: it runs and fails its health checks.
- `fail_every`: each nth request of a task is answered with a 500.
- `hang`: health checks are answered, requests never.
- `fail_inside_every`: each nth request of a task fails in an answer with a 200, as
  gRPC's do: load balancers take it for a good one.
- `counts`: it counts its own requests and failures in CloudWatch, once a request has
  ended: `namespace`, `requests` and `failures`, the `slot` dimension that gets its ECS
  service's name, and further `dimensions`. It says 0 failures, too, unless it is
  `sparse`.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from localcloud.clock import Clock
from localcloud.delays import Delays, OpenQuestions
from localcloud.metrics import Metrics
from localcloud.routing import dimension
from localcloud.seams import (
    ListenerView,
    RoutingView,
    RuleView,
    Target,
    TaskSpec,
    TaskStartError,
)

_NAMESPACE = "AWS/ApplicationELB"
_ROUNDING = 1e-6
"""Tenths of requests add up to whole ones in spite of binary fractions."""


class SimulatedRuntime:
    """Runs tasks without running anything."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._running: dict[str, TaskSpec] = {}
        self._exits: dict[str, asyncio.Future[int]] = {}
        self.sick: set[str] = set()
        """Addresses whose health checks fail from now on."""
        self.hinder: Callable[[TaskSpec], float] = lambda _: 0.0
        """Says how much longer a task takes to start; may raise TaskStartError."""

    def running(self, address: str) -> TaskSpec | None:
        """Return the task that answers at an address."""
        return self._running.get(address)

    def crash(self, task_arn: str, exit_code: int = 1) -> None:
        """End a running task's container from the inside."""
        for address, task in list(self._running.items()):
            if task.task_arn == task_arn:
                del self._running[address]
                self._exits.pop(task_arn).set_result(exit_code)
                return
        raise KeyError(f"{task_arn} is not running")

    async def start(self, task: TaskSpec) -> None:
        """Take the image's time, then run or fail as the image says."""
        image = task.image
        await self._clock.sleep(float(image.get("start_seconds", 8)))
        await self._clock.sleep(self.hinder(task))
        if image.get("unpullable"):
            raise TaskStartError(
                "TaskFailedToStart",
                "CannotPullContainerError: pull image manifest has been retried 5 "
                f"time(s): failed to resolve ref {task.image_digest}: not found",
            )
        if image.get("crash_at_start"):
            raise TaskStartError(
                "EssentialContainerExited", "Essential container in task exited"
            )
        self._running[task.address] = task
        self._exits[task.task_arn] = asyncio.get_running_loop().create_future()
        after = image.get("crash_after_seconds")
        if after is not None:
            self._clock.call_later(float(after), self._crash_if_running, task)

    async def exited(self, task: TaskSpec) -> int:
        """Wait for the container to end by itself."""
        return await self._exits[task.task_arn]

    async def stop(self, task: TaskSpec, timeout_seconds: float) -> int:
        """End at SIGTERM, at once; nothing is in flight after draining."""
        del timeout_seconds
        self._running.pop(task.address, None)
        self._exits.pop(task.task_arn, None)
        return 0

    async def probe(
        self, task: TaskSpec, path: str | None, timeout_seconds: float
    ) -> bool:
        """Answer a health check as the image does."""
        del path, timeout_seconds
        if self._running.get(task.address) is not task:
            return False
        return task.address not in self.sick and not task.image.get("unhealthy")

    def _crash_if_running(self, task: TaskSpec) -> None:
        if self._running.get(task.address) is task:
            self.crash(task.task_arn)


@dataclass(slots=True)
class Totals:
    """What became of all requests so far; one is counted when it is decided."""

    sent: int = 0
    answered: int = 0
    """With a 2xx, and no failure in it."""
    failed: int = 0
    """Everything else."""
    reached: Counter[str] = field(default_factory=Counter)
    """Requests that a running release got, by its image."""
    failed_by_digest: Counter[str] = field(default_factory=Counter)
    """Failures that a running release caused, by its image."""
    failed_unrouted: int = 0
    """Failures that no release caused: no target, or one that was gone."""
    fixed_responses: int = 0
    """Failures because the rule itself answers: no release is there yet."""

    @property
    def waiting(self) -> int:
        """Requests that hang and have not reached the idle timeout."""
        return self.sent - self.answered - self.failed


@dataclass(frozen=True, slots=True)
class Cookie:
    """By which a client stays with a target group."""

    group: str
    at: float
    """When its time began."""


@dataclass(slots=True)
class Client:
    """Somebody who keeps cookies."""

    cookie: Cookie | None = None
    group: str | None = None
    """Where its last request went."""
    moves: int = 0
    """How often a request went to another group than the one before."""


@dataclass(slots=True)
class Flow:
    """Requests of one kind at a steady rate, from when the listener works.

    Each has a connection of its own, so on a network listener weights bind at once.
    """

    listener_arn: str
    host: str
    path: str
    per_second: float
    totals: Totals = field(default_factory=Totals)
    due: float = 0.0
    credit: dict[str, float] = field(default_factory=dict)
    """How far each target group is behind its share."""
    clients: list[Client] = field(default_factory=list)
    """Those who keep cookies, and send in turns; where there are none, nobody does."""
    turn: int = 0

    @property
    def moves(self) -> int:
        """How often any client changed its target group."""
        return sum(client.moves for client in self.clients)


class SimulatedTraffic:
    """A data plane that counts: steady flows, split by weights over targets.

    Works in steps of one second, by arithmetic and without chance: shares are exact in
    the long run, each group's targets take turns, each task counts its own requests.
    Writes the metrics that an Application Load Balancer would (user guide,
    load-balancer-cloudwatch-metrics).
    """

    def __init__(
        self,
        clock: Clock,
        runtime: SimulatedRuntime,
        metrics: Metrics,
        delays: Delays,
        open_questions: OpenQuestions,
    ) -> None:
        self._clock = clock
        self._runtime = runtime
        self._metrics = metrics
        self._delays = delays
        self._on_arrival = open_questions.requests_stamped_on_arrival
        self._renews = not open_questions.group_cookie_is_not_renewed
        self._yields = open_questions.group_cookie_yields_where_group_is_empty
        self._view = RoutingView((), {})
        self._turns: Counter[str] = Counter()
        self._served: Counter[str] = Counter()
        self._beat: asyncio.TimerHandle | None = None
        self.flows: list[Flow] = []
        self.totals = Totals()

    def apply(self, view: RoutingView) -> None:
        """Route as `view` says from the next step on."""
        self._view = view

    def send(
        self,
        listener_arn: str,
        per_second: float,
        *,
        host: str = "",
        path: str = "/",
        clients: int = 0,
    ) -> Flow:
        """Begin to send requests at a steady rate; return the flow and its totals.

        They come from so many clients that keep cookies; from nobody's where 0.
        """
        flow = Flow(listener_arn, host, path, per_second)
        flow.clients = [Client() for _ in range(clients)]
        self.flows.append(flow)
        if self._beat is None:
            self._beat = self._clock.call_later(1.0, self._step)
        return flow

    def stop(self, flow: Flow) -> None:
        """Send no more requests of this flow."""
        self.flows.remove(flow)

    def close(self) -> None:
        """Send no more requests at all."""
        if self._beat is not None:
            self._beat.cancel()
        self._beat = None
        self.flows.clear()

    def _step(self) -> None:
        self._beat = self._clock.call_later(1.0, self._step)
        for flow in self.flows:
            flow.due += flow.per_second
            requests = int(flow.due + _ROUNDING)
            flow.due -= requests
            if requests:
                self._route(flow, requests)

    def _route(self, flow: Flow, requests: int) -> None:
        listener = next(
            (v for v in self._view.listeners if v.listener_arn == flow.listener_arn),
            None,
        )
        if listener is None and not flow.totals.sent:
            return
        for totals in (flow.totals, self.totals):
            totals.sent += requests
        rule = _matching(listener, flow) if listener is not None else None
        if listener is None or rule is None:
            self._lose(flow, requests, unrouted=True)
        elif rule.fixed_status is not None:
            self._fix(flow, listener, rule.fixed_status, requests)
        elif not sum(rule.weights.values()):
            self._refuse(flow, listener, requests)
        elif flow.clients:
            for group, share in self._chosen(flow, rule, requests).items():
                self._spread(flow, listener, group, share)
        else:
            for group, share in _split(flow.credit, rule.weights, requests).items():
                self._spread(flow, listener, group, share)

    def _chosen(self, flow: Flow, rule: RuleView, requests: int) -> Counter[str]:
        """Let clients send in turns, each to the group of its cookie if that counts.

        A cookie is read and given by rules that let clients stay, and by no other: for
        these it is as if there were none (user guide, rule-action-types).
        """
        chosen: Counter[str] = Counter()
        for _ in range(requests):
            client = flow.clients[flow.turn % len(flow.clients)]
            flow.turn += 1
            group = self._known(client, rule)
            fresh = group is None
            if group is None:
                shares = _split(flow.credit, rule.weights, 1)
                group = next(name for name, share in shares.items() if share)
            if rule.sticky_seconds and (fresh or self._renews):
                client.cookie = Cookie(group, self._clock.time())
            client.moves += client.group not in {None, group}
            client.group = group
            chosen[group] += 1
        return chosen

    def _known(self, client: Client, rule: RuleView) -> str | None:
        """Return the group that a client stays with by a rule."""
        cookie = client.cookie
        if cookie is None or cookie.group not in rule.weights:
            return None
        if self._clock.time() - cookie.at >= rule.sticky_seconds:
            return None
        if self._yields and not self._view.targets.get(cookie.group):
            return None
        return cookie.group

    def _spread(
        self, flow: Flow, listener: ListenerView, group: str, requests: int
    ) -> None:
        """Let a group's targets take turns."""
        targets = self._view.targets.get(group, ())
        if not targets:
            self._refuse(flow, listener, requests)
            return
        each, more = divmod(requests, len(targets))
        first = self._turns[group]
        self._turns[group] += more
        for index in range(len(targets)):
            target = targets[(first + index) % len(targets)]
            self._ask(flow, listener, group, target, each + (index < more))

    def _ask(
        self,
        flow: Flow,
        listener: ListenerView,
        group: str,
        target: Target,
        requests: int,
    ) -> None:
        if not requests:
            return
        task = self._runtime.running(target.address)
        dimensions = {
            "TargetGroup": dimension(group),
            "LoadBalancer": listener.load_balancer,
        }
        balancer = {"LoadBalancer": listener.load_balancer}
        if task is None:
            self._count("RequestCount", (dimensions, balancer), requests)
            self._count("TargetConnectionErrorCount", (dimensions, balancer), requests)
            self._own_error(balancer, 502, requests)
            self._lose(flow, requests, unrouted=True)
            return
        for totals in (flow.totals, self.totals):
            totals.reached[task.image_digest] += requests
        if task.image.get("hang"):
            if self._on_arrival:
                self._count("RequestCount", (dimensions, balancer), requests)
            self._clock.call_later(
                self._delays.idle_timeout_seconds,
                self._give_up,
                flow,
                (dimensions, balancer),
                task.image_digest,
                requests,
            )
            return
        before = self._served[task.task_arn]
        self._served[task.task_arn] += requests
        failed = _each(task.image.get("fail_every"), before, requests)
        inside = _each(task.image.get("fail_inside_every"), before, requests)
        both = (dimensions, balancer)
        self._count("RequestCount", both, requests)
        self._count("HTTPCode_Target_5XX_Count", both, failed)
        self._count("HTTPCode_Target_2XX_Count", both, requests - failed)
        lost = min(requests, failed + inside)
        self._tell(task, requests, lost)
        for totals in (flow.totals, self.totals):
            totals.answered += requests - lost
        self._lose(flow, lost, digest=task.image_digest)

    def _tell(self, task: TaskSpec, requests: int, failures: int) -> None:
        """Count as the application itself does, where it counts."""
        own = task.image.get("counts")
        if own is None:
            return
        dimensions = {own["slot"]: task.ecs_service} | own.get("dimensions", {})
        counts = {own["requests"]: requests, own["failures"]: failures}
        if own.get("sparse") and not failures:
            del counts[own["failures"]]
        for name, count in counts.items():
            at = self._clock.now()
            self._metrics.put(own["namespace"], name, dimensions, count, at)

    def _give_up(
        self,
        flow: Flow,
        both: tuple[Mapping[str, str], Mapping[str, str]],
        digest: str,
        requests: int,
    ) -> None:
        """Answer hanging requests with 504, which no target group's metric counts."""
        if not self._on_arrival:
            self._count("RequestCount", both, requests)
        self._own_error(both[1], 504, requests)
        self._lose(flow, requests, digest=digest)

    def _refuse(self, flow: Flow, listener: ListenerView, requests: int) -> None:
        """Answer 503: no weight, or no target.

        RequestCount leaves these out: no target was chosen.
        """
        self._own_error({"LoadBalancer": listener.load_balancer}, 503, requests)
        self._lose(flow, requests, unrouted=True)

    def _fix(
        self, flow: Flow, listener: ListenerView, status: int, requests: int
    ) -> None:
        balancer = {"LoadBalancer": listener.load_balancer}
        self._count("HTTP_Fixed_Response_Count", (balancer,), requests)
        succeeded = 200 <= status < 300  # noqa: PLR2004  HTTP's own bounds
        for totals in (flow.totals, self.totals):
            if succeeded:
                totals.answered += requests
            else:
                totals.failed += requests
                totals.fixed_responses += requests

    def _lose(
        self, flow: Flow, requests: int, *, digest: str = "", unrouted: bool = False
    ) -> None:
        if not requests:
            return
        for totals in (flow.totals, self.totals):
            totals.failed += requests
            if unrouted:
                totals.failed_unrouted += requests
            else:
                totals.failed_by_digest[digest] += requests

    def _own_error(
        self, balancer: Mapping[str, str], status: int, requests: int
    ) -> None:
        self._count("HTTPCode_ELB_5XX_Count", (balancer,), requests)
        self._count(f"HTTPCode_ELB_{status}_Count", (balancer,), requests)

    def _count(
        self, name: str, dimensions: tuple[Mapping[str, str], ...], value: int
    ) -> None:
        """Write a metric; a count of 0 is not reported.

        Of what it answers to connections a Network Load Balancer counts nothing (its
        own guide, load-balancer-cloudwatch-metrics).
        """
        network = any(one["LoadBalancer"].startswith("net/") for one in dimensions)
        if not value or network:
            return
        for chosen in dimensions:
            self._metrics.put(_NAMESPACE, name, chosen, value, self._clock.now())


def _each(nth: int | None, before: int, requests: int) -> int:
    """Return how many of a task's next requests are each nth of all."""
    return (before + requests) // nth - before // nth if nth else 0


def _matching(listener: ListenerView, flow: Flow) -> RuleView | None:
    """Return the first rule whose host and path patterns match the flow."""
    for rule in listener.rules:
        hosts = not rule.hosts or any(fnmatchcase(flow.host, h) for h in rule.hosts)
        paths = not rule.paths or any(fnmatchcase(flow.path, p) for p in rule.paths)
        if hosts and paths:
            return rule
    return None


def _split(
    credit: dict[str, float], weights: Mapping[str, int], requests: int
) -> dict[str, int]:
    """Share requests out by weight; what rounding leaves behind is made up later."""
    total = sum(weights.values())
    weighted = [group for group, weight in weights.items() if weight]
    for group in set(credit) - set(weighted):
        del credit[group]
    for group in weighted:
        credit[group] = credit.get(group, 0.0) + requests * weights[group] / total
    shares = {group: max(0, int(credit[group])) for group in weighted}
    while sum(shares.values()) < requests:
        behind = max(weighted, key=lambda g: credit[g] - shares[g])
        shares[behind] += 1
    while sum(shares.values()) > requests:
        ahead = min(
            (g for g in weighted if shares[g]), key=lambda g: credit[g] - shares[g]
        )
        shares[ahead] -= 1
    for group in weighted:
        credit[group] -= shares[group]
    return shares
