"""What a person sees: what each slot carries, and what was decided."""

import time
from datetime import UTC, datetime
from io import StringIO

from localcloud.demo.access_log import Hop
from localcloud.demo.decisions import Decision
from localcloud.demo.processes import Tenancy
from localcloud.demo.traffic_view import slot_rows
from localcloud.demo.view import Picture, SlotRow, render
from localcloud.seams import ListenerView, RoutingView, RuleView
from rich.console import Console
from slipway.domain.service import Binding, Service, Slot
from slipway.domain.task_shape import TaskShape

SERVICE = Service(
    name="cart",
    repository="demo/cart",
    registry="registry",
    slots={Slot.A: "cart-a", Slot.B: "cart-b"},
    task=TaskShape(
        cpu=256,
        memory_mib=512,
        port=7070,
        execution_role_arn="execution",
        task_role_arn="task",
        security_group_ids=("sg",),
    ),
    bindings=(
        Binding(
            listener_arn="listener",
            rule_arn="rule",
            parking_rule_arn="parking",
            target_group_arns={Slot.A: "group-a", Slot.B: "group-b"},
        ),
    ),
    min_tasks=1,
    max_tasks=2,
)
NOW = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)


def routed(weights: dict[str, int], fixed: int | None = None) -> RoutingView:
    rule = RuleView("rule", ("cart.internal",), (), weights, fixed)
    return RoutingView((ListenerView("listener", "app/i/1", 80, (rule,)),), {})


def hop(group: str, status: int, seconds_ago: float) -> Hop:
    start = time.time() - seconds_ago
    return Hop(
        trace="t",
        request="r",
        start=start,
        seconds=0,
        load_balancer="app/i/1",
        host="h",
        rule="rule",
        target_group=group,
        upstream="u",
        status=status,
        flags="",
        answered=True,
    )


def rows(
    view: RoutingView, hops: list[Hop], tenancies: list[Tenancy]
) -> tuple[SlotRow, SlotRow]:
    first, second = slot_rows(
        [SERVICE],
        view,
        tenancies,
        hops,
        healthy={"group-a": 1, "group-b": 0}.__getitem__,
        factor=20,
    )
    return first, second


def test_a_slots_row_says_what_it_carries_and_runs() -> None:
    hops = [hop("group-a", 200, 60), *(hop("group-a", s, 1) for s in (200, 200, 500))]
    tenancies = [
        Tenancy("u", "cart-a", "d", "v1", since=0.0),
        Tenancy("u", "cart-a", "d", "v0", since=0.0, until=1.0),
    ]
    first, second = rows(routed({"group-a": 9, "group-b": 1}), hops, tenancies)

    assert (first.release, first.tasks, first.healthy) == ("v1", 1, 1)
    assert (first.weight_percent, second.weight_percent) == (90, 10)
    assert first.requests_per_minute == 3
    assert first.failed_percent == 100 / 3
    assert (second.release, second.tasks, second.failed_percent) == ("", 0, None)


def test_a_rule_that_answers_by_itself_gives_no_weights() -> None:
    first, second = rows(routed({}, 503), [], [])

    assert first.weight_percent is None
    assert second.weight_percent is None


def shown(height: int) -> str:
    row = SlotRow("cart", "a", "v1", 2, 2, 90, 216, 0.5)
    picture = Picture(
        now=NOW,
        since_begin_seconds=125,
        real_seconds=6,
        clock_factor=20,
        scene="good release",
        story="it goes well",
        sent=100,
        failed=1,
        slots=[row] * 8,
        decisions=[Decision(NOW, "cart", f"look-{n}", "because") for n in range(40)],
    )
    console = Console(file=StringIO(), width=80)
    console.print(render(picture, height))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_the_view_shows_release_weight_health_errors_and_reasons() -> None:
    text = shown(24)

    assert "good release: it goes well" in text
    assert "modelled time 09:30:00, 2 min 05 s in" in text
    assert "90 %" in text
    assert "0.5 %" in text
    assert "cart look-39: because" in text


def test_the_view_fits_the_terminal() -> None:
    for height in (24, 40):
        assert len(shown(height).splitlines()) <= height
