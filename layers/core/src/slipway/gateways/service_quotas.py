"""Quotas as they are applied to this account, in this region."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from slipway.gateways.failures import code_of, translated

if TYPE_CHECKING:
    from mypy_boto3_service_quotas.client import ServiceQuotasClient


class Quotas:
    """What Service Quotas knows."""

    def __init__(self, client: ServiceQuotasClient) -> None:
        self._client = client

    def applied(self, service: str, code: str) -> int | None:
        """Return the value of a quota; None where none but the default is known.

        (GetServiceQuota)
        """
        with translated(f"GetServiceQuota {service} {code}"):
            try:
                answer = self._client.get_service_quota(
                    ServiceCode=service, QuotaCode=code
                )
            except ClientError as error:
                if code_of(error) != "NoSuchResourceException":
                    raise
                return None
        value = answer["Quota"].get("Value")
        return None if value is None else int(value)
