"""The rolling controller: what starts, completes and fails a deployment."""

from typing import Any

import pytest
from localcloud.delays import OpenQuestions

from tests.unit.localcloud.compute import Cloud, client, compute_cloud, virtual

V1 = {"app": "cart", "version": "v1", "start_seconds": 8}
V2 = {"app": "cart", "version": "v2", "start_seconds": 8}


def _events(cloud: Cloud, deployment_id: str) -> list[str]:
    details = cloud.events.details("ECS Deployment State Change")
    return [d["eventName"] for d in details if d["deploymentId"] == deployment_id]


def _update(**changes: Any) -> dict[str, Any]:
    answer = client("ecs").update_service(cluster="demo", service="cart-a", **changes)
    return answer["service"]["deployments"][0]


@virtual
async def test_a_deployment_completes_when_all_its_tasks_are_healthy() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        cloud.launch("cart", "a", V1, 3)
        began = cloud.deployment("cart-a")
        assert (began["rolloutState"], began["status"]) == ("IN_PROGRESS", "PRIMARY")
        await cloud.settled("cart-a", 3)
        assert _events(cloud, began["id"]) == [
            "SERVICE_DEPLOYMENT_IN_PROGRESS",
            "SERVICE_DEPLOYMENT_COMPLETED",
        ]


@virtual
async def test_running_tasks_without_health_do_not_complete_a_deployment() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        cloud.launch("cart", "a", V1 | {"unhealthy": True}, 1)
        await cloud.clock.sleep(20)
        deployment = cloud.deployment("cart-a")
        assert deployment["runningCount"] == 1
        assert deployment["rolloutState"] == "IN_PROGRESS"


@virtual
async def test_a_count_alone_starts_no_deployment() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        cloud.launch("cart", "a", V1, 1)
        await cloud.settled("cart-a", 1)
        before = cloud.deployment("cart-a")["id"]
        assert _update(desiredCount=4)["id"] == before
        await cloud.settled("cart-a", 4)
        assert len(_events(cloud, before)) == 2


@virtual
async def test_the_same_revision_again_starts_one_only_when_forced() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        revision = cloud.launch("cart", "a", V1, 1)
        await cloud.settled("cart-a", 1)
        before = cloud.deployment("cart-a")["id"]
        assert _update(taskDefinition=revision)["id"] == before
        assert _update(forceNewDeployment=True)["id"] != before


@virtual
async def test_another_network_configuration_starts_a_deployment() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        cloud.launch("cart", "a", V1, 1)
        await cloud.settled("cart-a", 1)
        before = cloud.describe("cart-a")
        network = before["networkConfiguration"]
        same = before["deployments"][0]["id"]
        assert _update(networkConfiguration=network)["id"] == same
        network["awsvpcConfiguration"]["securityGroups"] = ["sg-other"]
        assert _update(networkConfiguration=network)["id"] != same


@virtual
async def test_a_desired_count_of_0_completes_with_nothing_shown() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        cloud.launch("cart", "a", V1 | {"crash_at_start": True}, 0)
        await cloud.settled("cart-a", 0)


@virtual
async def test_a_rolling_update_never_has_too_few_healthy_nor_too_many_tasks() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        cloud.launch("cart", "a", V1, 4)
        await cloud.settled("cart-a", 4)
        new = cloud.launch("cart", "a", V2, 4, "v2")
        for _ in range(90):
            deployments = cloud.describe("cart-a")["deployments"]
            assert sum(d["runningCount"] for d in deployments) >= 4
            assert sum(d["runningCount"] + d["pendingCount"] for d in deployments) <= 8
            await cloud.clock.sleep(1)
        [only] = cloud.describe("cart-a")["deployments"]
        assert (only["taskDefinition"], only["rolloutState"]) == (new, "COMPLETED")


@virtual
async def test_an_update_is_not_complete_while_the_old_tasks_drain() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        cloud.launch("cart", "a", V1, 1)
        await cloud.settled("cart-a", 1)
        cloud.launch("cart", "a", V2, 1, "v2")
        seen_draining = False
        while (now := cloud.deployment("cart-a"))["rolloutState"] != "COMPLETED":
            states = {t["lastStatus"] for t in cloud.tasks("cart-a", "STOPPED")}
            if now["runningCount"] == 1 and "DEACTIVATING" in states:
                seen_draining = True
            await cloud.clock.sleep(1)
        assert seen_draining
        assert {t["lastStatus"] for t in cloud.tasks("cart-a", "STOPPED")} == {
            "STOPPED"
        }


@pytest.mark.parametrize(
    ("desired", "threshold"), [(1, 3), (6, 3), (7, 4), (25, 13), (500, 200)]
)
@virtual
async def test_the_breaker_takes_half_the_tasks_within_its_bounds(
    desired: int, threshold: int
) -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        service = cloud.compute.ecs.service("cart-a")
        service.desired = desired
        assert service.breaker_threshold == threshold
        service.desired = 0
        await cloud.clock.sleep(5)


