"""Route 53: public zones and their records, as far as certificates need them.

Zones are moto's records; pages are of the Route 53 API reference. What moto lets
through and Route 53 refuses is refused here. There is no DNS: nobody is answered.
"""

from collections.abc import Callable
from typing import Any

from moto.route53.models import route53_backends

from localcloud.api import ACCOUNT, AwsError, NotModelled, Router, only
from localcloud.identity import Ids

_MODELLED = frozenset(
    {
        "CreateHostedZone",
        "GetHostedZone",
        "ListHostedZones",
        "ListResourceRecordSets",
        "ChangeResourceRecordSets",
    }
)


class Zones:
    """Stands before moto's zones."""

    def __init__(self, router: Router) -> None:
        self._clock = router.clock
        self._ids = Ids("route53")
        self._hear: list[Callable[[], object]] = []
        router.before(_check)
        router.serve("route53", {"CreateHostedZone": self._create})
        router.after("route53", "ChangeResourceRecordSets", self._changed)

    def hear(self, hook: Callable[[], object]) -> None:
        """Call the hook whenever records have changed."""
        self._hear.append(hook)

    def holds(self, name: str, value: str) -> bool:
        """Whether a public zone has this CNAME."""
        return any(
            record.type == "CNAME"
            and _plain(record.name) == _plain(name)
            and _plain(value) in map(_plain, record.records)
            for zone in _zones().values()
            if not zone.private_zone
            for record in zone.rrsets
        )

    def _create(self, params: dict[str, Any]) -> dict[str, Any]:
        """Make a public zone with an id that begins with Z, as ids of zones do."""
        only(params, "Name", "CallerReference", "HostedZoneConfig")
        config = params.get("HostedZoneConfig", {})
        if config.get("PrivateZone"):
            raise NotModelled("private zones that are not a namespace's")
        zone = _backend().create_hosted_zone(
            name=f"{_plain(params['Name'])}.",
            private_zone=False,
            caller_reference=params["CallerReference"],
            comment=config.get("Comment"),
        )
        del _zones()[zone.resource_id]
        zone.resource_id = f"Z{self._ids.hexadecimal('zone', 20).upper()}"
        _zones()[zone.resource_id] = zone
        return {
            "HostedZone": {
                "Id": zone.id,
                "Name": zone.name,
                "CallerReference": zone.caller_reference,
                "Config": {"PrivateZone": False},
            },
            "ChangeInfo": {
                "Id": f"/change/C{self._ids.hexadecimal('change', 20).upper()}",
                "Status": "PENDING",
                "SubmittedAt": self._clock.now(),
            },
            "DelegationSet": {"NameServers": zone.delegation_set.name_servers},
            "Location": f"https://route53.amazonaws.com/2013-04-01{zone.id}",
        }

    def _changed(self, _: dict[str, Any]) -> None:
        for hook in self._hear:
            hook()


def _check(service: str, operation: str, params: dict[str, Any], _: str | None) -> None:
    if service != "route53":
        return
    if operation not in _MODELLED:
        raise NotModelled(f"route53:{operation}")
    if operation == "ChangeResourceRecordSets":
        _check_batch(params)


def _check_batch(params: dict[str, Any]) -> None:
    """Refuse records of another domain, and two changes of one record.

    ChangeResourceRecordSets: all changes are made or none.
    """
    zone = _zones().get(params["HostedZoneId"].removeprefix("/hostedzone/"))
    seen = set()
    for change in params["ChangeBatch"]["Changes"]:
        record = change["ResourceRecordSet"]
        name = _plain(record["Name"])
        if zone is not None and not f".{name}".endswith(f".{_plain(zone.name)}"):
            raise AwsError(
                "InvalidChangeBatch",
                f"RRSet with DNS name {name}. is not permitted in zone {zone.name}",
            )
        key = (change["Action"], name, record["Type"], record.get("SetIdentifier"))
        if key in seen:
            raise AwsError(
                "InvalidChangeBatch",
                f"The request contains an invalid set of changes for a resource record "
                f"set '{record['Type']} {name}.'",
            )
        seen.add(key)


def _plain(name: str) -> str:
    return name.lower().rstrip(".")


def _backend() -> Any:
    return route53_backends[ACCOUNT]["aws"]


def _zones() -> dict[str, Any]:
    zones: dict[str, Any] = _backend().zones
    return zones
