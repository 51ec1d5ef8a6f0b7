"""Service-linked roles: looked for, never made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from slipway.gateways.failures import code_of, translated

if TYPE_CHECKING:
    from mypy_boto3_iam.client import IAMClient


class Roles:
    """Roles of the account."""

    def __init__(self, client: IAMClient) -> None:
        self._client = client

    def is_there(self, name: str) -> bool:
        """Whether the account has a role of that name (API_GetRole)."""
        with translated(f"GetRole {name}"):
            try:
                self._client.get_role(RoleName=name)
            except ClientError as error:
                if code_of(error) != "NoSuchEntity":
                    raise
                return False
        return True
