"""IAM policy documents, as far as the local cloud reads them: who may do what.

Resources and conditions of statements are not looked at.
"""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from localcloud.api import NotModelled

BASIC_POLICIES = frozenset({"AWSLambdaBasicExecutionRole", "AWSXRayDaemonWriteAccess"})
"""Managed policies that a function may name: they allow what it needs for its logs."""


def allowed_actions(document: Mapping[str, Any]) -> Iterable[str]:
    """List the actions that a document allows, as patterns."""
    statements = document["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        if statement["Effect"] != "Allow" or "NotAction" in statement:
            raise NotModelled("policy statements with Deny or NotAction")
        action = statement["Action"]
        yield from action if isinstance(action, list) else [action]


def denies_plain_http(statement: Mapping[str, Any]) -> bool:
    """Say whether a statement of a bucket's policy denies calls without TLS, no more.

    Every call here counts as one over TLS, so such a statement holds for none
    (AmazonS3 user guide, example-bucket-policies).
    """
    met = statement.get("Condition", {})
    bools = met.get("Bool", {}) if isinstance(met, dict) and len(met) == 1 else {}
    plain = [str(value).lower() for value in bools.values()]
    return (
        statement["Effect"] == "Deny"
        and set(bools) == {"aws:SecureTransport"}
        and plain == ["false"]
    )


def lets_events_in(document: Mapping[str, Any], action: str) -> bool:
    """Say whether a resource's own policy lets EventBridge do this to it."""
    statements = document["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal", {})
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        services = services if isinstance(services, list) else [services]
        listed = statement.get("Action", [])
        listed = listed if isinstance(listed, list) else [listed]
        if "events.amazonaws.com" in services and any(
            fnmatchcase(action, pattern) for pattern in listed
        ):
            return True
    return False
