"""The first manifests of an environment: a start that teaches what the keys mean."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slipway.errors import NotFound, Refused
from slipway.manifests.reading import ENVIRONMENT_FILE, SERVICES

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9./-]*")
"""What YAML takes as a text without quotes around it."""
EXAMPLE = f"{SERVICES}example.yaml"


@dataclass(frozen=True, slots=True)
class Given:
    """What is known of an environment; None where it is still to be put in."""

    name: str
    account: str | None = None
    region: str | None = None
    vpc: str | None = None
    subnets: Sequence[str] = ()
    cluster: str | None = None
    """One that exists; None where Slipway makes one."""


def scaffold(folder: Path, given: Given) -> list[Path]:
    """Write environment.yaml and a service; return the files.

    What is not known stands there as YOUR-SOMETHING, which `validate` refuses and says
    what to put there. Raises Refused where a file is there already: nothing is written
    then. Raises NotFound for a folder that cannot be written to.
    """
    texts = {
        folder / ENVIRONMENT_FILE: _environment(given),
        folder / EXAMPLE: _service(given),
    }
    there = [path.as_posix() for path in texts if path.exists()]
    if there:
        raise Refused(
            f"{' and '.join(there)}: there already, and kept; nothing was written"
        )
    for path, text in texts.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x") as file:
                file.write(text)
        except OSError as error:
            raise NotFound(f"{path} cannot be written: {error.strerror}") from error
    return list(texts)


def _word(value: str | None, otherwise: str) -> str:
    """Return a value as YAML takes it, or what stands for it."""
    if value is None:
        return otherwise
    return value if PLAIN.fullmatch(value) else json.dumps(value)


def _environment(given: Given) -> str:
    subnets = [_word(one, "") for one in given.subnets]
    subnets = subnets or ["YOUR-SUBNET-1", "YOUR-SUBNET-2"]
    listed = "\n".join(f"  - {subnet}" for subnet in subnets)
    cluster = "" if given.cluster else "\n  create: true"
    return f"""\
# One environment: where services run, and what they share. docs/manifest.md has every
# key. `slipway validate` checks this folder without asking AWS.

# The name that Slipway's stack was deployed with.
name: {_word(given.name, "")}
account: {"YOUR-ACCOUNT" if given.account is None else json.dumps(given.account)}
region: {_word(given.region, "YOUR-REGION")}

# The VPC exists, and so do the private subnets in which tasks run: two or more, in two
# zones or more. Tasks get no public addresses: the subnets need a way out, through NAT
# or VPC endpoints, to pull images and to write logs.
vpc: {_word(given.vpc, "YOUR-VPC")}
subnets:
{listed}

# The ECS cluster, by the name that Slipway's stack was deployed with. Slipway makes it
# where create is true; else it exists.
cluster:
  name: {_word(given.cluster or given.name, "")}{cluster}

# Services find each other in it: example.{given.name}.internal.
namespace:
  name: {_word(f"{given.name}.internal", "")}
  create: true

# Where the output of services goes, and for how many days it is kept.
log_group:
  name: {_word(f"/slipway/{given.name}/services", "")}
  create: true
  retention: 30

# Load balancers, by the names that services call them. One that the whole internet is
# to reach has `scheme: internet-facing`, and subnets of its own that are public.
load_balancers:
  inside:
    scheme: internal
    create: true
    listeners:
      - port: 80

# What each service starts from; its own keys are laid over these.
defaults:
  # The role by which ECS pulls images and writes logs. It exists, and its path begins
  # with /slipway/ENVIRONMENT/: Slipway may hand on no others.
  execution_role: {_word(f"role/slipway/{given.name}/execution", "")}
"""


def _service(given: Given) -> str:
    return f"""\
# One microservice: services/NAME.yaml. Copy this file for the next one.
name: example

# The ECR repository, and which tags roll out: pushing one that fits is a deployment.
image:
  location: {_word(f"{given.name}/example", "")}
  tag: v*
  port: 8080

# Requests from a load balancer. With them a release gets its traffic step by step, and
# is judged by how it answers.
http:
  load_balancer: inside
  path: /
  healthcheck: /healthz

# 256 CPU units are a quarter of a vCPU; memory in MiB.
cpu: 256
memory: 512

# Between two and six tasks, so many that each uses about 60 % of its CPU. A number
# alone, such as `count: 2`, stays as it is.
count:
  range: 2-6
  cpu_percentage: 60

variables:
  LOG_LEVEL: info

# Services that this one calls: each of them lets it in, and nobody else.
# calls: [orders]

# A tenth of the traffic for five minutes, then half of it, then all of it.
rollout:
  steps:
    - {{weight: 10, bake: 5m}}
    - {{weight: 50, bake: 5m}}
    - {{weight: 100, bake: 5m}}
"""
