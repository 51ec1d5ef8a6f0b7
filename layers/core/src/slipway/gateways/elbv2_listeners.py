"""Load balancers, and ports of those that have rules: made, and changed in place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from slipway.domain.resources import Found, Ids, Kind, Scope, Wanted
from slipway.gateways import tags
from slipway.gateways.elbv2_kept import Labelled
from slipway.gateways.failures import translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NETWORK = "network"
WITHOUT_GROUP = (
    "it has no security group, by which services would let it in, and a Network Load "
    "Balancer takes its first one when it is made only: make another one"
)
"""load-balancer-security-groups (user guide for Network Load Balancers)."""
NOBODYS: Any = {
    "Type": "fixed-response",
    "FixedResponseConfig": {
        "StatusCode": "404",
        "ContentType": "text/plain",
        "MessageBody": "No service answers here.",
    },
}


class LoadBalancers(Labelled):
    """Load balancers: those that Slipway makes, and those that it is told of."""

    kind = Kind.LOAD_BALANCER

    def found(self, scope: Scope, wanted: Sequence[Wanted], _: Ids) -> list[Found]:
        """Return the environment's own, and those that are wanted by ARN or name."""
        told = {one.facts.get("arn"): one.name for one in wanted}
        names = {one.once["name"]: one.name for one in wanted if one.owned}
        there: list[Any] = []
        with translated("DescribeLoadBalancers"):
            pages = self._client.get_paginator("describe_load_balancers")
            for page in pages.paginate():
                there += page["LoadBalancers"]
        labels = self._tags(one["LoadBalancerArn"] for one in there)
        found = []
        for one in there:
            arn = one["LoadBalancerArn"]
            owned = tags.is_owned(labels[arn], scope)
            name = told.get(arn) or names.get(one["LoadBalancerName"])
            if owned and name is None:
                name = tags.name_in(labels[arn], one["LoadBalancerName"])
            if name is not None:
                known = self._found(name, one, owned=owned)
                found.append(replace(known, tags=labels[arn]))
        return found

    def _found(self, name: str, one: Any, *, owned: bool) -> Found:
        """Return it; one that lets nobody in by its group can never be given any."""
        arn, groups = one["LoadBalancerArn"], one.get("SecurityGroups", [])
        bare = one["Type"] == NETWORK and not groups
        facts = {
            "type": one["Type"],
            "scheme": one["Scheme"],
            "arn": arn,
            "subnets": sorted(z["SubnetId"] for z in one["AvailabilityZones"]),
            "security_groups": groups,
        }
        label = arn.partition(":loadbalancer/")[2]
        parts = {"label": label, "dns_name": one.get("DNSName", "")}
        if groups:
            parts["security_group"] = groups[0]
        fault = WITHOUT_GROUP if bare else ""
        return Found(self.kind, name, arn, facts, owned=owned, parts=parts, fault=fault)

    def make(self, scope: Scope, wanted: Wanted, ids: Ids) -> Found:
        """Make a load balancer without listeners."""
        facts = ids.value(wanted.facts)
        with translated(f"CreateLoadBalancer {wanted.name}"):
            (made,) = self._client.create_load_balancer(
                Name=wanted.once["name"],
                Type=facts["type"],
                Scheme=facts["scheme"],
                Subnets=facts["subnets"],
                SecurityGroups=facts.get("security_groups", []),
                Tags=tags.upper(scope.tags(wanted)),
            )["LoadBalancers"]
        return self._found(wanted.name, made, owned=True)

    def change(self, found: Found, wanted: Wanted, ids: Ids) -> None:
        """Put it into other subnets, or give it other groups."""
        facts = ids.value(wanted.facts)
        if facts["subnets"] != found.facts["subnets"]:
            with translated(f"SetSubnets {found.name}"):
                self._client.set_subnets(
                    LoadBalancerArn=found.id, Subnets=facts["subnets"]
                )
        groups = facts.get("security_groups", [])
        if groups != found.facts["security_groups"]:
            with translated(f"SetSecurityGroups {found.name}"):
                self._client.set_security_groups(
                    LoadBalancerArn=found.id, SecurityGroups=groups
                )

    def remove(self, found: Found) -> None:
        """Remove a load balancer with its listeners."""
        with translated(f"DeleteLoadBalancer {found.name}"):
            self._client.delete_load_balancer(LoadBalancerArn=found.id)


