"""EventBridge: one bus, rules with patterns or schedules, and their deliveries.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-how-it-works.html
"""

import copy
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from moto.events.models import EventPattern

from localcloud.api import ACCOUNT, REGION, AwsError, NotModelled, Parameters, only
from localcloud.background import Background
from localcloud.clock import Clock
from localcloud.identity import Ids, arn, timestamp

DELIVERY_SECONDS = 0.5
"""Modelled time from an event to its targets; AWS states "typically" about that
(https://aws.amazon.com/eventbridge/faqs/)."""

RETRY_SECONDS = 30.0
"""Modelled time between two attempts to deliver; AWS's own backoff is not published."""

MAX_RETRIES = 185
"""Attempts after the first (eb-rule-retry-policy.html); at most for 24 hours."""

_ENTRIES_LIMIT = 10
"""Entries of one PutEvents call (API_PutEvents)."""

type Event = dict[str, Any]


class Undeliverable(Exception):
    """A target did not take an event; trying again may help."""


class Target(Protocol):
    """Where a rule sends its events."""

    @property
    def arn(self) -> str:
        """The target's ARN."""

    async def deliver(self, event: Event) -> None:
        """Take an event; Undeliverable where that fails."""


@dataclass(slots=True)
class RuleTarget:
    """One target of a rule, with its retry policy."""

    target: Target
    dead_letters: Target | None = None
    max_retries: int = MAX_RETRIES


@dataclass(slots=True)
class Rule:
    """One rule of the default bus."""

    name: str
    pattern: Mapping[str, Any] | None
    """None where only the schedule counts."""
    targets: list[RuleTarget]
    enabled: bool = True
    every_seconds: float | None = None
    """The schedule: how often the rule makes an event of its own."""
    matcher: EventPattern | None = field(init=False)

    def __post_init__(self) -> None:
        self.matcher = None
        if self.pattern is not None:
            self.matcher = EventPattern.load(json.dumps(self.pattern))

    @property
    def arn(self) -> str:
        """The rule's ARN."""
        return arn("events", f"rule/{self.name}")

    def matches(self, event: Event) -> bool:
        """Say whether an event is for this rule."""
        if not self.enabled or self.matcher is None:
            return False
        return bool(self.matcher.matches_event(cast("Any", event)))


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one target, due after a delay."""

    event: Event
    rule: Rule
    target: RuleTarget
    delay_seconds: float


type Disturbance = Callable[[Delivery], Iterable[Delivery]]


class EventBus:
    """The default event bus of the account."""

    def __init__(
        self,
        clock: Clock,
        background: Background,
        delivery_seconds: float = DELIVERY_SECONDS,
        *,
        schedules: bool = True,
    ) -> None:
        """Take `schedules` False to have no rule make events of its own."""
        self.rules: dict[str, Rule] = {}
        self.log: list[Event] = []
        """Every event that was put, in order."""
        self.disturb: Disturbance | None = None
        """Turns each delivery into none, one or several, each with its own delay: what
        a test sets to lose, duplicate, delay or reorder events."""
        self.delivery_seconds = delivery_seconds
        self._clock = clock
        self._background = background
        self._schedules = schedules
        self._ids = Ids("events")

    def rule(self, rule: Rule) -> None:
        """Add or replace a rule; its schedule counts from now."""
        self.rules[rule.name] = rule
        if self._schedules and rule.every_seconds is not None:
            self._background.begin(
                self._follow(rule, rule.every_seconds), f"schedule of rule {rule.name}"
            )

    def put(self, event: Event) -> str:
        """Accept an event and return its id; deliveries follow after their delay.

        `version`, `id`, `account`, `time`, `region` and `resources` are filled in
        where they are missing.
        """
        whole = {
            "version": "0",
            "id": self._ids.uuid("event"),
            "account": ACCOUNT,
            "time": timestamp(self._clock.now()),
            "region": REGION,
            "resources": [],
            **event,
        }
        self.log.append(whole)
        for rule in self.rules.values():
            if rule.matches(whole):
                self._send(whole, rule)
        return str(whole["id"])

    def fire(self, rule: Rule) -> None:
        """Make a rule's scheduled event now, whatever its schedule."""
        self._send(self._scheduled(rule), rule)

    @property
    def operations(self) -> Mapping[str, Callable[[Parameters], dict[str, Any]]]:
        """The API operations, to be served as events."""
        return {"PutEvents": self._put_events}

    async def _follow(self, rule: Rule, every_seconds: float) -> None:
        """Make a rule's scheduled events, which no other rule sees and no log holds."""
        due = self._clock.time() + every_seconds
        while True:
            await self._clock.sleep(due - self._clock.time())
            if self.rules[rule.name] is not rule:
                return
            if rule.enabled:
                self.fire(rule)
            due += every_seconds

    def _scheduled(self, rule: Rule) -> Event:
        """Return the event of eb-create-rule-schedule.html."""
        return {
            "version": "0",
            "id": self._ids.uuid("event"),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": ACCOUNT,
            "time": self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": REGION,
            "resources": [rule.arn],
            "detail": {},
        }

    def _send(self, event: Event, rule: Rule) -> None:
        for target in rule.targets:
            delivery = Delivery(event, rule, target, self.delivery_seconds)
            for one in self.disturb(delivery) if self.disturb else [delivery]:
                self._clock.call_later(one.delay_seconds, self._begin, one)

    def _begin(self, delivery: Delivery) -> None:
        self._background.begin(
            self._deliver(delivery), f"delivery of rule {delivery.rule.name}"
        )

    async def _deliver(self, delivery: Delivery) -> None:
        target = delivery.target
        for attempt in range(target.max_retries + 1):
            if attempt:
                await self._clock.sleep(RETRY_SECONDS)
            try:
                await target.target.deliver(copy.deepcopy(delivery.event))
            except Undeliverable:
                continue
            return
        if target.dead_letters is not None:
            await target.dead_letters.deliver(copy.deepcopy(delivery.event))

    def _put_events(self, params: Parameters) -> dict[str, Any]:
        only(params, "Entries")
        if len(params["Entries"]) > _ENTRIES_LIMIT:
            raise AwsError("ValidationException", "at most 10 entries in a call")
        entries = [self._put_entry(entry) for entry in params["Entries"]]
        failed = sum("ErrorCode" in entry for entry in entries)
        return {"FailedEntryCount": failed, "Entries": entries}

    def _put_entry(self, entry: Parameters) -> dict[str, str]:
        names = ("Source", "DetailType", "Detail", "Time", "Resources", "EventBusName")
        only(entry, *names)
        if entry.get("EventBusName", "default") != "default":
            raise NotModelled(f"event bus {entry['EventBusName']}")
        for name in ("Source", "DetailType", "Detail"):
            if not entry.get(name):
                return {
                    "ErrorCode": "InvalidArgument",
                    "ErrorMessage": f"Parameter {name} is not valid.",
                }
        try:
            detail = json.loads(entry["Detail"])
        except ValueError:
            return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is no JSON"}
        event: Event = {
            "source": entry["Source"],
            "detail-type": entry["DetailType"],
            "resources": entry.get("Resources", []),
            "detail": detail,
        }
        if "Time" in entry:
            event["time"] = timestamp(entry["Time"])
        return {"EventId": self.put(event)}
