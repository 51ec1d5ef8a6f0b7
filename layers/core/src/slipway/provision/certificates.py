"""Certificates, and the zones in which they are proved."""

from collections.abc import Iterator

from slipway.domain.resources import Kind, Wanted
from slipway.manifests.environment import Environment


def certificates(environment: Environment) -> Iterator[Wanted]:
    """Give the certificates, and the zones in which those that are made are proved."""
    zones: dict[str, set[str]] = {}
    for name, one in environment.certificates.items():
        if one.create is None:
            yield Wanted(
                Kind.CERTIFICATE,
                name,
                "listeners use it",
                {"arn": one.arn},
                owned=False,
            )
            continue
        made, zone = one.create, one.create.hosted_zone
        others = {*(made.alternatives or ())} - {made.domain}
        zones.setdefault(zone, set()).update({made.domain, *others})
        yield Wanted(
            Kind.CERTIFICATE,
            name,
            f"{made.domain} is proved in {zone}",
            {
                "domain": made.domain,
                "alternatives": sorted(others),
                "status": "ISSUED",
                "proof": f"in {zone}",
            },
            frozenset({"domain", "alternatives"}),
            {"zone": zone},
            remedy="give it another name, or undo that",
        )
    for zone, domains in sorted(zones.items()):
        yield Wanted(
            Kind.HOSTED_ZONE,
            zone,
            "certificates are proved in it",
            {"private": False, "holds": sorted(domains)},
            owned=False,
        )
