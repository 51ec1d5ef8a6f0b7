"""ACM: certificates proved by DNS, and what listeners do with them.

Tags are moto's, and moto's load balancers ask its records whether a certificate is
there; all else is here. Pages are of the ACM API reference unless another is named.

Not modelled, and refused: proof by e-mail or HTTP, imported and private certificates,
export. Nothing is renewed, and nothing expires by itself.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from moto.acm.models import TagHolder, acm_backends
from moto.elbv2.models import elbv2_backends

from localcloud.api import ACCOUNT, REGION, AwsError, NotModelled, Router, only
from localcloud.clock import Clock
from localcloud.delays import Delays, OpenQuestions
from localcloud.identity import Ids, arn
from localcloud.zones import Zones

_MODELLED = frozenset(
    {
        "RequestCertificate",
        "DescribeCertificate",
        "ListCertificates",
        "DeleteCertificate",
        "ListTagsForCertificate",
        "AddTagsToCertificate",
        "RemoveTagsFromCertificate",
    }
)
_MOST_NAMES = 10
"""Domains of a certificate (ACM user guide, acm-limits)."""
_TOKEN_SECONDS = 3600
"""How long a token names a request (RequestCertificate)."""
_LISTED = ("RSA_1024", "RSA_2048")
"""Types of keys of a list that asks for none (Filters)."""
_VALID = timedelta(days=198)
"""How long a certificate is valid (ACM user guide, acm-certificate-characteristics)."""


@dataclass(slots=True)
class Certificate:
    """One certificate; moto's load balancers and tags know it by the last two."""

    arn: str
    domains: tuple[str, ...]
    requested_at: datetime
    key: str
    status: str = "PENDING_VALIDATION"
    failure: str = ""
    shown: bool = False
    """Whether ACM tells of it by now."""
    on_its_way: bool = False
    """Whether its proof was seen."""
    issued_at: datetime | None = None
    tags: TagHolder = field(default_factory=TagHolder)
    in_use_by: list[str] = field(default_factory=list)
    """What moto thinks of it: `Certificates` looks itself."""

    def check(self) -> None:
        """Do what moto asks of its own: nothing, here time is modelled."""


