"""Certificates: requested, proved by DNS, and waited for until they are issued."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from slipway.domain.resources import Found, Ids, Kind, Scope, Wanted
from slipway.errors import NotFound, Refused, Unavailable
from slipway.gateways import tags
from slipway.gateways.failures import code_of, translated
from slipway.gateways.route53 import Alias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy_boto3_acm.client import ACMClient

    from slipway.gateways.route53 import HostedZones

KEY: Final = "RSA_2048"
"""What is requested, and so all that is looked among: a list holds the types of keys
that it is asked for (ACM API reference, Filters)."""
TOKEN_LENGTH = 32
"""Of word characters, at most (ACM API reference, RequestCertificate)."""
ISSUED = "ISSUED"
PENDING = "PENDING_VALIDATION"


class Certificates:
    """Certificates: those that Slipway makes, and those that it is told of.

    Records that prove a domain stay when its certificate goes: ACM asks for the same
    ones for each certificate of an account that names the domain (ACM user guide,
    dns-validation).
    """

    kind = Kind.CERTIFICATE

    def __init__(self, client: ACMClient, zones: HostedZones) -> None:
        self._client = client
        self._zones = zones

    def found(self, scope: Scope, wanted: Sequence[Wanted], ids: Ids) -> list[Found]:
        """Return the environment's own, and those that are wanted by ARN."""
        del ids
        told = {one.facts["arn"]: one for one in wanted if not one.owned}
        asked = {one.name: one for one in wanted if one.owned}
        found = [self._told(one) for one in told.values()]
        for arn in self._arns():
            if arn in told:
                continue
            labels = self._tags(arn)
            if tags.is_owned(labels, scope):
                name = tags.name_in(labels, arn)
                one = self._own(name, arn, asked.get(name))
                found.append(one and replace(one, tags=labels))
        return [one for one in found if one is not None]

    def _arns(self) -> Iterator[str]:
        with translated("ListCertificates"):
            pages = self._client.get_paginator("list_certificates")
            for page in pages.paginate(Includes={"keyTypes": [KEY]}):
                for one in page["CertificateSummaryList"]:
                    if one.get("Type", "AMAZON_ISSUED") == "AMAZON_ISSUED":
                        yield one["CertificateArn"]

    def _tags(self, arn: str) -> dict[str, str]:
        try:
            with translated(f"ListTagsForCertificate {arn}"):
                answer = self._client.list_tags_for_certificate(CertificateArn=arn)
        except NotFound:
            # It was deleted since the list was made.
            return {}
        return tags.read(answer["Tags"])

    def _describe(self, arn: str) -> Any | None:
        try:
            with translated(f"DescribeCertificate {arn}"):
                answer = self._client.describe_certificate(CertificateArn=arn)
        except NotFound:
            return None
        return answer["Certificate"]

    def _told(self, wanted: Wanted) -> Found | None:
        arn = wanted.facts["arn"]
        one = self._describe(arn)
        if one is None:
            return None
        fault = ""
        if one["Status"] != ISSUED:
            fault = f"ACM says {one['Status']} of {arn}: listeners take issued ones"
        facts = {"arn": arn}
        return Found(self.kind, wanted.name, arn, facts, owned=False, fault=fault)

    def _own(self, name: str, arn: str, wanted: Wanted | None) -> Found | None:
        one = self._describe(arn)
        if one is None:
            return None
        domain = one["DomainName"]
        facts = {
            "domain": domain,
            "alternatives": sorted({*one["SubjectAlternativeNames"]} - {domain}),
            "status": one["Status"],
        }
        fault = _fault(one)
        if wanted is not None and not fault:
            facts["proof"] = self._proof(one, wanted.once["zone"])
        return Found(self.kind, name, arn, facts, fault=fault)

    def _proof(self, one: Any, zone: str) -> str:
        """Say whether its records are there, as `provision.certificates` has it."""
        aliases = _aliases(one)
        if aliases is None:
            return "not told by ACM yet"
        missing = ", ".join(a.name for a in self._zones.missing(zone, aliases))
        return f"not in {zone}: {missing}" if missing else f"in {zone}"

    def make(self, scope: Scope, wanted: Wanted, ids: Ids) -> Found:
        """Request a certificate and prove it; raise Unavailable until it is issued.

        Requested again within an hour, also where no list shows it yet, it is the same
        one (ACM API reference, RequestCertificate).
        """
        del ids
        facts = wanted.facts
        others: Any = {}
        if facts["alternatives"]:
            others["SubjectAlternativeNames"] = facts["alternatives"]
        with translated(f"RequestCertificate {wanted.name}"):
            try:
                arn = self._client.request_certificate(
                    DomainName=facts["domain"],
                    ValidationMethod="DNS",
                    KeyAlgorithm=KEY,
                    IdempotencyToken=_token(scope, wanted),
                    Tags=tags.upper(scope.tags(wanted)),
                    **others,
                )["CertificateArn"]
            except ClientError as error:
                if code_of(error) == "LimitExceededException":
                    # A quota of the account's, which does not pass as a rate does.
                    raise Refused(
                        f"RequestCertificate {wanted.name}: {error}"
                    ) from error
                raise
        self._settle(arn, wanted)
        return Found(self.kind, wanted.name, arn, dict(facts))

    def change(self, found: Found, wanted: Wanted, ids: Ids) -> None:
        """Prove it, again where records are gone; raise Unavailable until issued."""
        del ids
        self._settle(found.id, wanted)

    def tag(self, found: Found, labels: Mapping[str, str]) -> None:
        """Give it these tags, beside others that it has."""
        with translated(f"AddTagsToCertificate {found.name}"):
            self._client.add_tags_to_certificate(
                CertificateArn=found.id, Tags=tags.upper(labels)
            )

    def _settle(self, arn: str, wanted: Wanted) -> None:
        one = self._describe(arn)
        aliases = None if one is None else _aliases(one)
        if one is None or (aliases is None and not _fault(one)):
            raise Unavailable(f"ACM does not say yet how {wanted.name} is proved")
        if _fault(one):
            raise Refused(f"certificate {wanted.name}: {_fault(one)}")
        zone = wanted.once["zone"]
        missing = self._zones.missing(zone, aliases or ())
        if missing:
            self._zones.write(zone, missing)
        if one["Status"] != ISSUED:
            raise Unavailable(
                f"certificate {wanted.name} is not issued yet: it will be once its "
                f"records in {zone} are seen from outside"
            )

    def remove(self, found: Found) -> None:
        """Remove a certificate; refused while a listener uses it."""
        with translated(f"DeleteCertificate {found.name}"):
            self._client.delete_certificate(CertificateArn=found.id)


def _fault(one: Any) -> str:
    """Say why a certificate that Slipway made is not, and will not be, in force."""
    status = one["Status"]
    if status in {ISSUED, PENDING}:
        return ""
    why = f", {one['FailureReason']}" if "FailureReason" in one else ""
    return (
        f"ACM says {status}{why}: mend that, then delete {one['CertificateArn']} and "
        "run again, or give it another name"
    )


def _aliases(one: Any) -> list[Alias] | None:
    """Return the records that prove its domains, None until ACM tells all of them."""
    options = one.get("DomainValidationOptions", [])
    records = [option.get("ResourceRecord") for option in options]
    if not records or None in records:
        return None
    return [Alias(record["Name"], record["Value"]) for record in records]


def _token(scope: Scope, wanted: Wanted) -> str:
    """Name a request: it is a new one where the certificate or its domains are."""
    domains = (wanted.facts["domain"], *wanted.facts["alternatives"])
    text = "\n".join((scope.environment, wanted.name, *domains))
    return hashlib.sha256(text.encode()).hexdigest()[:TOKEN_LENGTH]
