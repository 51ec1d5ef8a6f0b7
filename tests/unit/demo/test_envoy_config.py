"""What the demonstration's Envoy cannot do says so."""

import pytest
from localcloud.api import NotModelled
from localcloud.demo.envoy_config import Timing, routes
from localcloud.seams import ListenerView, RuleView


def listener(sticky_seconds: int) -> ListenerView:
    """Return a listener whose rule lets clients stay with a group for so long."""
    weights = {"group/a": 90, "group/b": 10}
    rule = RuleView("rule/1", (), (), weights, None, sticky_seconds)
    return ListenerView("listener/1", "app/public/1", 80, (rule,))


def test_clients_that_stay_with_a_target_group_are_not_modelled() -> None:
    assert routes(listener(0), Timing.at(1))
    with pytest.raises(NotModelled, match="clients that stay with a target group"):
        routes(listener(600), Timing.at(1))
