"""What an account has before anything is made in it: roles and quotas.

Service-linked roles are there, as in an account in which each service was used before;
the local cloud's services do not ask for them. Quotas are at their defaults, which
Service Quotas knows none of by itself: GetServiceQuota answers for those that were
raised (GetServiceQuota: where no applied value is known, none is given).
"""

from typing import Any

from localcloud.api import ACCOUNT, AwsError, Router, only

LINKED_ROLES = {
    "AWSServiceRoleForECS": "ecs.amazonaws.com",
    "AWSServiceRoleForElasticLoadBalancing": "elasticloadbalancing.amazonaws.com",
    "AWSServiceRoleForApplicationAutoScaling_ECSService": (
        "ecs.application-autoscaling.amazonaws.com"
    ),
}
"""Each with the service that it is linked to, which is a part of its path."""


class Account:
    """The roles and raised quotas of the one account there is."""

    def __init__(self, router: Router) -> None:
        self.roles = dict(LINKED_ROLES)
        self.raised: dict[tuple[str, str], float] = {}
        """Values by the codes of service and quota."""
        self._since = router.clock.now()
        router.serve("iam", {"GetRole": self._get_role})
        router.serve("service-quotas", {"GetServiceQuota": self._get_quota})

    def _get_role(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return a service-linked role (API_GetRole)."""
        only(params, "RoleName")
        name = params["RoleName"]
        if name not in self.roles:
            raise AwsError(
                "NoSuchEntity", f"The role with name {name} cannot be found.", 404
            )
        path = f"/aws-service-role/{self.roles[name]}/"
        return {
            "Role": {
                "Path": path,
                "RoleName": name,
                "RoleId": f"AROA{name.upper()[:17]:X<17}",
                "Arn": f"arn:aws:iam::{ACCOUNT}:role{path}{name}",
                "CreateDate": self._since,
            }
        }

    def _get_quota(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the value that was applied for."""
        only(params, "ServiceCode", "QuotaCode")
        service, code = params["ServiceCode"], params["QuotaCode"]
        if (service, code) not in self.raised:
            raise AwsError(
                "NoSuchResourceException",
                f"The request failed because the quota {code} has no applied value.",
            )
        return {
            "Quota": {
                "ServiceCode": service,
                "QuotaCode": code,
                "Value": self.raised[service, code],
                "Adjustable": True,
            }
        }