@pytest.mark.parametrize("flaw", ["crash_at_start", "unpullable", "unhealthy"])
@virtual
async def test_the_breaker_fails_a_deployment_whose_tasks_never_come_up(
    flaw: str,
) -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        cloud.launch("cart", "a", V1 | {flaw: True}, 2)
        began = cloud.deployment("cart-a")
        await cloud.clock.sleep(300)
        failed = cloud.deployment("cart-a")
        assert failed["id"] == began["id"]
        assert failed["rolloutState"] == "FAILED"
        assert failed["failedTasks"] >= 3
        assert _events(cloud, began["id"])[-1] == "SERVICE_DEPLOYMENT_FAILED"
        count = len(cloud.events.details("ECS Task State Change"))
        await cloud.clock.sleep(900)
        assert not cloud.tasks("cart-a") or flaw == "unhealthy"
        later = cloud.events.details("ECS Task State Change")[count:]
        assert not [e for e in later if e["lastStatus"] == "PROVISIONING"]


@virtual
async def test_a_failed_deployment_does_not_heal_but_a_forced_one_does() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        cloud.launch("cart", "a", V1 | {"crash_at_start": True}, 3)
        await cloud.clock.sleep(120)
        good = cloud.register("cart", V2, "v2")
        assert cloud.deployment("cart-a")["rolloutState"] == "FAILED"
        cloud.scale("cart-a", 5)
        await cloud.clock.sleep(120)
        assert cloud.describe("cart-a")["runningCount"] == 0
        _update(taskDefinition=good)
        await cloud.settled("cart-a", 5)


@virtual
async def test_a_failed_deployment_can_be_scaled_to_0() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        cloud.launch("cart", "a", V1, 2)
        await cloud.settled("cart-a", 2)
        cloud.launch("cart", "a", V2 | {"crash_at_start": True}, 2, "v2")
        await cloud.clock.sleep(300)
        failed = cloud.describe("cart-a")
        assert failed["deployments"][0]["rolloutState"] == "FAILED"
        assert failed["runningCount"] == 2
        cloud.scale("cart-a", 0)
        await cloud.clock.sleep(120)
        assert cloud.describe("cart-a")["runningCount"] == 0


@virtual
async def test_pauses_between_failing_starts_grow() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        cloud.launch("cart", "a", V1 | {"crash_at_start": True}, 1)
        await cloud.clock.sleep(300)
        task_events = cloud.events.details("ECS Task State Change")
        starts = [
            e["createdAt"] for e in task_events if e["lastStatus"] == "PROVISIONING"
        ]
        assert starts == [
            "2026-01-05T09:00:01.000Z",
            "2026-01-05T09:00:25.000Z",
            "2026-01-05T09:00:59.000Z",
        ]


@virtual
async def test_a_task_that_fails_its_health_checks_later_is_replaced() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        cloud.launch("cart", "a", V1, 2)
        await cloud.settled("cart-a", 2)
        await cloud.clock.sleep(60)
        victim = cloud.tasks("cart-a")[0]
        interface = victim["containers"][0]["networkInterfaces"][0]
        cloud.runtime.sick.add(interface["privateIpv4Address"])
        await cloud.clock.sleep(120)
        stopped = cloud.tasks("cart-a", "STOPPED")[0]
        assert stopped["taskArn"] == victim["taskArn"]
        assert stopped["stopCode"] == "ServiceSchedulerInitiated"
        assert (
            "failed ELB health checks in (target-group arn:" in stopped["stoppedReason"]
        )
        service = cloud.describe("cart-a")
        assert service["runningCount"] == 2
        assert any(
            "failed ELB health checks" in e["message"] for e in service["events"]
        )


@pytest.mark.parametrize(("counts", "state"), [(True, "FAILED"), (False, "COMPLETED")])
@virtual
async def test_exits_of_healthy_tasks_trip_the_breaker_only_if_aws_counts_them(
    *, counts: bool, state: str
) -> None:
    questions = OpenQuestions(breaker_counts_exits_of_healthy_tasks=counts)
    async with compute_cloud(questions=questions) as cloud:
        cloud.system()
        cloud.launch("cart", "a", V1, 4)
        await cloud.clock.sleep(10)
        *others, late = cloud.compute.ecs.tasks()
        cloud.runtime.sick.add(late.address or "")
        while not all(task.was_healthy for task in others):
            await cloud.clock.sleep(1)
        for task in others:
            cloud.runtime.crash(task.arn)
        await cloud.clock.sleep(10)
        cloud.runtime.sick.clear()
        await cloud.clock.sleep(300)
        assert cloud.deployment("cart-a")["rolloutState"] == state


@virtual
async def test_a_healthy_task_makes_the_breaker_count_anew() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        cloud.launch("cart", "a", V1, 3)
        await cloud.clock.sleep(10)
        steady = cloud.compute.ecs.tasks()[0]
        cloud.runtime.sick.add(steady.address or "")
        for _ in range(2):
            while cloud.describe("cart-a")["runningCount"] < 3:
                await cloud.clock.sleep(0.2)
            for task in cloud.compute.ecs.tasks():
                if task.wanted and task is not steady:
                    cloud.runtime.crash(task.arn)
            await cloud.clock.sleep(6)
            assert cloud.deployment("cart-a")["failedTasks"] == 2
            cloud.runtime.sick.clear()
        await cloud.clock.sleep(120)
        assert cloud.deployment("cart-a")["rolloutState"] == "COMPLETED"
