"""Target groups: made, and changed in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slipway.domain.resources import Found, Ids, Kind, Scope, Wanted
from slipway.gateways import tags
from slipway.gateways.elbv2_kept import Labelled
from slipway.gateways.failures import translated

if TYPE_CHECKING:
    from collections.abc import Sequence


class TargetGroups(Labelled):
    """The target groups of bindings. Names are unique in an account's region."""

    kind = Kind.TARGET_GROUP

    def found(self, scope: Scope, wanted: Sequence[Wanted], _: Ids) -> list[Found]:
        """Return the environment's groups, and others that have a wanted name."""
        names = {one.name for one in wanted}
        there: list[Any] = []
        with translated("DescribeTargetGroups"):
            pages = self._client.get_paginator("describe_target_groups")
            for page in pages.paginate():
                there += [
                    one
                    for one in page["TargetGroups"]
                    if one["TargetGroupName"] in names
                    or one["TargetGroupName"].startswith(f"{scope.environment}-")
                ]
        labels = self._tags(one["TargetGroupArn"] for one in there)
        return [
            self._found(
                one,
                labels[one["TargetGroupArn"]],
                scope,
                # A call for each: only for those that are compared.
                whole=one["TargetGroupName"] in names,
            )
            for one in there
        ]

    def _found(
        self, one: Any, labels: dict[str, str], scope: Scope, *, whole: bool
    ) -> Found:
        arn = one["TargetGroupArn"]
        owned = tags.is_owned(labels, scope)
        matcher = one.get("Matcher", {})
        facts = {
            "protocol": one["Protocol"],
            "version": one.get("ProtocolVersion"),
            "vpc": one["VpcId"],
            "target_type": one["TargetType"],
            "health": {
                "protocol": one["HealthCheckProtocol"],
                "path": one.get("HealthCheckPath"),
                "port": one["HealthCheckPort"],
                "codes": matcher.get("HttpCode") or matcher.get("GrpcCode"),
                "interval_seconds": one["HealthCheckIntervalSeconds"],
                "timeout_seconds": one["HealthCheckTimeoutSeconds"],
                "healthy_threshold": one["HealthyThresholdCount"],
                "unhealthy_threshold": one["UnhealthyThresholdCount"],
            },
        }
        if owned and whole:
            facts |= self._attributes(arn)
        parts = {"label": arn.rpartition(":")[2]}
        name, service = one["TargetGroupName"], tags.service_of(labels)
        return Found(
            self.kind,
            name,
            arn,
            facts,
            service,
            owned=owned,
            adopted=tags.is_adopted(labels),
            tags=labels,
            parts=parts,
        )

    def _attributes(self, arn: str) -> dict[str, Any]:
        with translated(f"DescribeTargetGroupAttributes {arn}"):
            answer = self._client.describe_target_group_attributes(TargetGroupArn=arn)
        values = {one["Key"]: one["Value"] for one in answer["Attributes"]}
        return {
            _DELAY_FACT: int(values[_DELAY]),
            _ZONES_FACT: values.get(_ZONES) == "true",
        }

    def make(self, scope: Scope, wanted: Wanted, ids: Ids) -> Found:
        """Make a group without targets."""
        facts, labels = ids.value(wanted.facts), scope.tags(wanted)
        with translated(f"CreateTargetGroup {wanted.name}"):
            (made,) = self._client.create_target_group(
                Name=wanted.name,
                Protocol=facts["protocol"],
                Port=wanted.once["port"],
                VpcId=facts["vpc"],
                TargetType=facts["target_type"],
                Tags=tags.upper(labels),
                **({"ProtocolVersion": facts["version"]} if facts["version"] else {}),
                **_checks(facts),
            )["TargetGroups"]
        self._set_attributes(made["TargetGroupArn"], facts)
        return self._found(made, labels, scope, whole=False)

    def change(self, found: Found, wanted: Wanted, ids: Ids) -> None:
        """Ask targets in another way, or let them finish for another time."""
        facts = ids.value(wanted.facts)
        if facts["health"] != found.facts["health"]:
            with translated(f"ModifyTargetGroup {found.name}"):
                self._client.modify_target_group(
                    TargetGroupArn=found.id, **_checks(facts)
                )
        if any(
            facts[key] != found.facts[key]
            for key in (_DELAY_FACT, _ZONES_FACT)
            if key in facts
        ):
            self._set_attributes(found.id, facts)

    def _set_attributes(self, arn: str, facts: Any) -> None:
        values = {_DELAY: str(facts[_DELAY_FACT])}
        if _ZONES_FACT in facts:
            values[_ZONES] = str(facts[_ZONES_FACT]).lower()
        with translated(f"ModifyTargetGroupAttributes {arn}"):
            self._client.modify_target_group_attributes(
                TargetGroupArn=arn,
                Attributes=[{"Key": k, "Value": v} for k, v in values.items()],
            )

    def remove(self, found: Found) -> None:
        """Remove a group; refused while a rule names it. An adopted one is let go."""
        if found.adopted:
            self._let_go(found.id)
            return
        with translated(f"DeleteTargetGroup {found.name}"):
            self._client.delete_target_group(TargetGroupArn=found.id)


_DELAY = "deregistration_delay.timeout_seconds"
_DELAY_FACT = "deregistration_delay_seconds"
_ZONES = "load_balancing.cross_zone.enabled"
_ZONES_FACT = "cross_zone"


def _checks(facts: Any) -> Any:
    """Return how targets are asked, as ELB takes it."""
    health = facts["health"]
    kind = "GrpcCode" if facts["version"] == "GRPC" else "HttpCode"
    asked = {"HealthCheckPath": health["path"], "Matcher": {kind: health["codes"]}}
    return {
        **(asked if health["path"] is not None else {}),
        "HealthCheckProtocol": health["protocol"],
        "HealthCheckPort": health["port"],
        "HealthCheckIntervalSeconds": health["interval_seconds"],
        "HealthCheckTimeoutSeconds": health["timeout_seconds"],
        "HealthyThresholdCount": health["healthy_threshold"],
        "UnhealthyThresholdCount": health["unhealthy_threshold"],
    }
