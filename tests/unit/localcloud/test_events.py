"""Rules, deliveries, retries and PutEvents."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from localcloud.api import AwsError, NotModelled
from localcloud.background import Background
from localcloud.clock import Clock, run_virtual
from localcloud.events import Delivery, EventBus, Rule, RuleTarget, Undeliverable


@dataclass
class Inbox:
    """A target that can refuse."""

    clock: Clock
    refusals: int = 0
    arn: str = "arn:inbox"
    received: list[tuple[float, Any]] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)

    async def deliver(self, event: dict[str, Any]) -> None:
        """Refuse as often as told, then keep."""
        if self.refusals:
            self.refusals -= 1
            raise Undeliverable("not now")
        self.received.append((self.clock.time(), event["detail"]))
        self.events.append(event)

    @property
    def details(self) -> list[Any]:
        """What came, without times."""
        return [detail for _, detail in self.received]


@dataclass
class World:
    """A bus and its surroundings."""

    clock: Clock
    bus: EventBus
    background: Background

    def inbox(self, pattern: Any = None, **rule: Any) -> Inbox:
        """Add a rule with one target."""
        inbox = Inbox(self.clock)
        self.bus.rule(Rule("r", pattern, [RuleTarget(inbox)], **rule))
        return inbox


def world(*, schedules: bool = True) -> World:
    clock, background = Clock(), Background()
    bus = EventBus(clock, background, schedules=schedules)
    return World(clock, bus, background)


def event(detail: Any = None, **fields: Any) -> dict[str, Any]:
    return {
        "source": "aws.ecs",
        "detail-type": "ECS Task State Change",
        "detail": detail or {},
    } | fields


def test_an_event_reaches_the_rules_that_match_it_after_a_delay() -> None:
    async def main() -> None:
        here = world()
        inbox = here.inbox({"source": ["aws.ecs"], "detail": {"status": ["STOPPED"]}})
        here.bus.put(event({"status": "RUNNING"}))
        here.bus.put(event({"status": "STOPPED"}))
        here.bus.put(event({"status": "STOPPED"}, source="aws.ecr"))
        await here.clock.sleep(10)
        assert inbox.received == [(pytest.approx(0.5), {"status": "STOPPED"})]

    run_virtual(main())


@pytest.mark.parametrize(
    ("pattern", "detail", "matches"),
    [
        ({"tag": [{"exists": True}]}, {"tag": "v1"}, True),
        ({"tag": [{"exists": True}]}, {}, False),
        ({"tag": [{"prefix": "v"}]}, {"tag": "v1"}, True),
        ({"tag": [{"anything-but": ["v1"]}]}, {"tag": "v1"}, False),
        ({"groups": ["b"]}, {"groups": ["a", "b"]}, True),
        ({"count": [{"numeric": [">", 3]}]}, {"count": 4}, True),
        ({"count": [{"numeric": [">", 3]}]}, {"count": 3}, False),
    ],
)
def test_patterns_match_as_eventbridge_does(
    pattern: Any, detail: Any, *, matches: bool
) -> None:
    async def main() -> None:
        here = world()
        inbox = here.inbox({"detail": pattern})
        here.bus.put(event(detail))
        await here.clock.sleep(1)
        assert bool(inbox.received) is matches

    run_virtual(main())


def test_a_disabled_rule_delivers_nothing() -> None:
    async def main() -> None:
        here = world()
        inbox = here.inbox({"source": ["aws.ecs"]}, enabled=False)
        here.bus.put(event())
        await here.clock.sleep(10)
        assert inbox.received == []

    run_virtual(main())


def test_an_event_has_the_envelope_of_aws() -> None:
    async def main() -> None:
        here = world()
        await here.clock.sleep(60)
        identifier = here.bus.put(event())
        (put,) = here.bus.log
        assert put["id"] == identifier
        assert put["version"] == "0"
        assert put["account"] == "111122223333"
        assert put["region"] == "eu-west-1"
        assert put["time"] == "2026-01-05T09:01:00.000Z"
        assert put["resources"] == []

    run_virtual(main())


def test_a_refused_event_is_tried_again_until_it_is_taken() -> None:
    async def main() -> None:
        here = world()
        inbox = here.inbox({"source": ["aws.ecs"]})
        inbox.refusals = 3
        here.bus.put(event({"n": 1}))
        await here.clock.sleep(600)
        assert inbox.received == [(pytest.approx(0.5 + 3 * 30), {"n": 1})]

    run_virtual(main())


def test_an_event_that_nobody_takes_ends_in_the_dead_letters() -> None:
    async def main() -> None:
        here = world()
        inbox, dead = Inbox(here.clock, refusals=99), Inbox(here.clock)
        target = RuleTarget(inbox, dead, max_retries=2)
        here.bus.rule(Rule("r", {"source": ["aws.ecs"]}, [target]))
        here.bus.put(event({"n": 1}))
        await here.clock.sleep(600)
        assert inbox.refusals == 96
        assert dead.details == [{"n": 1}]

    run_virtual(main())


def test_a_test_can_lose_duplicate_and_reorder_deliveries() -> None:
    def disturb(delivery: Delivery) -> list[Delivery]:
        match delivery.event["detail"]["n"]:
            case 1:
                return [replace(delivery, delay_seconds=60)]
            case 2:
                return [delivery, delivery]
        return []

    async def main() -> None:
        here = world()
        inbox = here.inbox({"source": ["aws.ecs"]})
        here.bus.disturb = disturb
        for n in (1, 2, 3):
            here.bus.put(event({"n": n}))
        await here.clock.sleep(100)
        assert [detail["n"] for detail in inbox.details] == [2, 2, 1]

    run_virtual(main())


def test_receivers_do_not_share_the_event_object() -> None:
    async def main() -> None:
        here = world()
        inbox = here.inbox({"source": ["aws.ecs"]})
        here.bus.put(event({"n": 1}))
        await here.clock.sleep(1)
        inbox.details[0]["n"] = 2
        assert here.bus.log[0]["detail"] == {"n": 1}

    run_virtual(main())


def test_put_events_puts_what_is_right_and_names_what_is_not() -> None:
    async def main() -> None:
        here = world()
        inbox = here.inbox({"source": ["slipway"]})
        entry = {"Source": "slipway", "DetailType": "Done", "Detail": '{"n": 1}'}
        put = here.bus.operations["PutEvents"]
        answer = put(
            {"Entries": [entry, entry | {"Detail": "{"}, {"Source": "slipway"}]}
        )
        await here.clock.sleep(1)
        assert inbox.details == [{"n": 1}]
        assert [e.get("ErrorCode") for e in answer["Entries"]] == [
            None,
            "MalformedDetail",
            "InvalidArgument",
        ]
        assert answer["FailedEntryCount"] == 2
        with pytest.raises(NotModelled, match="event bus other"):
            put({"Entries": [entry | {"EventBusName": "other"}]})
        with pytest.raises(AwsError, match="at most 10"):
            put({"Entries": [entry] * 11})
        with pytest.raises(NotModelled, match="EndpointId"):
            put({"Entries": [entry], "EndpointId": "e"})

    run_virtual(main())


# -------------------------------------------------------------------------- schedules


def test_a_scheduled_rule_makes_an_event_of_its_own_each_time() -> None:
    async def main() -> None:
        here = world()
        await here.clock.sleep(7)
        inbox = here.inbox(every_seconds=60)
        other = Inbox(here.clock)
        pattern = {"source": ["aws.events"]}
        here.bus.rule(Rule("other", pattern, [RuleTarget(other)]))
        await here.clock.sleep(185)
        assert [time for time, _ in inbox.received] == [
            pytest.approx(67.5),
            pytest.approx(127.5),
            pytest.approx(187.5),
        ]
        one = dict(inbox.events[0])
        assert len({event.pop("id") for event in inbox.events}) == 3
        del one["id"]
        assert one == {
            "version": "0",
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": "111122223333",
            "time": "2026-01-05T09:01:07Z",
            "region": "eu-west-1",
            "resources": ["arn:aws:events:eu-west-1:111122223333:rule/r"],
            "detail": {},
        }
        assert other.received == []
        assert here.bus.log == []
        await here.background.close()

    run_virtual(main())


def test_a_rule_without_a_pattern_takes_no_events_that_are_put() -> None:
    async def main() -> None:
        here = world()
        inbox = here.inbox(every_seconds=60)
        here.bus.put(event())
        await here.clock.sleep(10)
        assert inbox.received == []

    run_virtual(main())


def test_a_disabled_or_replaced_schedule_stands_still() -> None:
    async def main() -> None:
        here = world()
        first = here.inbox(every_seconds=60)
        here.bus.rules["r"].enabled = False
        await here.clock.sleep(90)
        here.bus.rules["r"].enabled = True
        await here.clock.sleep(60)
        assert [time for time, _ in first.received] == [pytest.approx(120.5)]
        second = here.inbox(every_seconds=60)
        await here.clock.sleep(90)
        assert len(first.received) == 1
        assert [time for time, _ in second.received] == [pytest.approx(210.5)]

    run_virtual(main())


def test_a_bus_without_schedules_makes_no_events() -> None:
    async def main() -> None:
        here = world(schedules=False)
        inbox = here.inbox(every_seconds=60)
        await here.clock.sleep(600)
        assert inbox.received == []

    run_virtual(main())
