"""Network Load Balancers: their listeners, and where those lead.

A listener's default action has the rollouts' weights. It is given when a listener is
made, and then left to them; a route only opens what is closed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from slipway.domain.resources import Found, Ids, Kind, Scope, Wanted
from slipway.errors import Unavailable
from slipway.gateways import tags
from slipway.gateways.elbv2 import forward, share_of, shares_of
from slipway.gateways.elbv2_kept import Kept
from slipway.gateways.elbv2_listeners import Listening
from slipway.gateways.failures import translated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class NetworkListeners(Listening):
    """Ports of Network Load Balancers, each one service's. A tag gives it its name."""

    kind = Kind.NETWORK_LISTENER

    def found(self, scope: Scope, wanted: Sequence[Wanted], ids: Ids) -> list[Found]:
        """Return the environment's own, and others on the ports of wanted ones."""
        groups = ids.of_kind(Kind.TARGET_GROUP)
        there = list(self._listening(ids, network=True))
        labels = self._tags(one["ListenerArn"] for _, one in there)
        found, foreign = [], {}
        for balancer, one in there:
            mine = labels[one["ListenerArn"]]
            if tags.is_owned(mine, scope):
                name = tags.name_in(mine, one["ListenerArn"])
                found.append(self._found(name, balancer.id, one, mine, groups))
            else:
                foreign[balancer.id, one["Port"]] = one
        known = {one.name for one in found}
        for want in wanted:
            place = ids.shown(want.facts["of"]), want.facts["port"]
            if want.name not in known and place in foreign:
                other = self._found(want.name, place[0], foreign[place], {})
                found.append(replace(other, owned=False))
        return found

    def _found(
        self,
        name: str,
        balancer: str,
        one: Any,
        labels: dict[str, str],
        groups: Sequence[Found] = (),
    ) -> Found:
        certificates = [c["CertificateArn"] for c in one.get("Certificates", [])]
        facts = {
            "of": balancer,
            "port": one["Port"],
            "protocol": one["Protocol"],
            "certificate": next(iter(certificates), None),
        }
        actions = one["DefaultActions"]
        parts: dict[str, Any] = {"shares": shares_of(actions)}
        parts |= {f"share of {g.name}": share_of(actions, g.id) for g in groups}
        service = tags.service_of(labels)
        return Found(
            self.kind,
            name,
            one["ListenerArn"],
            facts,
            service,
            tags=labels,
            parts=parts,
        )

    def make(self, scope: Scope, wanted: Wanted, ids: Ids) -> Found:
        """Listen and lead nowhere: all weight is on a group without targets."""
        facts, labels = ids.value(wanted.facts), scope.tags(wanted)
        with translated(f"CreateListener {wanted.name}"):
            (made,) = self._client.create_listener(
                LoadBalancerArn=facts["of"],
                Port=facts["port"],
                Protocol=facts["protocol"],
                Certificates=_certificates(facts),
                DefaultActions=[forward(ids.value(wanted.once["closed"]))],  # type: ignore[list-item]
                Tags=tags.upper(labels),
            )["Listeners"]
        return self._found(wanted.name, facts["of"], made, labels)

    def change(self, found: Found, wanted: Wanted, ids: Ids) -> None:
        """Let it listen elsewhere, or end TLS otherwise; where it leads is let be."""
        facts = ids.value(wanted.facts)
        with translated(f"ModifyListener {found.name}"):
            self._client.modify_listener(
                ListenerArn=found.id,
                Port=facts["port"],
                Protocol=facts["protocol"],
                Certificates=_certificates(facts),
            )


class NetworkRoutes(Kept):
    """Whether network listeners lead to tasks, and name both groups of a service.

    What is closed is opened. A group that was taken out comes back without weight, for
    in no listener it has no health verdict. Other weights are let be.
    """

    kind = Kind.NETWORK_ROUTE

    def found(self, _: Scope, wanted: Sequence[Wanted], ids: Ids) -> list[Found]:
        """Return where the wanted listeners, that are known, lead."""
        groups = {
            one.name: (
                ids.shown(one.facts["groups"]),
                ids.shown(one.once["vacant"]),
            )
            for one in wanted
        }
        found = []
        for listener in ids.of_kind(Kind.NETWORK_LISTENER):
            if listener.name not in groups:
                continue
            own, vacant = groups[listener.name]
            shares = {g: w for g, w in listener.parts["shares"].items() if g != vacant}
            facts = {
                "groups": sorted(shares.keys() & set(own)),
                "is_open": any(shares.values()),
            }
            service, parts = listener.service, {"shares": shares}
            found.append(
                Found(
                    self.kind, listener.name, listener.id, facts, service, parts=parts
                )
            )
        return found

    def make(self, scope: Scope, wanted: Wanted, ids: Ids) -> Found:
        """Raise Unavailable: a route is its listener's, and that is not there."""
        del scope, ids
        raise Unavailable(f"network listener {wanted.name} is not there yet")

    def change(self, found: Found, wanted: Wanted, ids: Ids) -> None:
        """Name both groups, then lead to the primary alone, where nothing leads.

        Raises Unavailable until it is healthy there.
        """
        facts, once = ids.value(wanted.facts), ids.value(wanted.once)
        if facts["groups"] != found.facts["groups"]:
            shares = dict.fromkeys(facts["groups"], 0) | found.parts["shares"]
            if not found.facts["is_open"]:
                shares[once["vacant"]] = 1
            self._lead(found, shares)
        if facts.get("is_open") and not found.facts["is_open"]:
            what, needed = f"network listener {found.name}", max(once["tasks"], 1)
            self._await_healthy(what, once["healthy_in"], needed)
            self._lead(found, dict(once["forward"]))

    def _lead(self, found: Found, shares: Mapping[str, int]) -> None:
        with translated(f"ModifyListener {found.name}"):
            self._client.modify_listener(
                ListenerArn=found.id,
                DefaultActions=[forward(shares.items())],  # type: ignore[list-item]
            )


def _certificates(facts: Any) -> list[Any]:
    one = facts["certificate"]
    return [] if one is None else [{"CertificateArn": one}]