class Certificates:
    """The account's certificates in one Region."""

    def __init__(
        self,
        clock: Clock,
        router: Router,
        zones: Zones,
        delays: Delays,
        questions: OpenQuestions,
    ) -> None:
        self._clock = clock
        self._zones = zones
        self._delays = delays
        self._questions = questions
        self._ids = Ids("acm")
        self._tokens: dict[str, tuple[str, datetime]] = {}
        self._added: dict[str, list[str]] = {}
        """Certificates that listeners have besides their default, by listener."""
        router.before(self._check)
        router.serve(
            "acm",
            {
                "RequestCertificate": self._request,
                "DescribeCertificate": self._describe,
                "ListCertificates": self._list,
                "DeleteCertificate": self._delete,
            },
        )
        router.serve(
            "elbv2",
            {
                "AddListenerCertificates": self._add,
                "RemoveListenerCertificates": self._remove,
                "DescribeListenerCertificates": self._describe_added,
            },
        )
        zones.hear(self._look)

    # ------------------------------------------------------------ what tests reach for

    def get(self, name: str) -> Certificate:
        """Return the certificate of an ARN."""
        found = _known().get(name)
        if found is None:
            raise AwsError(
                "ResourceNotFoundException", f"Could not find certificate {name}."
            )
        return found

    def all(self) -> list[Certificate]:
        """Return all certificates, in the order of their requests."""
        return list(_known().values())

    def end(self, name: str, status: str, failure: str = "") -> None:
        """Let a certificate fail, expire or be revoked."""
        one = self.get(name)
        one.status, one.failure = status, failure

    # ----------------------------------------------------------------------------- ACM

    def _check(
        self, service: str, operation: str, params: dict[str, Any], _: str | None
    ) -> None:
        if service == "acm" and operation not in _MODELLED:
            raise NotModelled(f"acm:{operation}")
        if service == "elbv2" and operation in {
            "CreateListener",
            "ModifyListener",
            "AddListenerCertificates",
        }:
            for one in params.get("Certificates", ()):
                _check_usable(one["CertificateArn"])

    def _request(self, params: dict[str, Any]) -> Mapping[str, Any]:
        """Begin a certificate; asked for by the same token it is the same one.

        A token whose certificate was deleted makes a new one: the page does not say.
        """
        only(
            params,
            "DomainName",
            "SubjectAlternativeNames",
            "ValidationMethod",
            "KeyAlgorithm",
            "IdempotencyToken",
            "Tags",
        )
        if params.get("ValidationMethod") != "DNS":
            raise NotModelled("certificates that are not proved by DNS")
        now, token = self._clock.now(), params.get("IdempotencyToken", "")
        name, at = self._tokens.get(token, ("", now))
        if name in _known() and (now - at).total_seconds() < _TOKEN_SECONDS:
            return {"CertificateArn": name}
        names = (params["DomainName"], *params.get("SubjectAlternativeNames", ()))
        domains = tuple(dict.fromkeys(one.lower() for one in names))
        if len(domains) > _MOST_NAMES:
            raise AwsError(
                "LimitExceededException",
                "An ACM quota has been exceeded: domain names of a certificate",
            )
        made = Certificate(
            arn("acm", f"certificate/{self._ids.uuid('certificate')}"),
            domains,
            now,
            params.get("KeyAlgorithm", "RSA_2048"),
        )
        made.tags.add(params.get("Tags", []))
        _known()[made.arn] = made
        if token:
            self._tokens[token] = (made.arn, now)
        self._clock.call_later(self._delays.certificate_seconds, self._show, made)
        self._clock.call_later(
            self._delays.certificate_timeout_seconds, self._time_out, made
        )
        return {"CertificateArn": made.arn}

    def _show(self, one: Certificate) -> None:
        one.shown = True
        self._look()

    def _time_out(self, one: Certificate) -> None:
        if one.status == "PENDING_VALIDATION":
            one.status = "VALIDATION_TIMED_OUT"

    def _look(self) -> None:
        """Begin to issue what is proved by now (ACM user guide, dns-validation)."""
        for one in self.all():
            waits = one.status == "PENDING_VALIDATION" and not one.on_its_way
            if waits and one.shown and self._is_proved(one):
                one.on_its_way = True
                self._clock.call_later(
                    self._delays.certificate_issue_seconds, self._issue, one
                )

    def _issue(self, one: Certificate) -> None:
        one.on_its_way = False
        if one.status == "PENDING_VALIDATION" and self._is_proved(one):
            one.status, one.issued_at = "ISSUED", self._clock.now()

    def _is_proved(self, one: Certificate) -> bool:
        return all(self._zones.holds(*_proof(domain)) for domain in one.domains)

    def _describe(self, params: dict[str, Any]) -> Mapping[str, Any]:
        """Tell of a certificate; in its first seconds not of its proof, or nothing."""
        only(params, "CertificateArn")
        one = self.get(params["CertificateArn"])
        if not one.shown and self._questions.new_certificate_is_unknown:
            raise AwsError(
                "ResourceNotFoundException", f"Could not find certificate {one.arn}."
            )
        users = self._users(one.arn)
        return {"Certificate": _shape(one) | {"InUseBy": users} | _options(one)}

    def _list(self, params: dict[str, Any]) -> Mapping[str, Any]:
        """List certificates of the types of keys that are asked for, all on one page.

        ListCertificates; a new one is not in it for some seconds.
        """
        only(params, "Includes", "MaxItems")
        only(params.get("Includes", {}), "keyTypes")
        keys = params.get("Includes", {}).get("keyTypes") or _LISTED
        listed = [one for one in self.all() if one.shown and one.key in keys]
        return {"CertificateSummaryList": [self._summary(one) for one in listed]}

    def _summary(self, one: Certificate) -> dict[str, Any]:
        shape = _shape(one)
        shape.pop("FailureReason", None)
        names = shape.pop("SubjectAlternativeNames")
        return {
            **shape,
            "SubjectAlternativeNameSummaries": names,
            "InUse": bool(self._users(one.arn)),
        }

    def _delete(self, params: dict[str, Any]) -> Mapping[str, Any]:
        """Delete a certificate that nothing uses (DeleteCertificate)."""
        only(params, "CertificateArn")
        one = self.get(params["CertificateArn"])
        if self._users(one.arn):
            raise AwsError(
                "ResourceInUseException", f"Certificate {one.arn} is in use."
            )
        del _known()[one.arn]
        return {}

    # ------------------------------------------------------------------- load balancers

    def _users(self, name: str) -> list[str]:
        """Return the load balancers whose listeners have a certificate."""
        return sorted(
            {
                listener.load_balancer_arn
                for listener in _listeners()
                if listener.certificate == name
                or name in self._added.get(listener.arn, ())
            }
        )

    def _add(self, params: dict[str, Any]) -> Mapping[str, Any]:
        """Add certificates to a listener; one that is there is not added again.

        AddListenerCertificates (ELB API reference).
        """
        _check_listener(params["ListenerArn"])
        added = self._added.setdefault(params["ListenerArn"], [])
        for one in params["Certificates"]:
            if one["CertificateArn"] not in added:
                added.append(one["CertificateArn"])
        return {"Certificates": [{"CertificateArn": one} for one in added]}

    def _remove(self, params: dict[str, Any]) -> Mapping[str, Any]:
        """Take certificates off a listener; its default is not among these.

        RemoveListenerCertificates (ELB API reference).
        """
        _check_listener(params["ListenerArn"])
        gone = {one["CertificateArn"] for one in params["Certificates"]}
        added = self._added.get(params["ListenerArn"], [])
        self._added[params["ListenerArn"]] = [n for n in added if n not in gone]
        return {}

    def _describe_added(self, params: dict[str, Any]) -> Mapping[str, Any]:
        """Return the default, then all others: one that is both comes twice.

        DescribeListenerCertificates (ELB API reference).
        """
        only(params, "ListenerArn")
        listener = _check_listener(params["ListenerArn"])
        default = [listener.certificate] if listener.certificate else []
        return {
            "Certificates": [
                *({"CertificateArn": one, "IsDefault": True} for one in default),
                *(
                    {"CertificateArn": one, "IsDefault": False}
                    for one in self._added.get(listener.arn, ())
                ),
            ]
        }


