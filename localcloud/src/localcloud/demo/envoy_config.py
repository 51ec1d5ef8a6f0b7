"""What Envoy's files say for a view of the load balancers. Pure.

Requests match rules in order of priority, as on an Application Load Balancer: one
virtual host, routes in the rules' order, hosts and paths as patterns. A target group
is a cluster; its targets come by file, and a target that is taken out of it finishes
what it was asked. Nothing retries and nothing ejects a target.

Sources: elasticloadbalancing/latest/application, listener-rules.html,
rule-condition-types.html, load-balancer-troubleshooting.html (which status the load
balancer answers when), application-load-balancers.html#connection-idle-timeout; and
envoyproxy.io, api-v3.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.api import NotModelled
from localcloud.seams import ListenerView, RuleView, Target

TYPE = "type.googleapis.com/envoy."
HTTP_MANAGER = (
    "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
)
TARGET_CONNECT_SECONDS = 10.0
"""Modelled time that a target has to accept a connection (troubleshooting, 504)."""
UPSTREAM_IDLE_SECONDS = 30.0
"""Real time; below the keep-alive of examples/boutique/app.py, which has no end, so
that never a target closes a connection that is about to be used."""

SHARE_HEADER = "x-share"
EVEN_SHARES = f"""
local served = {{}}
function envoy_on_request(handle)
  local host = handle:headers():get(":authority") or ""
  local number = (served[host] or 0) + 1
  served[host] = number
  handle:headers():replace("{SHARE_HEADER}", string.format("%d", number * 61))
  handle:clearRouteCache()
end
"""
"""Spreads requests over weights evenly instead of by chance: of each hundred in a row
a target group gets exactly its percentage (61 and 100 have no common divisor), so that
the demonstration can hold counts against bounds. Envoy takes the header's value modulo
the sum of the weights. AWS does not say how its load balancers spread."""

type Config = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Timing:
    """Times in real seconds."""

    idle_seconds: float
    connect_seconds: float

    @classmethod
    def at(cls, factor: float, idle_timeout_seconds: float = 60.0) -> "Timing":
        """Scale the load balancer's idle timeout (60 s unless changed)."""
        return cls(idle_timeout_seconds / factor, TARGET_CONNECT_SECONDS / factor)


def bootstrap(folder: Path) -> Config:
    """Return the file that Envoy starts with: everything else comes by file."""
    return {
        "node": {"id": "load-balancers", "cluster": "localcloud"},
        "dynamic_resources": {
            "lds_config": _source(folder / "listeners.json"),
            "cds_config": _source(folder / "clusters.json"),
        },
        "stats_config": {
            "stats_matcher": {"reject_all": True},
        },
    }


def response(kind: str, resources: Sequence[Config]) -> Config:
    """Wrap resources as a file of one kind (`config.route.v3.RouteConfiguration`)."""
    return {"resources": [{"@type": TYPE + kind, **each} for each in resources]}


def listener(
    view: ListenerView, port: int, routes: Path, log: Path, timing: Timing
) -> Config:
    """Return the listener on 127.0.0.1:`port` that takes its routes from a file."""
    if view.is_network:
        raise NotModelled("network listeners in the demo")
    manager = {
        "@type": TYPE + HTTP_MANAGER,
        "stat_prefix": "ingress",
        "use_remote_address": True,
        "generate_request_id": True,
        "stream_idle_timeout": "0s",
        "common_http_protocol_options": {"idle_timeout": _span(timing.idle_seconds)},
        "rds": {
            "route_config_name": view.listener_arn,
            "config_source": _source(routes),
        },
        "access_log": [_access_log(view, log)],
        # Where a target closes or refuses the connection, the load balancer answers
        # 502; Envoy's own answer would be 503.
        "local_reply_config": {
            "mappers": [
                {
                    "filter": {"response_flag_filter": {"flags": ["UC", "UF"]}},
                    "status_code": 502,
                }
            ]
        },
        "http_filters": [
            {
                "name": "even-shares",
                "typed_config": {
                    "@type": TYPE + "extensions.filters.http.lua.v3.Lua",
                    "default_source_code": {"inline_string": EVEN_SHARES},
                },
            },
            {
                "name": "router",
                "typed_config": {
                    "@type": TYPE + "extensions.filters.http.router.v3.Router",
                    "suppress_envoy_headers": True,
                },
            },
        ],
    }
    return {
        "name": view.listener_arn,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [
            {"filters": [{"name": "http", "typed_config": manager}]},
        ],
    }


