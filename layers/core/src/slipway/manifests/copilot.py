"""Keys of AWS Copilot's manifest that have another home here, or none."""

from collections.abc import Mapping

from slipway.manifests.problems import nearest

_NLB_RULE = (
    "a Network Load Balancer passes connections on and reads no requests, so it has "
    "no rules: use http with an Application Load Balancer, or leave it out"
)
_NO_RULES = ("alias", "headers", "host", "path", "priority")
_PORT = "traffic goes to image.port"
_ADVICE = {
    "Service": {
        "type": "there are no types: http and nlb say how a service is reached",
        "deployment": "rollout says how releases are rolled out",
        "env_file": "write its lines as variables",
        "exec": "Slipway opens no shells in tasks: leave it out",
        "observability": "Slipway sets no tracing up: add a sidecar, or leave it out",
        "publish": "Slipway makes no topics: leave it out, and give the task role "
        "what it needs",
        "taskdef_overrides": "there are no overrides of task definitions: see whether "
        "a key says the same",
        "healthcheck": "it belongs in image (ECS asks the container) or in http or nlb "
        "(the load balancer asks)",
        "port": "it belongs in image: image.port",
        "repository": "it belongs in image: image.location",
        "role": "task_role is the application's, execution_role is ECS's",
    },
    "Image": {
        "build": "Slipway rolls out images that are pushed: build it elsewhere, and "
        "name its repository as location",
        "credentials": "images come from ECR, by execution_role",
        "repository": "location names the repository",
    },
    "HttpRule": {
        "host": "alias names hosts",
        "version": "image.protocol says what the container speaks: http, http2, grpc",
        "target_port": _PORT,
        "target_container": "traffic goes to the service's own container",
        "redirect_to_https": "listeners are the environment's",
        "hosted_zone": "Slipway writes no DNS records: leave it out",
        "allowed_source_ips": "who may call is said by calls, or by the load "
        "balancer's security group",
    },
    "NlbListener": {
        **dict.fromkeys(_NO_RULES, _NLB_RULE),
        "target_port": _PORT,
        "target_container": "traffic goes to the service's own container",
        "ssl_policy": "the load balancer's default policy holds: leave it out",
        "stickiness": "connections stay where they are: leave it out",
    },
    "Count": {
        "spot": "spot_percentage says how much of it is Spot",
        "min": "it belongs in range: range.min",
        "max": "it belongs in range: range.max",
        "response_time": "scale by cpu_percentage, memory_percentage or requests",
        "queue_delay": "scale by cpu_percentage, memory_percentage or requests",
    },
    "Network": {
        "connect": "there is no Service Connect: services are found in the namespace "
        "or through an internal load balancer",
    },
    "VpcNetwork": {
        "placement": "the environment's subnets say where tasks are",
    },
    "Logging": {
        "destination": "output goes to a log group of CloudWatch: group",
        "image": "output goes to a log group of CloudWatch: group",
    },
}
WORDS: Mapping[str, Mapping[str, str]] = _ADVICE
"""By section and key: where to go instead."""
_KIN = {"Http": "HttpRule", "Nlb": "NlbListener", "Defaults": "Service"}


def advice(section: str, key: str) -> str | None:
    """Say where a key that a section does not have belongs, None where unknown.

    A key that is nearly one of those counts as it.
    """
    known = {**_ADVICE.get(_KIN.get(section, ""), {}), **_ADVICE.get(section, {})}
    near = nearest(key, known)
    if near is None:
        return None
    return known[key] if key in known else f"did you mean {near}? {known[near]}"
