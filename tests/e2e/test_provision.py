"""From manifests to a running environment, and back to it whatever was changed."""

from localcloud.clock import run_virtual
from localcloud.delays import OpenQuestions
from slipway.domain.provision_run import Result
from slipway.domain.rollout import Outcome
from slipway.domain.service import Slot

from tests.e2e.grounds import Manifest, environment, front, grounds, orders, shop
from tests.e2e.road import client, losing

LOOKING = {"PlanEnvironmentFunction", "RecordProvisionFunction"}
"""The functions of a run that finds nothing to do."""


def test_manifests_become_services_that_releases_roll_out_into() -> None:
    async def scene() -> None:
        async with shop() as made:
            assert made.desired("front") == {Slot.A: 0, Slot.B: 0}
            for name in ("front", "orders"):
                entry = await made.released(name)
                assert entry.outcome is Outcome.PROMOTED, entry.reason
            flow = made.send("front")
            await made.pause(120)
            entry = await made.released("front", "v2")
            assert entry.outcome is Outcome.PROMOTED, entry.reason
            assert flow.totals.failed == 0
            assert made.desired("front") == {Slot.A: 0, Slot.B: 2}

    run_virtual(scene())


def test_a_second_run_writes_nothing() -> None:
    async def scene() -> None:
        async with shop() as made:
            before = made.calls
            assert (await made.run()).result is Result.DONE
            assert made.writes(before) == []
            assert made.callers(before) == LOOKING
            await made.released("front")
            before = made.calls
            assert (await made.run()).result is Result.DONE
            assert made.writes(before) == []
            assert made.callers(before) == LOOKING

    run_virtual(scene())


def test_those_connect_who_are_named_and_nobody_else() -> None:
    async def scene() -> None:
        async with shop() as made:
            assert made.pairs() == {
                ("0.0.0.0/0", "test/load-balancer/public", 80),
                ("test/load-balancer/public", "test/front", 8080),
                ("test/load-balancer/inside", "test/orders", 8081),
                ("test/front", "test/load-balancer/inside", 80),
                ("test/front", "test/orders", 8081),
            }

    run_virtual(scene())


def test_one_upload_after_another_is_few_runs() -> None:
    async def scene() -> None:
        async with shop() as made:
            # Three files came within the window in which word of them is gathered.
            assert len(made.runs()) == 1

    run_virtual(scene())


def test_manifests_that_do_not_hold_are_refused_before_anything_is_written() -> None:
    async def scene() -> None:
        async with grounds() as made:
            admin = front(task_role="role/Admin")
            lost = orders(calls=["fornt"], count="4-2")
            made.upload(environment(made.cloud.network), admin, lost)
            report = await made.provisioned()
            assert report.result is Result.REFUSED
            told = "\n".join(report.problems)
            assert "services/front.yaml" in told
            assert "role/Admin" in told
            assert "services/orders.yaml" in told
            assert made.writes() == []

    run_virtual(scene())


def test_another_shape_rolls_out_and_other_bounds_do_not() -> None:
    async def scene() -> None:
        async with shop() as made:
            await made.released("front")
            await made.released("orders")
            flow = made.send("front")
            await made.pause(120)
            first = made.journal.state("front")
            made.upload(front(variables={"MOTTO": "aye"}), orders(count=3))
            report = await made.provisioned()
            assert report.result is Result.DONE, report
            entry = await made.ended(
                "front", made.journal.rollouts("front")[-1].rollout.cause.digest
            )
            assert entry.outcome is Outcome.PROMOTED, entry.reason
            assert entry.rollout.release.task.environment["MOTTO"] == "aye"
            assert first is not None
            assert entry.rollout.release.id != first.release_id
            assert made.desired("orders") == {Slot.A: 3, Slot.B: 0}
            assert len(made.journal.rollouts("orders")) == 1
            assert flow.totals.failed == 0

    run_virtual(scene())


def test_a_service_whose_manifest_is_gone_drains_and_is_gone() -> None:
    async def scene() -> None:
        async with shop() as made:
            await made.released("front")
            await made.released("orders")
            made.upload(front(calls=[]))
            made.withdraw("orders")
            report = await made.provisioned()
            assert report.result is Result.DONE, report
            assert made.journal.services() == ["front"]
            assert made.pairs() == {
                ("0.0.0.0/0", "test/load-balancer/public", 80),
                ("test/load-balancer/public", "test/front", 8080),
            }
            before = made.calls
            assert (await made.run()).result is Result.DONE
            assert made.writes(before) == []

    run_virtual(scene())