def _access_log(view: ListenerView, log: Path) -> Config:
    fields = {
        "trace": "%REQ(X-AMZN-TRACE-ID)%",
        "request": "%REQ(X-REQUEST-ID)%",
        "start": "%START_TIME(%s.%6f)%",
        "milliseconds": "%DURATION%",
        "load_balancer": view.load_balancer,
        "host": "%REQ(:AUTHORITY)%",
        "rule": "%ROUTE_NAME%",
        "target_group": "%UPSTREAM_CLUSTER%",
        "upstream": "%UPSTREAM_HOST%",
        "status": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "details": "%RESPONSE_CODE_DETAILS%",
    }
    return {
        "name": "file",
        "typed_config": {
            "@type": TYPE + "extensions.access_loggers.file.v3.FileAccessLog",
            "path": str(log),
            "log_format": {"json_format": fields},
        },
    }


def routes(view: ListenerView, timing: Timing) -> Config:
    """Return the listener's rules as routes."""
    return {
        "name": view.listener_arn,
        "validate_clusters": False,
        "request_headers_to_remove": [SHARE_HEADER],
        "virtual_hosts": [
            {
                "name": "rules",
                "domains": ["*"],
                "routes": [_route(rule, timing) for rule in view.rules],
            }
        ],
    }


def _route(rule: RuleView, timing: Timing) -> Config:
    match: Config = {"prefix": "/"}
    if rule.paths:
        match = {"safe_regex": {"regex": _alternatives(rule.paths)}}
    if rule.hosts:
        pattern = f"(?i:{_alternatives(rule.hosts)})(:[0-9]+)?"
        match["headers"] = [
            {"name": ":authority", "string_match": {"safe_regex": {"regex": pattern}}}
        ]
    return {"name": rule.rule_arn, "match": match, **_action(rule, timing)}


def _alternatives(patterns: Sequence[str]) -> str:
    """Return one expression for patterns with `*` (any run) and `?` (one)."""
    return "|".join(
        re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
        for pattern in patterns
    )


def _action(rule: RuleView, timing: Timing) -> Config:
    if rule.fixed_status is not None:
        return {"direct_response": {"status": rule.fixed_status}}
    if rule.sticky_seconds:
        raise NotModelled("clients that stay with a target group in the demo")
    weights = {group: weight for group, weight in rule.weights.items() if weight > 0}
    if not weights:
        return {"direct_response": {"status": 503}}
    return {
        "route": {
            "timeout": _span(timing.idle_seconds),
            "weighted_clusters": {
                "header_name": SHARE_HEADER,
                "clusters": [
                    {"name": group, "weight": weight}
                    for group, weight in weights.items()
                ],
            },
        }
    }


def cluster(group: str, endpoints: Path, timing: Timing) -> Config:
    """Return the target group as a cluster that takes its targets from a file."""
    return {
        "name": group,
        "type": "EDS",
        "connect_timeout": _span(timing.connect_seconds),
        "lb_policy": "ROUND_ROBIN",
        "eds_cluster_config": {"eds_config": _source(endpoints)},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": TYPE + "extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http_protocol_options": {}},
                "common_http_protocol_options": {
                    "idle_timeout": _span(UPSTREAM_IDLE_SECONDS)
                },
            }
        },
    }


def endpoints(group: str, targets: Sequence[Target]) -> Config:
    """Return the targets of one group; none of them gives 503."""
    return {
        "cluster_name": group,
        "endpoints": [
            {
                "lb_endpoints": [
                    {
                        "endpoint": {
                            "address": {
                                "socket_address": {
                                    "address": target.address,
                                    "port_value": target.port,
                                }
                            }
                        }
                    }
                    for target in targets
                ]
            }
        ],
    }


def groups(views: Sequence[ListenerView], targets: Mapping[str, object]) -> list[str]:
    """Return every target group that a rule or the targets name, in a fixed order."""
    named = {g for view in views for rule in view.rules for g in rule.weights}
    return sorted(named | set(targets))


def _source(path: Path) -> Config:
    return {
        "resource_api_version": "V3",
        "path_config_source": {"path": str(path)},
    }


def _span(seconds: float) -> str:
    return f"{seconds:.3f}s"