class Listening(Labelled):
    """What listeners share, whatever they speak."""

    def _listening(self, ids: Ids, *, network: bool) -> Iterator[tuple[Found, Any]]:
        """Give the listeners of the load balancers that are known, of one type."""
        for balancer in ids.of_kind(Kind.LOAD_BALANCER):
            if (balancer.facts["type"] == NETWORK) is not network:
                continue
            with translated(f"DescribeListeners {balancer.name}"):
                pages = self._client.get_paginator("describe_listeners")
                for page in pages.paginate(LoadBalancerArn=balancer.id):
                    for one in page["Listeners"]:
                        yield balancer, one

    def remove(self, found: Found) -> None:
        """Listen there no more; one that somebody else made is let go."""
        if found.adopted:
            self._let_go(found.id)
            return
        with translated(f"DeleteListener {found.name}"):
            self._client.delete_listener(ListenerArn=found.id)


class Listeners(Listening):
    """Ports of Application Load Balancers."""

    kind = Kind.LISTENER

    def found(self, scope: Scope, wanted: Sequence[Wanted], ids: Ids) -> list[Found]:
        """Return the listeners of the load balancers that are known."""
        there = [
            (f"{balancer.name}:{one['Port']}", one)
            for balancer, one in self._listening(ids, network=False)
        ]
        labels = self._tags(one["ListenerArn"] for _, one in there)
        asked = {w.name: ids.shown(w.facts.get("certificates", [])) for w in wanted}
        return [
            self._found(
                name,
                one,
                asked.get(name, []),
                labels[one["ListenerArn"]],
                scope,
            )
            for name, one in there
        ]

    def _found(
        self,
        name: str,
        one: Any,
        asked: Sequence[str],
        labels: dict[str, str],
        scope: Scope,
    ) -> Found:
        owned = tags.is_owned(labels, scope)
        facts: dict[str, Any] = {"protocol": one["Protocol"]}
        if owned and one["Protocol"] == "HTTPS":
            facts["certificates"] = self._certificates(one["ListenerArn"], asked)
        return Found(
            self.kind,
            name,
            one["ListenerArn"],
            facts,
            tags.service_of(labels),
            owned=owned,
            adopted=tags.is_adopted(labels),
            tags=labels,
        )

    def _certificates(self, arn: str, asked: Sequence[str]) -> list[str]:
        """Return each certificate once, the default first.

        The others have no order of their own: those that are asked for come as asked.
        """
        found: list[Any] = []
        with translated(f"DescribeListenerCertificates {arn}"):
            pages = self._client.get_paginator("describe_listener_certificates")
            for page in pages.paginate(ListenerArn=arn):
                found += page["Certificates"]
        places = {one: place for place, one in enumerate(asked)}
        found.sort(
            key=lambda one: (
                not one["IsDefault"],
                places.get(one["CertificateArn"], len(places)),
                one["CertificateArn"],
            )
        )
        return list(dict.fromkeys(one["CertificateArn"] for one in found))

    def make(self, scope: Scope, wanted: Wanted, ids: Ids) -> Found:
        """Listen, and answer 404 where no rule matches."""
        once, facts = ids.value(wanted.once), ids.value(wanted.facts)
        labels = scope.tags(wanted)
        first, *more = asked = facts.get("certificates", []) or [None]
        with translated(f"CreateListener {wanted.name}"):
            (made,) = self._client.create_listener(
                LoadBalancerArn=once["of"],
                Port=once["port"],
                Protocol=facts["protocol"],
                Certificates=[{"CertificateArn": first}] if first else [],
                DefaultActions=[NOBODYS],
                Tags=tags.upper(labels),
            )["Listeners"]
        self._add(made["ListenerArn"], more)
        return self._found(wanted.name, made, asked, labels, scope)

    def change(self, found: Found, wanted: Wanted, ids: Ids) -> None:
        """Give it another protocol, or other certificates."""
        facts = ids.value(wanted.facts)
        first, *more = facts.get("certificates", []) or [None]
        with translated(f"ModifyListener {found.name}"):
            self._client.modify_listener(
                ListenerArn=found.id,
                Protocol=facts["protocol"],
                Certificates=[{"CertificateArn": first}] if first else [],
            )
        self._add(found.id, more)
        surplus = {*found.facts.get("certificates", [])} - {first, *more}
        if surplus:
            with translated(f"RemoveListenerCertificates {found.name}"):
                self._client.remove_listener_certificates(
                    ListenerArn=found.id,
                    Certificates=[{"CertificateArn": one} for one in sorted(surplus)],
                )

    def _add(self, arn: str, certificates: Sequence[str]) -> None:
        if certificates:
            with translated(f"AddListenerCertificates {arn}"):
                self._client.add_listener_certificates(
                    ListenerArn=arn,
                    Certificates=[{"CertificateArn": one} for one in certificates],
                )
