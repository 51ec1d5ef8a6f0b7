"""The slots' weights, as Slipway writes them on a service of the registry."""

import json
import math
from collections.abc import Mapping

type Weights = Mapping[str, float]
"""A weight by ECS service name: at least 0, and only their proportions count."""

WEIGHTS_KEY = "slipway:weights"
"""The service's attribute with JSON like {"cart-a": 90, "cart-b": 10}."""

PROTOCOL_KEY = "slipway:protocol"
"""The service's attribute with what its tasks speak: http, http2, grpc, tcp or tls."""


def read_weights(text: str) -> Weights:
    """Return the weights that a text has. Raises ValueError where it has none."""
    weights = json.loads(text)
    if isinstance(weights, dict) and all(map(is_weight, weights.values())):
        return weights
    raise ValueError(f"{WEIGHTS_KEY} is {text!r}: a weight for each slot is needed")


def is_weight(value: object) -> bool:
    """Return whether a value is a finite number from 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value < math.inf
