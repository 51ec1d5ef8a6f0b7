"""The life of a task: its states, its events, its targets, its end."""

from itertools import pairwise
from typing import Any

import pytest
from localcloud.elb import Health
from localcloud.network import AddressesExhausted
from localcloud.seams import Target

from tests.unit.localcloud.compute import Cloud, client, compute_cloud, virtual

GOOD = {"app": "cart", "version": "v1", "start_seconds": 8}


def _events_of(cloud: Cloud, task_arn: str) -> list[dict[str, Any]]:
    details = cloud.events.details("ECS Task State Change")
    return [d for d in details if d["taskArn"] == task_arn]


def _address(detail: dict[str, Any]) -> str | None:
    details = {d["name"]: d["value"] for d in detail["attachments"][0]["details"]}
    return details.get("privateIPv4Address")


@virtual
async def test_a_task_passes_all_states_in_order_and_each_is_an_event() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        cloud.launch("cart", "a", GOOD, 1)
        await cloud.settled("cart-a", 1)
        [task] = cloud.tasks("cart-a")
        cloud.scale("cart-a", 0)
        await cloud.clock.sleep(120)
        events = _events_of(cloud, task["taskArn"])
        assert [(e["desiredStatus"], e["lastStatus"]) for e in events] == [
            ("RUNNING", "PROVISIONING"),
            ("RUNNING", "PENDING"),
            ("RUNNING", "ACTIVATING"),
            ("RUNNING", "RUNNING"),
            ("STOPPED", "RUNNING"),
            ("STOPPED", "DEACTIVATING"),
            ("STOPPED", "STOPPING"),
            ("STOPPED", "DEPROVISIONING"),
            ("STOPPED", "STOPPED"),
        ]
        versions = [e["version"] for e in events]
        assert all(later == earlier + 1 for earlier, later in pairwise(versions))
        assert events[-1]["stopCode"] == "ServiceSchedulerInitiated"


@virtual
async def test_an_event_has_the_shape_that_aws_documents() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        revision = cloud.launch("cart", "a", GOOD, 1)
        await cloud.settled("cart-a", 1)
        [task] = cloud.tasks("cart-a")
        first, *_, running = _events_of(cloud, task["taskArn"])
        assert first["attachments"][0]["status"] == "PRECREATED"
        assert _address(first) is None
        assert running["group"] == "service:cart-a"
        assert running["taskDefinitionArn"] == revision
        assert running["startedBy"] == cloud.deployment("cart-a")["id"]
        [container] = running["containers"]
        assert container["name"] == "cart"
        assert container["imageDigest"].startswith("sha256:")
        [interface] = container["networkInterfaces"]
        assert interface["privateIpv4Address"] == _address(running)
        assert "healthStatus" not in running
        assert running["startedAt"].endswith("Z")


@virtual
async def test_tasks_spread_over_zones_and_each_has_its_own_address() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        cloud.launch("cart", "a", GOOD, 6)
        await cloud.settled("cart-a", 6)
        tasks = cloud.tasks("cart-a")
        zones = sorted(t["availabilityZone"][-1] for t in tasks)
        assert zones == ["a", "a", "b", "b", "c", "c"]
        assert len({_address(t) for t in tasks}) == 6
        cloud.scale("cart-a", 3)
        await cloud.clock.sleep(120)
        left = cloud.tasks("cart-a")
        assert sorted(t["availabilityZone"][-1] for t in left) == ["a", "b", "c"]


@virtual
async def test_an_address_is_not_used_again_while_others_are_free() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        seen: list[str | None] = []
        for _ in range(3):
            cloud.launch("cart", "a", GOOD | {"version": len(seen)}, 1)
            await cloud.settled("cart-a", 1)
            seen.append(_address(cloud.tasks("cart-a")[0]))
            cloud.scale("cart-a", 0)
            await cloud.clock.sleep(120)
        assert len(set(seen)) == 3


