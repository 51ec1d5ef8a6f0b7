"""Finds the services of an environment in AWS Cloud Map, by their slots' weights."""

from slipway_client.discovery import Discovery
from slipway_client.errors import (
    AnswerLost,
    DiscoveryError,
    Misdirected,
    NoInstance,
    RegistryAway,
    UnknownService,
    Unreachable,
)
from slipway_client.identity import HEADER, MISDIRECTED, accepts
from slipway_client.instance import Instance
from slipway_client.pace import Pace
from slipway_client.sending import Response, verify_by_http
from slipway_client.service import Service

__all__ = [
    "HEADER",
    "MISDIRECTED",
    "AnswerLost",
    "Discovery",
    "DiscoveryError",
    "Instance",
    "Misdirected",
    "NoInstance",
    "Pace",
    "RegistryAway",
    "Response",
    "Service",
    "UnknownService",
    "Unreachable",
    "accepts",
    "verify_by_http",
]
