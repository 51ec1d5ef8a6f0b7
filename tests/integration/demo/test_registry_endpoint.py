"""Tasks ask Cloud Map by HTTP and get what boto3 would get in this process."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from localcloud.api import AwsError
from localcloud.demo.registry_endpoint import RegistryEndpoint

AT = datetime(2026, 1, 2, tzinfo=UTC)


def answer(operation: str, params: dict[str, Any]) -> Mapping[str, Any]:
    """Answer as the local cloud does: by values, times among them."""
    match operation:
        case "GetServiceAttributes":
            return {"ServiceAttributes": {"Attributes": {"asked": params["ServiceId"]}}}
        case "ListNamespaces":
            return {"Namespaces": [{"Id": "ns-1", "Name": "shop", "CreateDate": AT}]}
    raise AwsError("ServiceNotFound", "no service of that name")


def ask(url: str) -> tuple[Any, Any, str]:
    client = boto3.client(
        "servicediscovery",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106  nobody's
        config=Config(inject_host_prefix=False, retries={"total_max_attempts": 1}),
    )
    attributes = client.get_service_attributes(ServiceId="srv-1")
    namespaces = client.list_namespaces()["Namespaces"]
    with pytest.raises(ClientError) as caught:
        client.discover_instances(NamespaceName="shop", ServiceName="never")
    return attributes, namespaces, caught.value.response["Error"]["Code"]


async def asked() -> tuple[Any, Any, str]:
    endpoint = RegistryEndpoint()
    await endpoint.start()
    endpoint.answer = answer
    try:
        return await asyncio.to_thread(ask, endpoint.url)
    finally:
        await endpoint.close()


def test_answers_and_errors_come_in_the_protocol_of_aws() -> None:
    attributes, namespaces, code = asyncio.run(asked())
    assert attributes["ServiceAttributes"]["Attributes"] == {"asked": "srv-1"}
    assert namespaces[0]["CreateDate"] == AT
    assert code == "ServiceNotFound"
