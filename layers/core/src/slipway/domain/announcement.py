"""What the registry is told of a service: attributes of its Cloud Map service.

The client package reads them, and so may whatever else finds tasks there.
"""

import json
from collections.abc import Mapping
from typing import Any

from slipway.domain.service import Service, Slot
from slipway.domain.traffic import Weights

WEIGHTS_KEY = "slipway:weights"
"""The slots' weights as JSON, by ECS service: {"cart-a": 90, "cart-b": 10}."""

PROTOCOL_KEY = "slipway:protocol"
"""What the service's tasks speak, as its manifest says: http, http2, grpc, tcp, tls."""

VERSION_KEY = "slipway:version:"
"""Before an ECS service's name: the tag of the image that its tasks run, or ran last.
One for each slot, so that a rollout writes its own and needs to know of no other."""

LONGEST_KEY = 255
"""Characters of an attribute's key (Cloud Map API, UpdateServiceAttributes). ECS allows
as many for a service's name alone."""


def announcement(
    service: Service, shares: Weights | None, slot: Slot, version: str
) -> dict[str, str]:
    """Return what the registry is told in a rollout: weights, and what `slot` runs.

    `shares` are what the rules have, None where they are closed. A service without
    rules has no weights: whoever has tasks gets requests, also by the registry.
    """
    versions = {service.slots[slot]: version}
    if not service.bindings:
        return written(None, versions)
    given = {name: (shares or {}).get(s, 0) for s, name in service.slots.items()}
    return written(given, versions)


def written(
    weights: Mapping[str, int] | None,
    versions: Mapping[str, str],
    protocol: str | None = None,
) -> dict[str, str]:
    """Return attributes; weights and versions are by ECS service."""
    told = {} if protocol is None else {PROTOCOL_KEY: protocol}
    if weights is not None:
        told[WEIGHTS_KEY] = json.dumps(weights, sort_keys=True)
    for name, version in versions.items():
        if len(VERSION_KEY + name) <= LONGEST_KEY:
            told[VERSION_KEY + name] = version
    return told


def weights_told(attributes: Mapping[str, str]) -> Any:
    """Return the weights that attributes have, None without; the text if it is none."""
    text = attributes.get(WEIGHTS_KEY)
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text
