"""What task definitions may say, what is refused, and that all of it is shown."""

from copy import deepcopy
from typing import Any

import pytest
from botocore.exceptions import ClientError
from localcloud.api import NotModelled
from localcloud.identity import REGISTRY
from slipway.domain.release import task_definition

from tests.builders import REGION, a_full_task_shape, a_release, a_service
from tests.unit.localcloud.compute import Cloud, client, compute_cloud, virtual

ROLE = "arn:aws:iam::111122223333:role/execution"
OWN = {"name": "cart", "image": "i", "portMappings": [{"containerPort": 8080}]}
SIDE = {"name": "side", "image": "i", "essential": False}
CHECK = {"command": ["CMD", "/probe"]}
AP = {"authorizationConfig": {"accessPointId": "fsap-1"}}


def register(**changes: Any) -> dict[str, Any]:
    """Register a definition of one small task; return what is shown of it."""
    usual: dict[str, Any] = {
        "family": "demo-cart",
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": ROLE,
        "containerDefinitions": [OWN, SIDE],
    }
    given = {k: v for k, v in (usual | changes).items() if v is not None}
    answer = client("ecs").register_task_definition(**deepcopy(given))
    shown: dict[str, Any] = answer["taskDefinition"]
    return shown


def waits(name: str, condition: str = "START") -> dict[str, Any]:
    return {"dependsOn": [{"containerName": name, "condition": condition}]}


def volume(**efs: Any) -> dict[str, Any]:
    return {"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-1"} | efs}


def containers(*definitions: dict[str, Any]) -> dict[str, Any]:
    return {"containerDefinitions": list(definitions)}


@virtual
async def test_all_that_slipway_writes_is_taken_and_shown() -> None:
    async with compute_cloud():
        release = a_release(service=a_service(task=a_full_task_shape()))
        written = task_definition(release, family="test-orders", region=REGION)
        shown = register(**written)
        assert {key: shown[key] for key in written} == written
        again = client("ecs").describe_task_definition(taskDefinition="test-orders")
        assert again["taskDefinition"] == shown


