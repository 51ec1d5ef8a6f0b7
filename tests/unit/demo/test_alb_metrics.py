"""Rows of the access log become the metrics that a load balancer would report."""

from datetime import UTC, datetime, timedelta

from localcloud.demo.access_log import Hop
from localcloud.demo.alb_metrics import Count, counts

EPOCH = datetime(2026, 1, 5, 9, tzinfo=UTC)
ARN = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/cart-a/1"
BALANCER = {"LoadBalancer": "app/internal/9"}
GROUP = {"TargetGroup": "targetgroup/cart-a/1", **BALANCER}


def modelled(real: float) -> datetime:
    return EPOCH + timedelta(seconds=real * 20)


def hop(
    status: int,
    *,
    answered: bool = True,
    upstream: str | None = "127.0.0.2:80",
    group: str | None = ARN,
    start: float = 0.0,
) -> Hop:
    return Hop(
        trace="t",
        request="r",
        start=start,
        seconds=0.5,
        load_balancer="app/internal/9",
        host="h",
        rule="rule",
        target_group=group,
        upstream=upstream,
        status=status,
        flags="",
        answered=answered,
    )


def found(*hops: Hop) -> dict[tuple[str, bool], int]:
    return {
        (each.name, "TargetGroup" in each.dimensions): each.value
        for each in counts(hops, modelled)
    }


def test_an_answer_counts_with_and_without_its_target_group() -> None:
    assert counts([hop(200), hop(200)], modelled) == [
        Count("RequestCount", BALANCER, EPOCH, 2),
        Count("RequestCount", GROUP, EPOCH, 2),
        Count("HTTPCode_Target_2XX_Count", BALANCER, EPOCH, 2),
        Count("HTTPCode_Target_2XX_Count", GROUP, EPOCH, 2),
    ]


def test_a_hanging_target_shows_no_error_of_its_group() -> None:
    assert found(hop(504, answered=False)) == {
        ("RequestCount", False): 1,
        ("RequestCount", True): 1,
        ("HTTPCode_ELB_5XX_Count", False): 1,
        ("HTTPCode_ELB_504_Count", False): 1,
    }


def test_a_request_without_a_target_to_choose_is_no_request_of_the_group() -> None:
    assert found(hop(503, answered=False, upstream=None)) == {
        ("HTTPCode_ELB_5XX_Count", False): 1,
        ("HTTPCode_ELB_503_Count", False): 1,
    }


def test_a_client_that_went_away_counts_as_a_request_without_answer() -> None:
    assert found(hop(0, answered=False)) == {
        ("RequestCount", False): 1,
        ("RequestCount", True): 1,
        ("HTTPCode_ELB_4XX_Count", False): 1,
    }


def test_a_fixed_response_counts_as_such() -> None:
    fixed = hop(503, answered=False, upstream=None, group=None)

    assert found(fixed) == {("HTTP_Fixed_Response_Count", False): 1}


def test_a_request_counts_in_the_modelled_minute_in_which_it_ended() -> None:
    late = counts([hop(200, start=2.5)], modelled)

    assert {each.at for each in late} == {EPOCH + timedelta(minutes=1)}