def _proof(domain: str) -> tuple[str, str]:
    """Return the CNAME that proves a domain: one for it and all names right below it.

    The same for each certificate of an account (ACM user guide, dns-validation).
    """
    plain = domain.removeprefix("*.")
    text = hashlib.sha256(f"{ACCOUNT}/{plain}".encode()).hexdigest()
    return f"_{text[:32]}.{plain}.", f"_{text[32:]}.acm-validations.aws."


def _options(one: Certificate) -> dict[str, Any]:
    statuses = {"ISSUED": "SUCCESS", "PENDING_VALIDATION": "PENDING_VALIDATION"}
    options = []
    for domain in one.domains:
        name, value = _proof(domain)
        record = {"Name": name, "Type": "CNAME", "Value": value}
        options.append(
            {
                "DomainName": domain,
                "ValidationDomain": domain,
                "ValidationStatus": statuses.get(one.status, "FAILED"),
                "ValidationMethod": "DNS",
                **({"ResourceRecord": record} if one.shown else {}),
            }
        )
    return {"DomainValidationOptions": options}


def _shape(one: Certificate) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "CertificateArn": one.arn,
        "DomainName": one.domains[0],
        "SubjectAlternativeNames": list(one.domains),
        "Status": one.status,
        "Type": "AMAZON_ISSUED",
        "KeyAlgorithm": one.key,
        "CreatedAt": one.requested_at,
        "RenewalEligibility": "ELIGIBLE",
    }
    if one.issued_at is not None:
        shape |= {"IssuedAt": one.issued_at, "NotAfter": one.issued_at + _VALID}
    if one.failure:
        shape["FailureReason"] = one.failure
    return shape


def _check_usable(name: str) -> None:
    """Refuse what a listener cannot use (ELB API reference, CreateListener)."""
    if ":acm:" not in name:
        raise NotModelled("certificates that are not ACM's")
    one = _known().get(name)
    if one is None:
        raise AwsError("CertificateNotFound", f"Certificate '{name}' not found")
    if one.status != "ISSUED":
        raise AwsError(
            "UnsupportedCertificate",
            f"The certificate '{name}' must have a fully-qualified domain name, a "
            "supported signature, and a supported key size.",
        )


def _check_listener(name: str) -> Any:
    for listener in _listeners():
        if listener.arn == name:
            return listener
    raise AwsError("ListenerNotFound", f"Listener '{name}' not found")


def _listeners() -> Iterator[Any]:
    balancers: Iterable[Any] = elbv2_backends[ACCOUNT][REGION].load_balancers.values()
    for balancer in balancers:
        yield from balancer.listeners.values()


def _known() -> dict[str, Certificate]:
    known: dict[str, Any] = acm_backends[ACCOUNT][REGION]._certificates  # noqa: SLF001
    return known
