"""Cloud Map: namespaces, services, and the instances that ECS registers."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from localcloud.api import NotModelled
from localcloud.fixture import ServiceSpec

from tests.unit.localcloud.compute import SHOP, Cloud, client, compute_cloud, virtual

V1 = {"app": "cart", "version": "v1"}
A_RECORD = {"DnsRecords": [{"Type": "A", "TTL": 10}]}
TAGS = [{"Key": "slipway:environment", "Value": "demo"}]
INSTANCE = {"AWS_INSTANCE_IPV4": "10.0.0.1", "version": "v1"}


def cloud_map() -> Any:
    return client("servicediscovery")


def code(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return caught.value.response["Error"]["Code"]


async def namespace(cloud: Cloud, name: str = "shop.internal") -> str:
    """Make a private namespace, wait until it is there and return its id."""
    answer = cloud_map().create_private_dns_namespace(
        Name=name, Vpc=cloud.compute.network.vpc_id, Tags=TAGS
    )
    await cloud.clock.sleep(31)
    operation = cloud_map().get_operation(OperationId=answer["OperationId"])
    return str(operation["Operation"]["Targets"]["NAMESPACE"])


def service(namespace_id: str, name: str = "cart", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = cloud_map().create_service(
        Name=name, NamespaceId=namespace_id, **{"DnsConfig": A_RECORD} | more
    )["Service"]
    return made


def discover(**more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cloud_map().discover_instances(
        NamespaceName="shop.internal", ServiceName="cart", **more
    )["Instances"]
    return found


def revision() -> int:
    answer = cloud_map().discover_instances_revision(
        NamespaceName="shop.internal", ServiceName="cart"
    )
    return int(answer["InstancesRevision"])


async def register(
    cloud: Cloud, service_id: str, name: str, attributes: dict[str, str] | None = None
) -> None:
    cloud_map().register_instance(
        ServiceId=service_id, InstanceId=name, Attributes=attributes or INSTANCE
    )
    await cloud.clock.sleep(1.5)


@virtual
async def test_a_namespace_is_there_once_its_operation_has_succeeded() -> None:
    async with compute_cloud() as cloud:
        answer = cloud_map().create_private_dns_namespace(
            Name="shop.internal", Vpc=cloud.compute.network.vpc_id, Tags=TAGS
        )
        operation = answer["OperationId"]
        [pending] = cloud_map().list_operations()["Operations"]
        assert pending == {"Id": operation, "Status": "PENDING"}
        assert cloud_map().list_namespaces()["Namespaces"] == []
        await cloud.clock.sleep(31)
        done = cloud_map().get_operation(OperationId=operation)["Operation"]
        assert (done["Status"], done["Type"]) == ("SUCCESS", "CREATE_NAMESPACE")
        found = cloud_map().get_namespace(Id=done["Targets"]["NAMESPACE"])["Namespace"]
        assert (found["Name"], found["Type"]) == ("shop.internal", "DNS_PRIVATE")
        assert found["Properties"]["DnsProperties"]["HostedZoneId"].startswith("Z")
        tags = cloud_map().list_tags_for_resource(ResourceARN=found["Arn"])
        assert tags["Tags"] == TAGS
        filters = [{"Name": "STATUS", "Values": ["FAIL"]}]
        assert cloud_map().list_operations(Filters=filters)["Operations"] == []


@virtual
async def test_names_are_given_once_and_full_namespaces_stay() -> None:
    async with compute_cloud() as cloud:
        first = await namespace(cloud)
        with pytest.raises(ClientError) as caught:
            await namespace(cloud)
        assert code(caught) == "NamespaceAlreadyExists"
        assert await namespace(cloud, "other.internal") != first
        made = service(first)
        with pytest.raises(ClientError) as caught:
            service(first)
        assert code(caught) == "ServiceAlreadyExists"
        assert caught.value.response["ServiceId"] == made["Id"]
        with pytest.raises(ClientError) as caught:
            cloud_map().delete_namespace(Id=first)
        assert code(caught) == "ResourceInUse"
        cloud_map().delete_service(Id=made["Id"])
        cloud_map().delete_namespace(Id=first)
        await cloud.clock.sleep(31)
        left = cloud_map().list_namespaces()["Namespaces"]
        assert [n["Name"] for n in left] == ["other.internal"]


@virtual
async def test_services_are_listed_by_namespace() -> None:
    async with compute_cloud() as cloud:
        first = await namespace(cloud)
        second = await namespace(cloud, "other.internal")
        service(first)
        service(second, "till", Tags=TAGS)
        filters = [{"Name": "NAMESPACE_ID", "Values": [second]}]
        [till] = cloud_map().list_services(Filters=filters)["Services"]
        assert (till["Name"], till["InstanceCount"]) == ("till", 0)
        assert till["DnsConfig"]["DnsRecords"] == A_RECORD["DnsRecords"]
        tags = cloud_map().list_tags_for_resource(ResourceARN=till["Arn"])["Tags"]
        assert tags == TAGS
        pages = [
            cloud_map().list_services(MaxResults=1),
            cloud_map().list_services(MaxResults=1, NextToken="1"),
        ]
        assert [p["Services"][0]["Name"] for p in pages] == ["cart", "till"]
        assert "NextToken" not in pages[1]


@virtual
async def test_a_service_with_instances_cannot_be_deleted() -> None:
    async with compute_cloud() as cloud:
        made = service(await namespace(cloud))
        cloud_map().register_instance(
            ServiceId=made["Id"], InstanceId="one", Attributes=INSTANCE
        )
        for seconds in (0.5, 1):
            with pytest.raises(ClientError) as caught:
                cloud_map().delete_service(Id=made["Arn"])
            assert code(caught) == "ResourceInUse"
            await cloud.clock.sleep(seconds)
        cloud_map().deregister_instance(ServiceId=made["Id"], InstanceId="one")
        with pytest.raises(ClientError) as caught:
            cloud_map().delete_service(Id=made["Id"])
        assert code(caught) == "ResourceInUse"
        await cloud.clock.sleep(1.5)
        cloud_map().delete_service(Id=made["Id"])
        assert cloud_map().list_services()["Services"] == []


@virtual
async def test_an_instance_has_one_change_at_a_time_and_is_replaced_by_name() -> None:
    async with compute_cloud() as cloud:
        made = service(await namespace(cloud))
        await register(cloud, made["Id"], "one")
        cloud_map().register_instance(
            ServiceId=made["Id"],
            InstanceId="one",
            Attributes=INSTANCE | {"version": "v2"},
        )
        assert discover()[0]["Attributes"] == INSTANCE
        with pytest.raises(ClientError) as caught:
            await register(cloud, made["Id"], "one")
        assert code(caught) == "DuplicateRequest"
        await cloud.clock.sleep(1.5)
        [found] = discover()
        assert found["Attributes"]["version"] == "v2"
        [listed] = cloud_map().list_instances(ServiceId=made["Id"])["Instances"]
        assert listed["Id"] == "one"
        with pytest.raises(ClientError, match="AWS_INSTANCE_IPV4"):
            await register(cloud, made["Id"], "two", {"version": "v1"})


@virtual
async def test_the_revision_rises_at_every_change_of_instances_and_not_at_reads() -> (
    None
):
    async with compute_cloud() as cloud:
        made = service(await namespace(cloud), HealthCheckCustomConfig={})
        seen = [revision()]
        await register(cloud, made["Id"], "one")
        seen.append(revision())
        await register(cloud, made["Id"], "two")
        seen.append(revision())
        cloud_map().deregister_instance(ServiceId=made["Id"], InstanceId="one")
        await cloud.clock.sleep(1.5)
        seen.append(revision())
        assert seen == sorted(set(seen))
        cloud_map().update_instance_custom_health_status(
            ServiceId=made["Id"], InstanceId="two", Status="UNHEALTHY"
        )
        await cloud.clock.sleep(31)
        [found] = discover(HealthStatus="ALL")
        assert found["HealthStatus"] == "UNHEALTHY"
        assert revision() == seen[-1]


@virtual
async def test_health_filters_where_there_is_a_health_check() -> None:
    async with compute_cloud() as cloud:
        made = service(await namespace(cloud), HealthCheckCustomConfig={})
        sick = INSTANCE | {"AWS_INIT_HEALTH_STATUS": "UNHEALTHY"}
        await register(cloud, made["Id"], "sick", sick)
        names = {s: [i["InstanceId"] for i in discover(HealthStatus=s)] for s in STATES}
        assert names == {
            "HEALTHY": [],
            "UNHEALTHY": ["sick"],
            "ALL": ["sick"],
            "HEALTHY_OR_ELSE_ALL": ["sick"],
        }
        await register(cloud, made["Id"], "fit")
        names = {
            s: sorted(i["InstanceId"] for i in discover(HealthStatus=s)) for s in STATES
        }
        assert names == {
            "HEALTHY": ["fit"],
            "UNHEALTHY": ["sick"],
            "ALL": ["fit", "sick"],
            "HEALTHY_OR_ELSE_ALL": ["fit"],
        }
        with pytest.raises(NotModelled, match="HealthStatus"):
            discover()


STATES = ("HEALTHY", "UNHEALTHY", "ALL", "HEALTHY_OR_ELSE_ALL")


@virtual
async def test_without_a_health_check_the_health_filter_is_ignored() -> None:
    async with compute_cloud() as cloud:
        made = service(await namespace(cloud))
        sick = INSTANCE | {"AWS_INIT_HEALTH_STATUS": "UNHEALTHY"}
        await register(cloud, made["Id"], "sick", sick)
        [found] = discover(HealthStatus="HEALTHY")
        assert found["HealthStatus"] == "UNKNOWN"
        with pytest.raises(ClientError) as caught:
            cloud_map().update_instance_custom_health_status(
                ServiceId=made["Id"], InstanceId="sick", Status="HEALTHY"
            )
        assert code(caught) == "CustomHealthNotFound"


@virtual
async def test_attributes_filter_and_optional_ones_only_where_they_match() -> None:
    async with compute_cloud() as cloud:
        made = service(await namespace(cloud))
        for number, version in enumerate(("v1", "v1", "v2")):
            attributes = INSTANCE | {"version": version, "zone": str(number)}
            await register(cloud, made["Id"], f"i{number}", attributes)
        assert len(discover(QueryParameters={"version": "v1"})) == 2
        assert len(discover(MaxResults=2)) == 2
        [found] = discover(OptionalParameters={"zone": "2"})
        assert found["InstanceId"] == "i2"
        assert len(discover(OptionalParameters={"zone": "9"})) == 3


@pytest.mark.parametrize(
    ("namespace_name", "service_name", "expected"),
    [("none", "cart", "NamespaceNotFound"), ("shop.internal", "no", "ServiceNotFound")],
)
@virtual
async def test_what_is_not_there_cannot_be_discovered(
    namespace_name: str, service_name: str, expected: str
) -> None:
    async with compute_cloud() as cloud:
        service(await namespace(cloud))
        with pytest.raises(ClientError) as caught:
            cloud_map().discover_instances(
                NamespaceName=namespace_name, ServiceName=service_name
            )
        assert code(caught) == expected


@virtual
async def test_records_and_namespaces_that_are_not_modelled_raise() -> None:
    async with compute_cloud() as cloud:
        made = await namespace(cloud)
        with pytest.raises(NotModelled, match="SRV"):
            service(made, DnsConfig={"DnsRecords": [{"Type": "SRV", "TTL": 1}]})
        with pytest.raises(NotModelled, match="public"):
            cloud_map().create_public_dns_namespace(Name="shop.example")


# ------------------------------------------------------------------------ ECS's part


async def registered(cloud: Cloud, **registry: Any) -> dict[str, Any]:
    """Give both slots of the service the same registry; run slot a."""
    cloud.system([SHOP])
    made = service(await namespace(cloud))
    for slot in ("cart-a", "cart-b"):
        client("ecs").update_service(
            cluster="demo",
            service=slot,
            serviceRegistries=[{"registryArn": made["Arn"], **registry}],
        )
    cloud.launch("cart", "a", V1, 2)
    await cloud.settled("cart-a", 2)
    return made


@virtual
async def test_ecs_registers_each_running_task_with_its_attributes() -> None:
    async with compute_cloud() as cloud:
        port = {"containerName": "cart", "containerPort": 7070}
        await registered(cloud, **port)
        tasks = {t.task_id: t for t in cloud.compute.ecs.tasks()}
        found = discover()
        assert {i["InstanceId"] for i in found} == set(tasks)
        for instance in found:
            task = tasks[instance["InstanceId"]]
            assert instance["Attributes"] == {
                "AWS_INSTANCE_IPV4": task.address,
                "AWS_INSTANCE_PORT": "7070",
                "AWS_INIT_HEALTH_STATUS": "HEALTHY",
                "AVAILABILITY_ZONE": task.subnet.zone,
                "REGION": "eu-west-1",
                "ECS_CLUSTER_NAME": "demo",
                "ECS_SERVICE_NAME": "cart-a",
                "ECS_TASK_DEFINITION_FAMILY": "demo-cart",
            }


@virtual
async def test_without_a_port_in_the_registry_an_instance_has_none() -> None:
    async with compute_cloud() as cloud:
        await registered(cloud)
        assert all("AWS_INSTANCE_PORT" not in i["Attributes"] for i in discover())
        assert len(discover()) == 2


@virtual
async def test_two_services_share_a_registry_and_each_takes_its_own_away() -> None:
    async with compute_cloud() as cloud:
        made = await registered(cloud)
        cloud.launch("cart", "b", V1 | {"version": "v2"}, 1, "v2")
        await cloud.settled("cart-b", 1)
        services = [i["Attributes"]["ECS_SERVICE_NAME"] for i in discover()]
        assert sorted(services) == ["cart-a", "cart-a", "cart-b"]
        cloud.scale("cart-a", 0)
        await cloud.clock.sleep(5)
        services = [i["Attributes"]["ECS_SERVICE_NAME"] for i in discover()]
        assert services == ["cart-b"]
        assert cloud.describe("cart-a")["runningCount"] == 0
        shown = cloud_map().get_service(Id=made["Id"])["Service"]
        assert shown["InstanceCount"] == 1


@virtual
async def test_a_task_that_ends_by_itself_leaves_the_registry() -> None:
    async with compute_cloud() as cloud:
        await registered(cloud)
        before = revision()
        first = cloud.compute.ecs.tasks()[0]
        client("ecs").stop_task(cluster="demo", task=first.arn)
        await cloud.clock.sleep(5)
        assert first.task_id not in {i["InstanceId"] for i in discover()}
        assert revision() > before


@virtual
async def test_a_service_without_a_registry_registers_nothing() -> None:
    async with compute_cloud() as cloud:
        cloud.system([ServiceSpec("cart", 7070)])
        made = service(await namespace(cloud))
        cloud.launch("cart", "a", V1, 1)
        await cloud.settled("cart-a", 1)
        assert cloud_map().list_instances(ServiceId=made["Id"])["Instances"] == []


# ------------------------------------------------------------- a service's attributes


@virtual
async def test_attributes_are_added_to_and_taken_from_a_service() -> None:
    async with compute_cloud() as cloud:
        name = service(await namespace(cloud))["Id"]
        api = cloud_map()
        api.update_service_attributes(ServiceId=name, Attributes={"a": "1", "b": "2"})
        api.update_service_attributes(ServiceId=name, Attributes={"b": "3"})
        api.delete_service_attributes(ServiceId=name, Attributes=["a", "never"])
        answer = api.get_service_attributes(ServiceId=name)["ServiceAttributes"]
        assert answer["Attributes"] == {"b": "3"}
        assert answer["ServiceArn"].endswith(f":service/{name}")
        assert cloud.compute.cloud_map.attributes(name) == {"b": "3"}


@virtual
async def test_attributes_that_are_too_long_or_too_many_are_refused() -> None:
    async with compute_cloud() as cloud:
        name = service(await namespace(cloud))["Id"]
        update = cloud_map().update_service_attributes
        for key, value in (("k" * 256, "v"), ("k", "v" * 1025)):
            with pytest.raises(ClientError) as caught:
                update(ServiceId=name, Attributes={key: value})
            assert code(caught) == "InvalidInput"
        update(ServiceId=name, Attributes={str(n): "" for n in range(30)})
        with pytest.raises(ClientError) as caught:
            update(ServiceId=name, Attributes={"one more": ""})
        assert code(caught) == "ServiceAttributesLimitExceededException"


@virtual
async def test_a_service_that_is_not_there_has_no_attributes() -> None:
    async with compute_cloud():
        with pytest.raises(ClientError) as caught:
            cloud_map().get_service_attributes(ServiceId="srv-never")
        assert code(caught) == "ServiceNotFound"