@virtual
async def test_a_full_subnet_gives_its_oldest_free_address_or_none() -> None:
    async with compute_cloud() as cloud:
        network = cloud.compute.network
        subnet = network.subnets[0]
        taken = [network.take(subnet) for _ in range(1019)]
        with pytest.raises(AddressesExhausted):
            network.take(subnet)
        network.give_back(taken[7])
        assert network.take(subnet) == taken[7]


@virtual
async def test_a_task_drains_for_the_whole_delay_before_it_is_told_to_stop() -> None:
    async with compute_cloud() as cloud:
        system = cloud.system()
        group = system.service("cart").bindings[0].target_group_arns
        cloud.launch("cart", "a", GOOD, 1)
        await cloud.settled("cart-a", 1)
        [task] = cloud.tasks("cart-a")
        address = _address(task) or ""
        cloud.scale("cart-a", 0)
        await cloud.clock.sleep(2)
        arn = next(iter(group.values()))
        assert cloud.compute.elb.health(arn, Target(address, 7070)) is Health.DRAINING
        assert cloud.runtime.running(address) is not None
        await cloud.clock.sleep(27)
        assert cloud.runtime.running(address) is not None
        assert cloud.compute.network.resident(address) is not None
        await cloud.clock.sleep(4)
        assert cloud.runtime.running(address) is None
        assert cloud.compute.network.resident(address) is None


@virtual
async def test_a_container_that_ends_by_itself_stops_its_task_and_is_replaced() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        cloud.launch("cart", "a", GOOD, 2)
        await cloud.settled("cart-a", 2)
        victim = cloud.tasks("cart-a")[0]["taskArn"]
        cloud.runtime.crash(victim, exit_code=137)
        await cloud.clock.sleep(10)
        last = _events_of(cloud, victim)[-1]
        assert last["lastStatus"] == "STOPPED"
        assert last["stopCode"] == "EssentialContainerExited"
        assert last["stoppedReason"] == "Essential container in task exited"
        assert last["containers"][0]["exitCode"] == 137
        await cloud.clock.sleep(60)
        assert cloud.describe("cart-a")["runningCount"] == 2
        assert cloud.deployment("cart-a")["rolloutState"] == "COMPLETED"


@pytest.mark.parametrize("vanished", [True, False])
@virtual
async def test_an_image_that_cannot_be_pulled_fails_its_task(*, vanished: bool) -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        image = GOOD if vanished else GOOD | {"unpullable": True}
        revision = cloud.register("cart", image)
        if vanished:
            details = client("ecr").describe_images(
                repositoryName="demo/cart", imageIds=[{"imageTag": "v1"}]
            )["imageDetails"]
            client("ecr").batch_delete_image(
                repositoryName="demo/cart",
                imageIds=[{"imageDigest": details[0]["imageDigest"]}],
            )
        client("ecs").update_service(
            cluster="demo", service="cart-a", taskDefinition=revision, desiredCount=1
        )
        await cloud.clock.sleep(30)
        first = cloud.events.details("ECS Task State Change")[0]
        task = _events_of(cloud, first["taskArn"])
        codes = {e.get("stopCode") for e in task if e["lastStatus"] == "DEPROVISIONING"}
        assert codes == {"TaskFailedToStart"}
        assert "CannotPullContainerError" in task[-1]["stoppedReason"]


@virtual
async def test_a_stopped_task_can_be_described_for_an_hour() -> None:
    async with compute_cloud() as cloud:
        cloud.system()
        cloud.launch("cart", "a", GOOD, 1)
        await cloud.settled("cart-a", 1)
        [task] = cloud.tasks("cart-a")
        client("ecs").stop_task(cluster="demo", task=task["taskArn"], reason="a test")
        await cloud.clock.sleep(1800)
        stopped = {t["taskArn"]: t for t in cloud.tasks("cart-a", "STOPPED")}
        assert stopped[task["taskArn"]]["stopCode"] == "UserInitiated"
        assert stopped[task["taskArn"]]["stoppedReason"] == "a test"
        assert cloud.describe("cart-a")["runningCount"] == 1
