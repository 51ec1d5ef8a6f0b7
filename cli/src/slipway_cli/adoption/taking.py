"""Marking what is adopted as Slipway's, and what of it goes.

A person's own rights are used: to mark something is to let Slipway change it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from slipway.domain.adoption import Breaker
from slipway.domain.resources import (
    ADOPTED_TAG,
    ENVIRONMENT_TAG,
    NAME_TAG,
    SERVICE_TAG,
)
from slipway.errors import Refused
from slipway.gateways.autoscaling_resources import DIMENSION
from slipway.gateways.elbv2 import shares_of
from slipway.gateways.failures import translated
from slipway.gateways.tags import lower, upper
from slipway.provision.bindings import rule_name

from slipway_cli.adoption.live import Clients, Live, Rule
from slipway_cli.adoption.writing import bindings, is_own

LAST_PRIORITY = 50000


def take(clients: Clients, live: Live, service: str, environment: str) -> None:
    """Mark a service with its groups and rules; each may be marked already.

    A listener's default gets a rule before it that leads where it leads: no request
    goes elsewhere than before.
    """
    elb = clients("elbv2")
    for number, (group, rule) in enumerate(bindings(live), start=1):
        _mark(elb, group.arn, _tags(environment, service, group.name))
        tags = _tags(environment, service, rule_name(service, number))
        if rule.is_default:
            _precede(elb, rule, group.arn, tags)
        elif not is_own(rule):
            _mark(elb, rule.arn, tags)
    for rule in live.rules:
        if rule.is_default:
            # Rollouts write weights there, too.
            tags = _tags(environment, service, f"listener {rule.port}")
            _mark(elb, rule.listener_arn, tags)
    tags = _tags(environment, service, live.name)
    tags[ADOPTED_TAG] = live.tags.get(ADOPTED_TAG) or _breaker(live)
    with translated(f"TagResource {live.name}"):
        clients("ecs").tag_resource(
            resourceArn=live.service["serviceArn"], tags=lower(tags)
        )


def _breaker(live: Live) -> Breaker:
    settings = live.service.get("deploymentConfiguration", {})
    breaker = settings.get("deploymentCircuitBreaker", {})
    if not breaker.get("enable"):
        return Breaker.OFF
    return Breaker.ROLLS_BACK if breaker.get("rollback") else Breaker.ON


def _tags(environment: str, service: str, name: str) -> dict[str, str]:
    return {
        ENVIRONMENT_TAG: environment,
        SERVICE_TAG: service,
        NAME_TAG: name,
        ADOPTED_TAG: Breaker.ON,
    }


def _mark(elb: Any, arn: str, tags: Mapping[str, str]) -> None:
    with translated(f"AddTags {arn}"):
        elb.add_tags(ResourceArns=[arn], Tags=upper(tags))


def _precede(elb: Any, default: Rule, group: str, tags: Mapping[str, str]) -> None:
    """Make a rule for all requests, in the last place, before a listener's default."""
    with translated(f"DescribeRules {default.listener_arn}"):
        pages = elb.get_paginator("describe_rules").paginate(
            ListenerArn=default.listener_arn
        )
        rules = [rule for page in pages for rule in page["Rules"]]
    taken = {int(r["Priority"]) for r in rules if not r["IsDefault"]}
    present = next(rule for rule in rules if rule["IsDefault"])
    if shares_of(present["Actions"]).keys() != {group}:
        raise Refused(
            f"the default of listener {default.port} has changed since it was looked "
            "at: adopt anew"
        )
    place = next(n for n in range(LAST_PRIORITY, 0, -1) if n not in taken)
    made = {key: value for key, value in tags.items() if key != ADOPTED_TAG}
    with translated(f"CreateRule on listener {default.port}"):
        elb.create_rule(
            ListenerArn=default.listener_arn,
            Priority=place,
            Conditions=[
                {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/*"]}}
            ],
            Actions=present["Actions"],
            Tags=upper(made),
        )


def drop_other_policies(clients: Clients, live: Live) -> Iterator[str]:
    """Remove the policies in whose place Slipway's own are now; give their names."""
    for policy in live.policies:
        name = policy["PolicyName"]
        if name in _own_names(live):
            continue
        with translated(f"DeleteScalingPolicy {name}"):
            clients("application-autoscaling").delete_scaling_policy(
                PolicyName=name, ResourceId=policy["ResourceId"], **DIMENSION
            )
        yield name


def _own_names(live: Live) -> set[str]:
    return {f"{live.name}-{metric}" for metric in ("cpu", "memory", "requests")}
