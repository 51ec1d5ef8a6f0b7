"""Public zones of Route 53: the records that prove whose a domain is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from slipway.domain.resources import Found, Ids, Kind, Scope, Wanted
from slipway.gateways.failures import code_of, translated

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mypy_boto3_route53.client import Route53Client

PROOF_TTL_SECONDS = 300
"""How long a resolver may remember a proof. ACM asks for none in particular."""


@dataclass(frozen=True, slots=True, order=True)
class Alias:
    """A CNAME record: one name, and the one that is meant."""

    name: str
    value: str


class HostedZones:
    """Zones that there are: they are referred to, and only proofs are written there."""

    kind = Kind.HOSTED_ZONE

    def __init__(self, client: Route53Client) -> None:
        self._client = client

    def found(self, scope: Scope, wanted: Sequence[Wanted], ids: Ids) -> list[Found]:
        """Return the zones that are wanted."""
        del scope, ids
        zones = [self._zone(one) for one in wanted]
        return [zone for zone in zones if zone is not None]

    def _zone(self, wanted: Wanted) -> Found | None:
        with translated(f"GetHostedZone {wanted.name}"):
            try:
                zone = self._client.get_hosted_zone(Id=wanted.name)["HostedZone"]
            except ClientError as error:
                if code_of(error) == "NoSuchHostedZone":
                    return None
                raise
        facts = {
            "private": zone.get("Config", {}).get("PrivateZone", False),
            "holds": [
                domain
                for domain in wanted.facts["holds"]
                if f".{_plain(domain)}".endswith(f".{_plain(zone['Name'])}")
            ],
        }
        return Found(self.kind, wanted.name, wanted.name, facts, owned=False)

    def missing(self, zone: str, aliases: Iterable[Alias]) -> list[Alias]:
        """Return those that are not in a zone, or say something else there."""
        return [one for one in sorted(set(aliases)) if not self._holds(zone, one)]

    def _holds(self, zone: str, alias: Alias) -> bool:
        with translated(f"ListResourceRecordSets {zone}"):
            answer = self._client.list_resource_record_sets(
                HostedZoneId=zone,
                StartRecordName=alias.name,
                StartRecordType="CNAME",
                MaxItems="1",
            )
        return any(
            record["Type"] == "CNAME"
            and _plain(record["Name"]) == _plain(alias.name)
            and _plain(alias.value) in _values(record)
            for record in answer["ResourceRecordSets"]
        )

    def write(self, zone: str, aliases: Sequence[Alias]) -> None:
        """Write records, all or none; one that is there is replaced."""
        changes: list[Any] = [
            {
                "Action": "UPSERT",
                "ResourceRecordSet": {
                    "Name": one.name,
                    "Type": "CNAME",
                    "TTL": PROOF_TTL_SECONDS,
                    "ResourceRecords": [{"Value": one.value}],
                },
            }
            for one in aliases
        ]
        with translated(f"ChangeResourceRecordSets {zone}"):
            self._client.change_resource_record_sets(
                HostedZoneId=zone,
                ChangeBatch={"Comment": "kept by Slipway", "Changes": changes},
            )


def _values(record: Any) -> list[str]:
    return [_plain(one["Value"]) for one in record.get("ResourceRecords", [])]


def _plain(name: str) -> str:
    """Return a name in one form: Route 53 writes the last dot, others may not."""
    return name.lower().rstrip(".")