REFUSED: list[tuple[dict[str, Any], str]] = [
    (containers(OWN, SIDE | {"name": "cart"}), "names must be unique"),
    (containers(OWN, {"image": "i"}), "name should not be null or empty"),
    (containers({"name": "cart"}), "image should not be null or empty"),
    (containers(SIDE), "at least one essential container"),
    (containers(OWN, *(SIDE | {"name": f"s{n}"} for n in range(10))), "at most 10"),
    (
        containers(OWN, SIDE | {"portMappings": [{"containerPort": 8080}]}),
        "port 8080 is mapped more than once",
    ),
    (containers(OWN | {"cpu": 200}, SIDE | {"cpu": 57}), "cpu, 257, exceeds"),
    (containers(OWN | {"memory": 500}, SIDE | {"memory": 13}), "memory, 513, exceeds"),
    (
        containers(OWN | {"memory": 513, "memoryReservation": 10}),
        "exceeds the task's",
    ),
    (containers(OWN | {"stopTimeout": 121}), "at most 120"),
    (
        containers(OWN | {"healthCheck": {"command": ["/probe"]}}),
        "starts with CMD or CMD-SHELL",
    ),
    (containers(OWN | {"healthCheck": CHECK | {"interval": 4}}), "interval is 5 to"),
    (containers(OWN | {"healthCheck": CHECK | {"retries": 11}}), "retries is 1 to 10"),
    (
        containers(
            OWN
            | {
                "environment": [{"name": "KEY", "value": "a"}],
                "secrets": [{"name": "KEY", "valueFrom": "/key"}],
            }
        ),
        "such as 'KEY'",
    ),
    (
        containers(OWN | {"secrets": [{"name": "KEY", "valueFrom": "/key"}]})
        | {"executionRoleArn": None},
        "must also specify a value for 'executionRoleArn'",
    ),
    (
        containers(OWN | {"logConfiguration": {"logDriver": "awslogs"}})
        | {"executionRoleArn": None},
        "to support log driver awslogs",
    ),
    (containers(OWN | waits("none"), SIDE), "'none' because it does not exist"),
    (
        containers(OWN | waits("side"), SIDE | waits("cart")),
        "should not have a cycle",
    ),
    (containers(OWN | waits("cart")), "should not have a cycle"),
    (
        containers(OWN, SIDE | waits("cart", "SUCCESS")),
        "cannot be an essential container",
    ),
    (containers(OWN | waits("side", "HEALTHY"), SIDE), "no health check to wait for"),
    (containers(OWN | waits("side", "start"), SIDE), "A condition is one of START"),
    (
        containers(OWN | {"mountPoints": [{"sourceVolume": "v"}]}),
        "Unknown volume 'v'",
    ),
    (
        containers(
            OWN | {"mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}] * 2}
        )
        | {"volumes": [volume()]},
        "Two volumes are mounted at /v",
    ),
    ({"volumes": [volume(), {"name": "v"}]}, "v is defined more than once"),
    ({"volumes": [volume(**AP)]}, "transit encryption must be on"),
    (
        {"volumes": [volume(**AP, transitEncryption="ENABLED", rootDirectory="/a")]},
        "the root directory must be /",
    ),
    ({"ephemeralStorage": {"sizeInGiB": 20}}, "21 to 200 GiB"),
    ({"ephemeralStorage": {"sizeInGiB": 201}}, "21 to 200 GiB"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED)
@virtual
async def test_what_aws_refuses_is_refused(
    changes: dict[str, Any], message: str
) -> None:
    async with compute_cloud():
        with pytest.raises(ClientError, match=message) as caught:
            register(**changes)
        assert caught.value.response["Error"]["Code"] == "ClientException"


@pytest.mark.parametrize(
    "changes",
    [
        containers(OWN | {"cpu": 200}, SIDE | {"cpu": 56}),
        containers(OWN, SIDE | {"memory": 512}),
        containers(OWN | waits("side", "COMPLETE"), SIDE),
        containers(OWN, SIDE | waits("cart", "START")),
        containers(OWN | {"healthCheck": CHECK}, SIDE | waits("cart", "HEALTHY")),
        {"volumes": [volume(**AP, transitEncryption="ENABLED")]},
        {"ephemeralStorage": {"sizeInGiB": 21}},
        {"runtimePlatform": {"cpuArchitecture": "ARM64"}},
    ],
)
@virtual
async def test_what_lies_within_the_bounds_is_taken(changes: dict[str, Any]) -> None:
    async with compute_cloud():
        shown = register(**changes)
        assert {key: shown[key] for key in changes} == changes


@pytest.mark.parametrize(
    "changes",
    [
        containers(OWN | {"startTimeout": 10}),
        containers(OWN | {"portMappings": [{"containerPort": p} for p in (1, 2)]}),
        {"volumes": [{"name": "v", "host": {}}]},
        {"volumes": [volume(transitEncryptionPort=2999)]},
        {"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}},
    ],
)
@virtual
async def test_what_is_not_modelled_raises(changes: dict[str, Any]) -> None:
    async with compute_cloud():
        with pytest.raises(NotModelled):
            register(**changes)


# ------------------------------------------------------------------ tasks


def serve(cloud: Cloud, **changes: Any) -> None:
    """Run one task of a definition in a service without load balancers."""
    cloud.system()
    digest = cloud.compute.images.push("demo/cart", "v1", {"app": "cart"})
    own = OWN | {"image": f"{REGISTRY}/demo/cart@{digest}"}
    register(**{"containerDefinitions": [SIDE, own | {"portMappings": []}]} | changes)
    known = cloud.describe("cart-a")
    client("ecs").create_service(
        cluster="demo",
        serviceName="cart-c",
        taskDefinition="demo-cart",
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration=known["networkConfiguration"],
    )


async def running(cloud: Cloud) -> dict[str, Any]:
    """Wait for the task; return it."""
    async with cloud.clock.timeout(600):
        while cloud.describe("cart-c")["runningCount"] != 1:
            await cloud.clock.sleep(1)
    [task] = cloud.tasks("cart-c")
    return task


@virtual
async def test_of_several_containers_the_first_essential_one_runs() -> None:
    async with compute_cloud() as cloud:
        serve(cloud)
        task = await running(cloud)
        assert [container["name"] for container in task["containers"]] == ["cart"]
        assert task["ephemeralStorage"] == {"sizeInGiB": 20}


@virtual
async def test_tasks_show_the_storage_and_architecture_of_their_definition() -> None:
    async with compute_cloud() as cloud:
        serve(
            cloud,
            ephemeralStorage={"sizeInGiB": 40},
            runtimePlatform={"cpuArchitecture": "ARM64"},
        )
        task = await running(cloud)
        assert task["ephemeralStorage"] == {"sizeInGiB": 40}
        assert task["attributes"] == [
            {"name": "ecs.cpu-architecture", "value": "arm64"}
        ]
