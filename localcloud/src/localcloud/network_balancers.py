"""Network Load Balancers, where moto has them as if they were Application ones.

Pages are of the user guide for Network Load Balancers, or of the Elastic Load Balancing
API reference, version 2015-12-01. Where those name no error, the code is a guess.

Not modelled: protocols but TCP and TLS, ALPN, groups of other target types, and what
AWS leaves open: a listener whose weights are all 0.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from moto.elbv2.models import elbv2_backends

from localcloud.api import ACCOUNT, REGION, STORED, AwsError, NotModelled, Router

_PROTOCOLS = {"TCP": {"TCP"}, "TLS": {"TCP", "TLS"}}
"""Of listeners, each with those of the groups that it forwards to
(load-balancer-listeners)."""
_MOST_GROUPS = 5
"""Target groups of an action (load-balancer-limits)."""


class NetworkBalancers:
    """Refuses what Network Load Balancers cannot do; changes their listeners."""

    def __init__(self, router: Router) -> None:
        router.before(_check)
        router.serve("elbv2", {"ModifyListener": _modify})


def make(params: Mapping[str, Any]) -> Any:
    """Make a record of one, with an ARN as AWS gives it: net, not app."""
    records = _records()
    made = records.create_load_balancer(
        name=params["Name"],
        security_groups=params.get("SecurityGroups", []),
        subnet_ids=params["Subnets"],
        scheme=params["Scheme"],
        loadbalancer_type="network",
    )
    del records.load_balancers[made.arn]
    made.arn = made.arn.replace(":loadbalancer/app/", ":loadbalancer/net/")
    records.load_balancers[made.arn] = made
    records.tagging_service.tag_resource(made.arn, params.get("Tags", []))
    return made


def _check(
    service: str, operation: str, params: Mapping[str, Any], _: str | None
) -> None:
    if service != "elbv2":
        return
    match operation:
        case "CreateTargetGroup" | "ModifyTargetGroup":
            _check_health(params)
        case "CreateListener":
            balancer = _records().load_balancers.get(params["LoadBalancerArn"])
            if balancer is not None and balancer.type == "network":
                _check_listener(balancer, params)
            else:
                _check_groups(params, {"HTTP", "HTTPS"}, params["Protocol"])
        case "ModifyListener" if found := _listener(params["ListenerArn"]):
            _check_listener(found[0], params, found[1])
        case "CreateRule":
            if _listener(params["ListenerArn"]) is not None:
                # Rules are Application Load Balancers' (API_CreateRule).
                raise AwsError("ValidationError", "The load balancer takes no rules")
        case "SetSecurityGroups":
            _check_security(_records().load_balancers.get(params["LoadBalancerArn"]))


def _check_security(balancer: Any) -> None:
    """Let only one have other groups that was made with any (API_SetSecurityGroups)."""
    network = balancer is not None and balancer.type == "network"
    if network and not balancer.security_groups:
        raise AwsError(
            "InvalidConfigurationRequest",
            "The load balancer was made without security groups",
        )


def _check_health(params: Mapping[str, Any]) -> None:
    """Refuse a path for checks that only connect (API_CreateTargetGroup)."""
    only_connects = params.get("HealthCheckProtocol") == "TCP"
    if only_connects and ("HealthCheckPath" in params or "Matcher" in params):
        raise AwsError(
            "ValidationError", "Health check paths and codes go with HTTP and HTTPS"
        )


def _check_listener(
    balancer: Any, params: Mapping[str, Any], listener: Any = None
) -> None:
    protocol = params.get("Protocol") or listener.protocol
    if protocol not in _PROTOCOLS:
        raise NotModelled(f"network listeners of {protocol}")
    certificates = params.get("Certificates", [])
    kept = listener is not None and listener.certificates and not certificates
    if len(certificates) != (protocol == "TLS") and not (kept and protocol == "TLS"):
        # Exactly one with TLS (API_CreateListener).
        raise AwsError("ValidationError", f"{protocol} with {len(certificates)}")
    port = params.get("Port")
    taken = [one for one in balancer.listeners.values() if int(one.port) == port]
    if listener is not None and any(one is not listener for one in taken):
        raise AwsError("DuplicateListener", "A listener already exists on this port")
    if "DefaultActions" not in params:
        return
    (action, *more) = params["DefaultActions"]
    if more or action["Type"] != "forward":
        # Others are Application Load Balancers' (API_Action).
        raise AwsError(
            "InvalidConfigurationRequest", "A network listener can only forward"
        )
    weights = _weights(action)
    if len(weights) > _MOST_GROUPS:
        raise AwsError("TooManyTargetGroups", f"{len(weights)} target groups")
    if not sum(weights.values()):
        raise NotModelled("a network listener whose weights are all 0")
    _check_groups(params, _PROTOCOLS[protocol], protocol)
    for arn in weights:
        # A group is one load balancer's (load-balancer-target-groups).
        others = {one.arn for one, name in _forwarding() if name == arn}
        if others - {balancer.arn}:
            raise AwsError("TargetGroupAssociationLimit", f"{arn} is another's")


def _check_groups(
    params: Mapping[str, Any], protocols: Iterable[str], protocol: str
) -> None:
    known = _records().target_groups
    for action in params.get("DefaultActions", []):
        for arn in _weights(action) if action["Type"] == "forward" else ():
            if arn in known and known[arn].protocol not in protocols:
                said = f"{known[arn].protocol} behind a listener of {protocol}"
                raise AwsError("IncompatibleProtocols", said)


def _modify(params: dict[str, Any]) -> Mapping[str, Any]:
    """Replace what is given; the rest stays (API_ModifyListener)."""
    found = _listener(params["ListenerArn"])
    if found is None:
        return STORED
    _, listener = found
    listener.port = params.get("Port", listener.port)
    listener.protocol = params.get("Protocol", listener.protocol)
    if listener.protocol == "TCP":
        # From TLS to TCP the certificate goes (API_ModifyListener).
        listener.certificate, listener.certificates = None, []
    for one in params.get("Certificates", []):
        listener.certificate = one["CertificateArn"]
        listener.certificates = [one["CertificateArn"]]
    if "DefaultActions" in params:
        actions = params["DefaultActions"]
        _records().modify_listener(listener.arn, certificates=[], actions=actions)
    return {"Listeners": [_shape(listener)]}


def _shape(listener: Any) -> dict[str, Any]:
    return {
        "ListenerArn": listener.arn,
        "LoadBalancerArn": listener.load_balancer_arn,
        "Port": int(listener.port),
        "Protocol": listener.protocol,
        "Certificates": [{"CertificateArn": one} for one in listener.certificates],
        "DefaultActions": [action.data for action in listener.default_actions],
    }


def _weights(action: Mapping[str, Any]) -> dict[str, int]:
    groups = action.get("ForwardConfig", {}).get("TargetGroups")
    if groups is None:
        return {action["TargetGroupArn"]: 1}
    return {one["TargetGroupArn"]: one.get("Weight", 1) for one in groups}


def _forwarding() -> Iterable[tuple[Any, str]]:
    """Give each load balancer with each group that its rules forward to."""
    for balancer in _records().load_balancers.values():
        for listener in balancer.listeners.values():
            for rule in listener.rules.values():
                for action in rule.actions:
                    if action.type == "forward":
                        yield from ((balancer, arn) for arn in _weights(action.data))


def _listener(arn: str) -> tuple[Any, Any] | None:
    """Return a Network Load Balancer and its listener of that ARN."""
    for balancer in _records().load_balancers.values():
        if balancer.type == "network" and arn in balancer.listeners:
            return balancer, balancer.listeners[arn]
    return None


def _records() -> Any:
    return elbv2_backends[ACCOUNT][REGION]