def test_a_service_in_rollout_is_left_until_that_has_ended() -> None:
    async def scene() -> None:
        async with shop() as made:
            await made.released("front")
            made.send("front")
            await made.pause(120)
            digest = made.push("front", "v2")
            await made.until(lambda: made.journal.lease("front"))
            made.upload(front(count={"range": "3-9", "cpu_percentage": 50}))
            report = await made.provisioned()
            assert report.result is Result.WAITING, report
            assert report.waits
            assert "front" in report.waits[0]
            entry = await made.ended("front", digest)
            assert entry.outcome is Outcome.PROMOTED, entry.reason
            made.sweep()
            await made.until(lambda: made.service("front").max_tasks == 9)
            await made.pause(60)

    run_virtual(scene())


def test_a_further_binding_gets_traffic_once_the_release_that_serves_is_healthy() -> (
    None
):
    async def scene() -> None:
        async with shop() as made:
            await made.released("front")
            flow = made.send("front")
            await made.pause(120)
            more = {"load_balancer": "inside", "path": "/front"}
            rules = {"load_balancer": "public", "path": "/", "healthcheck": "/healthz"}
            made.upload(front(http={**rules, "additional_rules": [more]}))
            report = await made.provisioned()
            assert report.result is Result.DONE, report
            inside = made.service("front").bindings[1].listener_arn
            second = made.traffic.send(inside, 20.0, path="/front")
            await made.pause(120)
            assert second.totals.answered > 0
            assert (second.totals.failed, flow.totals.failed) == (0, 0)

    run_virtual(scene())


def test_what_no_event_told_of_the_sweep_starts() -> None:
    async def scene() -> None:
        async with shop() as made:
            await made.released("orders")
            made.cloud.events.disturb = losing("aws.s3")
            made.upload(orders(count=4))
            await made.pause(120)
            assert made.desired("orders")[Slot.A] == 2
            made.sweep()
            await made.until(lambda: made.desired("orders")[Slot.A] == 4)
            made.sweep()
            await made.pause(120)
            assert len(made.runs()) == 2

    run_virtual(scene())


def test_other_capacity_providers_are_given_also_where_that_has_to_be_forced() -> None:
    async def scene() -> None:
        forced = OpenQuestions(strategy_change_has_to_be_forced=True)
        async with shop(open_questions=forced) as made:
            await made.released("front")
            flow = made.send("front")
            await made.pause(60)
            both = ["FARGATE", "FARGATE_SPOT"]
            made.upload(
                environment(made.cloud.network, capacity_providers=both),
                front(
                    count={
                        "range": {"min": 2, "max": 6, "spot_from": 2},
                        "cpu_percentage": 60,
                    }
                ),
            )
            report = await made.provisioned()
            assert report.result is Result.DONE, report
            await made.pause(300)
            for slot in ("front-a", "front-b"):
                strategy = made.cloud.ecs.service(slot).strategy
                names = {share["capacityProvider"] for share in strategy}
                assert names == {"FARGATE", "FARGATE_SPOT"}
            assert flow.totals.failed == 0
            before = made.calls
            assert (await made.run()).result is Result.DONE
            assert made.writes(before) == []

    run_virtual(scene())


def _routed(service: str, path: str, priority: int | None) -> Manifest:
    rule = {"load_balancer": "public", "path": path, "healthcheck": "/healthz"}
    placed = {} if priority is None else {"priority": priority}
    make = front if service == "front" else orders
    return make(http=rule | placed, calls=[])


def test_rules_change_places_and_leave_others_alone() -> None:
    async def scene() -> None:
        async with grounds() as made:

            def places() -> list[str]:
                return [_priority(made.service(n).bindings[0].rule_arn) for n in names]

            names = ("front", "orders")
            # The first rule takes the first place, for it asks for none.
            made.upload(environment(made.cloud.network), _routed("front", "/a", None))
            assert (await made.provisioned()).result is Result.DONE
            made.upload(_routed("orders", "/b", 1))
            assert (await made.provisioned()).result is Result.DONE
            assert places() == ["2", "1"]
            made.upload(_routed("front", "/a", 1), _routed("orders", "/b", 2))
            assert (await made.provisioned()).result is Result.DONE
            assert places() == ["1", "2"]
            client("elbv2").create_rule(
                ListenerArn=made.service("front").bindings[0].listener_arn,
                Priority=3,
                Conditions=[{"Field": "path-pattern", "Values": ["/theirs"]}],
                Actions=[_CLOSED],
            )
            made.upload(_routed("front", "/a", 3))
            report = await made.provisioned()
            assert report.result is Result.FAILED
            assert "a rule that Slipway did not make" in " ".join(report.problems)
            assert places() == ["1", "2"]

    run_virtual(scene())


_CLOSED = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}


def _priority(rule_arn: str) -> str:
    (rule,) = client("elbv2").describe_rules(RuleArns=[rule_arn])["Rules"]
    return str(rule["Priority"])
